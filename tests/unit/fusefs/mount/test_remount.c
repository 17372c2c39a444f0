#include "fusefs/mount/remount.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/statvfs.h>

#include <cmocka.h>

static unsigned long flags_of(unsigned long now, const char *line)
{
	struct mount_options o;
	char list[128];
	char *argv[] = {(char *)"mount", (char *)"-o", list, (char *)"/mnt"};
	struct buf why;
	unsigned long taken;

	buf_init(&why, 1000);
	(void)snprintf(list, sizeof(list), "%s", line);
	assert_int_equal(options_parse(4, argv, &o, &why), 0);
	taken = remount_flags(now, &o);
	options_fini(&o);
	buf_fini(&why);
	return taken;
}

static void remount_flags_keep_the_flags_that_no_option_names(void **state)
{
	(void)state;
	assert_int_equal(flags_of(ST_NOSUID | ST_NODEV, "remount,ro"), MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV);
	assert_int_equal(
		flags_of(ST_RDONLY | ST_NOEXEC | ST_NOATIME, "remount,rw"), MS_REMOUNT | MS_NOEXEC | MS_NOATIME);
}

static void remount_flags_follow_the_options_and_the_last_of_two_opposites_counts(void **state)
{
	(void)state;
	assert_int_equal(flags_of(ST_NOSUID, "remount,suid,noexec"), MS_REMOUNT | MS_NOEXEC);
	assert_int_equal(flags_of(0, "remount,noexec,exec,nodev"), MS_REMOUNT | MS_NODEV);
}

static void remount_of_a_directory_that_is_no_nephos_mount_fails_with_a_message(void **state)
{
	struct mount_options o = {.directory = (char *)"/"};
	struct buf why;

	(void)state;
	buf_init(&why, 1000);
	assert_int_equal(remount(&o, &why), -ENODEV);
	assert_non_null(strstr(why.data, "no drive is mounted there"));
	buf_reset(&why);
	o.directory = (char *)"/no/such/folder";
	assert_int_equal(remount(&o, &why), -ENOENT);
	assert_non_null(strstr(why.data, "/no/such/folder"));
	buf_fini(&why);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(remount_flags_keep_the_flags_that_no_option_names),
		cmocka_unit_test(remount_flags_follow_the_options_and_the_last_of_two_opposites_counts),
		cmocka_unit_test(remount_of_a_directory_that_is_no_nephos_mount_fails_with_a_message),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
