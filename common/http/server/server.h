/*
 * server: HTTP/1.1. Small, plain requests are read and answered by one of our own threads (options.threads of them;
 * shortcut_internal.h), all others by one of libmicrohttpd's. Handlers do not see the difference, and "the server's
 * thread" below means either. Nothing may block it.
 *
 * Life of a request: the request line and the headers are checked (hygiene, host, limits), the route is found by
 * the raw target, the route's `guard` may refuse the request, then
 *   HTTP_BODY_NONE    a body means nothing: a small one is read and dropped, 413 beyond; then the handler runs.
 *   HTTP_BODY_WHOLE   the body is collected up to the route's body_max (413 beyond), then the handler runs.
 *   HTTP_BODY_STREAM  the handler runs at once; it reads the body by http_request_read. At most HTTP_STREAM_BYTES lie
 *                     in memory: a full buffer suspends the connection until the handler reads. A client that waits
 *                     for 100 (Continue) gets it at the first read, so that a request that is refused before that is
 *                     refused before its body is sent.
 * A body in a content coding is refused with 415: it would be stored as if it were the content. A change by a route
 * that is not `conditional` is refused with 412 when it has an If-Match or If-Unmodified-Since. Handlers run on the
 * server's thread and must not block. Each request is answered exactly once, from any thread, at any later time;
 * until then the connection is suspended and the request valid. After http_respond* the caller must not touch the
 * request. When the client goes away first, the function of http_request_on_abort is called; the handler still
 * answers, and the answer is dropped. A client that only shuts down its sending side gets its answer: the end of
 * its input ends nothing else, except for polls (http_request_is_poll).
 *
 * An answer may come before the body was read. A body of which little is left is read and dropped, and the
 * connection stays open. Otherwise the answer goes out at once and the connection is closed after it; a streamed
 * answer (http_respond_stream) in the middle of a body waits for the end of the body.
 *
 * Refused before routing, with 400 and a closed connection: doubled or combined Content-Length and
 * Transfer-Encoding, codings other than chunked, not exactly one Host (HTTP/1.0 may do without), versions other
 * than 1.0 and 1.1, a field of one value given twice (fields.h), and every loose spelling of a header
 * (docs/threat-model.md). 431: headers beyond HEADER_BYTES_MAX or HTTP_HEADERS_MAX. OPTIONS is answered from the
 * route table.
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

#define HTTP_STREAM_BYTES (256u * 1024) /* of a streamed body in memory: covers one scheduling delay at 1 GB/s */
/* A client whose sending side is shut may have left its poll. A client at the end of a pipe waits this long for
 * news, and no more abandoned polls pile up than begin within this time. */
#define HTTP_HALF_CLOSED_MS 5000
#define HTTP_QUIET_MS 500 /* idle time before a drain closes a connection: a client at work asks again sooner */

struct http_server;
struct http_request;
struct monitoring;

struct http_server_options {
	/* "127.0.0.1", "0.0.0.0", "::"; "unix:PATH": a socket that only this user may connect to */
	const char *address;
	uint16_t port;		  /* 0: any free one */
	unsigned threads;	  /* event threads, 0 = 1 */
	unsigned connections_max; /* 0 = 1024 */
	/* 0 = no limit; a connection beyond the limit is closed as soon as it is accepted. */
	unsigned connections_per_address_max;
	/* Addresses without that limit: ADDRESS or ADDRESS/BITS, with commas; NULL: none. -EINVAL: no such list. */
	const char *exempt;
	unsigned idle_s;  /* limit for a connection without traffic, 0 = 75 */
	unsigned head_ms; /* from the first byte of a head to its end, however slowly it comes: then 408. 0 = 10000 */
	/* A connection that nobody has vouched for (http_connection_vouch) is closed after this time, and the
	 * oldest such connection whenever other connections could need its place. 0, and on a unix socket: no
	 * connection has to be vouched for. */
	unsigned stranger_ms;
	unsigned half_closed_ms;	 /* http_request_is_poll, 0 = HTTP_HALF_CLOSED_MS */
	const struct http_route *routes; /* ends with a row whose method is NULL; must outlive the server */
	/* Runs before every handler, on the server's thread. false: the guard has answered, or will answer. It may
	 * also keep the request and let it continue later by http_request_proceed. NULL: no guard. */
	bool (*guard)(struct http_request *req, const struct http_route *route, void *cookie);
	/* Whether the data of a connection (http_connection_data) is no longer valid. A thread of the server's own
	 * asks repeatedly while a poll (http_request_is_poll) is under way on the connection, or the poll's answer
	 * is being streamed; true cuts the connection. Other requests may finish. NULL: the data stays valid for
	 * good. */
	bool (*outdated)(const void *data, void *cookie);
	/* Adds fields to each answer, also to those of the server itself. Any thread. NULL: adds none. */
	void (*stamp)(struct http_headers *ret, void *cookie);
	void *cookie;		 /* for handlers, guard, outdated and stamp */
	struct metrics *metrics; /* may be NULL: requests by route and status, latency, bytes, connections */
	/* Which other origins' pages may use this server from a browser (cors.h); NULL: none. Must outlive the
	 * server. */
	const char *cors_origins;
	/* For the rows of common/http/server/monitoring.h; may be NULL; must outlive the server. */
	const struct monitoring *monitoring;
};

int http_server_start(const struct http_server_options *options, struct http_server **ret);
uint16_t http_server_port(const struct http_server *s);
/* Accepts no more connections. Requests under way may finish for at most deadline_ms, each answer ends its
 * connection, and connections that are idle for HTTP_QUIET_MS are closed. */
void http_server_drain(struct http_server *s, unsigned deadline_ms);
void http_server_stop(struct http_server *s); /* drain with 0, join, free; NULL is fine */

/* The request. Everything that these functions return is valid until the answer. */
const struct http_route *http_request_route(const struct http_request *req);
const char *http_request_method(const struct http_request *req);
const char *http_request_target(const struct http_request *req); /* raw, with query; always a path, or "*" */
/* One decoded {placeholder}; never contains NUL or '/'. The rest {name...} is returned raw (still encoded). Empty
 * span when absent. */
struct span http_request_param(const struct http_request *req, const char *name);
/* Decoded value of the query parameter of that name ('+' is a space), NULL when absent. name must live as long as
 * the request. */
const char *http_request_query(const struct http_request *req, const char *name);
/* Parameter absent: ret keeps its value. -ERR_BAD_REQUEST: the value is neither true nor false, or no such number
 * (query.h); an answer with that code and without a detail of its own then says which parameter is wrong. */
int http_request_query_bool(const struct http_request *req, const char *name, bool *ret);
int http_request_query_number(const struct http_request *req, const char *name, int64_t min, int64_t max, int64_t *ret);
/* Says what is wrong with the request: an answer with -ERR_BAD_REQUEST or -ERR_BAD_PATH and without a detail of its
 * own has this text as its detail, cut at HTTP_BLAME_BYTES. Returns `error`. */
#define HTTP_BLAME_BYTES 192 /* the longest such text, and a word of the request in it */
int http_request_blame(const struct http_request *req, int error, const char *text);
/* The value without white space around it, with all members of a list; NULL when absent. For fields that fields.h
 * does not list, the first value. */
const char *http_request_header(const struct http_request *req, const char *name);
/* Calls fn for every header field. */
void http_request_each_header(
	const struct http_request *req, void (*fn)(const char *name, const char *value, void *cookie), void *cookie);
const char *http_request_trace(const struct http_request *req); /* Nephos-Trace as received, or made here */
const char *http_request_peer(const struct http_request *req);	/* address text */
struct span http_request_body(const struct http_request *req);	/* HTTP_BODY_WHOLE */
int64_t http_request_length(const struct http_request *req);	/* Content-Length, -1 when chunked */
/* Stores the handler's and the guard's own data; freed with the request. */
void http_request_set_data(struct http_request *req, void *data, void (*free_fn)(void *data));
void *http_request_data(const struct http_request *req);
/*
 * Stores data about the connection that a request came on; freed with the connection. Only for the guard, and for
 * handlers that answer before they return: these run on the server's thread, where no two requests of one
 * connection run at the same time.
 */
void http_connection_set_data(struct http_request *req, void *data, void (*free_fn)(void *data));
void *http_connection_data(const struct http_request *req);
/* The peer's identity is known: the connection may stay. The same restrictions as for http_connection_set_data. */
void http_connection_vouch(const struct http_request *req);
/* Writes the way of the connection (endpoint_way), as this end sees it; returns whether the client is on this
 * machine. The same restrictions. */
bool http_connection_way(const struct http_request *req, char ret[HTTP_WAY_SIZE]);
/* Whether the connection came over a unix socket from a process of this user or of root. */
bool http_connection_is_own(const struct http_request *req);
/* Continues a request that the guard kept: runs the body phase and the handler on the server's thread. Any thread.
 * The caller must not touch the request afterwards, as after an answer. */
void http_request_proceed(struct http_request *req);

/* HTTP_BODY_STREAM. One thread at a time, any thread. ret_size 0: the end. -EAGAIN: nothing yet, on_readable will
 * be called. -ECONNRESET: the client went away or sent too little. -ERR_TOO_LARGE: beyond body_max. */
int http_request_read(struct http_request *req, void *data, size_t size, size_t *ret_size);
/* One shot: fn is called once, as soon as a read would not return -EAGAIN: from the server's thread, or at once
 * from this function. */
void http_request_on_readable(
	struct http_request *req, void (*fn)(struct http_request *req, void *cookie), void *cookie);
/* The same, but called only when the server's buffer is full or nothing more will come: a reader that needs memory
 * of its own for the data allocates it then. */
void http_request_on_filled(struct http_request *req, void (*fn)(struct http_request *req, void *cookie), void *cookie);
/* Sends 102 (Processing): the request waits for its turn and is not forgotten. This is for clients that understand
 * 102 and give up after some silence. Any thread, until the request is answered. */
void http_request_tell_waiting(struct http_request *req);
/*
 * fn is called at most once, on the server's thread, when the client goes away before the answer was given; not if
 * it had gone before this call. A client has gone away if it reset the connection or left in the middle of the
 * body. A client that closed its socket cannot be told from one that only shut down its sending side (see is_poll).
 * fn may run while another thread answers: data that fn uses belongs into http_request_set_data, which is freed
 * after fn. The server checks a waiting request twice a second.
 */
void http_request_on_abort(struct http_request *req, void (*fn)(struct http_request *req, void *cookie), void *cookie);
/* The answer may take long: a client counts as gone when its sending side has been shut for half_closed_ms and no
 * answer has begun. */
void http_request_is_poll(struct http_request *req);

/* A response whose body the server pulls from a callback. */
struct http_stream_ops {
	/* Like read(2): bytes in ret_size, 0 = end. -EAGAIN: nothing now; a call of http_stream_wake follows when
	 * there is more. Other failures cut the connection, so that the receiver notices. Runs on the server's
	 * thread and must not block. */
	int (*pull)(void *cookie, void *data, size_t size, size_t *ret_size);
	/* Always called exactly once, when the body was sent or the client is gone: on the server's thread, or
	 * from inside http_respond_stream when the client had gone before. */
	void (*done)(void *cookie, bool complete);
};
struct http_stream; /* a response being sent; valid until done() */

/* Answers. headers may be NULL and is only read. Content-Length is set here; a HEAD request gets the length
 * without the body. The body is copied (…_take: the server takes it over and free()s it). */
void http_respond(struct http_request *req, int status, const struct http_headers *headers, struct span body);
void http_respond_take(
	struct http_request *req, int status, const struct http_headers *headers, char *body, size_t size);
/* For HEAD: the head that a GET would get, when the caller does not have the body. */
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
