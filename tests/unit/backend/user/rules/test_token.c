#include "backend/user/rules/token.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void parsing_a_token_gives_the_hash_it_was_made_with(void **state)
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

static void token_parse_refuses_malformed_tokens_and_setup_tokens(void **state)
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

static void token_ids_are_parsed_as_they_are_formatted(void **state)
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
		cmocka_unit_test(parsing_a_token_gives_the_hash_it_was_made_with),
		cmocka_unit_test(token_parse_refuses_malformed_tokens_and_setup_tokens),
		cmocka_unit_test(token_ids_are_parsed_as_they_are_formatted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
