/* Any bytes as what gateways ask each other about kept answers: refused, or within all bounds. What was read
 * is written as exactly these bytes. */
#include "tests/fuzz/fuzz.h"

#include "gateway/proxy/validation_message.h"

#include <errno.h>

static void try_questions(struct span message)
{
	struct validation_question q;
	struct span rest;
	struct buf again;
	int r = validation_message_open_questions(message, &rest);

	buf_init(&again, VALIDATION_BYTES_MAX);
	if (r == 0)
		r = validation_message_begin_questions(&again);
	while (r == 0 && (r = validation_message_next_question(&rest, &q)) == 0) {
		FUZZ_CHECK(q.user >= 0 && q.stamp >= 0 && q.drive > 0 && q.drive <= INT32_MAX);
		FUZZ_CHECK(q.key.size > 0 && q.key.size <= KEPT_KEY_SIZE);
		r = validation_message_write_question(&again, &q);
	}
	FUZZ_CHECK(r == -EBADMSG || (r == -ENOENT && span_eq(message, buf_span(&again))));
	buf_fini(&again);
}

static void try_verdicts(struct span message)
{
	struct validation_verdict v;
	struct span rest;
	struct buf again;
	int r = validation_message_open_verdicts(message, &rest);

	buf_init(&again, VALIDATION_BYTES_MAX);
	if (r == 0)
		r = validation_message_begin_verdicts(&again);
	while (r == 0 && (r = validation_message_next_verdict(&rest, &v)) == 0) {
		FUZZ_CHECK(v.incarnation >= 0 && v.seq >= 0);
		r = validation_message_write_verdict(&again, &v);
	}
	FUZZ_CHECK(r == -EBADMSG || (r == -ENOENT && span_eq(message, buf_span(&again))));
	buf_fini(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct span message = span_of(data, size);

	if (size > VALIDATION_BYTES_MAX)
		return 0; /* the listener refuses such a size */
	try_questions(message);
	try_verdicts(message);
	return 0;
}
