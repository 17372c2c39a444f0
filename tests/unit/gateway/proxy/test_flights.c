#include "gateway/proxy/flights.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define KEY(text) span_of(text, sizeof(text) - 1)

static struct flights *new_flights(size_t max, size_t followers)
{
	struct flights *f = NULL;

	assert_int_equal(flights_new(max, followers, &f), 0);
	return f;
}

static void the_first_rider_leads_and_gets_its_followers_when_it_lands(void **state)
{
	struct flights *f = new_flights(4, 4);
	struct flight_rider a = {0}, b = {0}, c = {0}, d = {0};

	(void)state;
	assert_int_equal(flights_join(f, KEY("k"), true, &a), FLIGHTS_LEADS);
	assert_int_equal(flights_join(f, KEY("k"), true, &b), FLIGHTS_FOLLOWS);
	assert_int_equal(flights_join(f, KEY("k"), false, &c), FLIGHTS_FOLLOWS);
	assert_int_equal(flights_join(f, KEY("other"), true, &d), FLIGHTS_LEADS);
	assert_int_equal(flights_followers(f), 2);
	struct flight_rider *list = flights_land(f, &a);
	assert_ptr_equal(list, &b);
	assert_ptr_equal(list->next, &c);
	assert_null(c.next);
	assert_false(a.leads);
	assert_int_equal(flights_followers(f), 0);
	assert_null(flights_land(f, &d));
	flights_free(f);
}

static void a_rider_that_joins_after_the_landing_leads_a_new_flight(void **state)
{
	struct flights *f = new_flights(4, 4);
	struct flight_rider a = {0}, b = {0};

	(void)state;
	assert_int_equal(flights_join(f, KEY("k"), true, &a), FLIGHTS_LEADS);
	assert_null(flights_land(f, &a));
	assert_int_equal(flights_join(f, KEY("k"), true, &b), FLIGHTS_LEADS);
	assert_int_equal(flights_join(f, KEY("k"), true, &a), FLIGHTS_FOLLOWS);
	assert_ptr_equal(flights_land(f, &b), &a);
	flights_free(f);
}

static void a_rider_that_may_not_lead_goes_alone_when_there_is_no_flight(void **state)
{
	struct flights *f = new_flights(4, 4);
	struct flight_rider a = {0};

	(void)state;
	assert_int_equal(flights_join(f, KEY("k"), false, &a), FLIGHTS_ALONE);
	assert_null(a.flight);
	flights_free(f);
}

static void a_follower_that_left_is_not_in_the_leaders_list(void **state)
{
	struct flights *f = new_flights(4, 4);
	struct flight_rider a = {0}, b = {0}, c = {0};

	(void)state;
	assert_false(flights_leave(f, &a));
	assert_int_equal(flights_join(f, KEY("k"), true, &a), FLIGHTS_LEADS);
	assert_false(flights_leave(f, &a)); /* a leader has to call flights_land instead */
	assert_int_equal(flights_join(f, KEY("k"), true, &b), FLIGHTS_FOLLOWS);
	assert_int_equal(flights_join(f, KEY("k"), true, &c), FLIGHTS_FOLLOWS);
	assert_true(flights_leave(f, &b));
	assert_false(flights_leave(f, &b));
	assert_ptr_equal(flights_land(f, &a), &c);
	assert_false(flights_leave(f, &c)); /* flights_land has given it to the leader */
	flights_free(f);
}

static void a_rider_goes_alone_when_flights_or_followers_are_at_their_limit(void **state)
{
	struct flights *f = new_flights(1, 1);
	struct flight_rider a = {0}, b = {0}, c = {0};

	(void)state;
	assert_int_equal(flights_join(f, KEY("k"), true, &a), FLIGHTS_LEADS);
	assert_int_equal(flights_join(f, KEY("other"), true, &b), FLIGHTS_ALONE);
	assert_int_equal(flights_join(f, KEY("k"), true, &b), FLIGHTS_FOLLOWS);
	assert_int_equal(flights_join(f, KEY("k"), true, &c), FLIGHTS_ALONE);
	assert_true(flights_leave(f, &b));
	assert_int_equal(flights_join(f, KEY("k"), true, &c), FLIGHTS_FOLLOWS);
	assert_ptr_equal(flights_land(f, &a), &c);
	assert_int_equal(flights_join(f, KEY("other"), true, &a), FLIGHTS_LEADS);
	assert_null(flights_land(f, &a));
	flights_free(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_rider_leads_and_gets_its_followers_when_it_lands),
		cmocka_unit_test(a_rider_that_joins_after_the_landing_leads_a_new_flight),
		cmocka_unit_test(a_rider_that_may_not_lead_goes_alone_when_there_is_no_flight),
		cmocka_unit_test(a_follower_that_left_is_not_in_the_leaders_list),
		cmocka_unit_test(a_rider_goes_alone_when_flights_or_followers_are_at_their_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
