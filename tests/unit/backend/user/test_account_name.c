#include "backend/user/account_name.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char RIGHT_TO_LEFT[] = "a\xe2\x80\xae\x62", ZERO_WIDTH[] = "a\xe2\x80\x8b\x62";

static char key[USER_NAME_KEY_SIZE];

static void names_are_folded_in_every_script(void **state)
{
	(void)state;
	assert_int_equal(account_name_fold("Ann-Marie O'Neil+x@y_1.z", key), 0);
	assert_string_equal(key, "ann-marie o'neil+x@y_1.z");
	assert_int_equal(account_name_fold("ZOË Ñandú Ωμέγα Юрий", key), 0);
	assert_string_equal(key, "zoë ñandú ωμέγα юрий");
}

static void what_could_mislead_is_no_name(void **state)
{
	static const char *const WRONG[] = {"", " x", "x ", "a/b", "a\\b", "a\tb", "a\nb", "a\x7f", RIGHT_TO_LEFT,
		ZERO_WIDTH, "a\xc3", "\xff", "\xed\xa0\x80", "a:b", "<b>", "a\"b"};

	(void)state;
	for (size_t i = 0; i < sizeof(WRONG) / sizeof(WRONG[0]); i++)
		assert_int_equal(account_name_fold(WRONG[i], key), -EINVAL);
}

static void a_name_has_at_most_64_characters(void **state)
{
	char longest[4 * 64 + 2] = "";

	(void)state;
	for (int i = 0; i < 64; i++)
		snprintf(longest + 4 * i, sizeof(longest) - 4 * (size_t)i,
			"\xf0\x9d\x94\x84"); /* a letter of four bytes */
	assert_int_equal(account_name_fold(longest, key), 0);
	longest[4 * 64] = 'a';
	assert_int_equal(account_name_fold(longest, key), -ENAMETOOLONG);
}

static void labels_may_hold_any_printable_character(void **state)
{
	(void)state;
	assert_int_equal(account_label_check("my laptop / home: \"old\""), 0);
	assert_int_equal(account_label_check(""), -EINVAL);
	assert_int_equal(account_label_check("a\nb"), -EINVAL);
}

static void addresses_have_two_sides(void **state)
{
	static const char *const WRONG[] = {"x", "@", "x@", "@x", "a@b@c", "a b@c", "a@b\n"};
	char longest[300];

	(void)state;
	assert_int_equal(account_email_check("a@b"), 0);
	for (size_t i = 0; i < sizeof(WRONG) / sizeof(WRONG[0]); i++)
		assert_int_equal(account_email_check(WRONG[i]), -EINVAL);
	memset(longest, 'a', sizeof(longest));
	longest[1] = '@';
	longest[254] = '\0';
	assert_int_equal(account_email_check(longest), 0);
	longest[254] = 'a';
	longest[255] = '\0';
	assert_int_equal(account_email_check(longest), -ENAMETOOLONG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_folded_in_every_script),
		cmocka_unit_test(what_could_mislead_is_no_name),
		cmocka_unit_test(a_name_has_at_most_64_characters),
		cmocka_unit_test(labels_may_hold_any_printable_character),
		cmocka_unit_test(addresses_have_two_sides),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
