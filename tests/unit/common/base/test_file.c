#include "common/base/file.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static char folder[64], path[128];

static int make_folder(void **state)
{
	(void)state;
	(void)snprintf(folder, sizeof(folder), "/tmp/nephos-test-file-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	(void)snprintf(path, sizeof(path), "%s/file", folder);
	return 0;
}

static int drop_folder(void **state)
{
	(void)state;
	(void)unlink(path);
	return rmdir(folder); /* fails the test when something was left behind */
}

static void file_read_returns_the_bytes_that_file_write_atomic_wrote(void **state)
{
	struct buf b;
	struct stat st;

	(void)state;
	buf_init(&b, 100000);
	assert_int_equal(file_write_atomic(path, 0600, span_of("a\0b", 3)), 0);
	assert_int_equal(file_read(path, 100, true, &b), 0);
	assert_int_equal(b.size, 3);
	assert_memory_equal(b.data, "a\0b", 4);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	buf_fini(&b);
}

static void file_write_atomic_replaces_content_and_mode(void **state)
{
	struct buf b;
	struct stat st;
	mode_t before = umask(077);

	(void)state;
	buf_init(&b, 100);
	assert_int_equal(file_write_atomic(path, 0600, SPAN_LITERAL("a longer first text")), 0);
	assert_int_equal(file_write_atomic(path, 0644, SPAN_LITERAL("second")), 0);
	(void)umask(before);
	assert_int_equal(file_read(path, 100, false, &b), 0);
	assert_string_equal(b.data, "second");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
	buf_fini(&b);
}

static void file_write_atomic_replaces_a_symlink_and_not_its_target(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(symlink("/nonexistent/target", path), 0);
	assert_int_equal(file_write_atomic(path, 0600, SPAN_LITERAL("x")), 0);
	assert_int_equal(lstat(path, &st), 0);
	assert_true(S_ISREG(st.st_mode));
}

static void file_write_atomic_that_fails_leaves_no_temporary_file(void **state)
{
	char missing[200], inside[200];

	(void)state;
	(void)snprintf(missing, sizeof(missing), "%s/none/file", folder);
	assert_int_equal(file_write_atomic(missing, 0600, SPAN_LITERAL("x")), -ENOENT);
	/* A file cannot replace a folder, so here the rename fails. */
	assert_int_equal(mkdir(path, 0700), 0);
	(void)snprintf(inside, sizeof(inside), "%s/x", path);
	assert_int_equal(file_write_atomic(inside, 0600, SPAN_LITERAL("x")), 0);
	assert_int_equal(file_write_atomic(path, 0600, SPAN_LITERAL("x")), -EISDIR);
	assert_int_equal(unlink(inside), 0);
	assert_int_equal(rmdir(path), 0);
}

static void file_write_atomic_works_in_the_current_folder(void **state)
{
	char here[4096];

	(void)state;
	assert_non_null(getcwd(here, sizeof(here)));
	assert_int_equal(chdir(folder), 0);
	assert_int_equal(file_write_atomic("file", 0600, span_of(NULL, 0)), 0);
	assert_int_equal(chdir(here), 0);
	assert_int_equal(access(path, F_OK), 0);
}

static void file_read_refuses_a_secret_that_others_can_access(void **state)
{
	static const mode_t open_modes[] = {0644, 0640, 0604, 0620, 0602, 0610, 0601};
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	for (size_t i = 0; i < sizeof(open_modes) / sizeof(open_modes[0]); i++) {
		assert_int_equal(file_write_atomic(path, open_modes[i], SPAN_LITERAL("key")), 0);
		assert_int_equal(file_read(path, 100, true, &b), -EPERM);
		assert_int_equal(b.size, 0);
	}
	assert_int_equal(file_write_atomic(path, 0400, SPAN_LITERAL("key")), 0);
	assert_int_equal(file_read(path, 100, true, &b), 0);
	assert_string_equal(b.data, "key");
	buf_fini(&b);
}

static void file_read_accepts_a_world_readable_secret_that_nobody_may_write(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	assert_int_equal(file_write_atomic(path, 0444, SPAN_LITERAL("key")), 0);
	assert_string_equal(file_readers(path), "everybody on this machine");
	assert_int_equal(file_read(path, 100, true, &b), 0);
	assert_string_equal(b.data, "key");
	buf_reset(&b);
	if (geteuid() == 0) { /* neither root nor the caller owns it: its owner could change it */
		assert_int_equal(chown(path, 65534, 65534), 0);
		assert_int_equal(file_read(path, 100, true, &b), -EPERM);
		assert_non_null(strstr(file_secret_fault(path), "belongs to another user"));
		assert_int_equal(chown(path, 0, 0), 0);
	}
	assert_int_equal(chmod(path, 0445), 0);
	assert_int_equal(file_read(path, 100, true, &b), -EPERM);
	assert_non_null(strstr(file_secret_fault(path), "read by others: chmod 600"));
	assert_int_equal(chmod(path, 0440), 0);
	assert_string_equal(file_readers(path), "the group of the file");
	assert_int_equal(file_read(path, 100, true, &b), 0);
	buf_reset(&b);
	assert_int_equal(chmod(path, 0400), 0);
	assert_null(file_readers(path));
	assert_int_equal(b.size, 0);
	buf_fini(&b);
}

static void file_read_beyond_a_limit_leaves_the_buffer_unchanged(void **state)
{
	char large[10000];
	struct buf b;

	(void)state;
	memset(large, 'x', sizeof(large));
	assert_int_equal(file_write_atomic(path, 0600, span_of(large, sizeof(large))), 0);
	buf_init(&b, 20000);
	assert_int_equal(buf_append_str(&b, "before"), 0);
	assert_int_equal(file_read(path, sizeof(large) - 1, false, &b), -EFBIG);
	assert_int_equal(b.size, 6);
	assert_string_equal(b.data, "before");
	assert_int_equal(file_read(path, sizeof(large), false, &b), 0);
	assert_int_equal(b.size, 6 + sizeof(large));
	buf_fini(&b);
	buf_init(&b, 9000); /* the buffer's own limit */
	assert_int_equal(file_read(path, sizeof(large), false, &b), -E2BIG);
	assert_int_equal(b.size, 0);
	buf_fini(&b);
}

static void file_read_refuses_folders_fifos_and_devices_without_blocking(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	assert_int_equal(file_read(path, 100, false, &b), -ENOENT);
	assert_int_equal(file_read(folder, 100, false, &b), -EINVAL);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(file_read(path, 100, false, &b), -EINVAL);
	assert_int_equal(file_read("/dev/zero", 100, false, &b), -EINVAL);
	buf_fini(&b);
}

static void file_read_reads_a_proc_file_whose_reported_size_is_0(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 100000);
	assert_int_equal(file_read("/proc/self/status", 100000, false, &b), 0); /* st_size is 0 */
	assert_true(b.size > 100);
	buf_fini(&b);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, drop_folder)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(file_read_returns_the_bytes_that_file_write_atomic_wrote),
		TEST(file_write_atomic_replaces_content_and_mode),
		TEST(file_write_atomic_replaces_a_symlink_and_not_its_target),
		TEST(file_write_atomic_that_fails_leaves_no_temporary_file),
		TEST(file_write_atomic_works_in_the_current_folder),
		TEST(file_read_refuses_a_secret_that_others_can_access),
		TEST(file_read_accepts_a_world_readable_secret_that_nobody_may_write),
		TEST(file_read_beyond_a_limit_leaves_the_buffer_unchanged),
		TEST(file_read_refuses_folders_fifos_and_devices_without_blocking),
		TEST(file_read_reads_a_proc_file_whose_reported_size_is_0),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
