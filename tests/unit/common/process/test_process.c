#include "common/process/process.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define WORDS_MAX 8

static const struct config_setting SETTINGS[] = {
	{"port", CONFIG_NUMBER, "0", 0, 65535, "port to listen on", false},
	{"blocks-dir", CONFIG_TEXT, NULL, 0, 0, "where the blocks lie", false},
	{0},
};

/* What the process did, a letter each: a and b for the phases, s for the stop. */
struct life {
	struct process *process;
	char done[8];
	size_t count;
	int second; /* the result of phase b */
};

static void note(struct life *l, char what)
{
	assert_true(l->count + 1 < sizeof(l->done));
	l->done[l->count++] = what;
}

static int phase_a(void *cookie, struct buf *why)
{
	(void)why;
	note(cookie, 'a');
	return 0;
}

static int phase_b(void *cookie, struct buf *why)
{
	struct life *l = cookie;

	note(l, 'b');
	if (l->second < 0)
		(void)buf_append_str(why, "it is full");
	return l->second;
}

static void stop(void *cookie)
{
	note(cookie, 's');
}

static const struct process_phase PHASES[] = {{"first", phase_a}, {"second", phase_b}, {0}};
static const struct process_ops OPS = {.phases = PHASES, .stop = stop};

static int clear_environment(void **state)
{
	*state = calloc(1, sizeof(struct life));
	for (char **e = environ; e && *e;) {
		char name[128];

		(void)snprintf(name, sizeof(name), "%.*s", (int)strcspn(*e, "="), *e);
		if (strncmp(name, "NEPHOS_", 7) != 0) {
			e++;
			continue;
		}
		(void)unsetenv(name);
		e = environ; /* unsetenv has moved the list */
	}
	return 0;
}

static int end(void **state)
{
	struct life *l = *state;

	process_free(l->process);
	free(l);
	return 0;
}

static int begin(struct life *l, const char *required, const char *word, ...)
{
	const struct process_options options = {
		.program = "test", .name = "test-1", .help = "a test", .settings = SETTINGS, .required = required};
	char *argv[WORDS_MAX + 2] = {(char[]){"program"}};
	int argc = 1, r;
	va_list more;

	va_start(more, word);
	for (; word && argc <= WORDS_MAX; word = va_arg(more, const char *))
		argv[argc++] = strdup(word);
	va_end(more);
	r = process_new(&options, argc, argv, &l->process);
	while (argc > 1)
		free(argv[--argc]);
	return r;
}

static void a_process_reads_common_settings_and_its_own(void **state)
{
	struct life *l = *state;

	assert_int_equal(begin(l, NULL, "--port", "81", "--listen", "::1", NULL), 0);
	assert_int_equal(config_number(process_config(l->process), "port"), 81);
	assert_string_equal(config_text(process_config(l->process), "listen"), "::1");
	assert_string_equal(process_name(l->process), "test-1");
}

static void the_name_flag_sets_the_name_of_the_process(void **state)
{
	struct life *l = *state;

	assert_int_equal(begin(l, NULL, "--name", "docs-7", NULL), 0);
	assert_string_equal(process_name(l->process), "docs-7");
}

static void process_new_refuses_invalid_settings(void **state)
{
	struct life *l = *state;

	assert_int_equal(begin(l, NULL, "--log-level", "loud", NULL), -EINVAL);
	assert_int_equal(begin(l, NULL, "stray", NULL), -EINVAL);
	assert_int_equal(begin(l, "blocks-dir", NULL), -EINVAL);
	assert_int_equal(
		begin(l, NULL, "--name",
			"a-name-that-is-longer-than-any-that-a-process-may-have-in-the-log-or-elsewhere", NULL),
		-EINVAL);
	assert_null(l->process);
}

static void variables_of_other_programs_are_accepted_and_unknown_ones_refused(void **state)
{
	struct life *l = *state;

	setenv("NEPHOS_QUOTA", "17", 1);
	assert_int_equal(begin(l, NULL, NULL), 0);
	process_free(l->process);
	l->process = NULL;
	setenv("NEPHOS_QUOTTA", "17", 1);
	assert_int_equal(begin(l, NULL, NULL), -EINVAL);
	unsetenv("NEPHOS_QUOTTA");
}

static void a_sigterm_stops_a_process_that_has_run_its_phases(void **state)
{
	struct life *l = *state;

	assert_int_equal(begin(l, NULL, NULL), 0);
	assert_int_equal(raise(SIGTERM), 0); /* the signal is blocked, and pending until it is taken */
	assert_int_equal(process_run(l->process, &OPS, l), 0);
	assert_string_equal(l->done, "abs");
}

static void a_failing_phase_stops_the_process_and_process_run_returns_its_error(void **state)
{
	struct life *l = *state;

	l->second = -ENOSPC;
	assert_int_equal(begin(l, NULL, NULL), 0);
	assert_int_equal(process_run(l->process, &OPS, l), -ENOSPC);
	assert_string_equal(l->done, "abs");
}

static void a_cancelled_start_stops_the_process_and_process_run_returns_0(void **state)
{
	struct life *l = *state;

	l->second = -ECANCELED;
	assert_int_equal(begin(l, NULL, NULL), 0);
	assert_int_equal(process_run(l->process, &OPS, l), 0);
	assert_string_equal(l->done, "abs");
}

static void sigint_ends_a_process_and_sighup_does_not(void **state)
{
	struct life *l = *state;

	assert_int_equal(begin(l, NULL, NULL), 0);
	assert_false(process_ends_within(l->process, 0));
	assert_int_equal(raise(SIGHUP), 0);
	assert_false(process_ends_within(l->process, 1000));
	assert_int_equal(raise(SIGINT), 0);
	assert_true(process_ends_within(l->process, 1000));
}

static void process_load_keys_without_a_key_file_names_the_missing_setting(void **state)
{
	struct life *l = *state;
	struct buf why;

	buf_init(&why, 1024);
	assert_int_equal(begin(l, NULL, NULL), 0);
	assert_int_equal(process_load_keys(l->process, &why), -EINVAL);
	assert_non_null(strstr(why.data, "--cluster-key"));
	assert_null(process_cluster(l->process));
	buf_fini(&why);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_process_reads_common_settings_and_its_own, clear_environment, end),
		cmocka_unit_test_setup_teardown(the_name_flag_sets_the_name_of_the_process, clear_environment, end),
		cmocka_unit_test_setup_teardown(process_new_refuses_invalid_settings, clear_environment, end),
		cmocka_unit_test_setup_teardown(
			variables_of_other_programs_are_accepted_and_unknown_ones_refused, clear_environment, end),
		cmocka_unit_test_setup_teardown(
			a_sigterm_stops_a_process_that_has_run_its_phases, clear_environment, end),
		cmocka_unit_test_setup_teardown(
			a_failing_phase_stops_the_process_and_process_run_returns_its_error, clear_environment, end),
		cmocka_unit_test_setup_teardown(
			a_cancelled_start_stops_the_process_and_process_run_returns_0, clear_environment, end),
		cmocka_unit_test_setup_teardown(sigint_ends_a_process_and_sighup_does_not, clear_environment, end),
		cmocka_unit_test_setup_teardown(
			process_load_keys_without_a_key_file_names_the_missing_setting, clear_environment, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
