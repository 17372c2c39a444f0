#include "common/base/config.h"

#include "common/base/file.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

static const struct config_setting settings[] = {
	{"port", CONFIG_NUMBER, "8050", 1, 65535, "port to listen on", false},
	{"log-level", CONFIG_TEXT, "info", 0, 0, "how much to log", false},
	{"quota", CONFIG_SIZE, NULL, 1024, UINT64_C(1) << 40, "of a new drive", false},
	{"open-registration", CONFIG_SWITCH, "off", 0, 0, "anyone may register", false},
	{"token", CONFIG_TEXT, NULL, 0, 0, "a secret", true},
	{"only-here", CONFIG_NUMBER, NULL, 0, 0, "known to this program alone", false},
	{"o", CONFIG_TEXT, NULL, 0, 0, "a letter", false},
	{0},
};

static const char *const others[] = {"BLOCKS_DIR", "CONFIG", "DATABASE", "GATEWAYS", "URL", NULL};
static const struct config_program program = {.help = "usage: program", .settings = settings, .others = others};

#define WORDS_MAX 16

static char folder[64], path[80];
static struct config *config;
static struct buf why;

static int reset(void **state)
{
	(void)state;
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
	(void)snprintf(folder, sizeof(folder), "/tmp/nephos-test-config.XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	(void)snprintf(path, sizeof(path), "%s/config", folder);
	config = NULL;
	buf_init(&why, 4096);
	return 0;
}

static int drop(void **state)
{
	(void)state;
	config_free(config);
	buf_fini(&why);
	(void)unlink(path);
	(void)rmdir(folder);
	return 0;
}

/* Loads the settings from these words of a command line; NULL ends the words. */
static int load(const char *word, ...)
{
	char *argv[WORDS_MAX + 2] = {(char[]){"program"}};
	int argc = 1, r;
	va_list more;

	va_start(more, word);
	for (; word && argc <= WORDS_MAX; word = va_arg(more, const char *))
		assert_non_null(argv[argc++] = strdup(word));
	va_end(more);
	config_free(config);
	config = NULL;
	r = config_load(&program, argc, argv, &config, &why);
	assert_int_equal(r == 0, config != NULL);
	for (int i = 1; i < argc; i++)
		free(argv[i]);
	return r;
}

static void refused(int r, const char *text)
{
	assert_int_equal(r, -EINVAL);
	assert_string_equal(why.data, text);
}

static void write_file(const char *text)
{
	assert_int_equal(file_write_atomic(path, 0600, span_str(text)), 0);
}

static void config_without_any_settings_has_the_defaults(void **state)
{
	(void)state;
	assert_int_equal(load(NULL), 0);
	assert_int_equal(config_number(config, "port"), 8050);
	assert_string_equal(config_text(config, "log-level"), "info");
	assert_false(config_switch(config, "open-registration"));
	assert_false(config_has(config, "quota"));
	assert_null(config_text(config, "quota"));
	assert_int_equal(config_number(config, "quota"), 0);
	assert_int_equal(config_argument_count(config), 0);
	assert_null(config_argument(config, 0));
}

static void config_flags_override_variables_and_variables_override_the_file(void **state)
{
	(void)state;
	write_file("NEPHOS_PORT=1\nNEPHOS_LOG_LEVEL=file\nNEPHOS_QUOTA=1M\n");
	(void)setenv("NEPHOS_PORT", "2", 1);
	(void)setenv("NEPHOS_LOG_LEVEL", "variable", 1);
	assert_int_equal(load("--config", path, "--port", "3", NULL), 0);
	assert_int_equal(config_number(config, "port"), 3);
	assert_string_equal(config_text(config, "log-level"), "variable");
	assert_int_equal(config_number(config, "quota"), 1 << 20);
}

static void config_reads_the_file_named_by_the_flag_or_else_by_the_variable(void **state)
{
	(void)state;
	write_file("NEPHOS_PORT=1\n");
	(void)setenv("NEPHOS_CONFIG", path, 1);
	assert_int_equal(load(NULL), 0);
	assert_int_equal(config_number(config, "port"), 1);
	(void)setenv("NEPHOS_CONFIG", "/nonexistent", 1);
	assert_int_equal(load("--config", path, NULL), 0);
	refused(load(NULL), "/nonexistent: No such file or directory");
	refused(load("--config=/tmp", NULL), "/tmp: not a regular file");
}

static void config_flags_take_values_attached_or_as_the_next_word(void **state)
{
	(void)state;
	assert_int_equal(load("--port=7", "--log-level", "-loud", "--open-registration", "-o", "a=b", NULL), 0);
	assert_int_equal(config_number(config, "port"), 7);
	assert_string_equal(config_text(config, "log-level"), "-loud");
	assert_true(config_switch(config, "open-registration"));
	assert_string_equal(config_text(config, "o"), "a=b");
	assert_int_equal(load("-oa=b", "--open-registration=off", "--port=1", "--port=2", NULL), 0);
	assert_string_equal(config_text(config, "o"), "a=b");
	assert_false(config_switch(config, "open-registration"));
	assert_int_equal(config_number(config, "port"), 2);
	assert_int_equal(load("--log-level=", NULL), 0);
	assert_string_equal(config_text(config, "log-level"), "");
}

static void config_keeps_other_words_as_arguments(void **state)
{
	(void)state;
	assert_int_equal(load("ls", "--port", "9", "-", "--", "--nonsense", "--", "x", NULL), 0);
	assert_int_equal(config_argument_count(config), 5);
	assert_string_equal(config_argument(config, 0), "ls");
	assert_string_equal(config_argument(config, 1), "-");
	assert_string_equal(config_argument(config, 2), "--nonsense");
	assert_string_equal(config_argument(config, 3), "--");
	assert_string_equal(config_argument(config, 4), "x");
	assert_null(config_argument(config, 5));
}

static void config_refuses_an_unknown_flag_and_suggests_the_nearest(void **state)
{
	(void)state;
	refused(load("--prot", "80", NULL), "unknown flag --prot; did you mean --port?");
	refused(load("--log_level=x", NULL), "unknown flag --log_level; did you mean --log-level?");
	refused(load("--verison", NULL), "unknown flag --verison; did you mean --version?");
	refused(load("--elephants", NULL), "unknown flag --elephants; --help lists them");
	refused(load("-x", NULL), "unknown flag -x; --help lists them");
	refused(load("--=x", NULL), "unknown flag --; --help lists them");
}

static void config_refuses_an_unknown_variable_and_suggests_the_nearest(void **state)
{
	(void)state;
	(void)setenv("NEPHOS_PROT", "80", 1);
	refused(load(NULL), "unknown variable NEPHOS_PROT; did you mean NEPHOS_PORT?");
	(void)unsetenv("NEPHOS_PROT");
	(void)setenv("NEPHOS_ONLY_THERE", "1", 1);
	refused(load(NULL), "unknown variable NEPHOS_ONLY_THERE; did you mean NEPHOS_ONLY_HERE?");
	(void)unsetenv("NEPHOS_ONLY_THERE");
	(void)setenv("NEPHOS_GATEWAY", "", 1); /* unknown even when empty */
	refused(load(NULL), "unknown variable NEPHOS_GATEWAY; did you mean NEPHOS_GATEWAYS?");
	(void)unsetenv("NEPHOS_GATEWAY");
	(void)setenv("NEPHOS_XYZZY_FROTZ", "1", 1);
	refused(load(NULL), "unknown variable NEPHOS_XYZZY_FROTZ; --help lists them");
	(void)unsetenv("NEPHOS_XYZZY_FROTZ");
	(void)setenv("NEPHOS_", "1", 1);
	assert_int_equal(load(NULL), -EINVAL);
}

static void config_accepts_variables_of_other_programs(void **state)
{
	(void)state;
	(void)setenv("NEPHOS_URL", "http://h", 1);
	(void)setenv("NEPHOS_DATABASE", "", 1);
	write_file("NEPHOS_BLOCKS_DIR=/x\n");
	assert_int_equal(load("--config", path, NULL), 0);
}

static void config_treats_an_empty_variable_as_unset(void **state)
{
	(void)state;
	(void)setenv("NEPHOS_PORT", "", 1);
	(void)setenv("NEPHOS_CONFIG", "", 1);
	assert_int_equal(load(NULL), 0);
	assert_int_equal(config_number(config, "port"), 8050);
	write_file("NEPHOS_LOG_LEVEL=\n");
	assert_int_equal(load("--config", path, NULL), 0);
	assert_string_equal(config_text(config, "log-level"), "info");
}

static void config_file_errors_name_the_line(void **state)
{
	char expected[256];

	(void)state;
	write_file("# ok\nNEPHOS_PROT=1\n");
	refused(load("--config", path, NULL),
		"unknown variable NEPHOS_PROT (line 2 of the file); did you mean NEPHOS_PORT?");
	write_file("PORT=1\n");
	refused(load("--config", path, NULL), "unknown variable PORT (line 1 of the file); did you mean NEPHOS_PORT?");
	write_file("NEPHOS_PORT=1\nNEPHOS_PORT=1\n");
	refused(load("--config", path, NULL), "NEPHOS_PORT is given twice (line 2 of the file)");
	write_file("NEPHOS_PORT=1\n\nnonsense\n");
	(void)snprintf(expected, sizeof(expected), "%s, line 3: not of the form KEY=value", path);
	refused(load("--config", path, NULL), expected);
}

static void config_refuses_numbers_outside_of_their_range(void **state)
{
	(void)state;
	refused(load("--port=0", NULL), "--port: \"0\", expected a number from 1 to 65535");
	refused(load("--port=65536", NULL), "--port: \"65536\", expected a number from 1 to 65535");
	refused(load("--port=99999999999999999999999", NULL),
		"--port: \"99999999999999999999999\", expected a number from 1 to 65535");
	refused(load("--port=", NULL), "--port: \"\", expected a number from 1 to 65535");
	refused(load("--port", "8O50", NULL), "--port: \"8O50\", expected a number from 1 to 65535");
	(void)setenv("NEPHOS_PORT", "-1", 1);
	refused(load(NULL), "NEPHOS_PORT: \"-1\", expected a number from 1 to 65535");
	(void)unsetenv("NEPHOS_PORT");
	assert_int_equal(load("--port=65535", "--only-here=18446744073709551615", NULL), 0);
	assert_true(config_number(config, "only-here") == UINT64_MAX);
}

static void config_reads_sizes_with_unit_letters_within_their_range(void **state)
{
	(void)state;
	assert_int_equal(load("--quota=1T", NULL), 0);
	assert_true(config_number(config, "quota") == UINT64_C(1) << 40);
	assert_string_equal(config_text(config, "quota"), "1T");
	refused(load("--quota=1023", NULL),
		"--quota: \"1023\", expected a size (10M, 1G, bytes) from 1024 to 1099511627776");
	assert_int_equal(load("--quota=2T", NULL), -EINVAL);
	assert_int_equal(load("--quota=1X", NULL), -EINVAL);
}

static void config_switches_accept_only_words_for_on_and_off(void **state)
{
	static const char *const on[] = {"on", "true", "yes", "1"}, *const off[] = {"off", "false", "no", "0"};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		(void)setenv("NEPHOS_OPEN_REGISTRATION", on[i], 1);
		assert_int_equal(load(NULL), 0);
		assert_true(config_switch(config, "open-registration"));
		(void)setenv("NEPHOS_OPEN_REGISTRATION", off[i], 1);
		assert_int_equal(load(NULL), 0);
		assert_false(config_switch(config, "open-registration"));
	}
	(void)setenv("NEPHOS_OPEN_REGISTRATION", "maybe", 1);
	refused(load(NULL), "NEPHOS_OPEN_REGISTRATION: \"maybe\", expected on or off");
}

static void config_refuses_a_flag_without_its_value(void **state)
{
	(void)state;
	refused(load("--port", NULL), "--port needs a value");
	refused(load("--port", "--log-level", "x", NULL), "--port needs a value");
	refused(load("--config", NULL), "--config needs a value");
	refused(load("-o", NULL), "-o needs a value");
}

static void config_secrets_are_not_taken_from_the_command_line(void **state)
{
	(void)state;
	refused(load("--token=abc", NULL),
		"--token: not on the command line, where others can see it; use NEPHOS_TOKEN or a file");
	(void)setenv("NEPHOS_TOKEN", "abc", 1);
	assert_int_equal(load(NULL), 0);
	assert_string_equal(config_text(config, "token"), "abc");
}

static void config_refuses_a_file_with_a_secret_that_others_can_read(void **state)
{
	char expected[256];

	(void)state;
	assert_int_equal(file_write_atomic(path, 0644, span_str("NEPHOS_TOKEN=abc\n")), 0);
	(void)snprintf(expected, sizeof(expected), "%s holds a secret, and can be read by others: chmod 600 it", path);
	refused(load("--config", path, NULL), expected);
	assert_int_equal(file_write_atomic(path, 0600, span_str("NEPHOS_TOKEN=abc\n")), 0);
	assert_int_equal(load("--config", path, NULL), 0);
	assert_int_equal(file_write_atomic(path, 0644, span_str("NEPHOS_PORT=1\nNEPHOS_TOKEN=\n")), 0);
	assert_int_equal(load("--config", path, NULL), 0);
}

static void config_error_messages_shorten_long_values(void **state)
{
	char word[3000] = "--port=";

	(void)state;
	memset(word + 7, '9', sizeof(word) - 8);
	assert_int_equal(load(word, NULL), -EINVAL);
	assert_true(why.size < 200);
	memset(word + 2, 'x', sizeof(word) - 3);
	assert_int_equal(load(word, NULL), -EINVAL);
	assert_true(why.size < 200);
}

/* Calls load(word), and returns in ret what it printed. */
static void printed(const char *word, char *ret, size_t size)
{
	int out[2], saved;
	ssize_t n;

	assert_int_equal(pipe(out), 0);
	(void)fflush(stdout);
	saved = dup(STDOUT_FILENO);
	assert_true(dup2(out[1], STDOUT_FILENO) >= 0);
	(void)close(out[1]);
	n = load(word, NULL);
	assert_true(dup2(saved, STDOUT_FILENO) >= 0);
	(void)close(saved);
	assert_int_equal(n, -ECANCELED);
	n = read(out[0], ret, size - 1);
	(void)close(out[0]);
	assert_true(n > 0);
	ret[n] = '\0';
}

static void config_help_and_version_are_printed(void **state)
{
	char text[4096];

	(void)state;
	printed("--version", text, sizeof(text));
	assert_memory_equal(text, "nephos ", 7);
	(void)setenv("NEPHOS_NONSENSE", "1", 1); /* --help works even when a setting is wrong */
	printed("--help", text, sizeof(text));
	assert_memory_equal(text, "usage: program\n", 15);
	assert_non_null(strstr(text, "--port NUMBER\n        port to listen on (default: 8050)\n"));
	assert_non_null(strstr(text, "NEPHOS_TOKEN (not as a flag"));
	assert_null(strstr(text, "--token"));
	assert_non_null(strstr(text, "  -o TEXT\n"));
	printed("-h", text, sizeof(text));
}

static void config_free_accepts_null(void **state)
{
	(void)state;
	config_free(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, reset, drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(config_without_any_settings_has_the_defaults),
		TEST(config_flags_override_variables_and_variables_override_the_file),
		TEST(config_reads_the_file_named_by_the_flag_or_else_by_the_variable),
		TEST(config_flags_take_values_attached_or_as_the_next_word),
		TEST(config_keeps_other_words_as_arguments),
		TEST(config_refuses_an_unknown_flag_and_suggests_the_nearest),
		TEST(config_refuses_an_unknown_variable_and_suggests_the_nearest),
		TEST(config_accepts_variables_of_other_programs),
		TEST(config_treats_an_empty_variable_as_unset),
		TEST(config_file_errors_name_the_line),
		TEST(config_refuses_numbers_outside_of_their_range),
		TEST(config_reads_sizes_with_unit_letters_within_their_range),
		TEST(config_switches_accept_only_words_for_on_and_off),
		TEST(config_refuses_a_flag_without_its_value),
		TEST(config_secrets_are_not_taken_from_the_command_line),
		TEST(config_refuses_a_file_with_a_secret_that_others_can_read),
		TEST(config_error_messages_shorten_long_values),
		TEST(config_help_and_version_are_printed),
		TEST(config_free_accepts_null),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
