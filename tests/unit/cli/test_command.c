#include "cli/command.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

/* The arguments of the last call of fake_mount, which stands for the mount program. */
static int mount_argc;
static char mount_name[16];

static int fake_mount(int argc, char **argv)
{
	mount_argc = argc;
	(void)snprintf(mount_name, sizeof(mount_name), "%s", argv[0]);
	return 32;
}

struct outcome {
	int code;
	char out[8192], err[8192];
};

static void take(int fd, int saved, FILE *file, char *ret, size_t size)
{
	size_t got;

	(void)fflush(fd == STDOUT_FILENO ? stdout : stderr);
	(void)dup2(saved, fd);
	(void)close(saved);
	rewind(file);
	got = fread(ret, 1, size - 1, file);
	ret[got] = '\0';
	(void)fclose(file);
}

static void run(struct outcome *o, int argc, const char *const *argv)
{
	FILE *out = tmpfile(), *err = tmpfile();
	int saved_out = dup(STDOUT_FILENO), saved_err = dup(STDERR_FILENO);

	(void)fflush(stdout);
	(void)fflush(stderr);
	(void)dup2(fileno(out), STDOUT_FILENO);
	(void)dup2(fileno(err), STDERR_FILENO);
	o->code = command_main(argc, (char **)argv, fake_mount);
	take(STDOUT_FILENO, saved_out, out, o->out, sizeof(o->out));
	take(STDERR_FILENO, saved_err, err, o->err, sizeof(o->err));
}

#define RUN(o_, ...)                                                  \
	do {                                                          \
		const char *const words_[] = {"nephos", __VA_ARGS__}; \
		run(o_, sizeof(words_) / sizeof(words_[0]), words_);  \
	} while (0)

static int set_up(void **state)
{
	(void)state;
	setenv("HOME", "/nonexistent", 1);
	unsetenv("XDG_CONFIG_HOME");
	unsetenv("NEPHOS_CREDENTIALS");
	unsetenv("NEPHOS_URL");
	unsetenv("NEPHOS_TOKEN");
	return 0;
}

static void the_mount_program_gets_all_words_of_the_command(void **state)
{
	struct outcome o;

	(void)state;
	RUN(&o, "mount", "-o", "ro", "--help");
	assert_int_equal(o.code, 32);
	assert_int_equal(mount_argc, 4);
	assert_string_equal(mount_name, "mount");
}

static void an_unknown_command_is_refused_with_the_nearest_as_a_suggestion(void **state)
{
	struct outcome o;

	(void)state;
	RUN(&o, "statsu");
	assert_int_equal(o.code, EXIT_USAGE);
	assert_non_null(strstr(o.err, "did you mean \"status\"?"));
	assert_string_equal(o.out, "");
	RUN(&o, "unmount");
	assert_non_null(strstr(o.err, "did you mean \"umount\"?"));
	RUN(&o, "user", "pasword");
	assert_non_null(strstr(o.err, "did you mean \"user passwd\"?"));
	RUN(&o, "\033[2J");
	assert_non_null(strstr(o.err, "no command \"\\x1b[2J\"\n"));
}

static void a_command_group_without_a_command_lists_its_commands(void **state)
{
	struct outcome o;

	(void)state;
	RUN(&o, "key");
	assert_int_equal(o.code, EXIT_USAGE);
	assert_non_null(strstr(o.err, "\"key add\" \"key list\" \"key revoke\""));
	assert_null(strstr(o.err, "user"));
}

static void every_command_has_a_help_text_with_exit_codes(void **state)
{
	static const char *const names[][2] = {{"login", NULL}, {"logout", NULL}, {"status", NULL}, {"fsck", NULL},
		{"backup", NULL}, {"restore", NULL}, {"umount", NULL}, {"ls", NULL}, {"get", NULL}, {"put", NULL},
		{"mkdir", NULL}, {"rm", NULL}, {"watch", NULL}, {"user", "add"}, {"user", "list"}, {"user", "passwd"},
		{"user", "rm"}, {"user", "quota"}, {"key", "add"}, {"key", "list"}, {"key", "revoke"}};
	size_t listed = 0;
	char line[32];
	struct outcome o;

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (names[i][1])
			RUN(&o, names[i][0], names[i][1], "--help");
		else
			RUN(&o, names[i][0], "--help");
		assert_int_equal(o.code, EXIT_DONE);
		assert_int_equal(strncmp(o.out, "usage: nephos ", 14), 0);
		assert_non_null(strstr(o.out, "\nExit status: 0 "));
		assert_string_equal(o.err, "");
	}
	RUN(&o, "--help");
	assert_int_equal(o.code, EXIT_DONE);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		(void)snprintf(line, sizeof(line), "\n  %s%s%s ", names[i][0], names[i][1] ? " " : "",
			names[i][1] ? names[i][1] : "");
		assert_non_null(strstr(o.out, line));
	}
	assert_non_null(strstr(o.out, "\n  mount "));
	/* The help lists the table of commands, and mount: there is no command that is not among the names. */
	for (const char *at = strstr(o.out, "\n  "); at; at = strstr(at + 1, "\n  "))
		listed++;
	assert_int_equal(listed, sizeof(names) / sizeof(names[0]) + 1);
}

static void help_with_a_command_prints_the_help_of_that_command(void **state)
{
	struct outcome o, own;

	(void)state;
	RUN(&o, "help", "mkdir");
	RUN(&own, "mkdir", "--help");
	assert_int_equal(o.code, EXIT_DONE);
	assert_string_equal(o.out, own.out);
	RUN(&o, "help", "user", "add");
	assert_int_equal(strncmp(o.out, "usage: nephos user add ", 23), 0);
	RUN(&o, "help", "mount");
	assert_int_equal(o.code, 32);
	assert_int_equal(mount_argc, 2);
	RUN(&o, "help", "nothing");
	assert_int_equal(o.code, EXIT_USAGE);
}

static void help_with_a_group_lists_only_the_commands_of_that_group(void **state)
{
	static const char *const groups[] = {"user", "key"};
	struct outcome o, own;
	char line[64];

	(void)state;
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		RUN(&o, "help", groups[i]);
		RUN(&own, groups[i], "--help");
		assert_int_equal(o.code, EXIT_DONE);
		assert_string_equal(o.out, own.out);
		(void)snprintf(line, sizeof(line), "usage: nephos %s COMMAND", groups[i]);
		assert_int_equal(strncmp(o.out, line, strlen(line)), 0);
		(void)snprintf(line, sizeof(line), "\n  %s add ", groups[i]);
		assert_non_null(strstr(o.out, line));
		assert_null(strstr(o.out, "\n  mkdir"));
	}
	RUN(&o, "help", "user", "quota");
	assert_int_equal(strncmp(o.out, "usage: nephos user quota ", 25), 0);
	RUN(&o, "help", "user", "nothing");
	assert_int_equal(o.code, EXIT_USAGE);
}

static void help_with_help_prints_the_help_of_help(void **state)
{
	struct outcome o, own;

	(void)state;
	RUN(&o, "help", "help");
	RUN(&own, "help", "--help");
	assert_int_equal(o.code, EXIT_DONE);
	assert_int_equal(strncmp(o.out, "usage: nephos help [COMMAND]\n", 29), 0);
	assert_string_equal(o.out, own.out);
}

/* One string member of the error that was printed on stderr. */
static const char *error_member(const struct outcome *o, const char *name, char ret[256])
{
	json_t *all = json_loads(o->err, 0, NULL);

	assert_non_null(all);
	(void)snprintf(ret, 256, "%s", json_string_value(json_object_get(json_object_get(all, "error"), name)));
	json_decref(all);
	return ret;
}

static void a_failure_is_printed_as_json_with_the_json_flag(void **state)
{
	struct outcome o;
	char text[256];

	(void)state;
	setenv("NEPHOS_URL", "http://127.0.0.1:1", 1);
	setenv("NEPHOS_TOKEN", "t", 1);
	RUN(&o, "ls", "--json", "/x");
	assert_int_equal(o.code, EXIT_UNREACHABLE);
	assert_string_equal(error_member(&o, "command", text), "ls");
	assert_string_equal(error_member(&o, "detail", text),
		"the store at http://127.0.0.1:1 cannot be reached: nothing listens there");
	RUN(&o, "put", "--json", "only-one");
	assert_int_equal(o.code, EXIT_USAGE);
	assert_string_equal(error_member(&o, "command", text), "put");
}

static void an_unknown_host_is_named_as_the_cause_of_the_failure(void **state)
{
	struct outcome o;

	(void)state;
	setenv("NEPHOS_URL", "http://nowhere.invalid", 1);
	setenv("NEPHOS_TOKEN", "t", 1);
	RUN(&o, "ls");
	assert_int_equal(o.code, EXIT_UNREACHABLE);
	assert_non_null(strstr(o.err, "nobody knows a host of that name"));
}

static void wrong_words_and_flags_are_usage_errors(void **state)
{
	struct outcome o;

	(void)state;
	RUN(&o, "put", "one");
	assert_int_equal(o.code, EXIT_USAGE);
	assert_non_null(strstr(o.err, "usage: nephos put LOCAL|- PATH"));
	RUN(&o, "ls", "a", "b");
	assert_int_equal(o.code, EXIT_USAGE);
	RUN(&o, "ls", "--parents");
	assert_int_equal(o.code, EXIT_USAGE);
	RUN(&o, "ls", "--credentials", "/nonexistent/file");
	assert_int_equal(o.code, EXIT_USAGE);
}

static void a_command_without_a_key_exits_as_not_authenticated(void **state)
{
	struct outcome o;

	(void)state;
	RUN(&o, "ls");
	assert_int_equal(o.code, EXIT_UNAUTHENTICATED);
	assert_non_null(strstr(o.err, "nephos login"));
}

static void a_store_that_does_not_listen_is_reported_as_unreachable(void **state)
{
	struct outcome o;

	(void)state;
	setenv("NEPHOS_URL", "http://127.0.0.1:1", 1);
	setenv("NEPHOS_TOKEN", "5ec7e7", 1);
	RUN(&o, "ls", "/a");
	assert_int_equal(o.code, EXIT_UNREACHABLE);
	assert_non_null(strstr(o.err, "nephos ls: /a: the store at http://127.0.0.1:1 cannot be reached"));
	assert_null(strstr(o.err, "5ec7e7")); /* the token is not printed */
	RUN(&o, "status", "--json");
	assert_int_equal(o.code, EXIT_UNREACHABLE);
	assert_int_equal(o.out[0], '{');
	assert_null(strstr(o.out, "5ec7e7"));
	assert_null(strstr(o.err, "5ec7e7"));
}

static void a_command_whose_output_cannot_be_written_fails(void **state)
{
	const char *const words[] = {"nephos", "--version"};
	int saved = dup(STDOUT_FILENO), full = open("/dev/full", O_WRONLY), code;

	(void)state;
	(void)fflush(stdout);
	(void)dup2(full, STDOUT_FILENO);
	code = command_main(2, (char **)words, fake_mount);
	(void)dup2(saved, STDOUT_FILENO);
	(void)close(saved);
	(void)close(full);
	clearerr(stdout);
	assert_int_equal(code, EXIT_REFUSED);
}

/* Scripts ask fsck one question; whatever prevents the answer has one code. */
static void each_failure_of_fsck_exits_as_its_help_says(void **state)
{
	struct outcome o;
	json_t *error;

	(void)state;
	RUN(&o, "fsck", "--help");
	assert_non_null(strstr(o.out, "2 the check could not be done"));
	assert_null(strstr(o.out, "4 not authenticated"));
	RUN(&o, "fsck");
	assert_int_equal(o.code, 2);
	setenv("NEPHOS_URL", "http://127.0.0.1:1", 1);
	setenv("NEPHOS_TOKEN", "t", 1);
	RUN(&o, "fsck", "--json");
	assert_int_equal(o.code, 2);
	error = json_loads(o.err, 0, NULL);
	assert_int_equal(json_integer_value(json_object_get(json_object_get(error, "error"), "exit")), 2);
	json_decref(error);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(the_mount_program_gets_all_words_of_the_command, set_up),
		cmocka_unit_test_setup(an_unknown_command_is_refused_with_the_nearest_as_a_suggestion, set_up),
		cmocka_unit_test_setup(a_command_group_without_a_command_lists_its_commands, set_up),
		cmocka_unit_test_setup(every_command_has_a_help_text_with_exit_codes, set_up),
		cmocka_unit_test_setup(help_with_a_command_prints_the_help_of_that_command, set_up),
		cmocka_unit_test_setup(help_with_a_group_lists_only_the_commands_of_that_group, set_up),
		cmocka_unit_test_setup(help_with_help_prints_the_help_of_help, set_up),
		cmocka_unit_test_setup(a_failure_is_printed_as_json_with_the_json_flag, set_up),
		cmocka_unit_test_setup(an_unknown_host_is_named_as_the_cause_of_the_failure, set_up),
		cmocka_unit_test_setup(wrong_words_and_flags_are_usage_errors, set_up),
		cmocka_unit_test_setup(a_command_without_a_key_exits_as_not_authenticated, set_up),
		cmocka_unit_test_setup(a_store_that_does_not_listen_is_reported_as_unreachable, set_up),
		cmocka_unit_test_setup(a_command_whose_output_cannot_be_written_fails, set_up),
		cmocka_unit_test_setup(each_failure_of_fsck_exits_as_its_help_says, set_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
