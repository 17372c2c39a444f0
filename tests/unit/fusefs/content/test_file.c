#include "fusefs/content/file.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define DRIVE 7

struct fixture {
	struct core core;
	struct inode *inode;
	struct file *file;
};

static void release(void *cookie, struct inode *inode)
{
	file_free(&((struct fixture *)cookie)->core, inode->file);
}

static int setup(void **state)
{
	static const struct core_hooks hooks = {.release = release};
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	core_init(&f->core, &(struct core_options){.hooks = &hooks, .cookie = f});
	f->inode = inodes_get(&f->core.inodes, ITEM_ID(DRIVE, 50));
	assert_non_null(f->inode);
	f->file = file_get(f->inode);
	assert_non_null(f->file);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	inode_unref(f->inode);
	core_fini(&f->core);
	free(f);
	return 0;
}

static void write_bytes(struct fixture *f, size_t size)
{
	static const char bytes[4096];

	assert_true(size <= sizeof(bytes));
	assert_int_equal(dirty_write(&f->file->dirty, 0, bytes, size), 0);
	file_moves(f->file, FILE_WRITTEN);
}

static void drop_bytes(struct fixture *f)
{
	dirty_fini(&f->file->dirty);
	file_moves(f->file, FILE_EMPTIED);
}

static void a_file_is_dirty_from_its_first_write_until_no_dirty_bytes_are_left(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(f->file->state, FILE_CLEAN);
	write_bytes(f, 100);
	assert_int_equal(f->file->state, FILE_DIRTY);
	file_moves(f->file, FILE_STORED);
	assert_int_equal(f->file->state, FILE_DIRTY); /* still dirty: more may have been written meanwhile */
	drop_bytes(f);
	assert_int_equal(f->file->state, FILE_CLEAN);
}

static void failures_in_a_row_are_counted_until_a_round_is_stored(void **state)
{
	struct fixture *f = *state;

	write_bytes(f, 100);
	file_moves(f->file, FILE_FAILED);
	file_moves(f->file, FILE_REJECTED);
	file_moves(f->file, FILE_FAILED);
	assert_int_equal(f->file->failures, 3);
	assert_int_equal(f->file->state, FILE_DIRTY);
	file_moves(f->file, FILE_STORED);
	assert_int_equal(f->file->failures, 0);
	drop_bytes(f);
}

static void a_file_takes_no_writes_from_a_refusal_until_a_round_is_stored(void **state)
{
	struct fixture *f = *state;

	write_bytes(f, 100);
	assert_true(file_takes_more(f->file));
	file_moves(f->file, FILE_SPLIT);
	assert_false(file_takes_more(f->file));
	file_moves(f->file, FILE_REJECTED);
	assert_false(file_takes_more(f->file));
	assert_true(file_is_refused(f->file));
	file_moves(f->file, FILE_STORED);
	assert_true(file_takes_more(f->file));
	drop_bytes(f);
}

static void a_split_file_forgets_that_its_last_round_took_only_jobs(void **state)
{
	struct fixture *f = *state;

	write_bytes(f, 100);
	f->file->jobs_went = true;
	file_moves(f->file, FILE_WRITTEN);
	assert_true(f->file->jobs_went);
	file_moves(f->file, FILE_SPLIT);
	assert_false(f->file->jobs_went);
	drop_bytes(f);
}

static void refused_bytes_count_as_stuck_and_other_dirty_bytes_do_not(void **state)
{
	struct fixture *f = *state;
	struct file_sums sums = {0};

	write_bytes(f, 100);
	assert_false(file_count_dirty(&sums, f->file, 0));
	assert_int_equal(sums.bytes, 100);
	assert_int_equal(sums.stuck, 0);
	file_moves(f->file, FILE_REJECTED);
	assert_true(file_count_dirty(&sums, f->file, 30));
	assert_int_equal(sums.bytes, 130);
	assert_int_equal(sums.stuck, 100);
	drop_bytes(f);
	assert_true(file_count_dirty(&sums, f->file, 0));
	assert_int_equal(sums.bytes, 0);
	assert_int_equal(sums.stuck, 0);
}

/* Runs in a child process: a failed assertion ends the process. */
static bool ends_the_process(struct file *file, enum file_event event)
{
	int status = 0;
	pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		(void)setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
		(void)close(STDERR_FILENO);
		(void)signal(SIGABRT, SIG_DFL);
		file_moves(file, event);
		_exit(0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void an_event_that_is_impossible_in_a_state_aborts_the_process(void **state)
{
	struct fixture *f = *state;

	assert_true(ends_the_process(f->file, FILE_STORED)); /* nothing was flushing */
	assert_true(ends_the_process(f->file, FILE_REJECTED));
	assert_false(ends_the_process(f->file, FILE_EMPTIED));
	write_bytes(f, 100);
	assert_true(ends_the_process(f->file, FILE_EMPTIED)); /* something is dirty */
	assert_false(ends_the_process(f->file, FILE_WRITTEN));
	file_moves(f->file, FILE_REJECTED);
	assert_true(ends_the_process(f->file, FILE_WRITTEN)); /* the new bytes would share the rejected ones' fate */
	assert_true(ends_the_process(f->file, FILE_SPLIT));
	drop_bytes(f);
}

static void file_give_drops_the_least_recently_used_content_but_never_the_only_one(void **state)
{
	struct fixture *f = *state;
	struct inode *other = inodes_get(&f->core.inodes, ITEM_ID(DRIVE, 51));
	const struct span bytes = SPAN_LITERAL("content");

	assert_non_null(other);
	assert_int_equal(content_learn_inline(&f->file->content, 1, 1, bytes), 0);
	file_count_content(&f->core, f->file);
	file_give(&f->core); /* the only one stays: a caller is about to use it */
	assert_true(f->file->content.any);
	assert_non_null(file_get(other));
	assert_int_equal(content_learn_inline(&other->file->content, 1, 1, bytes), 0);
	file_count_content(&f->core, other->file);
	file_give(&f->core);
	assert_null(f->inode->file); /* no reference is left */
	assert_true(other->file->content.any);
	assert_true(kept_bytes(&f->core.kept, KEPT_CONTENT) > 0);
	file_drop_content(&f->core, other->file);
	assert_int_equal(kept_bytes(&f->core.kept, KEPT_CONTENT), 0);
	inode_unref(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_file_is_dirty_from_its_first_write_until_no_dirty_bytes_are_left, setup, teardown),
		cmocka_unit_test_setup_teardown(failures_in_a_row_are_counted_until_a_round_is_stored, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_file_takes_no_writes_from_a_refusal_until_a_round_is_stored, setup, teardown),
		cmocka_unit_test_setup_teardown(
			a_split_file_forgets_that_its_last_round_took_only_jobs, setup, teardown),
		cmocka_unit_test_setup_teardown(
			refused_bytes_count_as_stuck_and_other_dirty_bytes_do_not, setup, teardown),
		cmocka_unit_test_setup_teardown(
			an_event_that_is_impossible_in_a_state_aborts_the_process, setup, teardown),
		cmocka_unit_test_setup_teardown(
			file_give_drops_the_least_recently_used_content_but_never_the_only_one, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
