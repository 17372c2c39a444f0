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

static void compressible_bytes_pack_shorter_and_unpack_unchanged(void **state)
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

static void packing_refuses_bytes_that_shrink_by_less_than_an_eighth(void **state)
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

static void packing_finds_a_compressible_part_anywhere_in_a_block(void **state)
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

static void unpacking_refuses_a_wrong_size_and_truncated_bytes(void **state)
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

/* A short form of PACKING_MIN_BYTES, as its head says; the frame in it claims to have so many bytes. */
static void make_claiming(struct buf *ret, uint64_t claim)
{
	buf_reset(ret);
	assert_int_equal(buf_append(ret, "\xffNphsZs1", 8), 0);
	assert_int_equal(buf_append_u32(ret, PACKING_MIN_BYTES), 0);
	assert_int_equal(buf_append(ret, "\x28\xb5\x2f\xfd\xe0", 5), 0);
	assert_int_equal(buf_append_u64(ret, claim), 0);
	assert_int_equal(buf_append(ret, "\x03\x80\x00\x61", 4), 0); /* the last block: 4096 times an 'a' */
	assert_true(packing_is_packed(buf_span(ret)));
}

/* Only the claim is wrong. An unpacker that allocated what the frame claims would return -ENOMEM. */
static void unpacking_refuses_an_otherwise_valid_frame_that_claims_exabytes(void **state)
{
	struct buf stored;
	char *plain = NULL;
	size_t size = 0;

	(void)state;
	buf_init(&stored, 1000);
	make_claiming(&stored, PACKING_MIN_BYTES);
	assert_int_equal(packing_unpack(buf_span(&stored), &plain, &size), 0);
	assert_int_equal(size, PACKING_MIN_BYTES);
	free(plain);
	make_claiming(&stored, INT64_MAX);
	is_bad(buf_span(&stored));
	buf_fini(&stored);
}

/* The frame is what it claims, and the head agrees, but it is larger than any block. */
static void unpacking_refuses_a_frame_larger_than_a_block(void **state)
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
static void unpacking_with_any_bit_flipped_never_yields_more_than_a_block(void **state)
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
		cmocka_unit_test(compressible_bytes_pack_shorter_and_unpack_unchanged),
		cmocka_unit_test(packing_refuses_bytes_that_shrink_by_less_than_an_eighth),
		cmocka_unit_test(packing_finds_a_compressible_part_anywhere_in_a_block),
		cmocka_unit_test(unpacking_refuses_a_wrong_size_and_truncated_bytes),
		cmocka_unit_test(unpacking_refuses_an_otherwise_valid_frame_that_claims_exabytes),
		cmocka_unit_test(unpacking_refuses_a_frame_larger_than_a_block),
		cmocka_unit_test(unpacking_with_any_bit_flipped_never_yields_more_than_a_block),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
