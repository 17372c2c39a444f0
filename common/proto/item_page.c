/*
 * Compact pages of items (PROTOCOL.md). A page is walked once before its first item is handed out, so that no
 * caller works through half of a damaged page.
 *
 * The head has the position and the cursor of the page, and the number of its items, which the writer fills in at
 * the end (item_page_end). Each item has its own length in front: fixed numbers, then texts and bytes with their
 * lengths. An older reader skips fields that a newer writer adds at the end of an item. A writer appends an item
 * whole or not at all.
 */
#include "common/proto/item.h"

#include "common/base/limits.h"
#include "common/proto/compact.h"

#include <errno.h>

#define ITEM_MAGIC "NPI1"

/* A flag beside the mode, in a bit that no st_mode has. It means that xattrs are absent, so that a writer that does
 * not know the flag claims nothing. */
#define MODE_BARE (1u << 16)

/* An item is appended whole or not at all: one reservation comes first, so that the appends after it cannot fail. */
#define ITEM_FIXED_BYTES (4 * 8 + 4 * 4 + 4 * 8 + 2 * 8 + 2 * 4 + 2 + 2 + 4)

int item_page_begin(struct buf *b, const struct item_page *page, size_t *ret_count_at)
{
	const int64_t numbers[] = {page->incarnation, page->seq};
	size_t start = b->size;
	int r = compact_head_begin(b, ITEM_MAGIC, numbers, 2);

	if (r == 0 && page->cursor.size > UINT16_MAX)
		r = -E2BIG;
	r = r < 0 ? r : buf_append_u16(b, (uint16_t)page->cursor.size);
	r = r < 0 ? r : buf_append_span(b, page->cursor);
	if (r < 0) {
		compact_cut(b, start);
		return r;
	}
	compact_head_end(b, start + COMPACT_COUNT_AT, page->count, page->more);
	*ret_count_at = start + COMPACT_COUNT_AT;
	return 0;
}

static void item_put_fixed(struct buf *b, const struct item *item)
{
	const int64_t ids[] = {item->id, item->parent, item->size, item->allocated};
	const uint32_t words[] = {
		(item->mode & ~MODE_BARE) | (item->bare ? MODE_BARE : 0), item->uid, item->gid, item->nlink};
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
	compact_head_end(b, count_at, count, more);
}

static void take_item_fixed(struct compact_reader *r, struct item *item)
{
	item->id = compact_take_i64(r);
	item->parent = compact_take_i64(r);
	item->size = compact_take_i64(r);
	item->allocated = compact_take_i64(r);
	item->mode = compact_take_u32(r);
	item->bare = item->mode & MODE_BARE;
	item->mode &= ~MODE_BARE;
	item->uid = compact_take_u32(r);
	item->gid = compact_take_u32(r);
	item->nlink = compact_take_u32(r);
	item->atime = compact_take_i64(r);
	item->mtime = compact_take_i64(r);
	item->ctime = compact_take_i64(r);
	item->btime = compact_take_i64(r);
	item->seq = compact_take_i64(r);
	item->content_seq = compact_take_i64(r);
	item->rdev_major = compact_take_u32(r);
	item->rdev_minor = compact_take_u32(r);
}

static void take_item(struct compact_reader *outer, struct item *ret)
{
	struct compact_reader r = {.bad = outer->bad};
	uint32_t name_size, target_size, inline_size;

	r.left = compact_take_bytes(outer, compact_take_u32(outer));
	r.bad = outer->bad;
	take_item_fixed(&r, ret);
	name_size = (uint32_t)compact_take_int(&r, 2);
	target_size = (uint32_t)compact_take_int(&r, 2);
	inline_size = compact_take_u32(&r);
	ret->name = compact_take_bytes(&r, name_size);
	ret->target = compact_take_bytes(&r, target_size);
	ret->has_inline = inline_size != ITEM_NO_INLINE;
	ret->inline_data = (struct span){0};
	if (ret->has_inline)
		ret->inline_data = compact_take_bytes(&r, inline_size);
	/* Fields that a newer writer added at the end of the item are skipped. */
	outer->bad = outer->bad || r.bad || ret->size < 0 || ret->allocated < 0;
}

int item_page_next(struct span bytes, size_t *at, struct item *ret)
{
	struct compact_reader r = compact_reader_at(bytes, *at);
	struct item item = {0};
	int error;

	if (!r.bad && r.left.size == 0)
		return -ENOENT;
	take_item(&r, &item);
	error = compact_reader_step(&r, bytes, at);
	if (error == 0)
		*ret = item;
	return error;
}

int item_page_read(struct span bytes, struct item_page *ret, size_t *ret_at)
{
	struct compact_reader r = compact_reader_at(bytes, 0);
	struct item_page page = {0};
	struct item item;
	uint32_t found = 0;
	size_t start, at;
	int error;

	page.more = compact_take_head(&r, ITEM_MAGIC, &page.count);
	page.incarnation = compact_take_i64(&r);
	page.seq = compact_take_i64(&r);
	page.cursor = compact_take_bytes(&r, compact_take_int(&r, 2));
	error = compact_reader_step(&r, bytes, &start);
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
