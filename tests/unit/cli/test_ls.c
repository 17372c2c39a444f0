/* ls: through the whole command, against a store that answers by a script. */
#include "cli/command.h"
#include "tests/unit/cli/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define ITEM(id_, name_, type_)                                                                                                              \
	"{\"id\":\"" id_ "\",\"parent\":\"1\",\"name\":\"" name_ "\",\"type\":\"" type_                                                      \
	"\",\"size\":3,\"blocks\":3,\"mode\":420,\"uid\":1,\"gid\":2,"                                                                       \
	"\"nlink\":1,\"atime\":\"1.000000000\",\"mtime\":\"1.000000000\",\"ctime\":\"1.000000000\",\"btime\":\"1.000000000\",\"seq\":\"1\"," \
	"\"etag\":\"\\\"1-1\\\"\"}"
#define PAGE(next_, ...) "{\"items\":[" __VA_ARGS__ "],\"next\":" next_ "}"
#define HOME "/api/v2/docs/drives/home"

static void ls_lists_a_folder_page_by_page(void **state)
{
	struct store s;

	(void)state;
	store_start(&s,
		STORE_STEPS({200, ITEM("1", "", "dir"), NULL}, {200, PAGE("\"c\"", ITEM("2", "a", "file")), NULL},
			{200, PAGE("null", ITEM("3", "b", "dir")), NULL}));
	assert_int_equal(STORE_COMMAND(&s, "ls"), EXIT_DONE);
	assert_string_equal(s.out, "a\nb\n");
	assert_string_equal(s.asked[0].target, HOME "/items?path=/");
	assert_string_equal(s.asked[1].target, HOME "/items/1/children?limit=1000");
	assert_string_equal(s.asked[2].target, HOME "/items/1/children?limit=1000&cursor=c");
	store_stop(&s);
}

static void ls_shows_a_file_by_its_path(void **state)
{
	struct store s;

	(void)state;
	store_start(&s, STORE_STEPS({200, ITEM("2", "f", "file"), NULL}));
	assert_int_equal(STORE_COMMAND(&s, "ls", "d e/f"), EXIT_DONE);
	assert_string_equal(s.out, "d e/f\n");
	assert_string_equal(s.asked[0].target, HOME "/items?path=/d%20e/f");
	store_stop(&s);
}

static void ls_recursive_lists_subfolders_before_sibling_folders(void **state)
{
	struct store s;

	(void)state;
	store_start(&s,
		STORE_STEPS({200, ITEM("1", "", "dir"), NULL},
			{200, PAGE("null", ITEM("2", "a", "dir") "," ITEM("3", "b", "dir")), NULL},
			{200, PAGE("null", ITEM("4", "c", "dir")), NULL},
			{200, PAGE("null", ITEM("5", "f", "file")), NULL}, {200, PAGE("null", ""), NULL}));
	assert_int_equal(STORE_COMMAND(&s, "ls", "-R", "/x/"), EXIT_DONE);
	assert_string_equal(s.out, "/x:\na\nb\n\n/x/a:\nc\n\n/x/a/c:\nf\n\n/x/b:\n");
	assert_string_equal(s.asked[3].target, HOME "/items/4/children?limit=1000");
	store_stop(&s);
}

static void ls_json_prints_one_array_with_paths(void **state)
{
	struct store s;
	json_t *all;

	(void)state;
	store_start(&s,
		STORE_STEPS({200, ITEM("1", "", "dir"), NULL},
			{200, PAGE("null", ITEM("2", "a", "dir") "," ITEM("3", "b", "file")), NULL},
			{200, PAGE("null", ITEM("4", "c", "file")), NULL}));
	assert_int_equal(STORE_COMMAND(&s, "ls", "-R", "--json"), EXIT_DONE);
	all = json_loads(s.out, 0, NULL);
	assert_int_equal(json_array_size(all), 3);
	assert_string_equal(json_string_value(json_object_get(json_array_get(all, 2), "path")), "/a/c");
	json_decref(all);
	store_stop(&s);
	store_start(&s, STORE_STEPS({200, ITEM("1", "", "dir"), NULL}, {200, PAGE("null", ""), NULL}));
	assert_int_equal(STORE_COMMAND(&s, "ls", "--json"), EXIT_DONE);
	assert_string_equal(s.out, "[]\n");
	store_stop(&s);
}

static void ls_fails_on_a_malformed_item(void **state)
{
	struct store s;

	(void)state;
	store_start(&s, STORE_STEPS({200, ITEM("1", "", "dir"), NULL}, {200, PAGE("null", "{\"id\":7}"), NULL}));
	assert_int_equal(STORE_COMMAND(&s, "ls"), EXIT_UNREACHABLE);
	store_stop(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ls_lists_a_folder_page_by_page),
		cmocka_unit_test(ls_shows_a_file_by_its_path),
		cmocka_unit_test(ls_recursive_lists_subfolders_before_sibling_folders),
		cmocka_unit_test(ls_json_prints_one_array_with_paths),
		cmocka_unit_test(ls_fails_on_a_malformed_item),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
