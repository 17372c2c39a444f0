/* Any text: refused, or a time whose canonical text is the same time; at the ends of the range many texts are one
 * time. */
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
		FUZZ_CHECK(ns >= CLOCK_SECONDS_MIN * NS_PER_S && ns <= CLOCK_SECONDS_MAX * NS_PER_S);
		if (ns > CLOCK_SECONDS_MIN * NS_PER_S && ns < CLOCK_SECONDS_MAX * NS_PER_S &&
			strlen(text) == strlen(again) && text[0] != '0' && text[1] != '0')
			FUZZ_CHECK(strcmp(text, again) == 0);
	}
	free(text);
	return 0;
}
