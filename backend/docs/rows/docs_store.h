/*
 * docs_store: the interface between the rules of the docs service and the storage of its rows. docs_pg.c stores
 * them in PostgreSQL. docs_mem.c (for tests) keeps everything in memory and fails on purpose when a test asks
 * for it.
 *
 * All calls block; each worker thread has a store of its own. A read is one statement, so that its result and
 * the seq that it is reported for belong to one snapshot. Each read takes a floor: it fails with -ERR_BEHIND
 * when the snapshot is below the floor, and with -ERR_EPOCH when the drive has another incarnation. A user sees
 * only their own drives: any other drive is -ERR_NOT_FOUND, and a drive of their own that is in the trash is
 * -ERR_DRIVE_TRASHED.
 */
#ifndef NEPHOS_DOCS_STORE_H
#define NEPHOS_DOCS_STORE_H

#include "backend/docs/blocks/block_store.h"
#include "backend/docs/rows/fsck.h"
#include "common/ring/membership.h"
#include "common/rules/tree.h"
#include "common/base/error.h"
#include "common/base/sha256.h"

#include <errno.h>

struct docs_store;

struct docs_position { /* of a drive: the position that an answer is of, or the floor of a read (all 0: none) */
	int64_t incarnation, seq;
};

/* Where a drive stood when a read was requested, and the newest timeline of the database that anybody had been
 * told of by then. A standby may answer the read if it stands exactly there (rows/pg/standby.h). timeline 0: no
 * standby may. */
struct docs_stand {
	struct docs_position at;
	int64_t timeline;
};

struct docs_drive {
	struct tree_drive row;
	struct docs_position at;
	struct span name;
	int64_t trashed_at; /* drive_trash_list: unix seconds */
	/* of drive_get and drive_list: no document of the drive has xattrs; false: some may have */
	bool bare;
};

/* Who makes a request, and about which drive. user 0: the service itself (no owner check). session: the mount's
 * session, which may see the documents without a name that it may hold. */
struct docs_scope {
	int64_t user;
	uint32_t drive;
	int64_t session;
	struct docs_position floor;
	struct docs_stand stand; /* only for reads whose answer follows from the drive's journal (tagging) */
};

/* A transaction on one drive lasts from the lock of the drive to COMMIT; commit.h, its only caller, has the
 * details. */
/* The key under which an answer is kept: a session's batch number, or a user's Idempotency-Key. kind NONE: the
 * answer is not kept. */
struct docs_key {
	enum { DOCS_KEY_NONE, DOCS_KEY_SESSION, DOCS_KEY_USER } kind;
	int64_t user, session, number;
	struct span key;
	uint8_t fingerprint[32];
};
struct docs_answer { /* an answer as it is kept and repeated */
	int status;
	struct span headers; /* "Name: value\n"… */
	struct span body;
};
struct docs_seen { /* what the rows of kept answers say about one key of the transaction */
	enum { DOCS_NEW, DOCS_REPEAT, DOCS_REUSED, DOCS_OUT_OF_ORDER, DOCS_SESSION_GONE } state;
	struct docs_answer answer; /* of DOCS_REPEAT; valid until the transaction ends */
	/* of DOCS_NEW with a session's key: the drive's seq when the session began (tree_by) */
	int64_t began;
	/* The store took this state from memory, without asking the database. Conclusions from the drive's row
	 * hold only once txn_commit has found that the row is still the same. */
	bool guessed;
};

/* The error when a key cannot be used. 0: the key is new, or its answer is to be repeated. */
static inline int docs_seen_error(const struct docs_seen *seen)
{
	switch (seen->state) {
	case DOCS_NEW:
	case DOCS_REPEAT:
		return 0;
	case DOCS_REUSED:
		return -ERR_KEY_REUSED;
	case DOCS_OUT_OF_ORDER:
		return -ERR_OUT_OF_ORDER;
	case DOCS_SESSION_GONE:
		return -ERR_SESSION_GONE;
	}
	return -EIO;
}

/* Callbacks of reads. Their arguments are valid during the call only; a negative return value ends the read,
 * which then returns it. */
typedef int (*docs_on_item)(const struct item *item, void *cookie);
typedef int (*docs_on_extent)(const struct tree_extent *extent, void *cookie);
typedef int (*docs_on_xattr)(struct span name, struct span value, void *cookie);
typedef int (*docs_on_change)(const struct tree_change *change, void *cookie);
typedef int (*docs_on_finding)(const struct docs_fsck_finding *finding, void *cookie);
typedef int (*docs_on_drive)(const struct docs_drive *drive, void *cookie);

struct docs_walk {		  /* a walk along a path */
	const struct span *names; /* decoded segments, from the root */
	size_t count;
	/* NULL, or room for count ids: the folders in which the names were looked up, as far as the path was found */
	int64_t *folders;
	size_t depth; /* number of names that were found, so that the caller can tell when a parent is missing */
};

struct docs_xattrs {
	int64_t id;
	struct span after; /* names behind this one; empty: from the start */
	uint32_t limit;
	/* limit for names and values together: the xattr that exceeds it is the last one of the answer */
	size_t bytes;
	int64_t seq; /* of the document's last change of any kind; set before the first xattr is passed on */
};

struct docs_children {
	int64_t folder;
	struct span after; /* names behind this one; empty: from the start */
	uint32_t limit;
	bool with_inline; /* set inline_data of small documents */
};

struct docs_block {
	uint8_t sha256[32];
	int64_t generation;
	uint32_t size;
	int64_t uploader;
	/* when its row was last touched, for block_drop: each upload that finds the block sets a new time */
	int64_t touched;
	int64_t made_at;   /* when the generation was made, in seconds of the store's clock */
	uint32_t within_s; /* block_stored fails when more than this has passed since made_at; 0: no limit */
	int64_t step;	   /* block_stored fails when this is no longer the step of block_store.h; 0: any step */
};

struct docs_shortage {	 /* a lack of room for blocks */
	uint32_t drive;	 /* the drive whose owner lacks room */
	int64_t bytes;	 /* how many bytes are needed */
	int64_t grace_s; /* the grace of blocks that were never let go */
	uint32_t limit;	 /* most blocks of each drive in one call */
};

/* File locks: all that one session holds of one document. The two kinds do not conflict with each other. */
enum docs_lock_kind { DOCS_LOCK_POSIX, DOCS_LOCK_FLOCK, DOCS_LOCK_KINDS };
struct docs_lock_range {
	int64_t from, to; /* to: the last byte, inclusive; INT64_MAX: to the end */
	bool exclusive;
};
/* when a session that holds a lock and is silent is ended, if another session wants the lock */
struct docs_lock_terms {
	unsigned lease_s; /* seconds since the session was last heard of … */
	unsigned doubt_s; /* … and seconds since another session first noticed that silence */
};
struct docs_lock_held {
	int64_t id;
	enum docs_lock_kind kind;
	int64_t number;			      /* of the request; grows with each request of the session */
	const struct docs_lock_range *ranges; /* disjoint; all ranges that the session holds from now on */
	size_t count;
	bool refuse; /* do not grant the request even if nothing is in the way: it is another waiter's turn */
};
struct docs_lock_reply {
	bool granted;
	bool waited; /* granted, and another session waits for a range that may have become free */
	bool broke;  /* a silent session was ended */
	bool in_the_way;
	struct docs_lock_range other; /* the first range that is in the way */
};
struct docs_lock_wanted {
	int64_t id;
	enum docs_lock_kind kind;
	struct docs_lock_range range;
	/* the session will wait for the lock: the sessions in the way report when they let go
	 * (docs_lock_reply.waited) */
	bool waits;
};
struct docs_lock_seen {
	bool in_the_way;
	struct docs_lock_range other; /* the first range that is in the way */
	int64_t lease_ms;	      /* after this time the first of the other sessions may be ended */
	bool broke;
};

struct docs_poll { /* the poll of a mount */
	int64_t session;
	const int64_t *held;
	size_t held_count;
};

struct docs_account {
	int64_t quota; /* bytes in all drives together; 0: no limit; -1: not set, the default applies */
	/* used: bytes of documents; blocks: bytes of stored blocks, including blocks that nothing refers to */
	int64_t used, blocks;
	int64_t default_quota;		  /* quota of the default account; -1: it has none */
	int64_t documents, documents_max; /* in all drives; max 0: no limit */
	int64_t extents, extents_max;	  /* the same for extents, as struct tree_drive counts them */
};
#define DOCS_DEFAULT_ACCOUNT 0 /* takes the place of a user id: the account for users without a quota of their own */

struct docs_store_ops {
	/* ---- drives ---- */
	/* The user's first drive; made when there is none. -EDQUOT (also from drive_create): the user has
	 * DRIVES_PER_USER_MAX drives. */
	int (*drive_home)(struct docs_store *s, int64_t user, struct docs_drive *ret);
	int (*drive_create)(
		struct docs_store *s, int64_t user, struct span name, int64_t quota, struct docs_drive *ret);
	int (*drive_get)(struct docs_store *s, const struct docs_scope *scope, struct docs_drive *ret);
	int (*drive_list)(struct docs_store *s, int64_t user, docs_on_drive on_drive, void *cookie);
	int (*drive_change)(
		struct docs_store *s, const struct docs_scope *scope, const struct span *name, const int64_t *quota);
	/* Puts a drive into the trash, or removes it for good if it is empty. Call it within a transaction, which
	 * keeps others from adding something meanwhile. confirm: the drive's name, or NULL. -ERR_CONFIRM: the drive
	 * has content, and confirm is not its name. -ERR_NOT_FOUND: also when the drive is in the trash. */
	int (*drive_trash)(struct docs_store *s, const struct docs_scope *scope, const struct span *confirm);
	/* Removes a drive in the trash for good, and only such a drive: -ERR_NOT_FOUND, also when it is restored at
	 * the same moment. confirm and -ERR_CONFIRM as above. */
	int (*drive_purge)(struct docs_store *s, const struct docs_scope *scope, const struct span *confirm);
	int (*drive_trash_list)(struct docs_store *s, int64_t user, docs_on_drive on_drive, void *cookie);
	/* Takes a drive out of the trash. ret_replaced: it is its owner's first drive again, in place of another
	 * drive, which is removed. -ERR_NOT_FOUND: the drive is not in the trash. */
	int (*drive_restore)(struct docs_store *s, const struct docs_scope *scope, bool *ret_replaced);
	int (*trash_user)(struct docs_store *s, int64_t user); /* all drives of a user who was deleted */
	int (*account_get)(struct docs_store *s, int64_t user, struct docs_account *ret);
	/* quota -1: the default for both limits. documents 0: no limit; -1: the number that goes with the quota. */
	int (*account_set)(struct docs_store *s, int64_t user, int64_t quota, int64_t documents);
	int (*user_cursor)(
		struct docs_store *s, int64_t *ret_since); /* up to where the deletions of users were followed */
	int (*user_cursor_set)(struct docs_store *s, int64_t since);
	int (*ids_reserve)(struct docs_store *s, const struct docs_scope *scope, uint32_t count, int64_t *ret_first);

	/* ---- reads; ret_at: the position of the drive in the same snapshot ---- */
	int (*item_get)(struct docs_store *s, const struct docs_scope *scope, int64_t id, docs_on_item on_item,
		void *cookie, struct docs_position *ret_at);
	int (*item_lookup)(struct docs_store *s, const struct docs_scope *scope, int64_t parent, struct span name,
		docs_on_item on_item, void *cookie, struct docs_position *ret_at);
	/* One statement for the whole path. Symlinks are not followed. Passes on the last item. -ERR_NOT_FOUND:
	 * depth and folders are set then, too. */
	int (*item_path)(struct docs_store *s, const struct docs_scope *scope, struct docs_walk *walk,
		docs_on_item on_item, void *cookie, struct docs_position *ret_at);
	int (*children)(struct docs_store *s, const struct docs_scope *scope, const struct docs_children *what,
		docs_on_item on_item, void *cookie, struct docs_position *ret_at);
	/* First the item, then its extents that touch [from, from+len), in order, at most limit. */
	int (*extents)(struct docs_store *s, const struct docs_scope *scope, int64_t id, int64_t from, int64_t len,
		uint32_t limit, docs_on_item on_item, docs_on_extent on_extent, void *cookie,
		struct docs_position *ret_at);
	/* Keeps the SHA-256 of the document's content of that content_seq. Does nothing if the content is
	 * another one by now. Not part of a transaction. */
	int (*digest_keep)(struct docs_store *s, int64_t id, int64_t content_seq, const uint8_t sha256[SHA256_BYTES]);
	/* -ENOENT: no digest is kept of that content. */
	int (*digest_get)(struct docs_store *s, int64_t id, int64_t content_seq, uint8_t ret_sha256[SHA256_BYTES]);
	/* Between the two calls all reads see one state of all drives. A read that finds its connection lost may
	 * see another state; the seqs of its result show that. Keep this time short, and call only reads in it. */
	int (*snapshot_begin)(struct docs_store *s);
	void (*snapshot_end)(struct docs_store *s);
	/* In the byte order of their names. */
	int (*xattrs)(struct docs_store *s, const struct docs_scope *scope, struct docs_xattrs *what,
		docs_on_xattr on_xattr, void *cookie, struct docs_position *ret_at);
	/* Entries with seq > since, in order. -ERR_GONE: entries behind since are no longer kept. */
	int (*changes)(struct docs_store *s, const struct docs_scope *scope, int64_t since, uint32_t limit,
		docs_on_change on_change, void *cookie, struct docs_position *ret_at);

	/* ---- sessions of mounts ---- */
	/* replaces: the session that ends with this call; 0: none. The new session takes over what the replaced
	 * one held, and counts as begun when that one began (tree_by). A session that is gone already, or that
	 * is of another drive, is ignored. Call it within a transaction, which orders it with the batches of the
	 * drive: no batch of the replaced session takes effect after it. */
	/* -EDQUOT: the drive has SESSIONS_PER_DRIVE_MAX sessions. */
	int (*session_create)(struct docs_store *s, const struct docs_scope *scope, struct span name, int64_t replaces,
		int64_t *ret_session);
	int (*session_end)(struct docs_store *s, const struct docs_scope *scope, int64_t session);
	/* Renews the session. held: all documents without a name that the mount has open. A document that lost
	 * its name before the session began is held only if the session holds it already. ret_others: number of
	 * other sessions of the drive that were heard of within SESSION_PRESENT_S. -ERR_SESSION_GONE. */
	int (*session_poll)(struct docs_store *s, const struct docs_scope *scope, const struct docs_poll *poll,
		int64_t *ret_others);

	/* ---- file locks, of scope->session: -ERR_SESSION_GONE ---- */
	/* All ranges are granted or none. A request that is not granted is no failure. The document is passed on
	 * in its state after that, so it includes what another session stored before it let go.
	 * -ERR_OUT_OF_ORDER: a request with a higher number was answered already. A repeated number gets the
	 * same answer again. */
	int (*lock_hold)(struct docs_store *s, const struct docs_scope *scope, const struct docs_lock_held *held,
		const struct docs_lock_terms *terms, struct docs_lock_reply *ret, docs_on_item on_item, void *cookie,
		struct docs_position *ret_at);
	int (*lock_look)(struct docs_store *s, const struct docs_scope *scope, const struct docs_lock_wanted *wanted,
		const struct docs_lock_terms *terms, struct docs_lock_seen *ret, struct docs_position *ret_at);

	/* For a new session that replaced another one: whether it has the locks of that session. */
	int (*lock_kept)(struct docs_store *s, const struct docs_scope *scope, int64_t session, bool *ret);

	/* ---- the transaction of a commit: call in this order; after any failure: txn_abort ---- */
	/* Between txn_begin and txn_commit, the calls on drives, ids_reserve, session_create and session_end of
	 * the same store are part of the transaction (in docs_mem they persist after an abort, too). */
	/* Locks the drive's row (not found or not the caller's: -ERR_NOT_FOUND), then looks up the keys, then
	 * loads what wants names into the tree. The tree is made with tree_new; the caller frees it. ret_seen:
	 * one for each key, in their order; DOCS_NEW for a key of kind NONE; valid until txn_commit or
	 * txn_abort. At most two round trips. */
	int (*txn_begin)(struct docs_store *s, uint32_t drive, const struct docs_key *keys, size_t key_count,
		const struct tree_wants *wants, int64_t now_ns, struct tree **ret_tree,
		const struct docs_seen **ret_seen);
	/* Writes the delta and the answers, and commits. One round trip. -ENOTCONN: nothing happened, and the
	 * caller tries again (one reason: a guess was wrong). answers[i] belongs to keys[i]; status 0: nothing
	 * is kept under that key. A key that was seen as DOCS_REPEAT is written as repeated, so that the repeat
	 * waits for its standby too. The delta may be empty, and is NULL when no ops were applied. */
	int (*txn_commit)(struct docs_store *s, const struct tree_delta *delta, const struct docs_answer *answers);
	void (*txn_abort)(struct docs_store *s);
	/* The answer that is kept under a user's key, whatever happened to its drive: DOCS_NEW, DOCS_REPEAT or
	 * DOCS_REUSED. Keys of other kinds are always DOCS_NEW. Outside of a transaction; the answer is valid
	 * until txn_begin or txn_abort. */
	int (*answer_find)(struct docs_store *s, const struct docs_key *key, struct docs_seen *ret);

	/* ---- blocks ---- */
	/* Finds a stored block by its hash; its grace begins anew. -ENOENT. */
	int (*block_find)(
		struct docs_store *s, const struct docs_scope *scope, const uint8_t sha256[32], struct docs_block *ret);
	/* A new generation, never used before, and its made_at. ret_room: bytes of blocks that may still be
	 * stored; INT64_MAX: no limit. */
	int (*block_generation)(
		struct docs_store *s, const struct docs_scope *scope, struct docs_block *ret, int64_t *ret_room);
	/* The bytes are durable under hash and generation; from now on the block exists. When another upload was
	 * faster, ret has that upload's generation, and the caller removes its own bytes. -ENOENT: too late, or
	 * blocks have another place by now. Then nothing was done, and the bytes may be gone (blocks_strays). */
	int (*block_stored)(struct docs_store *s, const struct docs_scope *scope, const struct docs_block *block,
		struct docs_block *ret);
	/* Whether an extent of the drive refers to the block (for reading without a capability). */
	int (*block_referenced)(
		struct docs_store *s, const struct docs_scope *scope, const uint8_t sha256[32], struct docs_block *ret);

	/* ---- upkeep; each call does a bounded part of the work and returns how much it did ---- */
	/* Removes the rows of blocks that nothing refers to and that are older than grace, commits, and passes
	 * them to on_block, which removes the bytes. */
	int (*collect_blocks)(struct docs_store *s, int64_t grace_s, uint32_t limit,
		int (*on_block)(uint32_t drive, const struct docs_block *block, void *cookie), void *cookie,
		uint32_t *ret_count);
	/* The same for all drives of an owner who lacks room. Blocks that extents let go of are removed even
	 * before their grace is over: first those of the drive itself, then the oldest ones, as many as needed.
	 * ret_count: how many were looked at. */
	int (*collect_short)(struct docs_store *s, const struct docs_shortage *shortage,
		int (*on_block)(uint32_t drive, const struct docs_block *block, void *cookie), void *cookie,
		uint32_t *ret_count);
	/* blocks: as block_stored returned them, from an upload that failed. Removes those that nobody has found
	 * or referred to since, and passes them to on_block. */
	int (*block_drop)(struct docs_store *s, uint32_t drive, const struct docs_block *blocks, size_t count,
		int (*on_block)(uint32_t drive, const struct docs_block *block, void *cookie), void *cookie);
	/* The same by hash, for a batch that was refused. Removes only blocks that a single upload has brought. */
	int (*block_refused)(struct docs_store *s, uint32_t drive, const uint8_t (*hashes)[32], size_t count,
		int (*on_block)(uint32_t drive, const struct docs_block *block, void *cookie), void *cookie);
	/* Which of these names have no row with that generation. */
	int (*blocks_strays)(struct docs_store *s, const struct block_name *names, size_t count, bool *ret_stray);
	int (*collect_orphans)(struct docs_store *s, int64_t grace_s, uint32_t limit,
		uint32_t *ret_count); /* documents without name and holder, with their extents and xattrs */
	int (*collect_expired)(struct docs_store *s, uint32_t limit,
		uint32_t *ret_count); /* sessions, idempotency keys, drives after 30 days in the trash */
	/* A gateway's call to the book of the ring. In one transaction that holds the ring's row, the book is
	 * read, changed by membership_hear and written back. When membership_hear fails, nothing is written. An
	 * unknown outcome does no harm, because a call may be repeated. */
	int (*ring_call)(
		struct docs_store *s, const struct membership_call *call, struct membership *ret_book, bool *ret_lease);
	/* Reads the book; writes nothing. */
	int (*ring_look)(struct docs_store *s, struct membership *ret_book);
	/* From now on the caller is the home of the drive in that epoch: only requests with this epoch change
	 * the drive. -ERR_EPOCH: the ring has another epoch, or the drive was claimed in a later one.
	 * -ERR_NOT_FOUND: there is no such drive. */
	int (*ring_claim)(
		struct docs_store *s, uint32_t drive, int64_t epoch, struct docs_position *ret_at, int64_t *ret_owner);
	/* ---- the check of the whole store; docs_mem has none ---- */
	/* Only one check runs at a time. ret_new false: one runs already. */
	int (*fsck_start)(struct docs_store *s, bool repair, bool *ret_new);
	int (*fsck_get)(struct docs_store *s, struct docs_fsck *ret);
	int (*fsck_stop)(struct docs_store *s);
	/* The findings behind number `after` of the run that is under way, or of the last one. */
	int (*fsck_findings)(
		struct docs_store *s, int64_t after, uint32_t limit, docs_on_finding on_finding, void *cookie);
	void (*free)(struct docs_store *s);
};

/* First member of every implementation. */
struct docs_store {
	const struct docs_store_ops *ops;
};

#endif
