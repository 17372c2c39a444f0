/*
 * drive_cache: the rows that the last transactions of this process on a drive read and wrote, so that the next
 * transaction need not load them again.
 *
 * The drive's row shows whether the cached rows are still true: each change of a document or an entry changes
 * that row too (seq, used, next_number, an epoch or the incarnation). So a transaction may begin with cached
 * rows, without asking the database, if its single round trip is conditional on the drive's row being unchanged
 * (commit_guess_one.sql). Nothing is answered before that. Rows that can change without the drive's row are
 * never cached: documents without a name, which upkeep removes.
 *
 * Threads: one thread at a time takes a drive, and gives it back; the module locks the table. Memory is bounded:
 * a row that was evicted is only loaded again.
 */
#ifndef NEPHOS_DOCS_DRIVE_CACHE_H
#define NEPHOS_DOCS_DRIVE_CACHE_H

#include "common/rules/tree.h"

#define DRIVE_CACHE_DRIVE_BYTES_MAX (8u << 20) /* of one drive: some 16,000 documents; the oldest are evicted first */
#define DRIVE_CACHE_BYTES_MAX \
	(64u << 20) /* of all drives that are not taken: whole drives are evicted, the least recently used first */
#define DRIVE_CACHE_PAUSE \
	8 /* transactions without a guess after a wrong one, because another process works on the drive */

struct drive_cache;

struct cached_session { /* the session and number of a mount's last batch; id 0: none */
	int64_t id, user, number;
};

struct cached_drive;

int drive_cache_new(struct drive_cache **ret);
void drive_cache_free(struct drive_cache *c); /* after all drives were given back; NULL is fine */

/* For this thread alone until drive_cache_give. NULL: another thread has it, or there is no memory. A new one
 * has no rows. */
struct cached_drive *drive_cache_take(struct drive_cache *c, uint32_t drive);
void drive_cache_give(struct drive_cache *c, struct cached_drive *d); /* NULL is fine */

/* Whether a transaction may begin with the cached rows. */
bool drive_cache_is_sure(const struct cached_drive *d);
/* The row as the last transaction left it. */
const struct tree_drive *drive_cache_row(const struct cached_drive *d);
/* Batches that are written without a look under the lock. A look finds a quota that was set for the owner
 * meanwhile. */
#define DRIVE_CACHE_GUESSES_MAX 256
/* the same for an owner with a quota: a look also finds what the owner's other drives hold */
#define DRIVE_CACHE_GUESSES_SHARED 16
/* number of such batches since the drive's row was read */
unsigned drive_cache_guesses(const struct cached_drive *d);
const struct cached_session *drive_cache_peek_session(const struct cached_drive *d);
/* The cached rows may be wrong, or were of no use: the next transaction asks the database. */
void drive_cache_doubt(struct cached_drive *d);
/* Forgets all rows: a load failed halfway, and rows that it had not reached yet would count as absent. */
void drive_cache_forget(struct cached_drive *d);
/* The drive's row as it was just read, under its lock. If it differs from the cached one, all cached rows are
 * forgotten. */
void drive_cache_found(struct cached_drive *d, const struct tree_drive *row);

/* true: all wanted rows are cached, and were loaded into the tree. false: some are not; the caller must free the
 * tree, which is partly filled. ret_assumed: nothing is cached about a fresh name or about the id of a new
 * document. Whether they are free shows when their rows are added. */
bool drive_cache_load(
	const struct cached_drive *d, const struct tree_wants *wants, struct tree *tree, bool *ret_assumed);

/* The rows that a transaction loads under the lock: drive_cache_wanted first notes all that it wants as absent,
 * then the other two note what exists. When there is no memory for a row, the row is forgotten. */
void drive_cache_wanted(struct cached_drive *d, const struct tree_wants *wants);
void drive_cache_node(struct cached_drive *d, const struct tree_node *node);
void drive_cache_entry(struct cached_drive *d, int64_t parent, struct span name, int64_t child); /* 0: no such entry */
/* The delta was committed. session (NULL: none): the session whose batch it was. */
void drive_cache_committed(
	struct cached_drive *d, const struct tree_delta *delta, const struct cached_session *session);

#endif
