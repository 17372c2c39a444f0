/* Answers from memory, by a gateway that is the home of drives whose service is service_drive.h. */
#include "common/base/clock.h"
#include "common/base/error.h"
#include "tests/unit/gateway/service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define LARGE ((size_t)200 * 1024)
#define NO_BODY "Content-Length: 0\r\n"

static bool says(const char *text)
{
	return strstr(front_answer(), text) != NULL;
}

static void assert_says(const char *text)
{
	if (!says(text))
		fail_msg("not \"%s\": %.900s", text, front_answer());
}

static void assert_asked(struct front *f, const char *method, unsigned drive, const char *path, const char *more)
{
	const int reads = gate_count(&front_drive(f)->reads);

	(void)front_ask_drive(f, method, drive, path, more);
	if (gate_count(&front_drive(f)->reads) != reads + 1 || says("; hit"))
		fail_msg("%s %s %s was not asked for: %.900s", method, path, more, front_answer());
}

static void assert_hit(struct front *f, const char *method, unsigned drive, const char *path, const char *more)
{
	const int reads = gate_count(&front_drive(f)->reads);

	(void)front_ask_drive(f, method, drive, path, more);
	if (gate_count(&front_drive(f)->reads) != reads || !says("Cache-Status: g; hit\r\n"))
		fail_msg("%s %s %s was not in memory: %.900s", method, path, more, front_answer());
}

/* What is kept only when its last byte has gone on, or after a question to the journal, comes when it comes. */
static void await_hit(struct front *f, unsigned drive, const char *path)
{
	const int64_t until_ns = clock_mono_ns() + WIRE_TIMEOUT_S * NS_PER_S;
	const struct timespec pause = clock_timespec(5 * NS_PER_MS);

	while (front_ask_drive(f, "GET", drive, path, "") == 200 && !says("Cache-Status: g; hit\r\n")) {
		if (clock_mono_ns() > until_ns)
			fail_msg("%s is not given from memory: %.900s", path, front_answer());
		(void)nanosleep(&pause, NULL);
	}
}

static void a_read_is_answered_from_memory_the_second_time(void **state)
{
	struct front *f = *state;
	const unsigned drive = front_new_home(f);
	char seq[64], home[64];

	(void)snprintf(seq, sizeof(seq), "Nephos-Seq: 1.%lld\r\n", (long long)front_drive(f)->seq);
	(void)snprintf(home, sizeof(home), "Nephos-Home: http://127.0.0.1:%u\r\n", f->port);
	assert_asked(f, "GET", drive, "documents/2", "");
	assert_says("Cache-Status: g; fwd=miss; stored\r\n");
	for (int i = 0; i < 3; i++) {
		assert_says("HTTP/1.1 200");
		assert_says(seq);
		assert_says(home);
		assert_says("ETag: \"v");
		assert_says("\r\n\r\nversion ");
		assert_hit(f, "GET", drive, "documents/2", "");
	}
	assert_asked(f, "GET", drive, "documents/3", "");
	assert_asked(f, "GET", drive, "documents/2?x", "");
}

static void a_change_that_touches_it_takes_it_out_of_memory(void **state)
{
	struct front *f = *state;
	const unsigned drive = front_new_home(f);
	char version[32], seq[64];

	assert_asked(f, "GET", drive, "documents/2", "");
	assert_int_equal(front_ask_drive(f, "PUT", drive, "documents/2", NO_BODY), 200);
	assert_says("Cache-Status: g; fwd=method\r\n");
	(void)snprintf(version, sizeof(version), "\r\n\r\nversion %d", front_drive(f)->version);
	assert_asked(f, "GET", drive, "documents/2", "");
	assert_says(version);
	/* What touches something else leaves it, and it is true at that position as well. */
	FRONT_SET(f, touches, " a3");
	assert_int_equal(front_ask_drive(f, "PUT", drive, "documents/3", NO_BODY), 200);
	(void)snprintf(seq, sizeof(seq), "Nephos-Seq: 1.%lld\r\n", (long long)front_drive(f)->seq);
	assert_hit(f, "GET", drive, "documents/2", "");
	assert_says(version);
	assert_says(seq);
}

static void an_answer_is_repeated_to_nobody_else(void **state)
{
	struct front *f = *state;
	const unsigned drive = front_new_home(f);
	const int reads = gate_count(&front_drive(f)->reads);
	char request[256], text[4096];

	assert_asked(f, "GET", drive, "documents/2", "");
	(void)snprintf(request, sizeof(request),
		"GET /api/v2/docs/drives/%u/documents/2 HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer root\r\n\r\n",
		drive);
	assert_int_equal(wire_ask(f->port, request, text, sizeof(text)), 200);
	assert_null(strstr(text, "; hit"));
	assert_int_equal(gate_count(&front_drive(f)->reads), reads + 2);
	assert_non_null(strstr(front_drive(f)->fields, "Nephos-User: 1\n"));
	/* It is another user's drive: nothing of it is kept for him, and no claim of this gateway's is his. */
	assert_null(strstr(front_drive(f)->fields, "Nephos-Tags"));
	assert_null(strstr(front_drive(f)->fields, "Nephos-Epoch"));
}

static void who_has_no_token_gets_nothing_from_memory(void **state)
{
	struct front *f = *state;
	const unsigned drive = front_new_home(f);
	char request[256], text[4096];

	assert_asked(f, "GET", drive, "documents/2", "");
	(void)snprintf(
		request, sizeof(request), "GET /api/v2/docs/drives/%u/documents/2 HTTP/1.1\r\nHost: g\r\n\r\n", drive);
	assert_int_equal(wire_ask(f->port, request, text, sizeof(text)), 401);
	assert_null(strstr(text, "version"));
}

static void the_head_is_made_from_what_is_kept(void **state)
{
	struct front *f = *state;
	const unsigned drive = front_new_home(f);
	char request[256], text[4096];

	assert_asked(f, "GET", drive, "documents/2", "");
	const int reads = gate_count(&front_drive(f)->reads);
	const int fd = wire_connect(f->port);
	(void)snprintf(request, sizeof(request),
		"HEAD /api/v2/docs/drives/%u/documents/2 HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer anna\r\n"
		"Connection: close\r\n\r\n",
		drive);
	wire_say(fd, request);
	const long got = wire_receive(fd, text, sizeof(text) - 1);
	assert_true(got > 4);
	text[got] = '\0';
	close(fd);
	assert_non_null(strstr(text, "HTTP/1.1 200"));
	assert_non_null(strstr(text, "Cache-Status: g; hit\r\n"));
	assert_null(strstr(text, "Content-Length: 0\r\n"));
	assert_non_null(strstr(text, "Content-Length: "));
	assert_string_equal(text + got - 4, "\r\n\r\n");
	assert_int_equal(gate_count(&front_drive(f)->reads), reads);
}

static void who_has_it_already_is_told_so_from_memory(void **state)
{
	static const char *const BEFORE[] = {"", "\"x\", ", "W/", "\"x\",W/"};
	struct front *f = *state;
	const unsigned drive = front_new_home(f);
	char more[128];

	assert_asked(f, "GET", drive, "documents/2", "");
	for (size_t i = 0; i < sizeof(BEFORE) / sizeof(*BEFORE); i++) {
		(void)snprintf(more, sizeof(more), "If-None-Match: %s\"v%d\"\r\n", BEFORE[i], front_drive(f)->version);
		assert_hit(f, "GET", drive, "documents/2", more);
		assert_says("HTTP/1.1 304");
		assert_says("ETag: \"v");
	}
	assert_hit(f, "GET", drive, "documents/2", "If-None-Match: *\r\n");
	assert_says("HTTP/1.1 304");
	assert_hit(f, "GET", drive, "documents/2", "If-None-Match: \"v\"\r\n");
	assert_says("HTTP/1.1 200");
}

static void that_there_is_nothing_is_kept_as_well(void **state)
{
	struct front *f = *state;
	const unsigned drive = front_new_home(f);

	FRONT_SET(f, status, 404);
	assert_asked(f, "GET", drive, "files/a", "");
	assert_says("HTTP/1.1 404");
	assert_hit(f, "GET", drive, "files/a", "");
	assert_says("HTTP/1.1 404");
	assert_says("/not-found\"");
	FRONT_SET(f, status, 200);
	assert_int_equal(front_ask_drive(f, "PUT", drive, "files/a", NO_BODY), 200);
	assert_asked(f, "GET", drive, "files/a", "");
	assert_says("HTTP/1.1 200");
}

static void who_has_seen_more_than_was_followed_is_sent_to_the_service(void **state)
{
	static const struct {
		int64_t beyond;
		int incarnation;
	} WRONG[] = {{1, 1}, {0, 2}, {0, 0}, {1000, 1}};
	struct front *f = *state;
	const unsigned drive = front_new_home(f);
	char more[64];

	assert_asked(f, "GET", drive, "documents/2", "");
	const long long seq = front_drive(f)->seq;
	(void)snprintf(more, sizeof(more), "Nephos-Floor: 1.%lld\r\n", seq);
	assert_hit(f, "GET", drive, "documents/2", more);
	assert_hit(f, "GET", drive, "documents/2", "Nephos-Floor: 1.0\r\n");
	for (size_t i = 0; i < sizeof(WRONG) / sizeof(*WRONG); i++) {
		(void)snprintf(more, sizeof(more), "Nephos-Floor: %d.%lld\r\n", WRONG[i].incarnation,
			seq + (long long)WRONG[i].beyond);
		assert_asked(f, "GET", drive, "documents/2", more);
	}
	assert_asked(f, "GET", drive, "documents/2", "Nephos-Floor: nonsense\r\n");
	assert_non_null(
		strstr(front_drive(f)->fields, "Nephos-Floor: nonsense\n")); /* the service says what it thinks */
}

static void what_is_large_is_kept_and_given_whole(void **state)
{
	struct front *f = *state;
	const unsigned drive = front_new_home(f);
	char etag[32];

	FRONT_SET(f, size, LARGE);
	assert_asked(f, "GET", drive, "documents/2/content", "");
	(void)snprintf(etag, sizeof(etag), "ETag: \"v%d\"", front_drive(f)->version);
	await_hit(f, drive, "documents/2/content");
	for (int i = 0; i < 2; i++) {
		assert_hit(f, "GET", drive, "documents/2/content", "");
		assert_says("Content-Length: 204800\r\n");
		assert_says(etag);
		const char *body = strstr(front_answer(), "\r\n\r\n") + 4;
		assert_int_equal(strlen(body), LARGE);
		assert_int_equal(strspn(body, (char[]){(char)('a' + front_drive(f)->version % 26), '\0'}), LARGE);
	}
}

static void what_does_not_say_what_it_was_made_from_is_not_kept(void **state)
{
	struct front *f = *state;
	const unsigned drive = front_new_home(f);

	FRONT_SET(f, tags, NULL);
	assert_asked(f, "GET", drive, "documents/2", "");
	assert_false(says("stored"));
	assert_asked(f, "GET", drive, "documents/2", "");
	FRONT_SET(f, tags, " nonsense");
	assert_asked(f, "GET", drive, "documents/2", "");
	assert_asked(f, "GET", drive, "documents/2", "");
	FRONT_SET(f, tags, "9 a2"); /* of another drive */
	assert_asked(f, "GET", drive, "documents/2", "");
	assert_asked(f, "GET", drive, "documents/2", "");
}

static void what_only_a_service_understands_is_asked_each_time(void **state)
{
	static const char *const MORE[] = {"Range: bytes=0-1\r\n", "If-Match: \"x\"\r\n",
		"If-Modified-Since: Sat, 28 Nov 2026 04:00:00 GMT\r\n",
		"If-Unmodified-Since: Sat, 28 Nov 2026 04:00:00 GMT\r\n", "Accept: text/other\r\n"};
	struct front *f = *state;
	const unsigned drive = front_new_home(f);

	assert_asked(f, "GET", drive, "documents/2", "");
	for (size_t i = 0; i < sizeof(MORE) / sizeof(*MORE); i++)
		assert_asked(f, "GET", drive, "documents/2", MORE[i]);
	assert_hit(f, "GET", drive, "documents/2", "Accept: text/other\r\n");
	assert_hit(f, "GET", drive, "documents/2", "");
}

static void of_fields_between_parts_of_the_store_none_comes_out_of_memory_or_past_it(void **state)
{
	static const char *const FIELDS[] = {
		"Nephos-Tags", "Nephos-Touched", "Nephos-Epoch", "Nephos-Drive", "Nephos-Hop", "forged"};
	struct front *f = *state;
	const unsigned drive = front_new_home(f);

	for (size_t i = 0; i < sizeof(FIELDS) / sizeof(*FIELDS); i++)
		assert_false(says(FIELDS[i])); /* of the change */
	assert_asked(f, "GET", drive, "documents/2", "");
	for (size_t i = 0; i < sizeof(FIELDS) / sizeof(*FIELDS); i++)
		assert_false(says(FIELDS[i]));
	assert_hit(f, "GET", drive, "documents/2", "");
	for (size_t i = 0; i < sizeof(FIELDS) / sizeof(*FIELDS); i++)
		assert_false(says(FIELDS[i]));
	assert_null(strstr(strstr(front_answer(), "Nephos-Seq:") + 1, "Nephos-Seq:")); /* each once */
	assert_null(strstr(strstr(front_answer(), "Cache-Status:") + 1, "Cache-Status:"));
}

static void a_drive_in_the_trash_is_dropped(void **state)
{
	struct front *f = *state;
	const unsigned drive = front_new_home(f);
	char journal[64];

	assert_asked(f, "GET", drive, "documents/2", "");
	assert_hit(f, "GET", drive, "documents/2", "");
	/* The journal knows of nothing. */
	(void)snprintf(journal, sizeof(journal), "1.%lld-%lld", (long long)front_drive(f)->seq + 1,
		(long long)front_drive(f)->seq);
	FRONT_SET(f, journal, journal);
	FRONT_SET(f, refusal, -ERR_DRIVE_TRASHED);
	FRONT_SET(f, refusals, 1);
	assert_int_equal(front_ask_drive(f, "GET", drive, "documents/7", ""), 409);
	assert_says("/drive-trashed\"");
	FRONT_SET(f, tags, " a5");
	await_hit(f, drive, "documents/5");
	assert_asked(f, "GET", drive, "documents/2", "");
	FRONT_SET(f, journal, NULL);
}

#define test(f) cmocka_unit_test_setup(f, front_reset_drive)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(a_read_is_answered_from_memory_the_second_time),
		test(a_change_that_touches_it_takes_it_out_of_memory),
		test(an_answer_is_repeated_to_nobody_else),
		test(who_has_no_token_gets_nothing_from_memory),
		test(the_head_is_made_from_what_is_kept),
		test(who_has_it_already_is_told_so_from_memory),
		test(that_there_is_nothing_is_kept_as_well),
		test(who_has_seen_more_than_was_followed_is_sent_to_the_service),
		test(what_is_large_is_kept_and_given_whole),
		test(what_does_not_say_what_it_was_made_from_is_not_kept),
		test(what_only_a_service_understands_is_asked_each_time),
		test(of_fields_between_parts_of_the_store_none_comes_out_of_memory_or_past_it),
		test(a_drive_in_the_trash_is_dropped),
	};

	return cmocka_run_group_tests(tests, front_setup_home, front_teardown);
}
