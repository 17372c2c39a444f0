#include "fusefs/names/locks.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static struct lock range(uint64_t owner, int64_t start, int64_t end, bool exclusive)
{
	return (struct lock){.owner = owner, .start = start, .end = end, .exclusive = exclusive};
}

static int set(struct locks *l, uint64_t owner, int64_t start, int64_t end, bool exclusive)
{
	struct lock k = range(owner, start, end, exclusive);

	return locks_set(l, &k);
}

static void shared_locks_coexist_and_exclusive_locks_conflict(void **state)
{
	struct locks l;

	(void)state;
	locks_init(&l, true);
	assert_int_equal(set(&l, 1, 0, 9, false), 0);
	assert_int_equal(set(&l, 2, 5, 14, false), 0);
	assert_int_equal(set(&l, 3, 9, 9, true), -EAGAIN);
	assert_int_equal(set(&l, 3, 15, 20, true), 0);
	assert_int_equal(set(&l, 1, 20, 30, false), -EAGAIN);
	locks_fini(&l);
}

static void unlocking_the_middle_of_a_range_leaves_both_ends_locked(void **state)
{
	struct locks l;

	(void)state;
	locks_init(&l, true);
	assert_int_equal(set(&l, 1, 0, 99, true), 0);
	assert_int_equal(locks_unset(&l, 1, 40, 49), 0);
	assert_int_equal(set(&l, 2, 40, 49, true), 0);
	assert_int_equal(set(&l, 2, 39, 39, true), -EAGAIN);
	assert_int_equal(set(&l, 2, 50, 50, true), -EAGAIN);
	locks_fini(&l);
}

static void adjacent_ranges_of_one_owner_are_joined_into_one(void **state)
{
	struct locks l;

	(void)state;
	locks_init(&l, true);
	for (int64_t i = 0; i < 100; i++)
		assert_int_equal(set(&l, 1, i, i, true), 0);
	assert_int_equal(l.count, 1);
	assert_int_equal(set(&l, 1, 100, INT64_MAX, true), 0);
	assert_int_equal(l.count, 1);
	locks_fini(&l);
}

static void an_owner_can_convert_a_part_of_its_exclusive_lock_to_shared(void **state)
{
	struct locks l;

	(void)state;
	locks_init(&l, true);
	assert_int_equal(set(&l, 1, 0, 99, true), 0);
	assert_int_equal(set(&l, 1, 10, 19, false), 0);
	assert_int_equal(set(&l, 2, 10, 19, false), 0);
	assert_int_equal(set(&l, 2, 9, 9, false), -EAGAIN);
	locks_fini(&l);
}

static void locks_test_returns_the_first_conflicting_range_not_the_oldest(void **state)
{
	struct lock all = range(2, 0, INT64_MAX, true), reader = range(2, 0, INT64_MAX, false);
	struct locks l;

	(void)state;
	locks_init(&l, true);
	assert_int_equal(set(&l, 1, 10, 14, true), 0);
	assert_int_equal(set(&l, 1, 1, 5, false), 0);
	assert_int_equal(set(&l, 3, 7, 8, true), 0);
	assert_int_equal(locks_test(&l, &all)->start, 1);
	assert_int_equal(locks_test(&l, &all)->end, 5);
	assert_false(locks_test(&l, &all)->exclusive);
	/* A shared lock does not conflict with a shared lock. */
	assert_int_equal(locks_test(&l, &reader)->start, 7);
	assert_int_equal(locks_unset(&l, 1, 0, 8), 0);
	assert_int_equal(locks_unset(&l, 3, 0, 8), 0);
	assert_int_equal(locks_test(&l, &all)->start, 10);
	locks_fini(&l);
}

static void locks_next_returns_a_waiter_once_its_range_is_free(void **state)
{
	struct lock w = range(2, 0, 9, true);
	struct locks l;
	int me;

	(void)state;
	locks_init(&l, true);
	assert_int_equal(set(&l, 1, 0, 9, true), 0);
	w.waiter = &me;
	assert_int_equal(locks_wait(&l, &w), 0);
	assert_null(locks_next(&l));
	assert_int_equal(locks_unset(&l, 1, 0, 9), 0);
	assert_ptr_equal(locks_next(&l), &me);
	assert_null(locks_next(&l));
	assert_true(locks_empty(&l)); /* the waiter has to ask again */
	locks_fini(&l);
}

static void locks_next_does_not_return_a_cancelled_waiter(void **state)
{
	struct lock w = range(2, 0, 9, true);
	struct locks l;
	int me;

	(void)state;
	locks_init(&l, true);
	assert_int_equal(set(&l, 1, 0, 9, true), 0);
	w.waiter = &me;
	assert_int_equal(locks_wait(&l, &w), 0);
	assert_true(locks_cancel(&l, &me));
	assert_false(locks_cancel(&l, &me));
	assert_int_equal(locks_unset(&l, 1, 0, INT64_MAX), 0);
	assert_null(locks_next(&l));
	assert_true(locks_empty(&l));
	locks_fini(&l);
}

static void a_wait_that_would_make_two_owners_deadlock_is_refused(void **state)
{
	struct lock first = range(1, 10, 19, true), second = range(2, 0, 9, true);
	struct locks l;
	int me;

	(void)state;
	locks_init(&l, true);
	assert_int_equal(set(&l, 1, 0, 9, true), 0);
	assert_int_equal(set(&l, 2, 10, 19, true), 0);
	first.waiter = &me;
	assert_int_equal(locks_wait(&l, &first), 0);
	assert_int_equal(locks_wait(&l, &second), -EDEADLK);
	assert_true(locks_cancel(&l, &me));
	locks_fini(&l);
}

static void two_owners_of_a_shared_flock_can_both_wait_to_make_it_exclusive(void **state)
{
	struct lock first = range(1, 0, INT64_MAX, true), second = range(2, 0, INT64_MAX, true);
	struct locks l;
	int one, two;

	(void)state;
	locks_init(&l, false);
	assert_int_equal(set(&l, 1, 0, INT64_MAX, false), 0);
	assert_int_equal(set(&l, 2, 0, INT64_MAX, false), 0);
	first.waiter = &one;
	second.waiter = &two;
	assert_int_equal(locks_wait(&l, &first), 0); /* the lock that it had is given up */
	assert_null(locks_next(&l));
	assert_int_equal(locks_wait(&l, &second), 0);
	assert_ptr_equal(locks_next(&l), &one);
	assert_ptr_equal(locks_next(&l), &two);
	locks_fini(&l);
}

static void locks_union_joins_the_ranges_of_all_owners_by_kind(void **state)
{
	struct store_lock_range *list = NULL;
	struct locks l, copy;
	size_t count = 0;

	(void)state;
	locks_init(&l, true);
	assert_int_equal(set(&l, 1, 10, 19, false), 0);
	assert_int_equal(set(&l, 2, 15, 29, false), 0);
	assert_int_equal(set(&l, 3, 30, 39, false), 0);
	assert_int_equal(set(&l, 4, 40, 49, true), 0);
	assert_int_equal(set(&l, 5, 50, INT64_MAX, true), 0);
	assert_int_equal(set(&l, 6, 0, 0, true), 0);
	assert_int_equal(locks_copy(&l, &copy), 0);
	locks_fini(&l);
	assert_int_equal(locks_union(&copy, &list, &count), 0);
	assert_int_equal(count, 3);
	assert_int_equal(list[0].from, 0);
	assert_int_equal(list[0].to, 0);
	assert_int_equal(list[1].from, 10);
	assert_int_equal(list[1].to, 39);
	assert_false(list[1].exclusive);
	assert_int_equal(list[2].from, 40);
	assert_int_equal(list[2].to, INT64_MAX);
	assert_true(list[2].exclusive);
	free(list);
	locks_fini(&copy);
}

static void locks_unset_via_removes_only_the_locks_of_one_open_file(void **state)
{
	struct lock first = range(1, 0, 9, true), second = range(1, 20, 29, true);
	struct locks l;

	(void)state;
	first.via = 7;
	second.via = 8;
	locks_init(&l, true);
	assert_int_equal(locks_set(&l, &first), 0);
	assert_int_equal(locks_set(&l, &second), 0);
	assert_true(locks_has_via(&l, 7));
	locks_unset_via(&l, 7);
	assert_false(locks_has_via(&l, 7));
	assert_true(locks_has_owner(&l, 1));
	assert_int_equal(set(&l, 2, 0, 9, true), 0);
	assert_int_equal(set(&l, 2, 20, 29, true), -EAGAIN);
	locks_fini(&l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shared_locks_coexist_and_exclusive_locks_conflict),
		cmocka_unit_test(unlocking_the_middle_of_a_range_leaves_both_ends_locked),
		cmocka_unit_test(adjacent_ranges_of_one_owner_are_joined_into_one),
		cmocka_unit_test(an_owner_can_convert_a_part_of_its_exclusive_lock_to_shared),
		cmocka_unit_test(locks_test_returns_the_first_conflicting_range_not_the_oldest),
		cmocka_unit_test(locks_next_returns_a_waiter_once_its_range_is_free),
		cmocka_unit_test(locks_next_does_not_return_a_cancelled_waiter),
		cmocka_unit_test(a_wait_that_would_make_two_owners_deadlock_is_refused),
		cmocka_unit_test(locks_union_joins_the_ranges_of_all_owners_by_kind),
		cmocka_unit_test(locks_unset_via_removes_only_the_locks_of_one_open_file),
		cmocka_unit_test(two_owners_of_a_shared_flock_can_both_wait_to_make_it_exclusive),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
