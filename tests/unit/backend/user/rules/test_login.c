#include "tests/unit/backend/user/rules/fixture.h"

static int log_in(struct account_call *call, const char *password, struct account_outcome *ret)
{
	become(call, 0, "");
	return login_open(call, "ann", password, ret);
}

static void a_session_token_authenticates_its_user_until_logout(void **state)
{
	struct account_call *call = *state;
	const uint64_t ann = make(call, "ann");
	struct account_outcome session, closed;
	struct user_login found;
	char id[TOKEN_ID_SIZE];

	assert_int_equal(log_in(call, "correct horse", &session), 0);
	assert_int_equal(login_authenticate(call, session.token_text, &found), 0);
	assert_int_equal(found.account.id, ann);
	assert_int_equal(found.token.id, session.token.id);
	token_id_format(USER_SESSION, session.token.id, id);
	become(call, ann, id);
	assert_int_equal(login_close(call, &closed), 0);
	assert_string_equal(closed.forget_token, id);
	assert_int_equal(login_authenticate(call, session.token_text, &found), -ERR_UNAUTHENTICATED);
	assert_int_equal(login_close(call, &closed), -ERR_NOT_FOUND);
}

static void a_wrong_name_and_a_wrong_password_are_refused_alike(void **state)
{
	struct account_call *call = *state;
	const struct user_account bare = {.name = "bare", .name_key = "bare"};
	struct account_outcome outcome;
	char says[ACCOUNT_WHY_SIZE];
	uint64_t id;

	make(call, "ann");
	assert_int_equal(call->store->ops->account_insert(call->store, &bare, &id), 0);
	assert_int_equal(log_in(call, "wrong horse", &outcome), -ERR_UNAUTHENTICATED);
	memcpy(says, call->why, sizeof(says));
	assert_int_equal(login_open(call, "nobody", "wrong horse", &outcome), -ERR_UNAUTHENTICATED);
	assert_string_equal(call->why, says);
	assert_int_equal(login_open(call, "a/b", "wrong horse", &outcome), -ERR_UNAUTHENTICATED);
	assert_string_equal(call->why, says);
	assert_int_equal(login_open(call, "bare", "", &outcome), -ERR_UNAUTHENTICATED);
	assert_string_equal(call->why, says);
}

static void a_session_ends_thirty_days_after_its_last_use(void **state)
{
	struct account_call *call = *state;
	struct account_outcome session;
	struct user_login found;

	make(call, "ann");
	assert_int_equal(log_in(call, "correct horse", &session), 0);
	assert_int_equal(session.token.expires_ns, NOW + SESSION_LIFE_S * NS_PER_S);
	call->now_ns = NOW + (SESSION_RENEW_S - 1) * NS_PER_S;
	assert_int_equal(login_authenticate(call, session.token_text, &found), 0);
	assert_int_equal(found.token.expires_ns, NOW + SESSION_LIFE_S * NS_PER_S);
	call->now_ns = NOW + SESSION_RENEW_S * NS_PER_S;
	assert_int_equal(login_authenticate(call, session.token_text, &found), 0);
	assert_int_equal(found.token.expires_ns, call->now_ns + SESSION_LIFE_S * NS_PER_S);
	call->now_ns += SESSION_LIFE_S * NS_PER_S - 1;
	assert_int_equal(login_authenticate(call, session.token_text, &found), 0);
	call->now_ns += SESSION_LIFE_S * NS_PER_S;
	assert_int_equal(login_authenticate(call, session.token_text, &found), -ERR_UNAUTHENTICATED);
}

static void a_password_change_ends_all_sessions_except_the_current_one(void **state)
{
	struct account_call *call = *state;
	const uint64_t ann = make(call, "ann");
	const struct account_fields fields = {.password = "another horse", .old_password = "correct horse"};
	struct account_outcome own, other, key, changed;
	struct user_login found;
	char id[TOKEN_ID_SIZE];

	assert_int_equal(log_in(call, "correct horse", &own), 0);
	assert_int_equal(log_in(call, "correct horse", &other), 0);
	token_id_format(USER_SESSION, own.token.id, id);
	become(call, ann, id);
	assert_int_equal(key_create(call, "laptop", &key), 0);
	assert_int_equal(account_change(call, ann, &fields, &changed), 0);
	assert_int_equal(login_authenticate(call, own.token_text, &found), 0);
	assert_int_equal(login_authenticate(call, other.token_text, &found), -ERR_UNAUTHENTICATED);
	assert_int_equal(login_authenticate(call, key.token_text, &found), 0);
}

static void a_password_change_with_revoke_also_ends_the_users_other_keys(void **state)
{
	struct account_call *call = *state;
	const uint64_t ann = make(call, "ann"), bob = make(call, "bob");
	struct account_fields fields = {.password = "another horse", .old_password = "correct horse", .revoke = true};
	struct account_outcome session, own, other, of_bob, changed;
	struct user_login found;
	char id[TOKEN_ID_SIZE];

	become(call, bob, "s99");
	assert_int_equal(key_create(call, "laptop", &of_bob), 0);
	assert_int_equal(log_in(call, "correct horse", &session), 0);
	become(call, ann, "s98");
	assert_int_equal(key_create(call, "laptop", &own), 0);
	assert_int_equal(key_create(call, "phone", &other), 0);
	token_id_format(USER_KEY, own.token.id, id);
	become(call, ann, id);
	assert_int_equal(account_change(call, ann, &fields, &changed), 0);
	assert_int_equal(changed.forget_user, ann);
	assert_int_equal(login_authenticate(call, own.token_text, &found), 0);
	assert_int_equal(login_authenticate(call, other.token_text, &found), -ERR_UNAUTHENTICATED);
	assert_int_equal(login_authenticate(call, session.token_text, &found), -ERR_UNAUTHENTICATED);
	assert_int_equal(login_authenticate(call, of_bob.token_text, &found), 0);
	/* An administrator who sets another user's password keeps none of that user's tokens, even if the
	 * number is the same as that of the administrator's own token. */
	become(call, bob, id);
	call->who_is_admin = true;
	assert_int_equal(account_change(call, ann, &fields, &changed), 0);
	assert_int_equal(login_authenticate(call, own.token_text, &found), -ERR_UNAUTHENTICATED);
}

static void revoke_is_refused_without_a_new_password(void **state)
{
	struct account_call *call = *state;
	const uint64_t ann = make(call, "ann");
	const struct account_fields fields = {.name = "anne", .revoke = true};
	struct account_outcome outcome;

	become(call, ann, "s1");
	assert_int_equal(account_change(call, ann, &fields, &outcome), -ERR_UNPROCESSABLE);
	assert_string_equal(call->why, "revoke may only be sent with a new password");
}

static void a_login_fails_when_any_store_operation_fails(void **state)
{
	static const char *const OPERATIONS[] = {
		"account_find", "guess_look", "network_know", "begin", "sessions_trim", "token_insert", "commit"};
	struct account_call *call = *state;
	struct account_outcome outcome;

	make(call, "ann");
	for (size_t i = 0; i < sizeof(OPERATIONS) / sizeof(OPERATIONS[0]); i++) {
		user_mem_fail(call->store, OPERATIONS[i], 1, -ENOTCONN);
		assert_int_equal(log_in(call, "correct horse", &outcome), -ENOTCONN);
		assert_false(user_mem_in_transaction(call->store));
	}
	user_mem_fail(call->store, "guess_failed", 1, -ENOTCONN);
	assert_int_equal(log_in(call, "wrong horse", &outcome), -ENOTCONN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_call(a_session_token_authenticates_its_user_until_logout),
		with_call(a_wrong_name_and_a_wrong_password_are_refused_alike),
		with_call(a_session_ends_thirty_days_after_its_last_use),
		with_call(a_password_change_ends_all_sessions_except_the_current_one),
		with_call(a_password_change_with_revoke_also_ends_the_users_other_keys),
		with_call(revoke_is_refused_without_a_new_password),
		with_call(a_login_fails_when_any_store_operation_fails),
	};

	return cmocka_run_group_tests(tests, group_start, group_end);
}
