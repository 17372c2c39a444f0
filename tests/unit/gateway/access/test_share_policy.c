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

static void the_first_user_takes_half_of_a_lane_and_each_next_half_of_the_rest(void **state)
{
	assert_int_equal(take_all(*state, SHARE_REQUESTS, 1, 0), SHARE_REQUESTS_MAX / 2);
	assert_int_equal(take_all(*state, SHARE_REQUESTS, 2, 0), SHARE_REQUESTS_MAX / 4);
	assert_int_equal(take_all(*state, SHARE_REQUESTS, 3, 0), SHARE_REQUESTS_MAX / 8);
	assert_int_equal(take_all(*state, SHARE_REQUESTS, 1, 0), 0);
}

static void a_user_with_little_finds_room_however_many_are_greedy(void **state)
{
	for (int64_t user = 1; user <= 9; user++)
		(void)take_all(*state, SHARE_REQUESTS, user, 0);
	assert_int_equal(share_policy_take(*state, &(struct share_claim){SHARE_REQUESTS, 100, 0, 1}), 0);
}

static void a_lane_never_takes_more_than_it_has(void **state)
{
	for (int64_t user = 1; user <= 4000; user++)
		(void)take_all(*state, SHARE_REQUESTS, user, 0);
	assert_in_range(share_policy_taken(*state, SHARE_REQUESTS), SHARE_REQUESTS_MAX - 10, SHARE_REQUESTS_MAX);
}

static void polls_of_a_user_and_of_one_of_its_drives_have_limits(void **state)
{
	assert_int_equal(take_all(*state, SHARE_POLLS, 1, 7), SHARE_POLLS_PER_DRIVE);
	assert_int_equal(take_all(*state, SHARE_POLLS, 1, 8), SHARE_POLLS_PER_USER - SHARE_POLLS_PER_DRIVE);
	assert_int_equal(take_all(*state, SHARE_POLLS, 1, 9), 0);
	assert_int_equal(take_all(*state, SHARE_POLLS, 2, 7), SHARE_POLLS_PER_DRIVE);
}

static void polls_keep_away_neither_a_mount_nor_its_lock_waits_nor_requests(void **state)
{
	(void)take_all(*state, SHARE_POLLS, 1, 7);
	(void)take_all(*state, SHARE_POLLS, 1, 8);
	assert_int_equal(share_policy_take(*state, &(struct share_claim){SHARE_MOUNTS, 1, 3, 1}), 0);
	assert_int_equal(share_policy_take(*state, &(struct share_claim){SHARE_LOCKS, 1, 0, 1}), 0);
	assert_int_equal(share_policy_take(*state, &(struct share_claim){SHARE_REQUESTS, 1, 0, 1}), 0);
}

static void one_session_has_few_polls_and_leaves_room_for_the_next(void **state)
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

static void bytes_are_taken_by_the_piece_and_given_back_at_once(void **state)
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
		TEST(the_first_user_takes_half_of_a_lane_and_each_next_half_of_the_rest),
		TEST(a_user_with_little_finds_room_however_many_are_greedy),
		TEST(a_lane_never_takes_more_than_it_has),
		TEST(polls_of_a_user_and_of_one_of_its_drives_have_limits),
		TEST(polls_keep_away_neither_a_mount_nor_its_lock_waits_nor_requests),
		TEST(one_session_has_few_polls_and_leaves_room_for_the_next),
		TEST(a_share_that_is_given_back_can_be_taken_again),
		TEST(bytes_are_taken_by_the_piece_and_given_back_at_once),
		TEST(a_refused_claim_takes_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
