#include "fusefs/log/op_copy.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void a_copy_of_ops_does_not_depend_on_the_memory_of_the_original(void **state)
{
	char name[] = "name", target[] = "target", first[] = "first bytes", second[] = "more";
	struct op_extent extents[] = {
		{.at = 0, .len = 11, .kind = OP_EXTENT_DATA, .data = span_str(first)},
		{.at = 11, .len = 100, .kind = OP_EXTENT_BLOCK, .from = 7},
		{.at = 111, .len = 4, .kind = OP_EXTENT_DATA, .data = span_str(second)},
	};
	struct op ops[] = {
		{.kind = OP_CREATE, .parent = 1, .name = span_str(name), .target = span_str(target)},
		{.kind = OP_WRITE, .id = 5, .extents = extents, .extent_count = 3},
		{.kind = OP_WRITE, .id = 6, .extents = &extents[2], .extent_count = 1},
		{.kind = OP_RENAME, .parent = 1, .name = span_str(name), .new_name = span_str(target)},
	};
	struct op *copy = op_copy(ops, 4);

	(void)state;
	assert_non_null(copy);
	memset(name, 'x', sizeof(name));
	memset(target, 'x', sizeof(target));
	memset(first, 'x', sizeof(first));
	memset(second, 'x', sizeof(second));
	memset(extents, 0, sizeof(extents));
	memset(ops, 0, sizeof(ops));
	assert_int_equal(copy[0].kind, OP_CREATE);
	assert_true(span_eq_str(copy[0].name, "name"));
	assert_true(span_eq_str(copy[0].target, "target"));
	assert_null(copy[0].extents);
	assert_int_equal(copy[1].extent_count, 3);
	assert_true(span_eq_str(copy[1].extents[0].data, "first bytes"));
	assert_int_equal(copy[1].extents[1].kind, OP_EXTENT_BLOCK);
	assert_int_equal(copy[1].extents[1].from, 7);
	assert_true(span_eq_str(copy[1].extents[2].data, "more"));
	assert_true(span_eq_str(copy[2].extents[0].data, "more"));
	assert_true(span_eq_str(copy[3].name, "name"));
	assert_true(span_eq_str(copy[3].new_name, "target"));
	free(copy); /* frees everything that was copied */
}

static void op_copy_data_size_counts_content_and_op_copy_bytes_counts_everything(void **state)
{
	struct op_extent extents[] = {
		{.len = 11, .kind = OP_EXTENT_DATA, .data = SPAN_LITERAL("first bytes")},
		{.len = 100, .kind = OP_EXTENT_HOLE},
	};
	const struct op ops[] = {
		{.kind = OP_WRITE, .extents = extents, .extent_count = 2},
		{.kind = OP_RENAME, .name = SPAN_LITERAL("ab"), .new_name = SPAN_LITERAL("cde")},
		{.kind = OP_SETXATTR, .name = SPAN_LITERAL("user.a"), .target = SPAN_LITERAL("value")},
	};

	(void)state;
	assert_int_equal(op_copy_data_size(ops, 3), 11);
	assert_int_equal(op_copy_bytes(ops, 3), 11 + 2 + 3 + 6 + 5);
	assert_int_equal(op_copy_bytes(ops, 0), 0);
}

static void an_op_that_points_to_nothing_can_be_copied(void **state)
{
	const struct op op = {.kind = OP_SETATTR, .id = 9, .fields = OP_HAS_MODE, .mode = 0600};
	struct op *copy = op_copy(&op, 1);

	(void)state;
	assert_non_null(copy);
	assert_int_equal(copy->id, 9);
	assert_int_equal(copy->mode, 0600);
	assert_null(copy->extents);
	free(copy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_copy_of_ops_does_not_depend_on_the_memory_of_the_original),
		cmocka_unit_test(op_copy_data_size_counts_content_and_op_copy_bytes_counts_everything),
		cmocka_unit_test(an_op_that_points_to_nothing_can_be_copied),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
