#include "cli/password.h"

#include "tests/unit/cli/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#define VARIABLE "NEPHOS_TEST_PASSWORD"

/* The result of get(): the password, or why there is none. */
static char got[2048], why[2048];

static int get(const struct password_source *source)
{
	char *password = NULL;
	struct buf text;
	int r;

	got[0] = why[0] = '\0';
	buf_init(&text, sizeof(why));
	r = password_get(source, &password, &text);
	if (r == 0)
		(void)snprintf(got, sizeof(got), "%s", password);
	else
		assert_null(password);
	if (text.size > 0)
		(void)snprintf(why, sizeof(why), "%s", text.data);
	password_free(password);
	buf_fini(&text);
	return r;
}

static int get_from_file(const char *text, mode_t mode)
{
	const struct password_source source = {.file = "secret", .variable = VARIABLE};

	folder_put("secret", text);
	assert_int_equal(chmod("secret", mode), 0);
	return get(&source);
}

static void the_first_line_of_a_file_is_the_password(void **state)
{
	(void)state;
	assert_int_equal(get_from_file("geheim\nand a note\n", 0600), 0);
	assert_string_equal(got, "geheim");
	assert_int_equal(get_from_file("no line break", 0600), 0);
	assert_string_equal(got, "no line break");
	assert_int_equal(get_from_file("of Windows\r\n", 0600), 0);
	assert_string_equal(got, "of Windows");
	assert_int_equal(get_from_file(" blanks count ", 0600), 0);
	assert_string_equal(got, " blanks count ");
}

static void a_password_file_overrides_the_variable(void **state)
{
	const struct password_source variable = {.variable = VARIABLE};

	(void)state;
	assert_int_equal(setenv(VARIABLE, "from outside", 1), 0);
	assert_int_equal(get_from_file("from the file\n", 0600), 0);
	assert_string_equal(got, "from the file");
	assert_int_equal(get(&variable), 0);
	assert_string_equal(got, "from outside");
	(void)unsetenv(VARIABLE);
}

static void an_empty_password_is_refused_with_the_name_of_its_file(void **state)
{
	(void)state;
	assert_int_equal(get_from_file("", 0600), -EINVAL);
	assert_string_equal(why, "secret: the password is empty");
	assert_int_equal(get_from_file("\nsecond line\n", 0600), -EINVAL);
}

static void a_missing_password_file_is_named_in_the_error(void **state)
{
	const struct password_source source = {.file = "missing"};

	(void)state;
	assert_int_equal(get(&source), -ENOENT);
	assert_non_null(strstr(why, "missing"));
}

static void a_password_file_that_is_too_long_is_refused(void **state)
{
	static char text[PASSWORD_SIZE_MAX + 100];

	(void)state;
	memset(text, 'a', sizeof(text) - 1);
	assert_true(get_from_file(text, 0600) < 0);
	assert_string_equal(got, "");
}

static void reading_a_password_from_standard_input_takes_only_one_line(void **state)
{
	const struct password_source source = {.file = "-"};
	int ends[2], before = dup(STDIN_FILENO);
	char rest[16] = "";

	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], "geheim\nnext\n", 12), 12);
	(void)close(ends[1]);
	assert_int_equal(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
	(void)close(ends[0]);
	assert_int_equal(get(&source), 0);
	assert_string_equal(got, "geheim");
	assert_int_equal(read(STDIN_FILENO, rest, sizeof(rest) - 1), 5);
	assert_string_equal(rest, "next\n");
	assert_int_equal(dup2(before, STDIN_FILENO), STDIN_FILENO);
	(void)close(before);
}

/* As in `--password-file <(command)`. */
static void the_first_line_of_a_pipe_is_the_password(void **state)
{
	char path[32];
	const struct password_source source = {.file = path}, named = {.file = "fifo"};
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	(void)snprintf(path, sizeof(path), "/dev/fd/%d", ends[0]);
	assert_int_equal(write(ends[1], "geheim\nnext\n", 12), 12);
	(void)close(ends[1]);
	assert_int_equal(get(&source), 0);
	assert_string_equal(got, "geheim");
	(void)close(ends[0]);
	/* Others can write into it. A reader and writer here, so that the test waits for nobody. */
	assert_int_equal(mkfifo("fifo", 0600), 0);
	assert_int_equal(chmod("fifo", 0622), 0);
	const int both = open("fifo", O_RDWR | O_CLOEXEC);
	assert_true(both >= 0);
	assert_int_equal(get(&named), -EPERM);
	(void)close(both);
}

static void a_password_is_typed_only_without_a_file_and_a_variable(void **state)
{
	const struct password_source file = {.file = "secret"}, variable = {.variable = VARIABLE};

	(void)state;
	(void)unsetenv(VARIABLE);
	assert_true(password_is_typed(&variable));
	assert_int_equal(setenv(VARIABLE, "", 1), 0); /* an empty variable counts as unset */
	assert_true(password_is_typed(&variable));
	assert_int_equal(setenv(VARIABLE, "x", 1), 0);
	assert_false(password_is_typed(&variable));
	assert_false(password_is_typed(&file));
	(void)unsetenv(VARIABLE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FOLDER_TEST(the_first_line_of_a_file_is_the_password),
		FOLDER_TEST(a_password_file_overrides_the_variable),
		FOLDER_TEST(an_empty_password_is_refused_with_the_name_of_its_file),
		FOLDER_TEST(a_missing_password_file_is_named_in_the_error),
		FOLDER_TEST(a_password_file_that_is_too_long_is_refused),
		FOLDER_TEST(reading_a_password_from_standard_input_takes_only_one_line),
		FOLDER_TEST(the_first_line_of_a_pipe_is_the_password),
		FOLDER_TEST(a_password_is_typed_only_without_a_file_and_a_variable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
