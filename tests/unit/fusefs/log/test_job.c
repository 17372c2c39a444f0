#include "common/base/error.h"
#include "tests/unit/fusefs/ops/talk_fixture.h"

#include <fcntl.h>
#include <linux/falloc.h>
#include <stdlib.h>

/* Ops that wait for the writes before them (truncation, holes, copies), and the content that is cached when they
 * are done. The cached content must be what is stored: each test reads it from the mount, and then as the store
 * has it. */

#define BYTES 100000 /* of a file: stored as a block, not inline */

struct file {
	uint64_t node, handle;
	char data[2 * BYTES]; /* what the file must contain */
	size_t size;
};

static char byte_at(size_t at)
{
	return (char)(at * 31 + at / 4096);
}

static struct file *file_stored(struct fixture *f, const char *name)
{
	struct fake_kernel *k = &f->kernel;
	struct file *file = calloc(1, sizeof(*file));

	assert_non_null(file);
	file->node = talk_make_file(f, ROOT, name);
	file->handle = talk_open(f, file->node, O_RDWR);
	file->size = BYTES;
	for (size_t i = 0; i < BYTES; i++)
		file->data[i] = byte_at(i);
	assert_int_equal(fake_written(k, fake_write(k, file->handle, 0, file->data, BYTES)), BYTES);
	assert_int_equal(fake_error(k, fake_fsync(k, file->handle)), 0);
	return file;
}

static void check_once(struct fixture *f, const struct file *file)
{
	const size_t half = BYTES / 2;

	assert_int_equal(fake_attr(&f->kernel, fake_getattr(&f->kernel, file->node))->size, file->size);
	for (size_t at = 0; at < file->size; at += half) {
		const size_t size = file->size - at < half ? file->size - at : half;

		fake_check_bytes(
			&f->kernel, fake_read(&f->kernel, file->handle, at, (uint32_t)half), file->data + at, size);
	}
}

/* Compares what the mount shows, then what is stored. */
static void check(struct fixture *f, const struct file *file)
{
	check_once(f, file);
	assert_int_equal(fake_error(&f->kernel, fake_fsync(&f->kernel, file->handle)), 0);
	talk_forget_content(f);
	talk_know_nothing(f);
	check_once(f, file);
}

static void write_marks(struct fixture *f, struct file *file, size_t at)
{
	memcpy(file->data + at, "MARK", 4);
	if (at + 4 > file->size)
		file->size = at + 4;
	talk_write_text(f, file->handle, at, "MARK");
}

static void truncate_to(struct fixture *f, struct file *file, size_t size)
{
	assert_int_equal(fake_attr(&f->kernel, fake_truncate(&f->kernel, file->node, size))->size, size);
	if (size < file->size)
		memset(file->data + size, 0, sizeof(file->data) - size);
	file->size = size;
}

struct range {
	size_t at, to_at, len;
};

static void copy(struct fixture *f, const struct file *from, struct file *to, struct range r)
{
	const struct fuse_copy_file_range_in in = {
		.fh_in = from->handle, .off_in = r.at, .fh_out = to->handle, .off_out = r.to_at, .len = r.len};

	assert_int_equal(fake_written(&f->kernel, fake_copy(&f->kernel, &in)), r.len);
	memmove(to->data + r.to_at, from->data + r.at, r.len);
	if (r.to_at + r.len > to->size)
		to->size = r.to_at + r.len;
}

static void bytes_cut_by_a_truncation_stay_zero_when_the_file_grows_again(void **state)
{
	struct fixture *f = *state;
	struct file *file = file_stored(f, "a");

	truncate_to(f, file, 50001);
	check_once(f, file);
	truncate_to(f, file, BYTES);
	check(f, file);
	free(file);
}

static void a_truncation_applies_after_earlier_writes_and_before_later_ones(void **state)
{
	struct fixture *f = *state;
	struct file *file = file_stored(f, "a");

	write_marks(f, file, 70000);
	truncate_to(f, file, 60000);
	write_marks(f, file, 60002);
	check(f, file);
	free(file);
}

static void a_punched_hole_reads_as_zeros_over_stored_and_unstored_bytes(void **state)
{
	struct fixture *f = *state;
	struct file *file = file_stored(f, "a");

	write_marks(f, file, 30000);
	assert_int_equal(fake_error(&f->kernel,
				 fake_fallocate(&f->kernel, file->handle, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
					 20000, 10002)),
		0);
	memset(file->data + 20000, 0, 10002);
	check(f, file);
	free(file);
}

static void reserving_space_extends_the_file_and_changes_no_bytes(void **state)
{
	struct fixture *f = *state;
	struct file *file = file_stored(f, "a");

	write_marks(f, file, 10);
	assert_int_equal(fake_error(&f->kernel, fake_fallocate(&f->kernel, file->handle, 0, 0, BYTES + 5000)), 0);
	file->size = BYTES + 5000;
	check(f, file);
	free(file);
}

static void copied_content_is_read_without_asking_the_store_for_extents(void **state)
{
	struct fixture *f = *state;
	struct file *from = file_stored(f, "from"), *to = file_stored(f, "to");
	uint64_t asked;

	copy(f, from, to, (struct range){1000, 50000, 20000});
	asked = talk_counts(f).extents;
	check_once(f, to);
	assert_int_equal(talk_counts(f).extents, asked);
	check(f, to);
	free(from);
	free(to);
}

static void a_copy_to_an_offset_past_the_end_extends_its_target(void **state)
{
	struct fixture *f = *state;
	struct file *from = file_stored(f, "from"), *to = file_stored(f, "to");

	copy(f, from, to, (struct range){0, BYTES + 3000, 40000});
	check(f, to);
	check(f, from);
	free(from);
	free(to);
}

static void a_copy_includes_unstored_source_bytes_and_replaces_unstored_target_bytes(void **state)
{
	struct fixture *f = *state;
	struct file *from = file_stored(f, "from"), *to = file_stored(f, "to");

	write_marks(f, from, 2000);
	write_marks(f, to, 2000);
	write_marks(f, to, 90000);
	copy(f, from, to, (struct range){1000, 1000, 5000});
	check(f, to);
	free(from);
	free(to);
}

static void a_range_can_be_copied_within_one_file(void **state)
{
	struct fixture *f = *state;
	struct file *file = file_stored(f, "a");

	write_marks(f, file, 100);
	copy(f, file, file, (struct range){0, 60000, 30000});
	check(f, file);
	free(file);
}

static void the_target_of_a_copy_is_right_when_the_source_was_not_cached(void **state)
{
	struct fixture *f = *state;
	struct file *from = file_stored(f, "from"), *to = file_stored(f, "to");

	talk_drop_content(f, from->node);
	copy(f, from, to, (struct range){1000, 50000, 20000});
	check(f, to);
	free(from);
	free(to);
}

static void a_copy_of_a_hole_reads_as_zeros(void **state)
{
	struct fixture *f = *state;
	struct file *from = file_stored(f, "from"), *to = file_stored(f, "to");

	truncate_to(f, from, 10000);
	truncate_to(f, from, BYTES);
	copy(f, from, to, (struct range){5000, 0, 20000});
	check(f, to);
	free(from);
	free(to);
}

/* The store refuses the dirty data for good. From then on this data is sent alone, and so are the changes behind
 * it. The refused data must not survive those changes. */
static void refuse_what_is_dirty(struct fixture *f, const struct file *file)
{
	talk_fault(f, FAULT_BATCH, FAULT_REFUSE, -EACCES, 0);
	assert_int_equal(fake_error(&f->kernel, fake_fsync(&f->kernel, file->handle)), EACCES);
	fault_clear(f->store);
}

static void a_truncation_cuts_bytes_that_the_store_has_refused(void **state)
{
	struct fixture *f = *state;
	struct file *file = file_stored(f, "a");

	write_marks(f, file, 80000);
	refuse_what_is_dirty(f, file);
	truncate_to(f, file, 50000);
	truncate_to(f, file, BYTES);
	check(f, file);
	free(file);
}

static void a_punched_hole_removes_bytes_that_the_store_has_refused(void **state)
{
	struct fixture *f = *state;
	struct file *file = file_stored(f, "a");

	write_marks(f, file, 20000);
	refuse_what_is_dirty(f, file);
	assert_int_equal(fake_error(&f->kernel,
				 fake_fallocate(&f->kernel, file->handle, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
					 20000, 10000)),
		0);
	memset(file->data + 20000, 0, 10000);
	check(f, file);
	free(file);
}

static void a_copy_replaces_bytes_that_the_store_has_refused(void **state)
{
	struct fixture *f = *state;
	struct file *from = file_stored(f, "from"), *to = file_stored(f, "to");

	write_marks(f, to, 20000);
	refuse_what_is_dirty(f, to);
	copy(f, from, to, (struct range){20000, 20000, 10000});
	check(f, to);
	free(from);
	free(to);
}

static void a_write_over_bytes_that_the_store_has_refused_is_stored(void **state)
{
	struct fixture *f = *state;
	struct file *file = file_stored(f, "a");

	write_marks(f, file, 20000);
	refuse_what_is_dirty(f, file);
	write_marks(f, file, 20002);
	memcpy(file->data + 20000, "MAMARK", 6);
	check(f, file);
	free(file);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, talk_setup, talk_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(bytes_cut_by_a_truncation_stay_zero_when_the_file_grows_again),
		TEST(a_truncation_applies_after_earlier_writes_and_before_later_ones),
		TEST(a_punched_hole_reads_as_zeros_over_stored_and_unstored_bytes),
		TEST(reserving_space_extends_the_file_and_changes_no_bytes),
		TEST(copied_content_is_read_without_asking_the_store_for_extents),
		TEST(a_copy_to_an_offset_past_the_end_extends_its_target),
		TEST(a_copy_includes_unstored_source_bytes_and_replaces_unstored_target_bytes),
		TEST(a_range_can_be_copied_within_one_file),
		TEST(the_target_of_a_copy_is_right_when_the_source_was_not_cached),
		TEST(a_copy_of_a_hole_reads_as_zeros),
		TEST(a_truncation_cuts_bytes_that_the_store_has_refused),
		TEST(a_punched_hole_removes_bytes_that_the_store_has_refused),
		TEST(a_copy_replaces_bytes_that_the_store_has_refused),
		TEST(a_write_over_bytes_that_the_store_has_refused_is_stored),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
