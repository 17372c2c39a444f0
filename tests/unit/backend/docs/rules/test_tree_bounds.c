/* What one batch may cost: ops that multiply rows or bytes are refused before they do so, and leave nothing. */
#include "backend/docs/rows/docs_mem_internal.h"
#include "tests/unit/backend/docs/rules/trial.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <cmocka.h>

#define SPREAD 2000 /* pieces of the cloned document */

/* Makes a file of single bytes with gaps between them. */
static int64_t spread_file(struct trial *t, const char *name)
{
	struct op_extent *extents = calloc(SPREAD, sizeof(*extents));
	const int64_t id = trial_file(t, t->root, name);
	struct op op = {.kind = OP_WRITE, .id = id, .extents = extents, .extent_count = SPREAD};

	for (int64_t i = 0; i < SPREAD; i++)
		extents[i] =
			(struct op_extent){.at = 2 * i, .len = 1, .kind = OP_EXTENT_DATA, .data = SPAN_LITERAL("x")};
	trial_do(t, &op);
	free(extents);
	return id;
}

static struct op clone_of(int64_t id, int64_t to)
{
	return (struct op){.kind = OP_CLONE, .id = id, .to = to, .len = 2 * (int64_t)SPREAD};
}

static void a_batch_of_clones_with_too_many_extents_is_refused_as_a_whole(void **state)
{
	enum {
		TOO_MANY = BATCH_ROWS_MAX / (2 * SPREAD) + 1
	}; /* each piece is made once on the way, and once where it goes */
	struct trial *t = *state;
	const int64_t from = spread_file(t, "from"), to = trial_file(t, t->root, "to");
	struct op ops[TOO_MANY];

	for (size_t i = 0; i < TOO_MANY; i++)
		ops[i] = clone_of(from, to);
	assert_int_equal(trial_apply(t, ops, TOO_MANY, NULL), -E2BIG);
	assert_int_equal(t->index, TOO_MANY - 1);
	assert_true(tree_is_overfull(t->tree));
	assert_int_equal(trial_extents(t, to), 0);
	assert_int_equal(trial_apply(t, ops, TOO_MANY - 1, NULL), 0);
	assert_int_equal(trial_extents(t, to), SPREAD);
}

static void clones_beyond_the_inline_bytes_of_a_batch_are_refused(void **state)
{
	enum { PIECES = 64, TIMES = BATCH_CLONED_BYTES_MAX / (PIECES * INLINE_BYTES_MAX) };
	static char bytes[INLINE_BYTES_MAX];
	struct trial *t = *state;
	const int64_t from = trial_file(t, t->root, "from"), to = trial_file(t, t->root, "to");
	struct op ops[TIMES + 1];

	for (int64_t i = 0; i < PIECES; i++) {
		struct op_extent extent = {.at = i * (int64_t)sizeof(bytes),
			.len = sizeof(bytes),
			.kind = OP_EXTENT_DATA,
			.data = span_of(bytes, sizeof(bytes))};
		struct op op = {.kind = OP_WRITE, .id = from, .extents = &extent, .extent_count = 1};

		trial_do(t, &op);
	}
	for (size_t i = 0; i <= TIMES; i++)
		ops[i] = (struct op){.kind = OP_CLONE, .id = from, .to = to, .len = PIECES * (int64_t)sizeof(bytes)};
	assert_int_equal(trial_apply(t, ops, TIMES + 1, NULL), -E2BIG);
	assert_int_equal(trial_apply(t, ops, TIMES, NULL), 0);
}

/* Adds rows that a store may have: ops would take too long to make as many in a test. */
static void put_rows(struct trial *t, int64_t id, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct mem_extent *x = docs_mem_add(&t->mem->extents);

		x->extent = (struct tree_extent){
			.node = id, .at = 2 * (int64_t)i, .len = 1, .kind = EXTENT_BLOCK, .block_size = 1};
	}
}

static void a_batch_that_loads_too_many_extents_is_refused_with_e2big(void **state)
{
	struct trial *t = *state;
	const int64_t id = trial_file(t, t->root, "f");
	struct op op = {.kind = OP_SETATTR, .id = id, .fields = OP_HAS_SIZE, .size = 1};
	struct op_batch *batch;
	struct tree_wants *wants;
	const struct docs_seen *seen;
	const struct op_result *results;
	int index = 7;

	put_rows(t, id, BATCH_ROWS_MAX + 10);
	assert_int_equal(op_batch_new(&op, 1, &batch), 0);
	assert_int_equal(tree_wants_new((const struct op_batch *const *)&batch, 1, t->drive, &wants), 0);
	assert_true(wants->wide);
	tree_free(t->tree);
	assert_int_equal(t->store->ops->txn_begin(t->store, t->drive, NULL, 0, wants, t->now, &t->tree, &seen), 0);
	assert_true(tree_is_overfull(t->tree));
	assert_int_equal(tree_rows(t->tree), BATCH_ROWS_MAX);
	assert_int_equal(tree_apply(t->tree, batch, SPAN_LITERAL("key"), &results, &index), -E2BIG);
	assert_int_equal(index, -1);
	t->store->ops->txn_abort(t->store);
	t->mem->extents.count = 0;
	tree_wants_free(wants);
	op_batch_free(batch);
}

static int load(struct tree **ret, const struct tree_extent *extents, size_t count)
{
	const struct tree_drive drive = {.id = 1, .owner = 7, .next_number = 10};
	const struct tree_node file = {.item = {.id = ITEM_ID(1, 2),
					       .parent = ITEM_ROOT(1),
					       .mode = S_IFREG | 0644,
					       .nlink = 1,
					       .size = 100,
					       .allocated = 100,
					       .bare = true}};
	int r = tree_new(&drive, 0, ret);

	r = r < 0 ? r : tree_load_node(*ret, &file);
	for (size_t i = 0; r == 0 && i < count; i++)
		r = tree_load_extent(*ret, &extents[i]);
	return r;
}

static int apply_size(struct tree *t, int64_t size)
{
	struct op op = {.kind = OP_SETATTR, .id = ITEM_ID(1, 2), .fields = OP_HAS_SIZE, .size = size};
	const struct op_result *results;
	struct op_batch *batch;
	int r = op_batch_new(&op, 1, &batch);

	r = r < 0 ? r : tree_apply(t, batch, SPAN_LITERAL("key"), &results, NULL);
	op_batch_free(batch);
	return r;
}

static void extents_loaded_without_bytes_can_be_cut_away_but_not_split(void **state)
{
	const struct tree_extent extents[] = {
		{.node = ITEM_ID(1, 2), .at = 0, .len = 50, .kind = EXTENT_INLINE},
		{.node = ITEM_ID(1, 2), .at = 50, .len = 50, .kind = EXTENT_INLINE},
	};
	struct tree *t;

	(void)state;
	assert_int_equal(load(&t, extents, 2), 0);
	assert_int_equal(apply_size(t, 50), 0);
	tree_free(t);
	assert_int_equal(load(&t, extents, 2), 0);
	assert_int_equal(apply_size(t, 20), -E2BIG);
	assert_true(tree_is_overfull(t));
	tree_free(t);
}

static void a_write_of_many_small_ranges_is_loaded_as_wide(void **state)
{
	enum { WIDE = BATCH_LOADED_BYTES_MAX / (2 * INLINE_BYTES_MAX) + 1 };
	struct op_extent *extents = calloc(WIDE, sizeof(*extents));
	struct op op = {.kind = OP_WRITE, .id = ITEM_ID(1, 2), .extents = extents};
	struct op_batch *batch;
	struct tree_wants *wants;

	(void)state;
	for (int64_t i = 0; i < WIDE; i++)
		extents[i] = (struct op_extent){
			.at = 100000 * i, .len = 1, .kind = OP_EXTENT_DATA, .data = SPAN_LITERAL("x")};
	for (int i = 0; i < 2; i++) {
		op.extent_count = i == 0 ? 100 : WIDE;
		assert_int_equal(op_batch_new(&op, 1, &batch), 0);
		assert_int_equal(tree_wants_new((const struct op_batch *const *)&batch, 1, 1, &wants), 0);
		assert_int_equal(wants->wide, i == 1);
		tree_wants_free(wants);
		op_batch_free(batch);
	}
	free(extents);
}

static int set_xattr(struct trial *t, int64_t id, const char *name, size_t size)
{
	static char bytes[XATTR_VALUE_BYTES_MAX];

	return trial_error(
		t, &(struct op){.kind = OP_SETXATTR, .id = id, .name = span_str(name), .target = span_of(bytes, size)});
}

static void the_xattrs_of_a_document_are_limited_in_total_bytes(void **state)
{
	enum { FIT = XATTRS_PER_ITEM_TOTAL_MAX / XATTR_VALUE_BYTES_MAX };
	struct trial *t = *state;
	const int64_t id = trial_file(t, t->root, "f"), other = trial_file(t, t->root, "g");
	char name[16];

	for (int i = 0; i < FIT; i++) {
		(void)snprintf(name, sizeof(name), "user.%d", i);
		/* The names count as well, so the last one does not fit. */
		assert_int_equal(set_xattr(t, id, name, XATTR_VALUE_BYTES_MAX), i < FIT - 1 ? 0 : -ENOSPC);
	}
	assert_int_equal(set_xattr(t, id, "user.0", XATTR_VALUE_BYTES_MAX), 0); /* not larger than before */
	assert_int_equal(set_xattr(t, id, "user.0", 1), 0);
	assert_int_equal(set_xattr(t, id, name, XATTR_VALUE_BYTES_MAX), 0); /* the smaller value made room */
	assert_int_equal(set_xattr(t, id, "user.0", XATTR_VALUE_BYTES_MAX), -ENOSPC);
	assert_int_equal(trial_error(t, &(struct op){.kind = OP_REMOVEXATTR, .id = id, .name = span_str(name)}), 0);
	assert_int_equal(set_xattr(t, id, "user.0", XATTR_VALUE_BYTES_MAX), 0);
	assert_int_equal(set_xattr(t, other, "user.0", XATTR_VALUE_BYTES_MAX), 0); /* each document has its own bound */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TRIAL_CASE(a_batch_of_clones_with_too_many_extents_is_refused_as_a_whole),
		TRIAL_CASE(clones_beyond_the_inline_bytes_of_a_batch_are_refused),
		TRIAL_CASE(a_batch_that_loads_too_many_extents_is_refused_with_e2big),
		TRIAL_CASE(extents_loaded_without_bytes_can_be_cut_away_but_not_split),
		TRIAL_CASE(a_write_of_many_small_ranges_is_loaded_as_wide),
		TRIAL_CASE(the_xattrs_of_a_document_are_limited_in_total_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
