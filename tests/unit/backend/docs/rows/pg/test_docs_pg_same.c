/*
 * The same random batches go through the storage in memory and through PostgreSQL, several in one
 * transaction: the answers, and all that can be read afterwards, are the same. The seed is printed;
 * DOCS_PG_SAME_SEED repeats a run.
 */
#include "backend/docs/rows/docs_mem.h"
#include "tests/unit/backend/docs/rows/pg/pg_fixture.h"
#include "tests/unit/backend/docs/rules/random_op.h"

#define ROUNDS 250
#define BATCHES 3
#define OPS 4

static struct random_op chance; /* draws ops that suit the side in memory */

/* One side: a store and its drive. */
struct side {
	struct docs_store *store;
	struct docs_scope scope;
	struct tree *tree;
	int64_t session, number; /* of the batches; 0: they have no key */
	int guesses;		 /* how many of them held */
	bool sweeps;
	int errors[BATCHES], index[BATCHES];
	const struct op_result *results[BATCHES];
};

/* Tries the transaction once. */
static int try_side(
	struct side *s, struct op_batch *const *batches, size_t batch_count, const struct docs_key *key, int64_t now)
{
	const struct docs_answer answer = {.status = s->session ? 200 : 0};
	const struct tree_delta *delta;
	const struct docs_seen *seen;
	struct tree_wants *wants;

	/* One side may count what the other one loads. */
	if (!s->sweeps || batch_count > 1 || tree_wants_sweep_new(batches[0], s->scope.drive, &wants) < 0)
		assert_int_equal(
			tree_wants_new((const struct op_batch *const *)batches, batch_count, s->scope.drive, &wants),
			0);
	tree_free(s->tree);
	s->tree = NULL;
	assert_int_equal(s->store->ops->txn_begin(s->store, s->scope.drive, key, 1, wants, now, &s->tree, &seen), 0);
	assert_int_equal(seen->state, DOCS_NEW);
	const bool guessed = seen->guessed;
	for (size_t i = 0; i < batch_count; i++) {
		s->index[i] = -1;
		s->errors[i] = tree_apply(s->tree, batches[i], SPAN_LITERAL("key"), &s->results[i], &s->index[i]);
	}
	assert_int_equal(tree_delta(s->tree, &delta), 0);
	int r = s->store->ops->txn_commit(s->store, delta, &answer);
	if (r < 0)
		s->store->ops->txn_abort(s->store);
	s->guesses += r == 0 && guessed;
	tree_wants_free(wants);
	return r;
}

static void run_side(struct side *s, struct op ops[BATCHES][OPS], const size_t *counts, size_t batch_count, int64_t now)
{
	const struct docs_key key = {.kind = s->session ? DOCS_KEY_SESSION : DOCS_KEY_NONE,
		.user = s->scope.user,
		.session = s->session,
		.number = ++s->number};
	struct op_batch *batches[BATCHES] = {NULL};

	for (size_t i = 0; i < batch_count; i++) {
		struct op mine[OPS];

		for (size_t k = 0; k < counts[i]; k++)
			mine[k] = random_op_in_drive(&ops[i][k], s->scope.drive);
		assert_int_equal(op_batch_new(mine, counts[i], &batches[i]), 0);
	}
	/* When a guess does not hold, the second try asks the database. */
	int r = try_side(s, batches, batch_count, &key, now);
	if (r == -ENOTCONN)
		r = try_side(s, batches, batch_count, &key, now);
	assert_int_equal(r, 0);
	for (size_t i = 0; i < batch_count; i++)
		op_batch_free(batches[i]);
}

#define SAME(field)                                                                                                \
	do {                                                                                                       \
		if ((a->field) != (b->field))                                                                      \
			fail_msg(#field " of document %u: in memory %lld, in PostgreSQL %lld", ITEM_NUMBER(a->id), \
				(long long)(a->field), (long long)(b->field));                                     \
	} while (0)

/* When a document has several names, each store chooses itself which one the row has: so names are not compared. */
static void compare_items(const struct item *a, const struct item *b)
{
	assert_int_equal(ITEM_NUMBER(a->id), ITEM_NUMBER(b->id));
	SAME(size);
	SAME(allocated);
	SAME(mode);
	SAME(bare);
	SAME(uid);
	SAME(gid);
	SAME(nlink);
	SAME(atime);
	SAME(mtime);
	SAME(ctime);
	if (ITEM_NUMBER(a->id) != 1)
		SAME(btime);
	SAME(seq);
	SAME(content_seq);
	assert_true(span_eq(a->target, b->target));
}

static void compare_results(const struct side *a, const struct side *b, const size_t *counts, size_t batch_count)
{
	for (size_t i = 0; i < batch_count; i++) {
		assert_int_equal(a->errors[i], b->errors[i]);
		assert_int_equal(a->index[i], b->index[i]);
		for (size_t k = 0; a->errors[i] == 0 && k < counts[i]; k++) {
			const struct op_result *x = &a->results[i][k], *y = &b->results[i][k];

			assert_int_equal(x->has_item, y->has_item);
			assert_int_equal(ITEM_NUMBER(x->replaced), ITEM_NUMBER(y->replaced));
			assert_int_equal(x->value, y->value);
			if (x->has_item)
				compare_items(&x->item, &y->item);
			assert_int_equal(x->dir_count, y->dir_count);
			for (size_t d = 0; d < x->dir_count; d++)
				compare_items(&x->dirs[d], &y->dirs[d]);
		}
	}
}

/* ---- all that can be read ---- */

struct dump {
	struct item item;
	char target[64];
	char text[1 << 16];
	size_t size;
};

static void dump_bytes(struct dump *d, const void *bytes, size_t size)
{
	assert_true(d->size + size < sizeof(d->text));
	memcpy(d->text + d->size, bytes, size);
	d->size += size;
}

static void dump_number(struct dump *d, int64_t number)
{
	dump_bytes(d, &number, sizeof(number));
}

static int dump_item(const struct item *item, void *cookie)
{
	struct dump *d = cookie;

	d->item = *item;
	snprintf(d->target, sizeof(d->target), "%.*s", (int)item->target.size, item->target.data);
	d->item.target = span_str(d->target);
	return 0;
}

static int dump_extent(const struct tree_extent *x, void *cookie)
{
	const int64_t numbers[] = {x->at, x->len, x->kind, x->generation, x->from, x->block_size};

	dump_bytes(cookie, numbers, sizeof(numbers));
	if (x->kind == EXTENT_BLOCK)
		dump_bytes(cookie, x->sha256, sizeof(x->sha256));
	dump_bytes(cookie, x->data.data, x->data.size);
	return 0;
}

static int dump_xattr(struct span name, struct span value, void *cookie)
{
	uint64_t sum = 0; /* a sum, since the order does not count */
	struct dump *d = cookie;

	for (size_t i = 0; i < name.size; i++)
		sum = sum * 31 + (uint8_t)name.data[i];
	for (size_t i = 0; i < value.size; i++)
		sum = sum * 31 + (uint8_t)value.data[i];
	d->item.allocated += (int64_t)(sum & 0xffff);
	return 0;
}

static int dump_change(const struct tree_change *c, void *cookie)
{
	/* In other entries parent and name are the store's choice for a document with several names: see
	 * compare_items. */
	const bool names =
		c->op == OP_CREATE || c->op == OP_RENAME || c->op == OP_UNLINK || c->op == OP_RMDIR || c->op == OP_LINK;
	const int64_t numbers[] = {c->seq, c->op, ITEM_NUMBER(c->id), names ? ITEM_NUMBER(c->parent) : 0,
		c->op == OP_RENAME ? ITEM_NUMBER(c->old_parent) : 0, ITEM_NUMBER(c->replaced), c->from, c->len,
		c->what};

	dump_bytes(cookie, numbers, sizeof(numbers));
	if (names)
		dump_bytes(cookie, c->name.data, c->name.size);
	dump_bytes(cookie, c->old_name.data, c->old_name.size);
	dump_bytes(cookie, c->key.data, c->key.size);
	return 0;
}

static int dump_document(const struct side *s, uint32_t number, struct dump *d)
{
	const struct docs_store_ops *ops = s->store->ops;
	const int64_t id = ITEM_ID(s->scope.drive, number);
	struct docs_xattrs xattrs = {.id = id, .limit = 1000, .bytes = XATTRS_PER_ITEM_TOTAL_MAX};
	struct docs_position at;

	d->size = 0;
	int r = ops->item_get(s->store, &s->scope, id, dump_item, d, &at);
	if (r < 0)
		return r;
	struct item item = d->item;
	assert_int_equal(ops->extents(s->store, &s->scope, id, 0, INT64_MAX, 1000, dump_item, dump_extent, d, &at), 0);
	d->item = item;
	assert_int_equal(ops->xattrs(s->store, &s->scope, &xattrs, dump_xattr, d, &at), 0);
	dump_number(d, xattrs.seq);
	for (size_t i = 0; i < RANDOM_OP_NAMES; i++) {
		struct dump found = {0};

		dump_number(d,
			ops->item_lookup(s->store, &s->scope, id, random_op_name(i), dump_item, &found, &at) == 0
				? ITEM_NUMBER(found.item.id)
				: 0);
	}
	return 0;
}

static void compare_all(const struct side *a, const struct side *b)
{
	static struct dump x, y;
	struct docs_drive da, db;

	assert_int_equal(a->store->ops->drive_get(a->store, &a->scope, &da), 0);
	assert_int_equal(b->store->ops->drive_get(b->store, &b->scope, &db), 0);
	assert_int_equal(da.row.seq, db.row.seq);
	assert_int_equal(da.row.used, db.row.used);
	assert_int_equal(da.row.extents, db.row.extents);
	assert_int_equal(da.row.next_number, db.row.next_number);
	for (uint32_t number = 1; number < da.row.next_number; number++) {
		int ra = dump_document(a, number, &x), rb = dump_document(b, number, &y);

		if (ra != rb)
			fail_msg("document %u: in memory %d, in PostgreSQL %d", number, ra, rb);
		if (ra < 0)
			continue;
		compare_items(&x.item, &y.item);
		assert_int_equal(x.size, y.size);
		assert_memory_equal(x.text, y.text, x.size);
	}
	for (int64_t since = 0; since < da.row.seq; since += 100) {
		struct docs_position at;

		x.size = y.size = 0;
		assert_int_equal(a->store->ops->changes(a->store, &a->scope, since, 100, dump_change, &x, &at), 0);
		assert_int_equal(b->store->ops->changes(b->store, &b->scope, since, 100, dump_change, &y, &at), 0);
		assert_int_equal(x.size, y.size);
		assert_memory_equal(x.text, y.text, x.size);
	}
}

static void store_blocks(struct side *s)
{
	for (uint8_t i = 1; i <= RANDOM_OP_BLOCKS; i++) {
		struct docs_block block = {.generation = 100 + i, .size = 100}, ret;

		memset(block.sha256, i, sizeof(block.sha256));
		assert_int_equal(s->store->ops->block_stored(s->store, &s->scope, &block, &ret), 0);
	}
}

static int run_both(struct worker *w, struct side b, size_t batches_max)
{
	struct side a = {0};
	struct op_extent extents[BATCHES][OPS][RANDOM_OP_EXTENTS];
	struct op ops[BATCHES][OPS];
	struct docs_drive drive;
	size_t counts[BATCHES];
	int applied = 0;

	const char *seed = getenv("DOCS_PG_SAME_SEED");
	chance.state = seed ? strtoull(seed, NULL, 10) : (uint64_t)clock_real_ns();
	print_message("DOCS_PG_SAME_SEED=%llu\n", (unsigned long long)chance.state);
	assert_int_equal(docs_mem_new(&chance.mem), 0);
	assert_int_equal(docs_mem_open(chance.mem, &a.store), 0);
	assert_int_equal(a.store->ops->drive_create(a.store, 7, SPAN_LITERAL("home"), 0, &drive), 0);
	a.scope = (struct docs_scope){.user = 7, .drive = drive.row.id};
	/* The two roots differ in times and owners; this makes them equal. */
	number_of(w, "times",
		"UPDATE node SET atime = 0, mtime = 0, ctime = 0, uid = 1000, gid = 1001 WHERE id = (SELECT max(id) FROM node)");
	chance.drive = drive.row.id;
	store_blocks(&a);
	store_blocks(&b);
	for (int round = 0; round < ROUNDS; round++) {
		const size_t batch_count = 1 + random_op_chance(&chance, (uint32_t)batches_max);

		for (size_t i = 0; i < batch_count; i++) {
			counts[i] = 1 + (random_op_chance(&chance, 2) ? random_op_chance(&chance, OPS) : 0);
			for (size_t k = 0; k < counts[i]; k++)
				ops[i][k] = random_op_next(&chance, extents[i][k]);
		}
		run_side(&a, ops, counts, batch_count, 1000 + round);
		run_side(&b, ops, counts, batch_count, 1000 + round);
		compare_results(&a, &b, counts, batch_count);
		for (size_t i = 0; i < batch_count; i++)
			applied += a.errors[i] == 0;
		if (round % 25 == 0)
			compare_all(&a, &b);
	}
	compare_all(&a, &b);
	assert_int_equal(docs_mem_check(chance.mem, a.scope.drive), 0);
	assert_int_equal(
		number_of(w, "unnamed",
			"SELECT count(*) FROM node n WHERE orphaned_at IS NULL AND id & 4294967295 <> 1"
			" AND NOT EXISTS (SELECT FROM entry e WHERE e.parent = n.parent AND e.name = n.name AND e.child = n.id)"),
		0);
	assert_int_equal(number_of(w, "unmarked",
				 "SELECT count(*) FROM entry e JOIN node n ON n.id = e.child"
				 " WHERE NOT e.linked AND (n.parent <> e.parent OR n.name <> e.name)"),
		0);
	assert_int_equal(number_of(w, "miscounted",
				 "SELECT count(*) FROM node n"
				 " WHERE extents <> (SELECT count(*) FROM extent x WHERE x.node = n.id)"),
		0);
	assert_int_equal(
		number_of(w, "sums",
			"SELECT count(*) FROM drive d"
			" WHERE extents <> (SELECT COALESCE(sum(GREATEST(n.extents - 1, 0)), 0) FROM node n WHERE n.id >> 32 = d.id)"),
		0);
	print_message("%d batches applied\n", applied);
	assert_true(applied > ROUNDS / 10);
	tree_free(a.tree);
	tree_free(b.tree);
	a.store->ops->free(a.store);
	docs_mem_free(chance.mem);
	return b.guesses;
}

static void random_batches_have_the_same_effect_in_memory_and_postgresql(void **state)
{
	struct worker *w = *state;

	assert_int_equal(run_both(w, (struct side){.store = w->store, .scope = w->scope, .sweeps = true}, BATCHES), 0);
}

static void guessed_batches_have_the_same_effect_in_memory_and_postgresql(void **state)
{
	struct worker *w = *state;
	struct side b = {.scope = w->scope};

	assert_ok(w, w->store->ops->session_create(w->store, &w->scope, SPAN_LITERAL("mount"), 0, &b.session));
	assert_int_equal(drive_cache_new(&w->known), 0);
	assert_int_equal(docs_pg_new(w->pg, w->known, &b.store), 0);
	const int guesses = run_both(w, b, 1);
	print_message("%d batches began with what was known\n", guesses);
	assert_true(guesses > ROUNDS / 20);
	b.store->ops->free(b.store);
	drive_cache_free(w->known);
}

int main(void)
{
	const struct CMUnitTest tests[] = {with_worker(random_batches_have_the_same_effect_in_memory_and_postgresql),
		with_worker(guessed_batches_have_the_same_effect_in_memory_and_postgresql)};

	return cmocka_run_group_tests(tests, server_start, server_stop);
}
