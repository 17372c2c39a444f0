/*
 * text_page: a long document of version 1 of the API as a docs service tells a gateway where it lies (PROTOCOL.md,
 * "Long content"): the JSON before and after the text, and a compact page of the extents of the text (extent.h). The
 * gateway makes the document from this: `before`, the bytes of the text escaped for a JSON string, `after`. Spans
 * borrow from the bytes that a page was read from. Pure, any thread.
 */
#ifndef NEPHOS_PROTO_TEXT_PAGE_H
#define NEPHOS_PROTO_TEXT_PAGE_H

#include "common/base/buf.h"

#include <stdint.h>

#define TEXT_PAGE_TYPE "application/vnd.nephos.text"
#define TEXT_PAGE_FRAME_MAX 8192u /* of before and after, each: a title of 255 bytes is at most 1,530 in JSON */

struct text_page {
	int64_t length; /* of the document, in bytes; before and after count */
	struct span before, after;
	struct span extents; /* not looked at here */
};

/* -E2BIG, -ENOMEM: b has no room; the caller throws away what was appended. -EINVAL: a part of the frame is longer than
 * TEXT_PAGE_FRAME_MAX. */
int text_page_write(struct buf *b, const struct text_page *page);
/* -EBADMSG: no such page. */
int text_page_read(struct span bytes, struct text_page *ret);

#endif
