#include "common/base/line.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static void texts_numbers_and_spans_are_joined_to_one_line(void **state)
{
	char room[64];
	struct line line;
	struct span made;

	(void)state;
	line_begin(&line, room, sizeof(room));
	assert_string_equal(room, "");
	line_text(&line, "drive ");
	line_number(&line, 42);
	line_text(&line, NULL);
	line_span(&line, span_of("/abc", 2));
	assert_true(line_end(&line, &made));
	assert_string_equal(room, "drive 42/a");
	assert_ptr_equal(made.data, room);
	assert_int_equal(made.size, strlen(room));
}

static void numbers_are_written_as_printf_writes_them(void **state)
{
	static const int64_t numbers[] = {
		0, 1, -1, 9, 10, 99, 100, -1000, INT32_MAX, INT64_MAX, INT64_MIN, INT64_MIN + 1};
	char expected[32], got[LINE_NUMBER_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		snprintf(expected, sizeof(expected), "%" PRId64, numbers[i]);
		assert_int_equal(line_of_number(numbers[i], got), strlen(expected));
		assert_string_equal(got, expected);
	}
}

static void a_line_that_does_not_fit_is_cut_and_line_end_returns_false(void **state)
{
	char room[8] = "xxxxxxx";
	struct line line;

	(void)state;
	line_begin(&line, room, sizeof(room) - 1);
	line_text(&line, "1234");
	assert_true(line_end(&line, NULL));
	line_number(&line, -56);
	assert_false(line_end(&line, NULL));
	assert_string_equal(room, "1234-5");
	line_text(&line, "");
	assert_false(line_end(&line, NULL));
	assert_int_equal(room[7], '\0');
	line_begin(&line, room, 1);
	line_text(&line, "a");
	assert_false(line_end(&line, NULL));
	assert_string_equal(room, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_numbers_and_spans_are_joined_to_one_line),
		cmocka_unit_test(numbers_are_written_as_printf_writes_them),
		cmocka_unit_test(a_line_that_does_not_fit_is_cut_and_line_end_returns_false),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
