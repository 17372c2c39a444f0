#include "backend/docs/blocks/packing.h"

#include "common/base/limits.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#define MAGIC "\xffNphsZs1" /* 0xff is in no UTF-8 text, and no usual file begins with these bytes */
#define MAGIC_BYTES (sizeof(MAGIC) - 1)

static_assert(MAGIC_BYTES + sizeof(uint32_t) == PACKING_HEAD_BYTES, "PACKING_HEAD_BYTES");

static size_t most(size_t plain)
{
	return plain - plain / PACKING_PART;
}

/*
 * Most large blocks hold pictures, films and archives, which cannot be compressed, and to find that out from all the
 * bytes takes as long as to hash them. So a sample is compressed first: pieces from all over the block, a
 * sixteenth of the largest block. If the sample does not become even a little shorter, the whole block does not
 * become an eighth shorter: a part that saves so much holds at least one of the pieces. The sample misses only
 * data that repeats at a distance longer than a piece.
 */
#define PIECES 16u
#define PIECE_BYTES ((size_t)16 * 1024)
#define PROBED_BYTES_MIN (4 * PIECES * PIECE_BYTES) /* a smaller block is not much larger than the sample */
#define PROBE_PART 32				    /* the sample must become shorter by at least this part */

/* false: the sample shows that packing is not worth it. Without memory for the sample, returns true. */
static bool may_be_worth_it(struct span plain)
{
	const size_t size = PIECES * PIECE_BYTES, limit = size - size / PROBE_PART;
	char *pieces = plain.size < PROBED_BYTES_MIN ? NULL : malloc(size + limit);
	size_t n;

	if (!pieces)
		return true;
	for (size_t i = 0; i < PIECES; i++)
		memcpy(pieces + i * PIECE_BYTES, plain.data + plain.size / PIECES * i, PIECE_BYTES);
	n = ZSTD_compress(pieces + size, limit, pieces, size, PACKING_LEVEL);
	free(pieces);
	return !ZSTD_isError(n) || ZSTD_getErrorCode(n) == ZSTD_error_memory_allocation;
}

int packing_pack(struct span plain, struct buf *ret)
{
	const size_t before = ret->size;

	if (plain.size < PACKING_MIN_BYTES || plain.size > BLOCK_BYTES_MAX || !may_be_worth_it(plain))
		return -E2BIG;
	int r = buf_reserve(ret, most(plain.size));
	if (r == 0)
		r = buf_append(ret, MAGIC, MAGIC_BYTES);
	if (r == 0)
		r = buf_append_u32(ret, (uint32_t)plain.size);
	if (r < 0) {
		ret->size = before;
		return r;
	}
	/* The room is as large as a short form may be: zstd stops with an error when it needs more. */
	const size_t n = ZSTD_compress(
		ret->data + ret->size, most(plain.size) - PACKING_HEAD_BYTES, plain.data, plain.size, PACKING_LEVEL);
	if (ZSTD_isError(n)) {
		ret->size = before;
		return ZSTD_getErrorCode(n) == ZSTD_error_memory_allocation ? -ENOMEM : -E2BIG;
	}
	ret->size += n;
	return 0;
}

bool packing_is_packed(struct span stored)
{
	return stored.size >= PACKING_HEAD_BYTES && memcmp(stored.data, MAGIC, MAGIC_BYTES) == 0;
}

static uint32_t said_size(struct span stored)
{
	const uint8_t *at = (const uint8_t *)stored.data + MAGIC_BYTES;

	return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

int packing_unpack(struct span stored, char **ret, size_t *ret_size)
{
	char *plain;

	if (!packing_is_packed(stored))
		return -EBADMSG;
	const uint32_t size = said_size(stored);
	if (size < PACKING_MIN_BYTES || size > BLOCK_BYTES_MAX || stored.size > most(size))
		return -EBADMSG;
	plain = malloc(size);
	if (!plain)
		return -ENOMEM;
	/* Writes at most size bytes, whatever size the frame of zstd claims. */
	const size_t n =
		ZSTD_decompress(plain, size, stored.data + PACKING_HEAD_BYTES, stored.size - PACKING_HEAD_BYTES);
	if (ZSTD_isError(n) || n != size) {
		free(plain);
		return ZSTD_isError(n) && ZSTD_getErrorCode(n) == ZSTD_error_memory_allocation ? -ENOMEM : -EBADMSG;
	}
	*ret = plain;
	*ret_size = size;
	return 0;
}
