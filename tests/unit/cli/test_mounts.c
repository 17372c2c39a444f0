#include "cli/mounts.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define TEXT                                                                                                     \
	"22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/root rw\n"                                              \
	"37 22 0:39 / /mnt/a\\040b rw,nosuid,nodev shared:9 master:2 - fuse.nephos http://h:8050 rw,user_id=0\n" \
	"38 22 0:40 / /mnt/c rw - fuse.sshfs host:/x rw\n"                                                       \
	"39 37 0:41 / /mnt/a\\040b ro - fuse.nephos http://h:9090 ro\n"                                          \
	"40 22 0:42 / /mnt/\\134\\012 rw - fuse.nephos http://h:1 rw"

static void mounts_parse_finds_nephos_mounts_and_unescapes_their_paths(void **state)
{
	struct mounts m;

	(void)state;
	assert_int_equal(mounts_parse(SPAN_LITERAL(TEXT), &m), 0);
	assert_int_equal(m.count, 3);
	assert_string_equal(m.list[0].directory, "/mnt/a b");
	assert_string_equal(m.list[0].source, "http://h:8050");
	assert_int_equal(m.list[0].connection, 39);
	assert_string_equal(m.list[2].directory, "/mnt/\\\n");
	mounts_fini(&m);
}

static void mounts_find_returns_the_topmost_mount_of_a_folder(void **state)
{
	struct mounts m;

	(void)state;
	assert_int_equal(mounts_parse(SPAN_LITERAL(TEXT), &m), 0);
	assert_int_equal(mounts_find(&m, "/mnt/a b")->connection, 41);
	assert_null(mounts_find(&m, "/mnt/c"));
	assert_null(mounts_find(&m, "/mnt"));
	mounts_fini(&m);
}

static void mounts_parse_skips_malformed_lines(void **state)
{
	struct mounts m;

	(void)state;
	assert_int_equal(
		mounts_parse(
			SPAN_LITERAL(
				"\n - fuse.nephos\n1 2 3\n1 2 x / /m o - fuse.nephos u\n1 2 0:x / /m o - fuse.nephos u\n-"),
			&m),
		0);
	assert_int_equal(m.count, 0);
	mounts_fini(&m);
}

static void mounts_process_gives_esrch_for_a_mount_without_a_process(void **state)
{
	struct mounts_entry entry = {.directory = (char *)"/nowhere at all", .connection = 0};
	pid_t pid = 7;

	(void)state;
	assert_int_equal(mounts_process(&entry, &pid), -ESRCH);
	assert_int_equal(pid, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mounts_parse_finds_nephos_mounts_and_unescapes_their_paths),
		cmocka_unit_test(mounts_find_returns_the_topmost_mount_of_a_folder),
		cmocka_unit_test(mounts_parse_skips_malformed_lines),
		cmocka_unit_test(mounts_process_gives_esrch_for_a_mount_without_a_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
