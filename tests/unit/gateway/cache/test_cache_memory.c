/*
 * The cache takes as much memory as it says: the tests count malloc, calloc and free of this program. Each piece
 * counts with the size that the allocator reports (malloc_usable_size) and its head of 8 bytes.
 *
 * Tolerance: 2 %, of the bound and of what the cache reports. The cache does not ask the allocator, and a piece
 * may be 16 bytes larger than necessary, when the rest of a chunk would be too small for another piece; 0.5 % was
 * measured. A sanitizer has its own allocator with other sizes: with a sanitizer only the cache's own figure is
 * checked.
 */
#include "gateway/cache/cache.h"

#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define COUNTED 0
#else
#define COUNTED 1
#endif

#define EVICTIONS 3000u

static size_t taken;

#if COUNTED
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void __libc_free(void *p);

static void *noted(void *p)
{
	if (p)
		taken += malloc_usable_size(p) + sizeof(size_t);
	return p;
}

void *malloc(size_t size)
{
	return noted(__libc_malloc(size));
}

void *calloc(size_t count, size_t size)
{
	return noted(__libc_calloc(count, size));
}

void free(void *p)
{
	if (p)
		taken -= malloc_usable_size(p) + sizeof(size_t);
	__libc_free(p);
}
#endif

static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static void put(struct cache *c, uint64_t *random, size_t body_max, size_t tags_max)
{
	char name[200];
	const size_t body = next_random(random) % body_max, count = next_random(random) % tags_max;
	struct answer *a = answer_new(200, 1, SPAN_LITERAL("Content-Type: application/json\r\n"), body);
	struct tag_list tags;

	tag_list_init(&tags, 1);
	for (size_t i = 0; i < count; i++)
		tag_list_add(&tags, tag_of(TAG_ATTRIBUTES, ITEM_ID(1, 1 + next_random(random) % 100000)));
	(void)cache_put(c,
		&(struct cache_fill){.key = span_of(name,
					     (size_t)snprintf(name, sizeof(name), "%0*d", (int)(20 + body % 150),
						     (int)(next_random(random) % 100000))),
			.user = 1,
			.answer = a,
			.tags = &tags,
			.sent = cache_fence(c)});
	answer_unref(a);
}

static struct cache_counters check_bytes(struct cache *c, size_t before, size_t limit)
{
	struct cache_counters counters;

	cache_count(c, &counters);
	assert_true(counters.bytes <= limit);
	if (COUNTED) {
		assert_true(taken - before <= limit + limit / 50);
		assert_true(taken - before <= counters.bytes + counters.bytes / 50);
		assert_true(taken - before >= counters.bytes - counters.bytes / 50);
	}
	return counters;
}

/* Fills the cache until so many entries were evicted that its content has been replaced several times. */
static void fill_with(size_t limit, size_t body_max, size_t tags_max)
{
	const size_t before = taken;
	uint64_t random = 1;
	struct cache_counters counters = {0};
	struct cache *c;

	assert_int_equal(cache_new(&(struct cache_options){.bytes = limit, .seed = 1}, &c), 0);
	while (counters.evicted < EVICTIONS) {
		for (int i = 0; i < 64; i++)
			put(c, &random, body_max, tags_max);
		counters = check_bytes(c, before, limit);
	}
	assert_true(counters.bytes >= limit / 100 * 90); /* the cache was full */
	cache_free(c);
	assert_int_equal(taken, before);
}

static void many_small_answers_take_no_more_memory_than_the_limit_of_the_cache(void **state)
{
	(void)state;
	fill_with(CACHE_BYTES_MIN, 400, 8);
	fill_with(2 * CACHE_SHARD_BYTES, 1500, 8);
}

static void large_answers_take_no_more_memory_than_the_limit_of_the_cache(void **state)
{
	(void)state;
	fill_with(CACHE_SHARD_BYTES, 300000, 8);
}

static void answers_with_many_tags_take_no_more_memory_than_the_limit_of_the_cache(void **state)
{
	(void)state;
	fill_with(CACHE_SHARD_BYTES, 400, TAG_LIST_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(many_small_answers_take_no_more_memory_than_the_limit_of_the_cache),
		cmocka_unit_test(large_answers_take_no_more_memory_than_the_limit_of_the_cache),
		cmocka_unit_test(answers_with_many_tags_take_no_more_memory_than_the_limit_of_the_cache),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
