#include "backend/docs/rows/pg/docs_pg_internal.h"

/*
 * A batch of a mount mostly follows that mount's previous batch, and this process still has the rows that the
 * previous batch left of drive and session (drive_cache.h). Then the batch is applied to these rows, and a
 * single round trip writes it on condition that nothing has changed since. If something has, nothing was
 * written, and the batch is tried again in the ordinary way, under the lock. What this saves for a create:
 * docs/bench.md.
 */

/* Whether the transaction is a single batch, the next one of the cached session. */
static bool is_next(const struct docs_txn *t)
{
	const struct cached_session *session = drive_cache_peek_session(t->cached);
	const struct docs_key *key = t->keys;

	return t->key_count == 1 && key->kind == DOCS_KEY_SESSION && session->id != 0 && key->session == session->id &&
		key->user == session->user && key->number == session->number + 1;
}

/* What the owner's other drives hold is read only under the lock: so now and then a transaction must take the
 * lock, more often where a quota depends on it. */
static bool must_look(const struct cached_drive *cached)
{
	const struct tree_drive *row = drive_cache_row(cached);

	return drive_cache_guesses(cached) >=
		(row->quota != row->quota_own ? DRIVE_CACHE_GUESSES_SHARED : DRIVE_CACHE_GUESSES_MAX);
}

bool docs_pg_guess(
	struct docs_pg *s, uint32_t drive, const struct tree_wants *wants, int64_t now_ns, struct tree **ret_tree)
{
	struct docs_txn *t = &s->txn;
	struct tree *tree = NULL;

	t->cached = s->cache ? drive_cache_take(s->cache, drive) : NULL;
	if (!t->cached || !drive_cache_is_sure(t->cached) || !wants || !is_next(t) || must_look(t->cached))
		return false;
	if (tree_new(drive_cache_row(t->cached), now_ns, &tree) < 0)
		return false;
	if (!drive_cache_load(t->cached, wants, tree, &t->assumed)) {
		tree_free(tree);
		return false;
	}
	t->drive = *drive_cache_row(t->cached);
	t->guess = true;
	t->seen[0] = (struct docs_seen){.state = DOCS_NEW, .guessed = true};
	*ret_tree = tree;
	return true;
}

int docs_pg_guess_param(struct docs_pg *s, struct pg_param *ret)
{
	const struct tree_drive *d = &s->txn.drive;
	const int64_t row[SQL_GUESS_COUNT] = {d->owner, d->incarnation, d->seq, d->epoch, d->lease_epoch,
		d->lease_session, d->next_number, d->quota_own, d->used, d->documents, d->extents};
	int r = 0;

	pg_array_clear(s->numbers[0]);
	for (size_t i = 0; r == 0 && i < SQL_GUESS_COUNT; i++)
		r = pg_array_add_number(s->numbers[0], row[i]);
	if (r == 0)
		*ret = pg_array_param(s->numbers[0]);
	return r;
}

void docs_pg_guess_learn(struct docs_pg *s, const struct tree_delta *delta, const struct docs_answer *answers)
{
	const struct docs_txn *t = &s->txn;
	const bool kept = t->key_count == 1 && docs_pg_is_kept_by_session(t, answers, 0);
	const struct cached_session session = {.id = kept ? t->keys->session : 0,
		.user = kept ? t->keys->user : 0,
		.number = kept ? t->keys->number : 0};

	if (t->cached && delta)
		drive_cache_committed(t->cached, delta, &session);
	else if (t->cached)
		drive_cache_doubt(t->cached); /* a change that is no op may have changed the drive's row */
}
