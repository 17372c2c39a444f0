/* change: rm and mkdir through the whole command, against a store that answers by a script. */
#include "cli/command.h"
#include "tests/unit/cli/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define HOME "/api/v2/docs/drives/home"

static void mkdir_looks_up_the_parent_by_path_and_creates_the_folder_there(void **state)
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

static void mkdir_sends_a_name_that_is_not_utf8_as_base64(void **state)
{
	struct store s;

	(void)state;
	store_start(&s, STORE_STEPS({200, "{\"id\":\"1\",\"type\":\"dir\"}", NULL}, {201, "{}", NULL}));
	assert_int_equal(STORE_COMMAND(&s, "mkdir", "\xff"), EXIT_DONE);
	assert_non_null(strstr(s.asked[1].body, "\"name_b64\":\"/w==\""));
	store_stop(&s);
}

static void mkdir_is_refused_when_the_parent_is_missing(void **state)
{
	struct store s;

	(void)state;
	store_start(&s, STORE_STEPS({404, "{}", NULL}, {201, "{}", NULL}));
	assert_int_equal(STORE_COMMAND(&s, "mkdir", "/a/b"), EXIT_REFUSED);
	assert_int_equal(s.count, 1);
	store_stop(&s);
}

static void mkdir_with_parents_creates_missing_folders_from_the_root_down(void **state)
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

static void mkdir_with_parents_accepts_a_folder_that_others_created_meanwhile(void **state)
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

static void mkdir_with_parents_of_the_root_succeeds_and_changes_nothing(void **state)
{
	struct store s;

	(void)state;
	store_start(&s, STORE_STEPS({200, "{\"id\":\"1\",\"type\":\"dir\"}", NULL}));
	assert_int_equal(STORE_COMMAND(&s, "mkdir", "-p", "/"), EXIT_DONE);
	assert_int_equal(s.count, 1);
	assert_string_equal(s.asked[0].target, HOME "/items?path=/");
	assert_int_equal(STORE_COMMAND(&s, "mkdir", "/"), EXIT_USAGE);
	assert_int_equal(STORE_COMMAND(&s, "mkdir", "-p", ""), EXIT_USAGE);
	assert_int_equal(s.count, 1);
	store_stop(&s);
}

static void mkdir_with_parents_is_refused_if_a_parent_is_a_file(void **state)
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

static void rm_sends_one_delete_request_and_refuses_the_root(void **state)
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
		cmocka_unit_test(mkdir_looks_up_the_parent_by_path_and_creates_the_folder_there),
		cmocka_unit_test(mkdir_sends_a_name_that_is_not_utf8_as_base64),
		cmocka_unit_test(mkdir_is_refused_when_the_parent_is_missing),
		cmocka_unit_test(mkdir_with_parents_creates_missing_folders_from_the_root_down),
		cmocka_unit_test(mkdir_with_parents_accepts_a_folder_that_others_created_meanwhile),
		cmocka_unit_test(mkdir_with_parents_of_the_root_succeeds_and_changes_nothing),
		cmocka_unit_test(mkdir_with_parents_is_refused_if_a_parent_is_a_file),
		cmocka_unit_test(rm_sends_one_delete_request_and_refuses_the_root),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
