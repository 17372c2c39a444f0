/* Any bytes as a batch, of either content type (the first byte says which): an accepted batch is the same
 * after it is written and read again. */
#include "tests/fuzz/fuzz.h"

#include "common/proto/op.h"

static void check_again(const struct op_batch *b)
{
	struct op_batch *again = NULL;
	struct buf first, second;
	const char *type;
	int index;

	buf_init(&first, BATCH_BYTES_MAX);
	buf_init(&second, BATCH_BYTES_MAX);
	/* Names in two forms may make a batch longer than the input. Such a batch would be sent in parts. */
	if (op_batch_encode(op_batch_at(b, 0), op_batch_count(b), &first, &type) == 0) {
		FUZZ_CHECK(op_batch_decode(type, buf_span(&first), &again, &index) == 0);
		FUZZ_CHECK(op_batch_count(again) == op_batch_count(b));
		FUZZ_CHECK(op_batch_encode(op_batch_at(again, 0), op_batch_count(again), &second, &type) == 0);
		FUZZ_CHECK(span_eq(buf_span(&first), buf_span(&second)));
	}
	op_batch_free(again);
	buf_fini(&first);
	buf_fini(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct op_batch *b = NULL;
	int index = -2;

	if (size == 0)
		return 0;
	if (op_batch_decode(data[0] & 1 ? "application/json" : "application/vnd.nephos.ops",
		    span_of(data + 1, size - 1), &b, &index) < 0) {
		FUZZ_CHECK(b == NULL && index >= -1);
		return 0;
	}
	FUZZ_CHECK(op_batch_count(b) >= 1 && op_batch_count(b) <= OPS_PER_BATCH_MAX);
	for (size_t i = 0; i < op_batch_count(b); i++)
		FUZZ_CHECK(op_check(op_batch_at(b, i)) == 0);
	check_again(b);
	op_batch_free(b);
	return 0;
}
