/* Short forms over any store: the suite of all stores, for a near and for a far one, and what lies in the
 * store below. */
#include "backend/docs/blocks/block_mem.h"
#include "backend/docs/blocks/block_packed.h"
#include "backend/docs/blocks/packing.h"
#include "common/base/limits.h"
#include "common/base/sha256.h"
#include "tests/unit/backend/docs/blocks/block_suite.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

struct fixture {
	struct block_trial trial; /* first: what the suite takes */
	struct block_store *below;
};

static int make(void **state, bool far, size_t memory)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	assert_int_equal(block_mem_new(&f->below), 0);
	assert_int_equal(block_packed_new(f->below, &(struct block_packed_options){memory, far}, &f->trial.blocks), 0);
	*state = f;
	return 0;
}

static int setup_near(void **state)
{
	return make(state, false, 16 * (size_t)BLOCK_BYTES_MAX);
}

static int setup_far(void **state)
{
	return make(state, true, 16 * (size_t)BLOCK_BYTES_MAX);
}

static int setup_without_memory(void **state)
{
	return make(state, true, 0);
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	f->trial.blocks->ops->free(f->trial.blocks);
	free(f);
	return 0;
}

static uint32_t stored_size(struct fixture *f, const struct block_name *name)
{
	uint32_t size = 0;

	assert_int_equal(f->below->ops->size(f->below, name, &size), 0);
	return size;
}

/* Returns the name that these bytes have. */
static struct block_name name_of(struct span bytes, int64_t generation)
{
	struct block_name name = {.drive = 7, .generation = generation};

	assert_int_equal(sha256_of(bytes, name.sha256), 0);
	return name;
}

static int get(struct fixture *f, const struct block_name *name, uint32_t from, struct span into, uint32_t *ret)
{
	return f->trial.blocks->ops->get(f->trial.blocks, name, from, (char *)into.data, (uint32_t)into.size, ret);
}

static void reads_back(struct fixture *f, const struct block_name *name, struct span bytes)
{
	char *data = malloc(bytes.size + 1);
	uint32_t size = 0;

	assert_non_null(data);
	assert_int_equal(f->trial.blocks->ops->size(f->trial.blocks, name, &size), 0);
	assert_int_equal(size, bytes.size);
	assert_int_equal(get(f, name, 0, span_of(data, bytes.size + 1), &size), 0);
	assert_int_equal(size, bytes.size);
	assert_memory_equal(data, bytes.data, bytes.size);
	assert_int_equal(get(f, name, 5, span_of(data, 7), &size), 0);
	assert_int_equal(size, 7);
	assert_memory_equal(data, bytes.data + 5, 7);
	free(data);
}

static void a_compressible_block_is_stored_shorter_and_reads_back(void **state)
{
	struct fixture *f = *state;
	const struct block_name name = block_trial_name(1, 1), other = block_trial_name(2, 2);
	char *bytes = calloc(1, BLOCK_BYTES_MAX);
	const struct span plain = span_of(bytes, BLOCK_BYTES_MAX);

	assert_non_null(bytes);
	(void)snprintf(bytes, BLOCK_BYTES_MAX, "hello, block");
	assert_int_equal(f->trial.blocks->ops->put(f->trial.blocks, &name, plain), 0);
	assert_true(stored_size(f, &name) < 10000);
	reads_back(f, &name, plain);
	arc4random_buf(bytes, BLOCK_BYTES_MAX);
	assert_int_equal(f->trial.blocks->ops->put(f->trial.blocks, &other, plain), 0);
	assert_int_equal(stored_size(f, &other), BLOCK_BYTES_MAX);
	reads_back(f, &other, plain);
	free(bytes);
}

/* Bytes as a store has them that is older than short forms, also bytes that look like a short form. */
static void plain_bytes_that_look_packed_are_read_back_unchanged(void **state)
{
	struct fixture *f = *state;
	char *zeros = calloc(1, 100000);
	struct buf looks;

	assert_non_null(zeros);
	buf_init(&looks, 100000);
	assert_int_equal(packing_pack(span_of(zeros, 100000), &looks), 0);
	const struct span odd = buf_span(&looks), usual = span_of(zeros, 50000);
	const struct block_name a = name_of(odd, 1), b = name_of(usual, 2), c = name_of(odd, 3);
	assert_int_equal(f->below->ops->put(f->below, &a, odd), 0);
	assert_int_equal(f->below->ops->put(f->below, &b, usual), 0);
	assert_int_equal(f->trial.blocks->ops->put(f->trial.blocks, &c, odd), 0);
	reads_back(f, &a, odd);
	reads_back(f, &b, usual);
	reads_back(f, &c, odd);
	buf_fini(&looks);
	free(zeros);
}

static void get_of_a_damaged_packed_block_fails_with_eio(void **state)
{
	struct fixture *f = *state;
	char *zeros = calloc(1, 100000), data[8];
	const struct block_name name = name_of(span_of(zeros, 100000), 1), huge = name_of(span_of(zeros, 10), 2);
	struct buf packed;
	uint32_t size;

	buf_init(&packed, 100000);
	assert_int_equal(packing_pack(span_of(zeros, 100000), &packed), 0);
	packed.data[packed.size - 1] = (char)(packed.data[packed.size - 1] ^ 1);
	packed.data[packed.size - 6] = (char)(packed.data[packed.size - 6] ^ 0x55);
	packed.size--;
	assert_int_equal(f->below->ops->put(f->below, &name, buf_span(&packed)), 0);
	assert_int_equal(get(f, &name, 0, span_of(data, sizeof(data)), &size), -EIO);
	assert_int_equal(f->trial.blocks->ops->size(f->trial.blocks, &name, &size), -EIO);
	memcpy(packed.data + 8, "\xff\xff\xff\xff", 4); /* its head says 4 GiB */
	assert_int_equal(f->below->ops->put(f->below, &huge, buf_span(&packed)), 0);
	assert_int_equal(get(f, &huge, 0, span_of(data, sizeof(data)), &size), -EIO);
	buf_fini(&packed);
	free(zeros);
}

/* A reader that goes on reads the store below only once, whether the block is short or the store is far. */
static void after_one_read_a_packed_block_is_served_from_memory(void **state)
{
	struct fixture *f = *state;
	const struct block_name name = block_trial_name(1, 1);
	char *bytes = calloc(1, BLOCK_BYTES_MAX), *data = malloc(65536);
	uint32_t size;

	assert_int_equal(f->trial.blocks->ops->put(f->trial.blocks, &name, span_of(bytes, BLOCK_BYTES_MAX)), 0);
	assert_int_equal(get(f, &name, 0, span_of(data, 65536), &size), 0);
	block_mem_fail(f->below, 0, -EIO);
	for (uint32_t at = 0; at < BLOCK_BYTES_MAX; at += 65536) {
		assert_int_equal(get(f, &name, at, span_of(data, 65536), &size), 0);
		assert_int_equal(size, 65536);
	}
	assert_int_equal(f->trial.blocks->ops->size(f->trial.blocks, &name, &size), 0);
	assert_int_equal(size, BLOCK_BYTES_MAX);
	free(bytes);
	free(data);
}

static void a_removed_block_is_not_served_from_memory(void **state)
{
	struct fixture *f = *state;
	const struct block_name name = block_trial_name(1, 1);
	char *bytes = calloc(1, 100000), byte;
	uint32_t size;

	assert_int_equal(f->trial.blocks->ops->put(f->trial.blocks, &name, span_of(bytes, 100000)), 0);
	assert_int_equal(get(f, &name, 0, span_of(&byte, 1), &size), 0);
	assert_int_equal(f->trial.blocks->ops->remove(f->trial.blocks, &name), 0);
	assert_int_equal(get(f, &name, 0, span_of(&byte, 1), &size), -ENOENT);
	free(bytes);
}

static void a_cache_of_size_zero_keeps_only_the_last_block(void **state)
{
	struct fixture *f = *state;
	char *bytes = calloc(1, 100000), *data = malloc(100000);
	uint32_t size;

	for (int64_t i = 1; i <= 3; i++) {
		const struct block_name name = block_trial_name(1, i);

		assert_int_equal(f->trial.blocks->ops->put(f->trial.blocks, &name, span_of(bytes, 100000)), 0);
		assert_int_equal(get(f, &name, 0, span_of(data, 100000), &size), 0);
	}
	block_mem_fail(f->below, 0, -EIO);
	const struct block_name last = block_trial_name(1, 3), first = block_trial_name(1, 1);
	assert_int_equal(get(f, &last, 0, span_of(data, 100000), &size), 0);
	assert_int_equal(get(f, &first, 0, span_of(data, 100000), &size), -EIO);
	free(bytes);
	free(data);
}

static void an_error_of_the_underlying_store_is_returned_to_the_caller(void **state)
{
	struct fixture *f = *state;
	const struct block_name name = block_trial_name(1, 1);
	char byte;
	uint32_t size;

	assert_int_equal(block_trial_put(&f->trial, &name, "x"), 0);
	block_mem_fail(f->below, 0, -ENOTCONN);
	assert_int_equal(get(f, &name, 0, span_of(&byte, 1), &size), -ENOTCONN);
	assert_int_equal(f->trial.blocks->ops->size(f->trial.blocks, &name, &size), -ENOTCONN);
	assert_int_equal(block_trial_put(&f->trial, &name, "y"), -ENOTCONN);
}

/* What a check of the store wants to know is whether the bytes are still there, not whether they were. */
static void a_fresh_read_neither_uses_nor_fills_the_memory(void **state)
{
	struct fixture *f = *state;
	const struct block_name name = block_trial_name(1, 1), other = block_trial_name(1, 2);
	char *bytes = calloc(1, BLOCK_BYTES_MAX), *data = malloc(BLOCK_BYTES_MAX + 1), byte;
	struct block_store *blocks = f->trial.blocks;
	uint32_t size = 0;

	assert_int_equal(blocks->ops->put(blocks, &name, span_of(bytes, BLOCK_BYTES_MAX)), 0);
	assert_int_equal(blocks->ops->put(blocks, &other, span_of(bytes, 100000)), 0);
	assert_int_equal(get(f, &name, 0, span_of(&byte, 1), &size), 0);
	assert_int_equal(blocks->ops->fresh(blocks, &name, data, BLOCK_BYTES_MAX + 1, &size), 0);
	assert_int_equal(size, BLOCK_BYTES_MAX);
	assert_memory_equal(data, bytes, BLOCK_BYTES_MAX);
	assert_int_equal(blocks->ops->fresh(blocks, &other, data, BLOCK_BYTES_MAX + 1, &size), 0);
	assert_int_equal(size, 100000);
	assert_int_equal(f->below->ops->remove(f->below, &name), 0);
	assert_int_equal(f->below->ops->remove(f->below, &other), 0);
	assert_int_equal(get(f, &name, 0, span_of(&byte, 1), &size), 0);
	assert_int_equal(blocks->ops->fresh(blocks, &name, data, BLOCK_BYTES_MAX + 1, &size), -ENOENT);
	assert_int_equal(get(f, &other, 0, span_of(&byte, 1), &size), -ENOENT);
	free(bytes);
	free(data);
}

static void a_fresh_read_of_a_damaged_packed_block_says_that_its_bytes_are_damaged(void **state)
{
	struct fixture *f = *state;
	const struct block_name name = block_trial_name(1, 1);
	char *bytes = calloc(1, 100000), *data = malloc(100000), stored[4096];
	struct block_store *blocks = f->trial.blocks;
	uint32_t size = 0;

	assert_int_equal(blocks->ops->put(blocks, &name, span_of(bytes, 100000)), 0);
	assert_int_equal(f->below->ops->get(f->below, &name, 0, stored, sizeof(stored), &size), 0);
	assert_true(size < sizeof(stored));
	assert_int_equal(f->below->ops->remove(f->below, &name), 0);
	assert_int_equal(f->below->ops->put(f->below, &name, span_of(stored, size - 1)), 0);
	assert_int_equal(blocks->ops->fresh(blocks, &name, data, 100000, &size), -EBADMSG);
	free(bytes);
	free(data);
}

#define BOTH(name)                                            \
	{#name "_near", name, setup_near, teardown, NULL},    \
	{                                                     \
#name "_far", name, setup_far, teardown, NULL \
	}
int main(void)
{
	const struct CMUnitTest tests[] = {
		BLOCK_SUITE("in_a_packed_near_store", setup_near, teardown),
		BLOCK_SUITE("in_a_packed_far_store", setup_far, teardown),
		BLOCK_SUITE("in_a_packed_store_without_memory", setup_without_memory, teardown),
		BOTH(a_compressible_block_is_stored_shorter_and_reads_back),
		BOTH(plain_bytes_that_look_packed_are_read_back_unchanged),
		BOTH(get_of_a_damaged_packed_block_fails_with_eio),
		BOTH(after_one_read_a_packed_block_is_served_from_memory),
		BOTH(a_removed_block_is_not_served_from_memory),
		BOTH(a_fresh_read_neither_uses_nor_fills_the_memory),
		BOTH(a_fresh_read_of_a_damaged_packed_block_says_that_its_bytes_are_damaged),
		BOTH(an_error_of_the_underlying_store_is_returned_to_the_caller),
		cmocka_unit_test_setup_teardown(
			a_cache_of_size_zero_keeps_only_the_last_block, setup_without_memory, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
