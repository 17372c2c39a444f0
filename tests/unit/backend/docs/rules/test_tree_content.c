#include "tests/unit/backend/docs/rules/trial.h"

#include "common/base/error.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <cmocka.h>

#define READ_BYTES 65536

static void assert_content(struct trial *t, int64_t id, const char *text)
{
	char bytes[READ_BYTES];
	size_t size = strlen(text);

	assert_int_equal(trial_item(t, id).size, size);
	docs_mem_read(t->mem, id, bytes, size);
	assert_memory_equal(bytes, text, size);
}

static void assert_bytes(struct trial *t, int64_t id, const char *bytes, size_t size)
{
	char found[READ_BYTES];

	assert_int_equal(trial_item(t, id).size, size);
	docs_mem_read(t->mem, id, found, size);
	assert_memory_equal(found, bytes, size);
}

static struct op write_of(int64_t id, struct op_extent *extents, size_t count)
{
	return (struct op){.kind = OP_WRITE, .id = id, .extents = extents, .extent_count = count};
}

static struct op_extent data_at(int64_t at, const char *text)
{
	return (struct op_extent){
		.at = at, .len = (int64_t)strlen(text), .kind = OP_EXTENT_DATA, .data = span_str(text)};
}

static struct op_extent block_at(int64_t at, int64_t len, uint8_t mark, uint32_t from)
{
	return (struct op_extent){.at = at, .len = len, .kind = OP_EXTENT_BLOCK, .sha256 = {mark}, .from = from};
}

static struct op_extent hole_at(int64_t at, int64_t len)
{
	return (struct op_extent){.at = at, .len = len, .kind = OP_EXTENT_HOLE};
}

static struct op_extent room_at(int64_t at, int64_t len)
{
	return (struct op_extent){.at = at, .len = len, .kind = OP_EXTENT_RESERVE};
}

static struct op resize_of(int64_t id, int64_t size)
{
	return (struct op){.kind = OP_SETATTR, .fields = OP_HAS_SIZE, .id = id, .size = size};
}

static void a_write_sets_content_size_times_and_the_journal_entry(void **state)
{
	struct trial *t = *state;
	int64_t f = trial_file(t, t->root, "f");
	struct op_extent extent = data_at(3, "hello");
	struct op op = write_of(f, &extent, 1);
	struct item item = trial_do(t, &op)->item;
	struct tree_change change = trial_change(t);

	assert_int_equal(item.size, 8);
	assert_int_equal(item.allocated, 5);
	assert_int_equal(item.mtime, t->now);
	assert_int_equal(item.ctime, t->now);
	assert_int_equal(item.content_seq, 2);
	assert_int_equal(trial_used(t), 5);
	assert_int_equal(change.op, OP_WRITE);
	assert_int_equal(change.what, TREE_CONTENT | TREE_SIZE);
	assert_int_equal(change.from, 0); /* the zeros before the data are new, too */
	assert_int_equal(change.len, 8);
	assert_int_equal(change.parent, t->root);
	assert_true(span_eq_str(change.name, "f"));
}

static void a_write_over_inline_content_changes_its_extent_in_place(void **state)
{
	struct trial *t = *state;
	int64_t f = trial_file(t, t->root, "f");

	trial_write(t, f, 0, "hello world");
	trial_write(t, f, 6, "WORLD");
	assert_content(t, f, "hello WORLD");
	assert_int_equal(trial_extents(t, f), 1);
	assert_int_equal(trial_used(t), 11);
	assert_int_equal(trial_change(t).what, TREE_CONTENT);
	assert_int_equal(trial_change(t).from, 6);
	assert_int_equal(trial_change(t).len, 5);
}

static void adjacent_inline_extents_are_merged(void **state)
{
	struct trial *t = *state;
	int64_t f = trial_file(t, t->root, "f");

	trial_write(t, f, 0, "aa");
	trial_write(t, f, 4, "cc");
	assert_int_equal(trial_extents(t, f), 2);
	trial_write(t, f, 2, "bb");
	assert_int_equal(trial_extents(t, f), 1);
	assert_content(t, f, "aabbcc");
}

static void merged_inline_extents_do_not_exceed_inline_bytes_max(void **state)
{
	struct trial *t = *state;
	int64_t f = trial_file(t, t->root, "f");
	char text[4097];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	for (int64_t at = 0; at < 2 * (int64_t)INLINE_BYTES_MAX; at += 4096)
		trial_write(t, f, at, text);
	assert_int_equal(trial_extents(t, f), 2);
	assert_int_equal(trial_used(t), 2 * INLINE_BYTES_MAX);
}

static void extents_that_continue_the_same_block_are_merged(void **state)
{
	struct trial *t = *state;
	int64_t f = trial_file(t, t->root, "f");
	struct op_extent extents[] = {block_at(0, 100, 1, 0), block_at(200, 100, 1, 200), block_at(100, 100, 1, 100),
		block_at(300, 50, 1, 0), block_at(350, 50, 2, 50)};
	struct op op = write_of(f, extents, 5);

	trial_block(t, 1, 1000);
	trial_block(t, 2, 1000);
	(void)trial_do(t, &op);
	assert_int_equal(trial_extents(t, f), 3);
	assert_int_equal(trial_used(t), 400);
}

static void extents_of_different_block_generations_are_not_merged(void **state)
{
	struct tree_drive drive = {.id = 1, .next_number = 10, .used = 100};
	struct tree_node file = {.item = {.id = ITEM_ID(1, 5),
					 .parent = ITEM_ROOT(1),
					 .mode = S_IFREG,
					 .nlink = 1,
					 .size = 100,
					 .allocated = 100},
		.charged = 100};
	struct tree_extent old = {.node = file.item.id,
		.len = 100,
		.kind = EXTENT_BLOCK,
		.sha256 = {1},
		.generation = 5,
		.block_size = 1000};
	struct op_extent extent = block_at(100, 100, 1, 100);
	struct op op = write_of(file.item.id, &extent, 1);
	const struct op_result *results;
	const struct tree_delta *delta;
	struct op_batch *batch;
	struct tree *tree;

	(void)state;
	assert_int_equal(tree_new(&drive, 1, &tree), 0);
	assert_int_equal(tree_load_node(tree, &file), 0);
	assert_int_equal(tree_load_extent(tree, &old), 0);
	assert_int_equal(tree_load_block(tree, old.sha256, 6, 1000), 0);
	assert_int_equal(op_batch_new(&op, 1, &batch), 0);
	assert_int_equal(tree_apply(tree, batch, SPAN_LITERAL(""), &results, NULL), 0);
	assert_int_equal(tree_delta(tree, &delta), 0);
	assert_int_equal(delta->removed_extent_count, 0);
	assert_int_equal(delta->added_extent_count, 1);
	assert_int_equal(delta->added_extents[0]->generation, 6);
	op_batch_free(batch);
	tree_free(tree);
}

static void a_write_into_a_block_extent_splits_it(void **state)
{
	struct trial *t = *state;
	int64_t f = trial_file(t, t->root, "f");
	struct op_extent extent = block_at(0, 1000, 1, 0);
	struct op op = write_of(f, &extent, 1);
	char bytes[1000];

	trial_block(t, 1, 1000);
	(void)trial_do(t, &op);
	trial_write(t, f, 500, "xyz");
	assert_int_equal(trial_extents(t, f), 3);
	assert_int_equal(trial_used(t), 1000);
	docs_mem_read(t->mem, f, bytes, sizeof(bytes));
	for (uint32_t i = 0; i < 1000; i++)
		if (i < 500 || i > 502)
			assert_int_equal(bytes[i], docs_mem_block_byte(extent.sha256, i));
	assert_memory_equal(bytes + 500, "xyz", 3);
}

static void a_write_of_a_missing_block_or_a_range_outside_it_is_refused(void **state)
{
	struct trial *t = *state;
	int64_t f = trial_file(t, t->root, "f");
	struct op_extent extent = block_at(0, 100, 1, 0);
	struct op op = write_of(f, &extent, 1);

	assert_int_equal(trial_error(t, &op), -ERR_BLOCK_MISSING);
	trial_block(t, 1, 99);
	assert_int_equal(trial_error(t, &op), -ERR_UNPROCESSABLE);
	extent.len = 99;
	(void)trial_do(t, &op);
	extent.from = 1;
	assert_int_equal(trial_error(t, &op), -ERR_UNPROCESSABLE);
}

static void a_hole_removes_bytes_and_extends_the_size_unless_a_size_is_given(void **state)
{
	struct trial *t = *state;
	int64_t f = trial_file(t, t->root, "f");
	struct op_extent hole = hole_at(2, 3);
	struct op op = write_of(f, &hole, 1);
	char bytes[10];

	trial_write(t, f, 0, "abcdefgh");
	(void)trial_do(t, &op);
	docs_mem_read(t->mem, f, bytes, 8);
	assert_memory_equal(bytes, "ab\0\0\0fgh", 8);
	assert_int_equal(trial_used(t), 5);
	assert_int_equal(trial_item(t, f).size, 8);
	hole = hole_at(6, 100);
	op.fields = OP_HAS_SIZE; /* like fallocate with KEEP_SIZE */
	op.size = 8;
	(void)trial_do(t, &op);
	assert_int_equal(trial_item(t, f).size, 8);
	assert_int_equal(trial_used(t), 3);
	op.fields = 0;
	(void)trial_do(t, &op);
	assert_int_equal(trial_item(t, f).size, 106);
}

static void content_that_was_truncated_reads_as_zeros_after_growing_again(void **state)
{
	struct trial *t = *state;
	int64_t f = trial_file(t, t->root, "f");
	struct op op = resize_of(f, 3);
	char bytes[8];
	struct item item;

	trial_write(t, f, 0, "abcdefgh");
	item = trial_do(t, &op)->item;
	assert_int_equal(item.size, 3);
	assert_int_equal(item.mtime, t->now);
	assert_int_equal(item.content_seq, trial_seq(t));
	assert_int_equal(trial_change(t).from, 3);
	assert_int_equal(trial_change(t).len, 5);
	assert_int_equal(trial_used(t), 3);
	op = resize_of(f, 8);
	(void)trial_do(t, &op);
	docs_mem_read(t->mem, f, bytes, 8);
	assert_memory_equal(bytes, "abc\0\0\0\0\0", 8);
	op = resize_of(f, 0);
	(void)trial_do(t, &op);
	assert_int_equal(trial_extents(t, f), 0);
	assert_int_equal(trial_used(t), 0);
}

static void a_truncate_to_the_same_size_changes_mtime_but_not_the_etag(void **state)
{
	struct trial *t = *state;
	int64_t f = trial_file(t, t->root, "f"), before;
	struct op op = resize_of(f, 3);
	struct item item;

	trial_write(t, f, 0, "abc");
	before = trial_item(t, f).content_seq;
	item = trial_do(t, &op)->item;
	assert_int_equal(item.content_seq, before);
	assert_int_equal(item.mtime, t->now);
}

static void a_replacing_write_drops_all_old_content(void **state)
{
	struct trial *t = *state;
	int64_t f = trial_file(t, t->root, "f");
	struct op_extent extent = data_at(0, "new");
	struct op op = write_of(f, &extent, 1);

	for (int64_t at = 0; at < 100; at += 10)
		trial_write(t, f, at, "old");
	op.fields = OP_REPLACE;
	(void)trial_do(t, &op);
	assert_content(t, f, "new");
	assert_int_equal(trial_extents(t, f), 1);
	assert_int_equal(trial_used(t), 3);
	assert_int_equal(trial_change(t).from, 0);
	assert_int_equal(trial_change(t).len, 93);
}

static void a_replacing_write_and_other_writes_in_one_batch_apply_in_order(void **state)
{
	struct trial *t = *state;
	int64_t f = trial_file(t, t->root, "f");
	struct op_extent a = data_at(4, "mid"), b = data_at(0, "new!"), c = data_at(4, "tail");
	struct op ops[] = {write_of(f, &a, 1), write_of(f, &b, 1), write_of(f, &c, 1), resize_of(f, 6)};

	trial_write(t, f, 0, "0123456789");
	ops[1].fields = OP_REPLACE;
	assert_int_equal(trial_apply(t, ops, 4, NULL), 0);
	assert_content(t, f, "new!ta");
	assert_int_equal(trial_used(t), 6);
}

static void a_write_can_set_attributes_in_the_same_op(void **state)
{
	struct trial *t = *state;
	int64_t f = trial_file(t, t->root, "f");
	struct op_extent extent = data_at(0, "x");
	struct op op = write_of(f, &extent, 1);
	struct item item;

	op.fields = OP_HAS_MTIME | OP_HAS_MODE | OP_HAS_ATIME | OP_HAS_SIZE | OP_HAS_UID;
	op.mtime = 11;
	op.atime = 12;
	op.mode = 0600;
	op.uid = 13;
	op.size = 5;
	item = trial_do(t, &op)->item;
	assert_int_equal(item.mtime, 11);
	assert_int_equal(item.atime, 12);
	assert_int_equal(item.ctime, t->now);
	assert_int_equal(item.mode, S_IFREG | 0600);
	assert_int_equal(item.uid, 13);
	assert_int_equal(item.size, 5);
	assert_int_equal(trial_change(t).what, TREE_CONTENT | TREE_SIZE | TREE_ATTRIBUTES);
	op = (struct op){.kind = OP_WRITE, .fields = OP_HAS_MODE, .id = f, .mode = 0644};
	item = trial_do(t, &op)->item;
	assert_int_equal(item.mtime, 11);
	assert_int_equal(trial_change(t).from, -1);
}

static void a_write_to_a_folder_fifo_or_missing_document_is_refused(void **state)
{
	struct trial *t = *state;
	struct op op = {.kind = OP_CREATE, .parent = t->root, .name = SPAN_LITERAL("p"), .mode = S_IFIFO};
	int64_t fifo = trial_do(t, &op)->id;
	struct op_extent extent = data_at(0, "x");

	op = write_of(t->root, &extent, 1);
	assert_int_equal(trial_error(t, &op), -EISDIR);
	op = write_of(fifo, &extent, 1);
	assert_int_equal(trial_error(t, &op), -EINVAL);
	op = write_of(ITEM_ID(t->drive, 99), &extent, 1);
	assert_int_equal(trial_error(t, &op), -ENOENT);
	op = resize_of(t->root, 0);
	assert_int_equal(trial_error(t, &op), -EISDIR);
}

static void if_match_refuses_a_write_over_newer_content(void **state)
{
	struct trial *t = *state;
	int64_t f = trial_file(t, t->root, "f");
	struct op_extent extent = data_at(0, "x");
	struct op op = write_of(f, &extent, 1);

	op.fields = OP_IF_MATCH;
	op.if_content_seq = trial_item(t, f).content_seq;
	(void)trial_do(t, &op);
	assert_int_equal(trial_error(t, &op), -ERR_PRECONDITION);
}

static void growth_over_the_quota_is_refused_but_shrinking_always_succeeds(void **state)
{
	struct trial *t = *state;
	int64_t f = trial_file(t, t->root, "f"), g = trial_file(t, t->root, "g");
	struct op_extent extent = data_at(0, "12345678901");
	struct op op = write_of(f, &extent, 1);
	struct op both[] = {write_of(f, &extent, 1), resize_of(f, 2)};

	trial_quota(t, 10);
	assert_int_equal(trial_error(t, &op), -EDQUOT);
	assert_int_equal(trial_item(t, f).size, 0);
	assert_int_equal(trial_apply(t, both, 2, NULL), 0); /* only what the batch leaves counts */
	extent = data_at(0, "12345678");
	op = write_of(g, &extent, 1);
	(void)trial_do(t, &op);
	assert_int_equal(trial_used(t), 10);
	trial_write(t, g, 0, "87654321");
	trial_quota(t, 5);
	trial_write(t, g, 0, "same"); /* over the quota, but no more than before */
	op = resize_of(g, 7);
	(void)trial_do(t, &op);
	extent = data_at(7, "x");
	op = write_of(g, &extent, 1);
	assert_int_equal(trial_error(t, &op), -EDQUOT);
	op = op_unlink_of(t->root, "g");
	(void)trial_do(t, &op);
	assert_int_equal(trial_used(t), 2);
}

static void reserved_space_is_charged_once_and_writes_into_it_are_free(void **state)
{
	struct trial *t = *state;
	int64_t f = trial_file(t, t->root, "f");
	struct op_extent extent = room_at(0, 10);
	struct op op = write_of(f, &extent, 1);

	trial_quota(t, 10);
	assert_int_equal(trial_do(t, &op)->item.size, 10);
	assert_int_equal(trial_used(t), 10);
	assert_int_equal(trial_item(t, f).allocated, 10);
	(void)trial_do(t, &op); /* the room is there already */
	assert_int_equal(trial_used(t), 10);
	assert_bytes(t, f, "\0\0\0\0\0\0\0\0\0\0", 10);
	trial_write(t, f, 3, "abcd");
	assert_int_equal(trial_used(t), 10);
	trial_quota(t, 1); /* room that was reserved stays usable */
	trial_write(t, f, 0, "0123456789");
	assert_int_equal(trial_used(t), 10);
	assert_content(t, f, "0123456789");
	assert_int_equal(trial_extents(t, f), 1);
}

static void a_reservation_over_the_quota_is_refused_and_changes_nothing(void **state)
{
	struct trial *t = *state;
	int64_t f = trial_file(t, t->root, "f");
	struct op_extent extent = room_at(2, 9);
	struct op op = write_of(f, &extent, 1);

	trial_quota(t, 10);
	trial_write(t, f, 0, "abcd");
	assert_int_equal(trial_error(t, &op), -EDQUOT);
	assert_int_equal(trial_used(t), 4);
	assert_int_equal(trial_item(t, f).size, 4);
	extent.len = 8; /* two of them are there already */
	assert_int_equal(trial_do(t, &op)->item.size, 10);
	assert_int_equal(trial_used(t), 10);
}

static void space_reserved_beyond_the_end_is_kept_until_the_file_is_truncated(void **state)
{
	struct trial *t = *state;
	int64_t f = trial_file(t, t->root, "f");
	struct op_extent extent = room_at(0, 100);
	struct op op = write_of(f, &extent, 1);

	op.fields = OP_KEEP_SIZE;
	assert_int_equal(trial_do(t, &op)->item.size, 0);
	assert_int_equal(trial_used(t), 100);
	trial_write(t, f, 0, "abcd");
	assert_int_equal(trial_item(t, f).size, 4);
	assert_int_equal(trial_used(t), 100);
	op = resize_of(f, 50);
	assert_int_equal(trial_do(t, &op)->item.allocated, 100);
	op = resize_of(f, 20);
	assert_int_equal(trial_do(t, &op)->item.allocated, 20);
	assert_int_equal(trial_used(t), 20);
	op = op_unlink_of(t->root, "f");
	(void)trial_do(t, &op);
	assert_int_equal(trial_used(t), 0);
}

static void punching_a_hole_frees_its_space_but_zeroing_a_range_keeps_it(void **state)
{
	struct trial *t = *state;
	int64_t f = trial_file(t, t->root, "f");
	struct op_extent zeros[] = {hole_at(2, 4), room_at(2, 4)}, punch[] = {hole_at(4, 100)};
	struct op op = write_of(f, zeros, 2);

	op.fields = OP_KEEP_SIZE;
	trial_write(t, f, 0, "abcdefgh");
	(void)trial_do(t, &op);
	assert_bytes(t, f, "ab\0\0\0\0gh", 8);
	assert_int_equal(trial_used(t), 8);
	op = write_of(f, punch, 1);
	op.fields = OP_KEEP_SIZE;
	assert_int_equal(trial_do(t, &op)->item.size, 8);
	assert_int_equal(trial_used(t), 4);
}

static void cloning_reserved_space_makes_a_hole(void **state)
{
	struct trial *t = *state;
	int64_t f = trial_file(t, t->root, "f"), g = trial_file(t, t->root, "g");
	struct op_extent extent = room_at(0, 10);
	struct op op = write_of(f, &extent, 1);

	(void)trial_do(t, &op);
	trial_write(t, f, 4, "ab");
	op = (struct op){.kind = OP_CLONE, .id = f, .to = g, .len = 10};
	assert_int_equal(trial_do(t, &op)->item.allocated, 2);
	assert_int_equal(trial_item(t, g).size, 10);
	assert_int_equal(trial_used(t), 12);
}

static void a_quota_error_names_the_op_that_exceeded_it(void **state)
{
	struct trial *t = *state;
	int64_t f = trial_file(t, t->root, "f");
	struct op_extent a = data_at(0, "123"), b = data_at(3, "456");
	struct op ops[] = {
		write_of(f, &a, 1), write_of(f, &b, 1), {.kind = OP_SETATTR, .id = f, .fields = OP_HAS_MODE}};

	trial_quota(t, 5);
	assert_int_equal(trial_apply(t, ops, 3, NULL), -EDQUOT);
	assert_int_equal(t->index, 1);
}

static void a_cloned_range_of_blocks_and_inline_extents_reads_like_its_source(void **state)
{
	struct trial *t = *state;
	int64_t f = trial_file(t, t->root, "f"), g = trial_file(t, t->root, "g");
	struct op_extent extents[] = {block_at(0, 100, 1, 10), data_at(100, "inline"), block_at(200, 50, 1, 0)};
	struct op op = write_of(f, extents, 3);
	const struct op_result *r;
	char source[250], target[250];

	trial_block(t, 1, 200);
	(void)trial_do(t, &op);
	trial_write(t, g, 0, "0123456789");
	op = (struct op){.kind = OP_CLONE, .id = f, .from = 50, .len = 1000, .to = g, .at = 5};
	r = trial_do(t, &op);
	assert_int_equal(r->value, 200);
	assert_int_equal(r->item.id, g);
	assert_int_equal(r->item.size, 205);
	assert_int_equal(r->item.allocated, 5 + 50 + 6 + 50);
	assert_int_equal(trial_change(t).id, g);
	assert_int_equal(trial_change(t).from, 5);
	docs_mem_read(t->mem, f, source, 250);
	docs_mem_read(t->mem, g, target, 205);
	assert_memory_equal(target, "01234", 5);
	assert_memory_equal(target + 5, source + 50, 200);
}

static void a_clone_within_a_file_is_refused_if_the_ranges_overlap(void **state)
{
	struct trial *t = *state;
	int64_t f = trial_file(t, t->root, "f");
	struct op op = {.kind = OP_CLONE, .id = f, .from = 0, .len = 6, .to = f, .at = 3};

	trial_write(t, f, 0, "abcdef");
	assert_int_equal(trial_error(t, &op), -EINVAL);
	op.at = 6;
	assert_int_equal(trial_do(t, &op)->value, 6);
	assert_content(t, f, "abcdefabcdef");
	assert_int_equal(trial_extents(t, f), 1);
	op.from = 100;
	assert_int_equal(trial_do(t, &op)->value, 0);
	op.to = t->root;
	assert_int_equal(trial_error(t, &op), -EISDIR);
	op.to = ITEM_ROOT(t->drive + 1);
	assert_int_equal(trial_error(t, &op), -EXDEV);
}

static void a_failed_batch_leaves_the_content_unchanged(void **state)
{
	struct trial *t = *state;
	int64_t f = trial_file(t, t->root, "f");
	struct op_extent a = data_at(2, "XX"), b = data_at(0, "all new");
	struct op bad[] = {write_of(f, &a, 1), resize_of(f, 3), write_of(f, &b, 1), op_unlink_of(t->root, "none")};
	struct op good[] = {write_of(f, &a, 1)};
	struct trial_batch batches[] = {{.ops = bad, .count = 4}, {.ops = good, .count = 1}, {.ops = bad, .count = 4}};

	trial_write(t, f, 0, "abcdef");
	trial_apply_all(t, batches, 3);
	assert_int_equal(batches[0].error, -ENOENT);
	assert_int_equal(batches[1].error, 0);
	assert_int_equal(batches[2].error, -ENOENT);
	assert_content(t, f, "abXXef");
}

static void small_writes_in_reverse_order_are_merged_into_one_extent(void **state)
{
	struct trial *t = *state;
	int64_t f = trial_file(t, t->root, "f");
	size_t count = INLINE_BYTES_MAX / 2;
	struct op_extent *extents = calloc(count, sizeof(*extents));
	struct op op = write_of(f, extents, count);

	for (size_t i = 0; i < count; i++)
		extents[i] = data_at((int64_t)(count - 1 - i) * 2, "ab");
	(void)trial_do(t, &op);
	assert_int_equal(trial_extents(t, f), 1);
	free(extents);
}

/* ---- against a plain array of bytes ---- */

struct model {
	char bytes[2][READ_BYTES];
	int64_t size[2];
	int64_t id[2];
	unsigned seed;
	char data[INLINE_BYTES_MAX];
};

static int64_t pick(struct model *m, int64_t below)
{
	return rand_r(&m->seed) % below;
}

static void model_extent(struct model *m, int f, struct op_extent *e)
{
	*e = (struct op_extent){.at = pick(m, 40000), .len = 1 + pick(m, pick(m, 4) ? 300 : 20000)};
	switch (pick(m, 5)) {
	case 4:
		e->kind = OP_EXTENT_RESERVE; /* reserved room does not show in the bytes */
		break;
	case 0:
		e->kind = OP_EXTENT_HOLE;
		memset(m->bytes[f] + e->at, 0, (size_t)e->len);
		break;
	case 1:
		e->kind = OP_EXTENT_BLOCK;
		e->sha256[0] = (uint8_t)(1 + pick(m, 3));
		e->from = (uint32_t)pick(m, 1000);
		for (int64_t i = 0; i < e->len; i++)
			m->bytes[f][e->at + i] = docs_mem_block_byte(e->sha256, e->from + (uint32_t)i);
		break;
	default:
		e->kind = OP_EXTENT_DATA;
		e->data = span_of(m->data + pick(m, 1000), (size_t)e->len);
		memcpy(m->bytes[f] + e->at, e->data.data, e->data.size);
		break;
	}
	m->size[f] = e->at + e->len > m->size[f] ? e->at + e->len : m->size[f];
}

static void model_resize(struct model *m, int f, int64_t size)
{
	if (size < m->size[f])
		memset(m->bytes[f] + size, 0, (size_t)(m->size[f] - size));
	m->size[f] = size;
}

static void model_write(struct model *m, int f, struct op *op, struct op_extent *extents)
{
	*op = write_of(m->id[f], extents, (size_t)pick(m, 4));
	if (pick(m, 10) == 0) {
		op->fields |= OP_REPLACE;
		model_resize(m, f, 0);
	}
	for (size_t i = 0; i < op->extent_count; i++)
		model_extent(m, f, &extents[i]);
	if (pick(m, 3) == 0) {
		op->fields |= OP_HAS_SIZE;
		op->size = pick(m, 5) ? pick(m, 60000) : 0;
		model_resize(m, f, op->size);
	}
}

static void model_clone(struct model *m, int f, struct op *op)
{
	int to = (int)pick(m, 2);
	int64_t len;

	*op = (struct op){
		.kind = OP_CLONE, .id = m->id[f], .to = m->id[to], .from = pick(m, 20000), .len = pick(m, 9000)};
	op->at = op->from + 9000 + pick(m, 9000);
	len = op->from >= m->size[f] ? 0 : m->size[f] - op->from < op->len ? m->size[f] - op->from : op->len;
	if (len == 0)
		return;
	memmove(m->bytes[to] + op->at, m->bytes[f] + op->from, (size_t)len);
	m->size[to] = op->at + len > m->size[to] ? op->at + len : m->size[to];
}

static void model_op(struct model *m, struct op *op, struct op_extent *extents)
{
	int f = (int)pick(m, 2);

	switch (pick(m, 6)) {
	case 0:
		*op = resize_of(m->id[f], pick(m, 3) ? pick(m, 60000) : 0);
		model_resize(m, f, op->size);
		break;
	case 1:
		model_clone(m, f, op);
		break;
	default:
		model_write(m, f, op, extents);
		break;
	}
}

/* A transaction of a few batches. Some are made to fail at their end, and must leave nothing. */
static void model_round(struct trial *t, struct model *m)
{
	static struct op_extent extents[3][4][4];
	static struct op ops[3][5];
	static struct model before;
	struct trial_batch batches[3];
	size_t count = 1 + (size_t)pick(m, 3);

	for (size_t b = 0; b < count; b++) {
		bool fails = pick(m, 4) == 0;
		unsigned seed;

		before = *m;
		batches[b] = (struct trial_batch){.ops = ops[b], .count = 1 + (size_t)pick(m, 4)};
		for (size_t i = 0; i < batches[b].count; i++)
			model_op(m, &ops[b][i], extents[b][i]);
		if (!fails)
			continue;
		ops[b][batches[b].count++] = op_unlink_of(t->root, "none");
		seed = m->seed;
		*m = before;
		m->seed = seed;
		/* The extents' data points into the model's `data`, which stays in its place. */
	}
	trial_apply_all(t, batches, count);
	for (size_t b = 0; b < count; b++)
		assert_int_equal(batches[b].error, ops[b][batches[b].count - 1].kind == OP_UNLINK ? -ENOENT : 0);
}

static void random_writes_give_the_same_content_as_a_plain_byte_array(void **state)
{
	static char bytes[READ_BYTES];
	struct model *m = calloc(1, sizeof(*m));
	struct trial *t = *state;

	m->seed = 20240607;
	for (size_t i = 0; i < sizeof(m->data); i++)
		m->data[i] = (char)('A' + i % 61);
	for (uint8_t mark = 1; mark <= 3; mark++)
		trial_block(t, mark, BLOCK_BYTES_MAX);
	m->id[0] = trial_file(t, t->root, "f");
	m->id[1] = trial_file(t, t->root, "g");
	for (int round = 0; round < 1500; round++) {
		model_round(t, m);
		for (int f = 0; f < 2; f++) {
			assert_int_equal(trial_item(t, m->id[f]).size, m->size[f]);
			docs_mem_read(t->mem, m->id[f], bytes, sizeof(bytes));
			assert_memory_equal(bytes, m->bytes[f], sizeof(bytes));
		}
	}
	free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TRIAL_CASE(a_write_sets_content_size_times_and_the_journal_entry),
		TRIAL_CASE(a_write_over_inline_content_changes_its_extent_in_place),
		TRIAL_CASE(adjacent_inline_extents_are_merged),
		TRIAL_CASE(merged_inline_extents_do_not_exceed_inline_bytes_max),
		TRIAL_CASE(extents_that_continue_the_same_block_are_merged),
		TRIAL_CASE(extents_of_different_block_generations_are_not_merged),
		TRIAL_CASE(a_write_into_a_block_extent_splits_it),
		TRIAL_CASE(a_write_of_a_missing_block_or_a_range_outside_it_is_refused),
		TRIAL_CASE(a_hole_removes_bytes_and_extends_the_size_unless_a_size_is_given),
		TRIAL_CASE(content_that_was_truncated_reads_as_zeros_after_growing_again),
		TRIAL_CASE(a_truncate_to_the_same_size_changes_mtime_but_not_the_etag),
		TRIAL_CASE(a_replacing_write_drops_all_old_content),
		TRIAL_CASE(a_replacing_write_and_other_writes_in_one_batch_apply_in_order),
		TRIAL_CASE(a_write_can_set_attributes_in_the_same_op),
		TRIAL_CASE(a_write_to_a_folder_fifo_or_missing_document_is_refused),
		TRIAL_CASE(if_match_refuses_a_write_over_newer_content),
		TRIAL_CASE(growth_over_the_quota_is_refused_but_shrinking_always_succeeds),
		TRIAL_CASE(a_quota_error_names_the_op_that_exceeded_it),
		TRIAL_CASE(reserved_space_is_charged_once_and_writes_into_it_are_free),
		TRIAL_CASE(a_reservation_over_the_quota_is_refused_and_changes_nothing),
		TRIAL_CASE(space_reserved_beyond_the_end_is_kept_until_the_file_is_truncated),
		TRIAL_CASE(punching_a_hole_frees_its_space_but_zeroing_a_range_keeps_it),
		TRIAL_CASE(cloning_reserved_space_makes_a_hole),
		TRIAL_CASE(a_cloned_range_of_blocks_and_inline_extents_reads_like_its_source),
		TRIAL_CASE(a_clone_within_a_file_is_refused_if_the_ranges_overlap),
		TRIAL_CASE(a_failed_batch_leaves_the_content_unchanged),
		TRIAL_CASE(small_writes_in_reverse_order_are_merged_into_one_extent),
		TRIAL_CASE(random_writes_give_the_same_content_as_a_plain_byte_array),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
