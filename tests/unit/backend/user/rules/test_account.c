#include "tests/unit/backend/user/rules/fixture.h"

#include <stdio.h>

static void creating_an_account_needs_an_administrator_or_open_registration(void **state)
{
	struct account_call *call = *state;
	const struct account_fields fields = {.name = "ann", .password = "correct horse"};
	struct account_outcome outcome;

	become(call, 0, "");
	assert_int_equal(account_create(call, &fields, &outcome), -ERR_UNAUTHENTICATED);
	become(call, 5, "s1");
	assert_int_equal(account_create(call, &fields, &outcome), -ERR_FORBIDDEN);
	call->open_registration = true;
	become(call, 0, "");
	assert_int_equal(account_create(call, &fields, &outcome), 0);
	assert_string_equal(outcome.account.name, "ann");
	assert_false(outcome.account.admin);
}

static void account_names_are_unique_regardless_of_case(void **state)
{
	struct account_call *call = *state;
	struct account_outcome outcome;
	const struct account_fields again = {.name = "ANN", .password = "correct horse"};

	make(call, "Ann");
	assert_int_equal(account_create(call, &again, &outcome), -ERR_EXISTS);
	assert_false(user_mem_in_transaction(call->store));
}

static void a_refused_account_names_the_missing_or_wrong_field(void **state)
{
	static const struct {
		struct account_fields fields;
		const char *says;
	} WRONG[] = {
		{{.password = "correct horse"}, "name is missing: an account must have one"},
		{{.name = "ann"}, "password is missing: an account must have one"},
		{{.name = "ann", .password = "short"}, "8 to 1024 bytes"},
		{{.name = "a/b", .password = "correct horse"}, "letters"},
		{{.name = "ann", .password = "correct horse", .email = "none"}, "email"},
	};
	struct account_outcome outcome;

	for (size_t i = 0; i < sizeof(WRONG) / sizeof(WRONG[0]); i++) {
		struct account_call *call = *state;
		assert_int_equal(account_create(call, &WRONG[i].fields, &outcome), -ERR_UNPROCESSABLE);
		assert_non_null(strstr(call->why, WRONG[i].says));
	}
}

static void a_password_over_1024_bytes_is_refused(void **state)
{
	char password[1026];
	struct account_outcome outcome;
	const struct account_fields fields = {.name = "ann", .password = password};

	memset(password, 'x', sizeof(password));
	password[1025] = '\0';
	assert_int_equal(account_create(*state, &fields, &outcome), -ERR_UNPROCESSABLE);
	password[1024] = '\0';
	assert_int_equal(account_create(*state, &fields, &outcome), 0);
}

static void a_user_can_see_and_change_only_their_own_account(void **state)
{
	struct account_call *call = *state;
	const uint64_t ann = make(call, "ann"), bob = make(call, "bob");
	const struct account_fields fields = {.name = "eve"};
	struct account_outcome outcome;
	struct user_account account;
	size_t count;

	become(call, ann, "s1");
	assert_int_equal(account_read(call, ann, &account), 0);
	assert_int_equal(account_read(call, bob, &account), -ERR_USER_NOT_FOUND);
	char says[64];
	snprintf(says, sizeof(says), "User with id:%d not found", (int)bob);
	assert_string_equal(call->why, says);
	assert_int_equal(account_change(call, bob, &fields, &outcome), -ERR_USER_NOT_FOUND);
	assert_int_equal(account_delete(call, bob, &outcome), -ERR_USER_NOT_FOUND);
	assert_int_equal(account_list(call, 0, 1, &account, &count), -ERR_FORBIDDEN);
	assert_int_equal(account_find(call, "bob", &account), -ERR_FORBIDDEN);
	become(call, 0, "");
	assert_int_equal(account_read(call, 0, &account), -ERR_USER_NOT_FOUND);
}

static void only_an_administrator_can_make_an_administrator(void **state)
{
	struct account_call *call = *state;
	const uint64_t ann = make(call, "ann");
	const bool yes = true;
	const struct account_fields fields = {.admin = &yes};
	const struct account_fields new_admin = {.name = "eve", .password = "correct horse", .admin = &yes};
	struct account_outcome outcome;

	become(call, ann, "s1");
	assert_int_equal(account_change(call, ann, &fields, &outcome), -ERR_FORBIDDEN);
	call->open_registration = true;
	assert_int_equal(account_create(call, &new_admin, &outcome), -ERR_FORBIDDEN);
	call->who_is_admin = true;
	assert_int_equal(account_change(call, ann, &fields, &outcome), 0);
	assert_true(outcome.account.admin);
	assert_int_equal(outcome.forget_user, ann);
}

static void changing_a_password_requires_the_old_password(void **state)
{
	struct account_call *call = *state;
	const uint64_t ann = make(call, "ann");
	struct account_fields fields = {.password = "another horse"};
	struct account_outcome outcome;

	become(call, ann, "k1");
	assert_int_equal(account_change(call, ann, &fields, &outcome), -ERR_UNPROCESSABLE);
	fields.old_password = "wrong horse";
	assert_int_equal(account_change(call, ann, &fields, &outcome), -ERR_FORBIDDEN);
	fields.old_password = "correct horse";
	assert_int_equal(account_change(call, ann, &fields, &outcome), 0);
	assert_int_equal(password_verify(hasher, outcome.account.password, "another horse"), 0);
	assert_int_equal(outcome.forget_user, ann);
}

static void after_too_many_wrong_old_passwords_a_change_has_to_wait(void **state)
{
	struct account_call *call = *state;
	const uint64_t ann = make(call, "ann");
	struct account_fields fields = {.password = "another horse", .old_password = "wrong horse"};
	struct account_outcome outcome;

	become(call, ann, "k1");
	for (int i = 0; i < GUESS_FREE + 1; i++)
		assert_int_equal(account_change(call, ann, &fields, &outcome), -ERR_FORBIDDEN);
	fields.old_password = "correct horse";
	assert_int_equal(account_change(call, ann, &fields, &outcome), -ERR_TOO_MANY);
	assert_int_equal(call->wait_ns, NS_PER_S);
}

static void an_account_without_a_password_sets_one_without_an_old_password(void **state)
{
	struct account_call *call = *state;
	const struct user_account row = {.name = "root", .name_key = "root", .admin = true};
	const struct account_fields fields = {.password = "correct horse"};
	struct account_outcome outcome;
	uint64_t id;

	assert_int_equal(call->store->ops->account_insert(call->store, &row, &id), 0);
	become(call, id, "k1");
	assert_int_equal(account_change(call, id, &fields, &outcome), 0);
	assert_int_equal(password_verify(hasher, outcome.account.password, "correct horse"), 0);
}

static void change_password_elsewhere(struct user_store *s, void *cookie)
{
	struct user_account a;

	assert_int_equal(s->ops->account_get(s, *(uint64_t *)cookie, false, &a), 0);
	strcpy(a.password, "set by another");
	assert_int_equal(s->ops->account_update(s, &a), 0);
}

static void a_concurrent_second_password_change_is_refused(void **state)
{
	struct account_call *call = *state;
	uint64_t ann = make(call, "ann");
	const struct account_fields fields = {.password = "another horse", .old_password = "correct horse"};
	struct account_outcome outcome;
	struct user_account account;

	become(call, ann, "s1");
	user_mem_before(call->store, "begin", change_password_elsewhere, &ann);
	assert_int_equal(account_change(call, ann, &fields, &outcome), -ERR_UNAVAILABLE);
	assert_int_equal(account_read(call, ann, &account), 0);
	assert_string_equal(account.password, "set by another");
}

static void a_change_keeps_the_fields_that_it_does_not_name(void **state)
{
	struct account_call *call = *state;
	const uint64_t ann = make(call, "ann");
	const struct account_fields email = {.email = "ann@example.org"}, name = {.name = "Anne"}, none = {.email = ""};
	struct account_outcome outcome;

	become(call, ann, "s1");
	assert_int_equal(account_change(call, ann, &email, &outcome), 0);
	assert_int_equal(outcome.forget_user, 0);
	assert_int_equal(account_change(call, ann, &name, &outcome), 0);
	assert_string_equal(outcome.account.name, "Anne");
	assert_string_equal(outcome.account.email, "ann@example.org");
	assert_int_equal(account_change(call, ann, &none, &outcome), 0);
	assert_string_equal(outcome.account.email, "");
	assert_int_equal(password_verify(hasher, outcome.account.password, "correct horse"), 0);
}

static void deleting_a_user_frees_the_name_and_records_the_deletion(void **state)
{
	struct account_call *call = *state;
	const uint64_t ann = make(call, "ann");
	struct account_outcome outcome;
	struct user_deletion note;
	size_t count = 0;

	become(call, ann, "s1");
	assert_int_equal(account_delete(call, ann, &outcome), 0);
	assert_int_equal(outcome.forget_user, ann);
	assert_int_equal(call->store->ops->deletion_list(call->store, 0, 1, &note, &count), 0);
	assert_int_equal(count, 1);
	assert_int_equal(note.user_id, ann);
	assert_int_equal(note.at_ns, NOW);
	assert_int_equal(account_delete(call, ann, &outcome), -ERR_USER_NOT_FOUND);
	assert_int_not_equal(make(call, "ANN"), ann);
}

static void the_latest_setup_token_creates_one_administrator_once(void **state)
{
	struct account_call *call = *state;
	char token[TOKEN_TEXT_SIZE], old[TOKEN_TEXT_SIZE];
	const struct account_fields fields = {.name = "root", .password = "correct horse"};
	struct account_outcome outcome;

	become(call, 0, "");
	assert_int_equal(account_setup(call, "npt_guess", &fields, &outcome), -ERR_FORBIDDEN);
	assert_int_equal(account_setup_token(call, old), 0);
	assert_int_equal(account_setup_token(call, token), 0);
	assert_int_equal(account_setup(call, old, &fields, &outcome), -ERR_FORBIDDEN);
	assert_int_equal(account_setup(call, token, &fields, &outcome), 0);
	assert_true(outcome.account.admin);
	assert_int_equal(account_setup(call, token, &fields, &outcome), -ERR_FORBIDDEN);
	assert_int_equal(account_setup_token(call, token), -ERR_EXISTS);
}

/* A guessed token costs no hashing: it is refused even without a hasher. */
static void a_wrong_setup_token_is_refused_before_any_hashing(void **state)
{
	struct account_call *call = *state;
	const struct account_fields fields = {.name = "root", .password = "correct horse"};
	struct account_outcome outcome;

	become(call, 0, "");
	call->hasher = NULL;
	assert_int_equal(account_setup(call, "npt_guess", &fields, &outcome), -ERR_FORBIDDEN);
}

static void a_taken_name_is_refused_before_any_hashing(void **state)
{
	struct account_call *call = *state;
	const struct account_fields again = {.name = "ANN", .password = "correct horse"};
	struct account_outcome outcome;

	make(call, "Ann");
	call->hasher = NULL;
	assert_int_equal(account_create(call, &again, &outcome), -ERR_EXISTS);
}

static void a_setup_token_is_refused_once_there_is_a_user(void **state)
{
	struct account_call *call = *state;
	char token[TOKEN_TEXT_SIZE];
	const struct account_fields fields = {.name = "root", .password = "correct horse"};
	struct account_outcome outcome;

	assert_int_equal(account_setup_token(call, token), 0);
	make(call, "ann");
	assert_int_equal(account_setup(call, token, &fields, &outcome), -ERR_FORBIDDEN);
}

static int refuse_to_seal(void *cookie, const struct account_outcome *outcome)
{
	(void)cookie;
	(void)outcome;
	return -EIO;
}

static void a_deletion_is_rolled_back_if_its_answer_cannot_be_kept(void **state)
{
	struct account_call *call = *state;
	const uint64_t ann = make(call, "ann");
	struct account_outcome outcome;
	struct user_account account;

	call->seal = refuse_to_seal;
	assert_int_equal(account_delete(call, ann, &outcome), -EIO);
	assert_int_equal(account_read(call, ann, &account), 0);
	assert_false(user_mem_in_transaction(call->store));
}

/* Reads all that a mutation could change. */
static void look(struct account_call *call, struct user_account ret[4])
{
	size_t count = 0;

	memset(ret, 0, 4 * sizeof(ret[0]));
	assert_int_equal(call->store->ops->account_list(call->store, &(struct user_page){0, 4}, ret, &count), 0);
}

static int mutate(struct account_call *call, unsigned kind, uint64_t id)
{
	static const bool NO = false;
	const struct account_fields fields = {
		.name = "new", .password = "another horse", .admin = &NO, .revoke = kind == 1};
	struct account_outcome outcome;

	switch (kind) {
	case 0:
		return account_create(call, &fields, &outcome);
	case 1:
		return account_change(call, id, &fields, &outcome);
	default:
		return account_delete(call, id, &outcome);
	}
}

/* Makes one operation fail in one mutation, on a store of its own. Returns false when the mutation does not
 * use it. */
static bool fails_cleanly(unsigned kind, const char *operation)
{
	struct account_call *call = NULL;
	struct user_account before[4], after[4];

	if (call_new((void **)&call) != 0 || !call) {
		fail();
		return false;
	}
	const uint64_t ann = make(call, "ann");
	look(call, before);
	user_mem_fail(call->store, operation, 1, -ENOTCONN);
	const int r = mutate(call, kind, ann);
	assert_true(r == 0 || r == -ENOTCONN);
	assert_false(user_mem_in_transaction(call->store));
	user_mem_fail(call->store, "none", 1, 0);
	look(call, after);
	if (r < 0)
		assert_memory_equal(before, after, sizeof(before));
	assert_int_equal(call_free((void **)&call), 0);
	return r < 0;
}

static void a_failure_of_any_store_operation_rolls_the_mutation_back(void **state)
{
	static const char *const OPERATIONS[] = {"begin", "account_insert", "account_get", "account_update",
		"sessions_delete", "keys_delete", "admins_lock", "account_delete", "commit"};
	unsigned failures = 0;

	(void)state;
	for (unsigned kind = 0; kind < 3; kind++)
		for (size_t i = 0; i < sizeof(OPERATIONS) / sizeof(OPERATIONS[0]); i++)
			failures += fails_cleanly(kind, OPERATIONS[i]);
	assert_int_equal(failures, 3 + 7 + 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_call(creating_an_account_needs_an_administrator_or_open_registration),
		with_call(account_names_are_unique_regardless_of_case),
		with_call(a_refused_account_names_the_missing_or_wrong_field),
		with_call(a_password_over_1024_bytes_is_refused),
		with_call(a_user_can_see_and_change_only_their_own_account),
		with_call(only_an_administrator_can_make_an_administrator),
		with_call(changing_a_password_requires_the_old_password),
		with_call(after_too_many_wrong_old_passwords_a_change_has_to_wait),
		with_call(an_account_without_a_password_sets_one_without_an_old_password),
		with_call(a_concurrent_second_password_change_is_refused),
		with_call(a_change_keeps_the_fields_that_it_does_not_name),
		with_call(deleting_a_user_frees_the_name_and_records_the_deletion),
		with_call(the_latest_setup_token_creates_one_administrator_once),
		with_call(a_wrong_setup_token_is_refused_before_any_hashing),
		with_call(a_taken_name_is_refused_before_any_hashing),
		with_call(a_setup_token_is_refused_once_there_is_a_user),
		with_call(a_deletion_is_rolled_back_if_its_answer_cannot_be_kept),
		cmocka_unit_test(a_failure_of_any_store_operation_rolls_the_mutation_back),
	};

	return cmocka_run_group_tests(tests, group_start, group_end);
}
