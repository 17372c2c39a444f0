#include "tests/unit/fusefs/ops/talk_fixture.h"

#include "common/base/error.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <stdlib.h>
#include <unistd.h>

/* Ranges of a file: FALLOCATE, LSEEK for data and holes, COPY_FILE_RANGE. */

static uint64_t open_new(struct fixture *f, const char *name)
{
	return talk_open(f, talk_make_file(f, ROOT, name), O_RDWR);
}

static uint64_t size_of(struct fixture *f, const char *name)
{
	return fake_attr(&f->kernel, fake_getattr(&f->kernel, talk_node(f, name)))->size;
}

/* -- FALLOCATE -- */

static void fallocate_extends_the_file_with_zeros(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t handle = open_new(f, "a");

	talk_write_text(f, handle, 0, "hello");
	assert_int_equal(fake_error(k, fake_fallocate(k, handle, 0, 0, 8)), 0);
	assert_int_equal(size_of(f, "a"), 8);
	fake_check_bytes(k, fake_read(k, handle, 0, 100), "hello\0\0\0", 8);
}

static void fallocate_with_keep_size_does_not_change_the_size(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t handle = open_new(f, "a");

	talk_write_text(f, handle, 0, "hello");
	assert_int_equal(fake_error(k, fake_fallocate(k, handle, FALLOC_FL_KEEP_SIZE, 0, 8000)), 0);
	assert_int_equal(size_of(f, "a"), 5);
}

static void a_punched_hole_reads_as_zeros(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t handle = open_new(f, "a");

	talk_write_text(f, handle, 0, "abcdef");
	assert_int_equal(fake_error(k, fake_fallocate(k, handle, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 2, 2)), 0);
	fake_check_bytes(k, fake_read(k, handle, 0, 100), "ab\0\0ef", 6);
}

static void zero_range_writes_zeros_and_extends_the_file_without_keep_size(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t handle = open_new(f, "a");

	talk_write_text(f, handle, 0, "abcdef");
	assert_int_equal(fake_error(k, fake_fallocate(k, handle, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, 4, 4)), 0);
	fake_check_bytes(k, fake_read(k, handle, 0, 100), "abcd\0\0", 6);
	assert_int_equal(fake_error(k, fake_fallocate(k, handle, FALLOC_FL_ZERO_RANGE, 2, 6)), 0);
	fake_check_bytes(k, fake_read(k, handle, 0, 100), "ab\0\0\0\0\0\0", 8);
}

static void an_unsupported_fallocate_mode_is_refused(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t handle = open_new(f, "a");

	assert_int_equal(fake_error(k, fake_fallocate(k, handle, FALLOC_FL_COLLAPSE_RANGE, 0, 4096)), EOPNOTSUPP);
	assert_int_equal(fake_error(k, fake_fallocate(k, handle, FALLOC_FL_PUNCH_HOLE, 0, 4096)), EOPNOTSUPP);
}

static void fallocate_refuses_an_empty_or_too_large_range(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t handle = open_new(f, "a");

	assert_int_equal(fake_error(k, fake_fallocate(k, handle, 0, 0, 0)), EINVAL);
	assert_int_equal(fake_error(k, fake_fallocate(k, handle, 0, UINT64_MAX, 10)), EINVAL);
	assert_int_equal(fake_error(k, fake_fallocate(k, handle, 0, 0, UINT64_MAX)), EINVAL);
	assert_int_equal(fake_error(k, fake_fallocate(k, handle, 0, FILE_BYTES_MAX, 1)), EFBIG);
	assert_int_equal(fake_error(k, fake_fallocate(k, handle, 0, INT64_MAX, INT64_MAX)), EFBIG);
}

static void a_fallocate_that_the_store_refuses_changes_nothing(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t handle = open_new(f, "a");

	talk_fault(f, FAULT_BATCH, FAULT_REFUSE, -EDQUOT, 1);
	assert_int_equal(fake_error(k, fake_fallocate(k, handle, 0, 0, 8000)), EDQUOT);
	assert_int_equal(size_of(f, "a"), 0);
}

static void a_fallocate_larger_than_the_known_free_space_asks_the_store_about_it(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t handle = open_new(f, "a");
	const uint64_t batches = talk_counts(f).batches;

	/* Before the request is refused, the mount asks the store once more how full the disk is. */
	talk_set_disk(f, 4096);
	talk_hold(f, FAULT_DRIVE);
	(void)fake_fallocate(k, handle, 0, 0, 8192);
	talk_wait_held(f, FAULT_DRIVE, 1);
	talk_fail_held(f, FAULT_DRIVE, -ERR_NO_GATEWAY);
	assert_int_equal(fake_error(k, k->unique), EIO);
	assert_int_equal(fake_error(k, fake_fallocate(k, handle, 0, 0, 8192)), 0); /* it has more room than was known */
	assert_true(talk_counts(f).batches > batches);
}

static void punching_a_hole_does_not_ask_for_the_free_disk_space(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t handle = open_new(f, "a");

	talk_set_disk(f, 0);
	talk_hold(f, FAULT_DRIVE);
	assert_int_equal(
		fake_error(k, fake_fallocate(k, handle, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 8192)), 0);
}

static void a_signal_ends_fallocate_once_the_store_is_silent(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t handle = open_new(f, "a");
	uint64_t asked;

	talk_set_disk(f, 0);
	talk_hold(f, FAULT_DRIVE);
	asked = fake_fallocate(k, handle, 0, 0, 8192);
	talk_wait_held(f, FAULT_DRIVE, 1);
	fake_interrupt(k, asked);
	assert_false(fake_is_answered(k, asked));
	talk_age(f, 11 * NS_PER_S);
	assert_int_equal(fake_error(k, asked), EINTR);
	talk_wait_quiet(f);
	assert_int_equal(size_of(f, "a"), 0);
}

/* -- LSEEK -- */

static void lseek_finds_data_and_holes_in_unstored_data(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t handle = open_new(f, "a");

	talk_write_text(f, handle, 10, "data");
	talk_write_text(f, handle, 20, "more");
	assert_int_equal(fake_offset(k, fake_lseek(k, handle, 0, SEEK_DATA)), 10);
	assert_int_equal(fake_offset(k, fake_lseek(k, handle, 11, SEEK_DATA)), 11);
	assert_int_equal(fake_offset(k, fake_lseek(k, handle, 10, SEEK_HOLE)), 14);
	assert_int_equal(fake_offset(k, fake_lseek(k, handle, 14, SEEK_DATA)), 20);
	assert_int_equal(fake_offset(k, fake_lseek(k, handle, 20, SEEK_HOLE)), 24); /* the end counts as a hole */
}

static void lseek_finds_data_and_holes_in_stored_data(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t file = talk_make_file(f, ROOT, "a");
	const uint64_t handle = talk_open(f, file, O_RDWR);

	talk_write_text(f, handle, 100000, "data");
	assert_int_equal(fake_error(k, fake_fsync(k, handle)), 0);
	talk_drop_content(f, file);
	assert_int_equal(fake_offset(k, fake_lseek(k, handle, 0, SEEK_DATA)), 100000);
	assert_int_equal(fake_offset(k, fake_lseek(k, handle, 100000, SEEK_HOLE)), 100004);
	talk_know_nothing(f);
	assert_int_equal(fake_offset(k, fake_lseek(k, handle, 0, SEEK_HOLE)), 0);
}

static void lseek_for_data_or_a_hole_past_the_end_fails_with_enxio(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t handle = open_new(f, "a");

	talk_write_text(f, handle, 0, "hello");
	assert_int_equal(fake_error(k, fake_lseek(k, handle, 5, SEEK_DATA)), ENXIO);
	assert_int_equal(fake_error(k, fake_lseek(k, handle, 5, SEEK_HOLE)), ENXIO);
	assert_int_equal(fake_error(k, fake_lseek(k, handle, UINT64_MAX, SEEK_DATA)), ENXIO);
	assert_int_equal(fake_error(k, fake_truncate(k, talk_node(f, "a"), 100)), 0);
	assert_int_equal(fake_error(k, fake_lseek(k, handle, 50, SEEK_DATA)), ENXIO); /* only a hole before the end */
}

static void lseek_other_than_for_data_and_holes_fails_with_einval(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t handle = open_new(f, "a");

	assert_int_equal(fake_error(k, fake_lseek(k, handle, 0, SEEK_SET)), EINVAL);
	assert_int_equal(fake_error(k, fake_lseek(k, handle, 0, SEEK_END)), EINVAL);
	assert_int_equal(fake_error(k, fake_lseek(k, handle, 0, 77)), EINVAL);
}

static void a_failure_of_the_store_is_the_error_of_lseek(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t file = talk_make_file(f, ROOT, "a");
	const uint64_t handle = talk_open(f, file, O_RDWR);

	talk_write_text(f, handle, 0, "hello");
	assert_int_equal(fake_error(k, fake_fsync(k, handle)), 0);
	talk_drop_content(f, file);
	talk_fault(f, FAULT_EXTENTS, FAULT_FAIL, -EACCES, 1);
	assert_int_equal(fake_error(k, fake_lseek(k, handle, 0, SEEK_DATA)), EACCES);
	talk_know_nothing(f);
	talk_fault(f, FAULT_ITEM, FAULT_FAIL, -EACCES, 1);
	assert_int_equal(fake_error(k, fake_lseek(k, handle, 0, SEEK_DATA)), EACCES);
	assert_int_equal(fake_offset(k, fake_lseek(k, handle, 0, SEEK_DATA)), 0);
}

static void lseek_for_data_makes_the_kernel_drop_the_pages_of_the_file(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t file = talk_make_file(f, ROOT, "a");
	const uint64_t handle = talk_open(f, file, O_RDWR);

	talk_write_text(f, handle, 0, "hello");
	assert_int_equal(fake_offset(k, fake_lseek(k, handle, 0, SEEK_DATA)), 0);
	fake_wait_dropped(k, file);
}

static void an_lseek_of_a_dying_caller_ends_at_once(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t file = talk_make_file(f, ROOT, "a");
	const uint64_t handle = talk_open(f, file, O_RDWR);
	uint64_t asked;

	talk_write_text(f, handle, 0, "hello");
	assert_int_equal(fake_error(k, fake_fsync(k, handle)), 0);
	talk_drop_content(f, file);
	talk_hold(f, FAULT_EXTENTS);
	k->pid = DEAD_PID;
	asked = fake_lseek(k, handle, 0, SEEK_DATA);
	talk_wait_held(f, FAULT_EXTENTS, 1);
	fake_interrupt(k, asked);
	assert_int_equal(fake_error(k, asked), EINTR);
}

/* -- COPY_FILE_RANGE -- */

static uint64_t copy(struct fixture *f, uint64_t from, uint64_t to, uint64_t len)
{
	return fake_copy(&f->kernel, &(struct fuse_copy_file_range_in){.fh_in = from, .fh_out = to, .len = len});
}

static void copy_file_range_copies_a_range_from_one_file_to_another(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t from = open_new(f, "from"), to = open_new(f, "to");
	const struct fuse_copy_file_range_in part = {.fh_in = from, .off_in = 2, .fh_out = to, .off_out = 1, .len = 3};

	talk_write_text(f, from, 0, "abcdef");
	talk_write_text(f, to, 0, "......");
	assert_int_equal(fake_written(k, fake_copy(k, &part)), 3);
	talk_check_content(f, to, ".cde..");
	talk_check_content(f, from, "abcdef");
}

static void copy_file_range_stops_at_the_end_of_the_source(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t from = open_new(f, "from"), to = open_new(f, "to");
	const struct fuse_copy_file_range_in behind = {.fh_in = from, .off_in = 100, .fh_out = to, .len = 10};

	talk_write_text(f, from, 0, "abc");
	assert_int_equal(fake_written(k, copy(f, from, to, UINT64_MAX)), 3);
	assert_int_equal(fake_written(k, fake_copy(k, &behind)), 0);
	talk_check_content(f, to, "abc");
}

static void copy_file_range_refuses_flags_and_offsets_beyond_the_maximum(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t from = open_new(f, "from"), to = open_new(f, "to");
	struct fuse_copy_file_range_in in = {.fh_in = from, .fh_out = to, .len = 1};

	in.flags = 1;
	assert_int_equal(fake_error(k, fake_copy(k, &in)), EINVAL);
	in = (struct fuse_copy_file_range_in){.fh_in = from, .fh_out = to, .len = 1, .off_out = FILE_BYTES_MAX};
	assert_int_equal(fake_error(k, fake_copy(k, &in)), EFBIG);
	in = (struct fuse_copy_file_range_in){.fh_in = from, .fh_out = to, .len = 1, .off_in = UINT64_MAX};
	assert_int_equal(fake_error(k, fake_copy(k, &in)), EFBIG);
}

static void a_copy_that_the_store_refuses_changes_nothing(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t from = open_new(f, "from"), to = open_new(f, "to");

	talk_write_text(f, from, 0, "abc");
	assert_int_equal(fake_error(k, fake_fsync(k, from)), 0);
	talk_fault(f, FAULT_BATCH, FAULT_REFUSE, -EDQUOT, 1);
	assert_int_equal(fake_error(k, copy(f, from, to, 3)), EDQUOT);
	talk_check_content(f, to, "");
}

static void a_copy_fails_if_the_source_cannot_be_stored(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t from = open_new(f, "from"), to = open_new(f, "to");

	talk_write_text(f, from, 0, "abc");
	talk_fault(f, FAULT_BATCH, FAULT_REFUSE, -EACCES, 1);
	assert_int_equal(fake_error(k, copy(f, from, to, 3)), EACCES);
	talk_check_content(f, to, "");
}

static void a_copy_that_begins_late_in_an_outage_stores_the_source_again(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t from = open_new(f, "from"), to = open_new(f, "to");
	uint64_t early, late;

	talk_write_text(f, from, 0, "abc");
	talk_hold(f, FAULT_BATCH);
	early = fake_fsync(k, from);
	talk_wait_held(f, FAULT_BATCH, 1);
	talk_age(f, STORE_OUTAGE_NS + NS_PER_S);
	assert_int_equal(fake_error(k, early), EIO);
	late = copy(f, from, to, 3);
	talk_fail_held(f, FAULT_BATCH, -ERR_NO_GATEWAY);
	assert_int_equal(fake_written(k, late), 3);
	talk_check_content(f, to, "abc");
}

static void a_handle_that_lost_its_locks_can_be_neither_source_nor_target_of_a_copy(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t lost = open_new(f, "lost"), other = open_new(f, "other");

	talk_write_text(f, other, 0, "abc");
	talk_lose_locks(f, lost);
	assert_int_equal(fake_error(k, copy(f, lost, other, 3)), EIO);
	assert_int_equal(fake_error(k, copy(f, other, lost, 3)), EIO);
}

static void a_copy_of_a_dying_caller_ends_at_once_and_copies_nothing(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t from = open_new(f, "from"), to = open_new(f, "to");
	uint64_t asked;

	talk_write_text(f, from, 0, "abc");
	talk_hold(f, FAULT_BATCH);
	k->pid = DEAD_PID;
	asked = copy(f, from, to, 3);
	talk_wait_held(f, FAULT_BATCH, 1);
	fake_interrupt(k, asked);
	assert_int_equal(fake_error(k, asked), EINTR);
	talk_let_go(f, FAULT_BATCH);
	talk_wait_quiet(f);
	talk_check_content(f, to, "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, talk_setup, talk_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(fallocate_extends_the_file_with_zeros),
		TEST(fallocate_with_keep_size_does_not_change_the_size),
		TEST(a_punched_hole_reads_as_zeros),
		TEST(zero_range_writes_zeros_and_extends_the_file_without_keep_size),
		TEST(an_unsupported_fallocate_mode_is_refused),
		TEST(fallocate_refuses_an_empty_or_too_large_range),
		TEST(a_fallocate_that_the_store_refuses_changes_nothing),
		TEST(a_fallocate_larger_than_the_known_free_space_asks_the_store_about_it),
		TEST(punching_a_hole_does_not_ask_for_the_free_disk_space),
		TEST(a_signal_ends_fallocate_once_the_store_is_silent),
		TEST(lseek_finds_data_and_holes_in_unstored_data),
		TEST(lseek_finds_data_and_holes_in_stored_data),
		TEST(lseek_for_data_or_a_hole_past_the_end_fails_with_enxio),
		TEST(lseek_other_than_for_data_and_holes_fails_with_einval),
		TEST(a_failure_of_the_store_is_the_error_of_lseek),
		TEST(lseek_for_data_makes_the_kernel_drop_the_pages_of_the_file),
		TEST(an_lseek_of_a_dying_caller_ends_at_once),
		TEST(copy_file_range_copies_a_range_from_one_file_to_another),
		TEST(copy_file_range_stops_at_the_end_of_the_source),
		TEST(copy_file_range_refuses_flags_and_offsets_beyond_the_maximum),
		TEST(a_copy_that_the_store_refuses_changes_nothing),
		TEST(a_copy_fails_if_the_source_cannot_be_stored),
		TEST(a_copy_that_begins_late_in_an_outage_stores_the_source_again),
		TEST(a_handle_that_lost_its_locks_can_be_neither_source_nor_target_of_a_copy),
		TEST(a_copy_of_a_dying_caller_ends_at_once_and_copies_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
