#include "tests/unit/fusefs/ops/talk_fixture.h"

#include "common/base/error.h"

#include <fcntl.h>

/* FSYNCDIR and SYNCFS: everything that is dirty is stored. */

static uint64_t syncfs_of(struct fixture *f)
{
	const struct fuse_syncfs_in in = {0};

	return fake_send(&f->kernel, FUSE_SYNCFS, ROOT, &in, sizeof(in));
}

/* Makes two files with dirty data. Returns the handle of the first. */
static uint64_t make_two(struct fixture *f)
{
	const uint64_t a = talk_open(f, talk_make_file(f, ROOT, "a"), O_RDWR);

	talk_write_text(f, a, 0, "hello");
	talk_write_text(f, talk_open(f, talk_make_file(f, ROOT, "b"), O_RDWR), 0, "worlds");
	return a;
}

static void syncfs_stores_every_file(void **state)
{
	struct fixture *f = *state;

	(void)make_two(f);
	assert_int_equal(fake_error(&f->kernel, syncfs_of(f)), 0);
	assert_int_equal(talk_size_elsewhere(f, "a"), 5);
	assert_int_equal(talk_size_elsewhere(f, "b"), 6);
}

static void fsync_of_the_root_stores_every_file(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t root = fake_handle(k, fake_opendir(k, ROOT));

	(void)make_two(f);
	assert_int_equal(fake_error(k, fake_fsyncdir(k, ROOT, root)), 0);
	assert_int_equal(talk_size_elsewhere(f, "a"), 5);
	assert_int_equal(talk_size_elsewhere(f, "b"), 6);
}

static void fsync_of_a_folder_other_than_the_root_does_not_wait_for_the_store(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t folder = talk_make_folder(f, ROOT, "folder");
	const uint64_t handle = fake_handle(k, fake_opendir(k, folder));

	(void)make_two(f);
	talk_hold(f, FAULT_BATCH);
	assert_int_equal(fake_error(k, fake_fsyncdir(k, folder, handle)), 0);
}

static void syncfs_does_not_wait_when_no_data_is_dirty(void **state)
{
	struct fixture *f = *state;

	talk_hold(f, FAULT_BATCH);
	assert_int_equal(fake_error(&f->kernel, syncfs_of(f)), 0);
}

static void syncfs_fails_if_one_file_is_refused_and_stores_the_other_one(void **state)
{
	struct fixture *f = *state;

	(void)make_two(f);
	talk_fault(f, FAULT_BATCH, FAULT_REFUSE, -EACCES, 1);
	assert_int_equal(fake_error(&f->kernel, syncfs_of(f)), EACCES);
	assert_true(talk_size_elsewhere(f, "a") + talk_size_elsewhere(f, "b") >= 5);
	assert_int_equal(fake_error(&f->kernel, syncfs_of(f)), 0);
	assert_int_equal(talk_size_elsewhere(f, "a") + talk_size_elsewhere(f, "b"), 11);
}

static void syncfs_fails_while_the_store_fails_and_stores_everything_later(void **state)
{
	struct fixture *f = *state;

	(void)make_two(f);
	talk_fault(f, FAULT_BATCH, FAULT_FAIL, -EIO, 0);
	assert_int_equal(fake_error(&f->kernel, syncfs_of(f)), EIO);
	fault_clear(f->store);
	assert_int_equal(fake_error(&f->kernel, syncfs_of(f)), 0);
	assert_int_equal(talk_size_elsewhere(f, "a"), 5);
	assert_int_equal(talk_size_elsewhere(f, "b"), 6);
}

static void a_signal_does_not_end_syncfs(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	uint64_t asked;

	(void)make_two(f);
	talk_hold(f, FAULT_BATCH);
	asked = syncfs_of(f);
	talk_wait_held(f, FAULT_BATCH, 1);
	fake_interrupt(k, asked);
	talk_age(f, 20 * NS_PER_S);
	assert_false(fake_is_answered(k, asked));
	talk_let_go(f, FAULT_BATCH);
	assert_int_equal(fake_error(k, asked), 0);
}

static void a_syncfs_fails_when_an_outage_lasts_too_long(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	uint64_t asked;

	(void)make_two(f);
	talk_hold(f, FAULT_BATCH);
	asked = syncfs_of(f);
	talk_wait_held(f, FAULT_BATCH, 1);
	talk_age(f, STORE_OUTAGE_NS + NS_PER_S);
	assert_int_equal(fake_error(k, asked), EIO);
}

static void a_syncfs_that_begins_late_in_an_outage_sends_the_data_once_more(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t a = make_two(f);
	uint64_t early, late;

	talk_hold(f, FAULT_BATCH);
	early = fake_fsync(k, a);
	talk_wait_held(f, FAULT_BATCH, 1);
	talk_age(f, STORE_OUTAGE_NS + NS_PER_S);
	assert_int_equal(fake_error(k, early), EIO);
	late = syncfs_of(f);
	talk_fail_held(f, FAULT_BATCH, -ERR_NO_GATEWAY);
	assert_int_equal(fake_error(k, late), 0);
	assert_int_equal(talk_size_elsewhere(f, "a"), 5);
	assert_int_equal(talk_size_elsewhere(f, "b"), 6);
}

static void a_syncfs_of_a_dying_caller_ends_at_once_and_still_stores_the_data(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	uint64_t asked;

	(void)make_two(f);
	talk_hold(f, FAULT_BATCH);
	k->pid = DEAD_PID;
	asked = syncfs_of(f);
	talk_wait_held(f, FAULT_BATCH, 1);
	fake_interrupt(k, asked);
	assert_int_equal(fake_error(k, asked), EINTR);
	talk_let_go(f, FAULT_BATCH);
	talk_wait_quiet(f);
	assert_int_equal(talk_size_elsewhere(f, "a"), 5);
	assert_int_equal(talk_size_elsewhere(f, "b"), 6);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, talk_setup, talk_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(syncfs_stores_every_file),
		TEST(fsync_of_the_root_stores_every_file),
		TEST(fsync_of_a_folder_other_than_the_root_does_not_wait_for_the_store),
		TEST(syncfs_does_not_wait_when_no_data_is_dirty),
		TEST(syncfs_fails_if_one_file_is_refused_and_stores_the_other_one),
		TEST(syncfs_fails_while_the_store_fails_and_stores_everything_later),
		TEST(a_signal_does_not_end_syncfs),
		TEST(a_syncfs_fails_when_an_outage_lasts_too_long),
		TEST(a_syncfs_that_begins_late_in_an_outage_sends_the_data_once_more),
		TEST(a_syncfs_of_a_dying_caller_ends_at_once_and_still_stores_the_data),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
