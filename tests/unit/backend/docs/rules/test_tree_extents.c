/* How many extents there are: they are counted after every kind of op (trial compares the counts with the
 * rows after each batch), and limited for a document and for a drive. */
#include "common/base/error.h"
#include "tests/unit/backend/docs/rules/trial.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <cmocka.h>

#define PAGE 4096

static struct tree_drive drive_of(struct trial *t)
{
	return docs_mem_get_drive(t->mem, t->drive);
}

static int64_t extents_of(struct trial *t, int64_t id)
{
	struct tree_node node = {0};

	assert_int_equal(docs_mem_get_node(t->mem, id, &node), 0);
	return node.extents;
}

static void limit(struct trial *t, int64_t max)
{
	struct tree_drive drive = drive_of(t);

	drive.extents_max = max;
	docs_mem_set_drive(t->mem, &drive);
}

static struct op_extent byte_at(int64_t at)
{
	return (struct op_extent){.at = at, .len = 1, .kind = OP_EXTENT_DATA, .data = SPAN_LITERAL("x")};
}

static struct op op_write_of(int64_t id, const struct op_extent *extents, size_t count)
{
	return (struct op){.kind = OP_WRITE, .id = id, .extents = (struct op_extent *)extents, .extent_count = count};
}

static struct op op_size_of(int64_t id, int64_t size)
{
	return (struct op){.kind = OP_SETATTR, .id = id, .fields = OP_HAS_SIZE, .size = size};
}

/* Writes `count` bytes from `at` on, with a gap of one byte between any two. */
static int write_bytes(struct trial *t, int64_t id, int64_t at, size_t count)
{
	struct op_extent *extents = calloc(count, sizeof(*extents));
	struct op op = op_write_of(id, extents, count);
	int r;

	assert_non_null(extents);
	for (size_t i = 0; i < count; i++)
		extents[i] = byte_at(at + 2 * (int64_t)i);
	r = trial_error(t, &op);
	free(extents);
	return r;
}

static void every_op_updates_the_extent_counts_of_its_document_and_drive(void **state)
{
	struct trial *t = *state;
	const int64_t a = trial_file(t, t->root, "a"), b = trial_file(t, t->root, "b");
	struct op_extent extent = {.at = 1, .len = 3, .kind = OP_EXTENT_DATA, .data = SPAN_LITERAL("yyy")};
	struct op op = op_write_of(a, &extent, 1);

	trial_block(t, 1, 100);
	assert_int_equal(write_bytes(t, a, 0, 5), 0); /* at 0 2 4 6 8 */
	assert_int_equal(extents_of(t, a), 5);
	assert_int_equal(drive_of(t).extents, 4);
	(void)trial_do(t, &op); /* one piece from 0 to 5 */
	assert_int_equal(extents_of(t, a), 3);
	extent = (struct op_extent){.at = 2, .len = 1, .kind = OP_EXTENT_HOLE};
	(void)trial_do(t, &op); /* in the middle of a piece */
	assert_int_equal(extents_of(t, a), 4);
	extent = (struct op_extent){.at = 0, .len = 20, .kind = OP_EXTENT_RESERVE};
	(void)trial_do(t, &op); /* reserves 2, 5, 7 and 9 to 20 */
	assert_int_equal(extents_of(t, a), 8);
	extent = (struct op_extent){.at = 10, .len = 4, .kind = OP_EXTENT_BLOCK, .sha256 = {1}};
	(void)trial_do(t, &op);
	assert_int_equal(extents_of(t, a), 10);
	assert_int_equal(drive_of(t).extents, 9);
	(void)trial_do(t, &(struct op){.kind = OP_CLONE, .id = a, .to = b, .len = 20});
	assert_int_equal(extents_of(t, b), 5); /* reserved room is not cloned */
	(void)trial_do(t, &(struct op){.kind = OP_CLONE, .id = a, .to = b, .from = 2, .at = 4, .len = 3});
	assert_int_equal(extents_of(t, b), 5); /* a hole, then 3 to 5 with the 3 that was there, a hole */
	assert_int_equal(drive_of(t).extents, 13);
	(void)trial_do(t, &(struct op){.kind = OP_SETATTR, .id = a, .fields = OP_HAS_SIZE, .size = 12});
	assert_int_equal(extents_of(t, a), 9); /* half of the block stays, and nothing behind it */
	extent = byte_at(0);
	op.fields = OP_APPEND;
	(void)trial_do(t, &op);
	assert_int_equal(extents_of(t, a), 10);
	op.fields = OP_REPLACE;
	(void)trial_do(t, &op);
	assert_int_equal(extents_of(t, a), 1);
	assert_int_equal(drive_of(t).extents, extents_of(t, b) - 1);
	op = op_size_of(b, 0);
	(void)trial_do(t, &op);
	assert_int_equal(extents_of(t, b), 0);
	assert_int_equal(drive_of(t).extents, 0);
}

static void a_refused_batch_does_not_change_the_extent_counts(void **state)
{
	struct trial *t = *state;
	const int64_t id = trial_file(t, t->root, "f");
	const struct op_extent two[] = {byte_at(10), byte_at(20)}, three[] = {byte_at(2), byte_at(4), byte_at(6)};
	const struct op good[] = {op_write_of(id, two, 2)};
	const struct op bad[] = {op_write_of(id, three, 3), op_unlink_of(t->root, "none")};
	struct trial_batch batches[] = {{.ops = bad, .count = 2}, {.ops = good, .count = 1}, {.ops = bad, .count = 2}};

	trial_apply_all(t, batches, 3);
	assert_int_equal(batches[0].error, -ENOENT);
	assert_int_equal(batches[1].error, 0);
	assert_int_equal(batches[2].error, -ENOENT);
	assert_int_equal(extents_of(t, id), 2);
	assert_int_equal(drive_of(t).extents, 1);
}

static void a_drive_refuses_extents_above_its_limit_but_allows_other_ops(void **state)
{
	struct trial *t = *state;
	const int64_t id = trial_file(t, t->root, "f"), other = trial_file(t, t->root, "g");
	const struct op_extent fill = {.at = 0, .len = 9, .kind = OP_EXTENT_DATA, .data = SPAN_LITERAL("yyyyyyyyy")};
	const struct op_extent one = byte_at(100), hole = {.at = 4, .len = 1, .kind = OP_EXTENT_HOLE};
	const struct op ops[] = {op_size_of(id, 100), op_write_of(id, &one, 1), op_size_of(id, 200)};
	struct op op;

	limit(t, 4);
	assert_int_equal(write_bytes(t, id, 0, 5), 0);
	assert_int_equal(trial_apply(t, ops, 3, NULL), -ERR_EXTENTS);
	assert_int_equal(t->index, 1);
	assert_int_equal(write_bytes(t, other, 0, 2), -ERR_EXTENTS);
	/* The first extent of each document does not count. */
	assert_int_equal(write_bytes(t, other, 0, 1), 0);
	op = op_write_of(id, &hole, 1);
	assert_int_equal(trial_error(t, &op), 0); /* this takes one away */
	op = op_write_of(id, &fill, 1);
	assert_int_equal(trial_error(t, &op), 0);
	assert_int_equal(drive_of(t).extents, 0);
	op = op_write_of(id, &hole, 1);
	assert_int_equal(trial_error(t, &op), 0);
	/* A lower limit takes no extents away, and stops no op that makes them fewer. */
	assert_int_equal(write_bytes(t, id, 20, 3), 0);
	limit(t, 1);
	trial_write(t, id, 0, "zz");
	op = op_write_of(id, &one, 1);
	assert_int_equal(trial_error(t, &op), -ERR_EXTENTS);
	op = op_size_of(id, 23);
	assert_int_equal(trial_error(t, &op), 0);
	op = op_unlink_of(t->root, "f");
	assert_int_equal(trial_error(t, &op), 0);
	assert_int_equal(drive_of(t).extents, 3); /* the rows count until upkeep has removed them */
}

/* Reserved room is a promise to a client that writes whole pages: in whatever order they come, the limit of
 * rows refuses none of them. */
static void writes_of_whole_pages_into_reserved_space_are_never_refused(void **state)
{
	enum { PAGES = 64 };
	static char bytes[PAGE];
	struct trial *t = *state;
	const int64_t id = trial_file(t, t->root, "f");
	struct op_extent extent = {.at = 0, .len = PAGES * PAGE, .kind = OP_EXTENT_RESERVE};
	struct op op = op_write_of(id, &extent, 1);

	trial_quota(t, PAGES * PAGE);
	limit(t, PAGES * PAGE / EXTENT_QUOTA_BYTES); /* without EXTENTS_BASE */
	assert_int_equal(trial_error(t, &op), 0);
	for (int i = 0; i < PAGES; i++) {
		/* Writes each page once, those with an even number first: nothing merges until the others come. */
		const int page = i < PAGES / 2 ? 2 * ((i * 7) % (PAGES / 2)) : 2 * ((i * 5) % (PAGES / 2)) + 1;

		extent = (struct op_extent){
			.at = page * PAGE, .len = PAGE, .kind = OP_EXTENT_DATA, .data = span_of(bytes, PAGE)};
		assert_int_equal(trial_error(t, &op), 0);
		if (i == PAGES / 2 - 1)
			assert_int_equal(extents_of(t, id), PAGES);
	}
	assert_int_equal(trial_used(t), PAGES * PAGE);
}

static int apply_one(struct tree *t, const struct op *op)
{
	const struct op_result *results;
	struct op_batch *batch;
	int r = op_batch_new(op, 1, &batch);

	assert_int_equal(r, 0);
	r = tree_apply(t, batch, SPAN_LITERAL("key"), &results, NULL);
	op_batch_free(batch);
	return r;
}

static void a_document_refuses_extents_above_extents_per_document_max(void **state)
{
	const struct tree_drive drive = {
		.id = 1, .owner = 7, .next_number = 10, .extents = EXTENTS_PER_DOCUMENT_MAX - 1};
	const struct tree_node file = {.item = {.id = ITEM_ID(1, 2),
					       .parent = ITEM_ROOT(1),
					       .mode = S_IFREG | 0644,
					       .nlink = 1,
					       .size = 100,
					       .allocated = 100,
					       .bare = true},
		.extents = EXTENTS_PER_DOCUMENT_MAX};
	/* The only loaded extent of the file. */
	const struct tree_extent loaded = {.node = ITEM_ID(1, 2), .at = 50, .len = 10, .kind = EXTENT_RESERVED};
	const struct op_extent within = byte_at(55), whole = {.at = 50, .len = 10, .kind = OP_EXTENT_HOLE};
	const struct op clone = {.kind = OP_CLONE, .id = ITEM_ID(1, 2), .to = ITEM_ID(1, 3), .len = 10};
	struct tree_node other = file;
	struct op op = op_write_of(ITEM_ID(1, 2), &within, 1);
	struct tree *t;

	(void)state;
	other.item.id = ITEM_ID(1, 3);
	other.extents = 0;
	assert_int_equal(tree_new(&drive, 0, &t), 0);
	assert_int_equal(tree_load_node(t, &file), 0);
	assert_int_equal(tree_load_node(t, &other), 0);
	assert_int_equal(tree_load_extent(t, &loaded), 0);
	assert_int_equal(apply_one(t, &op), -ERR_FRAGMENTED);
	assert_int_equal(apply_one(t, &clone), 0);
	op = op_write_of(ITEM_ID(1, 2), &whole, 1);
	assert_int_equal(apply_one(t, &op), 0);
	assert_int_equal(tree_peek_drive(t)->extents, EXTENTS_PER_DOCUMENT_MAX - 2);
	op = op_write_of(ITEM_ID(1, 2), &within, 1);
	assert_int_equal(apply_one(t, &op), 0);
	op = op_write_of(ITEM_ID(1, 2), &(struct op_extent){.at = 58, .len = 1, .kind = OP_EXTENT_RESERVE}, 1);
	assert_int_equal(apply_one(t, &op), -ERR_FRAGMENTED);
	op = op_size_of(ITEM_ID(1, 2), 0);
	assert_int_equal(apply_one(t, &op), 0);
	assert_int_equal(tree_peek_drive(t)->extents, 0);
	tree_free(t);
}

/* ---- extents that are cut away whole need not be loaded ---- */

#define SPAN_BYTES 60

static uint32_t chance(uint64_t *state, uint32_t below)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*state >> 33) % below;
}

/* Makes an op that may use a sweep: writes with hardly a gap, holes, sizes. extents must have room for three. */
static struct op some_op(uint64_t *state, int64_t id, struct op_extent *extents)
{
	static const char bytes[SPAN_BYTES] = "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefg";
	struct op op = {.kind = OP_WRITE, .id = id, .extents = extents, .extent_count = 1 + chance(state, 3)};
	int64_t at = chance(state, SPAN_BYTES);

	if (chance(state, 5) == 0)
		return op_size_of(id, chance(state, SPAN_BYTES));
	for (size_t i = 0; i < op.extent_count; i++) {
		struct op_extent *e = &extents[i];

		*e = (struct op_extent){.at = at, .len = 1 + chance(state, 6)};
		switch (chance(state, 4)) {
		case 0:
			e->kind = OP_EXTENT_HOLE;
			break;
		case 1:
			e->kind = OP_EXTENT_BLOCK;
			e->sha256[0] = 1;
			e->from = chance(state, 90);
			break;
		case 2:
			e->kind = chance(state, 3) == 0 ? OP_EXTENT_RESERVE : OP_EXTENT_HOLE;
			break;
		default:
			e->kind = OP_EXTENT_DATA;
			e->data = span_of(bytes, (size_t)e->len);
		}
		at += e->len + (chance(state, 8) == 0);
	}
	if (chance(state, 6) == 0) {
		op.fields = OP_HAS_SIZE;
		op.size = chance(state, 2 * SPAN_BYTES);
	}
	return op;
}

static int sizes_and_counts(struct trial *t, int64_t id, struct tree_node *ret, char *bytes)
{
	const int r = docs_mem_get_node(t->mem, id, ret);

	if (r == 0)
		docs_mem_read(t->mem, id, bytes, (size_t)ret->item.size);
	return r;
}

static void an_op_has_the_same_effect_with_a_sweep_as_with_loaded_extents(void **state)
{
	struct trial *t = *state, other;
	const char *seed = getenv("TREE_EXTENTS_SEED");
	uint64_t lots = seed ? strtoull(seed, NULL, 10) : (uint64_t)time(NULL);
	static char x[4 * SPAN_BYTES], y[4 * SPAN_BYTES];
	unsigned swept = 0;

	print_message("TREE_EXTENTS_SEED=%llu\n", (unsigned long long)lots);
	trial_init(&other);
	trial_block(t, 1, 100);
	trial_block(&other, 1, 100);
	const int64_t id = trial_file(t, t->root, "f");
	assert_int_equal(trial_file(&other, other.root, "f"), id);
	other.sweeps = true;
	for (int i = 0; i < 3000; i++) {
		struct op_extent extents[3];
		const struct op op = some_op(&lots, id, extents);
		struct tree_node a, b;

		assert_int_equal(trial_error(&other, &op), trial_error(t, &op));
		assert_int_equal(sizes_and_counts(t, id, &a, x), 0);
		assert_int_equal(sizes_and_counts(&other, id, &b, y), 0);
		assert_int_equal(a.item.size, b.item.size);
		assert_int_equal(a.item.allocated, b.item.allocated);
		assert_int_equal(a.extents, b.extents);
		assert_int_equal(a.charged, b.charged);
		assert_memory_equal(x, y, (size_t)a.item.size);
		swept += other.swept;
	}
	assert_true(swept > 1000);
	trial_fini(&other);
}

static void a_refused_sweep_removes_nothing(void **state)
{
	struct trial *t = *state;
	const int64_t id = trial_file(t, t->root, "f");
	const struct op_extent hole = {.at = 3, .len = 20, .kind = OP_EXTENT_HOLE};
	const struct op bad[] = {op_write_of(id, &hole, 1), op_unlink_of(t->root, "none")};
	const struct op twice[] = {op_write_of(id, &hole, 1), op_size_of(id, 4)};
	const struct op cleared[] = {op_size_of(id, 0), op_write_of(id, &hole, 1)};

	assert_int_equal(write_bytes(t, id, 0, 20), 0);
	t->sweeps = true;
	assert_int_equal(trial_apply(t, bad, 2, NULL), -ENOENT);
	assert_true(t->swept);
	assert_int_equal(extents_of(t, id), 20);
	assert_int_equal(trial_apply(t, twice, 2, NULL), 0);
	assert_false(t->swept); /* no sweep: two ranges have to be loaded */
	assert_int_equal(extents_of(t, id), 2);
	assert_int_equal(write_bytes(t, id, 0, 20), 0);
	assert_int_equal(trial_apply(t, cleared, 2, NULL), 0);
	assert_true(t->swept); /* a sweep: nothing is left of the file */
	assert_int_equal(extents_of(t, id), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TRIAL_CASE(every_op_updates_the_extent_counts_of_its_document_and_drive),
		TRIAL_CASE(a_refused_batch_does_not_change_the_extent_counts),
		TRIAL_CASE(a_drive_refuses_extents_above_its_limit_but_allows_other_ops),
		TRIAL_CASE(writes_of_whole_pages_into_reserved_space_are_never_refused),
		cmocka_unit_test(a_document_refuses_extents_above_extents_per_document_max),
		TRIAL_CASE(an_op_has_the_same_effect_with_a_sweep_as_with_loaded_extents),
		TRIAL_CASE(a_refused_sweep_removes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
