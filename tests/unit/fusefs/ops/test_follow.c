#include "fusefs/ops/follow.h"

#include "common/base/clock.h"
#include "common/base/cond.h"
#include "common/base/error.h"
#include "fusefs/store/testing/fault.h"
#include "fusefs/store/testing/mem.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <cmocka.h>

struct fixture {
	struct mem_drive *drive;
	struct store *store, *other; /* the follower's, which fails on purpose, and that of another mount */
	struct follow *follow;
	/* What the follower has reported. Guarded by lock. */
	pthread_mutex_t lock;
	pthread_cond_t told;
	bool used;
	int64_t sent_ns;
	unsigned answers, resets, own, foreign, asked;
	int64_t seq;
	int64_t held[2];
	size_t held_count;
	bool batch_over;
};

static void on_changes(void *cookie, const struct store_changes *changes, int64_t sent_ns)
{
	struct fixture *f = cookie;

	pthread_mutex_lock(&f->lock);
	f->answers++;
	f->resets += changes->reset;
	assert_true(sent_ns >= f->sent_ns && sent_ns <= clock_boot_ns());
	f->sent_ns = sent_ns;
	for (size_t i = 0; i < changes->count; i++) {
		if (changes->list[i].own)
			f->own++;
		else
			f->foreign++;
		assert_int_equal(changes->list[i].seq, f->seq + 1);
		f->seq = changes->list[i].seq;
	}
	f->seq = changes->last.seq;
	pthread_cond_broadcast(&f->told);
	pthread_mutex_unlock(&f->lock);
}

static bool in_use(void *cookie)
{
	struct fixture *f = cookie;
	bool used;

	pthread_mutex_lock(&f->lock);
	used = f->used;
	pthread_mutex_unlock(&f->lock);
	return used;
}

static size_t on_held(void *cookie, int64_t *ids, size_t max)
{
	struct fixture *f = cookie;
	size_t count;

	assert_true(max >= 2);
	pthread_mutex_lock(&f->lock);
	count = f->held_count;
	f->asked++;
	pthread_cond_broadcast(&f->told);
	memcpy(ids, f->held, count * sizeof(*ids));
	pthread_mutex_unlock(&f->lock);
	return count;
}

/* Waits until *what is at least count. */
static void wait_told(struct fixture *f, const unsigned *what, unsigned count)
{
	const int64_t until_ns = clock_mono_ns() + 120 * NS_PER_S; /* only reached when something hangs */

	pthread_mutex_lock(&f->lock);
	while (*what < count && cond_wait_until(&f->told, &f->lock, until_ns))
		;
	assert_true(*what >= count);
	pthread_mutex_unlock(&f->lock);
}

static unsigned told(struct fixture *f, const unsigned *what)
{
	unsigned value;

	pthread_mutex_lock(&f->lock);
	value = *what;
	pthread_mutex_unlock(&f->lock);
	return value;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	struct store *memory;

	pthread_mutex_init(&f->lock, NULL);
	cond_init(&f->told);
	assert_int_equal(mem_drive_new(7, 0, &f->drive), 0);
	assert_int_equal(mem_store_new(f->drive, &memory), 0);
	assert_int_equal(fault_new(memory, &f->store), 0);
	assert_int_equal(mem_store_new(f->drive, &f->other), 0);
	*state = f;
	return 0;
}

static void start(struct fixture *f, struct store_position since)
{
	const struct follow_options options = {
		.store = f->store,
		.since = since,
		.on_changes = on_changes,
		.in_use = in_use,
		.held = on_held,
		.cookie = f,
	};

	f->seq = since.seq;
	assert_int_equal(follow_new(&options, &f->follow), 0);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	follow_free(f->follow);
	f->store->ops->free(f->store);
	f->other->ops->free(f->other);
	mem_drive_free(f->drive);
	pthread_cond_destroy(&f->told);
	pthread_mutex_destroy(&f->lock);
	free(f);
	return 0;
}

static void on_batch(void *cookie, int error, const struct store_batch_reply *reply)
{
	struct fixture *f = cookie;

	(void)reply;
	assert_int_equal(error, 0);
	pthread_mutex_lock(&f->lock);
	f->batch_over = true;
	pthread_cond_broadcast(&f->told);
	pthread_mutex_unlock(&f->lock);
}

static void change(struct fixture *f, struct store *through, const char *name)
{
	struct op op = {.kind = OP_CREATE, .parent = ITEM_ROOT(7), .name = span_str(name), .mode = S_IFREG | 0644};

	f->batch_over = false;
	through->ops->batch(through, &op, 1, on_batch, f);
	pthread_mutex_lock(&f->lock);
	while (!f->batch_over)
		pthread_cond_wait(&f->told, &f->lock);
	pthread_mutex_unlock(&f->lock);
}

static void follow_gets_its_first_answer_at_once_and_without_changes(void **state)
{
	struct fixture *f = *state;

	start(f, (struct store_position){1, 0});
	wait_told(f, &f->answers, 1);
	assert_int_equal(follow_silent_ms(f->follow), 0);
	assert_int_equal(told(f, &f->foreign) + told(f, &f->own), 0);
}

static void follow_reports_foreign_and_own_changes_in_order(void **state)
{
	struct fixture *f = *state;

	start(f, (struct store_position){1, 0});
	change(f, f->other, "a");
	change(f, f->other, "b");
	wait_told(f, &f->foreign, 2);
	change(f, f->store, "c"); /* through the store that the follower uses */
	wait_told(f, &f->own, 1);
	assert_int_equal(told(f, &f->foreign), 2);
}

static void follow_reports_one_reset_of_a_forgotten_journal_and_then_goes_on(void **state)
{
	struct fixture *f = *state;

	change(f, f->other, "a");
	mem_drive_forget(f->drive);
	start(f, (struct store_position){1, 0});
	wait_told(f, &f->resets, 1);
	change(f, f->other, "b");
	wait_told(f, &f->foreign, 1);
	assert_int_equal(told(f, &f->resets), 1);
}

static void follow_ends_a_long_poll_to_name_a_newly_held_document(void **state)
{
	struct fixture *f = *state;

	/* The second poll is a long one: it is in flight when the new document is opened. */
	fault_add(f->store, &(struct fault_rule){.call = FAULT_POLL, .kind = FAULT_HOLD, .nth = 2});
	start(f, (struct store_position){1, 0});
	assert_int_equal(fault_wait_held(f->store, FAULT_POLL, 1, 10000), 0);
	fault_clear(f->store);
	fault_add(f->store, &(struct fault_rule){.call = FAULT_POLL, .kind = FAULT_HOLD, .nth = 1});
	assert_int_equal(fault_release(f->store, FAULT_POLL), 1);
	pthread_mutex_lock(&f->lock);
	f->held[0] = ITEM_ID(7, 99);
	f->held_count = 1;
	f->asked = 0;
	pthread_mutex_unlock(&f->lock);
	follow_held_changed(f->follow);
	assert_int_equal(fault_wait_held(f->store, FAULT_POLL, 1, 10000), 0);
	fault_release(f->store, FAULT_POLL);
	assert_int_equal(told(f, &f->asked), 1);
	assert_int_equal(told(f, &f->answers), 1); /* no change: the long poll ended only for the new document */
}

static void follow_counts_the_silent_time_of_failed_polls_and_then_loses_no_change(void **state)
{
	struct fixture *f = *state;

	fault_add(f->store, &(struct fault_rule){.call = FAULT_POLL, .kind = FAULT_FAIL, .error = -ECONNREFUSED});
	start(f, (struct store_position){1, 0});
	wait_told(f, &f->asked, 4);
	assert_true(
		/* Three polls failed, with a pause after each. */
		follow_silent_ms(f->follow) >= FOLLOW_PAUSE_MIN_MS);
	assert_int_equal(told(f, &f->answers), 0);
	change(f, f->other, "meanwhile");
	fault_clear(f->store);
	wait_told(f, &f->foreign, 1);
	wait_told(f, &f->answers, 1);
	assert_int_equal(told(f, &f->resets), 0); /* the journal still reaches back to the old position */
}

/* in_use takes the same lock. */
static void use(struct fixture *f, bool used)
{
	pthread_mutex_lock(&f->lock);
	f->used = used;
	pthread_mutex_unlock(&f->lock);
}

static void follow_polls_again_and_again_while_the_mount_is_in_use(void **state)
{
	struct fixture *f = *state;

	use(f, true);
	start(f, (struct store_position){1, 0});
	wait_told(f, &f->answers, 4); /* within ten seconds, while a long poll takes twenty */
	assert_int_equal(told(f, &f->foreign) + told(f, &f->own), 0);
}

static void follow_wake_ends_the_long_poll_of_an_idle_mount(void **state)
{
	struct fixture *f = *state;

	start(f, (struct store_position){1, 0});
	wait_told(f, &f->asked, 2); /* the second poll is a long one */
	assert_int_equal(told(f, &f->answers), 1);
	use(f, true);
	follow_wake(f->follow);
	wait_told(f, &f->answers, 3);
}

static void follow_delivers_changes_without_a_reset_after_three_failed_polls(void **state)
{
	struct fixture *f = *state;

	fault_add(f->store,
		&(struct fault_rule){
			.call = FAULT_POLL, .kind = FAULT_FAIL, .nth = 1, .times = 3, .error = -ECONNRESET});
	start(f, (struct store_position){1, 0});
	change(f, f->other, "a");
	wait_told(f, &f->foreign, 1);
	assert_true(fault_count(f->store, FAULT_POLL) >= 4);
	assert_int_equal(told(f, &f->resets), 0);
}

static void follow_free_ends_the_poll_in_flight(void **state)
{
	struct fixture *f = *state;

	start(f, (struct store_position){1, 0});
	wait_told(f, &f->answers, 1);
	follow_free(f->follow);
	f->follow = NULL;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(follow_gets_its_first_answer_at_once_and_without_changes),
		TEST(follow_reports_foreign_and_own_changes_in_order),
		TEST(follow_reports_one_reset_of_a_forgotten_journal_and_then_goes_on),
		TEST(follow_ends_a_long_poll_to_name_a_newly_held_document),
		TEST(follow_counts_the_silent_time_of_failed_polls_and_then_loses_no_change),
		TEST(follow_polls_again_and_again_while_the_mount_is_in_use),
		TEST(follow_wake_ends_the_long_poll_of_an_idle_mount),
		TEST(follow_delivers_changes_without_a_reset_after_three_failed_polls),
		TEST(follow_free_ends_the_poll_in_flight),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
