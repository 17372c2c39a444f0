#include "gateway/proxy/first_drives.h"

#include "common/base/clock.h"
#include "common/base/limits.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define THEN (1000 * NS_PER_S)
#define BELIEVED_NS (RING_HOME_BELIEVED_MS * NS_PER_MS)
#define ANNA 5

static struct first_drives *f;

static int set_up(void **state)
{
	(void)state;
	return first_drives_new(&f);
}

static int tear_down(void **state)
{
	(void)state;
	first_drives_free(f);
	return 0;
}

static void nothing_is_known_of_whom_nobody_asked_about(void **state)
{
	(void)state;
	assert_int_equal(first_drives_get(f, ANNA, THEN), 0);
	assert_int_equal(first_drives_get(f, INT64_MAX, THEN), 0);
	first_drives_forget(f, ANNA);
	first_drives_free(NULL);
}

static void what_was_said_is_believed_for_a_while_from_before_it_was_asked(void **state)
{
	(void)state;
	first_drives_put(f, ANNA, 7, THEN);
	assert_int_equal(first_drives_get(f, ANNA, THEN), 7);
	assert_int_equal(first_drives_get(f, ANNA, THEN + BELIEVED_NS - 1), 7);
	assert_int_equal(first_drives_get(f, ANNA, THEN + BELIEVED_NS), 0);
	first_drives_put(f, ANNA, 8, THEN + BELIEVED_NS);
	assert_int_equal(first_drives_get(f, ANNA, THEN + BELIEVED_NS), 8);
}

static void an_older_answer_that_comes_late_does_not_count(void **state)
{
	(void)state;
	first_drives_put(f, ANNA, 8, THEN + 1);
	first_drives_put(f, ANNA, 7, THEN);
	assert_int_equal(first_drives_get(f, ANNA, THEN + 2), 8);
	first_drives_put(f, ANNA, 9, THEN + 2);
	assert_int_equal(first_drives_get(f, ANNA, THEN + 2), 9);
}

static void what_is_forgotten_is_asked_again(void **state)
{
	(void)state;
	first_drives_put(f, ANNA, 7, THEN);
	first_drives_put(f, ANNA + 1, 3, THEN);
	first_drives_forget(f, ANNA);
	assert_int_equal(first_drives_get(f, ANNA, THEN), 0);
	assert_int_equal(first_drives_get(f, ANNA + 1, THEN), 3);
	first_drives_put(f, ANNA, 8, THEN);
	assert_int_equal(first_drives_get(f, ANNA, THEN), 8);
}

static void who_shares_a_place_is_never_given_the_drive_of_the_other(void **state)
{
	const int64_t other = ANNA + FIRST_DRIVES_MAX;

	(void)state;
	first_drives_put(f, ANNA, 7, THEN);
	assert_int_equal(first_drives_get(f, other, THEN), 0);
	first_drives_forget(f, other);
	assert_int_equal(first_drives_get(f, ANNA, THEN), 7);
	first_drives_put(f, other, 8, THEN);
	assert_int_equal(first_drives_get(f, other, THEN), 8);
	assert_int_equal(first_drives_get(f, ANNA, THEN), 0);
}

static void as_many_users_are_known_as_there_are_places(void **state)
{
	(void)state;
	for (int64_t user = 1; user <= FIRST_DRIVES_MAX; user++)
		first_drives_put(f, user, (uint32_t)user + 1, THEN);
	for (int64_t user = 1; user <= FIRST_DRIVES_MAX; user++)
		assert_int_equal(first_drives_get(f, user, THEN), user + 1);
}

#define test(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(nothing_is_known_of_whom_nobody_asked_about),
		test(what_was_said_is_believed_for_a_while_from_before_it_was_asked),
		test(an_older_answer_that_comes_late_does_not_count),
		test(what_is_forgotten_is_asked_again),
		test(who_shares_a_place_is_never_given_the_drive_of_the_other),
		test(as_many_users_are_known_as_there_are_places),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
