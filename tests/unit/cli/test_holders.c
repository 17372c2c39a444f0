#include "cli/holders.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* A folder that stands for /proc. */
static char proc[64];

static void make_file(const char *name, const char *text)
{
	char path[256];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", proc, name);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void make_process(const char *pid, const char *name, const char *cwd)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", proc, pid);
	assert_int_equal(mkdir(path, 0700), 0);
	(void)snprintf(path, sizeof(path), "%s/%s/fd", proc, pid);
	assert_int_equal(mkdir(path, 0700), 0);
	(void)snprintf(path, sizeof(path), "%s/%s/cwd", proc, pid);
	assert_int_equal(symlink(cwd, path), 0);
	(void)snprintf(path, sizeof(path), "%s/comm", pid);
	make_file(path, name);
}

static void make_link(const char *name, const char *target)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", proc, name);
	assert_int_equal(symlink(target, path), 0);
}

static int setup(void **state)
{
	(void)state;
	(void)snprintf(proc, sizeof(proc), "/tmp/nephos-holders.XXXXXX");
	return mkdtemp(proc) ? 0 : -1;
}

static int teardown(void **state)
{
	char command[128];

	(void)state;
	(void)snprintf(command, sizeof(command), "rm -r %s", proc);
	return system(command); /* NOLINT(cert-env33-c): the path is our own */
}

static void expect(const char *wanted, pid_t but)
{
	struct holders h;
	struct buf text;

	buf_init(&text, 4096);
	assert_int_equal(holders_find(proc, "/mnt/a", but, &h), 0);
	assert_int_equal(buf_append_str(&text, ""), 0);
	assert_int_equal(holders_say(&h, &text), 0);
	assert_string_equal(text.data ? text.data : "", wanted);
	buf_fini(&text);
}

static void a_process_with_its_working_directory_in_the_mount_is_named(void **state)
{
	(void)state;
	make_process("11", "bash\n", "/mnt/a");
	make_process("13", "neighbour\n", "/mnt/ab");
	expect("bash (pid 11, cwd)", 0);
	expect("", 11); /* the process that serves the mount does not count as a holder */
}

static void a_process_with_an_open_file_of_the_mount_is_named(void **state)
{
	(void)state;
	make_process("12", "vim\n", "/home");
	make_link("12/fd/0", "/dev/null");
	make_link("12/fd/3", "/mnt/a/notes/a.txt");
	make_file("self", "");
	expect("vim (pid 12, file notes/a.txt)", 0);
}

static void a_process_with_its_root_or_program_in_the_mount_is_named(void **state)
{
	(void)state;
	make_process("12", "sh\n", "/");
	make_link("12/exe", "/mnt/a/bin/sh");
	expect("sh (pid 12, program bin/sh)", 0);
	make_link("12/root", "/mnt/a/new root");
	expect("sh (pid 12, root new root)", 0);
}

static void a_process_that_maps_a_file_of_the_mount_is_named(void **state)
{
	(void)state;
	make_process("13", "db\n", "/");
	make_file("13/maps", "7f00-7f10 r-xp 0000 fe:00 12  /lib/libc.so\n7f20-7f30 rw-s 0000 00:27 3   /mnt/a/a b\n");
	expect("db (pid 13, mapped file a b)", 0);
}

static void of_many_holders_a_few_are_named_and_the_others_counted(void **state)
{
	struct holders h;
	struct buf text;
	char pid[16];

	(void)state;
	for (int i = 0; i < 11; i++) {
		(void)snprintf(pid, sizeof(pid), "%d", 100 + i);
		make_process(pid, "sh\n", "/mnt/a/b");
	}
	buf_init(&text, 4096);
	assert_int_equal(holders_find(proc, "/mnt/a", 0, &h), 0);
	assert_int_equal(h.count, HOLDERS_MAX);
	assert_int_equal(h.more, 3);
	assert_int_equal(holders_say(&h, &text), 0);
	assert_non_null(strstr(text.data, " and 3 more"));
	buf_fini(&text);
}

#define MOUNTED "31 25 0:47 / /mnt/a rw - fuse.nephos http://store rw\n"
#define OF_ANOTHER "31 25 0:48 / /mnt/b rw - fuse.nephos http://store rw\n"

static void make_process_in(const char *pid, const char *namespace, const char *mountinfo)
{
	char path[160];

	make_process(pid, "sh\n", "/");
	(void)snprintf(path, sizeof(path), "%s/%s/ns", proc, pid);
	assert_int_equal(mkdir(path, 0700), 0);
	(void)snprintf(path, sizeof(path), "%s/ns/mnt", pid);
	make_link(path, namespace);
	(void)snprintf(path, sizeof(path), "%s/mountinfo", pid);
	make_file(path, mountinfo);
}

static void holders_elsewhere_names_one_process_per_namespace_with_the_mount(void **state)
{
	struct holders h;

	(void)state;
	make_process_in("self", "mnt:[1]", MOUNTED);
	make_process_in("11", "mnt:[1]", MOUNTED); /* in the namespace in which it was unmounted */
	make_process_in("12", "mnt:[2]", OF_ANOTHER MOUNTED);
	make_process_in("13", "mnt:[2]", OF_ANOTHER MOUNTED);
	make_process_in("14", "mnt:[3]", OF_ANOTHER);
	assert_int_equal(holders_elsewhere(proc, 47, &h), 0);
	assert_int_equal(h.count, 1);
	assert_true(h.list[0].pid == 12 || h.list[0].pid == 13);
	assert_string_equal(h.list[0].by, "namespace");
	assert_int_equal(holders_elsewhere(proc, 49, &h), 0);
	assert_int_equal(h.count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_process_with_its_working_directory_in_the_mount_is_named, setup, teardown),
		cmocka_unit_test_setup_teardown(a_process_with_an_open_file_of_the_mount_is_named, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_process_with_its_root_or_program_in_the_mount_is_named, setup, teardown),
		cmocka_unit_test_setup_teardown(a_process_that_maps_a_file_of_the_mount_is_named, setup, teardown),
		cmocka_unit_test_setup_teardown(
			of_many_holders_a_few_are_named_and_the_others_counted, setup, teardown),
		cmocka_unit_test_setup_teardown(
			holders_elsewhere_names_one_process_per_namespace_with_the_mount, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
