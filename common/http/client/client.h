/*
 * client: HTTP/1.1: keep-alive pool, deadlines, size limits, cancellation. Asynchronous calls over plain HTTP to an
 * IP address, with a body in memory, are made by our own code (plain.c), all others by libcurl; callers do not see
 * the difference.
 *
 * One thread runs all asynchronous calls; callbacks run on it and must not block. http_client_perform is for
 * threads that may wait (workers, the command): it runs in the calling thread on a pooled handle, without a
 * hand-over. All functions may be called from any thread.
 *
 * A kept connection can turn out to be dead after the request was sent. The request is then sent again, once, if it
 * is a GET or HEAD or has an Idempotency-Key, and no byte of its body was pulled. Otherwise the call ends with
 * -ECONNRESET, connected and without a first byte.
 *
 * With a greeter, no byte of a call is sent to a peer before the greeter has found it to be the right one; only
 * after that is a connection used, and kept. If another process listens there, the call ends like a refused
 * connection, with the greeter's error (-EKEYREJECTED). When a greeting has stopped counting (stale_ns), a plain call
 * in flight on its connection may continue for outdated_ms; then the call ends with -ECONNRESET. An answer of 401 with
 * HEADER_HELLO says that the server does not know us (any more) on a kept connection, and has done nothing: the call
 * is sent again on a new connection, once, if no byte of its body was pulled.
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
	 * -ETIMEDOUT, -ERR_NO_TLS, -ERR_CERTIFICATE, -E2BIG, -ECANCELED, -EPROTO (no HTTP) … */
	int error;
	bool connected;	 /* false: no byte of the request was sent, so that trying elsewhere is always safe */
	bool first_byte; /* a byte of the final response came; a 100 or 102 is none */
	bool ours;	 /* pull, on_head or on_data returned the error: it says nothing about the server */
	int status;
	struct http_headers headers;
	struct buf body; /* when no on_data was given */
};

struct http_call_options {
	const char *method; /* "GET" */
	const char *url;    /* http://host:port/…, sent as it is: never normalised (no dot removal) */
	/* The unix socket to connect to instead of the URL's host, without a greeting: the socket's folder says
	 * who is there. May be NULL. */
	const char *socket_path;
	/* With a greeter: the peer that the call is for, as the greeter names it. Shorter than HTTP_PEER_SIZE. */
	const char *peer;
	const struct http_headers *headers; /* copied; may be NULL */
	struct span body;		    /* must stay valid until the call is over */
	/* Instead of body: the body is pulled. ret_size 0: the end; an end before body_length is -EPROTO. -EAGAIN:
	 * pause until http_call_resume (in http_client_perform a failure like any other). Other failures abort the
	 * call. body_length -1: chunked. From 1 MiB on, and if chunked, the server is asked first (Expect:
	 * 100-continue). */
	int (*pull)(void *cookie, void *data, size_t size, size_t *ret_size);
	int64_t body_length;
	bool expect; /* ask first, whatever the length: the body's source waits to learn whether to send */
	/* Streaming response: on_head is called once (may be NULL), then on_data. on_data takes all bytes or none:
	 * -EAGAIN pauses until http_call_resume (the same bytes come again), other failures abort the call. */
	int (*on_head)(void *cookie, const struct http_response *head);
	/* Called for a 102: the server is alive, and the request waits there for its turn. May be NULL; not for
	 * http_client_perform. */
	void (*on_waits)(void *cookie);
	int (*on_data)(void *cookie, const void *data, size_t size);
	size_t response_max;  /* of a collected body; 0 = 16 MiB */
	unsigned connect_ms;  /* 0 = 2000 */
	unsigned deadline_ms; /* whole call; 0 = 30000 */
	/* For streams: limit for a time without a byte in either direction, except while one of our callbacks
	 * pauses the call. When set, deadline_ms 0 means no deadline. */
	unsigned stall_ms;
	/* With stall_ms, not for http_client_perform: called about once a second while no byte of the answer has
	 * come and this side waits for one; waited_ms counts from our last byte. A failure ends the call with that
	 * error. */
	int (*waiting)(void *cookie, unsigned waited_ms);
	/* The two members below are for http_client_perform only, and are evaluated about once a second. */
	/* -ETIMEDOUT if the server shows no sign of life (a byte of an answer; a 100 is one) for this long after
	 * our last byte. 0: no such limit. */
	unsigned first_byte_ms;
	/* Lets the caller report that the call makes progress, or that it does not; may be NULL. */
	void (*on_tick)(void *cookie);
};

struct http_client_options {
	unsigned connections_max;	   /* kept alive, all hosts, by plain.c and libcurl each; 0 = 64 */
	unsigned connections_per_host_max; /* by libcurl; 0 = no limit */
	const char *user_agent;
	/* Asked on each new connection; NULL: every peer is accepted. Must outlive the client. */
	const struct http_greeter *greeter;
	unsigned outdated_ms; /* how long a call may continue after its greeting stopped counting; 0 = 10000 */
};

int http_client_new(const struct http_client_options *options, struct http_client **ret);
void http_client_free(struct http_client *c); /* cancels all calls and waits for their callbacks; NULL is fine */

/* done is called exactly once unless start failed (-ENOMEM, -EINVAL, -ECANCELED while the client is freed). The
 * response is only valid inside done, which may move out headers and body. ret_call (may be NULL) is valid until
 * done returns. */
int http_client_start(struct http_client *c, const struct http_call_options *options, void *cookie,
	void (*done)(void *cookie, struct http_response *response), struct http_call **ret_call);
void http_call_resume(struct http_call *call); /* any thread */
void http_call_cancel(struct http_call *call); /* done is called later, with -ECANCELED, on the client's thread */

/* Blocking. Returns response->error. The caller calls http_response_fini in any case (this function initialises
 * ret). cookie is for the callbacks of options. */
int http_client_perform(
	struct http_client *c, const struct http_call_options *options, void *cookie, struct http_response *ret);
void http_response_fini(struct http_response *r);

#endif
