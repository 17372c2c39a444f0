#include "tests/unit/fusefs/ops/talk_fixture.h"

#include "common/base/error.h"

/* The conversation as a whole: how it begins, and the rules for every request. */

#define ANY_FLAG UINT32_MAX /* a kernel that can do everything */

static const struct fuse_init_out *init_of(struct fixture *f, uint32_t flags)
{
	const struct fake_answer *a;

	/* Ends the fixture's own conversation. */
	fake_stop(&f->kernel);
	fake_start(&f->kernel, f->fs, flags);
	a = fake_answer(&f->kernel, f->kernel.unique);
	assert_int_equal(a->error, 0);
	assert_int_equal(a->size, sizeof(struct fuse_init_out));
	return (const void *)a->body;
}

static void init_takes_the_needed_flags_and_neither_writeback_nor_killpriv(void **state)
{
	struct fixture *f = *state;
	const uint32_t flags = init_of(f, ANY_FLAG)->flags;

	assert_true(flags & FUSE_ATOMIC_O_TRUNC);
	assert_true(flags & FUSE_DO_READDIRPLUS);
	assert_true(flags & FUSE_EXPORT_SUPPORT);
	assert_true(flags & FUSE_POSIX_LOCKS);
	assert_true(flags & FUSE_FLOCK_LOCKS);
	assert_true(flags & FUSE_POSIX_ACL);
	assert_true(flags & FUSE_DONT_MASK);
	/* With this flag, pages that were never stored would be reported as written. */
	assert_false(flags & FUSE_WRITEBACK_CACHE);
	assert_false(flags & FUSE_HANDLE_KILLPRIV);
}

static void init_asks_an_old_kernel_only_for_flags_that_it_offers(void **state)
{
	struct fixture *f = *state;
	const uint32_t flags = init_of(f, FUSE_ASYNC_READ)->flags;

	assert_true(flags & FUSE_ASYNC_READ);
	assert_false(flags & (FUSE_POSIX_ACL | FUSE_DO_READDIRPLUS | FUSE_POSIX_LOCKS));
}

static void a_mount_that_shows_one_owner_takes_neither_acls_nor_dont_mask(void **state)
{
	struct fixture *f = *state;
	const uint32_t flags = init_of(f, ANY_FLAG)->flags;

	assert_false(flags & FUSE_POSIX_ACL);
	assert_false(flags & FUSE_DONT_MASK);
}

static void init_sets_the_limits_of_write_size_and_background_requests(void **state)
{
	struct fixture *f = *state;
	const struct fuse_init_out *out = init_of(f, ANY_FLAG);

	assert_int_equal(out->max_write, 1024 * 1024);
	assert_int_equal(out->max_background, 512);
	assert_int_equal(out->congestion_threshold, 384);
	assert_int_equal(out->time_gran, 1);
}

static void a_request_without_a_handler_gets_enosys(void **state)
{
	struct fixture *f = *state;
	const struct fuse_bmap_in in = {.block = 1};

	assert_int_equal(fake_error(&f->kernel, fake_send(&f->kernel, FUSE_BMAP, ROOT, &in, sizeof(in))), ENOSYS);
	assert_int_equal(fake_error(&f->kernel, fake_send(&f->kernel, 4000, ROOT, &in, sizeof(in))), ENOSYS);
}

static void a_request_is_answered_while_an_earlier_one_waits_for_the_store(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	uint64_t slow, quick;

	(void)talk_make_elsewhere(f, "a", S_IFREG | 0644);
	talk_hold(f, FAULT_LOOKUP);
	slow = fake_lookup(k, ROOT, "a");
	talk_wait_held(f, FAULT_LOOKUP, 1);
	quick = fake_mkdir(k, ROOT, "b", 0755);
	(void)fake_entry(k, quick);
	assert_false(fake_is_answered(k, slow));
	talk_let_go(f, FAULT_LOOKUP);
	(void)fake_entry(k, slow);
}

static void a_signal_after_the_answer_changes_nothing(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t asked = fake_mkdir(k, ROOT, "a", 0755);

	(void)fake_entry(k, asked);
	fake_interrupt(k, asked);
	assert_true(S_ISDIR(fake_entry(k, fake_lookup(k, ROOT, "a"))->attr.mode));
}

static void a_second_signal_does_not_end_a_lookup(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	uint64_t asked;

	talk_hold(f, FAULT_LOOKUP);
	asked = fake_lookup(k, ROOT, "a");
	talk_wait_held(f, FAULT_LOOKUP, 1);
	fake_interrupt(k, asked);
	fake_interrupt(k, asked);
	assert_false(fake_is_answered(k, asked));
	talk_let_go(f, FAULT_LOOKUP);
	assert_true(fake_is_absent(k, asked));
}

static void a_signal_ends_only_the_request_that_it_is_for(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	uint64_t first, second, third;

	talk_hold(f, FAULT_DRIVE);
	first = fake_send(k, FUSE_STATFS, ROOT, NULL, 0);
	second = fake_send(k, FUSE_STATFS, ROOT, NULL, 0);
	third = fake_send(k, FUSE_STATFS, ROOT, NULL, 0);
	talk_wait_held(f, FAULT_DRIVE, 3);
	fake_interrupt(k, second);
	talk_age(f, 11 * NS_PER_S);
	assert_int_equal(fake_error(k, second), EINTR);
	assert_false(fake_is_answered(k, first));
	talk_let_go(f, FAULT_DRIVE);
	assert_int_equal(fake_error(k, first), 0);
	assert_int_equal(fake_error(k, third), 0);
}

static void five_hundred_requests_wait_at_once_and_each_is_answered(void **state)
{
	enum { MANY = 500 };
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	uint64_t asked[MANY];

	talk_hold(f, FAULT_DRIVE);
	for (int i = 0; i < MANY; i++)
		asked[i] = fake_send(k, FUSE_STATFS, ROOT, NULL, 0);
	talk_wait_held(f, FAULT_DRIVE, MANY);
	for (int i = 0; i < MANY; i += 2)
		fake_interrupt(k, asked[i]);
	talk_age(f, 11 * NS_PER_S);
	for (int i = 0; i < MANY; i += 2)
		assert_int_equal(fake_error(k, asked[i]), EINTR);
	talk_let_go(f, FAULT_DRIVE);
	for (int i = 1; i < MANY; i += 2)
		assert_int_equal(fake_error(k, asked[i]), 0);
}

static void a_long_wait_does_not_end_while_the_store_answers_other_requests(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	uint64_t first, second;

	/* Both requests wait. The store answers the first, and so it does not count as silent for the second,
	 * however long that one waits. */
	talk_hold(f, FAULT_DRIVE);
	talk_hold(f, FAULT_LOOKUP);
	first = fake_send(k, FUSE_STATFS, ROOT, NULL, 0);
	second = fake_lookup(k, ROOT, "a");
	talk_wait_held(f, FAULT_DRIVE, 1);
	talk_wait_held(f, FAULT_LOOKUP, 1);
	assert_true(fault_release(f->store, FAULT_DRIVE) > 0);
	assert_int_equal(fake_error(k, first), 0);
	talk_wait_longer(f, STORE_OUTAGE_NS + NS_PER_S);
	assert_int_equal(fake_error(k, fake_mkdir(k, ROOT, "b", 0755)), 0);
	assert_false(fake_is_answered(k, second));
	talk_let_go(f, FAULT_LOOKUP);
	assert_true(fake_is_absent(k, second));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, talk_setup, talk_teardown)
#define OWNED(name) cmocka_unit_test_setup_teardown(name, talk_setup_owned, talk_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(init_takes_the_needed_flags_and_neither_writeback_nor_killpriv),
		TEST(init_asks_an_old_kernel_only_for_flags_that_it_offers),
		OWNED(a_mount_that_shows_one_owner_takes_neither_acls_nor_dont_mask),
		TEST(init_sets_the_limits_of_write_size_and_background_requests),
		TEST(a_request_without_a_handler_gets_enosys),
		TEST(a_request_is_answered_while_an_earlier_one_waits_for_the_store),
		TEST(a_signal_after_the_answer_changes_nothing),
		TEST(a_second_signal_does_not_end_a_lookup),
		TEST(a_signal_ends_only_the_request_that_it_is_for),
		TEST(five_hundred_requests_wait_at_once_and_each_is_answered),
		TEST(a_long_wait_does_not_end_while_the_store_answers_other_requests),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
