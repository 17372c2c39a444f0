#include "backend/docs/blocks/packing.h"

#include "common/base/limits.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <zstd.h>

#include <cmocka.h>

/* Makes size bytes: of each hundred, `noise` bytes are noise, the rest repeats. */
static char *make(size_t size, unsigned noise)
{
	char *bytes = malloc(size + 1);

	assert_non_null(bytes);
	memset(bytes, 'a', size + 1);
	for (size_t i = 0; i + 100 <= size; i += 100)
		arc4random_buf(bytes + i, noise);
	return bytes;
}

static void there_and_back(void **state)
{
	static const size_t sizes[] = {PACKING_MIN_BYTES, 100000, BLOCK_BYTES_MAX};

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		char *bytes = make(sizes[i], 50), *plain = NULL;
		struct buf packed;
		size_t size = 0;

		buf_init(&packed, BLOCK_BYTES_MAX);
		assert_int_equal(packing_pack(span_of(bytes, sizes[i]), &packed), 0);
		assert_true(packed.size <= sizes[i] - sizes[i] / 8);
		assert_true(packing_is_packed(buf_span(&packed)));
		assert_int_equal(packing_unpack(buf_span(&packed), &plain, &size), 0);
		assert_int_equal(size, sizes[i]);
		assert_memory_equal(plain, bytes, size);
		free(plain);
		free(bytes);
		buf_fini(&packed);
	}
}

static int try_pack(size_t size, unsigned noise)
{
	char *bytes = make(size, noise);
	struct buf packed;

	buf_init(&packed, BLOCK_BYTES_MAX);
	const int r = packing_pack(span_of(bytes, size), &packed);
	if (r < 0)
		assert_int_equal(packed.size, 0);
	buf_fini(&packed);
	free(bytes);
	return r;
}

static void less_than_an_eighth_is_not_worth_it(void **state)
{
	(void)state;
	assert_int_equal(try_pack(BLOCK_BYTES_MAX, 80), 0);
	assert_int_equal(try_pack(BLOCK_BYTES_MAX, 95), -E2BIG);
	assert_int_equal(try_pack(BLOCK_BYTES_MAX, 100), -E2BIG);
	assert_int_equal(try_pack(PACKING_MIN_BYTES - 1, 0), -E2BIG);
	assert_int_equal(try_pack(0, 0), -E2BIG);
}

/* Packs noise with a patch of `size` equal bytes, at several places. Returns `expected` when that is the
 * result at each place. */
static int try_patch(size_t size, int expected)
{
	const size_t block = BLOCK_BYTES_MAX;
	int r = expected;

	for (size_t at = 0; at + size <= block && r == expected; at += (block - size) / 7 + 1) {
		char *bytes = make(block, 100);
		struct buf packed;

		memset(bytes + at, 'a', size);
		buf_init(&packed, block);
		r = packing_pack(span_of(bytes, block), &packed);
		buf_fini(&packed);
		free(bytes);
	}
	return r;
}

static void a_part_that_is_worth_it_is_found_wherever_it_lies(void **state)
{
	(void)state;
	assert_int_equal(try_patch(BLOCK_BYTES_MAX / 7, 0), 0);
	assert_int_equal(try_patch(BLOCK_BYTES_MAX / 9, -E2BIG), -E2BIG);
}

static void is_bad(struct span stored)
{
	char *plain = NULL;
	size_t size;

	assert_int_equal(packing_unpack(stored, &plain, &size), -EBADMSG);
	assert_null(plain);
}

static void a_forged_short_form_is_none(void **state)
{
	static const uint32_t sizes[] = {
		0, 1, PACKING_MIN_BYTES, 99999, 100001, BLOCK_BYTES_MAX, BLOCK_BYTES_MAX + 1, INT32_MAX, UINT32_MAX};
	char *bytes = make(100000, 30);
	struct buf packed;

	(void)state;
	buf_init(&packed, BLOCK_BYTES_MAX);
	assert_int_equal(packing_pack(span_of(bytes, 100000), &packed), 0);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		memcpy(packed.data + 8, &sizes[i], sizeof(sizes[i]));
		is_bad(buf_span(&packed));
	}
	memcpy(packed.data + 8, &(uint32_t){100000}, sizeof(uint32_t));
	for (size_t size = 0; size < packed.size; size += 97)
		is_bad(span_of(packed.data, size));
	free(bytes);
	buf_fini(&packed);
}

/* The frame claims terabytes; the head in front of it says a size that fits. */
static void what_a_frame_says_of_itself_takes_no_memory(void **state)
{
	static const char frame[] = "\x28\xb5\x2f\xfd\xe0\xff\xff\xff\xff\xff\xff\xff\x7f\x01\x00\x00";
	struct buf stored;

	(void)state;
	buf_init(&stored, 1000);
	assert_int_equal(buf_append(&stored, "\xffNphsZs1", 8), 0);
	assert_int_equal(buf_append_u32(&stored, PACKING_MIN_BYTES), 0);
	assert_int_equal(buf_append(&stored, frame, sizeof(frame) - 1), 0);
	assert_true(packing_is_packed(buf_span(&stored)));
	is_bad(buf_span(&stored));
	buf_fini(&stored);
}

/* The frame is what it claims, and the head agrees, but it is larger than any block. */
static void more_than_a_block_is_none(void **state)
{
	const uint32_t size = BLOCK_BYTES_MAX + 1;
	char *bytes = calloc(1, size);
	struct buf stored;

	(void)state;
	assert_non_null(bytes);
	buf_init(&stored, BLOCK_BYTES_MAX);
	assert_int_equal(buf_append(&stored, "\xffNphsZs1", 8), 0);
	assert_int_equal(buf_append_u32(&stored, size), 0);
	assert_int_equal(buf_reserve(&stored, 100000), 0);
	stored.size += ZSTD_compress(stored.data + stored.size, 100000, bytes, size, 1);
	is_bad(buf_span(&stored));
	free(bytes);
	buf_fini(&stored);
}

/* Each bit of a short form is turned: whatever comes out, it is never larger than a block. */
static void any_bytes_are_unpacked_or_not(void **state)
{
	char *bytes = make(PACKING_MIN_BYTES, 5);
	struct buf packed;

	(void)state;
	buf_init(&packed, BLOCK_BYTES_MAX);
	assert_int_equal(packing_pack(span_of(bytes, PACKING_MIN_BYTES), &packed), 0);
	for (size_t bit = 0; bit < 8 * packed.size; bit++) {
		char *plain = NULL;
		size_t size = 0;

		packed.data[bit / 8] = (char)(packed.data[bit / 8] ^ (1 << bit % 8));
		if (packing_unpack(buf_span(&packed), &plain, &size) == 0)
			assert_true(size <= BLOCK_BYTES_MAX);
		free(plain);
		packed.data[bit / 8] = (char)(packed.data[bit / 8] ^ (1 << bit % 8));
	}
	free(bytes);
	buf_fini(&packed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_and_back),
		cmocka_unit_test(less_than_an_eighth_is_not_worth_it),
		cmocka_unit_test(a_part_that_is_worth_it_is_found_wherever_it_lies),
		cmocka_unit_test(a_forged_short_form_is_none),
		cmocka_unit_test(what_a_frame_says_of_itself_takes_no_memory),
		cmocka_unit_test(more_than_a_block_is_none),
		cmocka_unit_test(any_bytes_are_unpacked_or_not),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
