/* Any text as the tags that a change touched: what is read is within its bounds, and is printed as exactly
 * that text. */
#include "tests/fuzz/fuzz.h"

#include "common/proto/touched.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct span text = span_of(data, size);
	char again[TOUCHED_TEXT_SIZE];
	struct touched t;

	if (touched_parse(text, 5, &t) < 0)
		return 0;
	FUZZ_CHECK(t.incarnation >= 0 && t.first >= 1 && t.last >= t.first - 1);
	FUZZ_CHECK(t.tags.count >= 1 && t.tags.count <= TAG_LIST_MAX && t.tags.tags[0].id == 5);
	touched_print(&t, again);
	FUZZ_CHECK(span_eq(text, span_str(again)));
	return 0;
}
