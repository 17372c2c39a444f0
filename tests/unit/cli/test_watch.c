/* watch: through the whole command, against a store that answers by a script. */
#include "cli/command.h"
#include "tests/unit/cli/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

/* The id of a document of drive 1: 4294967290 + n, where n is a digit from 6 on (4294967296 is number 0). */
#define ID(n) "429496729" #n
#define FOLDER(id_, parent_, name_)                                                                                \
	"{\"id\":\"" id_ "\",\"parent\":\"" parent_ "\",\"name\":\"" name_                                         \
	"\",\"type\":\"dir\",\"size\":0,\"blocks\":0,\"mode\":493,\"uid\":1,\"gid\":2,\"nlink\":2,"                \
	"\"atime\":\"1.000000000\",\"mtime\":\"1.000000000\",\"ctime\":\"1.000000000\",\"btime\":\"1.000000000\"," \
	"\"seq\":\"1\",\"etag\":\"\\\"1-1\\\"\"}"
#define ROOT FOLDER(ID(7), ID(7), "")
#define DOCS FOLDER(ID(8), ID(7), "docs")
#define DRIVE "{\"id\":\"1\",\"seq\":\"5\"}"
#define CHANGE(seq_, op_, parent_, name_, more_)                                                                      \
	"{\"seq\":\"" seq_ "\",\"op\":\"" op_ "\",\"id\":\"4294967299\",\"parent\":\"" parent_ "\",\"name\":\"" name_ \
	"\"" more_ "}"
#define CHANGES(last_, ...) "{\"changes\":[" __VA_ARGS__ "],\"last\":\"" last_ "\"}"

static void watch_prints_changes_below_the_folder_with_their_paths(void **state)
{
	struct store s;

	(void)state;
	store_start(&s,
		STORE_STEPS({200, DOCS, NULL}, {200, DRIVE, NULL},
			{200,
				CHANGES("7",
					CHANGE("6", "create", ID(8), "a", "") "," CHANGE("7", "write", ID(8), "a", "")),
				NULL},
			{200, CHANGES("8", CHANGE("8", "unlink", ID(8), "a", "")), NULL}));
	assert_int_equal(STORE_COMMAND(&s, "watch", "-n", "3", "/docs/"), EXIT_DONE);
	assert_string_equal(s.out, "create      /docs/a\nwrite       /docs/a\nunlink      /docs/a\n");
	assert_string_equal(s.asked[1].target, "/api/v2/docs/drives/1");
	assert_string_equal(s.asked[2].target, "/api/v2/docs/drives/1/changes?since=5&wait=20");
	assert_string_equal(s.asked[3].target, "/api/v2/docs/drives/1/changes?since=7&wait=20");
	store_stop(&s);
}

static void watch_does_not_print_changes_outside_of_the_folder(void **state)
{
	struct store s;

	(void)state;
	store_start(&s,
		STORE_STEPS({200, DOCS, NULL}, {200, DRIVE, NULL},
			{200,
				CHANGES("7",
					CHANGE("6", "create", ID(7), "x", "") "," CHANGE(
						"7", "create", ID(8), "y", "")),
				NULL},
			{200, ROOT, NULL}));
	assert_int_equal(STORE_COMMAND(&s, "watch", "-n", "1", "/docs"), EXIT_DONE);
	assert_string_equal(s.out, "create      /docs/y\n");
	assert_string_equal(s.asked[3].target, "/api/v2/docs/drives/1/items/" ID(7));
	store_stop(&s);
}

static void watch_prints_both_paths_of_a_rename_or_only_those_in_the_folder(void **state)
{
	struct store s;

	(void)state;
	store_start(&s,
		STORE_STEPS({200, ROOT, NULL}, {200, DRIVE, NULL},
			{200,
				CHANGES("6",
					CHANGE("6", "rename", ID(8), "new",
						",\"old_parent\":\"" ID(7) "\",\"old_name\":\"old\"")),
				NULL},
			{200, DOCS, NULL}));
	assert_int_equal(STORE_COMMAND(&s, "watch", "--count", "1", "/"), EXIT_DONE);
	assert_string_equal(s.out, "rename      /old -> /docs/new\n");
	store_stop(&s);

	store_start(&s,
		STORE_STEPS({200, DOCS, NULL}, {200, DRIVE, NULL},
			{200,
				CHANGES("6",
					CHANGE("6", "rename", ID(7), "new",
						",\"old_parent\":\"" ID(8) "\",\"old_name\":\"old\"")),
				NULL},
			{200, ROOT, NULL}));
	assert_int_equal(STORE_COMMAND(&s, "watch", "-n1", "--json", "/docs"), EXIT_DONE);
	assert_string_equal(s.out, "{\"op\":\"rename\",\"seq\":\"6\",\"old_path\":\"/docs/old\"}\n");
	store_stop(&s);
}

static void watch_skips_changes_in_a_folder_that_no_longer_exists(void **state)
{
	struct store s;

	(void)state;
	store_start(&s,
		STORE_STEPS({200, ROOT, NULL}, {200, DRIVE, NULL},
			{200,
				CHANGES("7",
					CHANGE("6", "unlink", ID(8), "a", "") "," CHANGE(
						"7", "rmdir", ID(7), "docs", "")),
				NULL},
			{404, "{\"type\":\"/problems/not-found\",\"status\":404}",
				"Content-Type: application/problem+json"}));
	assert_int_equal(STORE_COMMAND(&s, "watch", "-n1", "/"), EXIT_DONE);
	assert_string_equal(s.out, "rmdir       /docs\n");
	store_stop(&s);
}

static void watch_prints_a_reset_when_the_journal_does_not_reach_back(void **state)
{
	struct store s;

	(void)state;
	store_start(&s,
		STORE_STEPS({200, DOCS, NULL}, {200, DRIVE, NULL},
			{410, "{\"type\":\"/problems/gone\",\"status\":410}", "Content-Type: application/problem+json"},
			{200, "{\"id\":\"1\",\"seq\":\"90\"}", NULL},
			{200, CHANGES("91", CHANGE("91", "create", ID(8), "a", "")), NULL}));
	assert_int_equal(STORE_COMMAND(&s, "watch", "-n2", "docs"), EXIT_DONE);
	assert_string_equal(s.out, "reset       docs\ncreate      docs/a\n");
	assert_string_equal(s.asked[4].target, "/api/v2/docs/drives/1/changes?since=90&wait=20");
	store_stop(&s);
}

static void watch_runs_the_command_for_each_change_in_order(void **state)
{
	char file[] = "/tmp/nephos-watch-XXXXXX", command[128], text[128] = "";
	int fd = mkstemp(file);
	struct store s;

	(void)state;
	assert_true(fd >= 0);
	(void)snprintf(command, sizeof(command), "printf '%%s|%%s|%%s;' \"$1\" \"$2\" \"$3\" >>%s; exit 3", file);
	store_start(&s,
		STORE_STEPS({200, DOCS, NULL}, {200, DRIVE, NULL},
			{200,
				CHANGES("7",
					CHANGE("6", "create", ID(8), "a b", "") "," CHANGE(
						"7", "write", ID(8), "$x", "")),
				NULL}));
	assert_int_equal(STORE_COMMAND(&s, "watch", "-n2", "-e", command, "/docs"), EXIT_DONE);
	assert_true(read(fd, text, sizeof(text) - 1) > 0);
	assert_string_equal(text, "create|/docs/a b|;write|/docs/$x|;");
	(void)close(fd);
	(void)unlink(file);
	store_stop(&s);
}

static void watch_of_a_missing_folder_is_refused(void **state)
{
	struct store s;

	(void)state;
	store_start(&s,
		STORE_STEPS({404, "{\"type\":\"/problems/not-found\",\"status\":404}",
			"Content-Type: application/problem+json"}));
	assert_int_equal(STORE_COMMAND(&s, "watch", "/nowhere"), EXIT_REFUSED);
	assert_int_equal(STORE_COMMAND(&s, "watch", "--count", "x", "/nowhere"), EXIT_USAGE);
	store_stop(&s);
}

static void watch_ends_with_a_failure_on_a_malformed_page(void **state)
{
	struct store s;

	(void)state;
	store_start(&s,
		STORE_STEPS({200, DOCS, NULL}, {200, DRIVE, NULL}, {200, "{\"changes\":[{}],\"last\":\"6\"}", NULL}));
	assert_int_not_equal(STORE_COMMAND(&s, "watch", "/docs"), EXIT_DONE);
	store_stop(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(watch_prints_changes_below_the_folder_with_their_paths),
		cmocka_unit_test(watch_does_not_print_changes_outside_of_the_folder),
		cmocka_unit_test(watch_prints_both_paths_of_a_rename_or_only_those_in_the_folder),
		cmocka_unit_test(watch_skips_changes_in_a_folder_that_no_longer_exists),
		cmocka_unit_test(watch_prints_a_reset_when_the_journal_does_not_reach_back),
		cmocka_unit_test(watch_runs_the_command_for_each_change_in_order),
		cmocka_unit_test(watch_of_a_missing_folder_is_refused),
		cmocka_unit_test(watch_ends_with_a_failure_on_a_malformed_page),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
