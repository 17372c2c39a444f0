#include "cli/credentials.h"

#include "common/base/file.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

/* Each test has a folder of its own, which is its HOME. No NEPHOS_ variable and no XDG_CONFIG_HOME is set. */
struct place {
	char folder[64];
	char login[128]; /* the file that "nephos login" writes */
};

static int set_up(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	if (!p)
		return -1;
	strcpy(p->folder, "/tmp/nephos-test-XXXXXX");
	if (!mkdtemp(p->folder))
		return -1;
	(void)snprintf(p->login, sizeof(p->login), "%s/.config/nephos/credentials", p->folder);
	unsetenv("NEPHOS_CREDENTIALS");
	unsetenv("NEPHOS_URL");
	unsetenv("NEPHOS_USER");
	unsetenv("NEPHOS_TOKEN");
	unsetenv("XDG_CONFIG_HOME");
	setenv("HOME", p->folder, 1);
	*state = p;
	return 0;
}

static int tear_down(void **state)
{
	struct place *p = *state;
	char command[128];
	int r;

	(void)snprintf(command, sizeof(command), "rm -rf %s", p->folder);
	r = system(command);
	free(p);
	return r;
}

static void leave(const char *path, const char *url, const char *token)
{
	struct credentials c;
	struct buf why;

	credentials_init(&c);
	buf_init(&why, 1000);
	assert_int_equal(credentials_set_urls(&c, url, &why), 0);
	assert_int_equal(credentials_set_token(&c, token), 0);
	c.user = strdup("o'hara");
	c.key_id = 17;
	assert_int_equal(credentials_write(path, &c), 0);
	credentials_fini(&c);
	buf_fini(&why);
}

static int find(const char *named, struct credentials *ret)
{
	struct buf why;
	int r;

	buf_init(&why, 1000);
	credentials_init(ret);
	r = credentials_find(named, ret, &why);
	assert_true((r < 0) == (why.size > 0));
	buf_fini(&why);
	return r;
}

static void written_credentials_are_private_and_can_be_read_again(void **state)
{
	const struct place *p = *state;
	struct credentials c;
	struct stat st;

	leave(p->login, "http://a:1/,https://b", "npk_1");
	assert_int_equal(stat(p->login, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(find(NULL, &c), 0);
	assert_int_equal(c.url_count, 2);
	assert_string_equal(c.urls[0], "http://a:1");
	assert_string_equal(c.urls[1], "https://b");
	assert_string_equal(c.user, "o'hara");
	assert_string_equal(c.token, "npk_1");
	assert_int_equal(c.key_id, 17);
	credentials_fini(&c);
}

static void a_named_file_overrides_variables_and_the_login(void **state)
{
	const struct place *p = *state;
	char named[128], variable[128];
	struct credentials c;

	(void)snprintf(named, sizeof(named), "%s/named", p->folder);
	(void)snprintf(variable, sizeof(variable), "%s/variable", p->folder);
	leave(p->login, "http://login", "t-login");
	leave(named, "http://named", "t-named");
	leave(variable, "http://variable", "t-variable");
	setenv("NEPHOS_URL", "http://env", 1);
	setenv("NEPHOS_TOKEN", "t-env", 1);
	assert_int_equal(find(NULL, &c), 0);
	assert_string_equal(c.token, "t-env");
	assert_string_equal(c.urls[0], "http://env");
	credentials_fini(&c);
	setenv("NEPHOS_CREDENTIALS", variable, 1);
	assert_int_equal(find(NULL, &c), 0);
	assert_string_equal(c.token, "t-variable");
	assert_string_equal(c.urls[0], "http://variable");
	credentials_fini(&c);
	assert_int_equal(find(named, &c), 0);
	assert_string_equal(c.token, "t-named");
	credentials_fini(&c);
}

static void nephos_urls_adds_gateways_after_the_one_in_nephos_url(void **state)
{
	static const char text[] = "NEPHOS_URLS=http://a,http://b/,http://c\nNEPHOS_URL=http://b\nNEPHOS_TOKEN=npk_1\n";
	static const char bad[] = "NEPHOS_URLS=http://a,ftp://b\nNEPHOS_URL=http://b\nNEPHOS_TOKEN=npk_1\n";
	const struct place *p = *state;
	struct credentials c;
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/named", p->folder);
	assert_int_equal(file_write_atomic(path, 0600, span_of(text, sizeof(text) - 1)), 0);
	assert_int_equal(find(path, &c), 0);
	assert_int_equal(c.url_count, 3);
	assert_string_equal(c.urls[0], "http://b");
	assert_string_equal(c.urls[1], "http://a");
	assert_string_equal(c.urls[2], "http://c");
	credentials_fini(&c);
	assert_int_equal(file_write_atomic(path, 0600, span_of(bad, sizeof(bad) - 1)), 0);
	assert_int_equal(find(path, &c), -EINVAL);
}

static void the_token_of_a_login_is_not_used_for_another_store(void **state)
{
	const struct place *p = *state;
	struct credentials c;

	leave(p->login, "http://mine", "t-login");
	setenv("NEPHOS_URL", "http://other", 1);
	assert_int_equal(find(NULL, &c), 0);
	assert_null(c.token);
	assert_string_equal(c.urls[0], "http://other");
	credentials_fini(&c);
	setenv("NEPHOS_URL", "http://other,http://mine/", 1);
	assert_int_equal(find(NULL, &c), 0);
	assert_string_equal(c.token, "t-login");
	assert_int_equal(c.url_count, 2);
	credentials_fini(&c);
}

static void credentials_find_without_any_credentials_is_no_failure(void **state)
{
	struct credentials c;

	(void)state;
	assert_int_equal(find(NULL, &c), 0);
	assert_null(c.token);
	assert_int_equal(c.url_count, 0);
	credentials_fini(&c);
}

static void expect_reason(const struct place *p, const char *reason)
{
	struct credentials c;
	struct buf why;

	buf_init(&why, 10000);
	assert_int_equal(credentials_read(p->login, &c, &why), -EPERM);
	assert_non_null(strstr(why.data, reason));
	buf_fini(&why);
}

static void a_credentials_file_that_others_can_read_is_refused(void **state)
{
	const struct place *p = *state;
	struct credentials c;

	leave(p->login, "http://a", "t");
	assert_int_equal(chmod(p->login, 0644), 0);
	assert_int_equal(find(NULL, &c), -EPERM);
	expect_reason(p, "can be read by others: chmod 600 it, and think of a new key");
	assert_int_equal(chmod(p->login, 0444), 0);
	if (geteuid() == 0) { /* the mode is that of a secret in a container, but its owner could change it */
		assert_int_equal(chown(p->login, 65534, 65534), 0);
		assert_int_equal(find(NULL, &c), -EPERM);
		expect_reason(p, "belongs to another user");
	}
}

static void a_token_without_a_url_or_with_a_line_break_is_refused(void **state)
{
	struct credentials c;

	(void)state;
	setenv("NEPHOS_TOKEN", "t", 1);
	assert_int_equal(find(NULL, &c), -EINVAL);
	setenv("NEPHOS_URL", "http://a", 1);
	setenv("NEPHOS_TOKEN", "t\r\nX: y", 1);
	assert_int_equal(find(NULL, &c), -EINVAL);
}

static void malformed_and_too_many_urls_are_refused(void **state)
{
	static const char *const table[] = {"", "a", "ftp://a", "http://", "http:///x", "http://a/b", "http://u@a",
		"http://a?x", "http://a:0", "http://127%2e0.0.1", "http://a b", "http://a,", "http://a,,http://b",
		"http://a\r\nX:y", "http://1,http://2,http://3,http://4,http://5,http://6,http://7,http://8,http://9"};
	struct credentials c;
	struct buf why;

	(void)state;
	credentials_init(&c);
	buf_init(&why, 10000);
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		buf_reset(&why);
		assert_int_equal(credentials_set_urls(&c, table[i], &why), -EINVAL);
		assert_int_equal(c.url_count, 0);
		assert_true(why.size > 0);
	}
	buf_fini(&why);
	credentials_fini(&c);
}

static void a_url_that_is_given_twice_is_kept_once(void **state)
{
	struct credentials c;
	struct buf why;

	(void)state;
	credentials_init(&c);
	buf_init(&why, 1000);
	assert_int_equal(credentials_set_urls(&c, "http://a,http://b/,http://a/", &why), 0);
	assert_int_equal(c.url_count, 2);
	assert_string_equal(c.urls[0], "http://a");
	assert_string_equal(c.urls[1], "http://b");
	buf_fini(&why);
	credentials_fini(&c);
}

static void credentials_set_token_accepts_the_current_token(void **state)
{
	struct credentials c;

	(void)state;
	credentials_init(&c);
	assert_int_equal(credentials_set_token(&c, "abc"), 0);
	assert_int_equal(credentials_set_token(&c, c.token), 0);
	assert_string_equal(c.token, "abc");
	credentials_fini(&c);
}

static void the_credentials_path_follows_xdg_config_home_or_home(void **state)
{
	char *path = NULL;

	(void)state;
	setenv("XDG_CONFIG_HOME", "/x", 1);
	assert_int_equal(credentials_path(NULL, &path), 0);
	assert_string_equal(path, "/x/nephos/credentials");
	free(path);
	setenv("XDG_CONFIG_HOME", "not/absolute", 1);
	setenv("HOME", "/h", 1);
	assert_int_equal(credentials_path(NULL, &path), 0);
	assert_string_equal(path, "/h/.config/nephos/credentials");
	free(path);
	unsetenv("HOME");
	unsetenv("XDG_CONFIG_HOME");
	assert_int_equal(credentials_path(NULL, &path), -ENOENT);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(written_credentials_are_private_and_can_be_read_again),
		TEST(a_named_file_overrides_variables_and_the_login),
		TEST(nephos_urls_adds_gateways_after_the_one_in_nephos_url),
		TEST(the_token_of_a_login_is_not_used_for_another_store),
		TEST(credentials_find_without_any_credentials_is_no_failure),
		TEST(a_credentials_file_that_others_can_read_is_refused),
		TEST(a_token_without_a_url_or_with_a_line_break_is_refused),
		TEST(malformed_and_too_many_urls_are_refused),
		TEST(a_url_that_is_given_twice_is_kept_once),
		TEST(credentials_set_token_accepts_the_current_token),
		TEST(the_credentials_path_follows_xdg_config_home_or_home),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
