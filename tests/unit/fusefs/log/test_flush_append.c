#include "common/base/error.h"
#include "tests/unit/fusefs/log/flush_fixture.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* -- steps -- */

static int64_t size_of(struct fixture *f)
{
	int64_t size;

	core_lock(&f->fs->core);
	size = file_size(f->inode);
	core_unlock(&f->fs->core);
	return size;
}

/* An append of a program, where the kernel takes `end` to be the end. */
static void append_behind(struct fixture *f, int64_t end, const char *text)
{
	const struct flush_data data = {.at = end, .from = text, .size = strlen(text), .append = true};

	core_lock(&f->fs->core);
	assert_int_equal(flush_write(&f->fs->flusher, f->inode, &data), 0);
	core_unlock(&f->fs->core);
}

static void append(struct fixture *f, const char *text)
{
	append_behind(f, size_of(f), text);
}

static bool is_elsewhere(struct fixture *f)
{
	bool elsewhere;

	core_lock(&f->fs->core);
	elsewhere = f->inode->file->elsewhere;
	core_unlock(&f->fs->core);
	return elsewhere;
}

static void put(struct fixture *f, int64_t at, const char *text)
{
	const struct flush_data data = {.at = at, .from = text, .size = strlen(text)};

	core_lock(&f->fs->core);
	assert_int_equal(flush_write(&f->fs->flusher, f->inode, &data), 0);
	core_unlock(&f->fs->core);
}

static void on_through(void *cookie, int error, const struct op_result *result)
{
	(void)result;
	outcome_tell(cookie, error);
}

static void begin_through(struct fixture *f, const struct flush_data *what, struct outcome *o)
{
	struct flush_data data = *what;
	struct job *job;

	outcome_init(o);
	data.done = on_through;
	data.cookie = o;
	core_lock(&f->fs->core);
	assert_int_equal(flush_through(&f->fs->flusher, f->inode, &data, &job), 0);
	core_unlock(&f->fs->core);
}

static void assert_reads(struct fixture *f, const char *text, bool here)
{
	char data[256];
	size_t size = read_at(f, 0, data, sizeof(data), here);

	assert_int_equal(size, strlen(text));
	assert_memory_equal(data, text, size);
}

static void on_refreshed(void *cookie, int error)
{
	outcome_tell(cookie, error);
}

static void refresh(struct fixture *f)
{
	struct outcome o;

	outcome_init(&o);
	core_lock(&f->fs->core);
	assert_int_equal(attributes_refresh(&f->fs->core, f->inode, on_refreshed, &o), 0);
	core_unlock(&f->fs->core);
	assert_int_equal(outcome_wait(&o), 0);
}

/* -- where appends go -- */

static void appends_of_one_round_become_one_op_and_are_readable_before_it(void **state)
{
	struct fixture *f = *state;
	struct mem_counts before = counts(f);

	append(f, "one ");
	append(f, "two ");
	append(f, "three");
	assert_reads(f, "one two three", true);
	assert_int_equal(sync_file(f), 0);
	assert_int_equal(counts(f).ops - before.ops, 1);
	assert_int_equal(counts(f).batches - before.batches, 1);
	assert_reads(f, "one two three", false);
}

static void an_append_is_stored_after_data_that_another_mount_appended_meanwhile(void **state)
{
	struct fixture *f = *state;

	append(f, "mine 1, ");
	assert_int_equal(sync_file(f), 0);
	other_appends(f, "theirs 1, ");
	append(f, "mine 2, ");
	/* This mount has not learned of the other append, so it shows its own data at the assumed place. */
	assert_reads(f, "mine 1, mine 2, ", true);
	assert_int_equal(sync_file(f), 0);
	assert_int_equal(size_of(f), 26);
	assert_reads(f, "mine 1, theirs 1, mine 2, ", false);
}

static void unstored_appended_data_moves_when_the_mount_learns_of_a_new_end(void **state)
{
	struct fixture *f = *state;
	struct outcome o;

	append(f, "mine 1, ");
	assert_int_equal(sync_file(f), 0);
	other_appends(f, "theirs, ");
	fault_add(f->store, &(struct fault_rule){.call = FAULT_BATCH, .kind = FAULT_HOLD});
	append(f, "mine 2, ");
	begin_sync(f, &o);
	assert_int_equal(fault_wait_held(f->store, FAULT_BATCH, 1, WAIT_MS), 0);
	append(f, "mine 3");
	assert_int_equal(size_of(f), 22);
	fault_clear(f->store);
	(void)fault_release(f->store, FAULT_BATCH);
	assert_int_equal(outcome_wait(&o), 0);
	assert_int_equal(size_of(f), 30);
	assert_reads(f, "mine 1, theirs, mine 2, mine 3", false);
	other_appends(f, "; theirs");
	refresh(f);
	assert_reads(f, "mine 1, theirs, mine 2, ; theirsmine 3", false);
	assert_true(is_elsewhere(f)); /* in the pages of the kernel, which drops them when the bytes are stored */
	assert_int_equal(sync_file(f), 0);
	assert_reads(f, "mine 1, theirs, mine 2, ; theirsmine 3", false);
	assert_false(is_elsewhere(f));
}

static void an_append_at_an_end_that_is_no_longer_the_end_is_elsewhere_until_it_is_stored(void **state)
{
	struct fixture *f = *state;

	append(f, "mine 1, ");
	assert_false(is_elsewhere(f));
	append_behind(f, 3, "mine 2");
	assert_true(is_elsewhere(f));
	assert_reads(f, "mine 1, mine 2", true);
	assert_int_equal(sync_file(f), 0);
	assert_false(is_elsewhere(f));
	assert_reads(f, "mine 1, mine 2", false);
}

static void writes_at_an_offset_are_sent_before_appended_data_in_one_batch(void **state)
{
	struct fixture *f = *state;
	struct mem_counts before = counts(f);

	put(f, 0, "begin ");
	append(f, "end");
	put(f, 0, "BEG");
	assert_int_equal(sync_file(f), 0);
	assert_int_equal(counts(f).ops - before.ops, 2);
	assert_int_equal(counts(f).batches - before.batches, 1);
	assert_reads(f, "BEGin end", false);
}

static void a_write_into_unstored_appended_bytes_is_stored_after_the_append(void **state)
{
	struct fixture *f = *state;
	struct flush_data into = {.at = 4, .from = "XX", .size = 2};
	struct outcome o;

	append(f, "four");
	assert_int_equal(sync_file(f), 0);
	append(f, "five");
	core_lock(&f->fs->core);
	assert_true(flush_hits_tail(f->inode->file, &into));
	into.at = 2;
	assert_false(flush_hits_tail(f->inode->file, &into));
	into.at = 4;
	core_unlock(&f->fs->core);
	begin_through(f, &into, &o);
	assert_int_equal(outcome_wait(&o), 0);
	assert_reads(f, "fourXXve", false);
}

static void write_through_appends_keep_their_order_and_follow_foreign_appends(void **state)
{
	struct fixture *f = *state;
	const struct flush_data parts[] = {{.from = "b", .size = 1, .append = true},
		{.from = "c", .size = 1, .append = true}, {.at = 0, .from = "A", .size = 1},
		{.from = "d", .size = 1, .append = true}};
	struct outcome o[4];

	append(f, "a");
	assert_int_equal(sync_file(f), 0);
	other_appends(f, "-");
	for (size_t i = 0; i < 4; i++)
		begin_through(f, &parts[i], &o[i]);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(outcome_wait(&o[i]), 0);
	assert_reads(f, "A-bcd", false);
}

static void a_truncation_after_an_append_is_an_op_of_its_own_and_cuts_the_appended_bytes(void **state)
{
	struct fixture *f = *state;
	struct op op = truncate_to(f, 6);
	struct mem_counts before;
	struct outcome o;

	append(f, "four");
	assert_int_equal(sync_file(f), 0);
	before = counts(f);
	append(f, "five");
	(void)begin_job(f, &op, &o);
	assert_int_equal(outcome_wait(&o), 0);
	assert_int_equal(o.size, 6);
	assert_int_equal(counts(f).ops - before.ops, 2);
	assert_int_equal(counts(f).batches - before.batches, 1);
	append(f, "!");
	assert_int_equal(sync_file(f), 0);
	assert_reads(f, "fourfi!", false);
}

static void a_large_append_is_stored_after_data_that_another_mount_appended(void **state)
{
	struct fixture *f = *state;
	char *data = malloc(9 * (size_t)MIB + 1);
	char *back = malloc(9 * (size_t)MIB + 1);

	assert_non_null(data);
	assert_non_null(back);
	for (size_t i = 0; i < 9 * (size_t)MIB; i++)
		data[i] = "0123456789"[(i * 7 + i / 4096) % 10];
	data[9 * (size_t)MIB] = '\0';
	append(f, "1234567");
	assert_int_equal(sync_file(f), 0);
	other_appends(f, "abc");
	append(f, data);
	assert_int_equal(sync_file(f), 0);
	assert_int_equal(size_of(f), 10 + 9 * (int64_t)MIB);
	assert_int_equal(read_at(f, 10, back, 9 * (size_t)MIB, false), 9 * (size_t)MIB);
	assert_int_equal(memcmp(back, data, 9 * (size_t)MIB), 0);
	free(data);
	free(back);
}

/* -- what fails -- */

static void an_append_that_failed_is_sent_again_by_the_next_sync(void **state)
{
	struct fixture *f = *state;

	fault_add(f->store, &(struct fault_rule){.call = FAULT_BATCH, .kind = FAULT_FAIL, .nth = 1, .error = -EIO});
	append(f, "once");
	assert_int_equal(sync_file(f), -EIO);
	assert_reads(f, "once", true);
	assert_int_equal(sync_file(f), 0);
	assert_reads(f, "once", false);
}

static void an_append_in_doubt_fails_the_sync_and_is_never_sent_again(void **state)
{
	struct fixture *f = *state;

	fault_add(f->store,
		&(struct fault_rule){.call = FAULT_BATCH, .kind = FAULT_LOSE, .nth = 1, .error = -ERR_IN_DOUBT});
	put(f, 0, "place");
	append(f, "once");
	assert_int_equal(sync_file(f), -ERR_IN_DOUBT);
	append(f, "next");
	assert_int_equal(sync_file(f), 0);
	refresh(f);
	assert_reads(f, "placeoncenext", false);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(appends_of_one_round_become_one_op_and_are_readable_before_it),
		TEST(an_append_is_stored_after_data_that_another_mount_appended_meanwhile),
		TEST(unstored_appended_data_moves_when_the_mount_learns_of_a_new_end),
		TEST(an_append_at_an_end_that_is_no_longer_the_end_is_elsewhere_until_it_is_stored),
		TEST(writes_at_an_offset_are_sent_before_appended_data_in_one_batch),
		TEST(a_write_into_unstored_appended_bytes_is_stored_after_the_append),
		TEST(write_through_appends_keep_their_order_and_follow_foreign_appends),
		TEST(a_truncation_after_an_append_is_an_op_of_its_own_and_cuts_the_appended_bytes),
		TEST(a_large_append_is_stored_after_data_that_another_mount_appended),
		TEST(an_append_that_failed_is_sent_again_by_the_next_sync),
		TEST(an_append_in_doubt_fails_the_sync_and_is_never_sent_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
