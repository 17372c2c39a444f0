#include "gateway/proxy/flights.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static int64_t now_ns = 5;

static struct flights *new_flights(size_t max, size_t followers)
{
	struct flights *f = NULL;

	assert_int_equal(flights_new(max, followers, &f), 0);
	return f;
}

static enum flights_verdict join(struct flights *f, const char *key, bool may_lead, struct flight_rider *rider)
{
	const struct flights_request request = {.key = span_str(key), .may_lead = may_lead, .now_ns = now_ns};

	return flights_join(f, &request, rider);
}

static void the_first_rider_leads_and_gets_its_followers_when_it_lands(void **state)
{
	struct flights *f = new_flights(4, 4);
	struct flight_rider a = {0}, b = {0}, c = {0}, d = {0};

	(void)state;
	assert_int_equal(join(f, "k", true, &a), FLIGHTS_LEADS);
	assert_int_equal(join(f, "k", true, &b), FLIGHTS_FOLLOWS);
	assert_int_equal(join(f, "k", false, &c), FLIGHTS_FOLLOWS);
	assert_int_equal(join(f, "other", true, &d), FLIGHTS_LEADS);
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
	assert_int_equal(join(f, "k", true, &a), FLIGHTS_LEADS);
	assert_null(flights_land(f, &a));
	assert_int_equal(join(f, "k", true, &b), FLIGHTS_LEADS);
	assert_int_equal(join(f, "k", true, &a), FLIGHTS_FOLLOWS);
	assert_ptr_equal(flights_land(f, &b), &a);
	flights_free(f);
}

static void a_rider_that_may_not_lead_goes_alone_when_there_is_no_flight(void **state)
{
	struct flights *f = new_flights(4, 4);
	struct flight_rider a = {0};

	(void)state;
	assert_int_equal(join(f, "k", false, &a), FLIGHTS_ALONE);
	assert_null(a.flight);
	flights_free(f);
}

static void a_follower_that_left_is_not_in_the_leaders_list(void **state)
{
	struct flights *f = new_flights(4, 4);
	struct flight_rider a = {0}, b = {0}, c = {0};

	(void)state;
	assert_false(flights_leave(f, &a));
	assert_int_equal(join(f, "k", true, &a), FLIGHTS_LEADS);
	assert_false(flights_leave(f, &a)); /* a leader has to call flights_land instead */
	assert_int_equal(join(f, "k", true, &b), FLIGHTS_FOLLOWS);
	assert_int_equal(join(f, "k", true, &c), FLIGHTS_FOLLOWS);
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
	assert_int_equal(join(f, "k", true, &a), FLIGHTS_LEADS);
	assert_int_equal(join(f, "other", true, &b), FLIGHTS_ALONE);
	assert_int_equal(join(f, "k", true, &b), FLIGHTS_FOLLOWS);
	assert_int_equal(join(f, "k", true, &c), FLIGHTS_ALONE);
	assert_true(flights_leave(f, &b));
	assert_int_equal(join(f, "k", true, &c), FLIGHTS_FOLLOWS);
	assert_ptr_equal(flights_land(f, &a), &c);
	assert_int_equal(join(f, "other", true, &a), FLIGHTS_LEADS);
	assert_null(flights_land(f, &a));
	flights_free(f);
}

static void requests_for_a_key_go_alone_for_a_second_after_its_flight_has_parted(void **state)
{
	struct flights *f = new_flights(4, 4);
	struct flight_rider a = {0}, b = {0};

	(void)state;
	now_ns = 5;
	assert_int_equal(join(f, "k", true, &a), FLIGHTS_LEADS);
	assert_int_equal(join(f, "k", true, &b), FLIGHTS_FOLLOWS);
	assert_ptr_equal(flights_part(f, &a, now_ns), &b);
	assert_int_equal(flights_followers(f), 0);
	assert_int_equal(join(f, "k", true, &a), FLIGHTS_ALONE);
	assert_null(a.flight);
	now_ns += FLIGHTS_ALONE_NS - 1;
	assert_int_equal(join(f, "k", true, &a), FLIGHTS_ALONE);
	assert_int_equal(join(f, "other", true, &b), FLIGHTS_LEADS);
	assert_null(flights_land(f, &b));
	now_ns += 1;
	assert_int_equal(join(f, "k", true, &a), FLIGHTS_LEADS);
	assert_null(flights_land(f, &a));
	assert_int_equal(join(f, "k", true, &a), FLIGHTS_LEADS); /* the key is like any other again */
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
		cmocka_unit_test(requests_for_a_key_go_alone_for_a_second_after_its_flight_has_parted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
