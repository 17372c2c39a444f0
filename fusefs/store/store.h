/*
 * store: THE SEAM of the mount. Above it are the FUSE requests, inodes, dirty data, caches. Below it is the way to
 * the store, with its failures. http/ sends requests to gateways; testing/mem.c keeps a drive in memory (for tests),
 * fault.c wraps another store and fails, delays and reorders calls on purpose.
 *
 * Everything is asynchronous: a call returns at once. Its callback is called exactly once, on a thread of the store,
 * and must not block. Callbacks may call the store again. The arguments of a callback are valid during the callback
 * only. error is 0 or a negative failure (errno or ERR_*).
 *
 * The store handles failures of the network: it goes to the next gateway, with the same keys, for up to
 * STORE_OUTAGE_S from the call on; then the call fails with -ERR_NO_GATEWAY (EIO for programs), and later calls try
 * again. `cancel` ends one call early (-EINTR); what was sent may have happened.
 */
#ifndef NEPHOS_FUSEFS_STORE_STORE_H
#define NEPHOS_FUSEFS_STORE_STORE_H

#include "common/base/clock.h"
#include "common/proto/op_answer.h"

#include <stdatomic.h>
#include <stdint.h>

#define STORE_OUTAGE_S 60      /* of all gateways, or of the database: a failover of it takes up to 30 */
#define STORE_OUTAGE_SLACK_S 3 /* one last round after it: finds a store that comes back just in time */
#define STORE_OUTAGE_NS ((STORE_OUTAGE_S + STORE_OUTAGE_SLACK_S) * NS_PER_S)
#define STORE_BATCH_BYTES_MAX (2u * 1024 * 1024) /* inline data of one batch: below BATCH_DATA_BYTES_MAX */

struct store;

/* One call in flight; 0 is no call. For `cancel`. */
typedef uint64_t store_ticket;

struct store_position {
	int64_t incarnation, seq;
};

struct store_drive {
	int64_t root;
	int64_t quota, used, free;	  /* bytes */
	int64_t documents, documents_max; /* max 0: none */
	struct store_position at;
	bool bare; /* no document has xattrs; false: some may have */
};

struct store_page {
	const struct item *items;
	size_t count;
	bool more;
	struct store_position at;
};

struct store_extents {
	const struct extent *extents;
	size_t count;
	bool more;
	int64_t size, content_seq;
	struct store_position at;
};

/* Bytes [from, from + len) of a block: all of the block, or at most BLOCK_PART_BYTES_MAX; and the memory of len
 * bytes that receives them. */
struct store_part {
	uint32_t from, len;
	void *into;
};

struct store_batch_reply {
	const struct op_result *results; /* when error is 0 */
	size_t count;
	int index; /* of the op that failed, -1: none in particular */
	struct store_position at;
	int64_t used, quota;
};

/* One entry of the journal. */
struct store_change {
	int64_t seq;
	enum op_kind op; /* OP_KINDS: an op that only a newer store has, which may have changed anything */
	int64_t id, parent, old_parent, replaced;
	struct span name, old_name; /* also set when the op did not change them: then they say where the document is */
	bool own;		    /* made by this mount's session */
	bool content, attributes, xattrs;
};

/* File locks. A request says all that the mount holds of one document and kind. The store does not need the
 * owners of the locks within a mount. */
struct store_lock_range {
	int64_t from, to; /* the last byte, included; INT64_MAX: to the end */
	bool exclusive;
};
struct store_lock {
	int64_t id;
	bool flock;
	const struct store_lock_range *held; /* all of the document and kind from now on: disjoint; valid until done */
	size_t count;
	const struct store_lock_range *queue; /* will be waited for after a refusal, or NULL; copied */
	uint64_t life;			      /* the lock life in which the caller assumes its locks to be valid */
};
struct store_lock_reply {
	uint64_t life; /* also with a failure: when it has grown, all earlier locks are lost */
	bool granted;
	const struct item
		*item; /* granted: the document as it is now, including what others stored before they released it */
	struct store_position at;
	bool in_the_way; /* not granted: `other` is the conflicting lock with the lowest start */
	struct store_lock_range other;
};

struct store_changes {
	uint64_t lock_life; /* see store_lock_reply */
	const struct store_change *list;
	size_t count;
	struct store_position last;
	bool more;	 /* last is not the end of the journal: the next poll is answered at once */
	bool reset;	 /* the journal does not reach back, or the incarnation is another: drop everything */
	bool counted;	 /* the answer gave `others` */
	unsigned others; /* other mounts of the drive */
};

static inline bool store_part_whole(const struct extent *extent, struct store_part part)
{
	return part.from == 0 && part.len == extent->block_size;
}

struct store_ops {
	store_ticket (*drive)(
		struct store *s, void (*done)(void *cookie, int error, const struct store_drive *drive), void *cookie);
	/* -ENOENT: no such name. */
	store_ticket (*lookup)(struct store *s, int64_t parent, struct span name,
		void (*done)(void *cookie, int error, const struct item *item, struct store_position at), void *cookie);
	store_ticket (*item)(struct store *s, int64_t id,
		void (*done)(void *cookie, int error, const struct item *item, struct store_position at), void *cookie);
	/* Entries after name `after` (empty: from the start), in the order of their bytes; with_inline: with the
	 * content of small files. */
	store_ticket (*children)(struct store *s, int64_t folder, struct span after, uint32_t limit, bool with_inline,
		void (*done)(void *cookie, int error, const struct store_page *page), void *cookie);
	store_ticket (*extents)(struct store *s, int64_t id, int64_t from, int64_t len,
		void (*done)(void *cookie, int error, const struct store_extents *extents), void *cookie);
	/* All of the document's attributes, of one version. -EBUSY: no version lasts long enough to be read. */
	store_ticket (*xattrs)(struct store *s, int64_t id,
		int (*each)(void *cookie, struct span name, struct span value), void (*done)(void *cookie, int error),
		void *cookie);
	/* A whole block is verified by its hash, a part by the digest that comes with its answer: -EBADMSG.
	 * extent gives sha256, generation, block_size, cap (copied). part.into belongs to the store until done;
	 * it holds the requested bytes only when there is no error. */
	store_ticket (*block_get)(struct store *s, const struct extent *extent, struct store_part part,
		void (*done)(void *cookie, int error), void *cookie);
	/* The block is durable when done. data must stay valid until done. */
	store_ticket (*block_put)(struct store *s, const uint8_t sha256[32], struct span data,
		void (*done)(void *cookie, int error), void *cookie);
	/* Sends a batch under (session, number): one batch at a time; the store chooses the numbers. The ops and
	 * what they point to must stay valid until done. The batch is sent again with the same number until
	 * there is an answer. reply is NULL when there was none (an outage, a cancel). With -ERR_IN_DOUBT, or
	 * after a cancel, the batch may have happened; otherwise nothing did. With a reply, an error is a
	 * refusal, and nothing of the batch took effect. */
	store_ticket (*batch)(struct store *s, const struct op *ops, size_t count,
		void (*done)(void *cookie, int error, const struct store_batch_reply *reply), void *cookie);
	/* Reserves document ids for this mount alone. */
	store_ticket (*ids)(
		struct store *s, uint32_t count, void (*done)(void *cookie, int error, int64_t first), void *cookie);
	/* The long poll: entries after `since`. It is answered, too, when the number of other mounts differs
	 * from the last poll's. It renews the session. held: documents that are open without a name (valid until
	 * done). The store does not repeat it: the caller (follow) decides that. */
	store_ticket (*poll)(struct store *s, struct store_position since, unsigned wait_s, const int64_t *held,
		size_t held_count, void (*done)(void *cookie, int error, const struct store_changes *changes),
		void *cookie);
	/* Requests that the mount holds these locks of a document. Not granted (error 0): it holds what it held
	 * before. -ERR_SESSION_GONE: its locks are lost, see reply->life. Any other failure: it may hold the old
	 * or the new locks. After its locks were lost, a write to the document is refused (-ESTALE) until
	 * lock_settled: it may have been made under a lock that another mount holds by now. One call at a time
	 * for each document and kind. reply is never NULL. */
	store_ticket (*lock)(struct store *s, const struct store_lock *lock,
		void (*done)(void *cookie, int error, const struct store_lock_reply *reply), void *cookie);
	/* Waits, at most wait_s, until it may be worth requesting lock->queue again. */
	store_ticket (*lock_wait)(struct store *s, const struct store_lock *lock, unsigned wait_s,
		void (*done)(void *cookie, int error), void *cookie);
	/* What another mount holds that conflicts with lock->queue; NULL: nothing. */
	store_ticket (*lock_test)(struct store *s, const struct store_lock *lock,
		void (*done)(void *cookie, int error, const struct store_lock_range *other), void *cookie);
	/* The caller will send no more data that was written to the document before its locks were lost. */
	void (*lock_settled)(struct store *s, int64_t id);
	void (*cancel)(struct store *s, store_ticket ticket); /* of a finished or unknown call: does nothing */
	/* Ends the session (deadline 5 s), cancels calls in flight, waits for their callbacks, frees. Must not
	 * be called from a callback. */
	void (*free)(struct store *s);
};

struct store {
	const struct store_ops *ops;
	/* When the store answered last, and when an answer last failed to come, on CLOCK_MONOTONIC; 0: never.
	 * The implementation of the store keeps them up to date. */
	_Atomic int64_t heard_ns, missed_ns;
};

/* How long a caller that began to wait at since_ns has been without an answer of the store; 0: the store
 * answers, or nothing shows that it does not. */
static inline int64_t store_silent_ns(const struct store *s, int64_t since_ns, int64_t now_ns)
{
	int64_t heard = atomic_load_explicit(&s->heard_ns, memory_order_relaxed);

	if (atomic_load_explicit(&s->missed_ns, memory_order_relaxed) <= heard)
		return 0;
	return now_ns - (heard > since_ns ? heard : since_ns);
}

#endif
