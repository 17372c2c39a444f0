/*
 * compact: what the compact forms of PROTOCOL.md are made of: a head, and integers in little-endian order. Reading
 * trusts nothing: every field is taken through a reader that knows what is left. One that was asked for more is bad
 * from then on, and gives zeros. Pure, any thread.
 */
#ifndef NEPHOS_PROTO_COMPACT_H
#define NEPHOS_PROTO_COMPACT_H

#include "common/base/buf.h"

#include <stdbool.h>
#include <stdint.h>

#define COMPACT_COUNT_AT 8u /* in a head: behind the magic of four bytes and the flags */

/* A head: magic, flags and count (both 0 until the end), numbers. -ENOMEM, -E2BIG; what was appended is cut off by the
 * caller. */
int compact_head_begin(struct buf *b, const char *magic, const int64_t *numbers, size_t count);
void compact_head_end(struct buf *b, size_t count_at, uint32_t count, bool more);
void compact_cut(struct buf *b, size_t size); /* back to a size that it had */

/* Which position a page of items or extents (NPI1, NPX1) saw: for who keeps it, and gives it away when it is known to
 * be true at a later one. -EBADMSG: it is no such page. */
int compact_head_set_position(char *page, size_t size, int64_t incarnation, int64_t seq);

struct compact_reader {
	struct span left;
	bool bad;
};
struct compact_reader compact_reader_at(struct span bytes, size_t at);
/* 0 and *at behind what was taken, or -EBADMSG. */
int compact_reader_step(const struct compact_reader *r, struct span bytes, size_t *at);

/* Here, because a listing of a million items takes 25 million fields. */
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

static inline uint64_t compact_take_int(struct compact_reader *r, size_t size) /* of so many bytes, at most 8 */
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

/* Magic, flags and count; whether more is to come. */
bool compact_take_head(struct compact_reader *r, const char *magic, uint32_t *ret_count);

#endif
