/* Accounts that were made before names were folded can still be found. */
#include "backend/user/rules/account_name.h"
#include "backend/user/rules/account_name_backfill.h"
#include "tests/unit/backend/user/rules/fixture.h"

#include <stdio.h>

static uint64_t old(struct account_call *call, const char *name, const char *key)
{
	struct user_account a = {.unfolded = true};
	uint64_t id = 0;

	snprintf(a.name, sizeof(a.name), "%s", name);
	snprintf(a.name_key, sizeof(a.name_key), "%s", key);
	assert_int_equal(password_hash(hasher, "correct horse", a.password), 0);
	assert_int_equal(call->store->ops->account_insert(call->store, &a, &id), 0);
	return id;
}

static uint64_t logs_in(struct account_call *call, const char *name)
{
	struct account_outcome outcome;

	become(call, 0, "");
	return login_open(call, name, "correct horse", &outcome) == 0 ? outcome.account.id : 0;
}

static void after_backfill_old_names_are_found_in_any_spelling(void **state)
{
	struct account_call *call = *state;
	const uint64_t zoe = old(call, "Zoe\xcc\x88", "zoe\xcc\x88"), fine = old(call, "Straße", "straße");

	assert_int_equal(account_name_backfill(call->store), 0);
	assert_int_equal(logs_in(call, "Zoe\xcc\x88"), zoe);
	assert_int_equal(logs_in(call, "ZOË"), zoe);
	assert_int_equal(logs_in(call, "straße"), fine);
	assert_int_equal(logs_in(call, "STRASSE"), fine);
}

static void after_backfill_accounts_with_similar_names_keep_their_names(void **state)
{
	struct account_call *call = *state;
	const uint64_t wide = old(call, "Ｒｏｏｔ", "ｒｏｏｔ"), root = old(call, "root", "root"),
		       bold = old(call, "𝐫𝐨𝐨𝐭", "𝐫𝐨𝐨𝐭");
	const struct account_fields again = {.name = "ＲＯＯＴ", .password = "correct horse"};
	struct account_outcome outcome;

	assert_int_equal(account_name_backfill(call->store), 0);
	assert_int_equal(logs_in(call, "root"), root);
	assert_int_equal(logs_in(call, "ROOT"), root);
	assert_int_equal(logs_in(call, "Ｒｏｏｔ"), wide);
	assert_int_equal(logs_in(call, "𝐫𝐨𝐨𝐭"), bold);
	assert_int_equal(logs_in(call, "ｒｏｏｔ"), root); /* not the exact bytes, so the fold decides */
	become(call, 1000, "");
	call->who_is_admin = true;
	assert_int_equal(account_create(call, &again, &outcome), -ERR_EXISTS);
}

static void backfill_keeps_old_names_that_are_invalid_today(void **state)
{
	struct account_call *call = *state;
	const uint64_t mixed = old(call, "rооt", "rооt"); /* two letters are of another script */

	assert_int_equal(account_name_backfill(call->store), 0);
	assert_int_equal(logs_in(call, "Rооt"), mixed);
	assert_int_equal(logs_in(call, "root"), 0);
}

static void an_interrupted_backfill_is_completed_by_the_next_one(void **state)
{
	struct account_call *call = *state;
	const uint64_t ann = old(call, "Ann", "x-old"), bob = old(call, "Bob", "y-old");

	user_mem_fail(call->store, "account_set_name_key", 2, -ENOTCONN);
	assert_int_equal(account_name_backfill(call->store), -ENOTCONN);
	assert_int_equal(logs_in(call, "ann"), ann);
	assert_int_equal(logs_in(call, "bob"), 0);
	assert_int_equal(account_name_backfill(call->store), 0);
	assert_int_equal(logs_in(call, "bob"), bob);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_call(after_backfill_old_names_are_found_in_any_spelling),
		with_call(after_backfill_accounts_with_similar_names_keep_their_names),
		with_call(backfill_keeps_old_names_that_are_invalid_today),
		with_call(an_interrupted_backfill_is_completed_by_the_next_one),
	};

	return cmocka_run_group_tests(tests, group_start, group_end);
}
