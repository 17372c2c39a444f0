/* Any bytes as a list of where content lies: a list that is not refused can be walked over, and is as long as
 * it says. */
#include "tests/fuzz/fuzz.h"

#include "gateway/content/assembly.h"

#define PIECES_MAX 100000 /* the largest input has fewer: a longer walk would not end */

static void walk(struct span page, const struct range_set *ranges, int64_t size)
{
	struct byteranges parts;
	const struct assembly_options options = {.page = page, .parts = &parts};
	int64_t wanted = 0;
	struct assembly a;
	struct piece piece;
	int64_t length = 0;
	unsigned pieces = 0;

	FUZZ_CHECK(byteranges_init(&parts, ranges, "a/b", size) == 0);
	assembly_init(&a, &options);
	for (int r = assembly_next(&a, &piece); piece.kind != PIECE_END; r = assembly_next(&a, &piece)) {
		FUZZ_CHECK(r == 0);
		FUZZ_CHECK(piece.len > 0 && ++pieces < PIECES_MAX);
		FUZZ_CHECK(piece.kind != PIECE_BYTES || piece.bytes.size == (size_t)piece.len);
		FUZZ_CHECK(piece.kind != PIECE_BLOCK || piece.len <= (int64_t)piece.block_size - piece.from);
		length += piece.len;
	}
	FUZZ_CHECK(byteranges_length(&parts, &wanted) == 0 && length == wanted);
	FUZZ_CHECK(ranges->count > 0 || length == size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct span page = span_of(data, size);
	struct range_set ranges = {.count = 0};
	int64_t length;

	if (assembly_check(page, &length) < 0)
		return 0;
	walk(page, &ranges, length);
	if (length > 0) {
		ranges.parts[0] = (struct range){length / 2, length - length / 2};
		ranges.parts[1] = (struct range){0, length / 2 + 1};
		ranges.count = 2;
		walk(page, &ranges, length);
	}
	return 0;
}
