/* backup and restore: the command becomes one of the scripts. The script's error messages show what it received. */
#include "cli/command.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define ARGS_MAX 16

struct outcome {
	int code;
	char said[4096]; /* on stderr */
};

static int no_mount(int argc, char **argv)
{
	(void)argv;
	return argc;
}

/* Runs the command in a child process, which becomes another program. The words end with NULL. */
static struct outcome run(const char *const *words)
{
	struct outcome o = {.code = -1};
	char *argv[ARGS_MAX] = {NULL};
	int argc = 0, ends[2], status = 0;
	size_t size = 0;

	while (words[argc]) {
		argv[argc] = (char *)(uintptr_t)words[argc];
		argc++;
	}
	assert_int_equal(pipe(ends), 0);
	const pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		(void)dup2(ends[1], STDERR_FILENO);
		(void)close(ends[0]);
		(void)close(ends[1]);
		_exit(command_main(argc, argv, no_mount));
	}
	(void)close(ends[1]);
	for (ssize_t n = 1; n > 0; size += n > 0 ? (size_t)n : 0)
		n = read(ends[0], o.said + size, sizeof(o.said) - 1 - size);
	(void)close(ends[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	o.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	return o;
}

#define RUN(...) run((const char *const[]){"nephos", __VA_ARGS__, NULL})

static void check_says(const struct outcome *o, int code, const char *text)
{
	if (o->code != code || !strstr(o->said, text))
		fail_msg("wanted %d and \"%s\", got %d and: %s", code, text, o->code, o->said);
}

static void backup_without_exactly_one_place_is_a_usage_error(void **state)
{
	struct outcome o;

	(void)state;
	o = RUN("backup");
	check_says(&o, EXIT_USAGE, "usage: nephos backup");
	o = RUN("backup", "/tmp/a", "/tmp/b");
	check_says(&o, EXIT_USAGE, "too many words");
	o = RUN("restore", "--datta", "x", "/tmp/a");
	check_says(&o, EXIT_USAGE, "did you mean --data?");
}

static void flags_and_places_are_passed_on_to_the_scripts(void **state)
{
	struct outcome o;

	(void)state;
	o = RUN("backup", "--data", "/proc/none", "/tmp/no-backup-here");
	check_says(&o, EXIT_REFUSED, "no store in /proc/none");
	o = RUN("backup", "--s3-keys", "/none", "/tmp/no-backup-here");
	check_says(&o, EXIT_REFUSED, "is for a backup at s3://");
	o = RUN("backup", "ftp://x");
	check_says(&o, EXIT_REFUSED, "not at ftp://x");
	o = RUN("restore", "--data", "/tmp/no-store-here", "--check", "/tmp/no-backup-here");
	check_says(&o, EXIT_REFUSED, "--check makes no store");
	o = RUN("restore", "--standbys", "1", "/tmp/no-backup-here");
	check_says(&o, EXIT_REFUSED, "there are no standbys, or 2 of them");
	o = RUN("restore", "--port", "7", "--gateways", "3", "/tmp/no-backup-here");
	check_says(&o, EXIT_REFUSED, "--port and --gateways are for --standbys 2");
}

static void a_word_after_two_dashes_is_a_place_even_if_it_looks_like_a_flag(void **state)
{
	struct outcome o;

	(void)state;
	o = RUN("restore", "--data", "/tmp/no-store-here", "--", "--check");
	check_says(&o, EXIT_REFUSED, "there is no --check");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(backup_without_exactly_one_place_is_a_usage_error),
		cmocka_unit_test(flags_and_places_are_passed_on_to_the_scripts),
		cmocka_unit_test(a_word_after_two_dashes_is_a_place_even_if_it_looks_like_a_flag),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
