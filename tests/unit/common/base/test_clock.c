#include "common/base/clock.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define UNTOUCHED 4711

static const struct {
	int64_t ns;
	const char *text;
} times[] = {
	{0, "0.000000000"},
	{1, "0.000000001"},
	{-1, "-1.999999999"},
	{-NS_PER_S, "-1.000000000"},
	{-NS_PER_S - 1, "-2.999999999"},
	{1700000000123456789, "1700000000.123456789"},
	{CLOCK_SECONDS_MAX * NS_PER_S, "9223372036.000000000"},
	{CLOCK_SECONDS_MAX * NS_PER_S - 1, "9223372035.999999999"},
	{CLOCK_SECONDS_MIN * NS_PER_S, "-9223372036.000000000"},
	{CLOCK_SECONDS_MIN * NS_PER_S + 1, "-9223372036.000000001"},
};

static void clock_format_floors_the_seconds(void **state)
{
	char text[CLOCK_TEXT_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		clock_format(times[i].ns, text);
		assert_string_equal(text, times[i].text);
	}
	clock_format(INT64_MAX, text);
	assert_string_equal(text, "9223372036.854775807");
	clock_format(INT64_MIN, text);
	assert_string_equal(text, "-9223372037.145224192");
}

static void clock_from_clamps_times_that_are_out_of_range(void **state)
{
	static const struct {
		int64_t seconds, nanoseconds, ns;
	} given[] = {
		{0, 0, 0},
		{-1, 999999999, -1},
		{CLOCK_SECONDS_MAX - 1, 999999999, CLOCK_SECONDS_MAX * NS_PER_S - 1},
		{CLOCK_SECONDS_MAX, 0, CLOCK_SECONDS_MAX * NS_PER_S},
		{CLOCK_SECONDS_MAX, 999999999, CLOCK_SECONDS_MAX * NS_PER_S},
		{CLOCK_SECONDS_MAX + 1, 1, CLOCK_SECONDS_MAX * NS_PER_S},
		{10413792000, 0, CLOCK_SECONDS_MAX * NS_PER_S}, /* 2300 */
		{INT64_MAX, 999999999, CLOCK_SECONDS_MAX * NS_PER_S},
		{CLOCK_SECONDS_MIN, 0, CLOCK_SECONDS_MIN * NS_PER_S},
		{CLOCK_SECONDS_MIN, 1, CLOCK_SECONDS_MIN * NS_PER_S + 1},
		{CLOCK_SECONDS_MIN - 1, 999999999, CLOCK_SECONDS_MIN * NS_PER_S},
		{-11676096000, 0, CLOCK_SECONDS_MIN * NS_PER_S}, /* 1600 */
		{INT64_MIN, 0, CLOCK_SECONDS_MIN * NS_PER_S},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(given) / sizeof(given[0]); i++) {
		int64_t ns = UNTOUCHED;

		assert_int_equal(clock_from(given[i].seconds, given[i].nanoseconds, &ns), 0);
		if (ns != given[i].ns)
			fail_msg("%zu: %lld", i, (long long)ns);
	}
}

static void clock_from_refuses_nanoseconds_outside_of_a_second(void **state)
{
	static const int64_t bad[] = {-1, NS_PER_S, INT64_MIN, INT64_MAX};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int64_t ns = UNTOUCHED;

		assert_int_equal(clock_from(INT64_MAX, bad[i], &ns), -EINVAL);
		assert_int_equal(clock_from(0, bad[i], &ns), -EINVAL);
		assert_true(ns == UNTOUCHED);
	}
}

static void clock_parse_clamps_times_that_are_out_of_range(void **state)
{
	static const char *const late[] = {
		"9223372036.854775807", "9223372036.854775808", "9223372037", "9223372036854775807.999999999"};
	static const char *const early[] = {
		"-9223372037.145224192", "-9223372038.000000000", "-9223372037", "-9223372036854775808"};
	int64_t ns;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(clock_parse(late[i], &ns), 0);
		assert_true(ns == CLOCK_SECONDS_MAX * NS_PER_S);
		assert_int_equal(clock_parse(early[i], &ns), 0);
		assert_true(ns == CLOCK_SECONDS_MIN * NS_PER_S);
	}
}

static void clock_parse_reads_the_output_of_clock_format(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		int64_t ns = UNTOUCHED;

		assert_int_equal(clock_parse(times[i].text, &ns), 0);
		assert_true(ns == times[i].ns);
	}
}

static void clock_parse_accepts_whole_seconds(void **state)
{
	int64_t ns;

	(void)state;
	assert_int_equal(clock_parse("17", &ns), 0);
	assert_true(ns == 17 * NS_PER_S);
	assert_int_equal(clock_parse("-17", &ns), 0);
	assert_true(ns == -17 * NS_PER_S);
}

static void clock_parse_refuses_malformed_times(void **state)
{
	static const char *const bad[] = {"", ".", "-", "1.", ".000000000", "-.000000000", "1.5", "1.0000000000",
		"1.00000000", "1.-00000000", "1.00000000x", "1.+00000000", "+1.000000000", " 1", "1 ", "1e9", "0x1",
		"--1", "-0", "-0.000000001", "1.000000000.0", "nan", "9223372036854775808",
		"99999999999999999999999999", "-99999999999999999999999999"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		int64_t ns = UNTOUCHED;

		if (clock_parse(bad[i], &ns) != -EINVAL)
			fail_msg("accepted \"%s\"", bad[i]);
		assert_true(ns == UNTOUCHED);
	}
	assert_int_equal(clock_parse(NULL, &(int64_t){0}), -EINVAL);
}

static void clock_timespec_has_nanoseconds_from_0_to_999999999(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++) {
		struct timespec t = clock_timespec(times[i].ns);

		assert_in_range(t.tv_nsec, 0, NS_PER_S - 1);
	}
	assert_int_equal(clock_timespec(-1).tv_sec, -1);
	assert_int_equal(clock_timespec(-1).tv_nsec, 999999999);
}

static void clock_mono_never_goes_back(void **state)
{
	int64_t before = clock_mono_ns();

	(void)state;
	for (int i = 0; i < 1000; i++) {
		int64_t now = clock_mono_ns();

		assert_true(now >= before);
		before = now;
	}
}

static void clock_real_is_after_2020(void **state)
{
	(void)state;
	assert_true(clock_real_ns() > 1577836800 * NS_PER_S);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clock_format_floors_the_seconds),
		cmocka_unit_test(clock_from_clamps_times_that_are_out_of_range),
		cmocka_unit_test(clock_from_refuses_nanoseconds_outside_of_a_second),
		cmocka_unit_test(clock_parse_reads_the_output_of_clock_format),
		cmocka_unit_test(clock_parse_clamps_times_that_are_out_of_range),
		cmocka_unit_test(clock_parse_accepts_whole_seconds),
		cmocka_unit_test(clock_parse_refuses_malformed_times),
		cmocka_unit_test(clock_timespec_has_nanoseconds_from_0_to_999999999),
		cmocka_unit_test(clock_mono_never_goes_back),
		cmocka_unit_test(clock_real_is_after_2020),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
