#include "common/base/clock.h"
#include "common/http/precondition.h"
#include "gateway/upstream/service_clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define THEN_NS (5000 * NS_PER_S) /* how long the machine has been running */
#define HOUR_S 3600
#define FAR_S 5 /* the most that a busy machine may need between two looks at a clock */

static struct service_clock *c;
static int64_t own_s;

static int set_up(void **state)
{
	(void)state;
	own_s = clock_real_ns() / NS_PER_S;
	return service_clock_new(&c);
}

static int tear_down(void **state)
{
	(void)state;
	service_clock_free(c);
	return 0;
}

static void hear(int64_t unix_s, int64_t boot_ns)
{
	char date[PRECONDITION_DATE_SIZE];

	precondition_format_date(unix_s * NS_PER_S, date);
	service_clock_hear(c, date, boot_ns);
}

static void shows(int64_t unix_s, int64_t boot_ns)
{
	assert_in_range(service_clock_latest_s(c, boot_ns), unix_s, unix_s + FAR_S);
}

static void without_a_valid_date_of_a_service_the_clock_shows_the_local_time(void **state)
{
	(void)state;
	shows(own_s, THEN_NS);
	service_clock_hear(c, NULL, THEN_NS);
	service_clock_hear(c, "tomorrow", THEN_NS);
	shows(own_s, THEN_NS);
	service_clock_free(NULL);
}

static void a_later_date_of_a_service_sets_the_clock_which_then_keeps_running(void **state)
{
	(void)state;
	hear(own_s + HOUR_S, THEN_NS);
	shows(own_s + HOUR_S, THEN_NS);
	shows(own_s + HOUR_S + 100, THEN_NS + 100 * NS_PER_S);
}

static void an_earlier_date_of_a_service_does_not_set_the_clock_back(void **state)
{
	(void)state;
	hear(own_s - HOUR_S, THEN_NS);
	shows(own_s, THEN_NS);
	hear(own_s + HOUR_S, THEN_NS);
	hear(own_s - HOUR_S, THEN_NS + NS_PER_S);
	shows(own_s + HOUR_S, THEN_NS);
}

static void a_date_that_was_ahead_counts_for_10_seconds_and_not_for_11(void **state)
{
	(void)state;
	hear(own_s + HOUR_S, THEN_NS);
	hear(own_s + 10, THEN_NS + 10 * NS_PER_S);
	shows(own_s + HOUR_S + 10, THEN_NS + 10 * NS_PER_S);
	hear(own_s + 11, THEN_NS + 11 * NS_PER_S);
	shows(own_s + 11, THEN_NS + 11 * NS_PER_S);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			without_a_valid_date_of_a_service_the_clock_shows_the_local_time, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_later_date_of_a_service_sets_the_clock_which_then_keeps_running, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			an_earlier_date_of_a_service_does_not_set_the_clock_back, set_up, tear_down),
		cmocka_unit_test_setup_teardown(
			a_date_that_was_ahead_counts_for_10_seconds_and_not_for_11, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
