/* Any bytes as an answer of HTTP: read in one piece, byte by byte, and in odd pieces they give the same
 * result, and the parser uses no more bytes than it is offered. "H|" before the answer: it answers a HEAD. */
#include "tests/fuzz/fuzz.h"

#include "common/http/client/response_parser.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct told {
	uint64_t hash; /* of all parts, except where data was cut */
	int error;
	size_t used;
	bool may_keep;
};

static void mix(struct told *t, const void *bytes, size_t size)
{
	const unsigned char *b = bytes;

	for (size_t i = 0; i < size; i++)
		t->hash = (t->hash ^ b[i]) * 0x100000001b3ull;
}

static void take(struct told *t, const struct response_part *part, size_t offered)
{
	FUZZ_CHECK(part->used <= offered);
	FUZZ_CHECK(part->kind != RESPONSE_DATA || part->value.size > 0);
	FUZZ_CHECK(part->kind != RESPONSE_STATUS || (part->number >= 100 && part->number <= 999));
	if (part->kind != RESPONSE_DATA)
		mix(t, &part->kind, sizeof(part->kind));
	mix(t, part->name.data, part->name.size);
	mix(t, part->value.data, part->value.size);
}

static struct told read_by(const char *answer, size_t size, size_t step, bool is_head)
{
	struct response_parser p;
	struct told t = {.error = -EAGAIN};
	size_t to = 0;

	response_parser_init(&p, is_head);
	do {
		struct response_part part = {.kind = RESPONSE_STATUS};

		to = size - to > step ? to + step : size;
		do {
			t.error = response_parser_next(&p, span_of(answer + t.used, to - t.used), &part);
			FUZZ_CHECK(part.used <= to - t.used);
			if (t.error == 0)
				take(&t, &part, to - t.used);
			t.used += part.used;
		} while (t.error == 0 && part.kind != RESPONSE_END);
	} while (t.error == -EAGAIN && to < size);
	if (t.error == -EAGAIN)
		t.error = response_parser_end(&p);
	t.may_keep = response_parser_may_keep(&p);
	FUZZ_CHECK(!t.may_keep || t.error == 0);
	return t;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const bool is_head = size > 0 && data[0] == 'H' && size > 1 && data[1] == '|';
	const char *answer = (const char *)data + (is_head ? 2 : 0);
	const size_t left = size - (is_head ? 2 : 0);
	const struct told whole = read_by(answer, left, left + 1, is_head);

	for (size_t step = 1; step < 12; step += 5) {
		const struct told pieces = read_by(answer, left, step, is_head);

		FUZZ_CHECK(pieces.error == whole.error);
		FUZZ_CHECK(pieces.error < 0 || (pieces.hash == whole.hash && pieces.used == whole.used));
		FUZZ_CHECK(pieces.may_keep == whole.may_keep);
	}
	return 0;
}
