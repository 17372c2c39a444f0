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

static void an_answer_passes_the_fence_when_nothing_was_dropped(void **state)
{
	assert_int_equal(check(*state, DRIVE, 1, 1, fence_now(*state)), FENCE_STANDS);
}

static void an_answer_older_than_the_drop_of_one_of_its_tags_is_refused(void **state)
{
	const uint64_t sent = fence_now(*state);

	drop(*state, 1, 7);
	assert_int_equal(check(*state, DRIVE, 1, 6, sent), FENCE_DROPPED);
	assert_int_equal(check(*state, DRIVE, 2, 6, sent), FENCE_STANDS);
}

static void an_answer_that_saw_a_change_passes_although_it_was_requested_before(void **state)
{
	const uint64_t sent = fence_now(*state);

	drop(*state, 1, 7);
	assert_int_equal(check(*state, DRIVE, 1, 7, sent), FENCE_STANDS);
}

static void a_drop_at_an_earlier_position_does_not_replace_a_later_one(void **state)
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

static void an_answer_requested_before_a_forgotten_drop_is_refused_for_any_tag(void **state)
{
	const uint64_t sent = fence_now(*state);

	drop_many(*state);
	assert_int_equal(check(*state, DRIVE, 1000000, 100, sent), FENCE_FORGOTTEN);
	assert_int_equal(check(*state, DRIVE, 1000000, 1, fence_now(*state)), FENCE_STANDS);
}

static void an_answer_older_than_a_drop_is_refused_even_if_the_drop_is_forgotten(void **state)
{
	const uint64_t sent = fence_now(*state);

	drop_many(*state);
	for (uint64_t key = 1; key <= 2 * FENCE_SLOTS_MIN; key++)
		assert_int_not_equal(check(*state, DRIVE, key, 6, sent), FENCE_STANDS);
}

static void dropping_one_tag_10000_times_makes_the_fence_forget_nothing(void **state)
{
	const uint64_t sent = fence_now(*state);

	for (int64_t seq = 1; seq <= 10000; seq++)
		drop(*state, 1, seq);
	assert_int_equal(check(*state, DRIVE, 2, 0, sent), FENCE_STANDS);
}

static void an_answer_requested_before_its_drive_was_forgotten_is_refused(void **state)
{
	const uint64_t sent = fence_now(*state);

	fence_forget(*state, DRIVE);
	assert_int_equal(check(*state, DRIVE, 1, 100, sent), FENCE_FORGOTTEN);
	assert_int_equal(check(*state, OTHER_DRIVE, 1, 100, sent), FENCE_STANDS);
	assert_int_equal(check(*state, DRIVE, 1, 1, fence_now(*state)), FENCE_STANDS);
}

static void drops_before_a_drive_was_forgotten_do_not_refuse_later_answers(void **state)
{
	drop(*state, 1, 100);
	fence_forget(*state, DRIVE);
	assert_int_equal(check(*state, DRIVE, 1, 5, fence_now(*state)), FENCE_STANDS);
	drop(*state, 1, 6);
	/* The higher position is remembered: too much is refused, never too little. */
	assert_int_equal(check(*state, DRIVE, 1, 5, fence_now(*state)), FENCE_DROPPED);
}

static void an_answer_requested_before_the_floor_was_raised_is_refused(void **state)
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
		test(an_answer_passes_the_fence_when_nothing_was_dropped),
		test(an_answer_older_than_the_drop_of_one_of_its_tags_is_refused),
		test(an_answer_that_saw_a_change_passes_although_it_was_requested_before),
		test(a_drop_at_an_earlier_position_does_not_replace_a_later_one),
		test(an_answer_requested_before_a_forgotten_drop_is_refused_for_any_tag),
		test(an_answer_older_than_a_drop_is_refused_even_if_the_drop_is_forgotten),
		test(dropping_one_tag_10000_times_makes_the_fence_forget_nothing),
		test(an_answer_requested_before_its_drive_was_forgotten_is_refused),
		test(drops_before_a_drive_was_forgotten_do_not_refuse_later_answers),
		test(an_answer_requested_before_the_floor_was_raised_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
