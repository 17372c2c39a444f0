#include "fusefs/log/flush.h"

#include "common/base/error.h"
#include "tests/unit/fusefs/log/flush_fixture.h"

#include "common/base/clock.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

/* -- what goes where -- */

static void a_small_write_is_stored_inline_with_one_batch(void **state)
{
	struct fixture *f = *state;
	struct mem_counts before = counts(f);

	write_at(f, 0, 10 * KIB);
	assert_int_equal(sync_file(f), 0);
	assert_int_equal(counts(f).batches - before.batches, 1);
	assert_int_equal(counts(f).block_puts, 0);
	check_range(f, 0, 10 * KIB);
}

static void a_large_write_is_stored_as_blocks_and_one_op(void **state)
{
	struct fixture *f = *state;
	struct mem_counts before = counts(f);

	for (int i = 0; i < 9; i++)
		write_at(f, i * (int64_t)MIB, MIB);
	assert_int_equal(sync_file(f), 0);
	assert_int_equal(counts(f).ops - before.ops, 1);
	assert_int_equal(counts(f).block_puts, 3);
	check_range(f, 0, 9 * MIB);
}

static void many_small_ranges_are_stored_in_one_block(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 100; i++)
		write_at(f, i * 8192, 1000);
	assert_int_equal(sync_file(f), 0);
	assert_int_equal(counts(f).block_puts, 1);
	for (int i = 0; i < 100; i++)
		check_range(f, i * 8192, 1000);
}

static void a_sync_of_a_stored_file_sends_no_batch(void **state)
{
	struct fixture *f = *state;
	struct mem_counts before;

	write_at(f, 0, 100);
	assert_int_equal(sync_file(f), 0);
	before = counts(f);
	assert_int_equal(sync_file(f), 0);
	assert_int_equal(counts(f).batches, before.batches);
}

static void a_write_and_a_change_of_attributes_are_sent_as_one_op(void **state)
{
	struct fixture *f = *state;
	struct mem_counts before = counts(f);
	struct op op = {.kind = OP_SETATTR,
		.fields = OP_HAS_MODE | OP_HAS_MTIME,
		.id = f->inode->id,
		.mode = 0600,
		.mtime = 12345};
	struct outcome o;

	write_at(f, 0, 100);
	(void)begin_job(f, &op, &o);
	assert_int_equal(outcome_wait(&o), 0);
	assert_int_equal(counts(f).ops - before.ops, 1);
	core_lock(&f->fs->core);
	assert_int_equal(f->inode->attr.mode & 07777, 0600);
	assert_int_equal(f->inode->attr.mtime, 12345);
	assert_int_equal(f->inode->attr.size, 100);
	assert_false(file_is_dirty(f->inode->file));
	core_unlock(&f->fs->core);
}

static void a_ctime_that_stat_has_shown_stays_after_the_data_is_stored(void **state)
{
	struct fixture *f = *state;
	struct stat seen, stored;

	write_at(f, 0, 100);
	core_lock(&f->fs->core);
	f->inode->attr.ctime = clock_real_ns() + NS_PER_S; /* as if the file had been renamed meanwhile */
	ops_stat(f->fs, f->inode, &seen);
	core_unlock(&f->fs->core);
	assert_int_equal(sync_file(f), 0);
	core_lock(&f->fs->core);
	ops_stat(f->fs, f->inode, &stored);
	core_unlock(&f->fs->core);
	assert_int_equal(stored.st_ctim.tv_sec, seen.st_ctim.tv_sec);
	assert_int_equal(stored.st_ctim.tv_nsec, seen.st_ctim.tv_nsec);
}

/* -- order -- */

static void a_read_shows_bytes_being_flushed_covered_by_bytes_written_since(void **state)
{
	struct fixture *f = *state;
	char data[8];
	struct outcome o;

	fault_add(f->store, &(struct fault_rule){.call = FAULT_BATCH, .kind = FAULT_HOLD});
	write_at(f, 0, 8);
	begin_sync(f, &o);
	assert_int_equal(fault_wait_held(f->store, FAULT_BATCH, 1, WAIT_MS), 0);
	core_lock(&f->fs->core);
	assert_int_equal(
		flush_write(&f->fs->flusher, f->inode, &(struct flush_data){.at = 2, .from = "XY", .size = 2}), 0);
	core_unlock(&f->fs->core);
	assert_int_equal(read_at(f, 0, data, 8, true), 8);
	assert_int_equal(data[0], byte_at(0));
	assert_memory_equal(data + 2, "XY", 2);
	assert_int_equal(data[7], byte_at(7));
	fault_clear(f->store);
	assert_int_equal(fault_release(f->store, FAULT_BATCH), 1);
	assert_int_equal(outcome_wait(&o), 0);
	assert_int_equal(sync_file(f), 0);
	assert_int_equal(read_at(f, 0, data, 8, false), 8);
	assert_memory_equal(data + 2, "XY", 2);
}

static void a_truncation_waits_for_the_round_in_flight(void **state)
{
	struct fixture *f = *state;
	struct op op = truncate_to(f, 10);
	struct outcome first, second;
	char data[64];

	fault_add(f->store, &(struct fault_rule){.call = FAULT_BATCH, .kind = FAULT_HOLD});
	write_at(f, 0, 64);
	begin_sync(f, &first);
	assert_int_equal(fault_wait_held(f->store, FAULT_BATCH, 1, WAIT_MS), 0);
	(void)begin_job(f, &op, &second);
	assert_int_equal(fault_count(f->store, FAULT_BATCH), 2); /* the create and the held write, not the truncation */
	fault_clear(f->store);
	(void)fault_release(f->store, FAULT_BATCH);
	assert_int_equal(outcome_wait(&first), 0);
	assert_int_equal(outcome_wait(&second), 0);
	assert_int_equal(second.size, 10);
	assert_int_equal(read_at(f, 0, data, 64, false), 10);
}

static void a_truncation_cuts_earlier_writes_and_not_later_ones(void **state)
{
	struct fixture *f = *state;
	struct op op = truncate_to(f, 10);
	struct outcome o;
	char data[64];

	write_at(f, 0, 64);
	(void)begin_job(f, &op, &o);
	assert_int_equal(outcome_wait(&o), 0);
	write_at(f, 20, 4);
	assert_int_equal(sync_file(f), 0);
	assert_int_equal(read_at(f, 0, data, 64, false), 24);
	assert_int_equal(data[9], byte_at(9));
	assert_int_equal(data[10], 0);
	assert_int_equal(data[20], byte_at(20));
}

static void a_waiting_job_can_be_withdrawn_and_a_sent_job_cannot(void **state)
{
	struct fixture *f = *state;
	struct op shorter = truncate_to(f, 10), longer = truncate_to(f, 100);
	struct outcome first, second;
	struct job *job;

	fault_add(f->store, &(struct fault_rule){.call = FAULT_BATCH, .kind = FAULT_HOLD});
	write_at(f, 0, 64);
	job = begin_job(f, &longer, &first);
	assert_int_equal(fault_wait_held(f->store, FAULT_BATCH, 1, WAIT_MS), 0);
	core_lock(&f->fs->core);
	assert_false(flush_job_withdraw(&f->fs->flusher, job, -EINTR));
	core_unlock(&f->fs->core);
	job = begin_job(f, &shorter, &second);
	core_lock(&f->fs->core);
	assert_true(flush_job_withdraw(&f->fs->flusher, job, -EINTR));
	core_unlock(&f->fs->core);
	assert_int_equal(outcome_wait(&second), -EINTR);
	fault_clear(f->store);
	(void)fault_release(f->store, FAULT_BATCH);
	assert_int_equal(outcome_wait(&first), 0);
	check_range(f, 0, 64);
}

/* -- failures -- */

static void data_of_a_failed_batch_stays_dirty_and_is_stored_by_the_next_sync(void **state)
{
	struct fixture *f = *state;

	fault_add(f->store, &(struct fault_rule){.call = FAULT_BATCH, .kind = FAULT_FAIL, .nth = 1, .error = -EIO});
	write_at(f, 0, 64);
	assert_int_equal(sync_file(f), -EIO);
	core_lock(&f->fs->core);
	assert_true(file_is_dirty(f->inode->file));
	core_unlock(&f->fs->core);
	fault_clear(f->store);
	assert_int_equal(sync_file(f), 0);
	check_range(f, 0, 64);
}

static void a_failed_upload_fails_the_sync_and_the_next_sync_repeats_it(void **state)
{
	struct fixture *f = *state;

	fault_add(f->store, &(struct fault_rule){.call = FAULT_BLOCK_PUT, .kind = FAULT_FAIL, .nth = 1, .error = -EIO});
	write_at(f, 0, 100 * KIB);
	assert_int_equal(sync_file(f), -EIO);
	assert_int_equal(sync_file(f), 0);
	check_range(f, 0, 100 * KIB);
}

static void each_handle_reports_a_failure_once(void **state)
{
	struct fixture *f = *state;
	uint32_t one = 0, two = 0;

	fault_add(f->store, &(struct fault_rule){.call = FAULT_BATCH, .kind = FAULT_FAIL, .nth = 1, .error = -EIO});
	write_at(f, 0, 64);
	assert_int_equal(sync_file(f), -EIO);
	core_lock(&f->fs->core);
	assert_int_equal(flush_take_error(f->inode->file, &one), -EIO);
	assert_int_equal(flush_take_error(f->inode->file, &one), 0);
	assert_int_equal(flush_take_error(f->inode->file, &two), -EIO);
	core_unlock(&f->fs->core);
}

static void an_outage_fails_the_waiting_sync_and_is_not_reported_again_later(void **state)
{
	struct fixture *f = *state;
	uint32_t seen = 0;

	fault_add(f->store,
		&(struct fault_rule){.call = FAULT_BATCH, .kind = FAULT_FAIL, .nth = 1, .error = -ERR_NO_GATEWAY});
	write_at(f, 0, 64);
	assert_int_equal(sync_file(f), -ERR_NO_GATEWAY);
	assert_int_equal(sync_file(f), 0);
	core_lock(&f->fs->core);
	assert_int_equal(flush_take_error(f->inode->file, &seen), 0);
	core_unlock(&f->fs->core);
}

static void blocks_that_are_missing_in_the_store_are_uploaded_again(void **state)
{
	struct fixture *f = *state;

	fault_add(f->store,
		&(struct fault_rule){
			.call = FAULT_BATCH, .kind = FAULT_REFUSE, .nth = 1, .error = -ERR_BLOCK_MISSING, .index = 0});
	write_at(f, 0, 100 * KIB);
	assert_int_equal(sync_file(f), 0);
	assert_int_equal(counts(f).block_puts, 2);
	check_range(f, 0, 100 * KIB);
}

static void data_over_the_quota_does_not_block_other_changes_of_the_file(void **state)
{
	struct fixture *f = *state;
	struct op chmod_op = {.kind = OP_SETATTR, .fields = OP_HAS_MODE, .id = f->inode->id, .mode = 0600};
	struct op shorter = truncate_to(f, 1000);
	struct outcome o;

	write_at(f, 0, 200 * KIB);
	assert_int_equal(sync_file(f), -EDQUOT);
	(void)begin_job(f, &chmod_op, &o);
	assert_int_equal(outcome_wait(&o), 0);
	core_lock(&f->fs->core);
	assert_true(file_is_dirty(f->inode->file));
	core_unlock(&f->fs->core);
	(void)begin_job(f, &shorter, &o); /* an op that makes the data fit is sent */
	assert_int_equal(outcome_wait(&o), 0);
	assert_int_equal(sync_file(f), 0);
}

static void refused_data_is_dropped_when_the_last_handle_is_released(void **state)
{
	struct fixture *f = *state;

	write_at(f, 0, 200 * KIB);
	assert_int_equal(sync_file(f), -EDQUOT);
	core_lock(&f->fs->core);
	assert_int_equal(f->fs->flusher.sums.bytes, 200 * KIB);
	flush_released(&f->fs->flusher, f->inode);
	assert_int_equal(f->fs->flusher.sums.bytes, 200 * KIB); /* the file is still open */
	f->inode->opens = 0;
	flush_released(&f->fs->flusher, f->inode);
	assert_int_equal(f->fs->flusher.sums.bytes, 0);
	assert_false(file_is_dirty(f->inode->file));
	core_unlock(&f->fs->core);
	assert_int_equal(sync_file(f), 0);
}

/* -- bounds -- */

static void on_room(struct room_wait *wait, int error)
{
	(void)wait;
	outcome_tell((struct outcome *)(void *)(wait + 1), error);
}

static void a_write_without_room_waits_until_something_is_stored(void **state)
{
	struct fixture *f = *state;
	struct {
		struct room_wait wait;
		struct outcome outcome;
	} w;

	fault_add(f->store, &(struct fault_rule){.call = FAULT_BATCH, .kind = FAULT_HOLD});
	for (int i = 0; i < (int)(FLUSH_FILE_BYTES_MAX / MIB); i++)
		write_at(f, i * (int64_t)MIB, MIB);
	outcome_init(&w.outcome);
	core_lock(&f->fs->core);
	assert_false(flush_room(&f->fs->flusher, f->inode->file, 1));
	w.wait = (struct room_wait){.file = f->inode->file, .size = MIB, .ready = on_room};
	flush_room_wait(&f->fs->flusher, &w.wait);
	core_unlock(&f->fs->core);
	assert_int_equal(fault_wait_held(f->store, FAULT_BATCH, 1, WAIT_MS), 0);
	fault_clear(f->store);
	(void)fault_release(f->store, FAULT_BATCH);
	assert_int_equal(outcome_wait(&w.outcome), 0);
	assert_int_equal(sync_file(f), 0);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_small_write_is_stored_inline_with_one_batch),
		CASE(a_large_write_is_stored_as_blocks_and_one_op),
		CASE(many_small_ranges_are_stored_in_one_block),
		CASE(a_sync_of_a_stored_file_sends_no_batch),
		CASE(a_write_and_a_change_of_attributes_are_sent_as_one_op),
		CASE(a_ctime_that_stat_has_shown_stays_after_the_data_is_stored),
		CASE(a_read_shows_bytes_being_flushed_covered_by_bytes_written_since),
		CASE(a_truncation_waits_for_the_round_in_flight),
		CASE(a_truncation_cuts_earlier_writes_and_not_later_ones),
		CASE(a_waiting_job_can_be_withdrawn_and_a_sent_job_cannot),
		CASE(data_of_a_failed_batch_stays_dirty_and_is_stored_by_the_next_sync),
		CASE(a_failed_upload_fails_the_sync_and_the_next_sync_repeats_it),
		CASE(each_handle_reports_a_failure_once),
		CASE(an_outage_fails_the_waiting_sync_and_is_not_reported_again_later),
		CASE(blocks_that_are_missing_in_the_store_are_uploaded_again),
		cmocka_unit_test_setup_teardown(
			data_over_the_quota_does_not_block_other_changes_of_the_file, setup_small, teardown),
		cmocka_unit_test_setup_teardown(
			refused_data_is_dropped_when_the_last_handle_is_released, setup_small, teardown),
		CASE(a_write_without_room_waits_until_something_is_stored),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
