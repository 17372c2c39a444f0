#include "fusefs/log/flush_internal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#define ID ITEM_ID(7, 50)
#define MTIME 1000
#define EXTENTS_MAX 8

/* The round of one file, and the ops that it would send. */
struct fixture {
	struct core core;
	struct flusher flusher;
	struct inode *inode;
	struct file *file;
	struct round round;
	struct job job;
	struct op ops[FLUSH_ROUND_OPS_MAX];
	struct op_extent extents[EXTENTS_MAX];
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
	f->flusher.core = &f->core;
	f->inode = inodes_get(&f->core.inodes, ID);
	assert_non_null(f->inode);
	f->file = file_get(f->inode);
	assert_non_null(f->file);
	f->round = (struct round){.flusher = &f->flusher, .file = f->file, .mtime = MTIME, .with_data = true};
	dirty_init(&f->round.tried);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	dirty_fini(&f->file->flushing);
	inode_unref(f->inode);
	core_fini(&f->core);
	free(f);
	return 0;
}

static void write_at(struct fixture *f, int64_t at, const char *text)
{
	assert_int_equal(dirty_write(&f->file->flushing, at, text, strlen(text)), 0);
}

static void append(struct fixture *f, const char *text)
{
	struct dirty *d = &f->file->flushing;

	assert_int_equal(dirty_append(d, dirty_end(d), text, strlen(text)), 0);
}

static void add_job(struct fixture *f, const struct op *op)
{
	f->job.op = *op;
	f->round.job = &f->job;
	f->round.jobs = 1;
}

static size_t fill(struct fixture *f)
{
	assert_true(flush_round_content(&f->round)->count < EXTENTS_MAX);
	return flush_round_ops(&f->round, f->ops, f->extents);
}

static void has_extent(const struct op *op, size_t n, int64_t at, const char *text)
{
	assert_true(n < op->extent_count);
	assert_int_equal(op->extents[n].kind, OP_EXTENT_DATA);
	assert_int_equal(op->extents[n].at, at);
	assert_int_equal(op->extents[n].len, strlen(text));
	assert_true(span_eq_str(op->extents[n].data, text));
}

/* -- content -- */

static void dirty_ranges_become_one_write_op_with_their_mtime(void **state)
{
	struct fixture *f = *state;

	write_at(f, 10, "abc");
	write_at(f, 100, "de");
	assert_int_equal(fill(f), 1);
	assert_int_equal(f->ops[0].kind, OP_WRITE);
	assert_int_equal(f->ops[0].id, ID);
	assert_int_equal(f->ops[0].fields, OP_HAS_MTIME);
	assert_int_equal(f->ops[0].mtime, MTIME);
	assert_int_equal(f->ops[0].extent_count, 2);
	has_extent(&f->ops[0], 0, 10, "abc");
	has_extent(&f->ops[0], 1, 100, "de");
}

static void appended_bytes_become_an_append_op_after_the_write_with_offsets_from_zero(void **state)
{
	struct fixture *f = *state;

	write_at(f, 10, "abc");
	append(f, "def"); /* both are in the same piece */
	assert_int_equal(f->file->flushing.count, 1);
	assert_int_equal(fill(f), 2);
	assert_int_equal(f->ops[0].fields & OP_APPEND, 0);
	has_extent(&f->ops[0], 0, 10, "abc");
	assert_int_not_equal(f->ops[1].fields & OP_APPEND, 0);
	assert_int_equal(f->ops[1].extent_count, 1);
	has_extent(&f->ops[1], 0, 0, "def");
	assert_int_equal(f->round.assumed, 13); /* the place that the mount assumed for it */
}

static void a_round_with_only_appended_bytes_is_one_append_op(void **state)
{
	struct fixture *f = *state;

	append(f, "abc");
	assert_int_equal(fill(f), 1);
	assert_int_not_equal(f->ops[0].fields & OP_APPEND, 0);
	assert_int_equal(f->round.writes, 1);
}

static void tag_free(struct dirty_tag *tag)
{
	(void)tag;
}

static void uploaded_bytes_are_sent_as_a_reference_to_their_block(void **state)
{
	struct upload upload = {.tag = {.refs = 2, .free = tag_free}, .size = 10, .sha256 = {0xab, 0xcd}};
	struct fixture *f = *state;

	write_at(f, 100, "0123456789");
	dirty_tag(f->file->flushing.list[0], &upload.tag, 0);
	assert_int_equal(dirty_cut(&f->file->flushing, 100, 104), 0); /* as if the first bytes had been written anew */
	assert_int_equal(fill(f), 1);
	assert_int_equal(f->extents[0].kind, OP_EXTENT_BLOCK);
	assert_int_equal(f->extents[0].at, 104);
	assert_int_equal(f->extents[0].len, 6);
	assert_int_equal(f->extents[0].from, 4);
	assert_memory_equal(f->extents[0].sha256, upload.sha256, sizeof(upload.sha256));
	dirty_fini(&f->file->flushing); /* before `upload`, which it refers to, goes out of scope */
}

static void write_and_append_op_refer_to_different_parts_of_a_shared_block(void **state)
{
	struct upload upload = {.tag = {.refs = 2, .free = tag_free}, .size = 6};
	struct fixture *f = *state;

	write_at(f, 10, "abc");
	append(f, "def");
	dirty_tag(f->file->flushing.list[0], &upload.tag, 0);
	assert_int_equal(fill(f), 2);
	assert_int_equal(f->ops[0].extents[0].from, 0);
	assert_int_equal(f->ops[0].extents[0].len, 3);
	assert_int_equal(f->ops[1].extents[0].from, 3);
	assert_int_equal(f->ops[1].extents[0].len, 3);
	dirty_fini(&f->file->flushing);
}

static void a_round_drops_set_id_bits_only_if_it_has_content(void **state)
{
	const struct op chmod_op = {.kind = OP_SETATTR, .fields = OP_HAS_MODE, .id = ID, .mode = 0755};
	struct fixture *f = *state;

	f->file->drop_setid = true;
	f->round.with_data = false;
	add_job(f, &chmod_op);
	assert_int_equal(fill(f), 1);
	assert_int_equal(f->ops[0].fields & OP_DROP_SETID, 0);
	assert_false(f->round.drop_setid);
	f->round.with_data = true;
	f->round.job = NULL;
	write_at(f, 0, "a");
	assert_int_equal(fill(f), 1);
	assert_int_not_equal(f->ops[0].fields & OP_DROP_SETID, 0);
}

/* -- with a job -- */

static void a_change_of_attributes_is_merged_into_the_write_op(void **state)
{
	const struct op op = {.kind = OP_SETATTR,
		.fields = OP_HAS_MODE | OP_HAS_SIZE | OP_HAS_MTIME,
		.id = ID,
		.mode = 0600,
		.size = 5,
		.mtime = 77};
	struct fixture *f = *state;

	write_at(f, 0, "abcdefgh");
	add_job(f, &op);
	assert_int_equal(fill(f), 1);
	assert_true(f->round.merged);
	assert_int_equal(f->ops[0].kind, OP_WRITE);
	assert_int_equal(f->ops[0].fields, OP_HAS_MODE | OP_HAS_SIZE | OP_HAS_MTIME);
	assert_int_equal(f->ops[0].mode, 0600);
	assert_int_equal(f->ops[0].size, 5);
	assert_int_equal(f->ops[0].mtime, 77); /* the job came after the data */
}

static void a_change_of_size_is_not_merged_into_an_append_op(void **state)
{
	const struct op op = {.kind = OP_SETATTR, .fields = OP_HAS_SIZE, .id = ID, .size = 5};
	struct fixture *f = *state;

	append(f, "abc");
	add_job(f, &op);
	assert_int_equal(fill(f), 2);
	assert_false(f->round.merged);
	assert_int_equal(f->ops[0].fields & OP_HAS_SIZE, 0);
	assert_int_equal(f->ops[1].kind, OP_SETATTR);
	assert_int_equal(f->ops[1].size, 5);
}

static void a_job_that_punches_a_hole_is_sent_after_the_data(void **state)
{
	struct op_extent hole = {.at = 0, .len = 10, .kind = OP_EXTENT_HOLE};
	const struct op op = {.kind = OP_WRITE, .id = ID, .extents = &hole, .extent_count = 1};
	struct fixture *f = *state;

	write_at(f, 0, "abc");
	append(f, "def");
	add_job(f, &op);
	assert_int_equal(fill(f), 3);
	assert_int_equal(f->round.writes, 2);
	assert_ptr_equal(f->ops[2].extents, &hole);
}

static void a_round_with_a_job_and_no_data_sends_only_the_op_of_the_job(void **state)
{
	const struct op op = {.kind = OP_CLONE, .id = ID, .to = ID + 1, .len = 10};
	struct fixture *f = *state;

	f->round.with_data = false;
	add_job(f, &op);
	assert_int_equal(fill(f), 1);
	assert_int_equal(f->ops[0].kind, OP_CLONE);
	assert_int_equal(f->round.writes, 0);
}

/* -- the time of change -- */

static void a_ctime_that_was_shown_is_set_by_another_op_after_the_data(void **state)
{
	struct fixture *f = *state;

	write_at(f, 0, "abc");
	f->file->ctime_shown = true;
	assert_int_equal(fill(f), 2);
	assert_true(f->round.sets_ctime);
	assert_int_equal(f->ops[1].kind, OP_SETATTR);
	assert_int_equal(f->ops[1].fields, OP_HAS_CTIME);
	assert_int_equal(f->ops[1].ctime, MTIME);
	f->inode->attr.ctime = MTIME + 5; /* as a rename since then sets it */
	assert_int_equal(fill(f), 2);
	assert_int_equal(f->ops[1].ctime, MTIME + 5);
}

static void a_round_with_a_job_does_not_set_the_shown_ctime(void **state)
{
	const struct op op = {.kind = OP_SETATTR, .fields = OP_HAS_MODE, .id = ID, .mode = 0600};
	struct fixture *f = *state;

	write_at(f, 0, "abc");
	f->file->ctime_shown = true;
	add_job(f, &op);
	assert_int_equal(fill(f), 1);
	assert_false(f->round.sets_ctime);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(dirty_ranges_become_one_write_op_with_their_mtime),
		TEST(appended_bytes_become_an_append_op_after_the_write_with_offsets_from_zero),
		TEST(a_round_with_only_appended_bytes_is_one_append_op),
		TEST(uploaded_bytes_are_sent_as_a_reference_to_their_block),
		TEST(write_and_append_op_refer_to_different_parts_of_a_shared_block),
		TEST(a_round_drops_set_id_bits_only_if_it_has_content),
		TEST(a_change_of_attributes_is_merged_into_the_write_op),
		TEST(a_change_of_size_is_not_merged_into_an_append_op),
		TEST(a_job_that_punches_a_hole_is_sent_after_the_data),
		TEST(a_round_with_a_job_and_no_data_sends_only_the_op_of_the_job),
		TEST(a_ctime_that_was_shown_is_set_by_another_op_after_the_data),
		TEST(a_round_with_a_job_does_not_set_the_shown_ctime),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
