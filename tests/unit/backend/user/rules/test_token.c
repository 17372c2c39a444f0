#include "backend/user/rules/token.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void a_token_is_found_by_the_hash_it_was_made_with(void **state)
{
	char text[TOKEN_TEXT_SIZE], other[TOKEN_TEXT_SIZE];
	uint8_t made[SHA256_BYTES], parsed[SHA256_BYTES];
	enum user_token_kind kind = USER_SESSION;

	(void)state;
	assert_int_equal(token_make(token_prefix(USER_KEY), text, made), 0);
	assert_int_equal(strlen(text), 68);
	assert_int_equal(token_parse(text, &kind, parsed), 0);
	assert_int_equal(kind, USER_KEY);
	assert_memory_equal(made, parsed, SHA256_BYTES);
	assert_int_equal(token_make(token_prefix(USER_KEY), other, made), 0);
	assert_string_not_equal(text, other);
}

static void what_is_no_token_is_refused_before_it_is_looked_up(void **state)
{
	char text[TOKEN_TEXT_SIZE];
	uint8_t hash[SHA256_BYTES];
	enum user_token_kind kind;

	(void)state;
	assert_int_equal(token_make("npt_", text, hash), 0);
	assert_int_equal(token_parse(text, &kind, hash), -EINVAL);
	assert_int_equal(token_make("nps_", text, hash), 0);
	text[67] = '\0';
	assert_int_equal(token_parse(text, &kind, hash), -EINVAL);
	assert_int_equal(token_parse("", &kind, hash), -EINVAL);
	assert_int_equal(token_parse("nps_", &kind, hash), -EINVAL);
}

static void token_ids_are_read_as_they_are_written(void **state)
{
	char text[TOKEN_ID_SIZE];
	enum user_token_kind kind = USER_SESSION;
	uint64_t id = 0;

	(void)state;
	token_id_format(USER_KEY, 9223372036854775807ull, text);
	assert_string_equal(text, "k9223372036854775807");
	assert_int_equal(token_id_parse(text, &kind, &id), 0);
	assert_int_equal(kind, USER_KEY);
	assert_true(id == 9223372036854775807ull);
	assert_int_equal(token_id_parse("", &kind, &id), -EINVAL);
	assert_int_equal(token_id_parse("s", &kind, &id), -EINVAL);
	assert_int_equal(token_id_parse("x1", &kind, &id), -EINVAL);
	assert_int_equal(token_id_parse("s1x", &kind, &id), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_token_is_found_by_the_hash_it_was_made_with),
		cmocka_unit_test(what_is_no_token_is_refused_before_it_is_looked_up),
		cmocka_unit_test(token_ids_are_read_as_they_are_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
