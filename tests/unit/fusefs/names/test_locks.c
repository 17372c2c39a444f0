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

static void shared_locks_share_and_exclusive_ones_do_not(void **state)
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

static void what_was_unlocked_in_the_middle_is_free_and_the_ends_are_not(void **state)
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

static void ranges_that_touch_become_one(void **state)
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

static void an_owner_changes_the_kind_of_a_part(void **state)
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

static void what_is_in_the_way_is_what_lies_first_not_what_was_set_first(void **state)
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

static void who_waits_gets_it_when_it_is_free(void **state)
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

static void who_gave_up_is_not_waited_for(void **state)
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

static void a_circle_of_two_is_refused(void **state)
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

static void two_who_share_a_flock_and_both_want_it_alone_do_not_wait_for_each_other(void **state)
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

static void the_union_is_what_others_see_whoever_has_it(void **state)
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

static void what_was_asked_for_with_an_open_file_goes_with_it(void **state)
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
		cmocka_unit_test(shared_locks_share_and_exclusive_ones_do_not),
		cmocka_unit_test(what_was_unlocked_in_the_middle_is_free_and_the_ends_are_not),
		cmocka_unit_test(ranges_that_touch_become_one),
		cmocka_unit_test(an_owner_changes_the_kind_of_a_part),
		cmocka_unit_test(what_is_in_the_way_is_what_lies_first_not_what_was_set_first),
		cmocka_unit_test(who_waits_gets_it_when_it_is_free),
		cmocka_unit_test(who_gave_up_is_not_waited_for),
		cmocka_unit_test(a_circle_of_two_is_refused),
		cmocka_unit_test(the_union_is_what_others_see_whoever_has_it),
		cmocka_unit_test(what_was_asked_for_with_an_open_file_goes_with_it),
		cmocka_unit_test(two_who_share_a_flock_and_both_want_it_alone_do_not_wait_for_each_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
