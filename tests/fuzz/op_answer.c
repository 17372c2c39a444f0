/* Any bytes as the answer to a batch, in either form (the first byte says which, and to how many ops): an
 * accepted answer is the same after it is written in the compact form and read again. */
#include "tests/fuzz/fuzz.h"

#include "common/proto/op_answer.h"

#define OUT_BYTES_MAX (4u * 1024 * 1024)

static void check_again(const struct op_answer *answer, bool compact, size_t size)
{
	struct op_answer *again = NULL;
	struct buf first, second;

	buf_init(&first, OUT_BYTES_MAX);
	buf_init(&second, OUT_BYTES_MAX);
	if (op_answer_append_compact(&first, answer) < 0) {
		/* JSON may have names that are too long for the compact form. Checking names is up to the
		 * caller, which knows what they mean. */
		FUZZ_CHECK(!compact);
		goto out;
	}
	/* Items may have a tail, which the reader skips. */
	FUZZ_CHECK(!compact || first.size <= size);
	FUZZ_CHECK(op_answer_decode(OP_ANSWER_COMPACT, buf_span(&first), answer->count, &again) == 0);
	FUZZ_CHECK(again->last == answer->last && again->incarnation == answer->incarnation);
	FUZZ_CHECK(op_answer_append_compact(&second, again) == 0);
	FUZZ_CHECK(span_eq(buf_span(&first), buf_span(&second)));
out:
	op_answer_free(again);
	buf_fini(&first);
	buf_fini(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct op_answer *answer = NULL;
	bool compact;
	size_t count;

	if (size == 0)
		return 0;
	compact = (data[0] & 1) == 0;
	count = data[0] >> 1;
	if (op_answer_decode(
		    compact ? OP_ANSWER_COMPACT : OP_ANSWER_JSON, span_of(data + 1, size - 1), count, &answer) < 0) {
		FUZZ_CHECK(answer == NULL);
		return 0;
	}
	FUZZ_CHECK(answer->count == count);
	check_again(answer, compact, size - 1);
	op_answer_free(answer);
	return 0;
}
