/* How a gateway follows the drives of which it is the home: what it asks, and what it may give from memory
 * meanwhile. */
#include "gateway/ring/keeper.h"

#include "common/base/clock.h"
#include "common/base/error.h"
#include "tests/unit/gateway/service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define NO_BODY "Content-Length: 0\r\n"

static bool is_hit(struct front *f, unsigned drive, const char *path)
{
	assert_int_equal(front_ask_drive(f, "GET", drive, path, ""), 200);
	return strstr(front_answer(), "Cache-Status: g; hit\r\n") != NULL;
}

/* Polls: the answer of the journal may come at any time. */
static void await_hit(struct front *f, unsigned drive, const char *path)
{
	const int64_t until_ns = clock_mono_ns() + WIRE_TIMEOUT_S * NS_PER_S;
	const struct timespec pause = clock_timespec(5 * NS_PER_MS);

	while (!is_hit(f, drive, path)) {
		if (clock_mono_ns() > until_ns)
			fail_msg("%s is not given from memory: %.900s", path, front_answer());
		(void)nanosleep(&pause, NULL);
	}
}

static void change(struct front *f, unsigned drive)
{
	assert_int_equal(front_ask_drive(f, "PUT", drive, "files/a", NO_BODY), 200);
}

/* A new home with two answers in memory, made from a2 and from a5. */
static unsigned home_with_two(struct front *f)
{
	const unsigned drive = front_new_home(f);

	assert_false(is_hit(f, drive, "documents/2"));
	FRONT_SET(f, tags, " a5");
	assert_false(is_hit(f, drive, "documents/5"));
	assert_true(is_hit(f, drive, "documents/2"));
	assert_true(is_hit(f, drive, "documents/5"));
	return drive;
}

static const char *journal_of(int64_t first, int64_t last, const char *tags)
{
	static char text[128];

	(void)snprintf(text, sizeof(text), "1.%lld-%lld%s", (long long)first, (long long)last, tags);
	return text;
}

static void after_a_missed_change_a_home_gives_no_hits_until_the_journal_answers(void **state)
{
	struct front *f = *state;
	const unsigned drive = home_with_two(f);
	const int questions = gate_count(&front_drive(f)->questions);
	const int64_t seq = front_drive(f)->seq;

	/* Another client has changed a2 before, and the gateway was not notified. This change touches something
	 * else. */
	FRONT_SET(f, waits, true);
	FRONT_SET(f, skips, 1);
	FRONT_SET(f, touches, " a9");
	change(f, drive);
	assert_true(gate_wait(&front_drive(f)->questions, questions + 1));
	FRONT_SET(f, tags, NULL); /* so that a hit is an answer that was kept before */
	assert_false(is_hit(f, drive, "documents/2"));
	assert_false(is_hit(f, drive, "documents/5"));
	assert_int_equal(gate_count(&front_drive(f)->questions), questions + 1); /* only one question at a time */
	FRONT_SET(f, journal, journal_of(seq + 1, seq + 2, " a2 a9"));
	service_drive_release(front_drive(f));
	await_hit(f, drive, "documents/5");
	assert_false(is_hit(f, drive, "documents/2"));
}

static void an_unknown_position_in_an_answer_makes_the_home_ask_the_journal(void **state)
{
	struct front *f = *state;
	const unsigned drive = home_with_two(f);
	const int questions = gate_count(&front_drive(f)->questions);
	const int64_t seq = front_drive(f)->seq;

	FRONT_SET(f, waits, true);
	FRONT_SET(f, seq, seq + 3);
	FRONT_SET(f, tags, NULL);
	assert_false(is_hit(f, drive, "documents/7")); /* its answer has the new position */
	assert_true(gate_wait(&front_drive(f)->questions, questions + 1));
	assert_false(is_hit(f, drive, "documents/5"));
	FRONT_SET(f, journal, journal_of(seq + 1, seq + 3, " a2"));
	service_drive_release(front_drive(f));
	await_hit(f, drive, "documents/5");
	assert_false(is_hit(f, drive, "documents/2"));
}

static void after_a_failed_journal_query_a_later_request_asks_the_journal_again(void **state)
{
	struct front *f = *state;
	const unsigned drive = home_with_two(f);
	const int64_t seq = front_drive(f)->seq;
	int questions = gate_count(&front_drive(f)->questions);

	FRONT_SET(f, skips, 1);
	FRONT_SET(f, touches, " a9");
	change(f, drive);
	assert_true(gate_wait(&front_drive(f)->questions, questions + 1));
	FRONT_SET(f, journal, journal_of(seq + 1, seq + 2, " a9"));
	await_hit(f, drive, "documents/5");
	await_hit(f, drive, "documents/2");
	questions = gate_count(&front_drive(f)->questions);
	assert_true(is_hit(f, drive, "documents/2"));
	assert_int_equal(gate_count(&front_drive(f)->questions), questions);
}

static void a_drive_is_claimed_again_when_the_journal_answers_409(void **state)
{
	struct front *f = *state;
	const unsigned drive = home_with_two(f);
	const int claims = gate_count(&front_drive(f)->claims);
	const int64_t until_ns = clock_mono_ns() + WIRE_TIMEOUT_S * NS_PER_S;

	FRONT_SET(f, journal_status, 409);
	FRONT_SET(f, skips, 1);
	change(f, drive);
	FRONT_SET(f, skips, 0);
	while (gate_count(&front_drive(f)->claims) == claims && clock_mono_ns() < until_ns)
		change(f, drive);
	assert_int_equal(gate_count(&front_drive(f)->claims), claims + 1);
	FRONT_SET(f, tags, " a2");
	assert_false(is_hit(f, drive, "documents/2"));
	assert_true(is_hit(f, drive, "documents/2"));
}

static void an_unreadable_touched_field_makes_the_home_forget_and_reclaim_the_drive(void **state)
{
	struct front *f = *state;
	const unsigned drive = home_with_two(f);
	const int claims = gate_count(&front_drive(f)->claims);

	FRONT_SET(f, touches, " nonsense");
	change(f, drive);
	assert_null(strstr(front_answer(), "nonsense"));
	FRONT_SET(f, touches, " a2");
	FRONT_SET(f, tags, " a5");
	change(f, drive);
	assert_int_equal(gate_count(&front_drive(f)->claims), claims + 1);
	assert_false(is_hit(f, drive, "documents/5"));
	assert_true(is_hit(f, drive, "documents/5"));
}

static void a_claim_that_finds_another_owner_makes_no_home_and_nothing_is_kept(void **state)
{
	struct front *f = *state;
	const unsigned drive = front_new_drive();

	FRONT_SET(f, owner, 6);
	change(f, drive);
	assert_null(strstr(front_drive(f)->fields, "Nephos-Epoch"));
	assert_false(is_hit(f, drive, "documents/2"));
	assert_false(is_hit(f, drive, "documents/2"));
}

static void the_metrics_page_has_home_claims_and_the_status_page_the_homes_held(void **state)
{
	struct front *f = *state;

	(void)front_new_home(f);
	front_await(f, "/metrics", "nephos_gateway_home_claims_total ");
	front_await(f, "/status", "\"homes\":{\"held\":");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(
			after_a_missed_change_a_home_gives_no_hits_until_the_journal_answers, front_reset_drive),
		cmocka_unit_test_setup(
			an_unknown_position_in_an_answer_makes_the_home_ask_the_journal, front_reset_drive),
		cmocka_unit_test_setup(
			after_a_failed_journal_query_a_later_request_asks_the_journal_again, front_reset_drive),
		cmocka_unit_test_setup(a_drive_is_claimed_again_when_the_journal_answers_409, front_reset_drive),
		cmocka_unit_test_setup(
			an_unreadable_touched_field_makes_the_home_forget_and_reclaim_the_drive, front_reset_drive),
		cmocka_unit_test_setup(
			a_claim_that_finds_another_owner_makes_no_home_and_nothing_is_kept, front_reset_drive),
		cmocka_unit_test_setup(
			the_metrics_page_has_home_claims_and_the_status_page_the_homes_held, front_reset_drive),
	};

	return cmocka_run_group_tests(tests, front_setup_home, front_teardown);
}
