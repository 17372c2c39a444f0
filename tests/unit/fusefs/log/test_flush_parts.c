#include "common/base/clock.h"
#include "fusefs/log/flush_internal.h"
#include "tests/unit/fusefs/log/flush_fixture.h"

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/*
 * A write() that appends comes in parts, and another mount appends at the same time. Here a part ends at a page
 * boundary, so that another part seems likely. The tests, not the clock, decide how long the mount waits for
 * another part.
 */

#define PAGE 4096
#define WRITER 7
#define EARLIER 8

static int setup_shared(void **state)
{
	int r = setup(state);
	struct fixture *f = *state;

	f->fs->core.others = 1;
	return r;
}

static void hold_batches(struct fixture *f)
{
	fault_add(f->store, &(struct fault_rule){.call = FAULT_BATCH, .kind = FAULT_HOLD});
}

static void let_batches_go(struct fixture *f)
{
	fault_clear(f->store);
	(void)fault_release(f->store, FAULT_BATCH);
}

/* The last write() has all its parts: ends it. */
static void finish(struct fixture *f)
{
	core_lock(&f->fs->core);
	append_over(&f->inode->file->append);
	core_unlock(&f->fs->core);
}

static int teardown_shared(void **state)
{
	finish(*state);
	let_batches_go(*state); /* for a test that failed */
	return teardown(state);
}

/* The caller holds the lock of the core. */
static struct flush_data part(const struct fixture *f, pid_t tid, const void *from, size_t size)
{
	return (struct flush_data){.at = file_size(f->inode), .from = from, .size = size, .append = true, .tid = tid};
}

/* Appends `size` bytes of one letter. Another part may follow for as long as the test likes. */
static void append(struct fixture *f, pid_t tid, char letter, size_t size)
{
	char *text = malloc(size);
	struct flush_data data;
	struct file *file;

	assert_non_null(text);
	memset(text, letter, size);
	core_lock(&f->fs->core);
	file = file_get(f->inode);
	assert_non_null(file);
	data = part(f, tid, text, size);
	assert_int_equal(flush_write(&f->fs->flusher, f->inode, &data), 0);
	file->append.began_ns = file->append.part_ns = clock_mono_ns() + WAIT_MS * NS_PER_MS;
	core_unlock(&f->fs->core);
	free(text);
}

/* The store's content must be runs of these letters with these lengths, one after the other. */
static void assert_runs(struct fixture *f, const char *letters, const size_t *lengths)
{
	const size_t size = 64 * (size_t)PAGE;
	char *data = malloc(size);
	size_t used, at = 0;

	assert_non_null(data);
	used = read_at(f, 0, data, size, false);
	for (size_t i = 0; letters[i]; i++) {
		size_t len = 0;

		while (at + len < used && data[at + len] == letters[i])
			len++;
		assert_int_equal(len, lengths[i]);
		at += len;
	}
	assert_int_equal(at, used);
	free(data);
}

static uint64_t bytes_of(struct fixture *f, bool flushing)
{
	uint64_t bytes;

	core_lock(&f->fs->core);
	bytes = flushing ? f->inode->file->flushing.bytes : f->inode->file->dirty.bytes;
	core_unlock(&f->fs->core);
	return bytes;
}

/* Polls: no callback reports the end of a round that no caller waits for. */
static void wait_for_round(struct fixture *f)
{
	const int64_t until = clock_mono_ns() + WAIT_MS * NS_PER_MS;

	while (bytes_of(f, true) > 0) {
		assert_true(clock_mono_ns() < until);
		sched_yield();
	}
}

static void come_due(struct fixture *f)
{
	core_lock(&f->fs->core);
	f->inode->file->due_ns = 0;
	flush_step(&f->fs->flusher, f->inode->file);
	core_unlock(&f->fs->core);
}

/* -- rounds -- */

static void a_due_round_leaves_out_an_unfinished_append_which_stays_in_one_piece(void **state)
{
	struct fixture *f = *state;

	append(f, EARLIER, 'a', 100);
	append(f, WRITER, 'b', PAGE - 100);
	hold_batches(f);
	come_due(f);
	assert_int_equal(fault_wait_held(f->store, FAULT_BATCH, 1, WAIT_MS), 0);
	assert_int_equal(bytes_of(f, true), 100);
	assert_int_equal(bytes_of(f, false), PAGE - 100);
	let_batches_go(f);
	wait_for_round(f);
	other_appends(f, "ccc");
	append(f, WRITER, 'b', PAGE);
	finish(f);
	assert_int_equal(sync_file(f), 0);
	assert_runs(f, "acb", (const size_t[]){100, 3, 2 * PAGE - 100});
}

static void a_due_round_does_not_begin_while_an_unfinished_append_is_the_only_data(void **state)
{
	struct fixture *f = *state;

	append(f, WRITER, 'b', PAGE);
	come_due(f);
	assert_int_equal(bytes_of(f, false), PAGE);
	append(f, WRITER, 'b', PAGE);
	come_due(f);
	assert_int_equal(bytes_of(f, false), 2 * PAGE);
	core_lock(&f->fs->core);
	append_seen(&f->inode->file->append, WRITER);
	core_unlock(&f->fs->core);
	come_due(f);
	assert_int_equal(bytes_of(f, false), 0);
	assert_int_equal(sync_file(f), 0);
	assert_runs(f, "b", (const size_t[]){2 * PAGE});
}

static void a_write_at_an_offset_ends_the_append_before_it(void **state)
{
	struct fixture *f = *state;

	append(f, EARLIER, 'a', PAGE);
	finish(f);
	assert_int_equal(sync_file(f), 0);
	append(f, WRITER, 'b', PAGE);
	write_at(f, 0, 10);
	come_due(f);
	assert_int_equal(bytes_of(f, false), 0);
}

static void a_mount_alone_does_not_wait_for_more_parts_of_an_append(void **state)
{
	struct fixture *f = *state;

	core_lock(&f->fs->core);
	f->fs->core.others = 0;
	f->fs->core.inodes.trusted = true;
	core_unlock(&f->fs->core);
	append(f, WRITER, 'b', PAGE);
	come_due(f);
	assert_int_equal(bytes_of(f, false), 0);
}

static void an_append_beyond_its_maximum_size_is_flushed_at_once(void **state)
{
	struct fixture *f = *state;

	append(f, WRITER, 'b', APPEND_BYTES_MAX);
	assert_int_equal(bytes_of(f, false), APPEND_BYTES_MAX);
	append(f, WRITER, 'b', PAGE);
	assert_int_equal(bytes_of(f, false), 0);
}

/* -- who waits -- */

static void a_sync_during_an_append_waits_for_its_end_and_stores_it_in_one_piece(void **state)
{
	struct fixture *f = *state;
	struct outcome o;

	append(f, EARLIER, 'a', PAGE);
	append(f, WRITER, 'b', PAGE);
	hold_batches(f);
	begin_sync(f, &o);
	assert_int_equal(fault_wait_held(f->store, FAULT_BATCH, 1, WAIT_MS), 0);
	assert_int_equal(bytes_of(f, true), PAGE);
	append(f, WRITER, 'b', 10);
	let_batches_go(f);
	assert_int_equal(outcome_wait(&o), 0); /* a part that does not end at a page boundary is the last */
	assert_int_equal(bytes_of(f, true) + bytes_of(f, false), 0);
	assert_runs(f, "ab", (const size_t[]){PAGE, PAGE + 10});
}

static void a_sync_does_not_wait_for_an_append_that_began_after_it(void **state)
{
	struct fixture *f = *state;
	struct outcome o;

	hold_batches(f);
	append(f, EARLIER, 'a', PAGE);
	begin_sync(f, &o);
	assert_int_equal(bytes_of(f, false), PAGE); /* this write() may also go on … */
	append(f, WRITER, 'b', PAGE);		    /* … until another one begins */
	assert_int_equal(fault_wait_held(f->store, FAULT_BATCH, 1, WAIT_MS), 0);
	let_batches_go(f);
	assert_int_equal(outcome_wait(&o), 0);
	assert_int_equal(bytes_of(f, false), PAGE);
}

static void a_sync_flushes_at_once_after_an_append_that_ends_inside_a_page(void **state)
{
	struct fixture *f = *state;
	struct outcome o;

	append(f, EARLIER, 'a', 100);
	append(f, WRITER, 'b', 100);
	begin_sync(f, &o);
	assert_int_equal(bytes_of(f, false), 0);
	assert_int_equal(outcome_wait(&o), 0);
}

static void a_sync_waits_only_a_moment_when_no_further_part_of_an_append_follows(void **state)
{
	struct fixture *f = *state;
	struct outcome o;

	append(f, WRITER, 'b', PAGE);
	core_lock(&f->fs->core);
	f->inode->file->append.began_ns = f->inode->file->append.part_ns = clock_mono_ns();
	core_unlock(&f->fs->core);
	begin_sync(f, &o);
	assert_int_equal(outcome_wait(&o), 0); /* although nothing is due for ten minutes, the flusher's thread acts */
}

/* -- room -- */

struct waiting {
	struct room_wait wait; /* must be first */
	struct fixture *fixture;
	struct outcome outcome;
};

/* Writes the part that waited, as the mount does. */
static void on_room(struct room_wait *wait, int error)
{
	struct waiting *w = (struct waiting *)wait;
	static const char text[PAGE] = "";
	const struct flush_data data = part(w->fixture, WRITER, text, PAGE);

	assert_int_equal(error, 0);
	assert_int_equal(flush_write(&w->fixture->fs->flusher, w->fixture->inode, &data), 0);
	outcome_tell(&w->outcome, error);
}

static void begin_to_wait(struct fixture *f, struct waiting *w)
{
	outcome_init(&w->outcome);
	w->fixture = f;
	core_lock(&f->fs->core);
	/* Asks for all that the mount may hold: there is room only when nothing else is dirty. */
	w->wait = (struct room_wait){
		.file = f->inode->file, .size = FLUSH_BYTES_MAX, .append = true, .tid = WRITER, .ready = on_room};
	flush_room_wait(&f->fs->flusher, &w->wait);
	core_unlock(&f->fs->core);
}

static void a_part_that_waits_for_room_keeps_the_earlier_parts_out_of_the_round(void **state)
{
	struct fixture *f = *state;
	struct waiting w;

	append(f, EARLIER, 'a', 100);
	append(f, WRITER, 'b', PAGE - 100);
	core_lock(&f->fs->core);
	f->inode->file->append.part_ns = f->inode->file->append.began_ns = 0; /* as if the write() had begun long ago */
	core_unlock(&f->fs->core);
	hold_batches(f);
	begin_to_wait(f, &w);
	assert_int_equal(fault_wait_held(f->store, FAULT_BATCH, 1, WAIT_MS), 0);
	assert_int_equal(bytes_of(f, true), 100);
	assert_int_equal(bytes_of(f, false), PAGE - 100);
	core_lock(&f->fs->core);
	flush_room_cancel(&f->fs->flusher, &w.wait);
	core_unlock(&f->fs->core);
	let_batches_go(f);
}

static void the_first_part_of_an_append_is_flushed_when_nothing_else_makes_room(void **state)
{
	struct fixture *f = *state;
	struct waiting w;

	append(f, WRITER, 'b', PAGE);
	begin_to_wait(f, &w);
	core_lock(&f->fs->core);
	assert_int_equal(f->inode->file->dirty.bytes, 0);
	flush_room_cancel(&f->fs->flusher, &w.wait);
	core_unlock(&f->fs->core);
	assert_int_equal(sync_file(f), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup_shared, teardown_shared)
	const struct CMUnitTest tests[] = {
		TEST(a_due_round_leaves_out_an_unfinished_append_which_stays_in_one_piece),
		TEST(a_due_round_does_not_begin_while_an_unfinished_append_is_the_only_data),
		TEST(a_write_at_an_offset_ends_the_append_before_it),
		TEST(a_mount_alone_does_not_wait_for_more_parts_of_an_append),
		TEST(an_append_beyond_its_maximum_size_is_flushed_at_once),
		TEST(a_sync_during_an_append_waits_for_its_end_and_stores_it_in_one_piece),
		TEST(a_sync_does_not_wait_for_an_append_that_began_after_it),
		TEST(a_sync_flushes_at_once_after_an_append_that_ends_inside_a_page),
		TEST(a_sync_waits_only_a_moment_when_no_further_part_of_an_append_follows),
		TEST(a_part_that_waits_for_room_keeps_the_earlier_parts_out_of_the_round),
		TEST(the_first_part_of_an_append_is_flushed_when_nothing_else_makes_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
