#include "gateway/access/under_way.h"

#include "common/base/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define S 1000000000ll

struct request {
	struct under_way_entry entry; /* must be first */
	bool going;		      /* it is about to be removed */
	int holds, ends, error;
};

static bool hold(struct under_way_entry *entry)
{
	struct request *r = (struct request *)entry;

	r->holds += !r->going;
	return !r->going;
}

static void end(struct under_way_entry *entry, int error)
{
	struct request *r = (struct request *)entry;

	assert_int_equal(r->holds, 1);
	r->ends++;
	r->error = error;
}

static int setup(void **state)
{
	static const struct under_way_ops ops = {hold, end};
	struct under_way *u;

	if (under_way_new(&ops, &u) < 0)
		return -1;
	*state = u;
	return 0;
}

static int teardown(void **state)
{
	under_way_free(*state);
	return 0;
}

static void add(struct under_way *u, struct request *r, int64_t user, const char *id, int64_t asked_ns)
{
	struct token_identity identity = {.user = user, .asked_ns = asked_ns};

	memset(r, 0, sizeof(*r));
	(void)snprintf(identity.token_id, sizeof(identity.token_id), "%s", id);
	assert_int_equal(under_way_add(u, &r->entry, &identity, span_str(id)), 0);
}

static void the_end_of_a_token_ends_its_requests_and_no_others(void **state)
{
	struct request mine[2], other, yours;

	add(*state, &mine[0], 5, "k1", 1 * S);
	add(*state, &mine[1], 5, "k1", 1 * S);
	add(*state, &other, 5, "k2", 1 * S);
	add(*state, &yours, 6, "s1", 1 * S);
	under_way_end(*state, "k1", -ERR_UNAUTHENTICATED);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(mine[i].ends, 1);
		assert_int_equal(mine[i].error, -ERR_UNAUTHENTICATED);
		assert_false(under_way_is_confirmed(*state, &mine[i].entry, 0));
	}
	assert_int_equal(other.ends + yours.ends, 0);
	under_way_end(*state, "k1", -ERR_UNAUTHENTICATED);
	assert_int_equal(mine[0].ends, 1);
	under_way_remove(*state, &mine[0].entry);
	under_way_remove(*state, &mine[1].entry);
	under_way_remove(*state, &other.entry);
	under_way_remove(*state, &yours.entry);
}

static void a_request_that_is_being_removed_is_not_ended_with_its_token(void **state)
{
	struct request r;

	add(*state, &r, 5, "k1", 1 * S);
	r.going = true;
	under_way_end(*state, "k1", -ERR_UNAUTHENTICATED);
	assert_int_equal(r.ends, 0);
	under_way_remove(*state, &r.entry);
}

static void a_token_is_asked_about_once_when_its_confirmation_is_too_old(void **state)
{
	struct request r, young;
	struct under_way_doubt doubt, another;

	add(*state, &r, 5, "k1", 1 * S);
	add(*state, &young, 5, "k2", 9 * S);
	assert_true(under_way_next_doubt(*state, 5 * S, &doubt));
	assert_string_equal(doubt.token_id, "k1");
	assert_string_equal(doubt.token, "k1");
	assert_int_equal(doubt.confirmed_ns, 1 * S);
	assert_false(under_way_next_doubt(*state, 5 * S, &another));
	under_way_asked(*state, "k1", 8 * S);
	assert_true(under_way_is_confirmed(*state, &r.entry, 8 * S));
	assert_false(under_way_next_doubt(*state, 8 * S, &another));
	under_way_remove(*state, &r.entry);
	under_way_remove(*state, &young.entry);
}

static void a_newer_request_with_the_same_token_confirms_the_older_one(void **state)
{
	struct request old, fresh;
	struct under_way_doubt doubt;

	add(*state, &old, 5, "k1", 1 * S);
	add(*state, &fresh, 5, "k1", 9 * S);
	assert_true(under_way_is_confirmed(*state, &old.entry, 9 * S));
	assert_false(under_way_next_doubt(*state, 5 * S, &doubt));
	under_way_remove(*state, &old.entry);
	under_way_remove(*state, &fresh.entry);
}

static void a_token_without_a_verdict_is_asked_about_again_and_not_confirmed(void **state)
{
	struct request r;
	struct under_way_doubt doubt;

	add(*state, &r, 5, "k1", 1 * S);
	assert_true(under_way_next_doubt(*state, 5 * S, &doubt));
	under_way_asked(*state, "k1", 0);
	assert_false(under_way_is_confirmed(*state, &r.entry, 5 * S));
	assert_true(under_way_next_doubt(*state, 5 * S, &doubt));
	under_way_remove(*state, &r.entry);
}

static void after_a_change_of_a_user_only_later_answers_confirm_the_users_tokens(void **state)
{
	struct request r, late;
	struct under_way_doubt doubt;

	add(*state, &r, 5, "k1", 9 * S);
	add(*state, &late, 6, "k2", 9 * S);
	under_way_doubt_user(*state, 5, 10 * S);
	assert_false(under_way_is_confirmed(*state, &r.entry, 1));
	assert_true(under_way_is_confirmed(*state, &late.entry, 1));
	under_way_remove(*state, &late.entry);
	/* A request that was let in by an older answer about the token. */
	add(*state, &late, 5, "k1", 9 * S);
	assert_false(under_way_is_confirmed(*state, &late.entry, 1));
	assert_true(under_way_next_doubt(*state, 5 * S, &doubt));
	under_way_asked(*state, "k1", 11 * S);
	assert_true(under_way_is_confirmed(*state, &r.entry, 11 * S));
	under_way_remove(*state, &r.entry);
	under_way_remove(*state, &late.entry);
}

static void the_answer_to_a_question_before_a_change_of_the_user_confirms_nothing(void **state)
{
	struct request r;
	struct under_way_doubt doubt;

	add(*state, &r, 5, "k1", 1 * S);
	assert_true(under_way_next_doubt(*state, 5 * S, &doubt));
	under_way_doubt_user(*state, 5, 7 * S);
	assert_true(under_way_next_doubt(*state, 5 * S, &doubt));
	under_way_asked(*state, "k1", 6 * S); /* the answer to the first question */
	assert_false(under_way_is_confirmed(*state, &r.entry, 1));
	under_way_remove(*state, &r.entry);
}

static void a_request_without_a_user_always_counts_as_confirmed(void **state)
{
	struct request r = {0};

	assert_true(under_way_is_confirmed(*state, &r.entry, 100 * S));
	under_way_remove(*state, &r.entry);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_end_of_a_token_ends_its_requests_and_no_others),
		TEST(a_request_that_is_being_removed_is_not_ended_with_its_token),
		TEST(a_token_is_asked_about_once_when_its_confirmation_is_too_old),
		TEST(a_newer_request_with_the_same_token_confirms_the_older_one),
		TEST(a_token_without_a_verdict_is_asked_about_again_and_not_confirmed),
		TEST(after_a_change_of_a_user_only_later_answers_confirm_the_users_tokens),
		TEST(the_answer_to_a_question_before_a_change_of_the_user_confirms_nothing),
		TEST(a_request_without_a_user_always_counts_as_confirmed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
