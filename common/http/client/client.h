/*
 * client: HTTP/1.1: keep-alive pool, deadlines, size limits, cancellation. Calls over plain HTTP to an address, with a
 * body in memory, are made by our own code (plain.c), all others by libcurl; who calls does not see which.
 *
 * One thread runs all asynchronous calls; callbacks run on it and must not block. http_client_perform is for threads
 * that may wait (workers, the command): it runs in the calling thread on a pooled handle, without a hand-over.
 * Everything may be called from any thread.
 *
 * A kept connection can turn out to be dead after the request was sent. The request is sent again, once, if it is a GET
 * or HEAD or has an Idempotency-Key, and no byte of its body was pulled. Otherwise the call ends with -ECONNRESET,
 * connected and without a first byte.
 *
 * With a greeter no byte of a call goes to anybody whom the greeter has not found to be the call's peer: a connection
 * is used after that only, and kept. Whoever else listens there: the call ends as if he had refused the connection,
 * with what the greeter said (-EKEYREJECTED). An answer of 401 with HEADER_HELLO says that the other side does
 * not know us (any more) on a kept connection, and has done nothing: the call is sent again on a new one, once, if no
 * byte of its body was pulled.
 */
#ifndef NEPHOS_HTTP_CLIENT_CLIENT_H
#define NEPHOS_HTTP_CLIENT_CLIENT_H

#include "common/base/span.h"
#include "common/http/client/dial.h"
#include "common/http/message.h"

#include <stdbool.h>
#include <stdint.h>

#define HTTP_PEER_SIZE 192

struct http_client;
struct http_call;

struct http_response {
	/* 0, or why there is no (whole) response: -ECONNREFUSED, -EHOSTUNREACH, -ERR_NO_SUCH_HOST, -ECONNRESET,
	 * -ETIMEDOUT, -ERR_NO_TLS,
	 * -ERR_CERTIFICATE, -E2BIG, -ECANCELED, -EPROTO (no HTTP) … */
	int error;
	bool connected;	 /* false: no byte of the request was sent, so that trying elsewhere is always safe */
	bool first_byte; /* a byte of the response came */
	bool ours;	 /* error is what pull, on_head or on_data returned: it says nothing of the other side */
	int status;
	struct http_headers headers;
	struct buf body; /* when no on_data was given */
};

struct http_call_options {
	const char *method; /* "GET" */
	const char *url;    /* http://host:port/…, sent as it is: never normalised (no dot removal) */
	/* of a unix socket that is connected to instead of the URL's host, without a greeting: its folder says who it
	 * is. May be NULL */
	const char *socket_path;
	const char *peer; /* with a greeter: whom it is for, in the greeter's words. Less than HTTP_PEER_SIZE */
	const struct http_headers *headers; /* copied; may be NULL */
	struct span body;		    /* must stay valid until the call is over */
	/* Instead of body: pulled. ret_size 0: end; before body_length it is -EPROTO. -EAGAIN: pause until
	 * http_call_resume (in http_client_perform a failure as any). Other failures abort the call. body_length -1:
	 * chunked. From 1 MiB on, and chunked, the server is asked first (Expect: 100-continue). */
	int (*pull)(void *cookie, void *data, size_t size, size_t *ret_size);
	int64_t body_length;
	bool expect; /* ask first, whatever the length: somebody waits to be told whether to send at all */
	/* Streaming response: head once (may be NULL), then data. on_data takes all bytes or none: -EAGAIN pauses until
	 * http_call_resume (the same bytes come again), other failures abort. */
	int (*on_head)(void *cookie, const struct http_response *head);
	/* 102: the other side lives, and the request waits there for its turn. May be NULL; not for
	 * http_client_perform. */
	void (*on_waits)(void *cookie);
	int (*on_data)(void *cookie, const void *data, size_t size);
	size_t response_max;  /* of a collected body; 0 = 16 MiB */
	unsigned connect_ms;  /* 0 = 2000 */
	unsigned deadline_ms; /* whole call; 0 = 30000 */
	/* For streams: no byte in either direction for so long, unless a callback of ours paused it. When set,
	 * deadline_ms 0 means none. */
	unsigned stall_ms;
	/* With stall_ms, not for http_client_perform: asked about once a second while no byte of the answer has come
	 * and our side waits for one; waited_ms since our last byte. A failure ends the call with it. */
	int (*waiting)(void *cookie, unsigned waited_ms);
	/* The two below are for http_client_perform only, and looked at about once a second. */
	/* No sign of life of the server (a byte of an answer; a 100 is one) for so long after our last byte:
	 * -ETIMEDOUT. 0: no such limit. */
	unsigned first_byte_ms;
	void (*on_tick)(
		void *cookie); /* so that somebody may be told that it goes on, or that it does not; may be NULL */
};

struct http_client_options {
	unsigned connections_max;	   /* kept alive, all hosts, by either; 0 = 64 */
	unsigned connections_per_host_max; /* by libcurl; 0 = no limit */
	const char *user_agent;
	const struct http_greeter
		*greeter; /* asked on each new connection; NULL: whoever listens is served. Outlives the client */
};

int http_client_new(const struct http_client_options *options, struct http_client **ret);
void http_client_free(struct http_client *c); /* cancels what is under way and waits for its callbacks; NULL is fine */

/* done is called exactly once unless start failed (-ENOMEM, -EINVAL, -ECANCELED while the client is freed); the
 * response is only valid inside it (it may move out headers and body). ret_call (may be NULL) is valid until done
 * returns. */
int http_client_start(struct http_client *c, const struct http_call_options *options, void *cookie,
	void (*done)(void *cookie, struct http_response *response), struct http_call **ret_call);
void http_call_resume(struct http_call *call); /* any thread */
void http_call_cancel(struct http_call *call); /* done comes with -ECANCELED, later, on the client's thread */

/* Blocking. Returns response->error. The caller calls http_response_fini in any case (init is done here). cookie is for
 * the callbacks of options. */
int http_client_perform(
	struct http_client *c, const struct http_call_options *options, void *cookie, struct http_response *ret);
void http_response_fini(struct http_response *r);

#endif
