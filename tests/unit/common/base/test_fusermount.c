#include "common/base/fusermount.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/* A folder that is the whole of PATH; fusermount3 in it is a script. */
struct fixture {
	char folder[64], *path;
};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	(void)snprintf(f->folder, sizeof(f->folder), "/tmp/nephos-test-XXXXXX");
	assert_non_null(mkdtemp(f->folder));
	f->path = strdup(getenv("PATH"));
	assert_non_null(f->path);
	assert_int_equal(setenv("PATH", f->folder, 1), 0);
	*state = f;
	return 0;
}

static void file_of(const struct fixture *f, const char *name, char ret[128])
{
	(void)snprintf(ret, 128, "%s/%s", f->folder, name);
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	char file[128];

	(void)setenv("PATH", f->path, 1);
	file_of(f, "fusermount3", file);
	(void)unlink(file);
	file_of(f, "said", file);
	(void)unlink(file);
	assert_int_equal(rmdir(f->folder), 0);
	free(f->path);
	free(f);
	return 0;
}

/* Makes a fusermount3 that writes down its arguments, and then ends with the shell command `end`. */
static void make_program(const struct fixture *f, const char *end)
{
	char file[128];
	FILE *script;

	file_of(f, "fusermount3", file);
	script = fopen(file, "w");
	assert_non_null(script);
	assert_true(fprintf(script, "#!/bin/sh\necho \"$@\" >%s/said\n%s\n", f->folder, end) > 0);
	assert_int_equal(fclose(script), 0);
	assert_int_equal(chmod(file, 0700), 0);
}

static const char *said(const struct fixture *f)
{
	static char text[256];
	char file[128];
	FILE *from;

	file_of(f, "said", file);
	from = fopen(file, "r");
	assert_non_null(from);
	assert_non_null(fgets(text, sizeof(text), from));
	(void)fclose(from);
	text[strcspn(text, "\n")] = '\0';
	return text;
}

static void fusermount_unmount_runs_the_helper_for_a_normal_or_lazy_unmount(void **state)
{
	struct fixture *f = *state;

	make_program(f, "exit 0");
	assert_int_equal(fusermount_unmount("/some where", false), 0);
	assert_string_equal(said(f), "-u -q -- /some where");
	assert_int_equal(fusermount_unmount("-rf", true), 0); /* a folder, although its name looks like an option */
	assert_string_equal(said(f), "-uz -q -- -rf");
}

static void fusermount_unmount_gives_ebusy_when_the_helper_fails_or_is_killed(void **state)
{
	struct fixture *f = *state;

	make_program(f, "exit 1");
	assert_int_equal(fusermount_unmount("/mnt", false), -EBUSY);
	make_program(f, "kill -9 $$");
	assert_int_equal(fusermount_unmount("/mnt", false), -EBUSY);
}

static void fusermount_unmount_gives_enoent_when_the_helper_is_not_installed(void **state)
{
	(void)state;
	assert_int_equal(fusermount_unmount("/mnt", false), -ENOENT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(fusermount_unmount_runs_the_helper_for_a_normal_or_lazy_unmount),
		TEST(fusermount_unmount_gives_ebusy_when_the_helper_fails_or_is_killed),
		TEST(fusermount_unmount_gives_enoent_when_the_helper_is_not_installed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
