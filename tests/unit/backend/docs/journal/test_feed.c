#include "backend/docs/journal/feed.h"

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/timer.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

/* A waiter that counts its firings, and lets a test wait for one. */
struct listener {
	struct feed_waiter waiter;
	pthread_mutex_t lock;
	pthread_cond_t fired;
	int changes, timeouts;
};

static void on_fire(struct feed_waiter *waiter, bool changed)
{
	struct listener *l = (struct listener *)waiter;

	pthread_mutex_lock(&l->lock);
	*(changed ? &l->changes : &l->timeouts) += 1;
	pthread_cond_signal(&l->fired);
	pthread_mutex_unlock(&l->lock);
}

static void listener_init(struct listener *l)
{
	memset(l, 0, sizeof(*l));
	l->waiter.fire = on_fire;
	pthread_mutex_init(&l->lock, NULL);
	pthread_cond_init(&l->fired, NULL);
}

static void listener_await(struct listener *l)
{
	pthread_mutex_lock(&l->lock);
	while (l->changes + l->timeouts == 0)
		pthread_cond_wait(&l->fired, &l->lock);
	pthread_mutex_unlock(&l->lock);
}

static int64_t far_away(void)
{
	return clock_mono_ns() + 3600 * NS_PER_S;
}

static struct timer *timer; /* the feed's timer; its tick ends before the feed does */

static int setup(void **state)
{
	struct feed *f;

	assert_int_equal(timer_new(&timer), 0);
	assert_int_equal(feed_new(timer, NULL, &f), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	timer_free(timer);
	feed_free(*state);
	return 0;
}

static void feed_changed_fires_waiters_of_that_drive_only_and_once(void **state)
{
	struct listener one, other;

	listener_init(&one);
	listener_init(&other);
	assert_int_equal(feed_arm(*state, &one.waiter, 1), 0);
	assert_int_equal(feed_arm(*state, &other.waiter, 2), 0);
	feed_wait(*state, &one.waiter, far_away());
	feed_wait(*state, &other.waiter, far_away());
	feed_changed(*state, 1, 0);
	assert_int_equal(one.changes, 1);
	assert_int_equal(other.changes, 0);
	feed_changed(*state, 1, 0);
	assert_int_equal(one.changes, 1);
	assert_true(feed_cancel(*state, &other.waiter));
}

static void a_change_between_arm_and_wait_fires_the_waiter_at_once(void **state)
{
	struct listener l;

	listener_init(&l);
	assert_int_equal(feed_arm(*state, &l.waiter, 1), 0);
	feed_changed(*state, 1, 0);
	assert_int_equal(l.changes, 0);
	feed_wait(*state, &l.waiter, far_away());
	assert_int_equal(l.changes, 1);
}

static void a_change_before_arm_does_not_fire_the_waiter(void **state)
{
	struct listener l;

	listener_init(&l);
	feed_changed(*state, 1, 0);
	assert_int_equal(feed_arm(*state, &l.waiter, 1), 0);
	feed_wait(*state, &l.waiter, far_away());
	assert_int_equal(l.changes, 0);
	assert_true(feed_cancel(*state, &l.waiter));
}

static void arming_a_waiter_again_discards_an_earlier_change(void **state)
{
	struct listener l;

	listener_init(&l);
	assert_int_equal(feed_arm(*state, &l.waiter, 1), 0);
	feed_changed(*state, 1, 0);
	assert_int_equal(feed_arm(*state, &l.waiter, 1), 0);
	feed_wait(*state, &l.waiter, far_away());
	assert_int_equal(l.changes, 0);
	assert_true(feed_cancel(*state, &l.waiter));
}

static void a_mounts_own_change_fires_its_waiter_after_feed_own_ms(void **state)
{
	struct listener own, other;
	const int64_t begun = clock_mono_ns();

	listener_init(&own);
	listener_init(&other);
	own.waiter.session = 7;
	other.waiter.session = 8;
	assert_int_equal(feed_arm(*state, &own.waiter, 1), 0);
	assert_int_equal(feed_arm(*state, &other.waiter, 1), 0);
	feed_changed(*state, 1, 7); /* a change between arming and waiting counts as well */
	feed_wait(*state, &own.waiter, far_away());
	feed_wait(*state, &other.waiter, far_away());
	feed_changed(*state, 1, 7);
	assert_int_equal(other.changes, 1);
	listener_await(&own);
	assert_int_equal(own.changes, 1);
	assert_true(clock_mono_ns() - begun >= FEED_OWN_MS * NS_PER_MS);
}

static void a_change_by_another_session_fires_at_once_after_an_own_change(void **state)
{
	struct listener l;

	listener_init(&l);
	l.waiter.session = 7;
	assert_int_equal(feed_arm(*state, &l.waiter, 1), 0);
	feed_wait(*state, &l.waiter, far_away());
	feed_changed(*state, 1, 7);
	assert_int_equal(l.changes, 0);
	feed_changed(*state, 1, 8);
	assert_int_equal(l.changes, 1);
	assert_int_equal(feed_arm(*state, &l.waiter, 1), 0);
	feed_wait(*state, &l.waiter, far_away());
	feed_changed(*state, 1, 0);
	assert_int_equal(l.changes, 2);
}

static void a_mounts_waiter_fires_at_once_after_many_own_changes(void **state)
{
	struct listener l;

	listener_init(&l);
	l.waiter.session = 7;
	assert_int_equal(feed_arm(*state, &l.waiter, 1), 0);
	feed_wait(*state, &l.waiter, far_away());
	for (int i = 0; i < FEED_OWN_MAX; i++)
		feed_changed(*state, 1, 7);
	assert_int_equal(l.changes, 1);
}

static void a_waiter_fires_at_its_deadline_without_a_change(void **state)
{
	struct listener soon, late;

	listener_init(&soon);
	listener_init(&late);
	assert_int_equal(feed_arm(*state, &late.waiter, 1), 0);
	feed_wait(*state, &late.waiter, far_away());
	assert_int_equal(feed_arm(*state, &soon.waiter, 1), 0);
	feed_wait(*state, &soon.waiter, clock_mono_ns() + NS_PER_MS);
	listener_await(&soon);
	assert_int_equal(soon.timeouts, 1);
	assert_int_equal(soon.changes, 0);
	assert_int_equal(late.timeouts, 0);
	assert_true(feed_cancel(*state, &late.waiter));
}

static void each_of_several_waiters_fires_at_its_own_deadline(void **state)
{
	struct listener l[3];
	const int64_t begun = clock_mono_ns();

	for (int i = 0; i < 3; i++) {
		listener_init(&l[i]);
		assert_int_equal(feed_arm(*state, &l[i].waiter, 1), 0);
		feed_wait(*state, &l[i].waiter, begun + (3 - i) * 2 * NS_PER_MS);
	}
	for (int i = 2; i >= 0; i--) {
		listener_await(&l[i]);
		assert_true(clock_mono_ns() - begun >= (3 - i) * 2 * NS_PER_MS);
	}
}

static void a_cancelled_waiter_never_fires(void **state)
{
	struct listener l;

	listener_init(&l);
	assert_int_equal(feed_arm(*state, &l.waiter, 1), 0);
	assert_false(feed_cancel(*state, &l.waiter)); /* only armed: it still belongs to its owner */
	feed_wait(*state, &l.waiter, far_away());
	assert_true(feed_cancel(*state, &l.waiter));
	assert_false(feed_cancel(*state, &l.waiter));
	feed_changed(*state, 1, 0);
	assert_int_equal(l.changes, 0);
}

static void a_dropped_waiter_never_fires(void **state)
{
	struct listener l;

	listener_init(&l);
	assert_int_equal(feed_arm(*state, &l.waiter, 1), 0);
	feed_drop(*state, &l.waiter);
	feed_drop(*state, &l.waiter);
	feed_changed(*state, 1, 0);
	assert_int_equal(l.changes, 0);
}

static void feed_changed_all_fires_the_waiters_of_every_drive(void **state)
{
	struct listener one, armed;

	listener_init(&one);
	listener_init(&armed);
	assert_int_equal(feed_arm(*state, &one.waiter, 1), 0);
	assert_int_equal(feed_arm(*state, &armed.waiter, 2), 0);
	feed_wait(*state, &one.waiter, far_away());
	feed_changed_all(*state);
	assert_int_equal(one.changes, 1);
	feed_wait(*state, &armed.waiter, far_away());
	assert_int_equal(armed.changes, 1);
}

static void feed_close_ends_current_and_later_waits_at_once(void **state)
{
	struct listener before, after;

	listener_init(&before);
	listener_init(&after);
	assert_int_equal(feed_arm(*state, &before.waiter, 1), 0);
	feed_wait(*state, &before.waiter, far_away());
	assert_false(feed_closed(*state));
	feed_close(*state);
	listener_await(&before);
	assert_int_equal(before.timeouts, 1);
	assert_int_equal(feed_arm(*state, &after.waiter, 1), 0);
	feed_wait(*state, &after.waiter, far_away());
	listener_await(&after);
	assert_int_equal(after.timeouts, 1);
}

static void feed_arm_refuses_a_waiter_above_the_limit(void **state)
{
	struct listener *many = calloc(FEED_WAITERS_MAX + 1, sizeof(*many));

	assert_non_null(many);
	for (size_t i = 0; i < FEED_WAITERS_MAX; i++)
		assert_int_equal(feed_arm(*state, &many[i].waiter, (uint32_t)i % 7 + 1), 0);
	assert_int_equal(feed_arm(*state, &many[FEED_WAITERS_MAX].waiter, 1), -ERR_TOO_MANY);
	for (size_t i = 0; i < FEED_WAITERS_MAX; i++)
		feed_drop(*state, &many[i].waiter);
	free(many);
}

/* Many threads change, wait and cancel at once; each wait must end exactly once. */
struct storm {
	struct feed *feed;
	unsigned seed;
};

static void *storm_main(void *cookie)
{
	struct storm *s = cookie;

	for (int i = 0; i < 2000; i++) {
		struct listener l;
		uint32_t drive = (uint32_t)rand_r(&s->seed) % 3 + 1;

		listener_init(&l);
		assert_int_equal(feed_arm(s->feed, &l.waiter, drive), 0);
		feed_wait(s->feed, &l.waiter, clock_mono_ns() + (rand_r(&s->seed) % 200) * 1000);
		feed_changed(s->feed, (uint32_t)rand_r(&s->seed) % 3 + 1, 0);
		if (feed_cancel(s->feed, &l.waiter)) {
			assert_int_equal(l.changes + l.timeouts, 0);
			continue;
		}
		listener_await(&l);
		assert_int_equal(l.changes + l.timeouts, 1);
	}
	return NULL;
}

static void each_wait_ends_exactly_once_under_concurrent_changes_and_cancels(void **state)
{
	struct storm storms[4];
	pthread_t threads[4];

	for (unsigned i = 0; i < 4; i++) {
		storms[i] = (struct storm){*state, i + 1};
		assert_int_equal(pthread_create(&threads[i], NULL, storm_main, &storms[i]), 0);
	}
	for (unsigned i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
}

#define FEED_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FEED_TEST(feed_changed_fires_waiters_of_that_drive_only_and_once),
		FEED_TEST(a_change_between_arm_and_wait_fires_the_waiter_at_once),
		FEED_TEST(a_change_before_arm_does_not_fire_the_waiter),
		FEED_TEST(arming_a_waiter_again_discards_an_earlier_change),
		FEED_TEST(a_mounts_own_change_fires_its_waiter_after_feed_own_ms),
		FEED_TEST(a_change_by_another_session_fires_at_once_after_an_own_change),
		FEED_TEST(a_mounts_waiter_fires_at_once_after_many_own_changes),
		FEED_TEST(a_waiter_fires_at_its_deadline_without_a_change),
		FEED_TEST(each_of_several_waiters_fires_at_its_own_deadline),
		FEED_TEST(a_cancelled_waiter_never_fires),
		FEED_TEST(a_dropped_waiter_never_fires),
		FEED_TEST(feed_changed_all_fires_the_waiters_of_every_drive),
		FEED_TEST(feed_close_ends_current_and_later_waits_at_once),
		FEED_TEST(feed_arm_refuses_a_waiter_above_the_limit),
		FEED_TEST(each_wait_ends_exactly_once_under_concurrent_changes_and_cancels),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
