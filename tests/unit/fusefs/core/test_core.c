#include "fusefs/core/core.h"

#include "common/base/clock.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#define WAIT_NS (30 * NS_PER_S)

struct fixture {
	struct core core;
	char said[64]; /* what happened, one letter for each event */
	struct inode *gone;
};

static void say(struct fixture *f, char what)
{
	size_t size = strlen(f->said);

	assert_true(size + 1 < sizeof(f->said));
	f->said[size] = what;
}

static void on_leaving(void *cookie)
{
	say(cookie, 'l');
}

static void on_pages_gone(void *cookie, struct inode *inode)
{
	((struct fixture *)cookie)->gone = inode;
}

static const struct core_hooks hooks = {.leaving = on_leaving, .pages_gone = on_pages_gone};

static int setup_with(void **state, bool follows, bool shared)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	core_init(&f->core, &(struct core_options){.hooks = &hooks, .cookie = f, .follows = follows, .shared = shared});
	*state = f;
	return 0;
}

static int setup(void **state)
{
	return setup_with(state, false, false);
}

static int setup_following(void **state)
{
	return setup_with(state, true, false);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	core_fini(&f->core);
	free(f);
	return 0;
}

/* -- what is left for later -- */

struct work {
	struct later later; /* must be first */
	struct fixture *f;
	char what;
	bool again; /* calls core_later once more */
};

static void run(struct later *later)
{
	struct work *w = (struct work *)later;

	/* Called without the lock: else this would deadlock. */
	core_lock(&w->f->core);
	say(w->f, w->what);
	if (w->again)
		core_later(&w->f->core, later);
	w->again = false;
	core_unlock(&w->f->core);
}

static void work_left_for_later_runs_in_order_after_the_lock_is_released(void **state)
{
	struct fixture *f = *state;
	struct work a = {.later.run = run, .f = f, .what = 'a'}, b = {.later.run = run, .f = f, .what = 'b'};

	core_lock(&f->core);
	core_later(&f->core, &a.later);
	core_later(&f->core, &b.later);
	assert_string_equal(f->said, "");
	core_unlock(&f->core);
	assert_string_equal(f->said, "lalbl"); /* the hook runs at each unlock, before the work left for later */
}

static void work_that_runs_later_may_leave_itself_for_later_again(void **state)
{
	struct fixture *f = *state;
	struct work a = {.later.run = run, .f = f, .what = 'a', .again = true};

	core_lock(&f->core);
	core_later(&f->core, &a.later);
	core_unlock(&f->core);
	assert_string_equal(f->said, "lalal");
}

static void core_run_later_runs_waiting_work_in_the_middle_of_a_locked_section(void **state)
{
	struct fixture *f = *state;
	struct work a = {.later.run = run, .f = f, .what = 'a'};

	core_lock(&f->core);
	assert_false(core_run_later(&f->core));
	core_later(&f->core, &a.later);
	assert_true(core_run_later(&f->core));
	assert_string_equal(f->said, "lal");
	assert_false(core_run_later(&f->core));
	core_unlock(&f->core);
}

/* -- calls -- */

static void the_core_is_quiet_only_after_the_last_call_is_over(void **state)
{
	struct fixture *f = *state;

	core_lock(&f->core);
	core_call_begins(&f->core);
	core_call_begins(&f->core);
	core_call_over(&f->core);
	core_unlock(&f->core);
	assert_false(core_wait_quiet(&f->core, clock_mono_ns()));
	core_lock(&f->core);
	core_call_over(&f->core);
	core_unlock(&f->core);
	assert_true(core_wait_quiet(&f->core, clock_mono_ns()));
}

static void *end_call(void *cookie)
{
	struct fixture *f = cookie;

	core_lock(&f->core);
	core_call_over(&f->core);
	core_unlock(&f->core);
	return NULL;
}

static void a_thread_that_waits_for_quiet_is_woken_by_the_end_of_the_last_call(void **state)
{
	struct fixture *f = *state;
	pthread_t thread;

	core_lock(&f->core);
	core_call_begins(&f->core);
	assert_int_equal(pthread_create(&thread, NULL, end_call, f), 0); /* blocked at the lock */
	core_unlock(&f->core);
	assert_true(core_wait_quiet(&f->core, INT64_MAX)); /* only end_call can wake this thread */
	pthread_join(thread, NULL);
}

/* -- others at work -- */

static void a_mount_alone_is_not_shared_and_another_mount_makes_it_shared(void **state)
{
	struct fixture *f = *state;

	core_lock(&f->core);
	assert_false(core_is_shared(&f->core));
	f->core.others = true;
	assert_true(core_is_shared(&f->core));
	core_unlock(&f->core);
}

static void a_drive_counts_as_shared_while_its_journal_is_not_followed(void **state)
{
	struct fixture *f = *state;

	core_lock(&f->core);
	assert_false(f->core.inodes.trusted);
	assert_true(core_is_shared(&f->core));
	fill_view_follow(&f->core.view, 10, f->core.now_ns, f->core.now_ns + WAIT_NS);
	core_view_changed(&f->core);
	assert_true(f->core.inodes.trusted);
	assert_false(core_is_shared(&f->core));
	core_unlock(&f->core);
}

static void a_foreign_change_makes_the_drive_count_as_shared_for_a_limited_time(void **state)
{
	struct fixture *f = *state;

	core_lock(&f->core);
	core_saw_foreign(&f->core);
	assert_true(core_is_shared(&f->core));
	f->core.now_ns += CORE_FOREIGN_S * NS_PER_S - 1;
	assert_true(core_is_shared(&f->core));
	f->core.now_ns += 1;
	assert_false(core_is_shared(&f->core));
	core_unlock(&f->core);
}

static void a_foreign_change_makes_only_its_own_folder_count_as_shared(void **state)
{
	struct inode there = {0}, elsewhere = {0};
	struct fixture *f = *state;

	core_lock(&f->core);
	there.foreign_ns = f->core.now_ns;
	assert_true(core_is_shared_folder(&f->core, &there));
	assert_false(core_is_shared_folder(&f->core, &elsewhere));
	assert_false(core_is_shared_folder(&f->core, NULL));
	f->core.now_ns += CORE_FOREIGN_S * NS_PER_S;
	assert_false(core_is_shared_folder(&f->core, &there));
	core_unlock(&f->core);
}

static void a_file_counts_as_contended_for_a_limited_time_after_a_foreign_change(void **state)
{
	struct fixture *f = *state;
	struct inode file = {0};

	core_lock(&f->core);
	assert_false(core_is_contended(&f->core, &file));
	file.foreign_ns = f->core.now_ns;
	assert_true(core_is_contended(&f->core, &file));
	f->core.now_ns += CORE_CONTENDED_S * NS_PER_S;
	assert_false(core_is_contended(&f->core, &file));
	core_unlock(&f->core);
}

static void a_position_is_settled_core_contended_s_seconds_after_it_was_seen(void **state)
{
	struct fixture *f = *state;

	core_lock(&f->core);
	core_saw(&f->core, (struct store_position){1, 10}); /* the first call always counts as due */
	assert_int_equal(f->core.settled, 0);
	f->core.now_ns += CORE_CONTENDED_S * NS_PER_S - 1;
	core_saw(&f->core, (struct store_position){1, 20});
	assert_int_equal(f->core.settled, 0);
	f->core.now_ns += 1;
	core_saw(&f->core, (struct store_position){1, 30});
	assert_int_equal(f->core.settled, 10);
	f->core.now_ns += CORE_CONTENDED_S * NS_PER_S;
	core_saw(&f->core, (struct store_position){1, 40});
	assert_int_equal(f->core.settled, 30);
	core_unlock(&f->core);
}

/* -- pages -- */

static void core_drop_pages_resets_the_seq_of_the_pages_and_calls_the_hook(void **state)
{
	struct inode file = {.pages_seq = 12};
	struct fixture *f = *state;

	core_lock(&f->core);
	core_drop_pages(&f->core, &file);
	core_unlock(&f->core);
	assert_int_equal(file.pages_seq, 0);
	assert_ptr_equal(f->gone, &file);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(work_left_for_later_runs_in_order_after_the_lock_is_released),
		TEST(work_that_runs_later_may_leave_itself_for_later_again),
		TEST(core_run_later_runs_waiting_work_in_the_middle_of_a_locked_section),
		TEST(the_core_is_quiet_only_after_the_last_call_is_over),
		TEST(a_thread_that_waits_for_quiet_is_woken_by_the_end_of_the_last_call),
		TEST(a_mount_alone_is_not_shared_and_another_mount_makes_it_shared),
		cmocka_unit_test_setup_teardown(
			a_drive_counts_as_shared_while_its_journal_is_not_followed, setup_following, teardown),
		TEST(a_foreign_change_makes_the_drive_count_as_shared_for_a_limited_time),
		TEST(a_foreign_change_makes_only_its_own_folder_count_as_shared),
		TEST(a_file_counts_as_contended_for_a_limited_time_after_a_foreign_change),
		TEST(a_position_is_settled_core_contended_s_seconds_after_it_was_seen),
		TEST(core_drop_pages_resets_the_seq_of_the_pages_and_calls_the_hook),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
