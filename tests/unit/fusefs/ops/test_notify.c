#include "fusefs/ops/notify.h"
#include "common/base/clock.h"
#include "common/base/cond.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define FOLDERS 16
#define DEADLINE_S 10 /* only reached when something hangs */

/* A kernel in which calls for folders with a number below `locked` wait, and those for content while `holds`. */
struct kernel {
	struct notify *notify;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	uint64_t locked;
	bool holds;
	unsigned entries, attributes, contents, dones, waiting, at_once[FOLDERS], most[FOLDERS];
	char last[16];
};

static void entry(void *cookie, uint64_t folder, struct span name)
{
	struct kernel *k = cookie;

	pthread_mutex_lock(&k->lock);
	k->at_once[folder]++;
	if (k->at_once[folder] > k->most[folder])
		k->most[folder] = k->at_once[folder];
	k->waiting++;
	pthread_cond_broadcast(&k->changed);
	while (folder < k->locked)
		pthread_cond_wait(&k->changed, &k->lock);
	k->waiting--;
	k->at_once[folder]--;
	k->entries++;
	(void)snprintf(k->last, sizeof(k->last), "%s", name.data);
	pthread_cond_broadcast(&k->changed);
	pthread_mutex_unlock(&k->lock);
}

static void count(struct kernel *k, unsigned *what)
{
	pthread_mutex_lock(&k->lock);
	(*what)++;
	pthread_cond_broadcast(&k->changed);
	pthread_mutex_unlock(&k->lock);
}

static void attributes(void *cookie, uint64_t node)
{
	struct kernel *k = cookie;

	(void)node;
	count(k, &k->attributes);
}

static void content(void *cookie, uint64_t node)
{
	struct kernel *k = cookie;

	(void)node;
	pthread_mutex_lock(&k->lock);
	k->waiting++;
	pthread_cond_broadcast(&k->changed);
	while (k->holds)
		pthread_cond_wait(&k->changed, &k->lock);
	k->waiting--;
	pthread_mutex_unlock(&k->lock);
	count(k, &k->contents);
}

/* Waits until *what is wanted; fails after DEADLINE_S. */
static void await(struct kernel *k, const unsigned *what, unsigned wanted)
{
	const int64_t until_ns = clock_mono_ns() + DEADLINE_S * NS_PER_S;

	pthread_mutex_lock(&k->lock);
	while (*what != wanted && cond_wait_until(&k->changed, &k->lock, until_ns))
		;
	assert_int_equal(*what, wanted);
	pthread_mutex_unlock(&k->lock);
}

static void lock_folders(struct kernel *k, uint64_t below)
{
	pthread_mutex_lock(&k->lock);
	k->locked = below;
	pthread_cond_broadcast(&k->changed);
	pthread_mutex_unlock(&k->lock);
}

static void hold_content(struct kernel *k, bool holds)
{
	pthread_mutex_lock(&k->lock);
	k->holds = holds;
	pthread_cond_broadcast(&k->changed);
	pthread_mutex_unlock(&k->lock);
}

static int setup(void **state)
{
	static const struct notify_calls calls = {entry, attributes, content};
	struct kernel *k = calloc(1, sizeof(*k));

	pthread_mutex_init(&k->lock, NULL);
	cond_init(&k->changed);
	assert_int_equal(notify_new(&k->notify), 0);
	notify_entry(k->notify, 1, span_str("nobody is told")); /* not attached yet: dropped, and not counted as lost */
	assert_int_equal(notify_lost(k->notify), 0);
	notify_attach_calls(k->notify, &calls, k);
	*state = k;
	return 0;
}

static int teardown(void **state)
{
	struct kernel *k = *state;

	lock_folders(k, 0);
	notify_free(k->notify);
	pthread_cond_destroy(&k->changed);
	pthread_mutex_destroy(&k->lock);
	free(k);
	return 0;
}

static void a_notice_of_content_does_not_wait_for_notices_of_names(void **state)
{
	struct kernel *k = *state;

	lock_folders(k, FOLDERS); /* all folders, so that every thread for names waits */
	for (uint64_t folder = 1; folder < FOLDERS; folder++)
		notify_entry(k->notify, folder, span_str("new"));
	await(k, &k->waiting, NOTIFY_THREADS);
	notify_content(k->notify, 7);
	await(k, &k->contents, 1);
	notify_attributes(k->notify, 8);
	await(k, &k->attributes, 1);
	assert_int_equal(k->entries, 0);
	lock_folders(k, 0);
	await(k, &k->entries, FOLDERS - 1);
}

static void a_notice_of_a_name_does_not_wait_for_another_folder_that_is_busy(void **state)
{
	struct kernel *k = *state;
	char name[16];

	lock_folders(k, 2); /* folder 1 */
	for (int i = 0; i < 1000; i++) {
		(void)snprintf(name, sizeof(name), "f%d", i);
		notify_entry(k->notify, 1, span_str(name));
	}
	notify_entry(k->notify, 2, span_str("elsewhere"));
	await(k, &k->entries, 1);
	assert_string_equal(k->last, "elsewhere");
	lock_folders(k, 0);
	await(k, &k->entries, 1001);
	assert_int_equal(k->most[1], 1); /* never more than one thread at a time for a folder */
	assert_string_equal(k->last, "f999");
}

static void a_notice_that_is_still_queued_is_not_queued_twice(void **state)
{
	struct kernel *k = *state;

	lock_folders(k, 2);
	notify_entry(k->notify, 1, span_str("a"));
	await(k, &k->waiting, 1);
	for (int i = 0; i < 100; i++) {
		notify_entry(k->notify, 1, span_str("a")); /* again: the call in flight may be too early for this one */
		notify_entry(k->notify, 1, span_str("b"));
	}
	lock_folders(k, 0);
	await(k, &k->entries, 3);
	notify_entry(k->notify, 2, span_str("behind"));
	await(k, &k->entries, 4);
}

static void a_full_queue_counts_lost_notices_and_delivers_the_others(void **state)
{
	struct kernel *k = *state;
	char name[16];

	lock_folders(k, 2);
	notify_entry(k->notify, 1, span_str("first"));
	await(k, &k->waiting, 1);
	for (unsigned i = 0; i < NOTIFY_QUEUE_MAX + 10; i++) {
		(void)snprintf(name, sizeof(name), "%u", i);
		notify_entry(k->notify, 1, span_str(name));
	}
	assert_int_equal(notify_lost(k->notify), 10);
	lock_folders(k, 0);
	await(k, &k->entries, 1 + NOTIFY_QUEUE_MAX);
	notify_entry(k->notify, 1, span_str("again"));
	await(k, &k->entries, 2 + NOTIFY_QUEUE_MAX);
	assert_int_equal(notify_lost(k->notify), 10);
}

static void on_done(void *cookie)
{
	struct kernel *k = cookie;

	count(k, &k->dones);
}

static void notify_then_calls_back_after_the_notice_of_content_or_attributes(void **state)
{
	struct kernel *k = *state;

	notify_then(k->notify, 7, true, on_done, k);
	await(k, &k->dones, 1);
	assert_int_equal(k->contents, 1);
	notify_then(k->notify, 7, false, on_done, k);
	await(k, &k->dones, 2);
	assert_int_equal(k->attributes, 1);
}

static void notify_settles_calls_back_after_the_notices_that_are_queued_or_in_progress(void **state)
{
	struct kernel *k = *state;

	assert_false(notify_settles(k->notify, 7, on_done, k));
	hold_content(k, true);
	notify_content(k->notify, 7);
	await(k, &k->waiting, 1);
	assert_true(notify_settles(k->notify, 7, on_done, k));
	hold_content(k, false);
	await(k, &k->dones, 1);
	assert_int_equal(k->contents, 1);
	hold_content(k, true);
	notify_content(k->notify, 7);
	await(k, &k->waiting, 1);
	notify_content(k->notify, 7);
	assert_true(notify_settles(k->notify, 7, on_done, k));
	hold_content(k, false);
	await(k, &k->dones, 2);
	assert_int_equal(k->contents, 3);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_notice_of_content_does_not_wait_for_notices_of_names),
		TEST(a_notice_of_a_name_does_not_wait_for_another_folder_that_is_busy),
		TEST(a_notice_that_is_still_queued_is_not_queued_twice),
		TEST(notify_then_calls_back_after_the_notice_of_content_or_attributes),
		TEST(notify_settles_calls_back_after_the_notices_that_are_queued_or_in_progress),
		TEST(a_full_queue_counts_lost_notices_and_delivers_the_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
