#include "backend/pg/pg.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void an_empty_array_has_no_dimensions(void **state)
{
	(void)state;
	struct pg_array *a = NULL;

	assert_int_equal(pg_array_new(PG_I64, &a), 0);
	struct pg_param p = pg_array_param(a);
	static const uint8_t expected[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 20};
	assert_int_equal(p.bytes.size, sizeof(expected));
	assert_memory_equal(p.bytes.data, expected, sizeof(expected));
	assert_int_equal(p.array_oid, 1016);
	pg_array_free(a);
}

static void array_numbers_are_encoded_big_endian_in_their_width(void **state)
{
	(void)state;
	struct pg_array *a = NULL;

	assert_int_equal(pg_array_new(PG_I16, &a), 0);
	assert_int_equal(pg_array_add_number(a, 258), 0);
	assert_int_equal(pg_array_add_null(a), 0);
	static const uint8_t expected[] = {
		0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 21, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2, 1, 2, 255, 255, 255, 255};
	struct pg_param p = pg_array_param(a);
	assert_int_equal(p.bytes.size, sizeof(expected));
	assert_memory_equal(p.bytes.data, expected, sizeof(expected));
	assert_int_equal(pg_array_count(a), 2);
	pg_array_free(a);
}

static void pg_array_clear_removes_elements_and_the_null_flag(void **state)
{
	(void)state;
	struct pg_array *a = NULL;

	assert_int_equal(pg_array_new(PG_BYTEA, &a), 0);
	assert_int_equal(pg_array_add_null(a), 0);
	pg_array_clear(a);
	assert_int_equal(pg_array_count(a), 0);
	assert_int_equal(pg_array_param(a).bytes.size, 12);
	assert_int_equal(pg_array_add_bytes(a, span_str("x")), 0);
	assert_int_equal(pg_array_param(a).bytes.data[7], 0);
	pg_array_free(a);
}

static void a_value_over_the_array_limit_is_refused_and_changes_nothing(void **state)
{
	(void)state;
	struct pg_array *a = NULL;

	assert_int_equal(pg_array_new(PG_TEXT, &a), 0);
	assert_int_equal(pg_array_add_bytes(a, span_of("x", (size_t)PG_ARRAY_BYTES_MAX + 1)), -E2BIG);
	assert_int_equal(pg_array_count(a), 0);
	assert_int_equal(pg_array_new(PG_ARRAY, &a), -EINVAL);
	pg_array_free(a);
	pg_array_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_empty_array_has_no_dimensions),
		cmocka_unit_test(array_numbers_are_encoded_big_endian_in_their_width),
		cmocka_unit_test(pg_array_clear_removes_elements_and_the_null_flag),
		cmocka_unit_test(a_value_over_the_array_limit_is_refused_and_changes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
