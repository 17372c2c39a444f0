/*
 * server_internal: what the server's own files know of each other.
 *
 * Threads. "The loop" is the thread that owns a connection, libmicrohttpd's or the shortcut's; the answer, proceed,
 * read and wake come from any thread. A request has two owners: the loop, until on_completed, and the handler, until it
 * answers. Whoever is last frees it.
 *
 * Who calls libmicrohttpd: suspending, queueing and everything about a response happens on the loop, inside its own
 * callbacks; other threads do one thing only, MHD_resume_connection, under req->lock and only if req->suspended. So a
 * resume can neither get lost nor come to a connection that is not suspended or no longer there.
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

/* Of libmicrohttpd, per connection: header, fields, the answer's header. It is cleared after each request, which 64 KiB
 * would show. */
#define CONNECTION_POOL_BYTES (32u * 1024)
#define PULL_BLOCK_BYTES (64u * 1024) /* most that one pull is asked for */
/* An unread body that is read away to keep the connection: cheaper than a new one. So is one that means nothing
 * (of a GET). */
#define DRAIN_BYTES_MAX (256u * 1024)
/* Of a body after its early answer: 8 ms at 1 Gbit/s, more than a client sends before it hears of the answer. */
#define LINGER_BYTES_MAX (1024u * 1024)
/* The library parses where the bytes came to lie, and forgives what its later versions refuse by themselves. */
#define PARSES_IN_PLACE (MHD_VERSION < 0x00097701)
/* An answer written in the middle of a body: must fit the socket's buffer. */
#define EARLY_ANSWER_BYTES_MAX (64u * 1024)
#define QUERY_VALUES_MAX 16 /* different parameters of one request that are asked for */

static_assert(CONNECTION_POOL_BYTES / 2 >= HEADER_BYTES_MAX, "a legal header fits the pool beside what is made of it");

/*
 * The states of a request, in three columns that move by themselves. Only the functions that are named move them, by
 * tables in request.c, and assert it; all with the request's lock held, but where it says otherwise.
 *
 * How much of it is there (request_enter; only the loop moves it, others look at it):
 *   LINE    only the request line was seen
 *   GUARD   the head was checked, and the guard is asked; nothing of the body is read yet
 *   HELD    the guard has kept the request. A small body is taken in, and given to nobody
 *   ASKED   the handler runs and has not asked for the body, and the client waits to be told to send it
 *   BODY    the body comes, to whoever wants it, or to nobody
 *   WHOLE   the request is complete
 *
 * Who owes its answer (request_owe): one of them gives up the request's second reference by answering.
 *   LOOP      nobody has it but the loop, which owes it if the request ends like this
 *   GUARD     the guard has kept it, and answers or lets it go on, on any thread
 *   LET_IN    the guard has let it go on: the loop's again, and the guard is not asked once more
 *   HANDLER   the handler, on any thread, at any time
 *   NOBODY    it was answered
 *
 * What becomes of its body (request.body_end): COMES, ENDED when all of it was taken, LOST when the rest never comes.
 *
 * Beside these the request has flags. They are no states: each is one fact for itself, true or not in several states
 * of each column, and none says what may happen next. A column with all their combinations would have hundreds of
 * states, most of which differ in nothing.
 *   traits, from the head: expects_continue, chunked, is_head, is_http_1_0, preflight; from the handler: is_poll
 *   once true, true for good: rested, wanted, early, absent, streaming
 *   suspended: whether libmicrohttpd looks at the connection, whatever the stage. Only request_suspend and request_wake
 *     change it, and the end of the loop's part
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
	uint64_t sent;	/* the loop's */
	bool woken;	/* since the last pull; guarded by the request's lock */
};

#define CONNECTION_LATE 0x80000000u /* of connection.turn */

/* What is known of a connection, from its first request to its last; the loop's. */
struct connection {
	struct connection *prev, *next; /* server->open; guarded by server->lock */
	int fd;
	bool unread; /* closed with a request of which not all was read */
	bool counted;
	struct peer_key key; /* when counted */
	char peer[48];
	/* Counts heads that are complete and requests that have ended: even, a head is awaited. CONNECTION_LATE: it
	 * took too long, and the connection is not the loop's any more. */
	atomic_uint turn;
	/* The reaper's: of this turn. */
	unsigned seen_turn;
	uint64_t seen_bytes; /* of all that ever came, before the head */
	int64_t head_ns;     /* when the head was seen to have begun; 0: not yet */
	/* connection_note; guarded by server->lock */
	unsigned noted_turn; /* CONNECTION_LATE: not noted yet */
	uint64_t noted_bytes;
	void *data; /* of the guard */
	void (*data_free)(void *data);
	/* strangers.c; guarded by server->lock */
	bool is_stranger;
	int64_t came_ns;
	struct connection *older, *younger;
};

/* What has not been sent yet of an answer. */
struct strand_rest {
	char *memory; /* to be freed */
	const char *data;
	size_t size;
};

/* A connection that has not gone to the library. */
struct strand {
	struct shortcut_loop *loop;
	struct connection *connection;
	struct http_request *req; /* under way; the loop's */
	int fd;
	atomic_bool readable; /* something came that was not looked at; set by the loop */
	bool ended;	      /* and it was the last */
	bool dead;	      /* closed, or given away; freed at the end of the loop's turn */
	struct strand *older, *younger;
	int64_t active_ns;
	/* Guarded by the loop's lock. */
	bool is_ready;
	struct strand *next_ready;
	/* Guarded by the request's lock; the loop's once it is answered. */
	struct strand_rest rest;
	bool streams; /* its body is pulled */
	bool broken;  /* nothing more can be sent */
	bool closes;  /* after this answer */
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
	struct route_metrics *route_metrics; /* route_count + 1: the last is for requests without a route */
	struct metric *connections;
	struct metric *connections_refused;
	struct metric *late_heads;
	struct metric *strangers_shown_out;
	struct metric *bytes_in;
	struct metric *bytes_out;
	atomic_bool draining; /* answers close their connection */
	atomic_bool stopping; /* nothing is suspended any more */
	pthread_mutex_t lock;
	pthread_cond_t idle;
	struct http_request *requests; /* that the loop owns; guarded by lock */
	struct connection *open;       /* guarded by lock */
	size_t open_count;	       /* guarded by lock */
	struct moved *moved;	       /* guarded by lock; on their way to the library, and nowhere else */
	struct {
		struct connection *first, *last;
		size_t count;
	} strangers;		     /* the oldest first; guarded by lock */
	size_t active;		     /* how many; guarded by lock */
	atomic_size_t refs;	     /* the program, and every request */
	atomic_uint_fast64_t traces; /* given out, from a random start */
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
	bool preflight;	    /* a browser asks whether a page may send a request */
	bool wants_close;   /* the client, after it */
	bool is_short;	    /* it came by the shortcut: then it has a strand, and no connection of the library's */
	bool has_own_limit; /* its connection, of time (request.c); the loop's */
	char method[REQUEST_METHOD_SIZE];
	char trace[TRACE_BYTES_MAX + 1];
	char peer[48];
	int64_t length;	   /* Content-Length, -1 chunked */
	uint64_t received; /* of the body; the loop's, read by others under lock */
	int64_t started_ns;
	int64_t sent_ns; /* all of its answer had gone out, and the loop did not have to hear of it; 0: not so */
	size_t path_size;
	struct route_match match;
	const struct http_route *route;
	struct request_field fields[HTTP_HEADERS_MAX];
	size_t field_count;
	char *field_text; /* what fields point to */
	struct query_value query[QUERY_VALUES_MAX];
	size_t query_count;
	char fault[128]; /* which parameter was no good, and why: for the detail of the refusal */
	void *data;
	void (*data_free)(void *data);
	struct buf body; /* HTTP_BODY_WHOLE */

	pthread_mutex_t lock;
	/* Guarded by lock. */
	struct MHD_Connection *connection; /* NULL when the loop is done with it */
	struct strand *strand;		   /* the same */
	bool suspended;
	enum owed owed;
	enum body_end body_end;
	bool rested; /* it was whole for one turn of the loop */
	bool wanted; /* the handler has asked for the body */
	bool early;  /* answered past libmicrohttpd: the connection is closed when the body ends, or goes on */
	uint64_t early_received; /* what had come of the body by then */
	bool absent;		 /* the client has hung up, and the loop has not seen it yet */
	bool is_poll;		 /* the answer may be a long time coming */
	int64_t half_closed_ns;	 /* since when nothing more comes from the client, and it may still listen; 0: not */
	int status;
	size_t response_bytes;
	struct MHD_Response *response; /* to be queued */
	void (*on_readable)(struct http_request *req, void *cookie);
	void *on_readable_cookie;
	bool on_readable_filled; /* not before the ring is */
	void (*on_abort)(struct http_request *req, void *cookie);
	void *on_abort_cookie;
	char *ring; /* HTTP_BODY_STREAM: bytes that came and were not read */
	size_t ring_size;
	size_t ring_head; /* where the next read begins */
	size_t ring_used;
	struct http_stream stream;
	bool streaming;

	size_t target_size;
	char target[]; /* raw, NUL; then target_size bytes for decoded segments */
};

/* request.c */
struct http_request *request_new(struct http_server *s, const char *target, struct MHD_Connection *connection);
void request_unref(struct http_request *req);
/* The next stage; on the loop, with req->lock held. The same one again is fine. */
void request_enter(struct http_request *req, enum stage stage);
/* With req->lock held, or when only the loop can know of the request: before the guard, and between it and the
 * handler. */
void request_owe(struct http_request *req, enum owed owed);
/* It was answered; with req->lock held. */
bool request_is_answered(const struct http_request *req);
/* Puts the request to sleep; on the loop, with req->lock held. false: the server stops, so close instead. */
bool request_suspend(struct http_request *req);
/* The library has called for it, perhaps after that; on the loop. */
void request_has_gone_on(struct http_request *req);
/* Lets the loop look at the request again; any thread, with req->lock held. */
void request_wake(struct http_request *req);
/* The same, when there is nothing left to be done but to end it: the loop does that when it looks at something else, or
 * by its next tick. */
void request_wake_later(struct http_request *req);
/* The loop is not done with it. With req->lock held. */
bool request_is_connected(const struct http_request *req);
/* Of its connection, as long as it is that. On the loop, or with req->lock held. */
int request_fd(const struct http_request *req);
struct connection *request_connection(const struct http_request *req); /* NULL: there was no memory for it */
/* Bytes of the body that are still to come; UINT64_MAX: nobody knows. With req->lock held, or on the loop. */
uint64_t request_body_left(const struct http_request *req);

/* hygiene.c: 0, -ERR_BAD_REQUEST, -ERR_HEADERS_TOO_LARGE, -ENOMEM; ret_why, of HYGIENE_WHY_BYTES, says what for.
 * Fills fields (lists in one line each), length, trace; makes the target a path. */
#define HYGIENE_WHY_BYTES 160
struct request_line {
	const char *method, *url, *version; /* as libmicrohttpd hands them out: in its buffer */
};
int hygiene_check(
	struct http_request *req, struct MHD_Connection *connection, const struct request_line *line, char *ret_why);
/* The same of a head that was read already; false: somebody else has to look at it. */
bool hygiene_take(struct http_request *req, const struct request_head *head);

/* stream.c; on the loop. */
int stream_fill(struct http_request *req, const char *data, size_t size, size_t *ret_taken);
void stream_notify(struct http_request *req);		     /* calls on_readable if a read would not be -EAGAIN */
void stream_end(const struct http_request *req, bool whole); /* of an answer; whole: as far as the loop knows */
ssize_t stream_on_pull(void *cookie, uint64_t position, char *data, size_t size);

/* respond.c; on the loop. */
enum MHD_Result respond_queue(struct http_request *req, struct MHD_Connection *connection);
void respond_no_route(struct http_request *req, int error);
/* To OPTIONS, a preflight by the server's policy. allow NULL: another has to say, who is not asked. */
void respond_options(struct http_request *req, const char *allow);
/* A browser asks whether a page may send a request, and the policy names the page's origin. */
bool respond_allows_page(const struct http_request *req);
void respond_coded(struct http_request *req);				    /* 415: a content coding */
void respond_refusal(struct http_request *req, int error, const char *why); /* and closes the connection */

/* exchange.c: one request from its first line to its end, as libmicrohttpd calls it. */
void *exchange_on_line(void *cookie, const char *uri, struct MHD_Connection *connection);
enum MHD_Result exchange_on_access(void *cookie, struct MHD_Connection *connection, const char *url, const char *method,
	const char *version, const char *upload_data, size_t *upload_size, void **context);
void exchange_on_completed(
	void *cookie, struct MHD_Connection *connection, void **context, enum MHD_RequestTerminationCode code);

/* A request that came by the shortcut, all of it: its head was taken. Its body is given to exchange_on_access, which
 * needs no more of its parameters. */
void exchange_begin(struct http_request *req, const char *method);

/* connection.c */
struct connection *connection_new(struct http_server *s, int fd, const struct sockaddr *address);
void connection_free(struct http_server *s, struct connection *c); /* NULL is fine */
/* Before it is closed; c may be NULL. */
void connection_linger(struct http_server *s, int fd, const struct connection *c);
/* It goes to the library, which makes another one of it; -ENOMEM: c is as it was. */
int connection_move(struct http_server *s, struct connection *c);
void connection_not_moved(struct http_server *s, int fd); /* the library did not take it */
void connection_forget_moved(struct http_server *s);
/* How far it is; and, later, ends it, if nothing has happened since then and nobody waits for an answer. The loop it
 * has finds out by itself, and lets go of it. With the server's lock held. */
void connection_note(struct connection *c);
void connection_end_silent(struct connection *c);
void connection_on_change(
	void *cookie, struct MHD_Connection *connection, void **context, enum MHD_ConnectionNotificationCode code);
enum MHD_Result connection_on_accept(void *cookie, const struct sockaddr *address, socklen_t size);
struct connection *connection_of(struct MHD_Connection *connection);
int connection_descriptor(struct MHD_Connection *connection);
/* The head is complete; false: too late, nothing may be sent any more. c may be NULL. */
bool connection_take_head(struct connection *c);
void connection_end_request(struct connection *c);
void connection_look_around(void *cookie); /* the reaper's tick */

/* shortcut.c: the way of small requests past the library (shortcut_internal.h) */
int shortcut_new(struct http_server *server, unsigned threads, struct shortcut **ret);
/* When there are no new connections any more: takes those that wait, and comes back when that is done. */
void shortcut_quiesce(struct shortcut *s);
void shortcut_stop(struct shortcut *s); /* ends its requests, and its threads; NULL is fine */
void shortcut_free(struct shortcut *s); /* after that; NULL is fine */
/* Another connection may come, if none could before. Any thread. */
void shortcut_has_room(struct shortcut *s);
/* The loop looks at it again. Any thread, with the lock of its request held. */
void shortcut_wake(struct strand *w);
void shortcut_leave_word(struct strand *w); /* the same, when it is awake anyway, or by its next tick */

/* strand.c. With the lock of its request held, any thread. memory: of the body, taken if it is needed. */
void strand_send(struct strand *w, struct span head, struct span body, char **memory);
/* All of the answer is gone, the connection stays, and nothing has come on it. The loop finds what comes later by
 * itself: it looks at the request then, with that lock. */
bool strand_is_quiet(struct strand *w);

/* strangers.c; with the server's lock held */
void strangers_enter(struct http_server *s, struct connection *c);
void strangers_leave(struct http_server *s, struct connection *c);
void strangers_look_after(struct http_server *s, int64_t now_ns);

/* server.c */
void server_unref(struct http_server *s);
void server_identify(struct http_request *req, const struct connection *c); /* peer, and a trace of our own */
void server_forget(struct http_request *req);
void server_count(struct http_request *req); /* metrics of a finished request */

#endif
