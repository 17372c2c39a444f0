#include "common/http/range.h"

#include "common/base/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void expect_one(const char *header, int64_t size, int64_t from, int64_t len)
{
	struct range_set set;

	assert_int_equal(range_parse(header, size, &set), 0);
	assert_int_equal(set.count, 1);
	assert_int_equal(set.parts[0].from, from);
	assert_int_equal(set.parts[0].len, len);
}

static void expect_whole(const char *header, int64_t size)
{
	struct range_set set;

	assert_int_equal(range_parse(header, size, &set), 0);
	assert_int_equal(set.count, 0);
}

static void range_parse_clips_ranges_to_the_content(void **state)
{
	(void)state;
	expect_one("bytes=0-0", 10, 0, 1);
	expect_one("bytes=2-5", 10, 2, 4);
	expect_one("bytes=2-", 10, 2, 8);
	expect_one("bytes=2-100", 10, 2, 8);
	expect_one("bytes=2-99999999999999999999999", 10, 2, 8);
	expect_one("bytes=-3", 10, 7, 3);
	expect_one("bytes=-30", 10, 0, 10);
	expect_one("Bytes= 1-2 ", 10, 1, 2);
	expect_one("bytes=,1-2,", 10, 1, 2);
	expect_one("bytes=9223372036854775806-", INT64_MAX, INT64_MAX - 1, 1);
	/* The last bytes of an empty content are all of it. */
	expect_whole("bytes=-5", 0);
	expect_whole("bytes=0-,-5", 0);
	/* Together these ranges are more than the whole, and their sum is more than can be counted. */
	expect_whole("bytes=0-1,-5,6-", INT64_MAX);
}

static void range_parse_refuses_ranges_beyond_the_end(void **state)
{
	struct range_set set;

	(void)state;
	assert_int_equal(range_parse("bytes=10-", 10, &set), -ERR_RANGE);
	assert_int_equal(range_parse("bytes=10-20,30-40", 10, &set), -ERR_RANGE);
	assert_int_equal(range_parse("bytes=-0", 10, &set), -ERR_RANGE);
	assert_int_equal(range_parse("bytes=0-", 0, &set), -ERR_RANGE);
	assert_int_equal(range_parse("bytes=-0", 0, &set), -ERR_RANGE);
	assert_int_equal(set.count, 0);
}

static void range_parse_ignores_malformed_ranges(void **state)
{
	static const char *const odd[] = {"bytes", "bytes=", "bytes=x", "bytes=1", "bytes=3-2", "bytes=1-x", "bytes=-",
		"bytes=1-2;3-4", "lines=1-2", "bytes=--1", "bytes=1-2-3", ""};

	(void)state;
	expect_whole(NULL, 10);
	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
		expect_whole(odd[i], 10);
}

static void range_parse_keeps_the_order_of_several_ranges(void **state)
{
	struct range_set set;

	(void)state;
	assert_int_equal(range_parse("bytes=8-9, 0-1 ,-1,50-60", 10, &set), 0);
	assert_int_equal(set.count, 3);
	assert_int_equal(set.parts[0].from, 8);
	assert_int_equal(set.parts[1].from, 0);
	assert_int_equal(set.parts[2].from, 9);
}

static void range_parse_gives_the_whole_content_for_overlapping_or_too_many_ranges(void **state)
{
	char many[16 + 4 * RANGE_PARTS_MAX] = "bytes=0-0";
	size_t size = strlen(many);

	(void)state;
	expect_whole("bytes=0-9,0-9", 10);
	for (int i = 0; i < RANGE_PARTS_MAX; i++)
		size += (size_t)snprintf(many + size, sizeof(many) - size, ",5-5");
	expect_whole(many, 1000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(range_parse_clips_ranges_to_the_content),
		cmocka_unit_test(range_parse_refuses_ranges_beyond_the_end),
		cmocka_unit_test(range_parse_ignores_malformed_ranges),
		cmocka_unit_test(range_parse_keeps_the_order_of_several_ranges),
		cmocka_unit_test(range_parse_gives_the_whole_content_for_overlapping_or_too_many_ranges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
