/* Any bytes as the page of a long text: an accepted page comes out the same when it is written again. */
#include "tests/fuzz/fuzz.h"

#include "common/proto/text_page.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct span bytes = span_of(data, size);
	struct text_page page;
	struct buf out;

	if (text_page_read(bytes, &page) < 0)
		return 0;
	buf_init(&out, size + 1);
	FUZZ_CHECK(text_page_write(&out, &page) == 0);
	FUZZ_CHECK(span_eq(buf_span(&out), bytes));
	buf_fini(&out);
	return 0;
}
