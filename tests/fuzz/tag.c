/* Any text as the tags of an answer: what is read is within its bounds, and is printed as exactly that text. */
#include "tests/fuzz/fuzz.h"

#include "common/proto/tag.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct span text = span_of(data, size);
	char again[TAG_TEXT_SIZE];
	struct tag_list list;

	if (tag_list_parse(text, &list) < 0)
		return 0;
	FUZZ_CHECK(list.count > 0 && list.count <= TAG_LIST_MAX && !list.overfull);
	FUZZ_CHECK(list.tags[0].kind == TAG_DRIVE && list.tags[0].id > 0);
	for (size_t i = 1; i < list.count; i++) {
		FUZZ_CHECK(list.tags[i].kind > TAG_DRIVE && list.tags[i].kind < TAG_KINDS);
		FUZZ_CHECK(ITEM_DRIVE(list.tags[i].id) == list.tags[0].id);
	}
	FUZZ_CHECK(tag_list_print(&list, again) == 0);
	FUZZ_CHECK(span_eq(text, span_str(again)));
	return 0;
}
