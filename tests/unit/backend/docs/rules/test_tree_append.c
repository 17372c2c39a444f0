#include "tests/unit/backend/docs/rules/trial.h"

#include "common/base/error.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

static void assert_content(struct trial *t, int64_t id, const char *text)
{
	char bytes[64];
	size_t size = strlen(text);

	assert_int_equal(trial_item(t, id).size, size);
	docs_mem_read(t->mem, id, bytes, size);
	assert_memory_equal(bytes, text, size);
}

static struct op write_of(int64_t id, struct op_extent *extents, size_t count)
{
	return (struct op){.kind = OP_WRITE, .id = id, .extents = extents, .extent_count = count};
}

static struct op_extent data_at(int64_t at, const char *text)
{
	return (struct op_extent){
		.at = at, .len = (int64_t)strlen(text), .kind = OP_EXTENT_DATA, .data = span_str(text)};
}

static struct op resize_of(int64_t id, int64_t size)
{
	return (struct op){.kind = OP_SETATTR, .fields = OP_HAS_SIZE, .id = id, .size = size};
}

static void an_append_is_written_at_the_end_of_file_and_returns_its_offset(void **state)
{
	struct trial *t = *state;
	int64_t f = trial_file(t, t->root, "f");
	struct op_extent parts[] = {data_at(0, "one"), data_at(3, "two")};
	struct op op = write_of(f, parts, 2);
	struct tree_change change;

	op.fields = OP_APPEND;
	assert_int_equal(trial_do(t, &op)->value, 0);
	assert_int_equal(trial_do(t, &op)->value, 6);
	change = trial_change(t);
	assert_int_equal(change.from, 6);
	assert_int_equal(change.len, 6);
	assert_int_equal(change.what, TREE_CONTENT | TREE_SIZE);
	assert_content(t, f, "onetwoonetwo");
	/* Small appends become one piece, though neither names the place of the other. */
	assert_int_equal(trial_extents(t, f), 1);
	assert_int_equal(trial_used(t), 12);
	/* An append goes to the end of the file's size, not of its data. */
	struct op longer = resize_of(f, 20);
	trial_do(t, &longer);
	assert_int_equal(trial_do(t, &op)->value, 20);
	assert_int_equal(trial_item(t, f).size, 26);
}

static void appends_of_several_batches_are_written_one_after_the_other(void **state)
{
	struct trial *t = *state;
	int64_t f = trial_file(t, t->root, "f");
	struct op_extent a = data_at(0, "aaa"), b = data_at(0, "bb"), over = data_at(2, "XX");
	struct op ops[3] = {write_of(f, &a, 1), write_of(f, &b, 1), write_of(f, &over, 1)};
	struct trial_batch batches[] = {{&ops[0], 1}, {&ops[1], 2}, {&ops[0], 1}};

	ops[0].fields = ops[1].fields = OP_APPEND;
	trial_apply_all(t, batches, 3);
	assert_int_equal(batches[0].results[0].value, 0);
	assert_int_equal(batches[1].results[0].value, 3);
	assert_int_equal(batches[2].results[0].value, 5);
	assert_content(t, f, "aaXXbaaa");
}

static void an_append_beyond_the_largest_file_size_is_refused(void **state)
{
	struct trial *t = *state;
	int64_t f = trial_file(t, t->root, "f");
	struct op_extent extent = data_at(0, "four");
	struct op full = resize_of(f, (int64_t)FILE_BYTES_MAX - 3), op = write_of(f, &extent, 1);

	op.fields = OP_APPEND;
	trial_do(t, &full);
	assert_int_equal(trial_error(t, &op), -EFBIG);
	extent.len--;
	extent.data.size--;
	assert_int_equal(trial_do(t, &op)->value, (int64_t)FILE_BYTES_MAX - 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TRIAL_CASE(an_append_is_written_at_the_end_of_file_and_returns_its_offset),
		TRIAL_CASE(appends_of_several_batches_are_written_one_after_the_other),
		TRIAL_CASE(an_append_beyond_the_largest_file_size_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
