/* docs_pg_internal: declarations shared by the files of this storage; not for any other file. */
#ifndef NEPHOS_DOCS_DOCS_PG_INTERNAL_H
#define NEPHOS_DOCS_DOCS_PG_INTERNAL_H

#include "backend/docs/rows/pg/docs_pg.h"
#include "backend/docs/rows/pg/sql.h"

#include "common/base/error.h"

#include <errno.h>

/* Array parameters, kept from call to call so that their memory is reused. Each statement uses as many arrays of
 * numbers and of bytes as it needs. */
#define DOCS_PG_NUMBERS 6
#define DOCS_PG_BYTES 13
/* Most statements in one flush: of a begin (BEGIN, lock, keys, loads) or of a commit. */
#define DOCS_PG_FLUSH_MAX 20

/* The mode as it is stored in the row of a document. */
static inline int64_t docs_pg_mode(const struct item *item)
{
	return item->mode | (item->bare ? 0 : SQL_MODE_XATTRS);
}

struct docs_txn {
	bool open;		     /* BEGIN was sent, and neither COMMIT nor ROLLBACK was answered yet */
	bool guess;		     /* began with cached rows (guess.c): nothing was sent yet */
	bool assumed;		     /* of a guess: it is not known whether a row that is to be added is new */
	struct cached_drive *cached; /* taken from the cache; NULL: another thread has it */
	struct tree_drive drive;
	struct docs_key *keys; /* a copy of the caller's keys; the spans still point to the caller's bytes */
	size_t key_count;
	struct docs_seen *seen;
	bool *stale;		      /* a user's key whose row is too old to count: the row is removed first */
	struct pg_result *results[2]; /* of the keys: the spans of repeated answers point into these results */
};

struct docs_pg {
	struct docs_store store; /* first */
	struct pg *pg;
	struct drive_cache *cache; /* may be NULL */
	struct standby *standby;   /* NULL: the primary answers all reads */
	struct pg_array *numbers[DOCS_PG_NUMBERS];
	struct pg_array *bytes[DOCS_PG_BYTES];
	struct docs_txn txn;
	int64_t swept;	      /* for upkeep: the last drive whose journal and kept answers were swept */
	char drive_name[256]; /* the bytes of the name in the drive that was returned last */
};

static inline struct docs_pg *docs_pg_of(struct docs_store *store)
{
	return (struct docs_pg *)store;
}

/* Empties all arrays. */
void docs_pg_reset(struct docs_pg *s);

/* ---- rows ---- */
void docs_pg_node(const struct pg_result *r, int row, int column, struct tree_node *ret);
void docs_pg_extent(const struct pg_result *r, int row, int column, struct tree_extent *ret);
void docs_pg_drive(const struct pg_result *r, int row, struct docs_drive *ret);

/* 0: a client that has seen the floor may be shown a view of that position. */
int docs_pg_check_floor(const struct docs_position *floor, const struct docs_position *at);

#define DOCS_PG_MORE 6
struct docs_pg_question { /* a statement whose $1 and $2 are the scope's drive and user */
	const struct pg_statement *statement;
	const struct docs_scope *scope;
	struct pg_param more[DOCS_PG_MORE]; /* $3… */
	size_t count;
};
/* Runs it alone, or as part of the open transaction. ret may be NULL. */
int docs_pg_run(struct docs_pg *s, const struct pg_statement *statement, const struct pg_param *params, size_t count,
	struct pg_result **ret);
int docs_pg_ask(struct docs_pg *s, const struct docs_pg_question *q, struct pg_result **ret);
/* Runs a read: checks the drive (-ERR_NOT_FOUND) and the floor. ret_at (may be NULL) is set as soon as both are
 * checked, so it is set also when the document is not found afterwards. */
int docs_pg_read(
	struct docs_pg *s, const struct docs_pg_question *q, struct docs_position *ret_at, struct pg_result **ret);

/* ---- the operations ---- */
int docs_pg_drive_home(struct docs_store *store, int64_t user, struct docs_drive *ret);
int docs_pg_drive_create(
	struct docs_store *store, int64_t user, struct span name, int64_t quota, struct docs_drive *ret);
int docs_pg_drive_get(struct docs_store *store, const struct docs_scope *scope, struct docs_drive *ret);
int docs_pg_drive_list(struct docs_store *store, int64_t user, docs_on_drive on_drive, void *cookie);
int docs_pg_drive_change(
	struct docs_store *store, const struct docs_scope *scope, const struct span *name, const int64_t *quota);
int docs_pg_drive_trash(struct docs_store *store, const struct docs_scope *scope, const struct span *confirm);
int docs_pg_drive_purge(struct docs_store *store, const struct docs_scope *scope, const struct span *confirm);
int docs_pg_drive_trash_list(struct docs_store *store, int64_t user, docs_on_drive on_drive, void *cookie);
int docs_pg_drive_restore(struct docs_store *store, const struct docs_scope *scope, bool *ret_replaced);
/* For a scope without a usable drive: -ERR_DRIVE_TRASHED or -ERR_NOT_FOUND, or the failure of the statement that
 * looks. */
int docs_pg_no_drive(struct docs_pg *s, const struct docs_scope *scope);
int docs_pg_trash_user(struct docs_store *store, int64_t user);
int docs_pg_account_get(struct docs_store *store, int64_t user, struct docs_account *ret);
int docs_pg_account_set(struct docs_store *store, int64_t user, int64_t quota, int64_t documents);
int docs_pg_user_cursor(struct docs_store *store, int64_t *ret_since);
int docs_pg_user_cursor_set(struct docs_store *store, int64_t since);
int docs_pg_ids_reserve(struct docs_store *store, const struct docs_scope *scope, uint32_t count, int64_t *ret_first);

int docs_pg_item_get(struct docs_store *store, const struct docs_scope *scope, int64_t id, docs_on_item on_item,
	void *cookie, struct docs_position *ret_at);
int docs_pg_item_lookup(struct docs_store *store, const struct docs_scope *scope, int64_t parent, struct span name,
	docs_on_item on_item, void *cookie, struct docs_position *ret_at);
int docs_pg_item_path(struct docs_store *store, const struct docs_scope *scope, struct docs_walk *walk,
	docs_on_item on_item, void *cookie, struct docs_position *ret_at);
int docs_pg_children(struct docs_store *store, const struct docs_scope *scope, const struct docs_children *what,
	docs_on_item on_item, void *cookie, struct docs_position *ret_at);
int docs_pg_extents(struct docs_store *store, const struct docs_scope *scope, int64_t id, int64_t from, int64_t len,
	uint32_t limit, docs_on_item on_item, docs_on_extent on_extent, void *cookie, struct docs_position *ret_at);
int docs_pg_snapshot_begin(struct docs_store *store);
void docs_pg_snapshot_end(struct docs_store *store);
int docs_pg_xattrs(struct docs_store *store, const struct docs_scope *scope, struct docs_xattrs *what,
	docs_on_xattr on_xattr, void *cookie, struct docs_position *ret_at);
int docs_pg_changes(struct docs_store *store, const struct docs_scope *scope, int64_t since, uint32_t limit,
	docs_on_change on_change, void *cookie, struct docs_position *ret_at);

int docs_pg_session_create(struct docs_store *store, const struct docs_scope *scope, struct span name, int64_t replaces,
	int64_t *ret_session);
int docs_pg_session_end(struct docs_store *store, const struct docs_scope *scope, int64_t session);
int docs_pg_session_poll(
	struct docs_store *store, const struct docs_scope *scope, const struct docs_poll *poll, int64_t *ret_others);

int docs_pg_lock_hold(struct docs_store *store, const struct docs_scope *scope, const struct docs_lock_held *held,
	const struct docs_lock_terms *terms, struct docs_lock_reply *ret, docs_on_item on_item, void *cookie,
	struct docs_position *ret_at);
int docs_pg_lock_look(struct docs_store *store, const struct docs_scope *scope, const struct docs_lock_wanted *wanted,
	const struct docs_lock_terms *terms, struct docs_lock_seen *ret, struct docs_position *ret_at);
int docs_pg_lock_kept(struct docs_store *store, const struct docs_scope *scope, int64_t session, bool *ret);

int docs_pg_txn_begin(struct docs_store *store, uint32_t drive, const struct docs_key *keys, size_t key_count,
	const struct tree_wants *wants, int64_t now_ns, struct tree **ret_tree, const struct docs_seen **ret_seen);
int docs_pg_txn_commit(struct docs_store *store, const struct tree_delta *delta, const struct docs_answer *answers);
void docs_pg_txn_abort(struct docs_store *store);
int docs_pg_answer_find(struct docs_store *store, const struct docs_key *key, struct docs_seen *ret);
/* Frees all that the transaction held; does not touch the connection. */
void docs_pg_txn_end(struct docs_pg *s);
/* Whether the row of the entry's child names another entry than this one (see SQL_NAME_AGAIN). child: the row as
 * this transaction leaves it; NULL: not known, which counts as true. */
bool docs_pg_is_linked(const struct tree_entry *entry, const struct tree_node *child);
/* Whether the n-th key is a session's, and its answer is to be kept. */
bool docs_pg_is_kept_by_session(const struct docs_txn *t, const struct docs_answer *answers, size_t n);
/* Whether the delta is that of one op, as most deltas are. If so, its single statement can be queued. */
bool docs_pg_commit_is_one(const struct docs_txn *t, const struct tree_delta *d, const struct docs_answer *answers);
int docs_pg_commit_one_queue(struct docs_pg *s, const struct tree_delta *d, const struct docs_answer *answers);
/* Queues the answers under users' keys, and all repeats. New answers of sessions are written with the delta. */
int docs_pg_answers_queue(struct docs_pg *s, const struct docs_answer *answers);
/* Queues the loads of wants. docs_pg_load_take takes the results, in the same order, into the tree. */
int docs_pg_load_queue(struct docs_pg *s, uint32_t drive, const struct tree_wants *w, size_t *ret_count);
/* cached may be NULL. */
int docs_pg_load_take(
	struct pg_result *const *results, const struct tree_wants *w, struct tree *tree, struct cached_drive *cached);
/* ---- transactions that begin with cached rows ---- */
/* Takes the drive in the cache for this transaction. true: the cached rows are enough for it, and its tree is
 * made and loaded. false: the database must be asked. */
bool docs_pg_guess(
	struct docs_pg *s, uint32_t drive, const struct tree_wants *wants, int64_t now_ns, struct tree **ret_tree);
/* The drive's row as it must still be: the array parameter of SQL_COMMIT_GUESS_ONE, _TWO and SQL_CLAIM. The
 * array is one of the store's. */
int docs_pg_guess_param(struct docs_pg *s, struct pg_param *ret);
/* Tells the cache what was committed. */
void docs_pg_guess_learn(struct docs_pg *s, const struct tree_delta *delta, const struct docs_answer *answers);

int docs_pg_block_find(
	struct docs_store *store, const struct docs_scope *scope, const uint8_t sha256[32], struct docs_block *ret);
int docs_pg_block_generation(
	struct docs_store *store, const struct docs_scope *scope, struct docs_block *ret, int64_t *ret_room);
int docs_pg_blocks_strays(struct docs_store *store, const struct block_name *names, size_t count, bool *ret_stray);
int docs_pg_block_stored(struct docs_store *store, const struct docs_scope *scope, const struct docs_block *block,
	struct docs_block *ret);
int docs_pg_block_referenced(
	struct docs_store *store, const struct docs_scope *scope, const uint8_t sha256[32], struct docs_block *ret);

int docs_pg_collect_blocks(struct docs_store *store, int64_t grace_s, uint32_t limit,
	int (*on_block)(uint32_t drive, const struct docs_block *block, void *cookie), void *cookie,
	uint32_t *ret_count);
int docs_pg_block_drop(struct docs_store *store, uint32_t drive, const struct docs_block *blocks, size_t count,
	int (*on_block)(uint32_t drive, const struct docs_block *block, void *cookie), void *cookie);
int docs_pg_block_refused(struct docs_store *store, uint32_t drive, const uint8_t (*hashes)[32], size_t count,
	int (*on_block)(uint32_t drive, const struct docs_block *block, void *cookie), void *cookie);
int docs_pg_collect_short(struct docs_store *store, const struct docs_shortage *shortage,
	int (*on_block)(uint32_t drive, const struct docs_block *block, void *cookie), void *cookie,
	uint32_t *ret_count);
int docs_pg_collect_orphans(struct docs_store *store, int64_t grace_s, uint32_t limit, uint32_t *ret_count);
int docs_pg_collect_expired(struct docs_store *store, uint32_t limit, uint32_t *ret_count);

int docs_pg_fsck_start(struct docs_store *store, bool repair, bool *ret_new);
int docs_pg_fsck_get(struct docs_store *store, struct docs_fsck *ret);
int docs_pg_fsck_stop(struct docs_store *store);
int docs_pg_fsck_findings(
	struct docs_store *store, int64_t after, uint32_t limit, docs_on_finding on_finding, void *cookie);

int docs_pg_digest_keep(struct docs_store *store, int64_t id, int64_t content_seq, const uint8_t sha256[SHA256_BYTES]);
int docs_pg_digest_get(struct docs_store *store, int64_t id, int64_t content_seq, uint8_t ret_sha256[SHA256_BYTES]);

int docs_pg_ring_call(
	struct docs_store *store, const struct membership_call *call, struct membership *ret_book, bool *ret_lease);
int docs_pg_ring_look(struct docs_store *store, struct membership *ret_book);
int docs_pg_ring_claim(
	struct docs_store *store, uint32_t drive, int64_t epoch, struct docs_position *ret_at, int64_t *ret_owner);

#endif
