/* The messages by which gateways copy answers: each is read as it was written, and everything else is refused. */
#include "gateway/ring/replica_message.h"

#include "common/base/clock.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define DRIVE 5u

static struct buf message;

static int set_up(void **state)
{
	(void)state;
	buf_init(&message, REPLICA_BYTES_MAX);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	buf_fini(&message);
	return 0;
}

static const struct replica_ticket TICKET = {.fence = 77, .clock_ns = 123456789};

static struct replica_section section_of(uint32_t drive, size_t count)
{
	struct replica_section s = {
		.drive = drive, .stand = {.epoch = 4, .incarnation = 2, .followed = 40}, .count = count};

	touched_init(&s.touched, drive, 2, 38);
	touched_add(&s.touched, 39,
		&(struct tag_change){
			.op = OP_CREATE, .id = ITEM_ID(drive, 9), .parent = ITEM_ID(drive, 2), .name = span_str("x")});
	s.has_touched = true;
	return s;
}

static void make_offer(void)
{
	const struct replica_section first = section_of(DRIVE, 2), second = section_of(DRIVE + 1, 0);

	assert_int_equal(replica_message_write_offer(&message, 2), 0);
	assert_int_equal(replica_message_write_offer_section(&message, &first), 0);
	for (int i = 0; i < 2; i++) {
		const struct replica_key key = {.key = span_str(i ? "other" : "key"), .seq = 30 + i, .reads = 2};

		assert_int_equal(replica_message_write_key(&message, &key), 0);
	}
	assert_int_equal(replica_message_write_offer_section(&message, &second), 0);
}

static struct replica_entry entry_of(const char *key)
{
	const struct tag tag = tag_drive(DRIVE);
	struct replica_entry e = {.key = span_str(key),
		.head = span_of("ETag\0v1\0", 8),
		.body = span_str("body"),
		.user = 8,
		.seq = 40,
		.status = 200,
		.lifetime_ns = 5,
		.reads = 1,
		.key_count = 2};

	e.keys[0] = tag_key(&tag);
	e.keys[1] = 99;
	return e;
}

static void make_entries_of(const struct replica_entry *e)
{
	const struct replica_section s = section_of(DRIVE, 1);

	buf_reset(&message);
	assert_int_equal(replica_message_write_entries(&message, &TICKET, 1), 0);
	assert_int_equal(replica_message_write_section(&message, &s), 0);
	assert_int_equal(replica_message_write_entry(&message, e), 0);
}

static void an_encoded_offer_decodes_to_the_same_sections_and_keys(void **state)
{
	struct replica_cursor c;
	struct replica_section section;
	struct replica_key key;

	(void)state;
	make_offer();
	assert_int_equal(replica_message_check_offer(buf_span(&message)), 0);
	assert_int_equal(replica_message_open_offer(buf_span(&message), &c), 0);
	assert_int_equal(replica_message_next_offer(&c, &section), 0);
	assert_int_equal(section.drive, DRIVE);
	assert_int_equal(section.stand.epoch, 4);
	assert_int_equal(section.stand.incarnation, 2);
	assert_int_equal(section.stand.followed, 40);
	assert_true(section.has_touched && section.touched.last == 39);
	assert_int_equal(replica_message_next_key(&c, &key), 0);
	assert_true(span_eq_str(key.key, "key") && key.seq == 30 && key.reads == 2);
	assert_int_equal(replica_message_next_key(&c, &key), 0);
	assert_true(span_eq_str(key.key, "other") && key.seq == 31);
	assert_int_equal(replica_message_next_key(&c, &key), -ENOENT);
	assert_int_equal(replica_message_next_offer(&c, &section), 0);
	assert_int_equal(section.drive, DRIVE + 1);
	assert_int_equal(replica_message_next_key(&c, &key), -ENOENT);
	assert_int_equal(replica_message_next_offer(&c, &section), -ENOENT);
}

static void encoded_entries_decode_to_the_same_ticket_section_and_fields(void **state)
{
	const struct replica_entry made = entry_of("key");
	struct replica_cursor c;
	struct replica_ticket ticket;
	struct replica_section section;
	struct replica_entry e;

	(void)state;
	make_entries_of(&made);
	assert_int_equal(replica_message_check_entries(buf_span(&message)), 0);
	assert_int_equal(replica_message_open_entries(buf_span(&message), &c, &ticket), 0);
	assert_true(ticket.fence == TICKET.fence && ticket.clock_ns == TICKET.clock_ns);
	assert_int_equal(replica_message_next_section(&c, &section), 0);
	assert_true(section.drive == DRIVE && section.stand.incarnation == 2);
	assert_int_equal(replica_message_next_entry(&c, DRIVE, &e), 0);
	assert_true(span_eq(e.key, made.key) && span_eq(e.head, made.head) && span_eq(e.body, made.body));
	assert_true(e.user == 8 && e.seq == 40 && e.status == 200 && e.lifetime_ns == 5 && e.reads == 1);
	assert_true(e.key_count == 2 && e.keys[1] == 99);
	assert_int_equal(replica_message_next_entry(&c, DRIVE, &e), -ENOENT);
	assert_int_equal(replica_message_next_section(&c, &section), -ENOENT);
}

static void a_ticket_carries_the_wanted_keys_and_fits_only_their_number(void **state)
{
	const bool wanted[10] = {true, false, false, true, false, false, false, false, true, false};
	bool again[REPLICA_ENTRIES_MAX];
	struct replica_ticket ticket;

	(void)state;
	assert_int_equal(replica_message_write_ticket(&message, &TICKET, wanted, 10), 0);
	assert_int_equal(replica_message_read_ticket(buf_span(&message), 10, &ticket, again), 0);
	assert_memory_equal(again, wanted, sizeof(wanted));
	assert_int_equal(ticket.fence, TICKET.fence);
	/* The ticket is not valid for another number of keys. */
	assert_int_equal(replica_message_read_ticket(buf_span(&message), 17, &ticket, again), -EBADMSG);
	assert_int_equal(replica_message_read_ticket(buf_span(&message), 8, &ticket, again), -EBADMSG);
}

static void a_truncated_or_overlong_message_is_refused(void **state)
{
	const struct replica_entry e = entry_of("key");

	(void)state;
	make_offer();
	for (size_t size = 0; size < message.size; size++)
		assert_int_equal(replica_message_check_offer(span_of(message.data, size)), -EBADMSG);
	assert_int_equal(buf_append_u8(&message, 0), 0);
	assert_int_equal(replica_message_check_offer(buf_span(&message)), -EBADMSG);
	make_entries_of(&e);
	for (size_t size = 0; size < message.size; size++)
		assert_int_equal(replica_message_check_entries(span_of(message.data, size)), -EBADMSG);
	assert_int_equal(buf_append_u8(&message, 0), 0);
	assert_int_equal(replica_message_check_entries(buf_span(&message)), -EBADMSG);
}

static void a_message_of_another_kind_or_version_is_refused(void **state)
{
	(void)state;
	make_offer();
	assert_int_equal(replica_message_check_entries(buf_span(&message)), -EBADMSG);
	message.data[3] = '2';
	assert_int_equal(replica_message_check_offer(buf_span(&message)), -EBADMSG);
}

static void assert_refused(const struct replica_entry *e)
{
	make_entries_of(e);
	assert_int_equal(replica_message_check_entries(buf_span(&message)), -EBADMSG);
}

static void an_entry_with_an_impossible_field_is_refused(void **state)
{
	struct replica_entry e = entry_of("key");

	(void)state;
	e.keys[0]++; /* of another drive: a change of this one would not drop it */
	assert_refused(&e);
	e = entry_of("key");
	e.key_count = 0;
	assert_refused(&e);
	e = entry_of("");
	assert_refused(&e);
	e = entry_of("key");
	e.status = 206;
	assert_refused(&e);
	e.status = 500;
	assert_refused(&e);
	e = entry_of("key");
	e.seq = -1;
	assert_refused(&e);
	e = entry_of("key");
	e.lifetime_ns = (REPLICA_LIFETIME_S_MAX + 1) * (uint64_t)NS_PER_S;
	assert_refused(&e);
	/* A head that does not end, a field with a name alone, and one without a name. */
	e = entry_of("key");
	e.head = span_of("ETag\0v1", 7);
	assert_refused(&e);
	e.head = span_of("ETag\0", 5);
	assert_refused(&e);
	e.head = span_of("\0v1\0", 4);
	assert_refused(&e);
	e.head = span_of(NULL, 0);
	make_entries_of(&e);
	assert_int_equal(replica_message_check_entries(buf_span(&message)), 0);
}

static void an_offer_with_another_incarnation_or_drive_0_is_refused(void **state)
{
	struct replica_section s = section_of(DRIVE, 0);

	(void)state;
	s.touched.incarnation++; /* of another life than that of the drive */
	assert_int_equal(replica_message_write_offer(&message, 1), 0);
	assert_int_equal(replica_message_write_offer_section(&message, &s), 0);
	assert_int_equal(replica_message_check_offer(buf_span(&message)), -EBADMSG);
	buf_reset(&message);
	s = section_of(DRIVE, 0);
	s.drive = 0;
	s.has_touched = false;
	assert_int_equal(replica_message_write_offer(&message, 1), 0);
	assert_int_equal(replica_message_write_offer_section(&message, &s), 0);
	assert_int_equal(replica_message_check_offer(buf_span(&message)), -EBADMSG);
}

#define test(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(an_encoded_offer_decodes_to_the_same_sections_and_keys),
		test(encoded_entries_decode_to_the_same_ticket_section_and_fields),
		test(a_ticket_carries_the_wanted_keys_and_fits_only_their_number),
		test(a_truncated_or_overlong_message_is_refused),
		test(a_message_of_another_kind_or_version_is_refused),
		test(an_entry_with_an_impossible_field_is_refused),
		test(an_offer_with_another_incarnation_or_drive_0_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
