#include "gateway/access/tokens.h"

#include "common/base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static const struct token_identity ANNA = {.user = 5, .admin = true, .name = "anna", .token_id = "s12"};

static int setup(void **state)
{
	struct tokens *t;
	assert_int_equal(tokens_new(&t), 0);
	*state = t;
	return 0;
}

static int teardown(void **state)
{
	tokens_free(*state);
	return 0;
}

static void a_token_is_cached_for_five_seconds_after_it_was_asked_about(void **state)
{
	struct tokens *t = *state;
	struct token_identity got;
	tokens_put(t, span_str("secret"), &ANNA, 1000, tokens_fence(t));
	assert_true(tokens_get(t, span_str("secret"), 1000 + TOKEN_CACHE_S * NS_PER_S - 1, &got));
	assert_int_equal(got.user, 5);
	assert_true(got.admin);
	assert_string_equal(got.name, "anna");
	assert_false(tokens_get(t, span_str("secret"), 1000 + TOKEN_CACHE_S * NS_PER_S, &got));
	assert_false(tokens_get(t, span_str("secre"), 1000, &got));
}

static void a_revoked_token_is_forgotten_and_other_tokens_are_not(void **state)
{
	struct tokens *t = *state;
	struct token_identity got, other = ANNA;
	(void)snprintf(other.token_id, sizeof(other.token_id), "s13");
	tokens_put(t, span_str("one"), &ANNA, 0, tokens_fence(t));
	tokens_put(t, span_str("two"), &other, 0, tokens_fence(t));
	tokens_forget_token(t, "s12");
	assert_false(tokens_get(t, span_str("one"), 1, &got));
	assert_true(tokens_get(t, span_str("two"), 1, &got));
	tokens_forget_user(t, 5);
	assert_false(tokens_get(t, span_str("two"), 1, &got));
}

static void an_answer_requested_before_a_revocation_is_not_cached(void **state)
{
	struct tokens *t = *state;
	struct token_identity got;
	uint64_t fence = tokens_fence(t);
	tokens_forget_token(t, "s12");
	tokens_put(t, span_str("secret"), &ANNA, 0, fence);
	assert_false(tokens_get(t, span_str("secret"), 1, &got));
}

static void a_full_cache_evicts_the_oldest_token(void **state)
{
	struct tokens *t = *state;
	struct token_identity got;
	char token[32];
	for (unsigned i = 0; i <= TOKENS_MAX; i++) {
		(void)snprintf(token, sizeof(token), "token-%u", i);
		tokens_put(t, span_str(token), &ANNA, 0, tokens_fence(t));
	}
	assert_false(tokens_get(t, span_str("token-0"), 1, &got));
	assert_true(tokens_get(t, span_str("token-1"), 1, &got));
	assert_true(tokens_get(t, span_str(token), 1, &got));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_token_is_cached_for_five_seconds_after_it_was_asked_about, setup, teardown),
		cmocka_unit_test_setup_teardown(a_revoked_token_is_forgotten_and_other_tokens_are_not, setup, teardown),
		cmocka_unit_test_setup_teardown(an_answer_requested_before_a_revocation_is_not_cached, setup, teardown),
		cmocka_unit_test_setup_teardown(a_full_cache_evicts_the_oldest_token, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
