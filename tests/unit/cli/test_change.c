/* change: rm and mkdir through the whole command, against a store that answers by a script. */
#include "cli/command.h"
#include "tests/unit/cli/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define HOME "/api/v2/docs/drives/home"

static void mkdir_asks_for_the_parent_by_path(void **state)
{
	struct store s;

	(void)state;
	store_start(&s,
		STORE_STEPS({200, "{\"id\":\"42\",\"type\":\"dir\"}", NULL}, {201, "{}", NULL},
			{200, "{\"id\":\"1\",\"type\":\"dir\"}", NULL}, {201, "{}", NULL}));
	assert_int_equal(STORE_COMMAND(&s, "mkdir", "/a b/c/"), EXIT_DONE);
	assert_string_equal(s.asked[0].target, HOME "/items?path=/a%20b");
	assert_string_equal(s.asked[1].target, HOME "/folders");
	assert_string_equal(s.asked[1].body, "{\"parent\":\"42\",\"name\":\"c\"}");
	assert_int_equal(STORE_COMMAND(&s, "mkdir", "top"), EXIT_DONE);
	assert_string_equal(s.asked[2].target, HOME "/items?path=/");
	store_stop(&s);
}

static void mkdir_sends_a_name_that_is_no_text_exactly(void **state)
{
	struct store s;

	(void)state;
	store_start(&s, STORE_STEPS({200, "{\"id\":\"1\",\"type\":\"dir\"}", NULL}, {201, "{}", NULL}));
	assert_int_equal(STORE_COMMAND(&s, "mkdir", "\xff"), EXIT_DONE);
	assert_non_null(strstr(s.asked[1].body, "\"name_b64\":\"/w==\""));
	store_stop(&s);
}

static void mkdir_says_that_the_folder_is_missing(void **state)
{
	struct store s;

	(void)state;
	store_start(&s, STORE_STEPS({404, "{}", NULL}, {201, "{}", NULL}));
	assert_int_equal(STORE_COMMAND(&s, "mkdir", "/a/b"), EXIT_REFUSED);
	assert_int_equal(s.count, 1);
	store_stop(&s);
}

static void mkdir_with_parents_makes_what_is_missing_from_the_root_down(void **state)
{
	struct store s;

	(void)state;
	store_start(&s,
		STORE_STEPS({200, "{\"id\":\"1\",\"type\":\"dir\"}", NULL},
			{200, "{\"id\":\"2\",\"type\":\"dir\"}", NULL}, {404, "{}", NULL},
			{201, "{\"id\":\"3\"}", NULL}, {404, "{}", NULL}, {201, "{\"id\":\"4\"}", NULL}));
	assert_int_equal(STORE_COMMAND(&s, "mkdir", "-p", "/a/b c/d/"), EXIT_DONE);
	assert_int_equal(s.count, 6);
	assert_string_equal(s.asked[1].target, HOME "/items?path=/a");
	assert_string_equal(s.asked[2].target, HOME "/items?path=/a/b%20c");
	assert_string_equal(s.asked[3].body, "{\"parent\":\"2\",\"name\":\"b c\"}");
	assert_string_equal(s.asked[5].body, "{\"parent\":\"3\",\"name\":\"d\"}");
	store_stop(&s);
}

static void mkdir_with_parents_takes_a_folder_that_somebody_else_has_just_made(void **state)
{
	struct store s;

	(void)state;
	store_start(&s,
		STORE_STEPS({200, "{\"id\":\"1\",\"type\":\"dir\"}", NULL}, {404, "{}", NULL},
			{409, "{\"type\":\"/problems/exists\"}", NULL},
			{200, "{\"id\":\"7\",\"type\":\"dir\"}", NULL}));
	assert_int_equal(STORE_COMMAND(&s, "mkdir", "-p", "a"), EXIT_DONE);
	assert_int_equal(s.count, 4);
	store_stop(&s);
}

static void mkdir_with_parents_is_refused_by_a_file_on_the_way(void **state)
{
	struct store s;

	(void)state;
	store_start(&s,
		STORE_STEPS({200, "{\"id\":\"1\",\"type\":\"dir\"}", NULL},
			{200, "{\"id\":\"2\",\"type\":\"file\"}", NULL}));
	assert_int_equal(STORE_COMMAND(&s, "mkdir", "-p", "a/b"), EXIT_REFUSED);
	assert_int_equal(s.count, 2);
	assert_int_equal(STORE_COMMAND(&s, "mkdir", "-p", "a/../b"), EXIT_USAGE);
	assert_int_equal(s.count, 2);
	store_stop(&s);
}

static void rm_asks_once_and_never_for_the_root(void **state)
{
	struct store s;

	(void)state;
	store_start(&s, STORE_STEPS({204, "", NULL}, {409, "{}", NULL}));
	assert_int_equal(STORE_COMMAND(&s, "rm", "/"), EXIT_USAGE);
	assert_int_equal(STORE_COMMAND(&s, "rm", "a/.."), EXIT_USAGE);
	assert_int_equal(s.count, 0);
	assert_int_equal(STORE_COMMAND(&s, "rm", "a/b"), EXIT_DONE);
	assert_string_equal(s.asked[0].method, "DELETE");
	assert_string_equal(s.asked[0].target, HOME "/files/a/b");
	assert_int_equal(STORE_COMMAND(&s, "rm", "a"), EXIT_REFUSED);
	store_stop(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mkdir_asks_for_the_parent_by_path),
		cmocka_unit_test(mkdir_sends_a_name_that_is_no_text_exactly),
		cmocka_unit_test(mkdir_says_that_the_folder_is_missing),
		cmocka_unit_test(mkdir_with_parents_makes_what_is_missing_from_the_root_down),
		cmocka_unit_test(mkdir_with_parents_takes_a_folder_that_somebody_else_has_just_made),
		cmocka_unit_test(mkdir_with_parents_is_refused_by_a_file_on_the_way),
		cmocka_unit_test(rm_asks_once_and_never_for_the_root),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
