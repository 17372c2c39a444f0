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

static void first_drives_get_finds_nothing_for_an_unknown_user(void **state)
{
	(void)state;
	assert_int_equal(first_drives_get(f, ANNA, THEN), 0);
	assert_int_equal(first_drives_get(f, INT64_MAX, THEN), 0);
	first_drives_forget(f, ANNA);
	first_drives_free(NULL);
}

static void a_first_drive_expires_two_seconds_after_it_was_asked_for(void **state)
{
	(void)state;
	first_drives_put(f, ANNA, 7, THEN);
	assert_int_equal(first_drives_get(f, ANNA, THEN), 7);
	assert_int_equal(first_drives_get(f, ANNA, THEN + BELIEVED_NS - 1), 7);
	assert_int_equal(first_drives_get(f, ANNA, THEN + BELIEVED_NS), 0);
	first_drives_put(f, ANNA, 8, THEN + BELIEVED_NS);
	assert_int_equal(first_drives_get(f, ANNA, THEN + BELIEVED_NS), 8);
}

static void an_older_answer_does_not_replace_a_newer_one(void **state)
{
	(void)state;
	first_drives_put(f, ANNA, 8, THEN + 1);
	first_drives_put(f, ANNA, 7, THEN);
	assert_int_equal(first_drives_get(f, ANNA, THEN + 2), 8);
	first_drives_put(f, ANNA, 9, THEN + 2);
	assert_int_equal(first_drives_get(f, ANNA, THEN + 2), 9);
}

static void a_forgotten_first_drive_is_not_found_until_it_is_put_again(void **state)
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

static void users_that_share_a_place_never_get_each_others_drive(void **state)
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

static void the_table_holds_a_drive_for_as_many_users_as_it_has_places(void **state)
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
		test(first_drives_get_finds_nothing_for_an_unknown_user),
		test(a_first_drive_expires_two_seconds_after_it_was_asked_for),
		test(an_older_answer_does_not_replace_a_newer_one),
		test(a_forgotten_first_drive_is_not_found_until_it_is_put_again),
		test(users_that_share_a_place_never_get_each_others_drive),
		test(the_table_holds_a_drive_for_as_many_users_as_it_has_places),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
