#include "tests/unit/fusefs/ops/talk_fixture.h"

#include "common/base/error.h"
#include "fusefs/log/flush.h"

#include <fcntl.h>
#include <stdlib.h>

/* WRITE: data that is copied into the mount, writes that wait for room, and writes that the store has to take
 * first. */

#define PIECE FAKE_BYTES_MAX /* bytes of one write */

static uint64_t open_new(struct fixture *f, const char *name, uint32_t flags)
{
	return talk_open(f, talk_make_file(f, ROOT, name), flags);
}

static uint64_t write_append(struct fixture *f, uint64_t handle, uint64_t at, const char *text)
{
	return fake_write_as(&f->kernel,
		&(struct fake_write){.handle = handle,
			.offset = at,
			.data = text,
			.size = (uint32_t)strlen(text),
			.flags = O_APPEND});
}

static uint64_t write_mapping(struct fixture *f, uint64_t handle, const char *text)
{
	return fake_write_as(&f->kernel,
		&(struct fake_write){.handle = handle,
			.data = text,
			.size = (uint32_t)strlen(text),
			.write_flags = FUSE_WRITE_CACHE});
}

/* Writes until there is no room for the next write; the store takes nothing. Returns the number of the write that
 * waits. */
static uint64_t fill(struct fixture *f, uint64_t handle)
{
	struct fake_kernel *k = &f->kernel;
	char *data = calloc(1, PIECE);
	uint64_t at = 0, asked;

	assert_non_null(data);
	for (;;) {
		asked = fake_write(k, handle, at, data, PIECE);
		if (!fake_is_answered(k, asked))
			break;
		assert_int_equal(fake_written(k, asked), PIECE);
		at += PIECE;
	}
	assert_int_equal(at, FLUSH_FILE_BYTES_MAX);
	free(data);
	return asked;
}

static void a_write_is_answered_without_sending_a_batch(void **state)
{
	struct fixture *f = *state;
	const uint64_t handle = open_new(f, "a", O_RDWR);
	const uint64_t batches = talk_counts(f).batches;

	talk_hold(f, FAULT_BATCH);
	talk_write_text(f, handle, 0, "hello");
	talk_check_content(f, handle, "hello");
	assert_int_equal(talk_counts(f).batches, batches);
}

static void a_write_of_no_bytes_changes_nothing(void **state)
{
	struct fixture *f = *state;
	const uint64_t handle = open_new(f, "a", O_RDWR);

	assert_int_equal(fake_written(&f->kernel, fake_write(&f->kernel, handle, 100, "", 0)), 0);
	talk_check_content(f, handle, "");
}

static void a_write_past_the_maximum_file_size_fails_or_is_cut_to_the_part_that_fits(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t handle = open_new(f, "a", O_RDWR);

	assert_int_equal(fake_error(k, fake_write(k, handle, FILE_BYTES_MAX, "x", 1)), EFBIG);
	assert_int_equal(fake_error(k, fake_write(k, handle, UINT64_MAX, "x", 1)), EFBIG);
	/* The part that fits is written. */
	assert_int_equal(fake_written(k, fake_write(k, handle, FILE_BYTES_MAX - 2, "xyz", 3)), 2);
}

static void an_append_ignores_the_offset_of_the_kernel_and_writes_at_the_end(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t handle = open_new(f, "a", O_RDWR | O_APPEND);

	talk_write_text(f, handle, 0, "one");
	assert_int_equal(fake_written(k, write_append(f, handle, 0, "two")), 3);
	talk_check_content(f, handle, "onetwo");
	assert_int_equal(fake_error(k, fake_fsync(k, handle)), 0);
	talk_check_content(f, handle, "onetwo");
}

static void a_synchronous_write_is_answered_when_its_data_is_stored(void **state)
{
	static const uint32_t flags[] = {O_SYNC, O_DSYNC, O_DIRECT};
	static const char *const names[] = {"a", "b", "c"};
	struct fixture *f = *state;

	for (size_t i = 0; i < 3; i++) {
		talk_write_text(f, open_new(f, names[i], O_RDWR | flags[i]), 0, "hello");
		assert_int_equal(talk_size_elsewhere(f, names[i]), 5);
	}
}

static void a_refused_synchronous_write_leaves_the_file_unchanged(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t handle = open_new(f, "a", O_RDWR | O_SYNC);

	talk_fault(f, FAULT_BATCH, FAULT_REFUSE, -ERR_FORBIDDEN, 1);
	assert_int_equal(fake_error(k, fake_write(k, handle, 0, "hello", 5)), EPERM);
	talk_check_content(f, handle, "");
	assert_int_equal(fake_error(k, fake_fsync(k, handle)), 0);
	assert_int_equal(fake_attr(k, fake_getattr(k, talk_node(f, "a")))->size, 0);
}

static void a_write_that_may_exceed_the_quota_is_refused_at_once_with_edquot(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t handle = open_new(f, "a", O_RDWR);
	char *data = calloc(1, PIECE);

	assert_non_null(data);
	assert_int_equal(fake_error(k, fake_write(k, handle, 0, data, PIECE)), EDQUOT);
	assert_int_equal(fake_written(k, fake_write(k, handle, 0, data, 4096)), 4096);
	assert_int_equal(fake_error(k, fake_fsync(k, handle)), 0);
	free(data);
}

static void a_write_to_an_append_only_file_is_accepted_only_at_its_end(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t append = talk_open(f, talk_make_protected(f, "a", ITEM_APPEND_ONLY), O_WRONLY | O_APPEND);

	assert_int_equal(fake_written(k, write_append(f, append, 0, "one")), 3);
	assert_int_equal(fake_error(k, fake_write(k, append, 0, "x", 1)), EPERM);
	assert_int_equal(fake_written(k, fake_write(k, append, 3, "x", 1)), 1);
}

static void the_next_write_of_another_handle_reports_a_failed_flush_once(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t one = open_new(f, "a", O_RDWR), two = talk_open(f, talk_node(f, "a"), O_RDWR);

	talk_write_text(f, one, 0, "hello");
	talk_fault(f, FAULT_BATCH, FAULT_FAIL, -EIO, 1);
	assert_int_equal(fake_error(k, fake_fsync(k, two)), EIO);
	assert_int_equal(fake_error(k, fake_write(k, one, 0, "x", 1)), EIO);
	talk_write_text(f, one, 0, "J");
	talk_check_content(f, one, "Jello");
}

/* -- pages of a mapping -- */

static void a_page_of_a_mapping_is_written_at_its_offset_despite_o_append(void **state)
{
	struct fixture *f = *state;
	const uint64_t handle = open_new(f, "a", O_RDWR | O_APPEND);
	const struct fake_write page = {
		.handle = handle, .data = "H", .size = 1, .flags = O_APPEND, .write_flags = FUSE_WRITE_CACHE};

	talk_write_text(f, handle, 0, "hello");
	assert_int_equal(fake_written(&f->kernel, fake_write_as(&f->kernel, &page)), 1);
	talk_check_content(f, handle, "Hello");
}

static void a_page_of_a_mapping_does_not_report_an_earlier_failure(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t one = open_new(f, "a", O_RDWR), two = talk_open(f, talk_node(f, "a"), O_RDWR);

	talk_write_text(f, one, 0, "hello");
	talk_fault(f, FAULT_BATCH, FAULT_FAIL, -EIO, 1);
	assert_int_equal(fake_error(k, fake_fsync(k, two)), EIO);
	assert_int_equal(fake_written(k, write_mapping(f, one, "J")), 1);
	assert_int_equal(fake_error(k, fake_fsync(k, one)), EIO);
}

static void a_refused_page_of_a_mapping_is_dropped_by_the_kernel(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t file = talk_make_file(f, ROOT, "a");
	const uint64_t handle = talk_open(f, file, O_RDWR);
	char *page = calloc(1, PIECE);
	const struct fake_write write = {
		.handle = handle, .data = page, .size = PIECE, .write_flags = FUSE_WRITE_CACHE};

	assert_non_null(page);
	assert_int_equal(fake_error(k, fake_write_as(k, &write)), EDQUOT);
	fake_wait_dropped(k, file);
	free(page);
}

/* -- no room -- */

static void a_write_without_room_waits_until_the_store_takes_data(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t handle = open_new(f, "a", O_RDWR);
	uint64_t asked;

	talk_hold(f, FAULT_BLOCK_PUT);
	asked = fill(f, handle);
	talk_let_go(f, FAULT_BLOCK_PUT);
	assert_int_equal(fake_written(k, asked), PIECE);
}

static void a_signal_ends_the_wait_for_room_once_the_store_is_silent(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t handle = open_new(f, "a", O_RDWR);
	uint64_t asked;

	talk_hold(f, FAULT_BLOCK_PUT);
	asked = fill(f, handle);
	fake_interrupt(k, asked);
	assert_false(fake_is_answered(k, asked));
	talk_age(f, 11 * NS_PER_S);
	assert_int_equal(fake_error(k, asked), EINTR);
	talk_let_go(f, FAULT_BLOCK_PUT);
	assert_int_equal(fake_error(k, fake_fsync(k, handle)), 0);
	assert_int_equal(fake_attr(k, fake_getattr(k, talk_node(f, "a")))->size, FLUSH_FILE_BYTES_MAX);
}

static void a_write_that_waits_for_room_fails_with_the_error_of_the_upload(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t handle = open_new(f, "a", O_RDWR);
	uint64_t asked;

	talk_hold(f, FAULT_BLOCK_PUT);
	asked = fill(f, handle);
	/* A call that is not held yet would meet the next rule instead. */
	talk_wait_held(f, FAULT_BLOCK_PUT, 1);
	fault_clear(f->store);
	talk_fault(f, FAULT_BLOCK_PUT, FAULT_FAIL, -EIO, 0);
	assert_true(fault_cancel_held(f->store, FAULT_BLOCK_PUT, -EIO) > 0);
	assert_int_equal(fake_error(k, asked), EIO);
	fault_clear(f->store);
	(void)fake_answer(k, fake_fsync(k, handle)); /* may report the failures before it */
	assert_int_equal(fake_error(k, fake_fsync(k, handle)), 0);
}

/* -- set-id bits -- */

static void a_direct_write_clears_the_set_id_bits_unless_root_does_it(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t file = talk_make_file(f, ROOT, "a");
	const uint64_t handle = talk_open(f, file, O_RDWR | O_DIRECT);

	assert_int_equal(fake_error(k, fake_chmod(k, file, 06755)), 0);
	talk_write_text(f, handle, 0, "x");
	assert_int_equal(fake_attr(k, fake_getattr(k, file))->mode, S_IFREG | 06755);
	k->uid = NOBODY;
	talk_write_text(f, handle, 0, "x");
	assert_int_equal(fake_attr(k, fake_getattr(k, file))->mode, S_IFREG | 0755);
}

static void a_refused_write_clears_no_set_id_bits(void **state)
{
	struct fixture *f = *state;
	struct fake_kernel *k = &f->kernel;
	const uint64_t file = talk_make_file(f, ROOT, "a");
	const uint64_t handle = talk_open(f, file, O_RDWR | O_DIRECT);
	const struct op protect = {.kind = OP_SETATTR,
		.fields = OP_HAS_PROTECT | OP_HAS_MODE,
		.id = (int64_t)file,
		.protect = ITEM_APPEND_ONLY,
		.mode = 06755};

	talk_write_text(f, handle, 0, "hello");
	assert_true(talk_elsewhere(f, &protect) > 0);
	talk_know_nothing(f);
	assert_int_equal(fake_attr(k, fake_getattr(k, file))->mode, S_IFREG | 06755);
	k->uid = NOBODY;
	assert_int_equal(fake_error(k, fake_write(k, handle, 0, "x", 1)), EPERM);
	/* Such data would be sent together with the next data. */
	k->uid = 0;
	assert_int_equal(fake_written(k, fake_write(k, handle, 5, "x", 1)), 1);
	assert_int_equal(fake_attr(k, fake_getattr(k, file))->mode, S_IFREG | 06755);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, talk_setup, talk_teardown)
#define SMALL(name) cmocka_unit_test_setup_teardown(name, talk_setup_small, talk_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_write_is_answered_without_sending_a_batch),
		TEST(a_write_of_no_bytes_changes_nothing),
		TEST(a_write_past_the_maximum_file_size_fails_or_is_cut_to_the_part_that_fits),
		TEST(an_append_ignores_the_offset_of_the_kernel_and_writes_at_the_end),
		TEST(a_synchronous_write_is_answered_when_its_data_is_stored),
		TEST(a_refused_synchronous_write_leaves_the_file_unchanged),
		SMALL(a_write_that_may_exceed_the_quota_is_refused_at_once_with_edquot),
		TEST(a_write_to_an_append_only_file_is_accepted_only_at_its_end),
		TEST(the_next_write_of_another_handle_reports_a_failed_flush_once),
		TEST(a_page_of_a_mapping_is_written_at_its_offset_despite_o_append),
		TEST(a_page_of_a_mapping_does_not_report_an_earlier_failure),
		SMALL(a_refused_page_of_a_mapping_is_dropped_by_the_kernel),
		TEST(a_write_without_room_waits_until_the_store_takes_data),
		TEST(a_signal_ends_the_wait_for_room_once_the_store_is_silent),
		TEST(a_write_that_waits_for_room_fails_with_the_error_of_the_upload),
		TEST(a_direct_write_clears_the_set_id_bits_unless_root_does_it),
		TEST(a_refused_write_clears_no_set_id_bits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
