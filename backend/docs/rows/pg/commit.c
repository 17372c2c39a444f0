#include "backend/docs/rows/pg/docs_pg_internal.h"

#include <stdlib.h>

/*
 * Writes the changes of a transaction. The tree returns a delta: documents, entries, extents and xattrs to
 * remove or to add, the entries of the journal, the drive's new row. This file turns it into statements, which
 * are sent together with COMMIT in one round trip. The order is that of tree_delta: removals before additions.
 *
 * The number of statements does not depend on the number of ops: rows of one kind go as arrays into one
 * statement, and drive, journal, documents, entries and the session's answer into a single one (SQL_COMMIT, in
 * variants by the parts that are needed). Only inline content is sent in pieces of DATA_BYTES, because a
 * parameter has a size limit. The most frequent batch, one op on one or two documents, has statements of its own
 * (commit_one.c).
 *
 * A transaction that began with a guess (guess.c) has no lock yet: its statement also checks that the drive's
 * row is what was assumed. If the row differs, nothing is written, and commit returns -ENOTCONN, after which the
 * batch is tried again.
 */

/* of inline content in one parameter; the limit of a parameter is four times as much */
#define DATA_BYTES (16u << 20)

static int add_numbers(struct pg_array *a, const int64_t *numbers, size_t count)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < count; i++)
		r = pg_array_add_number(a, numbers[i]);
	return r;
}

/* ---- removals ---- */

static int queue_removed_nodes(struct docs_pg *s, const struct tree_delta *d)
{
	if (d->removed_node_count == 0 && d->cleared_node_count == 0)
		return 0;
	docs_pg_reset(s);
	int r = add_numbers(s->numbers[0], d->removed_nodes, d->removed_node_count);
	if (r == 0)
		r = add_numbers(s->numbers[1], d->cleared_nodes, d->cleared_node_count);
	if (r < 0)
		return r;
	const struct pg_param params[] = {pg_array_param(s->numbers[0]), pg_array_param(s->numbers[1])};
	return pg_pipeline_add(s->pg, &SQL_REMOVE_NODES, params, 2);
}

static int queue_removed_extents(struct docs_pg *s, const struct tree_delta *d)
{
	int r = 0;

	if (d->removed_extent_count == 0)
		return 0;
	docs_pg_reset(s);
	for (size_t i = 0; r == 0 && i < d->removed_extent_count; i++) {
		r = pg_array_add_number(s->numbers[0], d->removed_extents[i]->node);
		if (r == 0)
			r = pg_array_add_number(s->numbers[1], d->removed_extents[i]->at);
	}
	if (r < 0)
		return r;
	const struct pg_param params[] = {pg_array_param(s->numbers[0]), pg_array_param(s->numbers[1])};
	return pg_pipeline_add(s->pg, &SQL_REMOVE_EXTENTS, params, 2);
}

static int queue_swept(struct docs_pg *s, const struct tree_range *swept)
{
	const struct pg_param params[] = {PG_P_I64(swept->node), PG_P_I64(swept->from), PG_P_I64(swept->to)};

	return swept->node == 0 ? 0 : pg_pipeline_add(s->pg, &SQL_SWEEP_EXTENTS, params, 3);
}

/* ---- extents ---- */

static int queue_extents_now(struct docs_pg *s)
{
	const struct pg_param params[] = {
		pg_array_param(s->numbers[0]), pg_array_param(s->bytes[0]), pg_array_param(s->bytes[1])};

	int r = pg_pipeline_add(s->pg, &SQL_ADD_EXTENTS, params, 3);
	docs_pg_reset(s);
	return r;
}

static int add_extent(struct docs_pg *s, const struct tree_extent *x)
{
	const int64_t packed[SQL_EXTENT_STRIDE] = {
		x->node, x->at, x->len, x->kind, x->generation, x->from, x->block_size};

	int r = add_numbers(s->numbers[0], packed, SQL_EXTENT_STRIDE);
	if (r < 0)
		return r;
	if (x->kind == EXTENT_BLOCK) {
		r = pg_array_add_bytes(s->bytes[0], span_of(x->sha256, sizeof(x->sha256)));
		return r < 0 ? r : pg_array_add_null(s->bytes[1]);
	}
	r = pg_array_add_null(s->bytes[0]);
	return r < 0 ? r : pg_array_add_bytes(s->bytes[1], x->data);
}

/* A small file that is written whole has a single extent. */
static int queue_one_extent(struct docs_pg *s, const struct tree_extent *x)
{
	const bool block = x->kind == EXTENT_BLOCK;
	const struct pg_param params[] = {PG_P_I64(x->node), PG_P_I64(x->at), PG_P_I64(x->len), PG_P_I64(x->kind),
		PG_P_I64(x->generation), PG_P_I64(x->from), PG_P_I64(x->block_size),
		block ? PG_P_BYTEA(span_of(x->sha256, sizeof(x->sha256))) : PG_P_NULL,
		block ? PG_P_NULL : PG_P_BYTEA(x->data)};

	return pg_pipeline_add(s->pg, &SQL_ADD_EXTENT, params, sizeof(params) / sizeof(params[0]));
}

static int queue_added_extents(struct docs_pg *s, const struct tree_delta *d)
{
	size_t bytes = 0;
	int r = 0;

	if (d->added_extent_count == 1)
		return queue_one_extent(s, d->added_extents[0]);

	docs_pg_reset(s);
	for (size_t i = 0; r == 0 && i < d->added_extent_count; i++) {
		r = add_extent(s, d->added_extents[i]);
		bytes += d->added_extents[i]->data.size;
		if (r == 0 && (bytes >= DATA_BYTES || i + 1 == d->added_extent_count)) {
			r = queue_extents_now(s);
			bytes = 0;
		}
	}
	return r;
}

/* ---- xattrs ---- */

static int queue_xattrs(struct docs_pg *s, const struct tree_delta *d, bool removed)
{
	size_t count = 0;
	int r = 0;

	docs_pg_reset(s);
	for (size_t i = 0; r == 0 && i < d->xattr_count; i++) {
		if (d->xattrs[i].removed != removed)
			continue;
		count++;
		r = pg_array_add_number(s->numbers[0], d->xattrs[i].node);
		if (r == 0)
			r = pg_array_add_bytes(s->bytes[0], d->xattrs[i].name);
		if (r == 0 && !removed)
			r = pg_array_add_bytes(s->bytes[1], d->xattrs[i].value);
	}
	if (r < 0 || count == 0)
		return r;
	const struct pg_param params[] = {
		pg_array_param(s->numbers[0]), pg_array_param(s->bytes[0]), pg_array_param(s->bytes[1])};
	return removed ? pg_pipeline_add(s->pg, &SQL_REMOVE_XATTRS, params, 2)
		       : pg_pipeline_add(s->pg, &SQL_SET_XATTRS, params, 3);
}

/* ---- drive, journal, documents, entries, the session's answer: one statement ---- */

static struct pg_array *numbers_of(struct docs_pg *s, enum docs_sql_commit_param param)
{
	static const uint8_t SLOTS[COMMIT_PARAMS] = {[COMMIT_JOURNAL] = 0,
		[COMMIT_CHANGED] = 1,
		[COMMIT_CREATED] = 2,
		[COMMIT_ADDED] = 3,
		[COMMIT_REMOVED] = 4,
		[COMMIT_SESSIONS] = 5};

	return s->numbers[SLOTS[param]];
}

static struct pg_array *bytes_of(struct docs_pg *s, enum docs_sql_commit_param param)
{
	static const uint8_t SLOTS[COMMIT_PARAMS] = {[COMMIT_JOURNAL_NAMES] = 0,
		[COMMIT_JOURNAL_OLD_NAMES] = 1,
		[COMMIT_JOURNAL_KEYS] = 2,
		[COMMIT_CHANGED_NAMES] = 3,
		[COMMIT_CREATED_NAMES] = 4,
		[COMMIT_CREATED_TARGETS] = 5,
		[COMMIT_ADDED_NAMES] = 6,
		[COMMIT_REMOVED_NAMES] = 7,
		[COMMIT_FINGERPRINTS] = 8,
		[COMMIT_HEADERS] = 9,
		[COMMIT_BODIES] = 10};

	return s->bytes[SLOTS[param]];
}

static int pack_journal(struct docs_pg *s, const struct tree_delta *d)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < d->change_count; i++) {
		const struct tree_change *c = &d->changes[i];
		const int64_t packed[SQL_JOURNAL_STRIDE] = {
			c->seq, c->op, c->what, c->id, c->parent, c->old_parent, c->replaced, c->from, c->len};

		r = add_numbers(numbers_of(s, COMMIT_JOURNAL), packed, SQL_JOURNAL_STRIDE);
		if (r == 0)
			r = pg_array_add_bytes(bytes_of(s, COMMIT_JOURNAL_NAMES), c->name);
		if (r == 0)
			r = pg_array_add_bytes(bytes_of(s, COMMIT_JOURNAL_OLD_NAMES), c->old_name);
		if (r == 0)
			r = pg_array_add_bytes(bytes_of(s, COMMIT_JOURNAL_KEYS), c->key);
	}
	return r;
}

static int pack_node(struct pg_array *numbers, const struct tree_node *n)
{
	const struct item *i = &n->item;
	const int64_t rdev = (int64_t)((uint64_t)i->rdev_major << 32 | i->rdev_minor);
	const int64_t packed[SQL_NODE_STRIDE] = {i->id, i->parent, i->size, i->allocated, n->charged, docs_pg_mode(i),
		i->uid, i->gid, i->nlink, i->atime, i->mtime, i->ctime, i->btime, i->seq, i->content_seq, rdev,
		n->orphan, n->children, n->extents};

	return add_numbers(numbers, packed, SQL_NODE_STRIDE);
}

static int pack_nodes(struct docs_pg *s, const struct tree_delta *d)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < d->changed_count; i++) {
		r = pack_node(numbers_of(s, COMMIT_CHANGED), d->changed[i]);
		if (r == 0)
			r = pg_array_add_bytes(bytes_of(s, COMMIT_CHANGED_NAMES), d->changed[i]->item.name);
	}
	for (size_t i = 0; r == 0 && i < d->created_count; i++) {
		r = pack_node(numbers_of(s, COMMIT_CREATED), d->created[i]);
		if (r == 0)
			r = pg_array_add_bytes(bytes_of(s, COMMIT_CREATED_NAMES), d->created[i]->item.name);
		if (r == 0)
			r = pg_array_add_bytes(bytes_of(s, COMMIT_CREATED_TARGETS), d->created[i]->item.target);
	}
	return r;
}

/* Rows are sorted so that bsearch finds them. */
struct node_row {
	const struct tree_node *node;
};
struct entry_row {
	const struct tree_entry *entry;
};

static int compare_nodes(const void *a, const void *b)
{
	const struct item *x = &((const struct node_row *)a)->node->item,
			  *y = &((const struct node_row *)b)->node->item;

	return (x->id > y->id) - (x->id < y->id);
}

static int compare_entries(const void *a, const void *b)
{
	const struct tree_entry *x = ((const struct entry_row *)a)->entry, *y = ((const struct entry_row *)b)->entry;
	const size_t both = x->name.size < y->name.size ? x->name.size : y->name.size;

	if (x->parent != y->parent)
		return x->parent < y->parent ? -1 : 1;
	const int order = both ? memcmp(x->name.data, y->name.data, both) : 0;
	return order ? order : (x->name.size > y->name.size) - (x->name.size < y->name.size);
}

static bool is_linked(const struct tree_entry *entry, const struct node_row *nodes, size_t count)
{
	const struct tree_node wanted = {.item.id = entry->child};
	const struct node_row key = {&wanted};
	const struct node_row *found = count ? bsearch(&key, nodes, count, sizeof(key), compare_nodes) : NULL;

	return docs_pg_is_linked(entry, found ? found->node : NULL);
}

static int pack_added(struct docs_pg *s, const struct tree_delta *d, const struct entry_row *added)
{
	const size_t count = d->changed_count + d->created_count;
	struct node_row *nodes = malloc((count + 1) * sizeof(struct node_row));
	int r = 0;

	if (!nodes)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		nodes[i].node = i < d->changed_count ? d->changed[i] : d->created[i - d->changed_count];
	qsort(nodes, count, sizeof(struct node_row), compare_nodes);
	for (size_t i = 0; r == 0 && i < d->added_entry_count; i++) {
		const struct tree_entry *entry = added[i].entry;
		const int64_t packed[SQL_ENTRY_STRIDE] = {entry->parent, entry->child, is_linked(entry, nodes, count)};

		r = add_numbers(numbers_of(s, COMMIT_ADDED), packed, SQL_ENTRY_STRIDE);
		if (r == 0)
			r = pg_array_add_bytes(bytes_of(s, COMMIT_ADDED_NAMES), entry->name);
	}
	free(nodes);
	return r;
}

static int pack_entries(struct docs_pg *s, const struct tree_delta *d)
{
	const size_t count = d->added_entry_count;
	struct entry_row *added = malloc((count + 1) * sizeof(struct entry_row));
	int r = 0;

	if (!added)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		added[i].entry = &d->added_entries[i];
	qsort(added, count, sizeof(struct entry_row), compare_entries);
	if (count > 0)
		r = pack_added(s, d, added);
	for (size_t i = 0; r == 0 && i < d->removed_entry_count; i++) {
		const struct entry_row removed = {&d->removed_entries[i]};

		/* A removed entry that is also added is changed, not removed. */
		if (count > 0 && bsearch(&removed, added, count, sizeof(struct entry_row), compare_entries))
			continue;
		r = pg_array_add_number(numbers_of(s, COMMIT_REMOVED), removed.entry->parent);
		if (r == 0)
			r = pg_array_add_bytes(bytes_of(s, COMMIT_REMOVED_NAMES), removed.entry->name);
	}
	free(added);
	return r;
}

/* A session keeps the answer of its last batch in this transaction. */
static bool is_last_of_session(const struct docs_txn *t, const struct docs_answer *answers, size_t n)
{
	for (size_t i = n + 1; i < t->key_count; i++)
		if (docs_pg_is_kept_by_session(t, answers, i) && t->keys[i].session == t->keys[n].session)
			return false;
	return true;
}

static int pack_sessions(struct docs_pg *s, const struct docs_answer *answers)
{
	const struct docs_txn *t = &s->txn;
	int r = 0;

	for (size_t i = 0; r == 0 && i < t->key_count; i++) {
		const struct docs_key *key = &t->keys[i];
		const int64_t packed[SQL_SESSION_STRIDE] = {key->session, key->number, answers[i].status};

		if (!docs_pg_is_kept_by_session(t, answers, i) || !is_last_of_session(t, answers, i))
			continue;
		r = add_numbers(numbers_of(s, COMMIT_SESSIONS), packed, SQL_SESSION_STRIDE);
		if (r == 0)
			r = pg_array_add_bytes(
				bytes_of(s, COMMIT_FINGERPRINTS), span_of(key->fingerprint, sizeof(key->fingerprint)));
		if (r == 0)
			r = pg_array_add_bytes(bytes_of(s, COMMIT_HEADERS), answers[i].headers);
		if (r == 0)
			r = pg_array_add_bytes(bytes_of(s, COMMIT_BODIES), answers[i].body);
	}
	return r;
}

static int queue_main(struct docs_pg *s, const struct tree_delta *d)
{
	struct pg_param params[COMMIT_PARAMS];
	unsigned parts = 0;

	params[COMMIT_DRIVE] = PG_P_I32(s->txn.drive.id);
	params[COMMIT_SEQ] = PG_P_I64(d->drive.seq);
	params[COMMIT_NEXT_NUMBER] = PG_P_I64(d->drive.next_number);
	params[COMMIT_USED] = PG_P_I64(d->drive.used);
	for (int i = COMMIT_JOURNAL; i < COMMIT_DOCUMENTS; i++) {
		const bool numbers = i == COMMIT_JOURNAL || i == COMMIT_CHANGED || i == COMMIT_CREATED ||
			i == COMMIT_ADDED || i == COMMIT_REMOVED || i == COMMIT_SESSIONS;

		params[i] = pg_array_param(numbers ? numbers_of(s, i) : bytes_of(s, i));
	}
	params[COMMIT_DOCUMENTS] = PG_P_I64(d->drive.documents);
	params[COMMIT_EXTENTS] = PG_P_I64(d->drive.extents);
	parts |= d->created_count ? SQL_PART_CREATED : 0;
	parts |= d->added_entry_count ? SQL_PART_ENTRIES_ADDED : 0;
	parts |= pg_array_count(numbers_of(s, COMMIT_REMOVED)) ? SQL_PART_ENTRIES_REMOVED : 0;
	parts |= pg_array_count(numbers_of(s, COMMIT_SESSIONS)) ? SQL_PART_SESSION : 0;
	return pg_pipeline_add(s->pg, &SQL_COMMIT[parts], params, COMMIT_PARAMS);
}

/* Adds the documents whose row must name another link. A created one is among them when it got a second name and
 * its first name was removed again. */
static int add_unnamed(struct docs_pg *s, const struct tree_node *const *nodes, size_t count)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < count; i++)
		if (nodes[i]->item.parent == 0 && nodes[i]->item.nlink > 0)
			r = pg_array_add_number(s->numbers[0], nodes[i]->item.id);
	return r;
}

static int queue_named_again(struct docs_pg *s, const struct tree_delta *d)
{
	docs_pg_reset(s);
	int r = add_unnamed(s, d->changed, d->changed_count);
	if (r == 0)
		r = add_unnamed(s, d->created, d->created_count);
	if (r < 0 || pg_array_count(s->numbers[0]) == 0)
		return r;
	const struct pg_param params[] = {pg_array_param(s->numbers[0])};
	return pg_pipeline_add(s->pg, &SQL_NAME_AGAIN, params, 1);
}

static int queue_all(struct docs_pg *s, const struct tree_delta *d, const struct docs_answer *answers)
{
	docs_pg_reset(s);
	int r = pack_journal(s, d);
	if (r == 0)
		r = pack_nodes(s, d);
	if (r == 0)
		r = pack_entries(s, d);
	if (r == 0)
		r = pack_sessions(s, answers);
	return r < 0 ? r : queue_main(s, d);
}

/* A guess is verified before anything else is written: by the statement that writes one op, or by a statement
 * before all others. */
static int queue_claim(struct docs_pg *s)
{
	struct pg_param params[] = {
		PG_P_I32(s->txn.drive.id), PG_P_NULL, PG_P_I64(s->txn.keys->session), PG_P_I64(s->txn.keys->number)};

	docs_pg_reset(s);
	const int r = docs_pg_guess_param(s, &params[1]);
	return r < 0 ? r : pg_pipeline_add(s->pg, &SQL_CLAIM, params, 4);
}

static int queue_delta(struct docs_pg *s, const struct tree_delta *d, const struct docs_answer *answers)
{
	const bool one = docs_pg_commit_is_one(&s->txn, d, answers);
	const bool first = one && s->txn.guess;
	int r = 0;

	if (first)
		r = docs_pg_commit_one_queue(s, d, answers);
	else if (s->txn.guess)
		r = queue_claim(s);
	if (r == 0)
		r = queue_removed_nodes(s, d);
	if (r == 0)
		r = queue_removed_extents(s, d);
	if (r == 0)
		r = queue_swept(s, &d->swept);
	if (r == 0 && !first)
		r = one ? docs_pg_commit_one_queue(s, d, answers) : queue_all(s, d, answers);
	if (r == 0)
		r = queue_named_again(s, d);
	if (r == 0)
		r = queue_added_extents(s, d);
	if (r == 0)
		r = queue_xattrs(s, d, true);
	return r < 0 ? r : queue_xattrs(s, d, false);
}

static bool is_changed(const struct docs_txn *t, const struct tree_delta *d)
{
	return d &&
		(d->change_count > 0 || d->drive.seq != t->drive.seq || d->drive.used != t->drive.used ||
			d->drive.next_number != t->drive.next_number);
}

static int queue_session_answers(struct docs_pg *s, const struct docs_answer *answers)
{
	docs_pg_reset(s);
	int r = pack_sessions(s, answers);
	if (r < 0 || pg_array_count(numbers_of(s, COMMIT_SESSIONS)) == 0)
		return r;
	const struct pg_param params[] = {pg_array_param(numbers_of(s, COMMIT_SESSIONS)),
		pg_array_param(bytes_of(s, COMMIT_FINGERPRINTS)), pg_array_param(bytes_of(s, COMMIT_HEADERS)),
		pg_array_param(bytes_of(s, COMMIT_BODIES))};
	return pg_pipeline_add(s->pg, &SQL_SESSION_ANSWERS, params, 4);
}

/* Sends all statements in one round trip without BEGIN: they are one implicit transaction, which the pipeline's
 * synchronisation point commits. */
static int commit_guess(struct docs_pg *s, const struct tree_delta *delta, const struct docs_answer *answers)
{
	/* A refusal has to be checked again under the lock: the rows that it is based on may have changed. */
	if (!is_changed(&s->txn, delta) || !docs_pg_is_kept_by_session(&s->txn, answers, 0))
		return -ENOTCONN;
	/* Only the statement of one op fails when a row that it adds exists already. */
	if (s->txn.assumed && !docs_pg_commit_is_one(&s->txn, delta, answers))
		return -ENOTCONN;
	int r = pg_pipeline_begin(s->pg);
	if (r < 0)
		return r;
	r = queue_delta(s, delta, answers);
	if (r == 0)
		r = pg_pipeline_flush(s->pg, NULL);
	if (r < 0) {
		(void)pg_pipeline_rollback(s->pg);
		/* The server has refused it, most likely because the guess was wrong. Any other reason shows
		 * again when the batch is repeated under the lock. */
		return r == -EIO ? -ENOTCONN : r;
	}
	return 0;
}

static int commit_locked(struct docs_pg *s, const struct tree_delta *delta, const struct docs_answer *answers)
{
	int r = is_changed(&s->txn, delta) ? queue_delta(s, delta, answers) : queue_session_answers(s, answers);

	if (r == 0)
		r = docs_pg_answers_queue(s, answers);
	if (r == 0)
		r = pg_pipeline_add(s->pg, &PG_COMMIT, NULL, 0);
	if (r == 0)
		r = pg_pipeline_flush(s->pg, NULL);
	/* A transaction of another drive took the same Idempotency-Key a moment before. Nothing was written, and
	 * the next try finds the answer of that transaction. */
	if (r == -EIO && strcmp(pg_sqlstate(s->pg), "23505") == 0 && strstr(pg_error(s->pg), "idempotency"))
		r = -ENOTCONN;
	return r;
}

int docs_pg_txn_commit(struct docs_store *store, const struct tree_delta *delta, const struct docs_answer *answers)
{
	struct docs_pg *s = docs_pg_of(store);
	int r;

	if (!s->txn.open && !s->txn.guess)
		return -ENOTCONN;
	r = s->txn.guess ? commit_guess(s, delta, answers) : commit_locked(s, delta, answers);
	if (r < 0)
		return r;
	pg_pipeline_end(s->pg);
	docs_pg_guess_learn(s, delta, answers);
	docs_pg_txn_end(s);
	return 0;
}
