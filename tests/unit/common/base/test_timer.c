#include "common/base/timer.h"

#include "common/base/clock.h"
#include "common/base/cond.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LATER (clock_mono_ns() + 3600 * NS_PER_S)
#define RACES 2000

/* The names of the entries that have fired, in order; guarded by `lock`. */
struct record {
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct timer *timer;
	char fired[64];
	size_t count;
};

struct alarm {
	struct timer_entry entry;
	struct record *record;
	char name;
	bool again; /* when it fires, it tries once to set itself again */
	bool set_again;
};

static void on_fire(struct timer_entry *entry)
{
	struct alarm *a = (struct alarm *)entry;
	struct record *r = a->record;

	if (a->again) {
		a->again = false;
		a->set_again = timer_set(r->timer, entry, 0);
	}
	pthread_mutex_lock(&r->lock);
	r->fired[r->count++ % sizeof(r->fired)] = a->name;
	pthread_cond_signal(&r->more);
	pthread_mutex_unlock(&r->lock);
}

static void await(struct record *r, size_t count)
{
	pthread_mutex_lock(&r->lock);
	while (r->count < count)
		cond_wait_until(&r->more, &r->lock, COND_FOREVER);
	pthread_mutex_unlock(&r->lock);
}

static struct alarm alarm_of(struct record *r, char name)
{
	return (struct alarm){.entry.fire = on_fire, .record = r, .name = name};
}

static int setup(void **state)
{
	struct record *r = calloc(1, sizeof(*r));

	pthread_mutex_init(&r->lock, NULL);
	cond_init(&r->more);
	assert_int_equal(timer_new(&r->timer), 0);
	*state = r;
	return 0;
}

static int teardown(void **state)
{
	struct record *r = *state;

	timer_free(r->timer);
	pthread_cond_destroy(&r->more);
	pthread_mutex_destroy(&r->lock);
	free(r);
	return 0;
}

static void a_timer_entry_fires_but_not_before_its_time(void **state)
{
	struct record *r = *state;
	struct alarm a = alarm_of(r, 'a');
	const int64_t due = clock_mono_ns() + 20 * NS_PER_MS;

	assert_true(timer_set(r->timer, &a.entry, due));
	await(r, 1);
	assert_true(clock_mono_ns() >= due);
	assert_false(timer_cancel(r->timer, &a.entry));
}

static void entries_fire_in_the_order_of_their_times(void **state)
{
	struct record *r = *state;
	struct alarm a = alarm_of(r, 'a'), b = alarm_of(r, 'b'), c = alarm_of(r, 'c'), d = alarm_of(r, 'd');
	const int64_t begin = clock_mono_ns() + 50 * NS_PER_MS;

	timer_set(r->timer, &c.entry, begin + 2);
	timer_set(r->timer, &a.entry, begin);
	timer_set(r->timer, &d.entry, begin + 3);
	timer_set(r->timer, &b.entry, begin + 1);
	await(r, 4);
	assert_memory_equal(r->fired, "abcd", 4);
}

static void an_earlier_entry_does_not_wait_for_a_later_one(void **state)
{
	struct record *r = *state;
	struct alarm late = alarm_of(r, 'l'), soon = alarm_of(r, 's');

	timer_set(r->timer, &late.entry, LATER);
	timer_set(r->timer, &soon.entry, clock_mono_ns());
	await(r, 1);
	assert_int_equal(r->fired[0], 's');
	assert_true(timer_cancel(r->timer, &late.entry));
}

static void an_entry_that_is_set_again_fires_once_at_its_new_time(void **state)
{
	struct record *r = *state;
	struct alarm a = alarm_of(r, 'a'), b = alarm_of(r, 'b');

	timer_set(r->timer, &a.entry, LATER);
	timer_set(r->timer, &b.entry, LATER);
	timer_set(r->timer, &a.entry, 0);
	await(r, 1);
	assert_true(timer_cancel(r->timer, &b.entry));
	timer_set(r->timer, &b.entry, 0);
	await(r, 2);
	assert_memory_equal(r->fired, "ab", 2);
}

static void a_cancelled_entry_does_not_fire(void **state)
{
	struct record *r = *state;
	struct alarm a = alarm_of(r, 'a'), b = alarm_of(r, 'b');

	timer_set(r->timer, &a.entry, LATER);
	assert_true(timer_cancel(r->timer, &a.entry));
	assert_false(timer_cancel(r->timer, &a.entry));
	timer_set(r->timer, &b.entry, 0);
	await(r, 1);
	timer_close(r->timer);
	assert_int_equal(r->fired[0], 'b');
	assert_int_equal(r->count, 1);
}

static void a_closed_timer_fires_its_entries_and_refuses_new_ones(void **state)
{
	struct record *r = *state;
	struct alarm a = alarm_of(r, 'a'), b = alarm_of(r, 'b');

	timer_set(r->timer, &a.entry, LATER);
	timer_close(r->timer);
	await(r, 1);
	assert_false(timer_set(r->timer, &b.entry, 0));
	assert_int_equal(r->count, 1);
}

static void an_entry_may_set_itself_again_until_the_timer_is_closed(void **state)
{
	struct record *r = *state;
	struct alarm a = alarm_of(r, 'a');

	a.again = true;
	timer_set(r->timer, &a.entry, 0);
	await(r, 2);
	assert_true(a.set_again);
	a.again = true;
	timer_set(r->timer, &a.entry, LATER);
	timer_close(r->timer);
	await(r, 3);
	timer_free(r->timer);
	r->timer = NULL;
	assert_false(a.set_again);
	assert_int_equal(r->count, 3);
}

static void freeing_a_timer_fires_its_entries_first(void **state)
{
	struct record *r = *state;
	struct alarm a = alarm_of(r, 'a'), b = alarm_of(r, 'b');

	timer_set(r->timer, &a.entry, LATER);
	timer_set(r->timer, &b.entry, LATER);
	timer_free(r->timer);
	r->timer = NULL;
	assert_int_equal(r->count, 2);
	timer_free(NULL);
}

static void *cancel_always(void *cookie)
{
	struct alarm *a = cookie;
	size_t *cancelled = calloc(1, sizeof(*cancelled));

	for (size_t i = 0; i < RACES; i++)
		*cancelled += timer_cancel(a->record->timer, &a->entry);
	return cancelled;
}

/* One thread sets the entry while another one cancels it: each time the entry either fires or is cancelled,
 * never both and never neither. */
static void an_entry_either_fires_or_is_cancelled(void **state)
{
	struct record *r = *state;
	struct alarm a = alarm_of(r, 'a');
	size_t replaced = 0, *cancelled;
	pthread_t thread;
	void *result;

	assert_int_equal(pthread_create(&thread, NULL, cancel_always, &a), 0);
	for (size_t i = 0; i < RACES; i++) {
		replaced += timer_cancel(r->timer, &a.entry);
		timer_set(r->timer, &a.entry, clock_mono_ns());
	}
	pthread_join(thread, &result);
	cancelled = result;
	timer_free(r->timer);
	r->timer = NULL;
	assert_int_equal(r->count + *cancelled + replaced, RACES);
	free(cancelled);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_timer_entry_fires_but_not_before_its_time, setup, teardown),
		cmocka_unit_test_setup_teardown(entries_fire_in_the_order_of_their_times, setup, teardown),
		cmocka_unit_test_setup_teardown(an_earlier_entry_does_not_wait_for_a_later_one, setup, teardown),
		cmocka_unit_test_setup_teardown(an_entry_that_is_set_again_fires_once_at_its_new_time, setup, teardown),
		cmocka_unit_test_setup_teardown(a_cancelled_entry_does_not_fire, setup, teardown),
		cmocka_unit_test_setup_teardown(a_closed_timer_fires_its_entries_and_refuses_new_ones, setup, teardown),
		cmocka_unit_test_setup_teardown(
			an_entry_may_set_itself_again_until_the_timer_is_closed, setup, teardown),
		cmocka_unit_test_setup_teardown(freeing_a_timer_fires_its_entries_first, setup, teardown),
		cmocka_unit_test_setup_teardown(an_entry_either_fires_or_is_cancelled, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
