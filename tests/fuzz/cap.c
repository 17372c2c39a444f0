/* Any text as a capability for a block: only a text that was signed for this block is accepted, and not after
 * its time. */
#include "tests/fuzz/fuzz.h"

#include "common/base/error.h"
#include "common/proto/cap.h"

#include <string.h>

#define NOW_S 1700000000

static const struct cap_key key = {{1, 2, 3}};
static const uint8_t block[32] = {7};

/* An accepted text is, byte by byte, the one that is signed for its generation and its time. */
static void check_text(struct span text)
{
	char again[CAP_TEXT_SIZE];
	int64_t generation = -5;

	if (cap_check(&key, 1, block, text, NOW_S, &generation) == 0) {
		cap_sign(&key, 1, block, generation, NOW_S, again);
		FUZZ_CHECK(span_eq(text, span_str(again)));
	} else {
		FUZZ_CHECK(generation == -5);
	}
}

/* Takes the input as a change of a signed text: only the unchanged text is accepted. */
static void check_change(struct span change)
{
	char good[CAP_TEXT_SIZE], text[CAP_TEXT_SIZE];
	int64_t generation = -5;
	size_t size;

	cap_sign(&key, 1, block, 3, NOW_S, good);
	size = strlen(good);
	memcpy(text, good, sizeof(text));
	for (size_t i = 0; i < change.size; i++)
		text[i % size] = (char)(text[i % size] ^ change.data[i]);
	const bool same = memcmp(text, good, size) == 0;
	FUZZ_CHECK((cap_check(&key, 1, block, span_of(text, size), NOW_S, &generation) == 0) == same);
	FUZZ_CHECK(cap_check(&key, 2, block, span_of(text, size), NOW_S, &generation) == -ERR_FORBIDDEN);
	FUZZ_CHECK(cap_check(&key, 1, block, span_of(text, size), NOW_S + 1201, &generation) == -ERR_FORBIDDEN);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_text(span_of(data, size));
	check_change(span_of(data, size));
	return 0;
}
