#include "common/base/cond.h"

#include "common/base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

struct gate {
	pthread_mutex_t lock;
	pthread_cond_t wake;
	bool open;
};

static struct gate gate;

static int setup(void **state)
{
	(void)state;
	gate.open = false;
	pthread_mutex_init(&gate.lock, NULL);
	cond_init(&gate.wake);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	pthread_cond_destroy(&gate.wake);
	pthread_mutex_destroy(&gate.lock);
	return 0;
}

static void *open_gate(void *cookie)
{
	(void)cookie;
	pthread_mutex_lock(&gate.lock);
	gate.open = true;
	pthread_cond_signal(&gate.wake);
	pthread_mutex_unlock(&gate.lock);
	return NULL;
}

/* On any other clock than the monotonic one, this time would be long past or would never come. */
static void a_wait_lasts_until_its_deadline_on_the_monotonic_clock(void **state)
{
	const int64_t until = clock_mono_ns() + 20 * NS_PER_MS;

	(void)state;
	pthread_mutex_lock(&gate.lock);
	while (cond_wait_until(&gate.wake, &gate.lock, until))
		;
	pthread_mutex_unlock(&gate.lock);
	assert_true(clock_mono_ns() >= until);
}

static void a_wait_with_a_past_deadline_reports_a_timeout(void **state)
{
	(void)state;
	pthread_mutex_lock(&gate.lock);
	assert_false(cond_wait_until(&gate.wake, &gate.lock, 0));
	pthread_mutex_unlock(&gate.lock);
}

static void assert_signal_wakes_waiter(int64_t until_ns)
{
	pthread_t thread;
	bool in_time = true, opened;

	pthread_mutex_lock(&gate.lock);
	assert_int_equal(pthread_create(&thread, NULL, open_gate, NULL), 0);
	while (!gate.open && in_time)
		in_time = cond_wait_until(&gate.wake, &gate.lock, until_ns);
	opened = gate.open; /* when the wait ended: after the join it is open in any case */
	pthread_mutex_unlock(&gate.lock);
	pthread_join(thread, NULL);
	assert_true(in_time);
	assert_true(opened);
}

static void a_signal_ends_a_wait_with_a_deadline(void **state)
{
	(void)state;
	assert_signal_wakes_waiter(clock_mono_ns() + 3600 * NS_PER_S);
}

static void a_signal_ends_a_wait_without_a_deadline(void **state)
{
	(void)state;
	assert_signal_wakes_waiter(COND_FOREVER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_wait_lasts_until_its_deadline_on_the_monotonic_clock, setup, teardown),
		cmocka_unit_test_setup_teardown(a_wait_with_a_past_deadline_reports_a_timeout, setup, teardown),
		cmocka_unit_test_setup_teardown(a_signal_ends_a_wait_with_a_deadline, setup, teardown),
		cmocka_unit_test_setup_teardown(a_signal_ends_a_wait_without_a_deadline, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
