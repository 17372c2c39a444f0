#include "fusefs/content/blocks.h"

#include "fusefs/core/core.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define KIB 1024u
#define LARGE (512 * KIB)
#define CACHE (16 * LARGE) /* so large that passed blocks of up to one LARGE stay */

/* A store that records the requests for blocks. The test answers them later. */
struct asked {
	struct store_part part;
	void (*done)(void *cookie, int error);
	void *cookie;
};

struct fixture {
	struct store store; /* must be first */
	struct core core;
	struct blocks cache, *blocks;
	struct asked asked[8];
	size_t count;
};

static store_ticket on_block_get(struct store *s, const struct extent *extent, struct store_part part,
	void (*done)(void *cookie, int error), void *cookie)
{
	struct fixture *f = (struct fixture *)s;

	(void)extent;
	assert_true(f->count < sizeof(f->asked) / sizeof(f->asked[0]));
	f->asked[f->count++] = (struct asked){part, done, cookie};
	return 0;
}

static const struct store_ops store_ops = {.block_get = on_block_get};

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	f->store.ops = &store_ops;
	core_init(&f->core, &(struct core_options){.store = &f->store});
	f->blocks = &f->cache;
	blocks_init(f->blocks, &f->core, CACHE);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	blocks_fini(f->blocks);
	assert_int_equal(f->blocks->used, 0);
	assert_int_equal(f->blocks->passed_used, 0);
	core_fini(&f->core);
	free(f);
	return 0;
}

/* A block is named by a letter. All of its bytes are that letter. */
static const uint8_t *name_of(char letter, uint8_t ret[32])
{
	memset(ret, letter, 32);
	return ret;
}

static void put(struct fixture *f, char letter, size_t size)
{
	struct bytes *bytes = bytes_new(size);
	uint8_t name[32];

	if (!bytes)
		abort();
	memset(bytes->data, letter, size);
	bytes->used = size;
	blocks_put(f->blocks, name_of(letter, name), bytes);
	bytes_unref(bytes);
}

static void pass(struct fixture *f, char letter)
{
	uint8_t name[32];

	blocks_passed(f->blocks, name_of(letter, name));
}

static void put_and_pass(struct fixture *f, const char *letters, size_t size)
{
	for (; *letters; letters++) {
		put(f, *letters, size);
		pass(f, *letters);
	}
}

/* The block's bytes in the cache, checked against the letter; NULL: the block is not cached. */
static struct bytes *find(struct fixture *f, char letter)
{
	struct blocks_span span;
	uint8_t name[32];

	if (!blocks_find(f->blocks, name_of(letter, name), 0, &span))
		return NULL;
	for (uint32_t i = 0; i < span.to; i++)
		assert_int_equal(span.bytes->data[i], letter);
	return span.bytes;
}

/* Whether the block is cached. Unlike find, this is no use of the block. */
static bool is_here(struct fixture *f, char letter)
{
	struct block *b, *next;
	bool here = false;

	HASH_ITER(hh, f->blocks->by_key, b, next)
		here = here || (b->bytes && b->key.sha256[0] == (uint8_t)letter);
	return here;
}

static void ask(struct fixture *f, char letter, uint32_t size)
{
	struct segment s = {.len = size, .kind = SEGMENT_BLOCK, .block_size = size};
	struct blocks_want whole = {.from = 0, .len = size, .whole = true};

	(void)name_of(letter, s.sha256);
	core_lock(&f->core);
	assert_int_equal(blocks_fetch(f->blocks, &s, &whole, NULL, NULL), size);
	core_unlock(&f->core);
}

static void answer(struct fixture *f, char letter, int error)
{
	struct asked a = f->asked[--f->count];

	memset(a.part.into, letter, a.part.len);
	a.done(a.cookie, error);
}

/* ---- tests ---- */

static void passed_blocks_are_evicted_before_blocks_that_were_used_longer_ago(void **state)
{
	struct fixture *f = *state;

	put(f, 'a', LARGE);
	put_and_pass(f, "bc", LARGE);
	for (int letter = 'd'; letter <= 'q'; letter++)
		put(f, (char)letter, LARGE);
	assert_false(is_here(f, 'b'));
	assert_true(is_here(f, 'a'));
	assert_true(is_here(f, 'c'));
	put(f, 'r', LARGE);
	put(f, 's', LARGE);
	assert_false(is_here(f, 'c'));
	assert_false(is_here(f, 'a'));
	assert_int_equal(f->blocks->used, CACHE);
}

static void a_fetched_block_reuses_the_memory_of_the_block_that_was_passed_first(void **state)
{
	struct fixture *f = *state;
	struct bytes *first;

	put(f, 'a', LARGE);
	first = find(f, 'a');
	pass(f, 'a');
	put_and_pass(f, "b", LARGE);
	ask(f, 'x', LARGE);
	assert_false(is_here(f, 'a'));
	assert_true(is_here(f, 'b'));
	assert_ptr_equal(f->asked[0].part.into, first->data);
	assert_int_equal(f->blocks->used, LARGE);
	answer(f, 'x', 0);
	assert_ptr_equal(find(f, 'x'), first);
	assert_int_equal(f->blocks->used, 2 * LARGE);
}

static void the_only_passed_block_is_kept_when_another_block_is_fetched(void **state)
{
	struct fixture *f = *state;

	put_and_pass(f, "a", LARGE);
	ask(f, 'x', LARGE);
	answer(f, 'x', 0);
	assert_non_null(find(f, 'a'));
}

static void memory_that_a_reader_still_references_is_not_reused_for_another_block(void **state)
{
	struct fixture *f = *state;
	struct bytes *read;

	put(f, 'a', LARGE);
	read = bytes_ref(find(f, 'a'));
	pass(f, 'a');
	put_and_pass(f, "bc", LARGE);
	ask(f, 'x', LARGE);
	answer(f, 'x', 0);
	for (uint32_t i = 0; i < LARGE; i++)
		assert_int_equal(read->data[i], 'a');
	assert_true(is_here(f, 'a'));
	assert_false(is_here(f, 'b'));
	bytes_unref(read);
}

static void the_memory_of_a_passed_block_of_another_size_is_not_reused(void **state)
{
	struct fixture *f = *state;

	put_and_pass(f, "a", 2 * LARGE);
	put_and_pass(f, "bc", LARGE);
	ask(f, 'x', LARGE);
	answer(f, 'x', 0);
	assert_true(is_here(f, 'a'));
	assert_false(is_here(f, 'b'));
	assert_int_equal(f->blocks->used, 4 * LARGE);
}

static void memory_reused_for_a_block_is_freed_when_the_fetch_of_that_block_fails(void **state)
{
	struct fixture *f = *state;

	put_and_pass(f, "ab", LARGE);
	ask(f, 'x', LARGE);
	answer(f, '?', -EIO);
	assert_null(find(f, 'x'));
	assert_null(find(f, 'a'));
	assert_int_equal(f->blocks->used, LARGE);
}

static void a_passed_block_that_is_read_again_is_kept_like_any_other_block(void **state)
{
	struct fixture *f = *state;

	put_and_pass(f, "abc", LARGE);
	assert_non_null(find(f, 'a'));
	assert_int_equal(f->blocks->passed_used, 2 * LARGE);
	pass(f, 'a');
	assert_int_equal(f->blocks->passed_used, 2 * LARGE);
	ask(f, 'x', LARGE);
	answer(f, 'x', 0);
	assert_true(is_here(f, 'a'));
	assert_false(is_here(f, 'b'));
}

static void small_blocks_and_blocks_that_are_not_cached_do_not_count_as_passed(void **state)
{
	struct fixture *f = *state;

	put_and_pass(f, "abcdefgh", BLOCKS_SMALL_BYTES);
	pass(f, 'z');
	ask(f, 'y', LARGE);
	pass(f, 'y');
	assert_int_equal(f->blocks->passed_used, 0);
	answer(f, 'y', 0);
	pass(f, 'y');
	assert_int_equal(f->blocks->passed_used, LARGE);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(passed_blocks_are_evicted_before_blocks_that_were_used_longer_ago),
		CASE(a_fetched_block_reuses_the_memory_of_the_block_that_was_passed_first),
		CASE(the_only_passed_block_is_kept_when_another_block_is_fetched),
		CASE(memory_that_a_reader_still_references_is_not_reused_for_another_block),
		CASE(the_memory_of_a_passed_block_of_another_size_is_not_reused),
		CASE(memory_reused_for_a_block_is_freed_when_the_fetch_of_that_block_fails),
		CASE(a_passed_block_that_is_read_again_is_kept_like_any_other_block),
		CASE(small_blocks_and_blocks_that_are_not_cached_do_not_count_as_passed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
