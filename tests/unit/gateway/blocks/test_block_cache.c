/* Blocks in memory: which are kept, which are evicted, and that their bytes are bounded. */
#include "gateway/blocks/block_cache.h"

#include "common/base/limits.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ROOM ((size_t)32 * 1024 * 1024)
#define MIB ((size_t)1024 * 1024)

/* Block n: its content is made from n, and its name is the hash of the content. */
static struct block *make(unsigned n, size_t size)
{
	char *bytes = calloc(1, size);
	uint8_t sha256[SHA256_BYTES];

	memcpy(bytes, &n, sizeof(n) < size ? sizeof(n) : size);
	assert_int_equal(sha256_of(span_of(bytes, size), sha256), 0);
	struct block *b = block_new(sha256, size);
	assert_non_null(b);
	assert_int_equal(block_append(b, span_of(bytes, size)), 0);
	free(bytes);
	return b;
}

static void put(struct block_cache *c, unsigned n, size_t size)
{
	struct block *b = make(n, size);

	block_cache_put(c, b);
	block_unref(b);
}

static bool has(struct block_cache *c, unsigned n, size_t size)
{
	struct block *wanted = make(n, size), *found = block_cache_get(c, block_sha256(wanted));
	const bool is_it =
		found && memcmp(block_bytes(found).data, block_bytes(wanted).data, block_bytes(wanted).size) == 0;

	block_unref(found);
	block_unref(wanted);
	return is_it;
}

static struct block_cache *cache_of(size_t room)
{
	struct block_cache *c = NULL;

	assert_int_equal(block_cache_new(room, &c), 0);
	return c;
}

static void a_block_is_right_when_it_is_whole_and_has_its_hash(void **state)
{
	const uint8_t wrong[SHA256_BYTES] = {1};
	struct block *b = make(7, 100), *other = block_new(wrong, 100), *half = block_new(block_sha256(b), 100);

	(void)state;
	assert_true(block_is_right(b));
	assert_int_equal(block_append(other, block_bytes(b)), 0);
	assert_false(block_is_right(other));
	assert_int_equal(block_append(half, span_of(block_bytes(b).data, 99)), 0);
	assert_false(block_is_right(half));
	assert_int_equal(block_append(half, span_of("xy", 2)), -EMSGSIZE);
	assert_null(block_new(wrong, 0));
	assert_null(block_new(wrong, BLOCK_BYTES_MAX + 1));
	block_unref(b);
	block_unref(other);
	block_unref(half);
	block_unref(NULL);
}

static void a_block_that_was_put_is_found_by_its_hash(void **state)
{
	struct block_cache *c = cache_of(ROOM);
	struct block_cache_counters now;

	(void)state;
	assert_false(has(c, 1, MIB));
	put(c, 1, MIB);
	put(c, 1, MIB); /* changes nothing */
	put(c, 2, 100);
	assert_true(has(c, 1, MIB));
	assert_true(has(c, 2, 100));
	block_cache_count(c, &now);
	assert_int_equal(now.blocks, 2);
	assert_int_equal(now.hits, 2);
	assert_int_equal(now.misses, 1);
	assert_in_range(now.bytes, MIB + 100, MIB + 200 * 1024);
	block_cache_free(c);
}

static void the_bytes_of_a_block_cache_never_exceed_its_room(void **state)
{
	struct block_cache *c = cache_of(ROOM);
	struct block_cache_counters now;

	(void)state;
	for (unsigned n = 0; n < 300; n++) {
		put(c, n, n % 3 ? MIB : 4 * MIB);
		block_cache_count(c, &now);
		assert_in_range(now.bytes, 1, ROOM);
	}
	assert_true(now.evicted > 200);
	/* Many small blocks replace the large ones. */
	for (unsigned n = 0; n < 5000; n++)
		put(c, n, 8000);
	block_cache_count(c, &now);
	assert_in_range(now.bytes, ROOM / 2, ROOM);
	block_cache_free(c);
}

static void blocks_that_were_read_again_survive_300_later_blocks(void **state)
{
	struct block_cache *c = cache_of(ROOM);
	int left = 0;

	(void)state;
	for (unsigned n = 0; n < 8; n++)
		put(c, n, MIB);
	for (unsigned n = 0; n < 8; n++)
		assert_true(has(c, n, MIB));
	for (unsigned n = 100; n < 400; n++)
		put(c, n, MIB);
	for (unsigned n = 0; n < 8; n++)
		left += has(c, n, MIB);
	assert_int_equal(left, 8);
	block_cache_free(c);
}

static void an_evicted_block_stays_intact_for_its_holder(void **state)
{
	struct block_cache *c = cache_of(ROOM);
	struct block *b = make(1, MIB), *held;

	(void)state;
	block_cache_put(c, b);
	held = block_cache_peek(c, block_sha256(b));
	for (unsigned n = 10; n < 100; n++)
		put(c, n, MIB);
	assert_null(block_cache_peek(c, block_sha256(b)));
	assert_true(block_is_right(held));
	block_unref(held);
	block_unref(b);
	block_cache_free(c);
}

static void a_block_cache_without_room_keeps_nothing(void **state)
{
	struct block_cache *c = cache_of(BLOCK_CACHE_BYTES_MIN - 1);
	const uint8_t some[SHA256_BYTES] = {3};

	(void)state;
	assert_false(block_cache_keeps(c));
	put(c, 1, 100);
	assert_false(has(c, 1, 100));
	assert_false(block_cache_wanted_before(c, some));
	assert_false(block_cache_wanted_before(c, some));
	block_cache_free(c);
	block_cache_free(NULL);
}

static void block_cache_wanted_before_recognises_the_second_request_for_a_block(void **state)
{
	struct block_cache *c = cache_of(ROOM);
	const uint8_t some[SHA256_BYTES] = {3}, other[SHA256_BYTES] = {4};

	(void)state;
	assert_true(block_cache_keeps(c));
	assert_false(block_cache_wanted_before(c, some));
	assert_false(block_cache_wanted_before(c, other));
	assert_true(block_cache_wanted_before(c, some));
	block_cache_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_block_is_right_when_it_is_whole_and_has_its_hash),
		cmocka_unit_test(a_block_that_was_put_is_found_by_its_hash),
		cmocka_unit_test(the_bytes_of_a_block_cache_never_exceed_its_room),
		cmocka_unit_test(blocks_that_were_read_again_survive_300_later_blocks),
		cmocka_unit_test(an_evicted_block_stays_intact_for_its_holder),
		cmocka_unit_test(a_block_cache_without_room_keeps_nothing),
		cmocka_unit_test(block_cache_wanted_before_recognises_the_second_request_for_a_block),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
