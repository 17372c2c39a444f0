/* user: through the whole command, against a store that answers by a script. */
#include "cli/command.h"
#include "tests/unit/cli/folder.h"
#include "tests/unit/cli/store.h"

#include <pty.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#define USER(id_, name_, has_) \
	"{\"id\":\"" id_ "\",\"name\":\"" name_ "\",\"email\":null,\"admin\":false,\"has_password\":" has_ "}"
#define ONE(user_)                                                 \
	{                                                          \
		200, "{\"items\":[" user_ "],\"next\":null}", NULL \
	}
#define GOOD                    \
	{                       \
		200, "{}", NULL \
	}

static void user_add_sends_name_password_admin_flag_and_email(void **state)
{
	struct store s;

	(void)state;
	setenv("NEPHOS_PASSWORD", "sec\"ret", 1);
	store_start(&s, STORE_STEPS({201, "{}", NULL}, {201, "{}", NULL}));
	assert_int_equal(STORE_COMMAND(&s, "user", "add", "bob"), EXIT_DONE);
	assert_string_equal(s.asked[0].body, "{\"name\":\"bob\",\"password\":\"sec\\\"ret\",\"admin\":false}");
	assert_int_equal(STORE_COMMAND(&s, "user", "add", "eve", "--admin", "--email", "e@x"), EXIT_DONE);
	assert_non_null(strstr(s.asked[1].body, "\"admin\":true,\"email\":\"e@x\""));
	store_stop(&s);
}

static void changing_ones_own_password_sends_the_old_one(void **state)
{
	struct store s;

	(void)state;
	setenv("NEPHOS_PASSWORD", "new", 1);
	folder_put("old", "before\r\nmore\n");
	assert_int_equal(chmod("old", 0600), 0);
	store_start(&s, STORE_STEPS({200, USER("1", "ann", "true"), NULL}, GOOD));
	assert_int_equal(STORE_COMMAND(&s, "user", "passwd", "--old-password-file", "old"), EXIT_DONE);
	assert_string_equal(s.asked[1].target, "/api/v2/user/me");
	assert_string_equal(s.asked[1].body, "{\"password\":\"new\",\"old_password\":\"before\"}");
	store_stop(&s);
}

static void setting_a_first_password_sends_no_old_one(void **state)
{
	struct store s;

	(void)state;
	setenv("NEPHOS_PASSWORD", "new", 1);
	store_start(&s, STORE_STEPS({200, USER("1", "ann", "false"), NULL}, GOOD));
	assert_int_equal(STORE_COMMAND(&s, "user", "passwd", "ann"), EXIT_DONE);
	assert_int_equal(s.count, 2);
	assert_string_equal(s.asked[1].body, "{\"password\":\"new\"}");
	store_stop(&s);
}

static void the_password_of_another_user_is_set_by_the_user_id(void **state)
{
	struct store s;

	(void)state;
	setenv("NEPHOS_PASSWORD", "new", 1);
	store_start(&s, STORE_STEPS({200, USER("1", "ann", "true"), NULL}, ONE(USER("9", "b&b", "true")), GOOD));
	assert_int_equal(STORE_COMMAND(&s, "user", "passwd", "b&b"), EXIT_DONE);
	assert_string_equal(s.asked[1].target, "/api/v2/user/users?name=b%26b");
	assert_string_equal(s.asked[2].method, "PATCH");
	assert_string_equal(s.asked[2].target, "/api/v2/user/users/9");
	assert_string_equal(s.asked[2].body, "{\"password\":\"new\"}");
	store_stop(&s);
}

static void user_passwd_revokes_keys_only_with_the_revoke_flag(void **state)
{
	struct store s;

	(void)state;
	setenv("NEPHOS_PASSWORD", "new", 1);
	folder_put("old", "before\n");
	assert_int_equal(chmod("old", 0600), 0);
	store_start(&s,
		STORE_STEPS({200, USER("1", "ann", "true"), NULL}, GOOD, {200, USER("1", "ann", "true"), NULL},
			ONE(USER("9", "bob", "true")), GOOD, {200, USER("1", "ann", "true"), NULL},
			ONE(USER("9", "bob", "true")), GOOD));
	assert_int_equal(STORE_COMMAND(&s, "user", "passwd", "--old-password-file", "old", "--revoke"), EXIT_DONE);
	assert_string_equal(s.asked[1].body, "{\"password\":\"new\",\"old_password\":\"before\",\"revoke\":true}");
	assert_int_equal(STORE_COMMAND(&s, "user", "passwd", "bob", "--revoke"), EXIT_DONE);
	assert_string_equal(s.asked[4].body, "{\"password\":\"new\",\"revoke\":true}");
	assert_int_equal(STORE_COMMAND(&s, "user", "passwd", "bob", "--keep"), EXIT_DONE);
	assert_string_equal(s.asked[7].body, "{\"password\":\"new\"}");
	assert_int_equal(STORE_COMMAND(&s, "user", "passwd", "bob", "--keep", "--revoke"), EXIT_USAGE);
	assert_int_equal(s.count, 8);
	store_stop(&s);
}

/* A prompt, and what the test types when the prompt has come. */
struct line {
	const char *asked, *typed;
};

static void await(int terminal, const char *text)
{
	char seen[4096] = "";
	size_t size = 0;

	while (!strstr(seen, text)) {
		ssize_t n = read(terminal, seen + size, sizeof(seen) - 1 - size);

		if (n <= 0) {
			fail_msg("the terminal was not asked: %s", text);
			return;
		}
		size += (size_t)n;
		seen[size] = '\0';
	}
}

/* Runs the nephos program itself on a terminal of its own. Returns its exit code. */
static int at_terminal(struct store *s, char *const argv[], const struct line *lines)
{
	char program[512];
	int terminal, status = 0;

	const ssize_t size = readlink("/proc/self/exe", program, sizeof(program) - 32);
	assert_true(size > 0);
	program[size] = '\0'; /* the test program is tests/bin/NAME in the build folder */
	for (int up = 0; up < 3; up++)
		*strrchr(program, '/') = '\0';
	const size_t begin = strlen(program);
	(void)snprintf(program + begin, sizeof(program) - begin, "/bin/nephos");
	setenv("HOME", "/nonexistent", 1);
	setenv("NEPHOS_URL", s->credentials.urls[0], 1);
	setenv("NEPHOS_TOKEN", s->credentials.token, 1);
	unsetenv("NEPHOS_PASSWORD");
	const pid_t pid = forkpty(&terminal, NULL, NULL, NULL);
	if (pid == 0) {
		(void)execv(program, argv);
		_exit(127);
	}
	assert_true(pid > 0);
	for (; lines->asked; lines++) {
		await(terminal, lines->asked);
		assert_true(write(terminal, lines->typed, strlen(lines->typed)) > 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	(void)close(terminal);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void a_password_change_at_a_terminal_asks_about_device_keys(void **state)
{
	static const char *const ANSWERS[] = {"y\n", "\n"};
	static char program[] = "nephos", user[] = "user", passwd[] = "passwd";
	char *const argv[] = {program, user, passwd, NULL};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		const struct line lines[] = {{"New password of ann: ", "new\n"}, {"The same again: ", "new\n"},
			{"Revoke the device keys, too?", ANSWERS[i]}, {NULL, NULL}};
		struct store s;

		store_start(&s, STORE_STEPS({200, USER("1", "ann", "false"), NULL}, GOOD));
		assert_int_equal(at_terminal(&s, argv, lines), EXIT_DONE);
		assert_string_equal(
			s.asked[1].body, i == 0 ? "{\"password\":\"new\",\"revoke\":true}" : "{\"password\":\"new\"}");
		store_stop(&s);
	}
}

static void user_passwd_recognises_ones_own_name_in_another_case(void **state)
{
	struct store s;

	(void)state;
	setenv("NEPHOS_PASSWORD", "new", 1);
	store_start(&s, STORE_STEPS({200, USER("1", "ann", "false"), NULL}, ONE(USER("1", "ann", "false")), GOOD));
	assert_int_equal(STORE_COMMAND(&s, "user", "passwd", "ANN"), EXIT_DONE);
	assert_string_equal(s.asked[2].target, "/api/v2/user/me");
	store_stop(&s);
}

static void user_rm_of_an_unknown_user_is_refused(void **state)
{
	struct store s;

	(void)state;
	store_start(&s, STORE_STEPS(ONE(""), GOOD));
	assert_int_equal(STORE_COMMAND(&s, "user", "rm", "bob"), EXIT_REFUSED);
	assert_int_equal(s.count, 1);
	store_stop(&s);
}

static void user_add_refuses_public_empty_and_missing_password_files(void **state)
{
	struct store s;

	(void)state;
	store_start(&s, NULL, 0);
	folder_put("p", "secret\n");
	assert_int_equal(chmod("p", 0640), 0);
	assert_int_equal(STORE_COMMAND(&s, "user", "add", "bob", "--password-file", "p"), EXIT_USAGE);
	folder_put("p", "\nsecret\n");
	assert_int_equal(chmod("p", 0600), 0);
	assert_int_equal(STORE_COMMAND(&s, "user", "add", "bob", "--password-file", "p"), EXIT_USAGE);
	assert_int_equal(STORE_COMMAND(&s, "user", "add", "bob", "--password-file", "missing"), EXIT_USAGE);
	assert_int_equal(s.count, 0);
	store_stop(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FOLDER_TEST(user_add_sends_name_password_admin_flag_and_email),
		FOLDER_TEST(changing_ones_own_password_sends_the_old_one),
		FOLDER_TEST(setting_a_first_password_sends_no_old_one),
		FOLDER_TEST(the_password_of_another_user_is_set_by_the_user_id),
		FOLDER_TEST(user_passwd_revokes_keys_only_with_the_revoke_flag),
		FOLDER_TEST(a_password_change_at_a_terminal_asks_about_device_keys),
		FOLDER_TEST(user_passwd_recognises_ones_own_name_in_another_case),
		FOLDER_TEST(user_rm_of_an_unknown_user_is_refused),
		FOLDER_TEST(user_add_refuses_public_empty_and_missing_password_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
