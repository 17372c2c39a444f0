/* What the home of a drive keeps is copied to the next gateway. That gateway gives no copy to a client before it
 * is the home itself; then it gives those that the journal leaves. */
#include "gateway/ring/replicas.h"

#include "common/base/clock.h"
#include "common/http/client/dial.h"
#include "gateway/ring/replica_message.h"
#include "tests/unit/gateway/service.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define NO_BODY "Content-Length: 0\r\n"
#define OFFER "POST /internal/v1/replicas/offer"
#define ENTRIES "POST /internal/v1/replicas/entries"

static char text[1u << 20];

static bool is_hit_at(struct front *f, const char *name, unsigned drive, const char *path)
{
	char hit[64];

	(void)snprintf(hit, sizeof(hit), "Cache-Status: %s; hit", name);
	assert_int_equal(front_ask_drive(f, "GET", drive, path, ""), 200);
	return strstr(front_answer(), hit) != NULL;
}

static void await_hit_at(struct front *f, const char *name, unsigned drive, const char *path)
{
	const int64_t until_ns = clock_mono_ns() + WIRE_TIMEOUT_S * NS_PER_S;
	const struct timespec pause = clock_timespec(5 * NS_PER_MS);

	while (!is_hit_at(f, name, drive, path)) {
		if (clock_mono_ns() > until_ns)
			fail_msg("%s is not given from memory: %.900s", path, front_answer());
		(void)nanosleep(&pause, NULL);
	}
}

/* Polls. A round of the home may copy more entries, or copy some again. */
static void await_metric(struct front *f, const char *name, long long least, long long most)
{
	const int64_t until_ns = clock_mono_ns() + WIRE_TIMEOUT_S * NS_PER_S;
	const struct timespec pause = clock_timespec(5 * NS_PER_MS);
	long long value = front_metric(f, name);

	for (; value < least || value > most; value = front_metric(f, name)) {
		if (clock_mono_ns() > until_ns)
			fail_msg("%s is %lld, not %lld to %lld", name, value, least, most);
		(void)nanosleep(&pause, NULL);
	}
}

/* A new drive with two answers, made from a2 and from a5, that are kept at "g" and copied to "h". */
static unsigned home_with_two(struct front *f)
{
	const unsigned drive = front_new_drive_at("g", "h");
	const long long copied = front_metric(f->other, "nephos_gateway_replica_copied_total");

	assert_int_equal(front_ask_drive(f, "PUT", drive, "files/a", NO_BODY), 200);
	assert_false(is_hit_at(f, "g", drive, "documents/2"));
	FRONT_SET(f, tags, " a5");
	assert_false(is_hit_at(f, "g", drive, "documents/5"));
	assert_true(is_hit_at(f, "g", drive, "documents/2"));
	await_metric(f->other, "nephos_gateway_replica_copied_total", copied + 2, LLONG_MAX);
	return drive;
}

/* ---- what is no message ---- */

static int tell_as(struct front *f, const char *kind, const char *line, size_t length, struct span body)
{
	char head[256];
	const int fd = front_come_as(f, kind, "other");

	(void)snprintf(head, sizeof(head), "%s HTTP/1.1\r\nHost: g\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n",
		line, length);
	wire_say(fd, head);
	(void)wire_send(fd, body.data, body.size);
	const int status = wire_response(fd, text, sizeof(text));
	close(fd);
	return status;
}

static long long refused(struct front *f, const char *why)
{
	char name[96];

	(void)snprintf(name, sizeof(name), "nephos_gateway_replica_refused_total{why=\"%s\"}", why);
	return front_metric(f, name);
}

/* The count may come a moment after the answer. */
static void await_refused(struct front *f, const char *why, long long count)
{
	char name[96];

	(void)snprintf(name, sizeof(name), "nephos_gateway_replica_refused_total{why=\"%s\"}", why);
	await_metric(f, name, count, count);
}

static void malformed_large_and_foreign_replica_messages_are_refused_and_counted(void **state)
{
	struct front *f = *state;
	const struct span nonsense = SPAN_LITERAL("NRO1 and no more");

	assert_int_equal(tell_as(f, "gateway", OFFER, nonsense.size, nonsense), 400);
	assert_int_equal(tell_as(f, "gateway", ENTRIES, nonsense.size, nonsense), 400);
	await_refused(f, "malformed", 2);
	assert_int_equal(tell_as(f, "gateway", ENTRIES, REPLICA_BYTES_MAX + 1, nonsense), 413);
	await_refused(f, "too_large", 1);
	assert_int_equal(tell_as(f, NULL, OFFER, nonsense.size, nonsense), 401);
	assert_int_equal(tell_as(f, "docs", ENTRIES, nonsense.size, nonsense), 401);
	await_refused(f, "stranger", 2);
	await_refused(f, "malformed", 2);
	/* The listener for clients has no such route. */
	assert_int_equal(
		wire_ask(f->port, OFFER " HTTP/1.1\r\nHost: g\r\nContent-Length: 0\r\n\r\n", text, sizeof(text)), 404);
}

/* Tickets that were never given: with a fence or a time yet to come, or from too long ago; and one that is valid. On a
 * machine that has just started, the old one is from before its start. */
static void replica_messages_need_a_ticket_that_is_neither_forged_nor_expired(void **state)
{
	struct front *f = *state;
	const long long before = refused(f, "malformed");
	const struct replica_ticket tickets[] = {{.fence = UINT64_MAX / 2, .clock_ns = clock_boot_ns()},
		{.fence = 0, .clock_ns = clock_boot_ns() + 3600 * NS_PER_S},
		{.fence = 0, .clock_ns = clock_boot_ns() - (REPLICAS_TICKET_S + 1) * NS_PER_S},
		{.fence = 0, .clock_ns = clock_boot_ns()}};
	struct buf message;

	buf_init(&message, REPLICA_BYTES_MAX);
	for (size_t i = 0; i < sizeof(tickets) / sizeof(tickets[0]); i++) {
		buf_reset(&message);
		assert_int_equal(replica_message_write_entries(&message, &tickets[i], 0), 0);
		assert_int_equal(tell_as(f, "gateway", ENTRIES, message.size, buf_span(&message)), i < 3 ? 400 : 204);
	}
	await_refused(f, "malformed", before + 3);
	buf_fini(&message);
}

/* ---- two gateways ---- */

static void the_next_gateway_has_copies_of_the_homes_answers_but_does_not_give_them(void **state)
{
	struct front *f = *state;
	const unsigned drive = home_with_two(f);

	assert_false(is_hit_at(f->other, "h", drive, "documents/2"));
	assert_true(is_hit_at(f->other, "g", drive, "documents/2"));
	assert_int_equal(front_metric(f->other, "nephos_gateway_home_claims_total"), 0);
	assert_true(front_metric(f->other, "nephos_gateway_cache_copies") >= 2);
}

static void a_change_at_the_home_drops_touched_copies_without_a_journal_query(void **state)
{
	struct front *f = *state;
	const unsigned drive = home_with_two(f);
	const long long copies = front_metric(f->other, "nephos_gateway_cache_copies");
	const int questions = gate_count(&front_drive(f)->questions);

	FRONT_SET(f, touches, " a5");
	assert_int_equal(front_ask_drive(f, "PUT", drive, "files/a", NO_BODY), 200);
	await_metric(f->other, "nephos_gateway_cache_copies", 0, copies - 1);
	/* The home has announced the drop; no question was sent to the journal. */
	assert_int_equal(gate_count(&front_drive(f)->questions), questions);
}

static void a_notice_about_a_changed_account_drops_the_copies_of_that_user(void **state)
{
	struct front *f = *state;

	(void)home_with_two(f);
	assert_true(front_metric(f->other, "nephos_gateway_cache_copies") >= 2);
	assert_int_equal(front_forget(f->other, "{\"user_id\":\"5\"}"), 204);
	/* They are gone until the home offers them anew: the home has not been notified. */
	assert_true(front_metric(f->other, "nephos_gateway_cache_forgotten_total") >= 2);
	assert_int_equal(front_forget(f, "{\"user_id\":\"5\"}"), 204);
}

/* This must be the last test: it ends the first gateway. */
static void a_new_home_gives_the_copies_that_the_journal_does_not_list_as_touched(void **state)
{
	struct front *f = *state;
	const unsigned drive = home_with_two(f);
	const int64_t seq = front_drive(f)->seq;
	char journal[64];

	(void)snprintf(journal, sizeof(journal), "1.%lld-%lld a2", (long long)seq + 1, (long long)seq + 1);
	FRONT_SET(f, waits, true);
	front_drain(f, 100);
	/* Another client has changed a2 before the claim, and the gateway was not notified. */
	FRONT_SET(f, seq, seq + 1);
	front_await(f->other, "/metrics", "nephos_gateway_ring_epoch 3\n");
	const int claims = gate_count(&front_drive(f)->claims), questions = gate_count(&front_drive(f)->questions);
	FRONT_SET(f, tags, NULL);
	assert_false(is_hit_at(f->other, "h", drive, "documents/5"));
	assert_true(gate_wait(&front_drive(f)->claims, claims + 1));
	assert_false(is_hit_at(f->other, "h", drive, "documents/5"));
	service_drive_release(front_drive(f)); /* the claim; the journal cannot be read yet */
	assert_true(gate_wait(&front_drive(f)->questions, questions + 1));
	assert_false(is_hit_at(f->other, "h", drive, "documents/5"));
	FRONT_SET(f, journal, journal);
	await_hit_at(f->other, "h", drive, "documents/5");
	assert_false(is_hit_at(f->other, "h", drive, "documents/2"));
}

#define test(f) cmocka_unit_test_setup(f, front_reset_drive)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(malformed_large_and_foreign_replica_messages_are_refused_and_counted),
		test(replica_messages_need_a_ticket_that_is_neither_forged_nor_expired),
		test(the_next_gateway_has_copies_of_the_homes_answers_but_does_not_give_them),
		test(a_change_at_the_home_drops_touched_copies_without_a_journal_query),
		test(a_notice_about_a_changed_account_drops_the_copies_of_that_user),
		test(a_new_home_gives_the_copies_that_the_journal_does_not_list_as_touched),
	};
	return cmocka_run_group_tests(tests, front_setup_homes, front_teardown);
}
