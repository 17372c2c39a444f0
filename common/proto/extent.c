/*
 * Compact pages of extents (PROTOCOL.md). A page is walked once before its first extent is handed out, so that no
 * caller works through half of a damaged page.
 */
#include "common/proto/extent.h"

#include "common/base/limits.h"
#include "common/proto/compact.h"

#include <errno.h>

#define EXTENT_MAGIC "NPX1"

int extent_page_begin(struct buf *b, const struct extent_page *page, size_t *ret_count_at)
{
	const int64_t numbers[] = {page->incarnation, page->seq, page->size, page->content_seq};
	size_t start = b->size;
	int r = compact_head_begin(b, EXTENT_MAGIC, numbers, 4);

	if (r < 0) {
		compact_cut(b, start);
		return r;
	}
	compact_head_end(b, start + COMPACT_COUNT_AT, page->count, page->more);
	*ret_count_at = start + COMPACT_COUNT_AT;
	return 0;
}

int extent_page_add(struct buf *b, const struct extent *extent)
{
	struct span tail = extent->kind == EXTENT_BLOCK ? extent->cap : extent->data;
	int r;

	if (extent->kind == EXTENT_BLOCK ? tail.size > UINT16_MAX : (int64_t)tail.size != extent->len)
		return -EINVAL;
	r = buf_reserve(b, 8 + 8 + 1 + 32 + 8 + 4 + 4 + 2 + tail.size);
	if (r < 0)
		return r;
	(void)buf_append_u64(b, (uint64_t)extent->at);
	(void)buf_append_u64(b, (uint64_t)extent->len);
	(void)buf_append_u8(b, (uint8_t)extent->kind);
	if (extent->kind == EXTENT_BLOCK) {
		(void)buf_append(b, extent->sha256, 32);
		(void)buf_append_u64(b, (uint64_t)extent->generation);
		(void)buf_append_u32(b, extent->from);
		(void)buf_append_u32(b, extent->block_size);
		(void)buf_append_u16(b, (uint16_t)tail.size);
	}
	(void)buf_append_span(b, tail);
	return 0;
}

void extent_page_end(struct buf *b, size_t count_at, uint32_t count, bool more)
{
	compact_head_end(b, count_at, count, more);
}

static void take_extent_block(struct compact_reader *r, struct extent *ret)
{
	struct span hash = compact_take_bytes(r, sizeof(ret->sha256));

	if (hash.size == sizeof(ret->sha256))
		memcpy(ret->sha256, hash.data, hash.size);
	ret->generation = compact_take_i64(r);
	ret->from = compact_take_u32(r);
	ret->block_size = compact_take_u32(r);
	ret->cap = compact_take_bytes(r, compact_take_int(r, 2));
	/* A reader takes len bytes beginning at `from`: all of them must lie in the block. */
	if (ret->block_size > BLOCK_BYTES_MAX || ret->from > ret->block_size || ret->len > ret->block_size - ret->from)
		r->bad = true;
}

static void take_extent(struct compact_reader *r, struct extent *ret)
{
	uint8_t kind;

	ret->at = compact_take_i64(r);
	ret->len = compact_take_i64(r);
	kind = (uint8_t)compact_take_int(r, 1);
	if (ret->at < 0 || ret->len <= 0 || ret->at > INT64_MAX - ret->len || kind > EXTENT_BLOCK)
		r->bad = true;
	ret->kind = kind == EXTENT_BLOCK ? EXTENT_BLOCK : EXTENT_INLINE;
	if (ret->kind == EXTENT_BLOCK)
		take_extent_block(r, ret);
	else
		ret->data = compact_take_bytes(r, r->bad ? 0 : (size_t)ret->len);
}

int extent_page_next(struct span bytes, size_t *at, struct extent *ret)
{
	struct compact_reader r = compact_reader_at(bytes, *at);
	struct extent extent = {0};
	int error;

	if (!r.bad && r.left.size == 0)
		return -ENOENT;
	take_extent(&r, &extent);
	error = compact_reader_step(&r, bytes, at);
	if (error == 0)
		*ret = extent;
	return error;
}

int extent_page_read(struct span bytes, struct extent_page *ret, size_t *ret_at)
{
	struct compact_reader r = compact_reader_at(bytes, 0);
	struct extent_page page = {0};
	struct extent extent;
	uint32_t found = 0;
	size_t start, at;
	int error;

	page.more = compact_take_head(&r, EXTENT_MAGIC, &page.count);
	page.incarnation = compact_take_i64(&r);
	page.seq = compact_take_i64(&r);
	page.size = compact_take_i64(&r);
	page.content_seq = compact_take_i64(&r);
	error = compact_reader_step(&r, bytes, &start);
	if (error < 0)
		return error;
	for (at = start; (error = extent_page_next(bytes, &at, &extent)) == 0;)
		found++;
	if (error != -ENOENT || found != page.count || page.size < 0)
		return -EBADMSG;
	*ret = page;
	*ret_at = start;
	return 0;
}
