#include "tests/unit/backend/user/rules/fixture.h"

static void a_device_key_is_valid_until_its_owner_revokes_it(void **state)
{
	struct account_call *call = *state;
	const uint64_t ann = make(call, "ann"), bob = make(call, "bob");
	struct account_outcome key, revoked;
	struct user_login found;
	struct user_token keys[2];
	size_t count = 0;

	become(call, ann, "s1");
	assert_int_equal(key_create(call, "laptop", &key), 0);
	call->now_ns = NOW + 10 * SESSION_LIFE_S * NS_PER_S;
	assert_int_equal(login_authenticate(call, key.token_text, &found), 0);
	assert_int_equal(key_list(call, 0, 2, keys, &count), 0);
	assert_int_equal(count, 1);
	assert_string_equal(keys[0].name, "laptop");
	assert_int_equal(keys[0].used_ns, call->now_ns);
	become(call, bob, "s2");
	assert_int_equal(key_revoke(call, key.token.id, &revoked), -ERR_NOT_FOUND);
	become(call, ann, "s1");
	assert_int_equal(key_revoke(call, key.token.id, &revoked), 0);
	assert_string_equal(revoked.forget_token + 1, "3");
	assert_int_equal(login_authenticate(call, key.token_text, &found), -ERR_UNAUTHENTICATED);
}

static void the_use_of_a_device_key_is_written_at_most_once_a_minute(void **state)
{
	struct account_call *call = *state;
	const uint64_t ann = make(call, "ann");
	struct account_outcome key;
	struct user_login found;

	become(call, ann, "s1");
	assert_int_equal(key_create(call, "laptop", &key), 0);
	assert_int_equal(login_authenticate(call, key.token_text, &found), 0);
	call->now_ns += (KEY_USED_S - 1) * NS_PER_S;
	user_mem_fail(call->store, "token_use", 1, -EIO);
	assert_int_equal(login_authenticate(call, key.token_text, &found), 0);
	assert_int_equal(found.token.used_ns, NOW);
	/* A store that cannot write the use refuses nobody. */
	call->now_ns += NS_PER_S;
	assert_int_equal(login_authenticate(call, key.token_text, &found), 0);
}

static void a_device_key_needs_a_valid_name(void **state)
{
	struct account_call *call = *state;
	struct account_outcome outcome;

	become(call, make(call, "ann"), "s1");
	assert_int_equal(key_create(call, "", &outcome), -ERR_UNPROCESSABLE);
	assert_int_equal(key_create(call, "a\nb", &outcome), -ERR_UNPROCESSABLE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_call(a_device_key_is_valid_until_its_owner_revokes_it),
		with_call(the_use_of_a_device_key_is_written_at_most_once_a_minute),
		with_call(a_device_key_needs_a_valid_name),
	};

	return cmocka_run_group_tests(tests, group_start, group_end);
}
