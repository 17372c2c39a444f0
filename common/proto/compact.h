/*
 * compact: the elements of the compact forms of PROTOCOL.md: a head, and integers in little-endian order. Reading
 * trusts nothing: every field is taken through a reader, which checks it against what is left. A reader that was
 * asked for more than is left is bad from then on, and returns zeros. Pure, any thread.
 */
#ifndef NEPHOS_PROTO_COMPACT_H
#define NEPHOS_PROTO_COMPACT_H

#include "common/base/buf.h"

#include <stdbool.h>
#include <stdint.h>

#define COMPACT_COUNT_AT 8u /* place of the count in a head: behind the magic of four bytes and the flags */

/* Begins a head: magic, flags and count (both 0 until compact_head_end), numbers. -ENOMEM, -E2BIG: the caller cuts
 * off what was appended. */
int compact_head_begin(struct buf *b, const char *magic, const int64_t *numbers, size_t count);
void compact_head_end(struct buf *b, size_t count_at, uint32_t count, bool more);
void compact_cut(struct buf *b, size_t size); /* back to an earlier size */

/* Sets the position that a page of items or extents (NPI1, NPX1) says it saw. For a cache that sends a kept page
 * when it is known to be true at a later position. -EBADMSG: not such a page. */
int compact_head_set_position(char *page, size_t size, int64_t incarnation, int64_t seq);

struct compact_reader {
	struct span left;
	bool bad;
};
struct compact_reader compact_reader_at(struct span bytes, size_t at);
/* Returns 0 and sets *at behind what was taken, or returns -EBADMSG. */
int compact_reader_step(const struct compact_reader *r, struct span bytes, size_t *at);

/* Inline in the header, because a listing of a million items has 25 million fields. */
static inline struct span compact_take_bytes(struct compact_reader *r, size_t size)
{
	struct span s = {0};

	if (r->bad || size > r->left.size) {
		r->bad = true;
		return s;
	}
	s = span_of(r->left.data, size);
	r->left = span_of(r->left.data + size, r->left.size - size);
	return s;
}

static inline uint64_t compact_take_int(struct compact_reader *r, size_t size) /* size: in bytes, at most 8 */
{
	struct span s = compact_take_bytes(r, size);
	uint64_t value = 0;

	for (size_t i = s.size; i > 0; i--)
		value = value << 8 | (unsigned char)s.data[i - 1];
	return value;
}

static inline uint32_t compact_take_u32(struct compact_reader *r)
{
	return (uint32_t)compact_take_int(r, 4);
}

static inline int64_t compact_take_i64(struct compact_reader *r)
{
	return (int64_t)compact_take_int(r, 8);
}

/* Takes magic, flags and count; returns whether there are more pages. */
bool compact_take_head(struct compact_reader *r, const char *magic, uint32_t *ret_count);

#endif
