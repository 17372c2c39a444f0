#include "tests/unit/fusefs/ops/talk_fixture.h"

#include "common/base/error.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

/* The requests for an open file: READ, FLUSH, FSYNC, RELEASE. */

#define OWNER_OF_LOCKS 42
#define BIG 100000 /* bytes: too many to be stored inline, so that the content is a block */

/* Opens a stored file with this text, which another mount has written. This mount has no content of it cached. */
static uint64_t open_stored(struct fixture *f, const char *name, const char *text, uint64_t *ret_node)
{
	talk_store_elsewhere(f, talk_make_elsewhere(f, name, S_IFREG | 0644), span_str(text));
	*ret_node = fake_entry(&f->kernel, fake_lookup(&f->kernel, ROOT, name))->nodeid;
	return talk_open(f, *ret_node, O_RDWR);
}

static uint64_t open_new(struct fixture *f, const char *name)
{
	return talk_open(f, talk_make_file(f, ROOT, name), O_RDWR);
}

/* Opens a file whose content is in a block that this mount no longer has cached. */
static uint64_t open_block(struct fixture *f, const char *name, char *data)
{
	struct fake_kernel *k = &f->kernel;
	const uint64_t file = talk_make_file(f, ROOT, name);
	uint64_t handle = talk_open(f, file, O_RDWR);

	for (int i = 0; i < BIG; i++)
		data[i] = (char)(i * 31 + i / 4096);
	assert_int_equal(fake_written(k, fake_write(k, handle, 0, data, BIG)), BIG);
	assert_int_equal(fake_error(k, fake_fsync(k, handle)), 0);
	talk_drop_content(f, file);
	return handle;
}

/* -- READ -- */

static void unstored_bytes_are_read_without_sending_a_batch(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t handle = open_new(f, "a");
	const uint64_t batches = talk_counts(f).batches;

	talk_write_text(f, handle, 0, "hello");
	talk_write_text(f, handle, 7, "world");
	fake_check_bytes(k, fake_read(k, handle, 0, 100), "hello\0\0world", 12);
	fake_check_bytes(k, fake_read(k, handle, 3, 3), "lo\0", 3);
	assert_int_equal(talk_counts(f).batches, batches);
}

static void a_read_past_the_end_returns_nothing(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t handle = open_new(f, "a");

	fake_check_bytes(k, fake_read(k, handle, 0, 100), "", 0);
	talk_write_text(f, handle, 0, "hello");
	fake_check_bytes(k, fake_read(k, handle, 5, 100), "", 0);
	fake_check_bytes(k, fake_read(k, handle, 1u << 30, 100), "", 0);
	fake_check_bytes(k, fake_read(k, handle, INT64_MAX, 100), "", 0);
}

static void the_content_of_a_small_file_arrives_with_its_lookup(void **state)
{
	struct fixture *f = *state;
	uint64_t file;
	const uint64_t handle = open_stored(f, "a", "stored text", &file);
	const uint64_t extents = talk_counts(f).extents;

	talk_check_content(f, handle, "stored text");
	assert_int_equal(talk_counts(f).extents, extents);
}

static void a_read_fetches_content_that_is_not_cached(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	char *data = malloc(BIG);
	uint64_t handle;

	assert_non_null(data);
	handle = open_block(f, "a", data);
	fake_check_bytes(k, fake_read(k, handle, 0, BIG), data, BIG);
	fake_check_bytes(k, fake_read(k, handle, 5000, 100), data + 5000, 100);
	free(data);
}

static void a_read_shows_unstored_bytes_over_fetched_content(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	char *data = malloc(BIG);
	uint64_t handle;

	assert_non_null(data);
	handle = open_block(f, "a", data);
	talk_write_text(f, handle, 70000, "NEW");
	for (size_t i = 0; i < 3; i++)
		data[70000 + i] = "NEW"[i];
	fake_check_bytes(k, fake_read(k, handle, 0, BIG), data, BIG);
	free(data);
}

static void a_failure_to_fetch_a_block_is_the_error_of_the_read(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	char *data = malloc(BIG);
	uint64_t handle;

	assert_non_null(data);
	handle = open_block(f, "a", data);
	talk_fault(f, FAULT_BLOCK_GET, FAULT_FAIL, -EBADMSG, 0);
	assert_int_equal(fake_error(k, fake_read(k, handle, 0, 4096)), EBADMSG);
	fault_clear(f->store);
	fake_check_bytes(k, fake_read(k, handle, 0, 4096), data, 4096);
	free(data);
}

static void a_failure_to_fetch_extents_is_the_error_of_the_read(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	char *data = malloc(BIG);
	uint64_t handle;

	assert_non_null(data);
	handle = open_block(f, "a", data);
	talk_fault(f, FAULT_EXTENTS, FAULT_FAIL, -EACCES, 0);
	assert_int_equal(fake_error(k, fake_read(k, handle, 0, 4096)), EACCES);
	fault_clear(f->store);
	fake_check_bytes(k, fake_read(k, handle, 0, 4096), data, 4096);
	free(data);
}

static void a_signal_ends_a_read_once_the_store_is_silent(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	char *data = malloc(BIG);
	uint64_t handle, asked;

	assert_non_null(data);
	handle = open_block(f, "a", data);
	talk_hold(f, FAULT_EXTENTS);
	asked = fake_read(k, handle, 0, 4096);
	talk_wait_held(f, FAULT_EXTENTS, 1);
	fake_interrupt(k, asked);
	assert_false(fake_is_answered(k, asked));
	talk_age(f, 11 * NS_PER_S);
	assert_int_equal(fake_error(k, asked), EINTR);
	talk_let_go(f, FAULT_EXTENTS);
	fake_check_bytes(k, fake_read(k, handle, 0, 4096), data, 4096);
	free(data);
}

static void a_file_can_be_closed_after_its_caller_died_during_a_read(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	char *data = malloc(BIG);
	uint64_t handle, asked;

	assert_non_null(data);
	handle = open_block(f, "a", data);
	talk_hold(f, FAULT_EXTENTS);
	k->pid = DEAD_PID;
	asked = fake_read(k, handle, 0, 4096);
	talk_wait_held(f, FAULT_EXTENTS, 1);
	fake_interrupt(k, asked);
	assert_int_equal(fake_error(k, asked), EINTR);
	assert_int_equal(fake_error(k, fake_release(k, handle)), 0);
	talk_let_go(f, FAULT_EXTENTS);
	talk_wait_quiet(f);
	assert_int_equal(talk_open_count(f), 0);
	free(data);
}

static void a_read_fails_with_eio_when_the_store_is_silent_for_an_outage(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	char *data = malloc(BIG);
	uint64_t handle, asked;

	assert_non_null(data);
	handle = open_block(f, "a", data);
	talk_hold(f, FAULT_EXTENTS);
	asked = fake_read(k, handle, 0, 4096);
	talk_wait_held(f, FAULT_EXTENTS, 1);
	talk_age(f, STORE_OUTAGE_NS + NS_PER_S);
	assert_int_equal(fake_error(k, asked), EIO);
	free(data);
}

/* As the kernel does after a read-ahead that failed. */
static void a_read_repeated_after_an_outage_fails_at_once_with_eio(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	char *data = malloc(BIG);
	uint64_t handle, asked;

	assert_non_null(data);
	handle = open_block(f, "a", data);
	k->pid = (uint32_t)getpid(); /* the reads have one caller, a process that the mount can see */
	talk_hold(f, FAULT_EXTENTS);
	asked = fake_read(k, handle, 0, 8192);
	talk_wait_held(f, FAULT_EXTENTS, 1);
	talk_age(f, STORE_OUTAGE_NS + NS_PER_S);
	assert_int_equal(fake_error(k, asked), EIO);
	assert_int_equal(fake_error(k, fake_read(k, handle, 0, 4096)), EIO);
	free(data);
}

static void a_read_whose_request_was_repeated_fails_after_its_own_outage_time(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	char *data = malloc(BIG);
	uint64_t handle, asked;

	assert_non_null(data);
	handle = open_block(f, "a", data);
	talk_hold(f, FAULT_EXTENTS);
	asked = fake_read(k, handle, 0, 4096);
	talk_wait_held(f, FAULT_EXTENTS, 1);
	/* As if this call had joined an earlier one, whose outage ended first. */
	assert_true(fault_cancel_held(f->store, FAULT_EXTENTS, -ERR_NO_GATEWAY) > 0);
	talk_wait_held(f, FAULT_EXTENTS, 1);
	talk_wait_longer(f, STORE_OUTAGE_NS + NS_PER_S);
	assert_int_equal(fake_error(k, asked), EIO);
	free(data);
}

static void a_handle_that_lost_its_locks_can_neither_read_nor_write_nor_sync(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t handle = open_new(f, "a"), other = talk_open(f, talk_node(f, "a"), O_RDWR);

	talk_lose_locks(f, handle);
	assert_int_equal(fake_error(k, fake_read(k, handle, 0, 10)), EIO);
	assert_int_equal(fake_error(k, fake_write(k, handle, 0, "x", 1)), EIO);
	assert_int_equal(fake_error(k, fake_fsync(k, handle)), EIO);
	assert_int_equal(fake_error(k, fake_fallocate(k, handle, 0, 0, 10)), EIO);
	assert_int_equal(fake_error(k,
				 fake_setattr(k, talk_node(f, "a"),
					 &(struct fuse_setattr_in){.valid = FATTR_SIZE | FATTR_FH, .fh = handle})),
		EIO);
	assert_int_equal(fake_error(k, fake_release(k, handle)), 0);
	talk_check_content(f, other, "");
}

/* -- FSYNC and FLUSH -- */

static void fsync_stores_the_written_data(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t handle = open_new(f, "a");

	talk_write_text(f, handle, 0, "hello");
	assert_int_equal(talk_size_elsewhere(f, "a"), 0);
	assert_int_equal(fake_error(k, fake_fsync(k, handle)), 0);
	assert_int_equal(talk_size_elsewhere(f, "a"), 5);
}

static void close_stores_the_written_data(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t handle = open_new(f, "a");

	talk_write_text(f, handle, 0, "hello");
	assert_int_equal(fake_error(k, fake_flush(k, handle, 0)), 0);
	assert_int_equal(talk_size_elsewhere(f, "a"), 5);
	assert_int_equal(fake_error(k, fake_release(k, handle)), 0);
}

static void fsync_and_close_send_nothing_when_no_data_is_dirty(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t handle = open_new(f, "a");
	const uint64_t batches = talk_counts(f).batches;

	assert_int_equal(fake_error(k, fake_fsync(k, handle)), 0);
	assert_int_equal(fake_error(k, fake_flush(k, handle, 0)), 0);
	assert_int_equal(talk_counts(f).batches, batches);
}

static void a_failed_batch_is_reported_once_to_each_handle_of_the_file(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t one = open_new(f, "a"), two = talk_open(f, talk_node(f, "a"), O_RDWR);

	talk_write_text(f, one, 0, "hello");
	talk_fault(f, FAULT_BATCH, FAULT_FAIL, -ENOSPC, 1);
	assert_int_equal(fake_error(k, fake_fsync(k, one)), ENOSPC);
	assert_int_equal(fake_error(k, fake_fsync(k, one)), 0);
	assert_int_equal(fake_error(k, fake_flush(k, two, 0)), ENOSPC);
	assert_int_equal(fake_error(k, fake_flush(k, two, 0)), 0);
	assert_int_equal(talk_size_elsewhere(f, "a"), 5);
}

static void a_handle_opened_after_a_failed_batch_does_not_report_the_failure(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t one = open_new(f, "a");
	uint64_t late;

	talk_write_text(f, one, 0, "hello");
	talk_fault(f, FAULT_BATCH, FAULT_FAIL, -ENOSPC, 1);
	assert_int_equal(fake_error(k, fake_fsync(k, one)), ENOSPC);
	late = talk_open(f, talk_node(f, "a"), O_RDWR);
	assert_int_equal(fake_error(k, fake_fsync(k, late)), 0);
}

static void a_signal_ends_neither_fsync_nor_close(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t handle = open_new(f, "a");
	uint64_t asked[2];

	talk_write_text(f, handle, 0, "hello");
	talk_hold(f, FAULT_BATCH);
	asked[0] = fake_fsync(k, handle);
	asked[1] = fake_flush(k, handle, 0);
	talk_wait_held(f, FAULT_BATCH, 1);
	fake_interrupt(k, asked[0]);
	fake_interrupt(k, asked[1]);
	talk_age(f, 20 * NS_PER_S);
	assert_false(fake_is_answered(k, asked[0]));
	assert_false(fake_is_answered(k, asked[1]));
	talk_let_go(f, FAULT_BATCH);
	assert_int_equal(fake_error(k, asked[0]), 0);
	assert_int_equal(fake_error(k, asked[1]), 0);
}

static void a_close_fails_after_an_outage_and_its_data_is_stored_later(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t handle = open_new(f, "a");
	uint64_t asked;

	talk_write_text(f, handle, 0, "hello");
	talk_hold(f, FAULT_BATCH);
	asked = fake_flush(k, handle, 0);
	talk_wait_held(f, FAULT_BATCH, 1);
	talk_age(f, STORE_OUTAGE_NS + NS_PER_S);
	assert_int_equal(fake_error(k, asked), EIO);
	assert_int_equal(fake_error(k, fake_release(k, handle)), 0);
	talk_let_go(f, FAULT_BATCH);
	talk_wait_quiet(f);
	assert_int_equal(fs_flush_all(f->fs, SEND_WAIT_MS), 0);
	assert_int_equal(talk_size_elsewhere(f, "a"), 5);
}

static void an_fsync_that_begins_late_in_an_outage_sends_the_data_once_more_and_succeeds(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t handle = open_new(f, "a");
	uint64_t early, late;

	talk_write_text(f, handle, 0, "hello");
	talk_hold(f, FAULT_BATCH);
	early = fake_fsync(k, handle);
	talk_wait_held(f, FAULT_BATCH, 1);
	talk_age(f, STORE_OUTAGE_NS + NS_PER_S);
	assert_int_equal(fake_error(k, early), EIO);
	late = fake_fsync(k, handle);
	talk_fail_held(f, FAULT_BATCH, -ERR_NO_GATEWAY);
	/* The batch that failed was sent before this fsync began, so the dirty data was sent once more for it. */
	assert_int_equal(fake_error(k, late), 0);
	assert_int_equal(talk_size_elsewhere(f, "a"), 5);
}

static void close_releases_the_locks_of_its_owner_and_stores_the_data(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t handle = open_new(f, "a");
	const struct fuse_lk_in lock = {
		.fh = handle, .owner = OWNER_OF_LOCKS, .lk = {.end = INT64_MAX, .type = F_WRLCK}};
	struct fuse_lk_in theirs = lock;

	theirs.owner++;
	assert_int_equal(fake_error(k, fake_lock(k, FUSE_SETLK, &lock)), 0);
	talk_write_text(f, handle, 0, "hello");
	assert_int_equal(fake_error(k, fake_flush(k, handle, OWNER_OF_LOCKS)), 0);
	assert_int_equal(talk_size_elsewhere(f, "a"), 5);
	assert_int_equal(fake_error(k, fake_lock(k, FUSE_SETLK, &theirs)), 0);
}

static void a_close_with_locks_reports_a_failed_batch_once(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t handle = open_new(f, "a");
	const struct fuse_lk_in lock = {
		.fh = handle, .owner = OWNER_OF_LOCKS, .lk = {.end = INT64_MAX, .type = F_WRLCK}};

	assert_int_equal(fake_error(k, fake_lock(k, FUSE_SETLK, &lock)), 0);
	talk_write_text(f, handle, 0, "hello");
	talk_fault(f, FAULT_BATCH, FAULT_FAIL, -ENOSPC, 1);
	assert_int_equal(fake_error(k, fake_flush(k, handle, OWNER_OF_LOCKS)), ENOSPC);
	assert_int_equal(fake_error(k, fake_flush(k, handle, OWNER_OF_LOCKS)), 0);
}

/* -- RELEASE -- */

static void a_released_file_is_not_open(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t handle = open_new(f, "a");

	assert_int_equal(talk_open_count(f), 1);
	assert_int_equal(fake_error(k, fake_release(k, handle)), 0);
	assert_int_equal(talk_open_count(f), 0);
}

static void dirty_data_of_a_released_file_is_stored_later(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t handle = open_new(f, "a");

	talk_write_text(f, handle, 0, "hello");
	assert_int_equal(fake_error(k, fake_release(k, handle)), 0);
	assert_int_equal(fs_flush_all(f->fs, SEND_WAIT_MS), 0);
	assert_int_equal(talk_size_elsewhere(f, "a"), 5);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, talk_setup, talk_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(unstored_bytes_are_read_without_sending_a_batch),
		TEST(a_read_past_the_end_returns_nothing),
		TEST(the_content_of_a_small_file_arrives_with_its_lookup),
		TEST(a_read_fetches_content_that_is_not_cached),
		TEST(a_read_shows_unstored_bytes_over_fetched_content),
		TEST(a_failure_to_fetch_a_block_is_the_error_of_the_read),
		TEST(a_failure_to_fetch_extents_is_the_error_of_the_read),
		TEST(a_signal_ends_a_read_once_the_store_is_silent),
		TEST(a_file_can_be_closed_after_its_caller_died_during_a_read),
		TEST(a_read_fails_with_eio_when_the_store_is_silent_for_an_outage),
		TEST(a_read_repeated_after_an_outage_fails_at_once_with_eio),
		TEST(a_read_whose_request_was_repeated_fails_after_its_own_outage_time),
		TEST(a_handle_that_lost_its_locks_can_neither_read_nor_write_nor_sync),
		TEST(fsync_stores_the_written_data),
		TEST(close_stores_the_written_data),
		TEST(fsync_and_close_send_nothing_when_no_data_is_dirty),
		TEST(a_failed_batch_is_reported_once_to_each_handle_of_the_file),
		TEST(a_handle_opened_after_a_failed_batch_does_not_report_the_failure),
		TEST(a_signal_ends_neither_fsync_nor_close),
		TEST(a_close_fails_after_an_outage_and_its_data_is_stored_later),
		TEST(an_fsync_that_begins_late_in_an_outage_sends_the_data_once_more_and_succeeds),
		TEST(close_releases_the_locks_of_its_owner_and_stores_the_data),
		TEST(a_close_with_locks_reports_a_failed_batch_once),
		TEST(a_released_file_is_not_open),
		TEST(dirty_data_of_a_released_file_is_stored_later),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
