#include "common/base/span.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void span_str_of_null_is_empty(void **state)
{
	(void)state;
	assert_int_equal(span_str(NULL).size, 0);
	assert_true(span_eq(span_str(NULL), span_str("")));
}

static void span_literal_does_not_count_the_nul(void **state)
{
	(void)state;
	assert_int_equal(SPAN_LITERAL("abc").size, 3);
}

static void span_eq_compares_sizes_and_all_bytes(void **state)
{
	(void)state;
	assert_true(span_eq_str(span_of("abcd", 3), "abc"));
	assert_false(span_eq_str(span_of("abcd", 4), "abc"));
	assert_false(span_eq_str(span_of("abd", 3), "abc"));
	assert_true(span_eq(span_of("a\0b", 3), span_of("a\0b", 3)));
	assert_false(span_eq(span_of("a\0b", 3), span_of("a\0c", 3)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(span_str_of_null_is_empty),
		cmocka_unit_test(span_literal_does_not_count_the_nul),
		cmocka_unit_test(span_eq_compares_sizes_and_all_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
