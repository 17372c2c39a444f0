/* Answers of another home that a gateway keeps. It gives them again when the home says that it would still give
 * the same answer. The tests ask "g"; "h", f->other, is the home. */
#include "gateway/proxy/validation_message.h"
#include "tests/unit/gateway/service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define NO_BODY "Content-Length: 0\r\n"
static char text[65536];

#define VALID "Cache-Status: h; hit, g; fwd=stale; fwd-status=304; detail=home\r\n"

static bool says(const char *what)
{
	return strstr(front_answer(), what) != NULL;
}

static void assert_says(const char *what)
{
	if (!says(what))
		fail_msg("not \"%s\": %.900s", what, front_answer());
}

static void assert_says_version(struct front *f)
{
	char version[32];

	(void)snprintf(version, sizeof(version), "\r\n\r\nversion %d", front_drive(f)->version);
	assert_says(version);
}

static void assert_says_position(struct front *f)
{
	char seq[64];

	(void)snprintf(seq, sizeof(seq), "Nephos-Seq: 1.%lld\r\n", (long long)front_drive(f)->seq);
	assert_says(seq);
}

/* A new drive whose home is "h", with one change. */
static unsigned new_drive(struct front *f)
{
	const unsigned drive = front_new_drive_at("h", "g");

	assert_int_equal(front_ask_drive(f, "PUT", drive, "files/a", NO_BODY), 200);
	return drive;
}

static void assert_valid(struct front *f, const char *method, unsigned drive, const char *path, const char *more)
{
	const int reads = gate_count(&front_drive(f)->reads);

	(void)front_ask_drive(f, method, drive, path, more);
	if (gate_count(&front_drive(f)->reads) != reads || !says(VALID))
		fail_msg("%s %s %s was not found to be the same: %.900s", method, path, more, front_answer());
}

/* The request must be answered by a hop to the home, whether or not the home has the answer in memory. */
static void assert_passed_on(struct front *f, unsigned drive, const char *path, const char *more)
{
	(void)front_ask_drive(f, "GET", drive, path, more);
	if (says(VALID) || !says("Cache-Status: h; "))
		fail_msg("%s %s was not passed on: %.900s", path, more, front_answer());
}

static void a_kept_answer_is_given_again_when_its_home_confirms_it(void **state)
{
	struct front *f = *state;
	const unsigned drive = new_drive(f);
	char home[64];

	(void)snprintf(home, sizeof(home), "Nephos-Home: http://127.0.0.1:%u\r\n", f->other->port);
	assert_passed_on(f, drive, "documents/2", "");
	assert_says("h; fwd=miss; stored, g; ");
	assert_false(says("Nephos-Stamp"));
	for (int i = 0; i < 3; i++) {
		assert_valid(f, "GET", drive, "documents/2", "");
		assert_says("HTTP/1.1 200");
		assert_says(home);
		assert_says("ETag: \"v");
		assert_false(says("Nephos-Stamp"));
		assert_says_version(f);
		assert_says_position(f);
	}
	assert_passed_on(f, drive, "documents/3", "");
}

static void a_kept_answer_is_not_given_again_after_a_change_by_another_client(void **state)
{
	struct front *f = *state;
	const unsigned drive = new_drive(f);

	assert_passed_on(f, drive, "documents/2", "");
	for (int i = 0; i < 3; i++) {
		assert_valid(f, "GET", drive, "documents/2", "");
		assert_int_equal(front_ask_drive(f->other, "PUT", drive, "documents/2", NO_BODY), 200);
		assert_passed_on(f, drive, "documents/2", "");
		assert_says_version(f);
	}
}

/* The gateway asks only once: it forgets an answer that is no longer the home's, even when it keeps no other in
 * its place. */
static void a_kept_answer_that_its_home_denied_is_not_validated_again(void **state)
{
	struct front *f = *state;
	const unsigned drive = new_drive(f);

	assert_passed_on(f, drive, "documents/2", "");
	FRONT_SET(f, size, (size_t)200 * 1024);
	assert_int_equal(front_ask_drive(f->other, "PUT", drive, "documents/2", NO_BODY), 200);
	const long long asked = front_metric(f, "nephos_gateway_validations_total");
	for (int i = 0; i < 3; i++)
		assert_passed_on(f, drive, "documents/2", "");
	assert_int_equal(front_metric(f, "nephos_gateway_validations_total"), asked + 1);
}

static void a_validated_read_counts_as_one_hit_and_a_denied_one_as_one_miss(void **state)
{
	static const char HITS[] = "nephos_gateway_cache_hits_total{kind=\"others\"}";
	static const char MISSES[] = "nephos_gateway_cache_misses_total{kind=\"others\"}";
	static const char OWN[] = "nephos_gateway_cache_hits_total{kind=\"item\"}";
	struct front *f = *state;
	const unsigned drive = new_drive(f);
	const long long hits = front_metric(f, HITS), misses = front_metric(f, MISSES),
			own = front_metric(f->other, OWN);

	assert_passed_on(f, drive, "documents/2", "");
	assert_valid(f, "GET", drive, "documents/2", "");
	assert_valid(f, "GET", drive, "documents/2", "");
	assert_int_equal(front_metric(f, HITS), hits + 2);
	assert_int_equal(front_metric(f, MISSES), misses + 1);
	assert_int_equal(front_ask_drive(f->other, "PUT", drive, "documents/2", NO_BODY), 200);
	assert_passed_on(f, drive, "documents/2", "");
	assert_int_equal(front_metric(f, HITS), hits + 2);
	assert_int_equal(front_metric(f, MISSES), misses + 2);
	assert_int_equal(front_metric(f->other, OWN), own);
}

/* The key and the bytes are the same. But the home has asked for the answer anew, and only its new answer counts. */
static void a_kept_answer_is_replaced_when_its_home_has_asked_for_it_anew(void **state)
{
	struct front *f = *state;
	const unsigned drive = new_drive(f);

	assert_passed_on(f, drive, "documents/2", "");
	FRONT_SET(f, touches, " a2");
	assert_int_equal(front_ask_drive(f->other, "PUT", drive, "documents/2", NO_BODY), 200);
	assert_int_equal(front_ask_drive(f->other, "GET", drive, "documents/2", ""), 200);
	assert_passed_on(f, drive, "documents/2", "");
	assert_says("Cache-Status: h; hit, g; fwd="); /* and the home's new answer is kept instead */
	assert_valid(f, "GET", drive, "documents/2", "");
	assert_says_version(f);
}

static void a_kept_answer_gets_the_new_position_after_an_unrelated_change(void **state)
{
	struct front *f = *state;
	const unsigned drive = new_drive(f);
	char version[32];

	assert_passed_on(f, drive, "documents/2", "");
	(void)snprintf(version, sizeof(version), "\r\n\r\nversion %d", front_drive(f)->version);
	FRONT_SET(f, touches, " a3");
	assert_int_equal(front_ask_drive(f->other, "PUT", drive, "documents/3", NO_BODY), 200);
	assert_valid(f, "GET", drive, "documents/2", "");
	assert_says(version);
	assert_says_position(f);
}

/* The number of an answer may be higher than any position: a gateway may have kept more answers than the drive has
 * had changes. */
static void the_stamp_of_an_answer_is_not_taken_for_a_position(void **state)
{
	struct front *f = *state;
	const unsigned drive = new_drive(f);
	char path[64];

	for (int64_t i = 0; i <= front_drive(f)->seq; i++) {
		(void)snprintf(path, sizeof(path), "documents/%d", (int)i + 100);
		assert_int_equal(front_ask_drive(f->other, "GET", drive, path, ""), 200);
	}
	assert_passed_on(f, drive, "documents/2", "");
	assert_valid(f, "GET", drive, "documents/2", "");
	assert_says_position(f);
}

static void conditions_ranges_and_head_requests_are_answered_from_a_kept_answer(void **state)
{
	struct front *f = *state;
	const unsigned drive = new_drive(f);
	char match[64];

	FRONT_SET(f, date, "Sun, 06 Nov 1994 08:49:37 GMT");
	assert_passed_on(f, drive, "documents/2/content", "");
	(void)snprintf(match, sizeof(match), "If-None-Match: \"v%d\"\r\n", front_drive(f)->version);
	assert_valid(f, "GET", drive, "documents/2/content", match);
	assert_says("HTTP/1.1 304");
	assert_valid(f, "GET", drive, "documents/2/content", "If-None-Match: \"another\"\r\n");
	assert_says_version(f);
	assert_valid(f, "GET", drive, "documents/2/content", "If-Match: \"another\"\r\n");
	assert_says("HTTP/1.1 412");
	assert_valid(f, "GET", drive, "documents/2/content", "Range: bytes=0-6\r\n");
	assert_says("HTTP/1.1 206");
	assert_says("Content-Range: bytes 0-6/");
	assert_says("\r\n\r\nversion");
	/* The connection ends with the head: no body comes, whatever its length. */
	assert_valid(f, "HEAD", drive, "documents/2/content", "Connection: close\r\n");
	assert_says("HTTP/1.1 200");
	assert_says("Content-Length: ");
	assert_false(says("Content-Length: 0\r\n"));
	assert_string_equal(strstr(front_answer(), "\r\n\r\n"), "\r\n\r\n");
}

static void a_404_of_the_home_is_kept_and_given_again(void **state)
{
	struct front *f = *state;
	const unsigned drive = new_drive(f);

	FRONT_SET(f, status, 404);
	assert_passed_on(f, drive, "documents/2", "");
	assert_valid(f, "GET", drive, "documents/2", "");
	assert_says("HTTP/1.1 404");
	assert_says("/not-found\"");
}

static void a_206_or_412_of_the_home_is_not_kept_as_the_whole_answer(void **state)
{
	struct front *f = *state;
	const unsigned drive = new_drive(f);

	FRONT_SET(f, date, "Sun, 06 Nov 1994 08:49:37 GMT");
	assert_int_equal(front_ask_drive(f->other, "GET", drive, "documents/2/content", ""), 200);
	assert_passed_on(f, drive, "documents/2/content", "Range: bytes=0-1\r\n");
	assert_says("HTTP/1.1 206");
	assert_passed_on(f, drive, "documents/2/content", "If-Match: \"another\"\r\n");
	assert_says("HTTP/1.1 412");
	assert_passed_on(f, drive, "documents/2/content", "");
	assert_says_version(f);
	assert_valid(f, "GET", drive, "documents/2/content", "");
	assert_says_version(f);
}

static void a_request_with_a_floor_above_the_homes_position_is_passed_on(void **state)
{
	struct front *f = *state;
	const unsigned drive = new_drive(f);
	char more[64];

	assert_passed_on(f, drive, "documents/2", "");
	(void)snprintf(more, sizeof(more), "Nephos-Floor: 1.%lld\r\n", (long long)front_drive(f)->seq);
	assert_valid(f, "GET", drive, "documents/2", more);
	(void)snprintf(more, sizeof(more), "Nephos-Floor: 1.%lld\r\n", (long long)front_drive(f)->seq + 1);
	assert_passed_on(f, drive, "documents/2", more);
}

static void a_kept_answer_is_not_given_to_another_user_or_without_a_token(void **state)
{
	struct front *f = *state;
	const unsigned drive = new_drive(f);
	char request[256];

	assert_passed_on(f, drive, "documents/2", "");
	(void)snprintf(request, sizeof(request),
		"GET /api/v2/docs/drives/%u/documents/2 HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer root\r\n\r\n",
		drive);
	assert_int_equal(wire_ask(f->port, request, text, sizeof(text)), 200);
	assert_null(strstr(text, "fwd=stale"));
	(void)snprintf(
		request, sizeof(request), "GET /api/v2/docs/drives/%u/documents/2 HTTP/1.1\r\nHost: g\r\n\r\n", drive);
	assert_int_equal(wire_ask(f->port, request, text, sizeof(text)), 401);
}

static void a_stamp_field_of_a_client_is_ignored(void **state)
{
	struct front *f = *state;
	const unsigned drive = new_drive(f);

	assert_passed_on(f, drive, "documents/2", "Nephos-Stamp: 7\r\n");
	assert_false(strstr(front_drive(f)->fields, "Nephos-Stamp") != NULL);
	assert_valid(f, "GET", drive, "documents/2", "Nephos-Stamp: 7\r\n");
}

/* ---- the listener of the home ---- */

/* Sends the message to "g". Returns the status; text gets the answer. */
static int ask_as(struct front *f, const char *kind, struct span body)
{
	char head[192];
	const int fd = front_come_as(f, kind, "other");

	(void)snprintf(head, sizeof(head),
		"POST /internal/v1/validate HTTP/1.1\r\nHost: g\r\nConnection: close\r\nContent-Length: %zu\r\n\r\n",
		body.size);
	wire_say(fd, head);
	(void)wire_send(fd, body.data, body.size);
	const int status = wire_response(fd, text, sizeof(text));
	close(fd);
	return status;
}

static void begin(struct buf *b)
{
	buf_init(b, 2 * VALIDATION_BYTES_MAX);
	assert_int_equal(validation_message_begin_questions(b), 0);
}

static void add(struct buf *b, unsigned drive, int64_t stamp, const char *key)
{
	assert_int_equal(
		validation_message_write_question(b,
			&(struct validation_question){.user = 5, .stamp = stamp, .drive = drive, .key = span_str(key)}),
		0);
}

static void malformed_large_and_foreign_validation_requests_are_refused(void **state)
{
	struct front *f = *state;
	static const char LARGE[VALIDATION_BYTES_MAX + 1];
	const struct span nonsense = SPAN_LITERAL("NVQ1 and no more");
	struct buf many;

	assert_int_equal(ask_as(f, "gateway", nonsense), 400);
	assert_int_equal(ask_as(f, "gateway", span_of(LARGE, sizeof(LARGE))), 413);
	assert_int_equal(ask_as(f, "docs", nonsense), 401);
	assert_int_equal(ask_as(f, NULL, nonsense), 401);
	begin(&many);
	for (unsigned i = 0; i <= VALIDATION_QUESTIONS_MAX; i++)
		add(&many, 3, 1, "key");
	assert_int_equal(ask_as(f, "gateway", buf_span(&many)), 400);
	buf_fini(&many);
	/* The listener for clients has no such route. */
	assert_int_equal(front_ask(f, "POST /internal/v1/validate", NO_BODY, text, sizeof(text)), 404);
}

/* "g" is the home of the first two drives and keeps an answer about the first, under one of these stamps. "h" is
 * the home of the third. */
static void a_home_confirms_only_the_stamp_of_the_answer_that_it_keeps(void **state)
{
	enum { STAMPS = 40, QUESTIONS = STAMPS + 1 + STAMPS + 1 };
	struct front *f = *state;
	const unsigned own = front_new_drive_at("g", "h"), empty = front_new_drive_at("g", "h"), others = new_drive(f);
	struct validation_verdict verdict;
	unsigned same = 0;
	struct span rest;
	struct buf b;
	char key[256];

	assert_int_equal(front_ask_drive(f, "PUT", empty, "files/a", NO_BODY), 200);
	assert_int_equal(front_ask_drive(f, "PUT", own, "files/a", NO_BODY), 200);
	assert_int_equal(front_ask_drive(f, "GET", own, "documents/2", ""), 200);
	(void)snprintf(key, sizeof(key), "5 %u \n/api/v2/docs/drives/%u/documents/2", own, own);
	begin(&b);
	for (int64_t stamp = 1; stamp <= STAMPS; stamp++)
		add(&b, own, stamp, key);
	add(&b, own, 1, "5 no such key");
	for (int64_t stamp = 1; stamp <= STAMPS; stamp++)
		add(&b, empty, stamp, key); /* no answer about that drive has this key */
	add(&b, others, 1, key);
	assert_int_equal(ask_as(f, "gateway", buf_span(&b)), 200);
	const char *body = strstr(text, "\r\n\r\n") + 4;
	assert_int_equal(validation_message_open_verdicts(span_of(body, 4 + QUESTIONS * 17), &rest), 0);
	for (int i = 0; i < QUESTIONS; i++) {
		assert_int_equal(validation_message_next_verdict(&rest, &verdict), 0);
		same += verdict.outcome == VALIDATION_SAME;
		assert_true(verdict.outcome != VALIDATION_SAME || (i < STAMPS && verdict.seq == front_drive(f)->seq));
	}
	assert_int_equal(same, 1);
	assert_int_equal(verdict.outcome, VALIDATION_UNKNOWN); /* the last question: "h" is the home of its drive */
	buf_fini(&b);
}

/* ---- the end of a home ---- */

/* Reads then go to the services, as if nothing was kept. This must be the last test. */
static void a_kept_answer_of_a_home_that_is_gone_is_not_given_again(void **state)
{
	struct front *f = *state;
	const unsigned drive = new_drive(f);

	assert_passed_on(f, drive, "documents/2", "");
	assert_valid(f, "GET", drive, "documents/2", "");
	front_end_other(f);
	const int reads = gate_count(&front_drive(f)->reads);
	assert_int_equal(front_ask_drive(f, "GET", drive, "documents/2", ""), 200);
	assert_false(says("fwd=stale"));
	assert_int_equal(gate_count(&front_drive(f)->reads), reads + 1);
}

#define test(f) cmocka_unit_test_setup(f, front_reset_drive)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(a_kept_answer_is_given_again_when_its_home_confirms_it),
		test(a_kept_answer_is_not_given_again_after_a_change_by_another_client),
		test(a_kept_answer_that_its_home_denied_is_not_validated_again),
		test(a_validated_read_counts_as_one_hit_and_a_denied_one_as_one_miss),
		test(a_kept_answer_is_replaced_when_its_home_has_asked_for_it_anew),
		test(a_kept_answer_gets_the_new_position_after_an_unrelated_change),
		test(the_stamp_of_an_answer_is_not_taken_for_a_position),
		test(conditions_ranges_and_head_requests_are_answered_from_a_kept_answer),
		test(a_404_of_the_home_is_kept_and_given_again),
		test(a_206_or_412_of_the_home_is_not_kept_as_the_whole_answer),
		test(a_request_with_a_floor_above_the_homes_position_is_passed_on),
		test(a_kept_answer_is_not_given_to_another_user_or_without_a_token),
		test(a_stamp_field_of_a_client_is_ignored),
		test(malformed_large_and_foreign_validation_requests_are_refused),
		test(a_home_confirms_only_the_stamp_of_the_answer_that_it_keeps),
		test(a_kept_answer_of_a_home_that_is_gone_is_not_given_again),
	};

	return cmocka_run_group_tests(tests, front_setup_homes, front_teardown);
}
