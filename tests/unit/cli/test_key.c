/* key: through the whole command, against a store that answers by a script. */
#include "cli/command.h"
#include "tests/unit/cli/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>
#include <cmocka.h>

#define KEY(id_, name_) \
	"{\"id\":\"" id_ "\",\"name\":\"" name_ "\",\"created_at\":\"1700000000.000000000\",\"last_used_at\":null}"
#define PAGE(...)                                                        \
	{                                                                \
		200, "{\"items\":[" __VA_ARGS__ "],\"next\":null}", NULL \
	}
#define GONE                  \
	{                     \
		204, "", NULL \
	}

static void key_add_prints_the_new_key_as_credentials(void **state)
{
	struct store s;

	(void)state;
	store_start(&s, STORE_STEPS({201, "{\"id\":\"4\",\"name\":\"n\",\"token\":\"npk_4\"}", NULL}));
	assert_int_equal(STORE_COMMAND(&s, "key", "add", "n"), EXIT_DONE);
	assert_string_equal(s.asked[0].body, "{\"name\":\"n\"}");
	assert_non_null(strstr(s.out, "NEPHOS_TOKEN=npk_4\n"));
	assert_int_equal(strncmp(s.out, "NEPHOS_URL=http://127.0.0.1:", 28), 0);
	store_stop(&s);
}

static void key_add_prints_the_urls_of_all_gateways(void **state)
{
	char file[] = "/tmp/test_key.XXXXXX", urls[256], line[600];
	struct store s;
	int fd = mkstemp(file);

	(void)state;
	store_start(&s, STORE_STEPS({201, "{\"id\":\"4\",\"name\":\"n\",\"token\":\"npk_4\"}", NULL}));
	(void)snprintf(urls, sizeof(urls), "%s,http://127.0.0.1:1", s.credentials.urls[0]);
	(void)snprintf(line, sizeof(line), "NEPHOS_URL=%s\nNEPHOS_URLS=%s\n", s.credentials.urls[0], urls);
	assert_true(fd >= 0);
	dprintf(fd, "NEPHOS_URL=%s\nNEPHOS_TOKEN=npk_1\n", urls);
	(void)close(fd);
	assert_int_equal(STORE_COMMAND(&s, "key", "add", "n", "--credentials", file), EXIT_DONE);
	(void)unlink(file);
	assert_memory_equal(s.out, line, strlen(line));
	store_stop(&s);
}

static void key_revoke_prefers_an_id_to_a_name(void **state)
{
	struct store s;

	(void)state;
	store_start(&s, STORE_STEPS(PAGE(KEY("4", "7") "," KEY("7", "x")), GONE));
	assert_int_equal(STORE_COMMAND(&s, "key", "revoke", "7"), EXIT_DONE);
	assert_string_equal(s.asked[1].method, "DELETE");
	assert_string_equal(s.asked[1].target, "/api/v2/user/keys/7");
	store_stop(&s);
}

static void key_revoke_accepts_a_name_that_only_one_key_has(void **state)
{
	struct store s;

	(void)state;
	store_start(&s, STORE_STEPS(PAGE(KEY("4", "x") "," KEY("5", "y")), GONE));
	assert_int_equal(STORE_COMMAND(&s, "key", "revoke", "y"), EXIT_DONE);
	assert_string_equal(s.asked[1].target, "/api/v2/user/keys/5");
	store_stop(&s);
}

static void key_revoke_refuses_a_name_that_two_keys_have(void **state)
{
	struct store s;

	(void)state;
	store_start(&s, STORE_STEPS(PAGE(KEY("4", "x") "," KEY("5", "x")), GONE));
	assert_int_equal(STORE_COMMAND(&s, "key", "revoke", "x"), EXIT_REFUSED);
	assert_int_equal(s.count, 1);
	store_stop(&s);
}

static void key_revoke_of_an_unknown_key_is_refused(void **state)
{
	struct store s;

	(void)state;
	store_start(&s, STORE_STEPS(PAGE(), GONE));
	assert_int_equal(STORE_COMMAND(&s, "key", "revoke", "x"), EXIT_REFUSED);
	assert_int_equal(s.count, 1);
	store_stop(&s);
}

static void key_list_shows_when_a_key_was_made_and_used(void **state)
{
	struct store s;

	(void)state;
	store_start(&s, STORE_STEPS(PAGE(KEY("4", "a b")), PAGE()));
	assert_int_equal(STORE_COMMAND(&s, "key", "list"), EXIT_DONE);
	assert_non_null(strstr(s.out, "4  made 2023-11-14"));
	assert_non_null(strstr(s.out, "used -"));
	assert_non_null(strstr(s.out, " a b\n"));
	assert_int_equal(STORE_COMMAND(&s, "key", "list", "--json"), EXIT_DONE);
	assert_string_equal(s.out, "[]\n");
	store_stop(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(key_add_prints_the_new_key_as_credentials),
		cmocka_unit_test(key_add_prints_the_urls_of_all_gateways),
		cmocka_unit_test(key_revoke_prefers_an_id_to_a_name),
		cmocka_unit_test(key_revoke_accepts_a_name_that_only_one_key_has),
		cmocka_unit_test(key_revoke_refuses_a_name_that_two_keys_have),
		cmocka_unit_test(key_revoke_of_an_unknown_key_is_refused),
		cmocka_unit_test(key_list_shows_when_a_key_was_made_and_used),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
