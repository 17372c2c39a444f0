#include "backend/docs/blocks/block_mem.h"
#include "backend/docs/request/layout.h"
#include "backend/docs/request/reader.h"
#include "tests/unit/backend/docs/rules/trial.h"

#include "common/base/sha256.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#define BLOCK_SIZE 100000

struct fixture {
	struct trial trial;
	struct docs docs;
	char *bytes; /* the file's content */
	size_t size;
	int64_t id;
	uint64_t seed; /* the same numbers in every run */
};

static int64_t next_number(struct fixture *f, int64_t below)
{
	f->seed ^= f->seed << 13;
	f->seed ^= f->seed >> 7;
	f->seed ^= f->seed << 17;
	return (int64_t)(f->seed >> 1) % below;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->seed = 1;
	trial_init(&f->trial);
	assert_int_equal(block_mem_new(&f->docs.blocks), 0);
	f->id = trial_file(&f->trial, f->trial.root, "file");
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	f->docs.blocks->ops->free(f->docs.blocks);
	trial_fini(&f->trial);
	free(f->bytes);
	free(f);
	return 0;
}

static void grow(struct fixture *f, size_t size)
{
	if (size <= f->size)
		return;
	f->bytes = realloc(f->bytes, size);
	assert_non_null(f->bytes);
	memset(f->bytes + f->size, 0, size - f->size);
	f->size = size;
}

static void write_extent(struct fixture *f, struct op_extent extent)
{
	struct op op = {.kind = OP_WRITE, .id = f->id, .extents = &extent, .extent_count = 1};

	(void)trial_do(&f->trial, &op);
}

static void write_inline(struct fixture *f, int64_t at, const char *text)
{
	grow(f, (size_t)at + strlen(text));
	memcpy(f->bytes + at, text, strlen(text));
	write_extent(f,
		(struct op_extent){
			.at = at, .len = (int64_t)strlen(text), .kind = OP_EXTENT_DATA, .data = span_str(text)});
}

/* Writes a stored block of random bytes: `len` of them, from `from` on, at `at` in the file. damage: one
 * stored byte differs from what the hash says. */
static void write_block(struct fixture *f, int64_t at, uint32_t from, int64_t len, bool damage)
{
	struct op_extent extent = {.at = at, .len = len, .kind = OP_EXTENT_BLOCK, .from = from};
	struct docs_scope scope = {.user = 7, .drive = f->trial.drive};
	struct docs_block block = {.size = BLOCK_SIZE, .uploader = 7, .generation = at + 1}, known;
	struct block_name name = {.drive = f->trial.drive, .generation = at + 1};
	char *bytes = malloc(BLOCK_SIZE);

	for (size_t i = 0; i < BLOCK_SIZE; i++)
		bytes[i] = (char)next_number(f, 256);
	assert_int_equal(sha256_of(span_of(bytes, BLOCK_SIZE), extent.sha256), 0);
	grow(f, (size_t)(at + len));
	memcpy(f->bytes + at, bytes + from, (size_t)len);
	bytes[50] = (char)(bytes[50] ^ damage);
	memcpy(block.sha256, extent.sha256, 32);
	memcpy(name.sha256, extent.sha256, 32);
	assert_int_equal(f->trial.store->ops->block_stored(f->trial.store, &scope, &block, &known), 0);
	assert_int_equal(f->docs.blocks->ops->put(f->docs.blocks, &name, span_of(bytes, BLOCK_SIZE)), 0);
	free(bytes);
	write_extent(f, extent);
}

static struct reader *reader_of(struct fixture *f)
{
	struct item item = trial_item(&f->trial, f->id);
	struct reader_options options = {.docs = &f->docs,
		.scope = {.user = 7, .drive = f->trial.drive},
		.id = f->id,
		.size = item.size,
		.content_seq = item.content_seq};
	struct reader *r;

	assert_int_equal(reader_new(&options, &r), 0);
	return r;
}

/* Reads [from, from+len) in pieces of at most max, and compares. */
static void expect_bytes(struct fixture *f, struct reader *r, int64_t from, int64_t len, size_t max)
{
	struct buf out;

	buf_init(&out, 64u << 20);
	reader_seek(r, from, len);
	while (reader_left(r) > 0) {
		size_t before = out.size;

		assert_int_equal(reader_read(r, f->trial.store, max, &out), 0);
		assert_in_range(out.size - before, 1, max);
	}
	assert_int_equal(out.size, len);
	assert_memory_equal(out.data, f->bytes + from, (size_t)len);
	buf_fini(&out);
}

static void a_reader_returns_inline_extents_blocks_and_holes_in_order(void **state)
{
	struct fixture *f = *state;
	struct reader *r;

	write_inline(f, 10, "hello");
	write_block(f, 1000, 500, 90000, false);
	write_inline(f, 5000, "in the middle of a block");
	write_block(f, 200000, 0, BLOCK_SIZE, false);
	r = reader_of(f);
	expect_bytes(f, r, 0, (int64_t)f->size, 1 << 20);
	expect_bytes(f, r, 0, (int64_t)f->size, 777);
	reader_free(r);
}

static void a_reader_returns_random_ranges_in_any_order(void **state)
{
	struct fixture *f = *state;
	struct reader *r;

	write_inline(f, 10, "hello");
	write_block(f, 1000, 500, 90000, false);
	write_block(f, 200000, 0, BLOCK_SIZE, false);
	r = reader_of(f);
	for (int i = 0; i < 300; i++) {
		int64_t from = next_number(f, (int64_t)f->size), len = next_number(f, (int64_t)f->size - from) + 1;

		expect_bytes(f, r, from, len, (size_t)next_number(f, 100000) + 1);
	}
	reader_free(r);
}

static void a_reader_returns_more_extents_than_a_page_holds(void **state)
{
	struct fixture *f = *state;
	struct reader *r;

	for (int i = 0; i < 3 * LAYOUT_PAGE + 1; i++)
		write_inline(f, i * 100, "piece");
	r = reader_of(f);
	expect_bytes(f, r, 0, (int64_t)f->size, 1 << 20);
	expect_bytes(f, r, 99, (int64_t)f->size - 99, 1000);
	reader_free(r);
}

static void a_reader_returns_more_inline_bytes_than_a_page_holds(void **state)
{
	struct fixture *f = *state;
	char *text = malloc(INLINE_BYTES_MAX + 1);
	struct reader *r;

	memset(text, 'q', INLINE_BYTES_MAX);
	text[INLINE_BYTES_MAX] = 0;
	for (int i = 0; i < 20; i++)
		write_inline(f, i * 2 * (int64_t)INLINE_BYTES_MAX, text);
	free(text);
	r = reader_of(f);
	expect_bytes(f, r, 0, (int64_t)f->size, 1 << 20);
	reader_free(r);
}

/* Checks that the reader gives the version that it was made for, although the file has changed since. */
static void expect_version(struct fixture *f, struct reader *r, const char *bytes, size_t size)
{
	struct buf out;

	buf_init(&out, 64u << 20);
	reader_seek(r, 0, (int64_t)size);
	while (reader_left(r) > 0)
		assert_int_equal(reader_read(r, f->trial.store, 100000, &out), 0);
	assert_int_equal(out.size, size);
	assert_memory_equal(out.data, bytes, size);
	buf_fini(&out);
}

static void after_reader_look_a_version_is_read_to_its_end_despite_changes(void **state)
{
	struct fixture *f = *state;
	const struct op cut = {.kind = OP_SETATTR, .fields = OP_HAS_SIZE, .id = f->id, .size = 0};
	char piece[2001], *before;
	struct reader *r;
	size_t size;

	/* Inline content that goes partly to memory and partly to the spool, over several pages, with a block
	 * in its midst. */
	for (int i = 0; i < 3 * LAYOUT_PAGE; i++) {
		memset(piece, 'a' + i % 26, 2000);
		piece[2000] = 0;
		write_inline(f, i * 2100, piece);
	}
	write_block(f, 900000, 0, BLOCK_SIZE, false);
	size = f->size;
	before = malloc(size);
	memcpy(before, f->bytes, size);
	r = reader_of(f);
	assert_int_equal(reader_look(r, f->trial.store, 0, (int64_t)size), 0);
	write_inline(f, (int64_t)size, "appended");
	write_inline(f, 100, "overwritten");
	write_block(f, 400000, 0, BLOCK_SIZE, false);
	(void)trial_do(&f->trial, &cut);
	expect_version(f, r, before, size);
	reader_free(r);
	free(before);
}

static void write_much_inline(struct fixture *f, int count)
{
	char *text = calloc(1, INLINE_BYTES_MAX + 1);

	for (int i = 0; i < count; i++) {
		memset(text, 'a' + i % 26, INLINE_BYTES_MAX);
		write_inline(f, i * 2 * (int64_t)INLINE_BYTES_MAX, text);
	}
	free(text);
}

static void reader_look_succeeds_with_a_full_spool_if_memory_suffices(void **state)
{
	struct fixture *f = *state;
	struct reader *r;

	write_much_inline(f, 20);
	r = reader_of(f);
	block_mem_fail(f->docs.blocks, 0, -ENOSPC);
	assert_int_equal(reader_look(r, f->trial.store, 0, (int64_t)f->size), 0);
	expect_version(f, r, f->bytes, f->size);
	reader_free(r);
}

/* A reader with `count` pieces has to use the spool, which fails with `error`. */
static void expect_no_spool(struct fixture *f, int count, int error)
{
	struct reader *r;

	write_much_inline(f, count);
	r = reader_of(f);
	block_mem_fail(f->docs.blocks, 0, error);
	assert_int_equal(reader_look(r, f->trial.store, 0, (int64_t)f->size), error);
	reader_free(r);
}

static void reader_look_fails_with_enospc_if_spool_and_memory_are_full(void **state)
{
	expect_no_spool(*state, (int)(LAYOUT_MEMORY_BYTES / INLINE_BYTES_MAX) + 2, -ENOSPC);
}

static void reader_look_fails_with_eio_if_the_spool_cannot_be_opened(void **state)
{
	expect_no_spool(*state, 20, -EIO);
}

static void reader_look_at_a_deleted_file_fails_with_estale(void **state)
{
	struct fixture *f = *state;
	struct op op = {.kind = OP_UNLINK, .parent = f->trial.root, .name = SPAN_LITERAL("file")};
	struct reader *r;

	write_inline(f, 0, "first");
	r = reader_of(f);
	(void)trial_do(&f->trial, &op);
	assert_int_equal(reader_look(r, f->trial.store, 0, 5), -ESTALE);
	reader_free(r);
}

static void look_and_read_of_a_changed_file_fail_with_estale(void **state)
{
	struct fixture *f = *state;
	struct reader *r;
	struct buf out;

	buf_init(&out, 1 << 20);
	write_inline(f, 0, "first");
	r = reader_of(f);
	write_inline(f, 0, "other");
	assert_int_equal(reader_look(r, f->trial.store, 0, 5), -ESTALE);
	reader_seek(r, 0, 5);
	assert_int_equal(reader_read(r, f->trial.store, 100, &out), -ESTALE);
	reader_free(r);
	buf_fini(&out);
}

static void reading_a_damaged_block_returns_ebadmsg_and_none_of_its_bytes(void **state)
{
	struct fixture *f = *state;
	struct reader *r;
	struct buf out;

	buf_init(&out, 1 << 20);
	write_inline(f, 0, "good");
	write_block(f, 100, 0, BLOCK_SIZE, true);
	r = reader_of(f);
	reader_seek(r, 0, (int64_t)f->size);
	assert_int_equal(reader_read(r, f->trial.store, 1 << 20, &out), -EBADMSG);
	assert_int_equal(out.size, 100);
	reader_free(r);
	buf_fini(&out);
}

static void reading_a_missing_or_unreadable_block_returns_an_error(void **state)
{
	struct fixture *f = *state;
	struct reader *r;
	struct buf out;

	buf_init(&out, 1 << 20);
	write_block(f, 0, 0, BLOCK_SIZE, false);
	r = reader_of(f);
	block_mem_fail(f->docs.blocks, 0, -EIO);
	reader_seek(r, 10, 10);
	assert_int_equal(reader_read(r, f->trial.store, 100, &out), -EIO);
	block_mem_fail(f->docs.blocks, 0, -ENOENT);
	assert_int_equal(reader_read(r, f->trial.store, 100, &out), -EBADMSG);
	assert_int_equal(out.size, 0);
	reader_free(r);
	buf_fini(&out);
}

#define READER_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		READER_TEST(a_reader_returns_inline_extents_blocks_and_holes_in_order),
		READER_TEST(a_reader_returns_random_ranges_in_any_order),
		READER_TEST(a_reader_returns_more_extents_than_a_page_holds),
		READER_TEST(a_reader_returns_more_inline_bytes_than_a_page_holds),
		READER_TEST(after_reader_look_a_version_is_read_to_its_end_despite_changes),
		READER_TEST(reader_look_succeeds_with_a_full_spool_if_memory_suffices),
		READER_TEST(reader_look_fails_with_enospc_if_spool_and_memory_are_full),
		READER_TEST(reader_look_fails_with_eio_if_the_spool_cannot_be_opened),
		READER_TEST(reader_look_at_a_deleted_file_fails_with_estale),
		READER_TEST(look_and_read_of_a_changed_file_fail_with_estale),
		READER_TEST(reading_a_damaged_block_returns_ebadmsg_and_none_of_its_bytes),
		READER_TEST(reading_a_missing_or_unreadable_block_returns_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
