#include "tests/unit/backend/docs/blocks/block_suite.h"

#include "common/base/limits.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define BLOCKS 300
#define EVERYTHING_S (-3600) /* older than an hour from now, so all blocks */

struct block_name block_trial_name(uint8_t first, int64_t generation)
{
	struct block_name name = {.drive = 7, .generation = generation};

	memset(name.sha256, first, sizeof(name.sha256));
	return name;
}

int block_trial_put(struct block_trial *t, const struct block_name *name, const char *text)
{
	return t->blocks->ops->put(t->blocks, name, span_str(text));
}

char *block_trial_bytes(size_t size)
{
	uint32_t *words = malloc(size + sizeof(*words));

	assert_non_null(words);
	for (size_t i = 0; i <= size / sizeof(*words); i++)
		words[i] = (uint32_t)i * 2654435761u;
	return (char *)words;
}

static int get(struct block_trial *t, const struct block_name *name, uint32_t from, struct span into, uint32_t *ret)
{
	return t->blocks->ops->get(t->blocks, name, from, (char *)into.data, (uint32_t)into.size, ret);
}

void block_suite_a_block_is_read_back_whole_and_in_ranges(void **state)
{
	struct block_trial *t = *state;
	struct block_name name = block_trial_name(0xab, 5);
	char data[16];
	uint32_t size = 0;

	assert_int_equal(block_trial_put(t, &name, "hello, block"), 0);
	assert_int_equal(get(t, &name, 0, span_of(data, sizeof(data)), &size), 0);
	assert_int_equal(size, 12);
	assert_memory_equal(data, "hello, block", 12);
	assert_int_equal(get(t, &name, 7, span_of(data, 3), &size), 0);
	assert_int_equal(size, 3);
	assert_memory_equal(data, "blo", 3);
	assert_int_equal(get(t, &name, 100, span_of(data, 3), &size), 0);
	assert_int_equal(size, 0);
	assert_int_equal(get(t, &name, UINT32_MAX, span_of(data, 3), &size), 0);
	assert_int_equal(size, 0);
	assert_int_equal(get(t, &name, 3, span_of(data, 0), &size), 0);
	assert_int_equal(size, 0);
	assert_int_equal(t->blocks->ops->size(t->blocks, &name, &size), 0);
	assert_int_equal(size, 12);
}

/* Reads parts of one block of size `whole`. They begin and end where a store that cuts by powers of two has
 * its edges. */
static void check_ranges(struct block_trial *t, const struct block_name *name, const char *bytes, uint32_t whole)
{
	static const uint32_t places[] = {0, 1, 65535, 65536, 262143, 262144, 262145, 524288, 1048575, 1048576, 1048577,
		2097152, BLOCK_BYTES_MAX - 262145, BLOCK_BYTES_MAX - 1, BLOCK_BYTES_MAX};
	static const uint32_t sizes[] = {1, 65536, 262144, 1048576, 1048577, BLOCK_BYTES_MAX + 1};
	char *data = malloc(BLOCK_BYTES_MAX + 1);

	assert_non_null(data);
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++)
		for (size_t n = 0; n < sizeof(sizes) / sizeof(*sizes); n++) {
			const uint32_t left = places[i] < whole ? whole - places[i] : 0;
			const uint32_t wanted = left < sizes[n] ? left : sizes[n];
			uint32_t got = UINT32_MAX;

			assert_int_equal(get(t, name, places[i], span_of(data, sizes[n]), &got), 0);
			assert_int_equal(got, wanted);
			assert_memory_equal(data, bytes + (wanted ? places[i] : 0), wanted);
		}
	free(data);
}

void block_suite_ranges_of_blocks_of_any_size_are_read_back(void **state)
{
	static const uint32_t sizes[] = {0, 1, 262143, 262144, 262145, 1048576, 1048577, BLOCK_BYTES_MAX};
	struct block_trial *t = *state;
	char *bytes = block_trial_bytes(BLOCK_BYTES_MAX);

	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		const struct block_name name = block_trial_name(0x40, (int64_t)i);
		uint32_t size = UINT32_MAX;

		assert_int_equal(t->blocks->ops->put(t->blocks, &name, span_of(bytes, sizes[i])), 0);
		assert_int_equal(t->blocks->ops->size(t->blocks, &name, &size), 0);
		assert_int_equal(size, sizes[i]);
		check_ranges(t, &name, bytes, sizes[i]);
	}
	free(bytes);
}

void block_suite_get_and_size_of_a_missing_block_fail_with_enoent(void **state)
{
	struct block_trial *t = *state;
	struct block_name name = block_trial_name(0xab, 5), other = block_trial_name(0xab, 6);
	char data[4];
	uint32_t size;

	assert_int_equal(block_trial_put(t, &name, "x"), 0);
	assert_int_equal(get(t, &other, 0, span_of(data, 1), &size), -ENOENT);
	assert_int_equal(get(t, &other, 100, span_of(data, 1), &size), -ENOENT);
	assert_int_equal(get(t, &other, 0, span_of(data, 0), &size), -ENOENT);
	assert_int_equal(t->blocks->ops->size(t->blocks, &other, &size), -ENOENT);
}

void block_suite_a_block_is_never_overwritten(void **state)
{
	struct block_trial *t = *state;
	struct block_name name = block_trial_name(1, 1);
	char data[16];
	uint32_t size;

	assert_int_equal(block_trial_put(t, &name, "first"), 0);
	assert_int_equal(block_trial_put(t, &name, "second"), -EEXIST);
	assert_int_equal(block_trial_put(t, &name, "first"), -EEXIST);
	assert_int_equal(get(t, &name, 0, span_of(data, sizeof(data)), &size), 0);
	assert_int_equal(size, 5);
	assert_memory_equal(data, "first", 5);
}

void block_suite_blocks_are_distinct_by_generation_drive_and_hash(void **state)
{
	struct block_trial *t = *state;
	struct block_name a = block_trial_name(1, 1), b = block_trial_name(1, 2), c = block_trial_name(1, 1),
			  d = block_trial_name(1, 1);
	uint32_t size;

	c.drive = 8;
	d.sha256[31] = 2;
	assert_int_equal(block_trial_put(t, &a, "a"), 0);
	assert_int_equal(block_trial_put(t, &b, "bb"), 0);
	assert_int_equal(block_trial_put(t, &c, "ccc"), 0);
	assert_int_equal(block_trial_put(t, &d, "dddd"), 0);
	assert_int_equal(t->blocks->ops->remove(t->blocks, &a), 0);
	assert_int_equal(t->blocks->ops->size(t->blocks, &a, &size), -ENOENT);
	assert_int_equal(t->blocks->ops->size(t->blocks, &b, &size), 0);
	assert_int_equal(size, 2);
	assert_int_equal(t->blocks->ops->size(t->blocks, &c, &size), 0);
	assert_int_equal(size, 3);
	assert_int_equal(t->blocks->ops->size(t->blocks, &d, &size), 0);
	assert_int_equal(size, 4);
}

void block_suite_removing_a_missing_block_succeeds(void **state)
{
	struct block_trial *t = *state;
	struct block_name name = block_trial_name(9, 1);

	assert_int_equal(t->blocks->ops->remove(t->blocks, &name), 0);
	assert_int_equal(block_trial_put(t, &name, "x"), 0);
	assert_int_equal(t->blocks->ops->remove(t->blocks, &name), 0);
	assert_int_equal(t->blocks->ops->remove(t->blocks, &name), 0);
	assert_int_equal(block_trial_put(t, &name, "y"), 0);
}

static int on_name(const struct block_name *name, void *cookie)
{
	struct block_trial_seen *seen = cookie;

	assert_int_equal(name->drive, 7);
	assert_int_equal(name->sha256[5], name->sha256[0]);
	seen->sum += name->generation;
	seen->count++;
	return 0;
}

struct block_trial_seen block_trial_each(struct block_trial *t, uint32_t folder, int64_t older_s)
{
	struct block_trial_seen seen = {0, 0, 0};

	do {
		assert_int_equal(t->blocks->ops->each(t->blocks, &folder, older_s, on_name, &seen), 0);
		assert_true(++seen.steps < 10); /* a step takes one folder of blocks */
	} while (folder != 0);
	return seen;
}

void block_suite_each_visits_every_block_exactly_once(void **state)
{
	struct block_trial *t = *state;
	struct block_trial_seen seen;
	int64_t sum = 0;

	assert_int_equal(block_trial_each(t, 0, EVERYTHING_S).count, 0);
	/* The first folder has more blocks than a store handles at once. */
	for (int64_t i = 0; i < BLOCKS; i++) {
		const uint8_t first = i == 0 ? 0xff : i <= 2 ? 0x80 : 0;
		const struct block_name name = block_trial_name(first, 1 + i);

		assert_int_equal(block_trial_put(t, &name, ""), 0);
		sum += 1 + i;
	}
	seen = block_trial_each(t, 0, EVERYTHING_S);
	assert_int_equal(seen.count, BLOCKS);
	assert_int_equal(seen.sum, sum);
}

static int fail_at_second(const struct block_name *name, void *cookie)
{
	(void)name;
	return ++*(unsigned *)cookie == 2 ? -EINTR : 0;
}

void block_suite_each_stops_with_the_error_of_its_callback(void **state)
{
	struct block_trial *t = *state;
	uint32_t folder = 0;
	unsigned calls = 0;

	for (int64_t i = 0; i < 3; i++) {
		const struct block_name name = block_trial_name(0, i);

		assert_int_equal(block_trial_put(t, &name, "x"), 0);
	}
	assert_int_equal(t->blocks->ops->each(t->blocks, &folder, EVERYTHING_S, fail_at_second, &calls), -EINTR);
	assert_int_equal(calls, 2);
}

#define PUTTERS 6
#define PUTTER_BLOCKS 20
struct putter {
	struct block_trial *trial;
	unsigned put, there; /* the answers, counted */
	pthread_t thread;
};

/* There are no asserts here: this is not the test's own thread. */
static void *put_all(void *cookie)
{
	struct putter *p = cookie;

	for (int64_t i = 0; i < PUTTER_BLOCKS; i++) {
		const struct block_name name = block_trial_name((uint8_t)i, i);
		const int r = block_trial_put(p->trial, &name, "the same from all");

		p->put += r == 0;
		p->there += r == -EEXIST;
	}
	return NULL;
}

void block_suite_one_of_many_concurrent_puts_of_a_block_succeeds(void **state)
{
	struct putter putters[PUTTERS];
	unsigned put = 0, there = 0;

	for (size_t i = 0; i < PUTTERS; i++) {
		putters[i] = (struct putter){.trial = *state};
		assert_int_equal(pthread_create(&putters[i].thread, NULL, put_all, &putters[i]), 0);
	}
	for (size_t i = 0; i < PUTTERS; i++) {
		pthread_join(putters[i].thread, NULL);
		put += putters[i].put;
		there += putters[i].there;
	}
	assert_int_equal(put, PUTTER_BLOCKS);
	assert_int_equal(there, PUTTER_BLOCKS * (PUTTERS - 1));
}

void block_suite_a_spool_file_can_be_written_and_read(void **state)
{
	struct block_trial *t = *state;
	char data[4];
	int fd = t->blocks->ops->spool(t->blocks);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, "abcd", 4, 100000), 4);
	assert_int_equal(pread(fd, data, 4, 100000), 4);
	assert_memory_equal(data, "abcd", 4);
	close(fd);
}

void block_suite_free_bytes_reports_free_space_within_the_total(void **state)
{
	struct block_trial *t = *state;
	int64_t room = 0, total = 0;

	assert_int_equal(t->blocks->ops->free_bytes(t->blocks, &room, &total), 0);
	assert_true(room > 0);
	assert_true(total >= room);
}
