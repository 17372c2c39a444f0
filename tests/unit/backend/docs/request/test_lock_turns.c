#include "backend/docs/request/lock_turns.h"
#include "common/base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define NOW 1000000000ll
#define LATER (NOW + (LOCK_TURN_MS + 1) * NS_PER_MS)

static struct lock_wait wait_of(int64_t session, int64_t from, int64_t to, bool exclusive)
{
	return (struct lock_wait){.drive = 1, .session = session, .id = 7, .range = {from, to, exclusive}};
}

static int new_turns(void **state)
{
	return lock_turns_new((struct lock_turns **)state);
}

static int free_turns(void **state)
{
	lock_turns_free(*state);
	return 0;
}

static void the_second_of_two_called_waiters_stands_back_for_the_first(void **state)
{
	const struct lock_wait first = wait_of(1, 0, 9, true), second = wait_of(2, 5, 14, true);
	struct lock_turns *t = *state;

	assert_int_equal(lock_turns_join(t, &first, NOW), 0);
	assert_int_equal(lock_turns_join(t, &second, NOW), 0);
	/* A waiter that was not called holds up no other one: it may have to wait for long. */
	assert_false(lock_turns_stands_back(t, &second, NOW));
	lock_turns_called(t, &second, NOW);
	lock_turns_called(t, &first, NOW);
	assert_true(lock_turns_stands_back(t, &second, NOW));
	assert_false(lock_turns_stands_back(t, &first, NOW));
	/* The first waiter looked, and found something else in its way. */
	lock_turns_stays(t, &first);
	assert_false(lock_turns_stands_back(t, &second, NOW));
}

static void only_conflicting_requests_of_other_mounts_wait_for_a_called_waiter(void **state)
{
	const struct lock_wait first = wait_of(1, 0, 9, true), other = wait_of(2, 9, 9, false),
			       beside = wait_of(2, 10, 19, true), same_mount = wait_of(1, 0, 9, false);
	struct lock_wait elsewhere = other;
	struct lock_turns *t = *state;

	elsewhere.id = 8;
	assert_int_equal(lock_turns_join(t, &first, NOW), 0);
	lock_turns_leaves(t, &first, true, NOW);
	assert_true(lock_turns_stands_back(t, &other, NOW));
	assert_false(lock_turns_stands_back(t, &beside, NOW));
	assert_false(lock_turns_stands_back(t, &elsewhere, NOW));
	assert_false(lock_turns_stands_back(t, &same_mount, NOW));
	lock_turns_over(t, &first);
	assert_false(lock_turns_stands_back(t, &other, NOW));
}

static void a_waiter_that_misses_its_turn_blocks_others_only_for_lock_turn_ms(void **state)
{
	const struct lock_wait first = wait_of(1, 0, 9, true), second = wait_of(2, 0, 9, true);
	struct lock_turns *t = *state;

	assert_int_equal(lock_turns_join(t, &first, NOW), 0);
	lock_turns_leaves(t, &first, true, NOW);
	assert_true(lock_turns_stands_back(t, &second, NOW));
	assert_false(lock_turns_stands_back(t, &second, LATER));
}

static void a_waiter_that_asks_again_in_time_keeps_its_place(void **state)
{
	const struct lock_wait first = wait_of(1, 0, 9, true), second = wait_of(2, 0, 9, true);
	struct lock_turns *t = *state;

	assert_int_equal(lock_turns_join(t, &first, NOW), 0);
	assert_int_equal(lock_turns_join(t, &second, NOW), 0);
	lock_turns_leaves(t, &first, false, NOW);
	assert_false(lock_turns_stands_back(t, &second, NOW));
	assert_int_equal(lock_turns_join(t, &first, NOW), 0);
	lock_turns_called(t, &first, NOW);
	assert_true(lock_turns_stands_back(t, &second, NOW));
	/* A waiter that stayed away too long comes last. */
	lock_turns_leaves(t, &first, false, NOW);
	assert_int_equal(lock_turns_join(t, &first, LATER), 0);
	lock_turns_called(t, &first, LATER);
	assert_false(lock_turns_stands_back(t, &second, LATER));
}

static void lock_turns_join_refuses_a_waiter_above_the_limit_of_a_drive(void **state)
{
	struct lock_turns *t = *state;
	struct lock_wait who = wait_of(0, 0, 9, true);

	for (who.session = 1; who.session <= LOCK_WAITERS_PER_DRIVE_MAX; who.session++)
		assert_int_equal(lock_turns_join(t, &who, NOW), 0);
	assert_int_equal(lock_turns_join(t, &who, NOW), -ERR_TOO_MANY);
	who.drive = 2;
	assert_int_equal(lock_turns_join(t, &who, NOW), 0);
	who = wait_of(1, 0, 9, true);
	lock_turns_over(t, &who);
	who.session = LOCK_WAITERS_PER_DRIVE_MAX + 2;
	assert_int_equal(lock_turns_join(t, &who, NOW), 0);
}

#define with_turns(test) cmocka_unit_test_setup_teardown(test, new_turns, free_turns)

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_turns(the_second_of_two_called_waiters_stands_back_for_the_first),
		with_turns(only_conflicting_requests_of_other_mounts_wait_for_a_called_waiter),
		with_turns(a_waiter_that_misses_its_turn_blocks_others_only_for_lock_turn_ms),
		with_turns(a_waiter_that_asks_again_in_time_keeps_its_place),
		with_turns(lock_turns_join_refuses_a_waiter_above_the_limit_of_a_drive),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
