#include "common/http/server/query.h"

#include "common/base/error.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static void a_query_value_is_decoded_once_and_its_plus_signs_are_spaces(void **state)
{
	static const struct {
		const char *query, *name, *value; /* NULL: absent */
	} cases[] = {
		{"a=b", "a", "b"},
		{"a=b", "b", NULL},
		{"a=b&c=d", "c", "d"},
		{"&&c=d&", "c", "d"},
		{"a", "a", ""},
		{"a=", "a", ""},
		{"a=b=c", "a", "b=c"},
		{"a=x+y%20z", "a", "x y z"},
		{"a=x%2By", "a", "x+y"},
		{"a=%252B", "a", "%2B"},
		{"a=+%2B+", "a", " + "},
		{"a+b=c", "a b", "c"},
		{"%61=b", "a", "b"},
		{"a=%2Fdir%2Ffile", "a", "/dir/file"},
		{"ab=c", "a", NULL},
		{"a=%ff", "a", "\xff"},
		{"=b", "", "b"},
		{"", "a", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct buf value;
		int r;

		buf_init(&value, 100);
		r = query_value(span_str(cases[i].query), cases[i].name, &value);
		if (r != (cases[i].value ? 0 : -ENOENT) || (cases[i].value && strcmp(value.data, cases[i].value) != 0))
			fail_msg("%s of %s: %d %s", cases[i].name, cases[i].query, r, value.data ? value.data : "");
		buf_fini(&value);
	}
}

static int check(const char *query)
{
	const char *why = NULL;
	int r = query_check(span_str(query), &why);

	assert_true((r == 0) == (why == NULL));
	return r;
}

static void a_query_with_repeated_names_or_bad_escapes_is_refused(void **state)
{
	static const char *const good[] = {"", "a", "a=b&c=d", "&&&", "a=b&", "a=1&A=1", "a=%20+%2B", "a&b&c"};
	static const char *const bad[] = {"a=1&a=1", "a=1&a=2", "a&a", "a=1&%61=2", "a+b&a%20b", "=1&=2", "a=%", "a=%4",
		"a=%zz", "a=%00", "%00=a", "a=b&c=d&e=f&a="};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_int_equal(check(good[i]), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (check(bad[i]) != -ERR_BAD_REQUEST)
			fail_msg("taken: %s", bad[i]);
	}
}

static void a_query_with_too_many_parameters_is_refused(void **state)
{
	char text[16 * QUERY_PARAMETERS_MAX] = "";
	size_t used = 0;

	(void)state;
	for (int i = 0; i < QUERY_PARAMETERS_MAX; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "p%d=&", i);
	assert_int_equal(check(text), 0);
	(void)snprintf(text + used, sizeof(text) - used, "one-more");
	assert_int_equal(check(text), -ERR_BAD_REQUEST);
}

static void query_bool_accepts_only_words_for_true_and_false(void **state)
{
	static const char *const yes[] = {"1", "true", "TRUE", "yes", "on"};
	static const char *const no[] = {"0", "false", "False", "no", "off"};
	static const char *const neither[] = {"", "2", "-1", "01", "tru", "true ", "y", "n", "null", "enabled"};
	bool value;

	(void)state;
	for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++) {
		value = false;
		assert_int_equal(query_bool(yes[i], &value), 0);
		assert_true(value);
	}
	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++) {
		value = true;
		assert_int_equal(query_bool(no[i], &value), 0);
		assert_false(value);
	}
	for (size_t i = 0; i < sizeof(neither) / sizeof(neither[0]); i++)
		assert_int_equal(query_bool(neither[i], &value), -EINVAL);
}

static void query_number_accepts_only_digits_within_its_limits(void **state)
{
	static const char *const none[] = {"", " 1", "1 ", "+1", "0x1", "1.5", "1e3", "one", "--1"};
	int64_t value = 7;

	(void)state;
	assert_int_equal(query_number("5", 1, 10, &value), 0);
	assert_int_equal(value, 5);
	assert_int_equal(query_number("11", 1, 10, &value), -ERANGE);
	assert_int_equal(query_number("0", 1, 10, &value), -ERANGE);
	assert_int_equal(query_number("-5", 0, 10, &value), -ERANGE);
	assert_int_equal(query_number("99999999999999999999", 0, INT64_MAX, &value), -ERANGE);
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		assert_int_equal(query_number(none[i], INT64_MIN, INT64_MAX, &value), -EINVAL);
	assert_int_equal(value, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_query_value_is_decoded_once_and_its_plus_signs_are_spaces),
		cmocka_unit_test(a_query_with_repeated_names_or_bad_escapes_is_refused),
		cmocka_unit_test(a_query_with_too_many_parameters_is_refused),
		cmocka_unit_test(query_bool_accepts_only_words_for_true_and_false),
		cmocka_unit_test(query_number_accepts_only_digits_within_its_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
