/*
 * server_internal: the types and functions that the server's own files share.
 *
 * Threads. "The loop" is the thread that owns a connection: libmicrohttpd's or the shortcut's. Answers,
 * http_request_proceed, reads and http_stream_wake come from any thread. A request has two owners: the loop, until
 * on_completed, and the handler, until it answers. The last of the two to let go frees it.
 *
 * Who calls libmicrohttpd: suspending, queueing and everything about a response happens on the loop, inside the
 * library's callbacks. Other threads call only MHD_resume_connection, under req->lock and only if req->suspended.
 * So no resume can get lost, and none can reach a connection that is not suspended or no longer exists.
 */
#ifndef NEPHOS_HTTP_SERVER_SERVER_INTERNAL_H
#define NEPHOS_HTTP_SERVER_SERVER_INTERNAL_H

#include "common/base/limits.h"
#include "common/http/server/answer_head.h"
#include "common/http/server/peers.h"
#include "common/http/server/reaper.h"
#include "common/http/server/router.h"
#include "common/http/server/request_head.h"
#include "common/http/server/server.h"

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>

/* libmicrohttpd's memory per connection: header, fields, the answer's header. The library clears it after each
 * request; with 64 KiB that would cost noticeable time. */
#define CONNECTION_POOL_BYTES (32u * 1024)
#define PULL_BLOCK_BYTES (64u * 1024) /* the most that one pull is asked for */
/* An unread body up to this size is read and dropped to keep the connection: that is cheaper than a new
 * connection. So is a body that means nothing (of a GET). */
#define DRAIN_BYTES_MAX (256u * 1024)
/* Of a body after its early answer: 8 ms at 1 Gbit/s, more than a client sends before it receives the answer. */
#define LINGER_BYTES_MAX (1024u * 1024)
/* The library parses in its receive buffer, and accepts what its later versions refuse by themselves. */
#define PARSES_IN_PLACE (MHD_VERSION < 0x00097701)
/* An answer written in the middle of a body: it must fit into the socket's buffer. */
#define EARLY_ANSWER_BYTES_MAX (64u * 1024)
#define QUERY_VALUES_MAX 16 /* different query parameters that handlers may ask for in one request */

static_assert(CONNECTION_POOL_BYTES / 2 >= HEADER_BYTES_MAX, "a legal header fits the pool beside what is made of it");

/*
 * The states of a request, in three columns that change independently. Only the named functions change them; the
 * tables in request.c say which changes are allowed, and the functions assert it. The caller holds the request's
 * lock, except where another rule is given.
 *
 * How much of the request is there (request_enter; only the loop changes it, other threads read it):
 *   LINE    only the request line was read
 *   GUARD   the head was checked, and the guard is asked; nothing of the body is read yet
 *   HELD    the guard has kept the request. A small body is received, and handed to nobody yet
 *   ASKED   the handler runs and has not asked for the body, and the client waits for 100 (Continue)
 *   BODY    the body comes; it is handed on, or dropped if nobody wants it
 *   WHOLE   the request is complete
 *
 * Who owes the answer (request_owe): answering gives up the request's second reference.
 *   LOOP      only the loop has the request; if it ends in this state, the loop gives up that reference
 *   GUARD     the guard has kept it, and answers or lets it proceed, on any thread
 *   LET_IN    the guard has let it proceed: the loop has it again, and does not ask the guard once more
 *   HANDLER   the handler, on any thread, at any time
 *   NOBODY    it was answered
 *
 * What becomes of its body (request.body_end): COMES, ENDED when all of it was received, LOST when the rest never
 * comes.
 *
 * Beside these the request has flags. They are not states: each flag is an independent fact that may be true or
 * false in several states of each column, and no flag decides what may happen next. A column with all their
 * combinations would have hundreds of states, most of which would not differ.
 *   traits, from the head: expects_continue, chunked, is_head, is_http_1_0, preflight; from the handler: is_poll
 *   once true, true for good: rested, wanted, early, absent, streaming
 *   suspended: libmicrohttpd does not look at the connection, whatever the stage. It is changed by request_suspend,
 *     request_wake and the end of the loop's part only
 *   on_readable_filled belongs to on_readable, woken to the stream
 */
enum stage { STAGE_LINE, STAGE_GUARD, STAGE_HELD, STAGE_ASKED, STAGE_BODY, STAGE_WHOLE, STAGES };
enum owed { OWED_BY_LOOP, OWED_BY_GUARD, OWED_BY_LET_IN, OWED_BY_HANDLER, OWED_BY_NOBODY, OWED_STATES };
enum body_end { BODY_COMES, BODY_ENDED, BODY_LOST };

struct request_field {
	const char *name;
	const char *value;
	size_t name_size;
};

struct query_value {
	const char *name;
	char *value;
};

struct http_stream {
	const struct http_stream_ops *ops;
	void *cookie;
	int64_t length; /* -1: unknown */
	uint64_t sent;	/* only the loop uses it */
	bool woken;	/* http_stream_wake was called since the last pull; guarded by the request's lock */
};

#define CONNECTION_LATE 0x80000000u /* a flag in connection.turn */

/* What the server stores about a connection, from its first request to its last; only the loop uses it, except
 * where noted. */
struct connection {
	struct connection *prev, *next; /* server->open; guarded by server->lock */
	int fd;
	bool unread; /* closed before all of its last request was read */
	bool counted;
	struct peer_key key; /* set when counted */
	char peer[48];
	/* Counts complete heads plus ended requests: when it is even, the next head is awaited. CONNECTION_LATE:
	 * the head took too long, and the connection is no longer the loop's. */
	atomic_uint turn;
	/* The next three are the reaper's, about this turn. */
	unsigned seen_turn;
	uint64_t seen_bytes; /* all bytes received when the reaper first saw this turn */
	int64_t head_ns;     /* when the reaper first saw bytes of the head; 0: not yet */
	/* Set by connection_note; guarded by server->lock. */
	unsigned noted_turn; /* CONNECTION_LATE: not set yet */
	uint64_t noted_bytes;
	void *data; /* the guard's data (http_connection_set_data) */
	void (*data_free)(void *data);
	/* strangers.c; guarded by server->lock */
	bool is_stranger;
	int64_t came_ns;
	struct connection *older, *younger;
};

/* The unsent rest of an answer. */
struct strand_rest {
	char *memory; /* to be freed */
	const char *data;
	size_t size;
};

/* A connection that the shortcut serves and has not given to the library. */
struct strand {
	struct shortcut_loop *loop;
	struct connection *connection;
	struct http_request *req; /* the request in progress; only the loop uses it */
	int fd;
	atomic_bool readable; /* input or an end arrived that was not looked at yet; set by the loop */
	bool ended;	      /* and nothing can follow that input */
	bool dead;	      /* closed or given away; freed at the end of the loop's turn */
	struct strand *older, *younger;
	int64_t active_ns;
	/* Guarded by the loop's lock. */
	bool is_ready;
	struct strand *next_ready;
	/* Guarded by the request's lock; only the loop's once the request is answered. */
	struct strand_rest rest;
	bool streams; /* the answer's body is pulled from a callback */
	bool broken;  /* nothing more can be sent */
	bool closes;  /* close the connection after this answer */
};

struct route_metrics {
	struct metric *by_class[4]; /* 2xx … 5xx */
	struct metric *latency;
};

struct http_server {
	struct MHD_Daemon *daemon;
	struct shortcut *shortcut;
	struct router *router;
	struct reaper *reaper;
	struct peers *peers;
	struct http_server_options options;
	uint16_t port;
	int listen_fd;
	size_t route_count;
	struct route_metrics *route_metrics; /* route_count + 1 entries: the last is for requests without a route */
	struct metric *connections;
	struct metric *connections_refused;
	struct metric *late_heads;
	struct metric *strangers_shown_out;
	struct metric *bytes_in;
	struct metric *bytes_out;
	atomic_bool draining; /* answers close their connection */
	atomic_bool stopping; /* no request is suspended any more */
	pthread_mutex_t lock;
	pthread_cond_t idle;
	struct http_request *requests; /* those that a loop owns; guarded by lock */
	struct connection *open;       /* guarded by lock */
	size_t open_count;	       /* guarded by lock */
	struct moved *moved; /* connections on their way to the library, which are on no other list; guarded by lock */
	struct {
		struct connection *first, *last;
		size_t count;
	} strangers;		     /* the oldest first; guarded by lock */
	size_t active;		     /* number of requests; guarded by lock */
	atomic_size_t refs;	     /* one for the program, and one for each request */
	atomic_uint_fast64_t traces; /* a counter of traces, from a random start */
};

struct http_request {
	struct http_server *server;
	struct http_request *prev, *next; /* server->requests; guarded by server->lock */
	atomic_uint refs;
	enum stage stage; /* changed by the loop, with the lock held */
	bool expects_continue;
	bool chunked;
	bool is_head;
	bool is_http_1_0;
	bool preflight;	    /* it is a browser's preflight (CORS) */
	bool wants_close;   /* the client wants the connection closed after this request */
	bool is_short;	    /* it came by the shortcut: it has a strand, and no connection of the library's */
	bool has_own_limit; /* its connection has a timeout of its own (request.c); only the loop uses it */
	char method[REQUEST_METHOD_SIZE];
	char trace[TRACE_BYTES_MAX + 1];
	char peer[48];
	int64_t length;	   /* Content-Length, -1 chunked */
	uint64_t received; /* of the body; changed by the loop with the lock held, read by other threads under lock */
	int64_t started_ns;
	int64_t sent_ns; /* when its whole answer had been sent without waking the loop; 0: never */
	size_t path_size;
	struct route_match match;
	const struct http_route *route;
	struct request_field fields[HTTP_HEADERS_MAX];
	size_t field_count;
	char *field_text; /* the memory that fields point to */
	struct query_value query[QUERY_VALUES_MAX];
	size_t query_count;
	char fault[HTTP_BLAME_BYTES]; /* http_request_blame; empty: nothing was said */
	void *data;
	void (*data_free)(void *data);
	struct buf body; /* HTTP_BODY_WHOLE */

	pthread_mutex_t lock;
	/* Guarded by lock. */
	struct MHD_Connection *connection; /* NULL when the loop is done with the request */
	struct strand *strand;		   /* likewise NULL then */
	bool suspended;
	enum owed owed;
	enum body_end body_end;
	bool rested; /* the complete request has had one turn of the loop, so it may sleep */
	bool wanted; /* the handler has asked for the body */
	/* Answered past libmicrohttpd: the connection is closed when the body ends, or when too much more of it
	 * comes. */
	bool early;
	uint64_t early_received; /* bytes of the body received by then */
	bool absent;		 /* the reaper found that the client has gone away */
	bool is_poll;		 /* http_request_is_poll was called: the answer may take long */
	int64_t half_closed_ns;	 /* since when the client's sending side is shut (it may still read); 0: it is open */
	int status;
	size_t response_bytes;
	struct MHD_Response *response; /* to be queued */
	void (*on_readable)(struct http_request *req, void *cookie);
	void *on_readable_cookie;
	bool on_readable_filled; /* call it only when the ring is full, or nothing more comes */
	void (*on_abort)(struct http_request *req, void *cookie);
	void *on_abort_cookie;
	char *ring; /* HTTP_BODY_STREAM: bytes that were received and not read yet */
	size_t ring_size;
	size_t ring_head; /* where the next read begins */
	size_t ring_used;
	struct http_stream stream;
	bool streaming;

	size_t target_size;
	char target[]; /* raw, with its NUL; then target_size bytes for decoded segments */
};

/* request.c */
struct http_request *request_new(struct http_server *s, const char *target, struct MHD_Connection *connection);
void request_unref(struct http_request *req);
/* Sets the next stage; on the loop. The caller holds req->lock. To set the current stage again is allowed. */
void request_enter(struct http_request *req, enum stage stage);
/* The caller holds req->lock, or only the loop can have the request: before the guard runs, and between the guard
 * and the handler. */
void request_owe(struct http_request *req, enum owed owed);
/* Whether the request was answered. The caller holds req->lock. */
bool request_is_answered(const struct http_request *req);
/* Suspends the request; on the loop. The caller holds req->lock. false: the server stops, so the caller must close
 * the connection. */
bool request_suspend(struct http_request *req);
/* The library has called for the request, perhaps after it was suspended; on the loop. */
void request_has_gone_on(struct http_request *req);
/* Resumes the request, if it is suspended, so that the loop looks at it again; any thread. The caller holds
 * req->lock. */
void request_wake(struct http_request *req);
/* The same when the loop only has to end the request: the loop does so at its next event, or at its next tick. */
void request_wake_later(struct http_request *req);
/* Whether the loop is not done with the request yet. The caller holds req->lock. */
bool request_is_connected(const struct http_request *req);
/* The descriptor of its connection; only while request_is_connected. On the loop, or the caller holds req->lock. */
int request_fd(const struct http_request *req);
/* NULL: there was no memory for it, or the loop is done with the request. */
struct connection *request_connection(const struct http_request *req);
/* Bytes of the body that are still to come; UINT64_MAX: unknown. The caller holds req->lock, or is the loop. */
uint64_t request_body_left(const struct http_request *req);

/* hygiene.c: 0, -ERR_BAD_REQUEST, -ERR_HEADERS_TOO_LARGE, -ENOMEM; ret_why, of HYGIENE_WHY_BYTES, gets the reason.
 * Fills fields (each list in one line), length, trace; reduces the target to a path. */
#define HYGIENE_WHY_BYTES 160
struct request_line {
	const char *method, *url, *version; /* as libmicrohttpd passes them: in its buffer */
};
int hygiene_check(
	struct http_request *req, struct MHD_Connection *connection, const struct request_line *line, char *ret_why);
/* The same for a head that request_head_read accepted; false: libmicrohttpd has to read the request instead. */
bool hygiene_take(struct http_request *req, const struct request_head *head);

/* stream.c; on the loop. */
int stream_fill(struct http_request *req, const char *data, size_t size, size_t *ret_taken);
void stream_notify(struct http_request *req); /* calls on_readable if a read would not return -EAGAIN */
/* Ends a streamed answer. whole: all of it was sent, as far as the loop can say. */
void stream_end(const struct http_request *req, bool whole);
ssize_t stream_on_pull(void *cookie, uint64_t position, char *data, size_t size);

/* respond.c; on the loop. */
enum MHD_Result respond_queue(struct http_request *req, struct MHD_Connection *connection);
void respond_no_route(struct http_request *req, int error, const char *detail); /* detail: NULL: none */
/* Answers OPTIONS, and a preflight by the server's policy. allow NULL: the handler of an OPTIONS row would name
 * the methods, and it is not called. */
void respond_options(struct http_request *req, const char *allow);
/* Whether the request is a browser's preflight of a page whose origin the policy names. */
bool respond_allows_page(const struct http_request *req);
void respond_coded(struct http_request *req);				    /* 415: the body has a content coding */
void respond_refusal(struct http_request *req, int error, const char *why); /* also closes the connection */

/* exchange.c: one request from its first line to its end; libmicrohttpd calls these functions. */
void *exchange_on_line(void *cookie, const char *uri, struct MHD_Connection *connection);
enum MHD_Result exchange_on_access(void *cookie, struct MHD_Connection *connection, const char *url, const char *method,
	const char *version, const char *upload_data, size_t *upload_size, void **context);
void exchange_on_completed(
	void *cookie, struct MHD_Connection *connection, void **context, enum MHD_RequestTerminationCode code);

/* Begins a request that came by the shortcut and is complete: its head was parsed. exchange_on_access gets its
 * body next; of its parameters it needs only the body and the context for such a request. */
void exchange_begin(struct http_request *req, const char *method);

/* connection.c */
struct connection *connection_new(struct http_server *s, int fd, const struct sockaddr *address);
void connection_free(struct http_server *s, struct connection *c); /* NULL is fine */
/* To be called before fd is closed; c may be NULL. */
void connection_linger(struct http_server *s, int fd, const struct connection *c);
/* Prepares to give the connection to the library, which creates a new one for the same socket, and frees c.
 * -ENOMEM: c is unchanged. */
int connection_move(struct http_server *s, struct connection *c);
void connection_not_moved(struct http_server *s, int fd); /* the library did not take it */
void connection_forget_moved(struct http_server *s);
/* connection_note records the state of a connection. connection_end_silent, called later, ends the connection if
 * nothing has happened since and no request is being answered; the connection's loop notices the end by itself and
 * frees the connection. The caller holds server->lock. */
void connection_note(struct connection *c);
void connection_end_silent(struct connection *c);
void connection_on_change(
	void *cookie, struct MHD_Connection *connection, void **context, enum MHD_ConnectionNotificationCode code);
enum MHD_Result connection_on_accept(void *cookie, const struct sockaddr *address, socklen_t size);
struct connection *connection_of(struct MHD_Connection *connection);
int connection_descriptor(struct MHD_Connection *connection);
/* The head is complete. false: it came too late, and nothing may be sent any more. c may be NULL. */
bool connection_take_head(struct connection *c);
void connection_end_request(struct connection *c);
void connection_look_around(void *cookie); /* the reaper's tick */

/* shortcut.c: small requests pass libmicrohttpd by (shortcut_internal.h) */
int shortcut_new(struct http_server *server, unsigned threads, struct shortcut **ret);
/* To be called when no new connections can come any more: accepts those in the kernel's queue, and returns when
 * that is done. */
void shortcut_quiesce(struct shortcut *s);
void shortcut_stop(struct shortcut *s); /* ends its requests and its threads; NULL is fine */
void shortcut_free(struct shortcut *s); /* after shortcut_stop; NULL is fine */
/* A connection has ended, so the loops may accept again if they had stopped. Any thread. */
void shortcut_has_room(struct shortcut *s);
/* Makes the loop look at the strand again. Any thread. The caller holds the lock of the strand's request. */
void shortcut_wake(struct strand *w);
void shortcut_leave_word(struct strand *w); /* the same without a wake-up: at the next event or tick */

/* strand.c. Any thread. The caller holds the lock of the strand's request. memory: the allocation of the body;
 * strand_send takes it over and clears *memory if it has to keep the body. */
void strand_send(struct strand *w, struct span head, struct span body, char **memory);
/* True if the whole answer is sent, the connection stays open, and nothing has come on it. The loop notices later
 * input by itself: it then looks at the request under that lock. */
bool strand_is_quiet(struct strand *w);

/* strangers.c. The caller holds server->lock. */
void strangers_enter(struct http_server *s, struct connection *c);
void strangers_leave(struct http_server *s, struct connection *c);
void strangers_look_after(struct http_server *s, int64_t now_ns);

/* server.c */
void server_unref(struct http_server *s);
void server_identify(struct http_request *req, const struct connection *c); /* sets the peer, and a new trace */
void server_forget(struct http_request *req);
void server_count(struct http_request *req); /* metrics of a finished request */

#endif
