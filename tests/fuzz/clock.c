/* Any text: refused, or a time whose canonical text is the same time. */
#include "tests/fuzz/fuzz.h"

#include "common/base/clock.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size);
	char again[CLOCK_TEXT_SIZE];
	int64_t ns, back;

	FUZZ_CHECK(text);
	if (clock_parse(text, &ns) == 0) {
		clock_format(ns, again);
		FUZZ_CHECK(clock_parse(again, &back) == 0 && back == ns);
		if (strlen(text) == strlen(again) && text[0] != '0' && text[1] != '0')
			FUZZ_CHECK(strcmp(text, again) == 0);
	}
	free(text);
	return 0;
}
