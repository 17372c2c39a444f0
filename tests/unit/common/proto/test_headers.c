#include "common/proto/headers.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void printed_positions_and_usages_are_parsed_to_the_same_numbers(void **state)
{
	static const int64_t numbers[] = {0, 1, 17, INT64_MAX};
	char text[HEADERS_VALUE_SIZE];
	int64_t first, second;

	(void)state;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		headers_position_print(numbers[i], 5, text);
		assert_int_equal(headers_position_parse(text, &first, &second), 0);
		assert_true(first == numbers[i] && second == 5);
		headers_usage_print(9, numbers[i], text);
		assert_int_equal(headers_usage_parse(text, &first, &second), 0);
		assert_true(first == 9 && second == numbers[i]);
	}
}

static void a_position_is_printed_with_a_dot_and_a_usage_with_a_slash(void **state)
{
	char text[HEADERS_VALUE_SIZE];

	(void)state;
	headers_position_print(3, 41, text);
	assert_string_equal(text, "3.41");
	headers_usage_print(100, 0, text);
	assert_string_equal(text, "100/0");
}

static void a_malformed_header_value_is_refused_and_sets_nothing(void **state)
{
	static const char *const positions[] = {"", ".", "1", "1.", ".1", "1/2", "-1.2", "1.-2", "1.2.3", "1.2 ",
		" 1.2", "+1.2", "0x1.2", "9223372036854775808.1", "1.9223372036854775808"};
	int64_t first = 7, second = 8;

	(void)state;
	for (size_t i = 0; i < sizeof(positions) / sizeof(positions[0]); i++)
		assert_int_equal(headers_position_parse(positions[i], &first, &second), -EINVAL);
	assert_int_equal(headers_position_parse(NULL, &first, &second), -EINVAL);
	assert_int_equal(headers_usage_parse("1.2", &first, &second), -EINVAL);
	assert_int_equal(headers_usage_parse("-1/2", &first, &second), -EINVAL);
	assert_true(first == 7 && second == 8);
}

static void a_stand_header_has_a_position_and_a_timeline(void **state)
{
	static const char *const wrong[] = {"", "/", "1.2", "1.2/", "1.2/0", "0.2/1", "1.2/-1", "1.2/1 ", "1/2/3",
		"1.2/3/4", "/1", "1./3", "1.2/9223372036854775808",
		"1.0000000000000000000000000000000000000000000000000000000000000002/3"};
	const struct headers_stand most = {INT64_MAX, INT64_MAX, INT64_MAX};
	struct headers_stand stand = {7, 8, 9};
	char text[HEADERS_STAND_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(headers_stand_parse(wrong[i], &stand), -EINVAL);
	assert_int_equal(headers_stand_parse(NULL, &stand), -EINVAL);
	assert_true(stand.incarnation == 7 && stand.seq == 8 && stand.timeline == 9);
	headers_stand_print(&stand, text);
	assert_string_equal(text, "7.8/9");
	headers_stand_print(&most, text);
	assert_int_equal(headers_stand_parse(text, &stand), 0);
	assert_memory_equal(&stand, &most, sizeof(most));
	assert_int_equal(headers_stand_parse("1.0/2", &stand), 0);
	assert_true(stand.incarnation == 1 && stand.seq == 0 && stand.timeline == 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(printed_positions_and_usages_are_parsed_to_the_same_numbers),
		cmocka_unit_test(a_position_is_printed_with_a_dot_and_a_usage_with_a_slash),
		cmocka_unit_test(a_stand_header_has_a_position_and_a_timeline),
		cmocka_unit_test(a_malformed_header_value_is_refused_and_sets_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
