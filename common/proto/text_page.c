#include "common/proto/text_page.h"

#include "common/proto/compact.h"

#include <errno.h>

#define TEXT_MAGIC "NPT1"

int text_page_write(struct buf *b, const struct text_page *page)
{
	int r;

	if (page->before.size > TEXT_PAGE_FRAME_MAX || page->after.size > TEXT_PAGE_FRAME_MAX)
		return -EINVAL;
	r = compact_head_begin(b, TEXT_MAGIC, &page->length, 1);
	r = r < 0 ? r : buf_append_u32(b, (uint32_t)page->before.size);
	r = r < 0 ? r : buf_append_span(b, page->before);
	r = r < 0 ? r : buf_append_u32(b, (uint32_t)page->after.size);
	r = r < 0 ? r : buf_append_span(b, page->after);
	return r < 0 ? r : buf_append_span(b, page->extents);
}

static struct span take_frame(struct compact_reader *r)
{
	const uint32_t size = compact_take_u32(r);

	if (size > TEXT_PAGE_FRAME_MAX)
		r->bad = true;
	return compact_take_bytes(r, size);
}

int text_page_read(struct span bytes, struct text_page *ret)
{
	struct compact_reader r = compact_reader_at(bytes, 0);
	struct text_page page;
	uint32_t count;
	const bool more = compact_take_head(&r, TEXT_MAGIC, &count);

	page.length = compact_take_i64(&r);
	page.before = take_frame(&r);
	page.after = take_frame(&r);
	if (r.bad || more || count != 0 || page.length < (int64_t)(page.before.size + page.after.size))
		return -EBADMSG;
	page.extents = r.left;
	*ret = page;
	return 0;
}
