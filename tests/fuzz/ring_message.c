/* Any bytes as a call about the ring, or as the answer to one: refused, or valid for the rules. Written and
 * read again, it is the same. */
#include "tests/fuzz/fuzz.h"

#include "common/base/error.h"
#include "common/ring/ring_message.h"

#include <errno.h>
#include <string.h>

static void check_call(struct span body)
{
	struct ring_message_call message, again;
	struct membership book = {.epoch = 0};
	struct buf text;
	bool lease;
	int r = ring_message_read_call(body, &message);

	FUZZ_CHECK(r == 0 || r == -ERR_BAD_JSON || r == -ERR_BAD_REQUEST);
	if (r < 0)
		return;
	r = membership_hear(&book, &message.call, &lease);
	FUZZ_CHECK(r == 0 || r == -EINVAL);
	FUZZ_CHECK(membership_check(&book) == 0 && !lease);
	if (r == 0) {
		buf_init(&text, 2 * RING_MESSAGE_BYTES_MAX);
		FUZZ_CHECK(ring_message_write_call(&message.call, &text) == 0);
		FUZZ_CHECK(ring_message_read_call(buf_span(&text), &again) == 0);
		FUZZ_CHECK(strcmp(again.call.name, message.call.name) == 0 && again.call.view == message.call.view);
		FUZZ_CHECK(strcmp(again.call.hop_url, message.call.hop_url) == 0);
		FUZZ_CHECK(again.call.silent_count == message.call.silent_count);
		ring_message_call_fini(&again);
		buf_fini(&text);
	}
	ring_message_call_fini(&message);
}

static void check_answer(struct span body)
{
	static struct membership book, again; /* too large for a stack; there is one thread */
	struct buf text;
	bool lease = false, lease_again = false;
	int r = ring_message_read_answer(body, &book, &lease);

	FUZZ_CHECK(r == 0 || r == -ERR_BAD_JSON || r == -ERR_BAD_REQUEST);
	if (r < 0)
		return;
	FUZZ_CHECK(membership_check(&book) == 0);
	buf_init(&text, RING_MESSAGE_BYTES_MAX);
	FUZZ_CHECK(ring_message_write_answer(&book, lease, &text) == 0);
	FUZZ_CHECK(ring_message_read_answer(buf_span(&text), &again, &lease_again) == 0);
	FUZZ_CHECK(again.epoch == book.epoch && again.count == book.count && lease_again == lease);
	for (size_t i = 0; i < book.count; i++)
		FUZZ_CHECK(strcmp(again.list[i].hop_url, book.list[i].hop_url) == 0);
	buf_fini(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_call(span_of(data, size));
	check_answer(span_of(data, size));
	return 0;
}
