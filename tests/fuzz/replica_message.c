/* Any bytes as a message between gateways about copies: refused, or within all bounds. What was read is
 * written as exactly these bytes. */
#include "tests/fuzz/fuzz.h"

#include "gateway/ring/replica_message.h"

#include <string.h>

static void check_same(struct span message, struct buf *again, int r)
{
	FUZZ_CHECK(r == 0 && span_eq(message, buf_span(again)));
}

/* A message has only one spelling: the text of the touched tags has one, and all else are numbers. */
static void try_offer(struct span message)
{
	struct replica_cursor c;
	struct replica_section section;
	struct replica_key key;
	struct buf again;
	size_t keys = 0, sections = 0;

	if (replica_message_check_offer(message) < 0)
		return;
	buf_init(&again, REPLICA_BYTES_MAX);
	int r = replica_message_open_offer(message, &c);
	FUZZ_CHECK(r == 0 && c.sections <= REPLICA_SECTIONS_MAX);
	r = replica_message_write_offer(&again, c.sections);
	while (r == 0 && replica_message_next_offer(&c, &section) == 0) {
		FUZZ_CHECK(++sections <= REPLICA_SECTIONS_MAX && section.drive > 0);
		r = replica_message_write_offer_section(&again, &section);
		while (r == 0 && replica_message_next_key(&c, &key) == 0) {
			FUZZ_CHECK(++keys <= REPLICA_ENTRIES_MAX && key.key.size <= REPLICA_KEY_BYTES_MAX);
			r = replica_message_write_key(&again, &key);
		}
	}
	check_same(message, &again, r);
	buf_fini(&again);
}

static void check_entry(uint32_t drive, const struct replica_entry *e)
{
	const struct tag tag = tag_drive(drive);

	FUZZ_CHECK(e->status == 200 || e->status == 404);
	FUZZ_CHECK(e->key_count >= 1 && e->key_count <= TAG_LIST_MAX && e->keys[0] == tag_key(&tag));
	FUZZ_CHECK(e->user >= 0 && e->seq >= 0 && e->key.size >= 1);
	FUZZ_CHECK(e->head.size == 0 || e->head.data[e->head.size - 1] == '\0');
}

static void try_entries(struct span message)
{
	struct replica_cursor c;
	struct replica_ticket ticket;
	struct replica_section section;
	struct replica_entry entry;
	struct buf again;

	if (replica_message_check_entries(message) < 0)
		return;
	buf_init(&again, REPLICA_BYTES_MAX);
	int r = replica_message_open_entries(message, &c, &ticket);
	FUZZ_CHECK(r == 0);
	r = replica_message_write_entries(&again, &ticket, c.sections);
	while (r == 0 && replica_message_next_section(&c, &section) == 0) {
		r = replica_message_write_section(&again, &section);
		while (r == 0 && replica_message_next_entry(&c, section.drive, &entry) == 0) {
			check_entry(section.drive, &entry);
			r = replica_message_write_entry(&again, &entry);
		}
	}
	check_same(message, &again, r);
	buf_fini(&again);
}

static void try_ticket(struct span message)
{
	struct replica_ticket ticket;
	bool wanted[REPLICA_ENTRIES_MAX];

	for (size_t keys = 0; keys <= REPLICA_ENTRIES_MAX; keys += 64)
		if (replica_message_read_ticket(message, keys, &ticket, wanted) == 0)
			FUZZ_CHECK(message.size == 20 + keys / 8 && ticket.clock_ns >= 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct span message = span_of(data, size);

	if (size > REPLICA_BYTES_MAX)
		return 0; /* the listener refuses such a size */
	try_offer(message);
	try_entries(message);
	try_ticket(message);
	return 0;
}
