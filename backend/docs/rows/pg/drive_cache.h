/*
 * drive_cache: what the last transactions of this process on a drive saw and left, so that the next one need not ask
 * for it again.
 *
 * The drive's row says whether it is still true: whoever changes a document or an entry moves the row (seq, used,
 * next_number, an epoch or the incarnation). So a transaction may begin with what is known, without a look at the
 * database, if its one round trip ends with "provided that the row is still this one" (commit_guess_one.sql).
 * Nothing is answered before that. What changes without the row is never kept: documents without a name, which upkeep
 * removes.
 *
 * Threads: a drive is taken by one thread at a time and given back; the table is locked inside. Memory is bounded: what
 * is forgotten is only asked for again.
 */
#ifndef NEPHOS_DOCS_DRIVE_CACHE_H
#define NEPHOS_DOCS_DRIVE_CACHE_H

#include "common/rules/tree.h"

#define DRIVE_CACHE_DRIVE_BYTES_MAX (8u << 20) /* of one drive: some 16,000 documents; the oldest go first */
#define DRIVE_CACHE_BYTES_MAX \
	(64u << 20) /* of all that are not taken: whole drives go, the least recently used first */
#define DRIVE_CACHE_PAUSE \
	8 /* transactions without a guess after one that was wrong: somebody else works on the drive */

struct drive_cache;

struct cached_session { /* of the last batch of a mount; id 0: none */
	int64_t id, user, number;
};

struct cached_drive;

int drive_cache_new(struct drive_cache **ret);
void drive_cache_free(struct drive_cache *c); /* all drives were given back; NULL is fine */

/* For this thread alone until drive_cache_give. NULL: another thread has it, or no memory. New ones know nothing. */
struct cached_drive *drive_cache_take(struct drive_cache *c, uint32_t drive);
void drive_cache_give(struct drive_cache *c, struct cached_drive *d); /* NULL is fine */

/* Whether a transaction may begin with it. */
bool drive_cache_is_sure(const struct cached_drive *d);
/* The row as the last transaction left it. */
const struct tree_drive *drive_cache_row(const struct cached_drive *d);
/* batches that are written without a look under the lock: then a quota of the owner is seen that was set since */
#define DRIVE_CACHE_GUESSES_MAX 256
#define DRIVE_CACHE_GUESSES_SHARED 16 /* the same where there is one: what the owner's other drives hold is seen */
unsigned drive_cache_guesses(const struct cached_drive *d); /* since its row was read */
const struct cached_session *drive_cache_peek_session(const struct cached_drive *d);
/* What is known may be wrong, or be of no use for what came: the next transaction asks. */
void drive_cache_doubt(struct cached_drive *d);
/* Nothing is known any more: a load was broken off, and what it had not reached yet would pass for absent. */
void drive_cache_forget(struct cached_drive *d);
/* The row as it was found now, locked. Another one than what was known: that is forgotten. */
void drive_cache_found(struct cached_drive *d, const struct tree_drive *row);

/* All that is wanted is known: it was loaded into the tree. False: something is not, and the tree is as good as new
 * only after tree_free. ret_assumed: but for a fresh name or the id of a new document, of which nothing is known: that
 * they are free is seen when their rows are added. */
bool drive_cache_load(
	const struct cached_drive *d, const struct tree_wants *wants, struct tree *tree, bool *ret_assumed);

/* What a transaction loads, under the lock: first that nothing of what it wants is there, then what is. Failing for
 * want of memory is forgetting. */
void drive_cache_wanted(struct cached_drive *d, const struct tree_wants *wants);
void drive_cache_node(struct cached_drive *d, const struct tree_node *node);
void drive_cache_entry(struct cached_drive *d, int64_t parent, struct span name, int64_t child); /* 0: no such entry */
/* It was committed; session (NULL: none): whose batch it was. */
void drive_cache_committed(
	struct cached_drive *d, const struct tree_delta *delta, const struct cached_session *session);

#endif
