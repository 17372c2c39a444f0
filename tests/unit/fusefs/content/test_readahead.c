#include "fusefs/content/readahead.h"

#include "fusefs/content/extents.h"
#include "fusefs/content/file.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#define ID ITEM_ID(7, 50)
#define MIB (1024ll * 1024)
#define BLOCK ((int64_t)BLOCK_BYTES_MAX)
#define CACHE (128 * MIB)
#define ASKED_MAX 64

/* A store that records the blocks that it is asked for. All are answered when the test ends. */
struct asked {
	char block; /* the first byte of the block's name */
	bool whole;
	void (*done)(void *cookie, int error);
	void *cookie;
};

struct fixture {
	struct store store; /* must be first */
	struct core core;
	struct blocks blocks;
	struct inode *inode;
	struct readahead ahead;
	struct asked asked[ASKED_MAX];
	size_t count;
	int64_t extents_from;
	unsigned extents;
	void (*extents_done)(void *cookie, int error, const struct store_extents *extents);
	void *extents_cookie;
};

static store_ticket on_block_get(struct store *s, const struct extent *extent, struct store_part part,
	void (*done)(void *cookie, int error), void *cookie)
{
	struct fixture *f = (struct fixture *)s;

	assert_true(f->count < ASKED_MAX);
	f->asked[f->count++] = (struct asked){(char)extent->sha256[0], store_part_whole(extent, part), done, cookie};
	return f->count;
}

/* budget: the seam's signature */
static store_ticket on_extents(struct store *s, int64_t id, int64_t from, int64_t len,
	void (*done)(void *cookie, int error, const struct store_extents *extents), void *cookie)
{
	struct fixture *f = (struct fixture *)s;

	(void)len;
	assert_int_equal(id, ID);
	f->extents++;
	f->extents_from = from;
	f->extents_done = done;
	f->extents_cookie = cookie;
	return 1;
}

static const struct store_ops store_ops = {.block_get = on_block_get, .extents = on_extents};

static void release(void *cookie, struct inode *inode)
{
	file_free(&((struct fixture *)cookie)->core, inode->file);
}

static int setup(void **state)
{
	static const struct core_hooks hooks = {.release = release};
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->store.ops = &store_ops;
	core_init(&f->core, &(struct core_options){.store = &f->store, .hooks = &hooks, .cookie = f});
	blocks_init(&f->blocks, &f->core, CACHE);
	f->inode = inodes_get(&f->core.inodes, ID);
	assert_non_null(f->inode);
	assert_non_null(file_get(f->inode));
	*state = f;
	return 0;
}

static void answer_failure(struct fixture *f, size_t n)
{
	if (f->asked[n].done)
		f->asked[n].done(f->asked[n].cookie, -EIO);
	f->asked[n].done = NULL;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	for (size_t i = 0; i < f->count; i++)
		answer_failure(f, i);
	if (f->extents_done)
		f->extents_done(f->extents_cookie, -EIO, NULL);
	core_lock(&f->core);
	inode_unref(f->inode);
	core_unlock(&f->core);
	blocks_fini(&f->blocks);
	core_fini(&f->core);
	free(f);
	return 0;
}

/* Makes a file of `count` whole blocks, named 'a', 'b' …. The extents of the first `known` blocks are cached. */
static void make_file(struct fixture *f, int count, int known)
{
	const struct item item = {
		.id = ID, .size = count * BLOCK, .mode = S_IFREG | 0644, .nlink = 1, .seq = 1, .content_seq = 1};

	assert_true(inode_learn(f->inode, &item, 1));
	for (int i = 0; i < known; i++) {
		struct segment s = {.at = i * BLOCK,
			.len = BLOCK,
			.kind = SEGMENT_BLOCK,
			.block_size = BLOCK_BYTES_MAX,
			.has_cap = true};

		memset(s.sha256, 'a' + i, sizeof(s.sha256));
		assert_int_equal(content_own_part(&f->inode->file->content, &s), 0);
	}
}

static void read_at(struct fixture *f, int64_t at, int64_t size)
{
	core_lock(&f->core);
	readahead_read(&f->blocks, f->inode, &f->ahead, at, (size_t)size);
	core_unlock(&f->core);
}

static void miss_at(struct fixture *f, int64_t at)
{
	core_lock(&f->core);
	readahead_missed(&f->blocks, f->inode, &f->ahead, at);
	core_unlock(&f->core);
}

/* The names of the blocks that were asked for, in the order of the requests. */
static const char *asked(const struct fixture *f)
{
	static char text[ASKED_MAX + 1];

	for (size_t i = 0; i < f->count; i++) {
		assert_true(f->asked[i].whole);
		text[i] = f->asked[i].block;
	}
	text[f->count] = '\0';
	return text;
}

/* -- one end to the other -- */

static void the_readahead_window_doubles_with_each_sequential_read_up_to_its_maximum(void **state)
{
	struct fixture *f = *state;

	make_file(f, 20, 20);
	for (int i = 0; i < 8; i++) {
		int64_t expected = READAHEAD_BYTES_MIN << i;

		read_at(f, i * MIB, MIB);
		assert_true(readahead_is_sequential(&f->ahead));
		assert_int_equal(f->ahead.window, expected < READAHEAD_BYTES_MAX ? expected : READAHEAD_BYTES_MAX);
	}
}

static void each_block_ahead_of_a_sequential_reader_is_asked_for_once(void **state)
{
	struct fixture *f = *state;

	make_file(f, 20, 20);
	read_at(f, 0, MIB);
	assert_string_equal(asked(f), "a");
	for (int i = 1; i < 12; i++)
		read_at(f, i * MIB, MIB);
	assert_string_equal(asked(f), "abcdef"); /* at this time the reader is at the end of c */
}

static void readahead_asks_for_nothing_past_the_end_of_the_file(void **state)
{
	struct fixture *f = *state;

	make_file(f, 2, 2);
	for (int i = 0; i < 8; i++)
		read_at(f, i * MIB, MIB);
	assert_string_equal(asked(f), "ab");
	assert_int_equal(f->ahead.until, 2 * BLOCK);
	assert_int_equal(f->extents, 0);
}

static void the_readahead_window_is_at_most_a_quarter_of_the_cache(void **state)
{
	struct fixture *f = *state;

	f->blocks.max = 8 * MIB;
	make_file(f, 20, 20);
	for (int i = 0; i < 6; i++)
		read_at(f, i * MIB, MIB);
	assert_int_equal(f->ahead.window, 2 * MIB);
}

static void kernel_readahead_requests_in_another_order_still_count_as_sequential(void **state)
{
	struct fixture *f = *state;

	make_file(f, 20, 20);
	read_at(f, 0, 128 * 1024);
	read_at(f, 384 * 1024, 128 * 1024);
	assert_true(readahead_is_sequential(&f->ahead));
	read_at(f, 128 * 1024, 128 * 1024); /* the request that the one before overtook */
	assert_true(readahead_is_sequential(&f->ahead));
	assert_int_equal(f->ahead.next, 512 * 1024);
}

static void a_jump_forward_or_backward_ends_a_sequential_read(void **state)
{
	struct fixture *f = *state;

	make_file(f, 20, 20);
	read_at(f, 0, MIB);
	read_at(f, 40 * MIB, MIB);
	assert_false(readahead_is_sequential(&f->ahead));
	read_at(f, 41 * MIB, MIB); /* sequential again from here on */
	assert_true(readahead_is_sequential(&f->ahead));
	read_at(f, 10 * MIB, MIB);
	assert_false(readahead_is_sequential(&f->ahead));
}

static void readahead_asks_once_for_unknown_extents_and_for_no_blocks_beyond_them(void **state)
{
	struct fixture *f = *state;

	make_file(f, 20, 1);
	for (int i = 0; i < 4; i++)
		read_at(f, i * MIB, MIB);
	assert_string_equal(asked(f), "a");
	assert_int_equal(f->extents, 1); /* only once */
	assert_int_equal(f->extents_from, BLOCK);
}

static void readahead_asks_for_no_blocks_and_no_extents_of_a_file_with_invalid_attributes(void **state)
{
	struct fixture *f = *state;

	make_file(f, 20, 20);
	inode_changed(f->inode, 2);
	read_at(f, 0, MIB);
	assert_string_equal(asked(f), "");
	content_drop(&f->inode->file->content);
	read_at(f, MIB, MIB);
	assert_int_equal(f->extents, 0);
}

/* -- what was passed -- */

static void put_block(struct fixture *f, char letter)
{
	struct bytes *bytes = bytes_new(BLOCK_BYTES_MAX);
	uint8_t name[32];

	if (!bytes)
		abort();
	bytes->used = BLOCK_BYTES_MAX;
	memset(name, letter, sizeof(name));
	blocks_put(&f->blocks, name, bytes);
	bytes_unref(bytes);
}

static bool is_passed(const struct fixture *f, char letter)
{
	struct block *b, *next;
	bool passed = false;

	HASH_ITER(hh, f->blocks.by_key, b, next)
		passed = passed || (b->passed && b->key.sha256[0] == (uint8_t)letter);
	return passed;
}

static void a_block_is_passed_when_the_reader_is_well_past_it_or_closes_the_file(void **state)
{
	struct fixture *f = *state;

	make_file(f, 20, 20);
	put_block(f, 'a');
	put_block(f, 'b');
	for (int i = 0; i < 4; i++)
		read_at(f, i * MIB, MIB);
	assert_false(is_passed(f, 'a')); /* other requests of the kernel's read-ahead may still come */
	read_at(f, 4 * MIB, MIB);
	assert_true(is_passed(f, 'a'));
	assert_false(is_passed(f, 'b'));
	for (int i = 5; i < 8; i++)
		read_at(f, i * MIB, MIB);
	core_lock(&f->core);
	readahead_end(&f->blocks, f->inode, &f->ahead);
	core_unlock(&f->core);
	assert_true(is_passed(f, 'b')); /* no more requests will come */
}

static void a_direct_io_reader_passes_no_blocks(void **state)
{
	struct fixture *f = *state;

	make_file(f, 20, 20);
	put_block(f, 'a');
	f->ahead.direct = true;
	for (int i = 0; i < 8; i++)
		read_at(f, i * MIB, MIB);
	assert_false(is_passed(f, 'a'));
}

/* -- at random -- */

static void many_random_misses_fetch_whole_blocks_up_to_the_size_of_the_file_in_total(void **state)
{
	struct fixture *f = *state;

	make_file(f, 2, 2);
	f->ahead.next = 123456; /* not at the beginning, so that the first read is no sequential one */
	for (unsigned i = 0; i < 3 * READAHEAD_DENSE_MISSES; i++)
		miss_at(f, i * MIB);
	assert_string_equal(asked(f), "");
	miss_at(f, 0);
	assert_string_equal(asked(f), "a");
	miss_at(f, MIB); /* the whole block is in flight */
	assert_string_equal(asked(f), "a");
	miss_at(f, 5 * MIB);
	assert_string_equal(asked(f), "ab");
	assert_int_equal(f->ahead.spare, 2 * BLOCK);
	answer_failure(f, 0);
	/* As many bytes as the file has were fetched whole. Without this bound, blocks that evict each
	 * other would be fetched again and again. */
	miss_at(f, 0);
	assert_string_equal(asked(f), "ab");
}

static void random_misses_in_a_file_larger_than_the_cache_fetch_no_whole_blocks(void **state)
{
	struct fixture *f = *state;

	make_file(f, 20, 20);
	f->blocks.max = 19 * BLOCK;
	for (unsigned i = 0; i < 100; i++)
		miss_at(f, i % 80 * MIB);
	assert_string_equal(asked(f), "");
}

static void misses_of_a_sequential_reader_do_not_count_as_random_misses(void **state)
{
	struct fixture *f = *state;

	make_file(f, 2, 2);
	f->ahead.window = READAHEAD_BYTES_MIN;
	for (unsigned i = 0; i < 10; i++)
		miss_at(f, 0);
	assert_string_equal(asked(f), "");
	assert_int_equal(f->ahead.misses, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_readahead_window_doubles_with_each_sequential_read_up_to_its_maximum),
		TEST(each_block_ahead_of_a_sequential_reader_is_asked_for_once),
		TEST(readahead_asks_for_nothing_past_the_end_of_the_file),
		TEST(the_readahead_window_is_at_most_a_quarter_of_the_cache),
		TEST(kernel_readahead_requests_in_another_order_still_count_as_sequential),
		TEST(a_jump_forward_or_backward_ends_a_sequential_read),
		TEST(readahead_asks_once_for_unknown_extents_and_for_no_blocks_beyond_them),
		TEST(readahead_asks_for_no_blocks_and_no_extents_of_a_file_with_invalid_attributes),
		TEST(a_block_is_passed_when_the_reader_is_well_past_it_or_closes_the_file),
		TEST(a_direct_io_reader_passes_no_blocks),
		TEST(many_random_misses_fetch_whole_blocks_up_to_the_size_of_the_file_in_total),
		TEST(random_misses_in_a_file_larger_than_the_cache_fetch_no_whole_blocks),
		TEST(misses_of_a_sequential_reader_do_not_count_as_random_misses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
