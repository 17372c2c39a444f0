/*
 * What the parts of store_http share: a call and its life. Not for others.
 *
 * Every request to the store is a struct store_http_call. What is asked, how the answer is read and whom to tell is set
 * by the file that makes it: read.c, xattrs_read.c, batch.c, block.c, poll.c, lock.c, session.c, inquiry.c. How it gets
 * to a gateway, is repeated, parked, cancelled and ended is the same for all and lies in call.c; what an answer means
 * for that is in judge.c.
 *
 * The store has one lock. It guards which gateway is asked, the session and the number of its next batch, the position
 * that was seen, and the state of every call. It is held while a request is handed to the HTTP client, and never while
 * somebody is called back. Answers come on the client's thread; what has to wait is sent by a thread of our own, the
 * clock.
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

/* What the metrics tell apart. */
enum store_http_call_kind { CALL_META, CALL_BATCH, CALL_POLL, CALL_BLOCK_GET, CALL_BLOCK_PUT, CALL_KINDS };

enum store_http_call_flag {
	CALL_FLAG_FLOOR = 1 << 0,    /* a read: must not show less than this mount has seen */
	CALL_FLAG_SESSION = 1 << 1,  /* means nothing without a session: waits while there is none */
	CALL_FLAG_ONCE = 1 << 2,     /* the caller repeats, not we */
	CALL_FLAG_OUTSIDE = 1 << 3,  /* the path is not one below the drive */
	CALL_FLAG_ONE_HOST = 1 << 4, /* no other gateway: what is asked is about this one */
	CALL_FLAG_BY_ID = 1 << 5,    /* of a document that may have no name, and is there for a session only */
};

#define CALL_KEY_BYTES 16
#define CALL_KEY_SIZE (2 * CALL_KEY_BYTES + 1)

struct store_http_call;
/* Comes exactly once, on a thread of the store's; ends with store_http_call_over. error 0: response has a 2xx. response
 * is NULL when there was none. */
typedef void (*store_http_call_finish_fn)(struct store_http_call *call, int error, struct http_response *response);

struct batch_call {
	const struct op *ops;
	size_t count;
	int64_t number;
	unsigned renewals; /* because of it: of the session */
	unsigned asked;	   /* of the journal, by answers that were doubtful */
	int index;
	bool refused;  /* here: it writes under file locks that were lost */
	bool in_doubt; /* an attempt without an answer: it may have been applied */
	bool lost; /* it is not sent under its number any more: when its session is replaced, the journal is asked */
	struct store_position since; /* before it was sent under its number: what it did comes behind */
	void (*done)(void *cookie, int error, const struct store_batch_reply *reply);
};

struct block_call {
	struct worker_job job;
	uint8_t sha256[32]; /* what the bytes must have: the block's name, or what the answer says of a part */
	uint32_t size;	    /* of the block */
	struct store_part part;
	bool whole;
	bool again;   /* the bytes were wrong once already */
	bool bare;    /* asked without the capability */
	bool coming;  /* what comes are the bytes, not a refusal */
	uint32_t got; /* of them */
	void (*get)(void *cookie, int error);
	void (*put)(void *cookie, int error);
};

/* One name's child, one document, or a page of children. */
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
	bool held_before; /* something of that kind */
	void (*hold)(void *cookie, int error, const struct store_lock_reply *reply);
	void (*wait)(void *cookie, int error);
	void (*test)(void *cookie, int error, const struct store_lock_range *other);
};

struct xattrs_call {
	int64_t id;
	json_t *pages; /* lists of those of one version, until the last has come; this call's */
	int64_t seq;   /* of that version */
	size_t bytes;  /* of the answers with these pages */
	unsigned anew; /* versions that ended before their last page */
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
 * The life of a call. One function moves it, in call.c, by a table of what may follow on what, with the lock held. From
 * CALL_MADE on it is in s->calls until it is freed.
 *
 * | state        | what it means                                | where it is               | who moves it on       |
 * |--------------|----------------------------------------------|---------------------------|-----------------------|
 * | CALL_MADE    | its caller is making the request             | nowhere                   | who starts it         |
 * | CALL_SENT    | an attempt is under way                      | the client's (call->http) | the client's answer   |
 * | CALL_WAITING | it is sent again, or ended, at its time      | in s->waiting             | the clock             |
 * | CALL_PARKED  | it means nothing without a session, and      | in s->waiting             | the clock, which a    |
 * |              | there is none                                |                           | new session wakes     |
 * | CALL_IN_HAND | an answer is judged or told; finish may have | with the thread at work   | that thread; or it is |
 * |              | it sent once more                            |                           | freed                 |
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
	char key[CALL_KEY_SIZE]; /* Idempotency-Key of a change that is no batch: the same for all attempts; "": none */
	struct buf path;	 /* behind …/drives/ID, or of the host */
	struct buf owned;
	struct span body;
	size_t response_max;
	unsigned deadline_ms;
	int broken; /* the request could not be made: this is told instead */
	store_http_call_finish_fn finish;
	int (*prepare)(struct store_http_call
			*call); /* NULL, or completes the request before each attempt; with the lock held */
	void *cookie;
	/* Guarded by s->lock. */
	enum store_http_call_state state;
	struct http_call *http; /* CALL_SENT: the attempt */
	size_t gateway;		/* where to */
	unsigned failures;
	int64_t began_ns; /* what it belongs to: an outage is counted from here */
	int64_t first_failure_ns;
	int64_t due_ns; /* CALL_WAITING, CALL_PARKED: when the clock takes it */
	bool cancelled; /* nobody wants it any more: it ends when the thread that has it sees this */
	bool floor_sent;
	bool moved; /* its gateway was left while it waited: it is sent to another one */
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
	struct store base; /* first */
	struct http_client *client;
	struct worker *hasher;
	char *authorization, *name;
	int64_t outage_ns, doubt_ns;
	/* While the store is opened: how long an attempt may take, as one gateway that is silent must not take all
	 * the time that there is; 0: as long as the call says. */
	unsigned attempt_ms;
	struct store_http_counts counts[CALL_KINDS];
	struct metric *retries, *failovers, *doubts;

	pthread_mutex_t lock; /* guards all below; held while http_client_start runs, never during a callback */
	pthread_cond_t clock_wake, all_over;
	pthread_t clock;
	bool clock_runs, clock_stop, closing;
	char drive[24];
	char *drive_name;      /* NULL: it is called by its number, or home */
	uint32_t drive_number; /* 0: not known yet */
	struct gateways *gateways;
	struct store_position seen;
	int64_t session; /* 0: none */
	int64_t others;	 /* mounts beside this one, as the last poll said; -1: none did */
	int64_t next_batch;
	int64_t replaces; /* the session that was lost: no other one is opened but in its place; 0: none */
	/* Of that opening, until it is answered: there will be one, however often it is tried. */
	char renew_key[CALL_KEY_SIZE];
	bool renewing;
	struct store_http_locked *locked; /* documents with file locks, or whose locks were lost */
	uint64_t lock_life;		  /* see store.h */
	int64_t lock_number;		  /* of the last request about them */
	unsigned lock_lease_s; /* how long the store may not hear of a mount that has some; 0: it does not say */
	uint64_t in_doubt;
	unsigned late_polls; /* in a row without an answer in time */
	int last_failure;    /* of the network, and where: for ret_why */
	size_t last_gateway;
	struct store_http_call *calls; /* by ticket */
	struct store_http_call *waiting;
	uint64_t next_ticket;
};

/* call.c: waits for memory rather than fails, as there would be nobody to tell. */
struct store_http_call *store_http_call_new(
	struct store_http *s, enum store_http_call_kind kind, store_http_call_finish_fn finish, void *cookie);
void store_http_call_path(struct store_http_call *call, const char *format, ...) __attribute__((format(printf, 2, 3)));
void store_http_call_key(struct store_http_call *call);
void store_http_call_json_take(
	struct store_http_call *call, json_t *body); /* the request's body; call->broken on failure */
store_ticket store_http_call_start(struct store_http_call *call);
store_ticket store_http_call_start_locked(struct store_http_call *call);  /* with the lock held */
void store_http_call_over(struct store_http_call *call);		  /* frees */
void store_http_call_again(struct store_http_call *call, bool elsewhere); /* from finish: once more, at once */
/* From finish: what went before is known to have done nothing, and it begins anew after a pause that grows with what it
 * has met; of its outage it gets no more for that. */
void store_http_call_anew(struct store_http_call *call);
bool store_http_call_is_late(const struct store_http_call *call); /* its outage was waited out */
void store_http_cancel(struct store *base, store_ticket ticket);
void store_http_call_cancel_locked(struct store_http_call *call); /* with the lock held */
int store_http_call_clock_start(struct store_http *s);
void store_http_call_clock_end(struct store_http *s);

/* judge.c: what an answer means. */
enum verdict {
	VERDICT_FINISH,	 /* the call is over, with ret_error */
	VERDICT_NEXT,	 /* at another gateway */
	VERDICT_LATER,	 /* here, after a pause */
	VERDICT_AT_ONCE, /* here, now: what was wrong with the request is put right */
	VERDICT_RENEW,	 /* under a new session */
};
enum verdict store_http_judge(
	struct store_http_call *call, const struct http_response *response, int *ret_error); /* with the lock held */
/* Of a batch: it is answered under its number, for good, also when it is refused with what elsewhere is worth another
 * try. */
bool store_http_batch_is_settled(const struct store_http_call *call, const struct http_response *response);
void store_http_note_position(struct store_http *s, struct store_position at); /* with the lock held */
struct store_position store_http_response_position(const struct http_response *response);
int64_t store_http_response_number(
	const struct http_response *response, const char *name); /* of a header; 0: not there */

/* session.c */
/* Nothing is sent under it any more. With the lock held; another session than the current one is lost already. */
void store_http_session_lost(struct store_http *s, int64_t session);
void store_http_session_renew(struct store_http *s); /* with the lock held; calls that are parked go on after it */
void store_http_session_end(struct store_http *s);   /* blocks, at most 5 s */

/*
 * inquiry.c: what became of a batch in doubt, which met this error. Its session is lost with it; when that
 * is replaced the batch is answered, or goes again under the new one. Without the lock.
 */
void store_http_inquire(struct store_http_call *batch, int error);
void store_http_batch_unknown(struct store_http_call *call, int error); /* batch.c: nobody can say */

/* lock.c */
void store_http_locks_session(struct store_http *s,
	bool kept); /* there is a new session, with the locks of the old one or without; with the lock held */
/* The first of the ops that writes to a document whose locks were lost; -1: none does. With the lock held. */
int store_http_locks_refused_op(struct store_http *s, const struct op *ops, size_t count);
void store_http_locks_fini(struct store_http *s);
store_ticket store_http_lock(struct store *base, const struct store_lock *lock,
	void (*done)(void *cookie, int error, const struct store_lock_reply *reply), void *cookie);
store_ticket store_http_lock_wait(struct store *base, const struct store_lock *lock, unsigned wait_s,
	void (*done)(void *cookie, int error), void *cookie);
store_ticket store_http_lock_test(struct store *base, const struct store_lock *lock,
	void (*done)(void *cookie, int error, const struct store_lock_range *other), void *cookie);
void store_http_lock_settled(struct store *base, int64_t id);

/* check.c: is it something that the store could have meant? */
bool store_http_item_ok(const struct item *item, uint32_t drive);
bool store_http_extent_ok(const struct extent *extent, int64_t size, int64_t from);

/* read.c: an answer that was refused for what it says is worth a line in the log, since something between us and the
 * store is broken. Returns what the caller is told. */
int store_http_nonsense(const struct store_http_call *call, int error);

/* The calls: read.c, xattrs_read.c, batch.c, block.c, poll.c */
store_ticket store_http_drive(
	struct store *base, void (*done)(void *cookie, int error, const struct store_drive *drive), void *cookie);
store_ticket store_http_lookup(struct store *base, int64_t parent, struct span name,
	void (*done)(void *cookie, int error, const struct item *item, struct store_position at), void *cookie);
store_ticket store_http_item(struct store *base, int64_t id,
	void (*done)(void *cookie, int error, const struct item *item, struct store_position at), void *cookie);
/* For a call that began before, whose outage it shares. */
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
/* The answer to a block's GET comes to where the caller wants it; a refusal is collected as any. */
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
