#include "gateway/cache/fence.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#define DRIVE 11u
#define OTHER_DRIVE 12u

static int set_up(void **state)
{
	struct fence *f;

	assert_int_equal(fence_new(FENCE_SLOTS_MIN, &f), 0);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	fence_free(*state);
	return 0;
}

static void drop(struct fence *f, uint64_t key, int64_t seq)
{
	fence_drop(f, &key, 1, seq);
}

static enum fence_verdict check(struct fence *f, uint64_t drive, uint64_t key, int64_t seq, uint64_t sent)
{
	const uint64_t keys[] = {drive, key};

	return fence_check(f, keys, 2, seq, sent);
}

static void an_answer_stands_when_nothing_was_dropped(void **state)
{
	assert_int_equal(check(*state, DRIVE, 1, 1, fence_now(*state)), FENCE_STANDS);
}

static void an_answer_from_before_the_drop_of_one_of_its_tags_does_not_stand(void **state)
{
	const uint64_t sent = fence_now(*state);

	drop(*state, 1, 7);
	assert_int_equal(check(*state, DRIVE, 1, 6, sent), FENCE_DROPPED);
	assert_int_equal(check(*state, DRIVE, 2, 6, sent), FENCE_STANDS);
}

static void an_answer_that_saw_the_change_stands_although_it_was_asked_for_before(void **state)
{
	const uint64_t sent = fence_now(*state);

	drop(*state, 1, 7);
	assert_int_equal(check(*state, DRIVE, 1, 7, sent), FENCE_STANDS);
}

static void of_two_drops_the_later_position_counts_in_whatever_order_they_come(void **state)
{
	drop(*state, 1, 9);
	drop(*state, 1, 7);
	assert_int_equal(check(*state, DRIVE, 1, 8, fence_now(*state)), FENCE_DROPPED);
}

/* Drops twice as many keys as there is room for, beginning with key 1. */
static void drop_many(struct fence *f)
{
	for (uint64_t key = 1; key <= 2 * FENCE_SLOTS_MIN; key++)
		drop(f, key, 7);
}

static void what_was_asked_for_before_a_forgotten_drop_does_not_stand_whatever_it_was_made_from(void **state)
{
	const uint64_t sent = fence_now(*state);

	drop_many(*state);
	assert_int_equal(check(*state, DRIVE, 1000000, 100, sent), FENCE_FORGOTTEN);
	assert_int_equal(check(*state, DRIVE, 1000000, 1, fence_now(*state)), FENCE_STANDS);
}

static void no_late_answer_slips_through_by_being_forgotten(void **state)
{
	const uint64_t sent = fence_now(*state);

	drop_many(*state);
	for (uint64_t key = 1; key <= 2 * FENCE_SLOTS_MIN; key++)
		assert_int_not_equal(check(*state, DRIVE, key, 6, sent), FENCE_STANDS);
}

static void a_tag_that_is_dropped_again_and_again_makes_nothing_be_forgotten(void **state)
{
	const uint64_t sent = fence_now(*state);

	for (int64_t seq = 1; seq <= 10000; seq++)
		drop(*state, 1, seq);
	assert_int_equal(check(*state, DRIVE, 2, 0, sent), FENCE_STANDS);
}

static void what_was_asked_for_before_its_drive_was_forgotten_does_not_stand(void **state)
{
	const uint64_t sent = fence_now(*state);

	fence_forget(*state, DRIVE);
	assert_int_equal(check(*state, DRIVE, 1, 100, sent), FENCE_FORGOTTEN);
	assert_int_equal(check(*state, OTHER_DRIVE, 1, 100, sent), FENCE_STANDS);
	assert_int_equal(check(*state, DRIVE, 1, 1, fence_now(*state)), FENCE_STANDS);
}

static void positions_from_before_a_drive_was_forgotten_do_not_count_for_its_next_life(void **state)
{
	drop(*state, 1, 100);
	fence_forget(*state, DRIVE);
	assert_int_equal(check(*state, DRIVE, 1, 5, fence_now(*state)), FENCE_STANDS);
	drop(*state, 1, 6);
	/* The higher position is remembered: too much is refused, never too little. */
	assert_int_equal(check(*state, DRIVE, 1, 5, fence_now(*state)), FENCE_DROPPED);
}

static void after_the_floor_was_raised_nothing_stands_that_was_asked_for_before(void **state)
{
	const uint64_t sent = fence_now(*state);

	fence_raise(*state);
	assert_int_equal(check(*state, DRIVE, 1, 100, sent), FENCE_FORGOTTEN);
	assert_int_equal(check(*state, DRIVE, 1, 100, fence_now(*state)), FENCE_STANDS);
}

#define test(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(an_answer_stands_when_nothing_was_dropped),
		test(an_answer_from_before_the_drop_of_one_of_its_tags_does_not_stand),
		test(an_answer_that_saw_the_change_stands_although_it_was_asked_for_before),
		test(of_two_drops_the_later_position_counts_in_whatever_order_they_come),
		test(what_was_asked_for_before_a_forgotten_drop_does_not_stand_whatever_it_was_made_from),
		test(no_late_answer_slips_through_by_being_forgotten),
		test(a_tag_that_is_dropped_again_and_again_makes_nothing_be_forgotten),
		test(what_was_asked_for_before_its_drive_was_forgotten_does_not_stand),
		test(positions_from_before_a_drive_was_forgotten_do_not_count_for_its_next_life),
		test(after_the_floor_was_raised_nothing_stands_that_was_asked_for_before),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
