#include "backend/docs/rows/pg/docs_pg_internal.h"

#include <assert.h>

/* The commit of a single op: see commit_one.sql. */

bool docs_pg_is_linked(const struct tree_entry *entry, const struct tree_node *child)
{
	return !child || child->item.parent != entry->parent || !span_eq(child->item.name, entry->name);
}

bool docs_pg_is_kept_by_session(const struct docs_txn *t, const struct docs_answer *answers, size_t n)
{
	return t->keys[n].kind == DOCS_KEY_SESSION && t->seen[n].state == DOCS_NEW && answers[n].status != 0;
}

bool docs_pg_commit_is_one(const struct docs_txn *t, const struct tree_delta *d, const struct docs_answer *answers)
{
	size_t sessions = 0;

	for (size_t i = 0; i < t->key_count; i++)
		sessions += docs_pg_is_kept_by_session(t, answers, i);
	if (sessions > 1 || d->change_count != 1 || d->changed_count == 0 || d->changed_count > 2 ||
		d->created_count > 1)
		return false;
	if (d->added_entry_count > 1 || d->removed_entry_count > 1)
		return false;
	if (d->added_entry_count == 0 || d->removed_entry_count == 0)
		return true;
	/* The same entry removed and added would be two changes of one row in one statement. */
	return d->added_entries->parent != d->removed_entries->parent ||
		!span_eq(d->added_entries->name, d->removed_entries->name);
}

/* Copies parameters to `at`. */
static void put(struct pg_param *at, const struct pg_param *params, size_t count)
{
	memcpy(at, params, count * sizeof(*params));
}
#define PUT(at, ...)                                    \
	put(at, (const struct pg_param[]){__VA_ARGS__}, \
		sizeof((const struct pg_param[]){__VA_ARGS__}) / sizeof(struct pg_param))

static void put_journal(struct pg_param *at, const struct tree_change *c)
{
	PUT(at, PG_P_I64(c->seq), PG_P_I64(c->op), PG_P_I64(c->what), PG_P_I64(c->id), PG_P_I64(c->parent),
		PG_P_I64(c->old_parent), PG_P_I64(c->replaced), PG_P_I64(c->from), PG_P_I64(c->len),
		PG_P_BYTEA(c->name), PG_P_BYTEA(c->old_name), PG_P_BYTEA(c->key));
}

static void put_changed(struct pg_param *at, const struct tree_node *n)
{
	const struct item *i = &n->item;

	PUT(at, PG_P_I64(i->id), PG_P_I64(i->parent), PG_P_I64(i->size), PG_P_I64(i->allocated), PG_P_I64(n->charged),
		PG_P_I64(docs_pg_mode(i)), PG_P_I64(i->uid), PG_P_I64(i->gid), PG_P_I64(i->nlink), PG_P_I64(i->atime),
		PG_P_I64(i->mtime), PG_P_I64(i->ctime), PG_P_I64(i->seq), PG_P_I64(i->content_seq), PG_P_I64(n->orphan),
		PG_P_I64(n->children), PG_P_I64(n->extents), PG_P_BYTEA(i->name));
}

static void put_created(struct pg_param *at, const struct tree_node *n)
{
	const struct item *i = &n->item;
	const uint64_t rdev = (uint64_t)i->rdev_major << 32 | i->rdev_minor;

	PUT(at, PG_P_I64(i->id), PG_P_I64(i->parent), PG_P_I64(i->size), PG_P_I64(i->allocated), PG_P_I64(n->charged),
		PG_P_I64(docs_pg_mode(i)), PG_P_I64(i->uid), PG_P_I64(i->gid), PG_P_I64(i->nlink), PG_P_I64(i->atime),
		PG_P_I64(i->mtime), PG_P_I64(i->ctime), PG_P_I64(i->btime), PG_P_I64(i->seq), PG_P_I64(i->content_seq),
		PG_P_I64(n->children), PG_P_I64(n->extents), PG_P_I64(rdev), PG_P_BYTEA(i->name),
		PG_P_BYTEA(i->target));
}

static void put_added(struct pg_param *at, const struct tree_delta *d)
{
	const struct tree_entry *entry = d->added_entries;
	const struct tree_node *child = NULL;

	for (size_t i = 0; i < d->changed_count; i++)
		if (d->changed[i]->item.id == entry->child)
			child = d->changed[i];
	if (d->created_count > 0 && d->created[0]->item.id == entry->child)
		child = d->created[0];
	PUT(at, PG_P_I64(entry->parent), PG_P_I64(entry->child), PG_P_I64(docs_pg_is_linked(entry, child)),
		PG_P_BYTEA(entry->name));
}

static void put_session(struct pg_param *at, const struct docs_key *key, const struct docs_answer *answer)
{
	PUT(at, PG_P_I64(key->session), PG_P_I64(key->number), PG_P_I64(answer->status),
		PG_P_BYTEA(span_of(key->fingerprint, sizeof(key->fingerprint))), PG_P_BYTEA(answer->headers),
		PG_P_BYTEA(answer->body));
}

int docs_pg_commit_one_queue(struct docs_pg *s, const struct tree_delta *d, const struct docs_answer *answers)
{
	struct pg_param params[ONE_PARAMS];
	size_t count = ONE_REMOVED;
	const bool guess = s->txn.guess;
	unsigned parts = 0;

	static_assert(ONE_PARAMS <= PG_PARAMS_MAX, "one statement");
	for (size_t i = 0; i < ONE_PARAMS; i++)
		params[i] = PG_P_I64(0);
	PUT(params, PG_P_I32(s->txn.drive.id), PG_P_I64(d->drive.seq), PG_P_I64(d->drive.next_number),
		PG_P_I64(d->drive.used), PG_P_I64(d->drive.documents), PG_P_I64(d->drive.extents));
	if (guess) {
		const int r = docs_pg_guess_param(s, &params[ONE_GUESS]);
		if (r < 0)
			return r;
	}
	put_journal(params + ONE_JOURNAL, d->changes);
	put_changed(params + ONE_CHANGED, d->changed[0]);
	for (size_t i = 0; i < s->txn.key_count; i++) {
		if (!docs_pg_is_kept_by_session(&s->txn, answers, i))
			continue;
		parts |= SQL_PART_SESSION;
		put_session(params + ONE_SESSION, &s->txn.keys[i], &answers[i]);
	}
	if (d->removed_entry_count > 0) {
		parts |= SQL_PART_ENTRIES_REMOVED;
		PUT(params + ONE_REMOVED, PG_P_I64(d->removed_entries->parent), PG_P_BYTEA(d->removed_entries->name));
		count = ONE_ADDED;
	}
	if (d->added_entry_count > 0) {
		parts |= SQL_PART_ENTRIES_ADDED;
		put_added(params + ONE_ADDED, d);
		count = ONE_CREATED;
	}
	if (d->created_count > 0) {
		parts |= SQL_PART_CREATED;
		put_created(params + ONE_CREATED, d->created[0]);
		count = ONE_CHANGED_2;
	}
	if (d->changed_count > 1) {
		put_changed(params + ONE_CHANGED_2, d->changed[1]);
		count = ONE_PARAMS;
	}
	const struct pg_statement *statements = guess ? SQL_COMMIT_GUESS_ONE : SQL_COMMIT_ONE;
	if (d->changed_count > 1)
		statements = guess ? SQL_COMMIT_GUESS_TWO : SQL_COMMIT_TWO;
	return pg_pipeline_add(s->pg, &statements[parts], params, count);
}
