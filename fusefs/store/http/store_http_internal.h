/*
 * What the parts of store_http share: a call and its life. Private to them.
 *
 * Every request to the store is a struct store_http_call. The file that makes it sets the request, how the answer is
 * read and which callback gets it: read.c, xattrs_read.c, batch.c, block.c, poll.c, lock.c, session.c, inquiry.c.
 * call.c contains what is the same for all calls: how a call is sent to a gateway, repeated, parked, cancelled and
 * ended. judge.c decides what an answer means for that.
 *
 * The store has one lock. It guards the current gateway, the session and the number of its next batch, the highest
 * position seen, and the state of every call. It is held while a request is handed to the HTTP client, and never
 * during a callback. Answers come on the client's thread; requests that have to wait are sent by a thread of the
 * store, the clock.
 */
#ifndef NEPHOS_FUSEFS_STORE_HTTP_STORE_HTTP_INTERNAL_H
#define NEPHOS_FUSEFS_STORE_HTTP_STORE_HTTP_INTERNAL_H

#include "common/http/client/client.h"
#include "common/http/client/gateways.h"
#include "fusefs/store/http/store_http.h"
#include "common/base/worker.h"

#include <jansson.h>
#include <pthread.h>
#include <uthash.h>

/* The kinds that the metrics distinguish. */
enum store_http_call_kind { CALL_META, CALL_BATCH, CALL_POLL, CALL_BLOCK_GET, CALL_BLOCK_PUT, CALL_KINDS };

enum store_http_call_flag {
	CALL_FLAG_FLOOR = 1 << 0,    /* a read: its answer must not be older than what this mount has seen */
	CALL_FLAG_SESSION = 1 << 1,  /* needs a session: waits while there is none */
	CALL_FLAG_ONCE = 1 << 2,     /* the caller repeats it, call.c does not */
	CALL_FLAG_OUTSIDE = 1 << 3,  /* the path does not begin with that of the drive */
	CALL_FLAG_ONE_HOST = 1 << 4, /* no other gateway is tried: the request is about this one */
	CALL_FLAG_BY_ID = 1 << 5,    /* of a document that may have no name, and then exists only for a session */
};

#define CALL_KEY_BYTES 16
#define CALL_KEY_SIZE (2 * CALL_KEY_BYTES + 1)

struct store_http_call;
/* Called exactly once, on a thread of the store; ends with store_http_call_over. error 0: response has a 2xx
 * status. response is NULL when there was none. */
typedef void (*store_http_call_finish_fn)(struct store_http_call *call, int error, struct http_response *response);

struct batch_call {
	const struct op *ops;
	size_t count;
	int64_t number;
	unsigned renewals; /* how often the session was replaced because of this batch */
	unsigned asked;	   /* how often the journal was asked because of doubtful answers */
	int index;
	bool refused;  /* refused by this mount: it writes to a document whose file locks were lost */
	bool in_doubt; /* an attempt got no answer: the batch may have been applied */
	bool lost; /* it is not sent under its number any more: once its session is replaced, the journal is asked */
	struct store_position since; /* before it was sent under its number: its entries come later in the journal */
	void (*done)(void *cookie, int error, const struct store_batch_reply *reply);
};

struct block_call {
	struct worker_job job;
	uint8_t sha256[32]; /* expected hash of the bytes: the block's name, or for a part the digest in its answer */
	uint32_t size;	    /* of the block */
	struct store_part part;
	bool whole;
	bool again;   /* the bytes were wrong once already */
	bool bare;    /* sent without the capability */
	bool coming;  /* what arrives are the block's bytes, not a refusal */
	uint32_t got; /* bytes that have arrived */
	void (*get)(void *cookie, int error);
	void (*put)(void *cookie, int error);
};

/* A document by its name, or by its id, or a page of children. */
struct item_call {
	int64_t parent;
	char name[NAME_BYTES_MAX];
	size_t name_size;
	uint32_t limit;
	void (*done)(void *cookie, int error, const struct item *item, struct store_position at);
	void (*page)(void *cookie, int error, const struct store_page *page);
};

struct poll_call {
	struct store_position since;
	unsigned wait_s;
	const int64_t *held;
	size_t held_count;
	void (*done)(void *cookie, int error, const struct store_changes *changes);
};

struct lock_call {
	int64_t id;
	bool flock, queue;
	struct store_lock_range want;
	const struct store_lock_range *held;
	size_t count;
	uint64_t life;
	int64_t number;	  /* of the request, 0: none yet */
	bool held_before; /* some lock of that document and kind was held before */
	void (*hold)(void *cookie, int error, const struct store_lock_reply *reply);
	void (*wait)(void *cookie, int error);
	void (*test)(void *cookie, int error, const struct store_lock_range *other);
};

struct xattrs_call {
	int64_t id;
	json_t *pages; /* lists of one version, until the last page has come; owned by this call */
	int64_t seq;   /* of the pages' version */
	size_t bytes;  /* of the answers with these pages */
	unsigned anew; /* how often a new version came before the last page */
	int (*each)(void *cookie, struct span name, struct span value);
	void (*done)(void *cookie, int error);
};

struct other_call {
	uint32_t count;
	void (*drive)(void *cookie, int error, const struct store_drive *drive);
	void (*extents)(void *cookie, int error, const struct store_extents *extents);
	void (*ids)(void *cookie, int error, int64_t first);
};

/*
 * The life of a call. One function in call.c changes its state, by a table of allowed transitions, with s->lock
 * held. From its start until it is freed, the call is in s->calls.
 *
 * | state        | what it means                                | where it is               | who moves it on       |
 * |--------------|----------------------------------------------|---------------------------|-----------------------|
 * | CALL_MADE    | its caller is making the request             | nowhere                   | the function that     |
 * |              |                                              |                           | starts it             |
 * | CALL_SENT    | an attempt is in flight                      | the client's (call->http) | the client's answer   |
 * | CALL_WAITING | it is sent again, or ended, at its time      | in s->waiting             | the clock             |
 * | CALL_PARKED  | it needs a session, and there is none        | in s->waiting             | the clock, which a    |
 * |              |                                              |                           | new session wakes     |
 * | CALL_IN_HAND | an answer is judged, or finish runs, which   | with the thread at work   | that thread; or it is |
 * |              | may have sent it once more                   |                           | freed                 |
 */
enum store_http_call_state { CALL_MADE, CALL_SENT, CALL_WAITING, CALL_PARKED, CALL_IN_HAND, CALL_STATES };

struct store_http_call {
	struct store_http *s;
	store_ticket ticket;
	UT_hash_handle hh;
	/* The request; written before store_http_call_start. */
	enum store_http_call_kind kind;
	unsigned flags;
	const char *method, *accept, *content_type;
	char key[CALL_KEY_SIZE]; /* Idempotency-Key of a change that is no batch, for all its attempts; "": none */
	struct buf path;	 /* after …/drives/ID, or after the host */
	struct buf owned;
	struct span body;
	size_t response_max;
	unsigned deadline_ms;
	int broken; /* the request could not be made: the error to report instead */
	store_http_call_finish_fn finish;
	int (*prepare)(struct store_http_call
			*call); /* NULL, or completes the request before each attempt; called with s->lock held */
	void *cookie;
	/* Guarded by s->lock. */
	enum store_http_call_state state;
	struct http_call *http; /* CALL_SENT: the attempt in flight */
	size_t gateway;		/* the gateway of the last attempt */
	unsigned failures;
	int64_t began_ns; /* when the call, or the call it belongs to, began: the time of an outage counts from here */
	int64_t first_failure_ns;
	int64_t due_ns; /* CALL_WAITING, CALL_PARKED: when the clock takes it */
	bool cancelled; /* the call is not wanted any more: the thread that next has it ends it */
	bool floor_sent;
	bool moved; /* its gateway was left while it was in flight: it is sent to another one */
	int64_t session_sent;
	struct store_http_call *prev, *next; /* in s->waiting */
	union {
		struct batch_call batch;
		struct block_call block;
		struct item_call item;
		struct poll_call poll;
		struct lock_call lock;
		struct xattrs_call xattrs;
		struct other_call other;
	} as;
};

struct store_http_counts {
	struct metric *requests, *sent, *received;
};

struct store_http {
	struct store base; /* must be the first field */
	struct http_client *client;
	struct worker *hasher;
	char *authorization, *name;
	int64_t outage_ns, doubt_ns;
	/* While the store is being opened: time limit of an attempt, as one silent gateway must not use up all
	 * the time; 0: the call's own limit. */
	unsigned attempt_ms;
	struct store_http_counts counts[CALL_KINDS];
	struct metric *retries, *failovers, *doubts;

	pthread_mutex_t lock; /* guards everything below; held while http_client_start runs, never during a callback */
	pthread_cond_t clock_wake, all_over;
	pthread_t clock;
	bool clock_runs, clock_stop, closing;
	char drive[24];
	char *drive_name;      /* NULL: the drive was given by its number, or as home */
	uint32_t drive_number; /* 0: not known yet */
	struct gateways *gateways;
	struct store_position seen;
	int64_t session; /* 0: none */
	int64_t others;	 /* other mounts, as the last poll said; -1: none did */
	int64_t next_batch;
	int64_t replaces; /* the lost session: a new session must replace it; 0: none */
	/* The Idempotency-Key of the request for a new session, kept until it is answered: repeats make only one
	 * session. */
	char renew_key[CALL_KEY_SIZE];
	bool renewing;
	struct store_http_locked *locked; /* documents with file locks, or whose locks were lost */
	uint64_t lock_life;		  /* see store.h */
	int64_t lock_number;		  /* number of the last lock request */
	unsigned lock_lease_s;		  /* how long a mount with locks may be silent; 0: the store does not say */
	uint64_t in_doubt;
	unsigned late_polls; /* in a row */
	int last_failure;    /* the last failure of the network, and the gateway that had it: for ret_why */
	size_t last_gateway;
	struct store_http_call *calls; /* by ticket */
	struct store_http_call *waiting;
	uint64_t next_ticket;
};

/* call.c: waits for memory instead of failing, as there is no caller that could be given the error. */
struct store_http_call *store_http_call_new(
	struct store_http *s, enum store_http_call_kind kind, store_http_call_finish_fn finish, void *cookie);
void store_http_call_path(struct store_http_call *call, const char *format, ...) __attribute__((format(printf, 2, 3)));
void store_http_call_key(struct store_http_call *call);
void store_http_call_json_take(
	struct store_http_call *call, json_t *body); /* sets the request's body; call->broken on failure */
store_ticket store_http_call_start(struct store_http_call *call);
store_ticket store_http_call_start_locked(struct store_http_call *call);  /* the caller holds s->lock */
void store_http_call_over(struct store_http_call *call);		  /* frees */
void store_http_call_again(struct store_http_call *call, bool elsewhere); /* from finish: sends it once more, at once */
/* From finish: the previous attempts are known to have done nothing. The call begins again, after a pause that
 * grows with the number of its failures, but its outage is not extended. */
void store_http_call_anew(struct store_http_call *call);
bool store_http_call_is_late(const struct store_http_call *call); /* whether the time of its outage is over */
void store_http_cancel(struct store *base, store_ticket ticket);
void store_http_call_cancel_locked(struct store_http_call *call); /* the caller holds s->lock */
int store_http_call_clock_start(struct store_http *s);
void store_http_call_clock_end(struct store_http *s);

/* judge.c: what an answer means. */
enum verdict {
	VERDICT_FINISH,	 /* the call ends with ret_error */
	VERDICT_NEXT,	 /* try again at another gateway */
	VERDICT_LATER,	 /* try again after a pause */
	VERDICT_AT_ONCE, /* try again now: the cause in the request is corrected */
	VERDICT_RENEW,	 /* try again under a new session */
};
enum verdict store_http_judge(
	struct store_http_call *call, const struct http_response *response, int *ret_error); /* s->lock is held */
/* Whether the batch is answered under its number, for good. That includes a refusal with a status that for other
 * calls would be worth another attempt. */
bool store_http_batch_is_settled(const struct store_http_call *call, const struct http_response *response);
void store_http_note_position(struct store_http *s, struct store_position at); /* the caller holds s->lock */
struct store_position store_http_response_position(const struct http_response *response);
int64_t store_http_response_number(
	const struct http_response *response, const char *name); /* of a header; 0: there is none */

/* session.c */
/* Nothing more is sent under that session. The caller holds s->lock. Does nothing unless it is the current
 * session. */
void store_http_session_lost(struct store_http *s, int64_t session);
void store_http_session_renew(struct store_http *s); /* the caller holds s->lock; parked calls continue afterwards */
void store_http_session_end(struct store_http *s);   /* blocks, at most 5 s */

/*
 * inquiry.c: finds out whether a batch in doubt, which ended with this error, was applied. Its session is given up.
 * Once that is replaced, the batch is answered, or is sent again under the new session. Called without s->lock.
 */
void store_http_inquire(struct store_http_call *batch, int error);
void store_http_batch_unknown(struct store_http_call *call, int error); /* batch.c: outcome is unknown */

/* lock.c */
void store_http_locks_session(struct store_http *s,
	bool kept); /* there is a new session, with the locks of the old one or without; the caller holds s->lock */
/* Index of the first of the ops that writes to a document whose locks were lost; -1: none does. The caller holds
 * s->lock. */
int store_http_locks_refused_op(struct store_http *s, const struct op *ops, size_t count);
void store_http_locks_fini(struct store_http *s);
store_ticket store_http_lock(struct store *base, const struct store_lock *lock,
	void (*done)(void *cookie, int error, const struct store_lock_reply *reply), void *cookie);
store_ticket store_http_lock_wait(struct store *base, const struct store_lock *lock, unsigned wait_s,
	void (*done)(void *cookie, int error), void *cookie);
store_ticket store_http_lock_test(struct store *base, const struct store_lock *lock,
	void (*done)(void *cookie, int error, const struct store_lock_range *other), void *cookie);
void store_http_lock_settled(struct store *base, int64_t id);

/* check.c: whether the store can have sent this. */
bool store_http_item_ok(const struct item *item, uint32_t drive);
bool store_http_extent_ok(const struct extent *extent, int64_t size, int64_t from);

/* read.c: logs an answer that was refused for its contents, as something between the mount and the store is
 * broken. Returns the error for the caller. */
int store_http_nonsense(const struct store_http_call *call, int error);

/* The calls: read.c, xattrs_read.c, batch.c, block.c, poll.c */
store_ticket store_http_drive(
	struct store *base, void (*done)(void *cookie, int error, const struct store_drive *drive), void *cookie);
store_ticket store_http_lookup(struct store *base, int64_t parent, struct span name,
	void (*done)(void *cookie, int error, const struct item *item, struct store_position at), void *cookie);
store_ticket store_http_item(struct store *base, int64_t id,
	void (*done)(void *cookie, int error, const struct item *item, struct store_position at), void *cookie);
/* For a larger call that began earlier: shares the time of its outage. */
store_ticket store_http_item_for(const struct store_http_call *whole, int64_t id,
	void (*done)(void *cookie, int error, const struct item *item, struct store_position at), void *cookie);
store_ticket store_http_children(struct store *base, int64_t folder, struct span after, uint32_t limit,
	bool with_inline, void (*done)(void *cookie, int error, const struct store_page *page), void *cookie);
store_ticket store_http_extents(struct store *base, int64_t id, int64_t from, int64_t len,
	void (*done)(void *cookie, int error, const struct store_extents *extents), void *cookie);
store_ticket store_http_xattrs(struct store *base, int64_t id,
	int (*each)(void *cookie, struct span name, struct span value), void (*done)(void *cookie, int error),
	void *cookie);
store_ticket store_http_ids(
	struct store *base, uint32_t count, void (*done)(void *cookie, int error, int64_t first), void *cookie);
store_ticket store_http_block_get(struct store *base, const struct extent *extent, struct store_part part,
	void (*done)(void *cookie, int error), void *cookie);
/* Makes the client receive a block into the caller's memory; the body of a refusal is collected as usual. */
void store_http_block_receive(struct store_http_call *call, struct http_call_options *options);
void store_http_block_received(struct store_http_call *call, struct http_response *response);
store_ticket store_http_block_put(struct store *base, const uint8_t sha256[32], struct span data,
	void (*done)(void *cookie, int error), void *cookie);
store_ticket store_http_batch(struct store *base, const struct op *ops, size_t count,
	void (*done)(void *cookie, int error, const struct store_batch_reply *reply), void *cookie);
store_ticket store_http_poll(struct store *base, struct store_position since, unsigned wait_s, const int64_t *held,
	size_t held_count, void (*done)(void *cookie, int error, const struct store_changes *changes), void *cookie);

static inline struct store_http *store_http_of(struct store *base)
{
	return (struct store_http *)base;
}

#endif
