/*
 * server: HTTP/1.1. Requests that are small and plain are read and answered by a thread of our own (options.threads of
 * them; shortcut_internal.h), all others by one of libmicrohttpd's; who handles them does not see which, and "the
 * server's thread" below is either. Nothing waits on it.
 *
 * Life of a request: request line and headers are checked (hygiene, host, limits), the route is found on the raw
 * target, the route's `guard` may refuse, then
 *   HTTP_BODY_NONE    a body means nothing: a small one is read away, 413 beyond; then the handler runs.
 *   HTTP_BODY_WHOLE   the body is collected up to the route's body_max (413 beyond), then the handler runs.
 *   HTTP_BODY_STREAM  the handler runs at once; it reads the body by http_request_read. At most HTTP_STREAM_BYTES lie
 *                     in memory: a full buffer suspends the connection until the handler reads. Who waits to be told to
 *                     go on (Expect) is told so by the first read: what is refused before it is refused before the body
 *                     is sent.
 * A body in a content coding is refused with 415: it would be stored as if it were the content. Handlers run on the
 * server's thread and must not block. Each request is answered exactly once, from any thread, at any later time; until
 * then the connection is suspended and the request valid. After http_respond* the caller must not touch the request.
 * When the client goes away first, http_request_on_abort tells; the handler still answers (the answer goes nowhere). A
 * client that only shuts its sending side gets its answer: the end of what it says ends nothing else, but for polls
 * (http_request_is_poll).
 *
 * An answer may come before the body was read. A body of which little is left is read away, and the connection lives
 * on. Otherwise the answer goes out at once and the connection is closed after it; a streamed answer
 * (http_respond_stream) in the middle of a body waits for its end.
 *
 * What is refused before routing, 400 and close: doubled or combined Content-Length and Transfer-Encoding, codings
 * other than chunked, not exactly one Host (HTTP/1.0 may do without), versions other than 1.0 and 1.1, a field of one
 * value given twice (fields.h), and every loose spelling of a header (docs/threat-model.md). 431: headers beyond
 * HEADER_BYTES_MAX or HTTP_HEADERS_MAX. OPTIONS is answered from the route table.
 */
#ifndef NEPHOS_HTTP_SERVER_SERVER_H
#define NEPHOS_HTTP_SERVER_SERVER_H

#include "common/base/metrics.h"
#include "common/base/span.h"
#include "common/http/endpoint.h"
#include "common/http/message.h"
#include "common/http/server/route.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define HTTP_STREAM_BYTES (256u * 1024) /* of a streamed body in memory: hides one scheduling delay at 1 GB/s */
/* A poll that its client may have left: somebody with a pipe waits so long for news, and no more polls than come
 * in this time are for nobody. */
#define HTTP_HALF_CLOSED_MS 5000
#define HTTP_QUIET_MS 500 /* of connections at the end: a client at work asks again sooner than that */

struct http_server;
struct http_request;
struct monitoring;

struct http_server_options {
	const char
		*address; /* "127.0.0.1", "0.0.0.0", "::"; "unix:PATH": a socket that only this user may connect to */
	uint16_t port;	  /* 0: any free one */
	unsigned threads; /* event threads, 0 = 1 */
	unsigned connections_max;	      /* 0 = 1024 */
	unsigned connections_per_address_max; /* 0 = no limit; one more is closed as soon as it is there */
	const char *exempt; /* from that: ADDRESS or ADDRESS/BITS, with commas; NULL: nobody. -EINVAL: no such list */
	unsigned idle_s;    /* a connection without traffic, 0 = 75 */
	unsigned head_ms;   /* from the first byte of a head to its end, however it trickles in: then 408. 0 = 10000 */
	/* A connection that nobody has vouched for (http_connection_vouch) is closed after so long, and the oldest of
	 * them whenever others could need its place. 0, and on a unix socket: nobody has to be vouched for. */
	unsigned stranger_ms;
	unsigned half_closed_ms;	 /* http_request_is_poll, 0 = HTTP_HALF_CLOSED_MS */
	const struct http_route *routes; /* ends with a row whose method is NULL; must outlive the server */
	/* Runs before every handler, on the server's thread; false: it has answered, or will. It may also keep the
	 * request and go on later by http_request_proceed. NULL: none. */
	bool (*guard)(struct http_request *req, const struct http_route *route, void *cookie);
	/* Whether what is known of a connection (http_connection_data) does not hold any more. Asked again and again,
	 * on a thread of the server's own, while a poll (http_request_is_poll) is under way there, or its answer is
	 * sent piece by piece: then the connection is cut. What else is under way may finish. NULL: it holds for good.
	 */
	bool (*outdated)(const void *data, void *cookie);
	/* Adds fields to each answer, the server's own as well. Any thread. NULL: none. */
	void (*stamp)(struct http_headers *ret, void *cookie);
	void *cookie;		 /* for handlers, guard, outdated and stamp */
	struct metrics *metrics; /* may be NULL: requests by route and status, latency, bytes, connections */
	/* Pages of which other origins may use it from a browser (cors.h); NULL: of none. Must outlive the server. */
	const char *cors_origins;
	const struct monitoring
		*monitoring; /* for the rows of common/http/server/monitoring.h; may be NULL; must outlive the server */
};

int http_server_start(const struct http_server_options *options, struct http_server **ret);
uint16_t http_server_port(const struct http_server *s);
/* No new connections; requests under way may finish for at most deadline_ms, each answer ends its connection, and those
 * that are idle for HTTP_QUIET_MS are closed. */
void http_server_drain(struct http_server *s, unsigned deadline_ms);
void http_server_stop(struct http_server *s); /* drain with 0, join, free; NULL is fine */

/* The request. Everything peeked is valid until the answer. */
const struct http_route *http_request_route(const struct http_request *req);
const char *http_request_method(const struct http_request *req);
const char *http_request_target(const struct http_request *req); /* raw, with query; always a path, or "*" */
/* One decoded {placeholder}; never contains NUL or '/'; the rest {name...} comes raw (still encoded). Empty span when
 * absent. */
struct span http_request_param(const struct http_request *req, const char *name);
/* Decoded value of the query parameter of that name ('+' is a space), NULL when absent. name must live as long as
 * the request. */
const char *http_request_query(const struct http_request *req, const char *name);
/* Absent: ret stays what it was. -ERR_BAD_REQUEST: neither true nor false, no such number (query.h); a refusal of the
 * request with that code and without a detail of its own then says which one. */
int http_request_query_bool(const struct http_request *req, const char *name, bool *ret);
int http_request_query_number(const struct http_request *req, const char *name, int64_t min, int64_t max, int64_t *ret);
/* The value without white space around it, all members of a list; NULL when absent. Of fields that nobody here
 * knows the first. */
const char *http_request_header(const struct http_request *req, const char *name);
/* Calls fn for every header field. */
void http_request_each_header(
	const struct http_request *req, void (*fn)(const char *name, const char *value, void *cookie), void *cookie);
const char *http_request_trace(const struct http_request *req); /* Nephos-Trace as it came, or made here */
const char *http_request_peer(const struct http_request *req);	/* address text */
struct span http_request_body(const struct http_request *req);	/* HTTP_BODY_WHOLE */
int64_t http_request_length(const struct http_request *req);	/* Content-Length, -1 when chunked */
/* A place for the handler's and the guard's own data; freed with the request. */
void http_request_set_data(struct http_request *req, void *data, void (*free_fn)(void *data));
void *http_request_data(const struct http_request *req);
/*
 * A place for what is known of the connection that a request came on; freed with the connection. Only for the guard,
 * and for handlers that answer before they return: on the server's thread, where no two requests of one connection are
 * at once.
 */
void http_connection_set_data(struct http_request *req, void *data, void (*free_fn)(void *data));
void *http_connection_data(const struct http_request *req);
/* Who is at the other end is known: the connection may stay. The same restrictions. */
void http_connection_vouch(const struct http_request *req);
/* The way of the connection (endpoint_way), as this end sees it; returns whether the client is on this machine. The
 * same restrictions. */
bool http_connection_way(const struct http_request *req, char ret[HTTP_WAY_SIZE]);
/* It came over a unix socket from a process of this user or of root. */
bool http_connection_is_own(const struct http_request *req);
/* Goes on with a request that the guard kept: runs the body phase and the handler on the server's thread. Any thread.
 * The caller must not touch the request afterwards, as after an answer. */
void http_request_proceed(struct http_request *req);

/* HTTP_BODY_STREAM. Any one thread at a time. ret_size 0: the end. -EAGAIN: nothing yet, on_readable will fire.
 * -ECONNRESET: the client went away or sent too little. -ERR_TOO_LARGE: beyond body_max. */
int http_request_read(struct http_request *req, void *data, size_t size, size_t *ret_size);
/* One shot: fn is called once, from the server's thread, or at once from here, when a read would not be -EAGAIN. */
void http_request_on_readable(
	struct http_request *req, void (*fn)(struct http_request *req, void *cookie), void *cookie);
/* The same when the server's buffer is full, or nothing more will come: who needs memory of its own for what it reads
 * takes it then. */
void http_request_on_filled(struct http_request *req, void (*fn)(struct http_request *req, void *cookie), void *cookie);
/* Says by 102 (Processing) that the request waits for its turn and is not forgotten: whoever counts its patience by
 * silence, and understands this. Any thread, until it is answered. */
void http_request_tell_waiting(struct http_request *req);
/*
 * fn is called at most once, on the server's thread, when the client is gone before the answer was given; not if it had
 * gone before this call. Gone is who reset the connection or left in the middle of the body; who closed it is not told
 * from who only shuts his side (see is_poll). It may run while another thread answers: what it uses belongs into
 * http_request_set_data, which is freed after it. A request that waits is looked at twice a second.
 */
void http_request_on_abort(struct http_request *req, void (*fn)(struct http_request *req, void *cookie), void *cookie);
/* The answer may be a long time coming: who has shut his sending side for half_closed_ms, and no answer has begun,
 * is gone. */
void http_request_is_poll(struct http_request *req);

/* A response whose body is pulled. */
struct http_stream_ops {
	/* Like read(2): bytes in ret_size, 0 = end. -EAGAIN: nothing now; http_stream_wake will say when. Other
	 * failures cut the connection, so that the receiver knows. Runs on the server's thread and must not block. */
	int (*pull)(void *cookie, void *data, size_t size, size_t *ret_size);
	/* Always called exactly once, when the body was sent or the client is gone: on the server's thread, or from
	 * inside http_respond_stream when the client had gone before. */
	void (*done)(void *cookie, bool complete);
};
struct http_stream; /* a response being sent; valid until done() */

/* Answers. headers may be NULL and is only read. Content-Length is set here; a HEAD request gets the length without the
 * bytes. The body is copied (…_take: taken, to be free()d). */
void http_respond(struct http_request *req, int status, const struct http_headers *headers, struct span body);
void http_respond_take(
	struct http_request *req, int status, const struct http_headers *headers, char *body, size_t size);
/* For HEAD: what a GET would say, without having the bytes. */
void http_respond_length(struct http_request *req, int status, const struct http_headers *headers, uint64_t length);
/* length -1: unknown (chunked). ret_stream is for http_stream_wake, may be NULL; it is set before pull can run. */
void http_respond_stream(struct http_request *req, int status, const struct http_headers *headers, int64_t length,
	const struct http_stream_ops *ops, void *cookie, struct http_stream **ret_stream);
void http_stream_wake(struct http_stream *stream); /* any thread, until done() has begun */
/* application/problem+json from the error table; detail may be NULL. Adds WWW-Authenticate for 401, Retry-After for 429
 * and 503. */
void http_respond_error(struct http_request *req, int code, const char *detail);
void http_respond_error_with(
	struct http_request *req, int code, const char *detail, const struct http_headers *headers);

#endif
