/*
 * docs_store: the seam between the rules of the docs service and where its rows lie. docs_pg.c is PostgreSQL;
 * docs_mem.c (tests) keeps everything in memory and fails on purpose when told.
 *
 * Blocking; each worker thread has a store of its own. Reads are one statement, so that what they say and the seq they
 * say it for are one snapshot; each takes a floor and fails with -ERR_BEHIND below it, -ERR_EPOCH at another
 * incarnation. A user sees only drives of their own: anything else is -ERR_NOT_FOUND; one of their own that is in the
 * trash is -ERR_DRIVE_TRASHED.
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

struct docs_position { /* of a drive: what an answer saw, or the floor of a read (all 0: none) */
	int64_t incarnation, seq;
};

/* Where a drive stood when a read was asked for, and the newest timeline of the database that anybody had been told of
 * by then: a standby may answer the read that stands exactly there (rows/pg/standby.h). timeline 0: none may. */
struct docs_stand {
	struct docs_position at;
	int64_t timeline;
};

struct docs_drive {
	struct tree_drive row;
	struct docs_position at;
	struct span name;
	int64_t trashed_at; /* drive_trash_list: unix seconds */
	bool bare;	    /* drive_get, drive_list: no document of it has xattrs; false: some may have */
};

/* Who asks for what. user 0: the service itself (no owner check). session: may see documents without a name that it may
 * hold. */
struct docs_scope {
	int64_t user;
	uint32_t drive;
	int64_t session;
	struct docs_position floor;
	struct docs_stand stand; /* only of reads whose answer follows from the drive's journal (tagging) */
};

/* A transaction on one drive, from lock to COMMIT; see commit.h, its only caller. */
/* under which an answer is kept: a session's batch number, or a user's Idempotency-Key; kind NONE: not kept */
struct docs_key {
	enum { DOCS_KEY_NONE, DOCS_KEY_SESSION, DOCS_KEY_USER } kind;
	int64_t user, session, number;
	struct span key;
	uint8_t fingerprint[32];
};
struct docs_answer { /* what is kept and repeated */
	int status;
	struct span headers; /* "Name: value\n"… */
	struct span body;
};
struct docs_seen { /* what the dedupe rows say, one for each key of the transaction */
	enum { DOCS_NEW, DOCS_REPEAT, DOCS_REUSED, DOCS_OUT_OF_ORDER, DOCS_SESSION_GONE } state;
	struct docs_answer answer; /* DOCS_REPEAT; valid until the transaction ends */
	int64_t began;		   /* DOCS_NEW, of a session: the drive's seq then (tree_by) */
	/* the store took this from memory, without asking the database: what follows from the drive's row is true only
	 * once txn_commit has found that the row is still like this */
	bool guessed;
};

/* Why a key cannot be used; 0: it is new, or its answer is to be repeated. */
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

/* Callbacks of reads: what they are given is valid during the call; a negative return ends the read with it. */
typedef int (*docs_on_item)(const struct item *item, void *cookie);
typedef int (*docs_on_extent)(const struct tree_extent *extent, void *cookie);
typedef int (*docs_on_xattr)(struct span name, struct span value, void *cookie);
typedef int (*docs_on_change)(const struct tree_change *change, void *cookie);
typedef int (*docs_on_finding)(const struct docs_fsck_finding *finding, void *cookie);
typedef int (*docs_on_drive)(const struct docs_drive *drive, void *cookie);

struct docs_walk {		  /* along a path */
	const struct span *names; /* decoded segments, from the root */
	size_t count;
	int64_t *folders; /* NULL, or room for count: where each name was looked up, as far as the path led */
	size_t depth;	  /* so many names were found, so that the caller can tell a missing parent */
};

struct docs_xattrs {
	int64_t id;
	struct span after; /* name to begin behind; empty: from the start */
	uint32_t limit;
	size_t bytes; /* of names and values: no more are given behind the one that leads beyond this */
	int64_t seq;  /* of the document's last change of any kind: set before the first is given */
};

struct docs_children {
	int64_t folder;
	struct span after; /* name to begin behind; empty: from the start */
	uint32_t limit;
	bool with_inline; /* give inline_data of small documents */
};

struct docs_block {
	uint8_t sha256[32];
	int64_t generation;
	uint32_t size;
	int64_t uploader;
	int64_t touched;   /* as its row has it, for block_drop: whoever finds it moves it on */
	int64_t made_at;   /* the generation, in seconds of the store's clock */
	uint32_t within_s; /* block_stored: so long after made_at, or not at all; 0: whenever */
	int64_t step;	   /* block_stored: as block_store.h says, or not at all; 0: whichever */
};

struct docs_shortage {	 /* of room for blocks */
	uint32_t drive;	 /* whose owner it is */
	int64_t bytes;	 /* that are wanted */
	int64_t grace_s; /* of what was never let go */
	uint32_t limit;	 /* of blocks of each drive, in one call */
};

/* File locks: what a session as a whole holds of one document. The two kinds do not see each other. */
enum docs_lock_kind { DOCS_LOCK_POSIX, DOCS_LOCK_FLOCK, DOCS_LOCK_KINDS };
struct docs_lock_range {
	int64_t from, to; /* the last byte, included; INT64_MAX: to the end */
	bool exclusive;
};
struct docs_lock_terms {  /* when one who holds a lock and is silent ends, should somebody want it */
	unsigned lease_s; /* so long since it was heard of … */
	unsigned doubt_s; /* … and so long since somebody noticed */
};
struct docs_lock_held {
	int64_t id;
	enum docs_lock_kind kind;
	int64_t number;			      /* of the request: grows with each of the session */
	const struct docs_lock_range *ranges; /* disjoint; all that the session holds from now on */
	size_t count;
	bool refuse; /* whatever is in the way: it is somebody else's turn */
};
struct docs_lock_reply {
	bool granted;
	bool waited; /* granted, and somebody waits for what may have become free */
	bool broke;  /* a silent session was ended */
	bool in_the_way;
	struct docs_lock_range other; /* what is, that lies first */
};
struct docs_lock_wanted {
	int64_t id;
	enum docs_lock_kind kind;
	struct docs_lock_range range;
	bool waits; /* will wait for it: who is in the way says when that ends (docs_lock_reply.waited) */
};
struct docs_lock_seen {
	bool in_the_way;
	struct docs_lock_range other; /* that lies first */
	int64_t lease_ms;	      /* then the first of the others may be ended */
	bool broke;
};

struct docs_poll { /* of a mount */
	int64_t session;
	const int64_t *held;
	size_t held_count;
};

struct docs_account {
	int64_t quota;	       /* bytes in all drives together, 0: no limit; -1: none is set, the default holds */
	int64_t used, blocks;  /* bytes of documents; of blocks that lie there, those included that nothing refers to */
	int64_t default_quota; /* the same of the default, -1: there is none */
	int64_t documents, documents_max; /* of all drives; max 0: no limit */
	int64_t extents, extents_max;	  /* the same, as struct tree_drive counts them */
};
#define DOCS_DEFAULT_ACCOUNT 0 /* in place of a user: those without a quota of their own */

struct docs_store_ops {
	/* ---- drives ---- */
	/* The caller's first drive; made when there is none. -EDQUOT, of drive_create too: there are
	 * DRIVES_PER_USER_MAX. */
	int (*drive_home)(struct docs_store *s, int64_t user, struct docs_drive *ret);
	int (*drive_create)(
		struct docs_store *s, int64_t user, struct span name, int64_t quota, struct docs_drive *ret);
	int (*drive_get)(struct docs_store *s, const struct docs_scope *scope, struct docs_drive *ret);
	int (*drive_list)(struct docs_store *s, int64_t user, docs_on_drive on_drive, void *cookie);
	int (*drive_change)(
		struct docs_store *s, const struct docs_scope *scope, const struct span *name, const int64_t *quota);
	/* confirm: the drive's name, or NULL. -ERR_CONFIRM: it has content, and that is not its name. Of one that
	 * is in the trash: it goes for good. */
	int (*drive_trash)(struct docs_store *s, const struct docs_scope *scope, const struct span *confirm);
	int (*drive_trash_list)(struct docs_store *s, int64_t user, docs_on_drive on_drive, void *cookie);
	/* Out of the trash. ret_replaced: it is its owner's first one again, in place of another, which is gone.
	 * -ERR_NOT_FOUND: it is not there. */
	int (*drive_restore)(struct docs_store *s, const struct docs_scope *scope, bool *ret_replaced);
	int (*trash_user)(struct docs_store *s, int64_t user); /* all drives of one who was deleted */
	int (*account_get)(struct docs_store *s, int64_t user, struct docs_account *ret);
	/* quota -1: the default, for both; documents 0: no limit, -1: as many as go with the quota. */
	int (*account_set)(struct docs_store *s, int64_t user, int64_t quota, int64_t documents);
	int (*user_cursor)(
		struct docs_store *s, int64_t *ret_since); /* how far the deletions of users were followed… */
	int (*user_cursor_set)(struct docs_store *s, int64_t since);
	int (*ids_reserve)(struct docs_store *s, const struct docs_scope *scope, uint32_t count, int64_t *ret_first);

	/* ---- reads; ret_at: the position of the drive in the same snapshot ---- */
	int (*item_get)(struct docs_store *s, const struct docs_scope *scope, int64_t id, docs_on_item on_item,
		void *cookie, struct docs_position *ret_at);
	int (*item_lookup)(struct docs_store *s, const struct docs_scope *scope, int64_t parent, struct span name,
		docs_on_item on_item, void *cookie, struct docs_position *ret_at);
	/* One statement for the whole path. No symlink is followed. Gives the last item. -ERR_NOT_FOUND; then depth and
	 * folders are set, too. */
	int (*item_path)(struct docs_store *s, const struct docs_scope *scope, struct docs_walk *walk,
		docs_on_item on_item, void *cookie, struct docs_position *ret_at);
	int (*children)(struct docs_store *s, const struct docs_scope *scope, const struct docs_children *what,
		docs_on_item on_item, void *cookie, struct docs_position *ret_at);
	/* Extents that touch [from, from+len), in order, at most limit; the item first. */
	int (*extents)(struct docs_store *s, const struct docs_scope *scope, int64_t id, int64_t from, int64_t len,
		uint32_t limit, docs_on_item on_item, docs_on_extent on_extent, void *cookie,
		struct docs_position *ret_at);
	/* SHA-256 of the document's content as it was at that content_seq; nothing happens if that is another one by
	 * now. In no transaction. */
	int (*digest_keep)(struct docs_store *s, int64_t id, int64_t content_seq, const uint8_t sha256[SHA256_BYTES]);
	/* -ENOENT: none was kept of that. */
	int (*digest_get)(struct docs_store *s, int64_t id, int64_t content_seq, uint8_t ret_sha256[SHA256_BYTES]);
	/* Between the two, reads see one state of all drives; a read that finds its connection lost may not, and what
	 * it reads says so by its seqs. Short, and nothing but reads. */
	int (*snapshot_begin)(struct docs_store *s);
	void (*snapshot_end)(struct docs_store *s);
	/* In the order of their names' bytes. */
	int (*xattrs)(struct docs_store *s, const struct docs_scope *scope, struct docs_xattrs *what,
		docs_on_xattr on_xattr, void *cookie, struct docs_position *ret_at);
	/* Entries with seq > since, in order. -ERR_GONE. */
	int (*changes)(struct docs_store *s, const struct docs_scope *scope, int64_t since, uint32_t limit,
		docs_on_change on_change, void *cookie, struct docs_position *ret_at);

	/* ---- sessions of mounts ---- */
	/* replaces: the session that ends with it, 0: none. What that one held goes over to the new one, which counts
	 * as begun when that one did (tree_by); one that is gone already, or of another drive, is passed over. Within a
	 * transaction, so that it is ordered with the batches of the drive: none of the old one takes effect behind
	 * it. */
	/* -EDQUOT: the drive has SESSIONS_PER_DRIVE_MAX. */
	int (*session_create)(struct docs_store *s, const struct docs_scope *scope, struct span name, int64_t replaces,
		int64_t *ret_session);
	int (*session_end)(struct docs_store *s, const struct docs_scope *scope, int64_t session);
	/* Renews; held is all that the mount has open without a name: of what had lost it before the session began only
	 * what it holds already is held. ret_others: sessions of the drive beside it that were heard of within
	 * SESSION_PRESENT_S. -ERR_SESSION_GONE. */
	int (*session_poll)(struct docs_store *s, const struct docs_scope *scope, const struct docs_poll *poll,
		int64_t *ret_others);

	/* ---- file locks, of scope->session: -ERR_SESSION_GONE ---- */
	/* All or nothing. Not granted is no failure. The document comes as it is after that: what was stored before
	 * another let go is in it. -ERR_OUT_OF_ORDER: a request with a higher number was answered. A number that comes
	 * again gets its answer again. */
	int (*lock_hold)(struct docs_store *s, const struct docs_scope *scope, const struct docs_lock_held *held,
		const struct docs_lock_terms *terms, struct docs_lock_reply *ret, docs_on_item on_item, void *cookie,
		struct docs_position *ret_at);
	int (*lock_look)(struct docs_store *s, const struct docs_scope *scope, const struct docs_lock_wanted *wanted,
		const struct docs_lock_terms *terms, struct docs_lock_seen *ret, struct docs_position *ret_at);

	/* Of a new session that replaces another: whether it has the locks of that one. */
	int (*lock_kept)(struct docs_store *s, const struct docs_scope *scope, int64_t session, bool *ret);

	/* ---- the transaction of a commit; in this order, any failure: txn_abort ---- */
	/* Between txn_begin and txn_commit the calls on drives, ids_reserve, session_create and session_end of the same
	 * store are part of the transaction (docs_mem: they hold after an abort, too). */
	/* Locks the drive row (not found or not the caller's: -ERR_NOT_FOUND), then looks at the keys, then loads what
	 * wants names into the tree made with tree_new, which the caller frees. ret_seen: one for each key, in their
	 * order; DOCS_NEW for one of kind NONE. Valid until txn_commit or txn_abort. At most two round trips. */
	int (*txn_begin)(struct docs_store *s, uint32_t drive, const struct docs_key *keys, size_t key_count,
		const struct tree_wants *wants, int64_t now_ns, struct tree **ret_tree,
		const struct docs_seen **ret_seen);
	/* Writes the delta and the answers, commits. One round trip. -ENOTCONN: nothing happened, and it is to be tried
	 * again (a guess was wrong, for one). answers[i] belongs to keys[i]; of status 0: nothing is kept under that
	 * key. A key that was seen as DOCS_REPEAT is written as repeated, so that it waits for its standby too. The
	 * delta may be empty, and NULL when no ops were applied. */
	int (*txn_commit)(struct docs_store *s, const struct tree_delta *delta, const struct docs_answer *answers);
	void (*txn_abort)(struct docs_store *s);
	/* What is kept under a user's key, whatever became of its drive: DOCS_NEW, DOCS_REPEAT or DOCS_REUSED; of other
	 * keys DOCS_NEW. Outside a transaction; valid until txn_begin or txn_abort. */
	int (*answer_find)(struct docs_store *s, const struct docs_key *key, struct docs_seen *ret);

	/* ---- blocks ---- */
	/* A stored block of that hash: its grace begins anew. -ENOENT. */
	int (*block_find)(
		struct docs_store *s, const struct docs_scope *scope, const uint8_t sha256[32], struct docs_block *ret);
	/* A new one, never used before, and made_at; bytes of blocks that may still come, INT64_MAX: no limit. */
	int (*block_generation)(
		struct docs_store *s, const struct docs_scope *scope, struct docs_block *ret, int64_t *ret_room);
	/* The bytes are durable under hash and generation: from now on the block exists. When another upload won: its
	 * generation in ret, and ours is to be removed. -ENOENT: too late, or blocks have another place: nothing was
	 * done, and the bytes may be gone (blocks_strays). */
	int (*block_stored)(struct docs_store *s, const struct docs_scope *scope, const struct docs_block *block,
		struct docs_block *ret);
	/* Is there an extent of the drive that names it? (reading without a capability) */
	int (*block_referenced)(
		struct docs_store *s, const struct docs_scope *scope, const uint8_t sha256[32], struct docs_block *ret);

	/* ---- upkeep; each call does a bounded piece and says how much it did ---- */
	/* Rows of blocks without reference, older than grace, are removed (committed) and given to on_block, which
	 * removes the bytes. */
	int (*collect_blocks)(struct docs_store *s, int64_t grace_s, uint32_t limit,
		int (*on_block)(uint32_t drive, const struct docs_block *block, void *cookie), void *cookie,
		uint32_t *ret_count);
	/* The same in all drives of one owner, who is short of room; what extents let go of goes before its grace is
	 * over, the oldest first, as far as is needed. ret_count: how many were looked at. */
	int (*collect_short)(struct docs_store *s, const struct docs_shortage *shortage,
		int (*on_block)(uint32_t drive, const struct docs_block *block, void *cookie), void *cookie,
		uint32_t *ret_count);
	/* Blocks as block_stored gave them, of an upload that came to nothing: those that nobody has found or
	 * named since go, and are given to on_block. */
	int (*block_drop)(struct docs_store *s, uint32_t drive, const struct docs_block *blocks, size_t count,
		int (*on_block)(uint32_t drive, const struct docs_block *block, void *cookie), void *cookie);
	/* The same by their hashes, of a batch that was refused: those that just one upload has brought. */
	int (*block_refused)(struct docs_store *s, uint32_t drive, const uint8_t (*hashes)[32], size_t count,
		int (*on_block)(uint32_t drive, const struct docs_block *block, void *cookie), void *cookie);
	/* Which of these have no row of their generation. */
	int (*blocks_strays)(struct docs_store *s, const struct block_name *names, size_t count, bool *ret_stray);
	int (*collect_orphans)(struct docs_store *s, int64_t grace_s, uint32_t limit,
		uint32_t *ret_count); /* documents without name and holder, their extents, xattrs */
	int (*collect_expired)(struct docs_store *s, uint32_t limit,
		uint32_t *ret_count); /* sessions, idempotency keys, drives after 30 days in the trash */
	/* A gateway's call to the book of the ring: read, changed by membership_hear and written back in one
	 * transaction that holds the ring's row. Failures of membership_hear: nothing was written. An unknown outcome
	 * is none to worry about: a call may come again. */
	int (*ring_call)(
		struct docs_store *s, const struct membership_call *call, struct membership *ret_book, bool *ret_lease);
	/* The book as it is; nothing is written. */
	int (*ring_look)(struct docs_store *s, struct membership *ret_book);
	/* The caller is home of the drive from now on, in that epoch: only what says so changes it. -ERR_EPOCH: it is
	 * not the ring's epoch, or the drive was claimed in a later one; -ERR_NOT_FOUND. */
	int (*ring_claim)(
		struct docs_store *s, uint32_t drive, int64_t epoch, struct docs_position *ret_at, int64_t *ret_owner);
	/* ---- the check of the whole store; docs_mem has none ---- */
	/* One runs at a time: ret_new false: one does already. */
	int (*fsck_start)(struct docs_store *s, bool repair, bool *ret_new);
	int (*fsck_get)(struct docs_store *s, struct docs_fsck *ret);
	int (*fsck_stop)(struct docs_store *s);
	/* Of the run that is, or of the last one, behind a number. */
	int (*fsck_findings)(
		struct docs_store *s, int64_t after, uint32_t limit, docs_on_finding on_finding, void *cookie);
	void (*free)(struct docs_store *s);
};

/* First member of every implementation. */
struct docs_store {
	const struct docs_store_ops *ops;
};

#endif
