#include "cli/local.h"

#include "tests/unit/cli/folder.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static void a_write_that_is_not_committed_changes_no_file(void **state)
{
	struct local *l;

	(void)state;
	folder_put("old", "before");
	assert_int_equal(local_open("old", &l), 0);
	assert_int_equal(local_write(l, "after", 5), 0);
	local_free(l);
	folder_assert("old", "before");
	assert_int_equal(local_open("new", &l), 0);
	assert_int_equal(local_write(l, "after", 5), 0);
	assert_int_equal(folder_count(), 1);
	local_free(l);
	assert_int_equal(folder_count(), 1);
}

static void a_commit_replaces_the_file_and_keeps_its_mode(void **state)
{
	struct local *l;
	struct stat st;

	(void)state;
	folder_put("old", "before, and longer");
	assert_int_equal(chmod("old", 0640), 0);
	assert_int_equal(local_open("old", &l), 0);
	assert_int_equal(local_write(l, "after", 5), 0);
	folder_assert("old", "before, and longer");
	assert_int_equal(local_commit(l), 0);
	local_free(l);
	folder_assert("old", "after");
	assert_int_equal(stat("old", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(folder_count(), 1);
}

static void a_new_file_gets_its_mode_from_the_umask(void **state)
{
	mode_t mask = umask(027);
	struct local *l;
	struct stat st;

	(void)state;
	assert_int_equal(local_open("new", &l), 0);
	assert_int_equal(local_commit(l), 0);
	local_free(l);
	assert_int_equal(stat("new", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_int_equal(umask(mask), 027);
}

static void a_write_through_a_symlink_replaces_its_target(void **state)
{
	struct local *l;
	struct stat st;

	(void)state;
	folder_put("file", "before");
	assert_int_equal(symlink("file", "link"), 0);
	assert_int_equal(local_open("link", &l), 0);
	assert_int_equal(local_write(l, "after", 5), 0);
	assert_int_equal(local_commit(l), 0);
	local_free(l);
	folder_assert("file", "after");
	assert_int_equal(lstat("link", &st), 0);
	assert_true(S_ISLNK(st.st_mode));
}

static void a_device_is_written_directly(void **state)
{
	struct local *l;

	(void)state;
	assert_int_equal(local_open("/dev/full", &l), 0);
	assert_int_equal(local_write(l, "x", 1), -ENOSPC);
	local_free(l);
	assert_int_equal(local_open("/dev/null", &l), 0);
	assert_int_equal(local_write(l, "x", 1), 0);
	assert_int_equal(local_commit(l), 0);
	local_free(l);
}

static void local_open_refuses_a_folder_and_a_missing_parent(void **state)
{
	struct local *l;

	(void)state;
	assert_int_equal(local_open(".", &l), -EISDIR);
	assert_int_equal(local_open("missing/file", &l), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FOLDER_TEST(a_write_that_is_not_committed_changes_no_file),
		FOLDER_TEST(a_commit_replaces_the_file_and_keeps_its_mode),
		FOLDER_TEST(a_new_file_gets_its_mode_from_the_umask),
		FOLDER_TEST(a_write_through_a_symlink_replaces_its_target),
		FOLDER_TEST(a_device_is_written_directly),
		FOLDER_TEST(local_open_refuses_a_folder_and_a_missing_parent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
