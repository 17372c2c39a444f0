/*
 * The compact forms of PROTOCOL.md. Reading trusts nothing: every field is taken through a reader that knows what is left, and a page is walked once
 * before its first item is handed out, so that a caller never works through half of a damaged one.
 */
#include "common/proto/item.h"

#include "common/base/limits.h"

#include <errno.h>

#define ITEM_MAGIC "NPI1"
#define EXTENT_MAGIC "NPX1"
#define MAGIC_BYTES 4u
#define FLAG_MORE 1u
#define FLAGS_AT 4u /* behind the magic; the count follows */
#define COUNT_AT 8u

struct reader {
	struct span left;
	bool bad;
};

static struct span take_bytes(struct reader *r, size_t size)
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

static uint64_t take_int(struct reader *r, size_t size)
{
	struct span s = take_bytes(r, size);
	uint64_t value = 0;

	for (size_t i = s.size; i > 0; i--)
		value = value << 8 | (unsigned char)s.data[i - 1];
	return value;
}

static uint32_t take_u32(struct reader *r)
{
	return (uint32_t)take_int(r, 4);
}

static int64_t take_i64(struct reader *r)
{
	return (int64_t)take_int(r, 8);
}

static void put_u32_at(struct buf *b, size_t at, uint32_t value)
{
	for (size_t i = 0; i < 4; i++)
		b->data[at + i] = (char)(value >> (8 * i));
}

static void page_end(struct buf *b, size_t count_at, uint32_t count, bool more)
{
	put_u32_at(b, count_at, count);
	put_u32_at(b, count_at - (COUNT_AT - FLAGS_AT), more ? FLAG_MORE : 0);
}

static void cut(struct buf *b, size_t size)
{
	b->size = size;
	if (b->data)
		b->data[size] = '\0';
}

/* Appending all or nothing: one reservation, so that the appends behind it cannot fail. */
#define ITEM_FIXED_BYTES (4 * 8 + 4 * 4 + 4 * 8 + 2 * 8 + 2 * 4 + 2 + 2 + 4)

static int page_begin(struct buf *b, const char *magic, const int64_t *numbers, size_t count)
{
	int r = buf_append(b, magic, MAGIC_BYTES);

	r = r < 0 ? r : buf_append_u32(b, 0);
	r = r < 0 ? r : buf_append_u32(b, 0);
	for (size_t i = 0; r == 0 && i < count; i++)
		r = buf_append_u64(b, (uint64_t)numbers[i]);
	return r;
}

int item_page_begin(struct buf *b, const struct item_page *page, size_t *ret_count_at)
{
	const int64_t numbers[] = {page->incarnation, page->seq};
	size_t start = b->size;
	int r = page_begin(b, ITEM_MAGIC, numbers, 2);

	if (r == 0 && page->cursor.size > UINT16_MAX)
		r = -E2BIG;
	r = r < 0 ? r : buf_append_u16(b, (uint16_t)page->cursor.size);
	r = r < 0 ? r : buf_append_span(b, page->cursor);
	if (r < 0) {
		cut(b, start);
		return r;
	}
	page_end(b, start + COUNT_AT, page->count, page->more);
	*ret_count_at = start + COUNT_AT;
	return 0;
}

static void item_put_fixed(struct buf *b, const struct item *item)
{
	const int64_t ids[] = {item->id, item->parent, item->size, item->allocated};
	const uint32_t words[] = {item->mode, item->uid, item->gid, item->nlink};
	const int64_t times[] = {item->atime, item->mtime, item->ctime, item->btime, item->seq, item->content_seq};

	for (size_t i = 0; i < 4; i++)
		(void)buf_append_u64(b, (uint64_t)ids[i]);
	for (size_t i = 0; i < 4; i++)
		(void)buf_append_u32(b, words[i]);
	for (size_t i = 0; i < 6; i++)
		(void)buf_append_u64(b, (uint64_t)times[i]);
	(void)buf_append_u32(b, item->rdev_major);
	(void)buf_append_u32(b, item->rdev_minor);
}

int item_page_add(struct buf *b, const struct item *item)
{
	size_t inline_size = item->has_inline ? item->inline_data.size : 0;
	size_t size = ITEM_FIXED_BYTES + item->name.size + item->target.size + inline_size;
	int r;

	if (item->name.size > UINT16_MAX || item->target.size > UINT16_MAX || inline_size > INLINE_BYTES_MAX)
		return -E2BIG;
	r = buf_reserve(b, 4 + size);
	if (r < 0)
		return r;
	(void)buf_append_u32(b, (uint32_t)size);
	item_put_fixed(b, item);
	(void)buf_append_u16(b, (uint16_t)item->name.size);
	(void)buf_append_u16(b, (uint16_t)item->target.size);
	(void)buf_append_u32(b, item->has_inline ? (uint32_t)inline_size : ITEM_NO_INLINE);
	(void)buf_append_span(b, item->name);
	(void)buf_append_span(b, item->target);
	if (item->has_inline)
		(void)buf_append_span(b, item->inline_data);
	return 0;
}

void item_page_end(struct buf *b, size_t count_at, uint32_t count, bool more)
{
	page_end(b, count_at, count, more);
}

static void take_item_fixed(struct reader *r, struct item *item)
{
	item->id = take_i64(r);
	item->parent = take_i64(r);
	item->size = take_i64(r);
	item->allocated = take_i64(r);
	item->mode = take_u32(r);
	item->uid = take_u32(r);
	item->gid = take_u32(r);
	item->nlink = take_u32(r);
	item->atime = take_i64(r);
	item->mtime = take_i64(r);
	item->ctime = take_i64(r);
	item->btime = take_i64(r);
	item->seq = take_i64(r);
	item->content_seq = take_i64(r);
	item->rdev_major = take_u32(r);
	item->rdev_minor = take_u32(r);
}

static void take_item(struct reader *outer, struct item *ret)
{
	struct reader r = {.bad = outer->bad};
	uint32_t name_size, target_size, inline_size;

	r.left = take_bytes(outer, take_u32(outer));
	r.bad = outer->bad;
	take_item_fixed(&r, ret);
	name_size = (uint32_t)take_int(&r, 2);
	target_size = (uint32_t)take_int(&r, 2);
	inline_size = take_u32(&r);
	ret->name = take_bytes(&r, name_size);
	ret->target = take_bytes(&r, target_size);
	ret->has_inline = inline_size != ITEM_NO_INLINE;
	ret->inline_data = (struct span){0};
	if (ret->has_inline)
		ret->inline_data = take_bytes(&r, inline_size);
	/* What a newer writer adds at the end of an item is passed over. */
	outer->bad = outer->bad || r.bad || ret->size < 0 || ret->allocated < 0;
}

static struct reader reader_at(struct span bytes, size_t at)
{
	struct reader r = {.bad = at > bytes.size};

	if (!r.bad)
		r.left = span_of(bytes.data + at, bytes.size - at);
	return r;
}

/* -ENOENT at the end, -EBADMSG, or 0 with *at behind the item. */
static int reader_step(const struct reader *r, struct span bytes, size_t *at)
{
	if (r->bad)
		return -EBADMSG;
	*at = bytes.size - r->left.size;
	return 0;
}

int item_page_next(struct span bytes, size_t *at, struct item *ret)
{
	struct reader r = reader_at(bytes, *at);
	struct item item = {0};
	int error;

	if (!r.bad && r.left.size == 0)
		return -ENOENT;
	take_item(&r, &item);
	error = reader_step(&r, bytes, at);
	if (error == 0)
		*ret = item;
	return error;
}

static bool take_head(struct reader *r, const char *magic, uint32_t *ret_count)
{
	struct span got = take_bytes(r, MAGIC_BYTES);
	uint32_t flags = take_u32(r);

	*ret_count = take_u32(r);
	if (!span_eq(got, span_str(magic)) || (flags & ~FLAG_MORE) != 0)
		r->bad = true;
	return (flags & FLAG_MORE) != 0;
}

int item_page_read(struct span bytes, struct item_page *ret, size_t *ret_at)
{
	struct reader r = reader_at(bytes, 0);
	struct item_page page = {0};
	struct item item;
	uint32_t found = 0;
	size_t start, at;
	int error;

	page.more = take_head(&r, ITEM_MAGIC, &page.count);
	page.incarnation = take_i64(&r);
	page.seq = take_i64(&r);
	page.cursor = take_bytes(&r, take_int(&r, 2));
	error = reader_step(&r, bytes, &start);
	if (error < 0)
		return error;
	for (at = start; (error = item_page_next(bytes, &at, &item)) == 0;)
		found++;
	if (error != -ENOENT || found != page.count)
		return -EBADMSG;
	*ret = page;
	*ret_at = start;
	return 0;
}

int extent_page_begin(struct buf *b, const struct extent_page *page, size_t *ret_count_at)
{
	const int64_t numbers[] = {page->incarnation, page->seq, page->size, page->content_seq};
	size_t start = b->size;
	int r = page_begin(b, EXTENT_MAGIC, numbers, 4);

	if (r < 0) {
		cut(b, start);
		return r;
	}
	page_end(b, start + COUNT_AT, page->count, page->more);
	*ret_count_at = start + COUNT_AT;
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
	page_end(b, count_at, count, more);
}

static void take_extent_block(struct reader *r, struct extent *ret)
{
	struct span hash = take_bytes(r, sizeof(ret->sha256));

	if (hash.size == sizeof(ret->sha256))
		memcpy(ret->sha256, hash.data, hash.size);
	ret->generation = take_i64(r);
	ret->from = take_u32(r);
	ret->block_size = take_u32(r);
	ret->cap = take_bytes(r, take_int(r, 2));
	/* A reader takes len bytes from here: they have to lie in the block. */
	if (ret->block_size > BLOCK_BYTES_MAX || ret->from > ret->block_size || ret->len > ret->block_size - ret->from)
		r->bad = true;
}

static void take_extent(struct reader *r, struct extent *ret)
{
	uint8_t kind;

	ret->at = take_i64(r);
	ret->len = take_i64(r);
	kind = (uint8_t)take_int(r, 1);
	if (ret->at < 0 || ret->len <= 0 || ret->at > INT64_MAX - ret->len || kind > EXTENT_BLOCK)
		r->bad = true;
	ret->kind = kind == EXTENT_BLOCK ? EXTENT_BLOCK : EXTENT_INLINE;
	if (ret->kind == EXTENT_BLOCK)
		take_extent_block(r, ret);
	else
		ret->data = take_bytes(r, r->bad ? 0 : (size_t)ret->len);
}

int extent_page_next(struct span bytes, size_t *at, struct extent *ret)
{
	struct reader r = reader_at(bytes, *at);
	struct extent extent = {0};
	int error;

	if (!r.bad && r.left.size == 0)
		return -ENOENT;
	take_extent(&r, &extent);
	error = reader_step(&r, bytes, at);
	if (error == 0)
		*ret = extent;
	return error;
}

int extent_page_read(struct span bytes, struct extent_page *ret, size_t *ret_at)
{
	struct reader r = reader_at(bytes, 0);
	struct extent_page page = {0};
	struct extent extent;
	uint32_t found = 0;
	size_t start, at;
	int error;

	page.more = take_head(&r, EXTENT_MAGIC, &page.count);
	page.incarnation = take_i64(&r);
	page.seq = take_i64(&r);
	page.size = take_i64(&r);
	page.content_seq = take_i64(&r);
	error = reader_step(&r, bytes, &start);
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
