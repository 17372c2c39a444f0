/* Any bytes as a compact page of items and of extents: an accepted page comes out the same when it is written
 * again from what was read. */
#include "tests/fuzz/fuzz.h"

#include "common/base/limits.h"
#include "common/proto/extent.h"
#include "common/proto/item.h"

#define OUT_BYTES_MAX (4u * 1024 * 1024)

static void check_items(struct span s)
{
	struct item_page page;
	struct item item;
	struct buf out;
	size_t at, count_at;
	uint32_t count = 0;

	if (item_page_read(s, &page, &at) < 0)
		return;
	buf_init(&out, OUT_BYTES_MAX);
	FUZZ_CHECK(item_page_begin(&out, &page, &count_at) == 0);
	while (item_page_next(s, &at, &item) == 0) {
		count++;
		/* A reader accepts inline content over the limit, although none of our writers makes it. */
		if (item.has_inline && item.inline_data.size > INLINE_BYTES_MAX)
			goto out;
		FUZZ_CHECK(item_page_add(&out, &item) == 0);
	}
	FUZZ_CHECK(count == page.count);
	item_page_end(&out, count_at, count, page.more);
	/* Items may have a tail, which the reader skips. */
	FUZZ_CHECK(out.size <= s.size);
	FUZZ_CHECK(item_page_read(buf_span(&out), &page, &at) == 0 && page.count == count);
out:
	buf_fini(&out);
}

static void check_extents(struct span s)
{
	struct extent_page page;
	struct extent extent;
	struct buf out;
	size_t at, count_at;
	uint32_t count = 0;

	if (extent_page_read(s, &page, &at) < 0)
		return;
	buf_init(&out, OUT_BYTES_MAX);
	FUZZ_CHECK(extent_page_begin(&out, &page, &count_at) == 0);
	while (extent_page_next(s, &at, &extent) == 0) {
		FUZZ_CHECK(extent.len > 0 && extent.at >= 0);
		FUZZ_CHECK(extent.kind != EXTENT_BLOCK || extent.from + extent.len <= extent.block_size);
		FUZZ_CHECK(extent_page_add(&out, &extent) == 0);
		count++;
	}
	extent_page_end(&out, count_at, count, page.more);
	FUZZ_CHECK(span_eq(buf_span(&out), s));
	buf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_items(span_of(data, size));
	check_extents(span_of(data, size));
	return 0;
}
