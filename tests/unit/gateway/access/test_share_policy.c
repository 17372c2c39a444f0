#include "gateway/access/share_policy.h"

#include "common/base/error.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static int setup(void **state)
{
	struct share_policy *p;

	if (share_policy_new(&p) < 0)
		return -1;
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	share_policy_free(*state);
	return 0;
}

/* Takes as many shares as the policy gives. */
static unsigned take_all(struct share_policy *p, enum share_lane lane, int64_t user, uint64_t part)
{
	const struct share_claim claim = {lane, user, part, 1};
	unsigned count = 0;

	while (share_policy_take(p, &claim) == 0)
		count++;
	return count;
}

static void each_user_may_take_at_most_half_of_what_is_left_of_a_lane(void **state)
{
	assert_int_equal(take_all(*state, SHARE_REQUESTS, 1, 0), SHARE_REQUESTS_MAX / 2);
	assert_int_equal(take_all(*state, SHARE_REQUESTS, 2, 0), SHARE_REQUESTS_MAX / 4);
	assert_int_equal(take_all(*state, SHARE_REQUESTS, 3, 0), SHARE_REQUESTS_MAX / 8);
	assert_int_equal(take_all(*state, SHARE_REQUESTS, 1, 0), 0);
}

static void a_new_user_gets_a_request_share_beside_nine_greedy_users(void **state)
{
	for (int64_t user = 1; user <= 9; user++)
		(void)take_all(*state, SHARE_REQUESTS, user, 0);
	assert_int_equal(share_policy_take(*state, &(struct share_claim){SHARE_REQUESTS, 100, 0, 1}), 0);
}

static void shares_taken_by_4000_greedy_users_stay_within_the_lane(void **state)
{
	for (int64_t user = 1; user <= 4000; user++)
		(void)take_all(*state, SHARE_REQUESTS, user, 0);
	assert_in_range(share_policy_taken(*state, SHARE_REQUESTS), SHARE_REQUESTS_MAX - 10, SHARE_REQUESTS_MAX);
}

static void polls_are_limited_for_each_user_and_for_each_of_the_users_drives(void **state)
{
	assert_int_equal(take_all(*state, SHARE_POLLS, 1, 7), SHARE_POLLS_PER_DRIVE);
	assert_int_equal(take_all(*state, SHARE_POLLS, 1, 8), SHARE_POLLS_PER_USER - SHARE_POLLS_PER_DRIVE);
	assert_int_equal(take_all(*state, SHARE_POLLS, 1, 9), 0);
	assert_int_equal(take_all(*state, SHARE_POLLS, 2, 7), SHARE_POLLS_PER_DRIVE);
}

static void exhausted_polls_leave_room_for_mounts_lock_waits_and_requests(void **state)
{
	(void)take_all(*state, SHARE_POLLS, 1, 7);
	(void)take_all(*state, SHARE_POLLS, 1, 8);
	assert_int_equal(share_policy_take(*state, &(struct share_claim){SHARE_MOUNTS, 1, 3, 1}), 0);
	assert_int_equal(share_policy_take(*state, &(struct share_claim){SHARE_LOCKS, 1, 0, 1}), 0);
	assert_int_equal(share_policy_take(*state, &(struct share_claim){SHARE_REQUESTS, 1, 0, 1}), 0);
}

static void polls_of_mounts_are_limited_for_each_session_separately(void **state)
{
	assert_int_equal(take_all(*state, SHARE_MOUNTS, 1, 3), SHARE_MOUNTS_PER_SESSION);
	assert_int_equal(take_all(*state, SHARE_MOUNTS, 1, 4), SHARE_MOUNTS_PER_SESSION);
}

static void a_share_that_is_given_back_can_be_taken_again(void **state)
{
	const struct share_claim claim = {SHARE_POLLS, 1, 7, 1};

	(void)take_all(*state, SHARE_POLLS, 1, 7);
	share_policy_give_back(*state, &claim);
	assert_int_equal(take_all(*state, SHARE_POLLS, 1, 7), 1);
	for (unsigned i = 0; i < SHARE_POLLS_PER_DRIVE; i++)
		share_policy_give_back(*state, &claim);
	assert_int_equal(share_policy_taken(*state, SHARE_POLLS), 0);
	assert_int_equal(take_all(*state, SHARE_POLLS, 1, 7), SHARE_POLLS_PER_DRIVE);
}

static void body_bytes_taken_in_pieces_can_be_given_back_in_one_step(void **state)
{
	const struct share_claim piece = {SHARE_BODIES, 1, 0, 64u << 20};
	const struct share_claim whole = {SHARE_BODIES, 1, 0, 128u << 20};

	assert_int_equal(share_policy_take(*state, &piece), 0);
	assert_int_equal(share_policy_take(*state, &piece), 0);
	assert_int_equal(share_policy_take(*state, &piece), -ERR_TOO_MANY);
	assert_int_equal(share_policy_take(*state, &(struct share_claim){SHARE_BODIES, 2, 0, 64u << 20}), 0);
	share_policy_give_back(*state, &whole);
	assert_int_equal(share_policy_taken(*state, SHARE_BODIES), 64u << 20);
}

static void a_refused_claim_takes_nothing(void **state)
{
	const struct share_claim much = {SHARE_BODIES, 1, 0, SHARE_BODIES_BYTES};

	assert_int_equal(share_policy_take(*state, &much), -ERR_TOO_MANY);
	assert_int_equal(share_policy_taken(*state, SHARE_BODIES), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_user_may_take_at_most_half_of_what_is_left_of_a_lane),
		TEST(a_new_user_gets_a_request_share_beside_nine_greedy_users),
		TEST(shares_taken_by_4000_greedy_users_stay_within_the_lane),
		TEST(polls_are_limited_for_each_user_and_for_each_of_the_users_drives),
		TEST(exhausted_polls_leave_room_for_mounts_lock_waits_and_requests),
		TEST(polls_of_mounts_are_limited_for_each_session_separately),
		TEST(a_share_that_is_given_back_can_be_taken_again),
		TEST(body_bytes_taken_in_pieces_can_be_given_back_in_one_step),
		TEST(a_refused_claim_takes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
