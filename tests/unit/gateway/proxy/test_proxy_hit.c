/* Answers from memory, by a gateway that is the home of drives. The service is service_drive.h. */
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

/* Polls: some answers are kept only after their last byte was passed on, or after a question to the journal. */
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

static void a_change_removes_only_the_answers_that_it_touches_from_memory(void **state)
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
	/* A change that touches something else leaves the entry, which is then true at the new position, too. */
	FRONT_SET(f, touches, " a3");
	assert_int_equal(front_ask_drive(f, "PUT", drive, "documents/3", NO_BODY), 200);
	(void)snprintf(seq, sizeof(seq), "Nephos-Seq: 1.%lld\r\n", (long long)front_drive(f)->seq);
	assert_hit(f, "GET", drive, "documents/2", "");
	assert_says(version);
	assert_says(seq);
}

static void a_kept_answer_is_not_given_to_another_user(void **state)
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
	/* The drive belongs to another user: for this user nothing of it is kept, and this gateway has no claim. */
	assert_null(strstr(front_drive(f)->fields, "Nephos-Tags"));
	assert_null(strstr(front_drive(f)->fields, "Nephos-Epoch"));
}

static void a_request_without_a_token_gets_401_and_nothing_from_memory(void **state)
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

static void a_head_request_is_answered_from_the_kept_answer(void **state)
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

static void a_matching_if_none_match_gets_304_from_memory(void **state)
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

static void a_404_is_kept_until_the_file_is_created(void **state)
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

static void a_read_with_a_floor_beyond_the_followed_position_asks_the_service(void **state)
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
		/* The service decides what the field means. */
		strstr(front_drive(f)->fields, "Nephos-Floor: nonsense\n"));
}

static void an_answer_of_200_kib_is_kept_and_given_in_full(void **state)
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

static void an_answer_without_valid_tags_is_not_kept(void **state)
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
	FRONT_SET(f, tags, "9 a2"); /* tags of another drive */
	assert_asked(f, "GET", drive, "documents/2", "");
	assert_asked(f, "GET", drive, "documents/2", "");
}

static void answers_to_different_accept_fields_are_kept_separately(void **state)
{
	struct front *f = *state;
	const unsigned drive = front_new_home(f);

	assert_asked(f, "GET", drive, "documents/2", "");
	assert_asked(f, "GET", drive, "documents/2", "Accept: text/other\r\n");
	assert_hit(f, "GET", drive, "documents/2", "Accept: text/other\r\n");
	assert_hit(f, "GET", drive, "documents/2", "");
}

#define DATE "Sun, 06 Nov 1994 08:49:37 GMT"
#define LATER "Sun, 06 Nov 1994 08:49:38 GMT"
#define EARLIER "Sun, 06 Nov 1994 08:49:36 GMT"

static void conditional_requests_are_judged_by_the_kept_answer(void **state)
{
	static const struct {
		const char *more, *status;
	} CASES[] = {
		{"If-Match: *\r\n", "200"},
		{"If-Match: \"x\"\r\n", "412"},
		{"If-Match: nonsense\r\n", "400"},
		{"If-None-Match: nonsense\r\n", "400"},
		{"If-Modified-Since: " DATE "\r\n", "304"},
		{"If-Modified-Since: " EARLIER "\r\n", "200"},
		{"If-Modified-Since: nonsense\r\n", "200"},
		{"If-Unmodified-Since: " DATE "\r\n", "200"},
		{"If-Unmodified-Since: " EARLIER "\r\n", "412"},
		{"If-None-Match: \"x\"\r\nIf-Modified-Since: " LATER "\r\n", "200"},
		{"If-Match: *\r\nIf-Unmodified-Since: " EARLIER "\r\n", "200"},
		{"If-Match: *\r\nIf-None-Match: *\r\n", "304"},
	};
	struct front *f = *state;
	const unsigned drive = front_new_home(f);
	char line[32];

	FRONT_SET(f, date, DATE);
	assert_asked(f, "GET", drive, "documents/2/content", "");
	for (size_t i = 0; i < sizeof(CASES) / sizeof(*CASES); i++) {
		assert_hit(f, "GET", drive, "documents/2/content", CASES[i].more);
		(void)snprintf(line, sizeof(line), "HTTP/1.1 %s ", CASES[i].status);
		if (!says(line))
			fail_msg("%s: not %s: %.300s", CASES[i].more, CASES[i].status, front_answer());
	}
}

static void date_conditions_need_a_kept_date_and_ranges_need_accept_ranges(void **state)
{
	struct front *f = *state;
	const unsigned drive = front_new_home(f);

	assert_asked(f, "GET", drive, "documents/2", "");
	assert_asked(f, "GET", drive, "documents/2", "If-Modified-Since: " DATE "\r\n");
	assert_asked(f, "GET", drive, "documents/2", "If-Unmodified-Since: " DATE "\r\n");
	assert_hit(f, "GET", drive, "documents/2", "If-None-Match: \"x\"\r\nIf-Modified-Since: " DATE "\r\n");
	assert_hit(f, "GET", drive, "documents/2", "Range: bytes=0-1\r\n"); /* the service sent no Accept-Ranges */
	assert_says("HTTP/1.1 200");
	assert_says("\r\n\r\nversion ");
	FRONT_SET(f, date, "Thu, 01 Jan 1970 00:00:00 GMT"); /* this date stands for one that cannot be expressed */
	assert_asked(f, "GET", drive, "documents/3", "");
	assert_asked(f, "GET", drive, "documents/3", "If-Modified-Since: " DATE "\r\n");
}

static void ranges_of_a_kept_answer_are_given_from_memory(void **state)
{
	struct front *f = *state;
	const unsigned drive = front_new_home(f);

	FRONT_SET(f, date, DATE);
	assert_asked(f, "GET", drive, "documents/2/content", "");
	assert_hit(f, "GET", drive, "documents/2/content", "Range: bytes=3-6\r\n");
	assert_says("HTTP/1.1 206");
	assert_says("Content-Range: bytes 3-6/");
	assert_says("Content-Type: text/x\r\n");
	assert_says("\r\n\r\nsion");
	assert_hit(f, "GET", drive, "documents/2/content", "Range: bytes=0-0,3-4\r\n");
	assert_says("HTTP/1.1 206");
	assert_says("Content-Type: multipart/byteranges; boundary=");
	assert_says("\r\n\r\nv\r\n--");
	assert_says("\r\n\r\nsi\r\n--");
	assert_says("--\r\n");
	assert_hit(f, "GET", drive, "documents/2/content", "Range: bytes=100-\r\n");
	assert_says("HTTP/1.1 416");
	assert_says("Content-Range: bytes */");
	assert_hit(f, "GET", drive, "documents/2/content", "Range: lines=1-2\r\n");
	assert_says("HTTP/1.1 200");
}

static void if_range_gives_a_part_only_of_the_state_that_it_names(void **state)
{
	struct front *f = *state;
	const unsigned drive = front_new_home(f);
	const time_t now = time(NULL);
	char more[128], date[64];
	struct tm tm;

	FRONT_SET(f, date, DATE);
	assert_asked(f, "GET", drive, "documents/2/content", "");
	(void)snprintf(more, sizeof(more), "Range: bytes=3-6\r\nIf-Range: \"v%d\"\r\n", front_drive(f)->version);
	assert_hit(f, "GET", drive, "documents/2/content", more);
	assert_says("HTTP/1.1 206");
	assert_hit(f, "GET", drive, "documents/2/content", "Range: bytes=3-6\r\nIf-Range: " DATE "\r\n");
	assert_says("HTTP/1.1 206");
	assert_hit(f, "GET", drive, "documents/2/content", "Range: bytes=3-6\r\nIf-Range: \"other\"\r\n");
	assert_says("HTTP/1.1 200");
	assert_hit(f, "GET", drive, "documents/2/content", "Range: bytes=3-6\r\nIf-Range: " LATER "\r\n");
	assert_says("HTTP/1.1 200");
	/* Last-Modified counts whole seconds. While its second is not over, a later change could get the same
	 * date. Such a date proves nothing, and If-Range gets the whole content. */
	(void)strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", gmtime_r(&(time_t){now + 3600}, &tm));
	FRONT_SET(f, date, date);
	assert_asked(f, "GET", drive, "documents/3/content", "");
	(void)snprintf(more, sizeof(more), "Range: bytes=3-6\r\nIf-Range: %s\r\n", date);
	assert_hit(f, "GET", drive, "documents/3/content", more);
	assert_says("HTTP/1.1 200");
	FRONT_SET(f, date, DATE);
}

static void ranges_of_a_200_kib_answer_are_given_in_full(void **state)
{
	struct front *f = *state;
	const unsigned drive = front_new_home(f);

	FRONT_SET(f, size, LARGE);
	FRONT_SET(f, date, DATE);
	assert_asked(f, "GET", drive, "documents/2/content", "");
	await_hit(f, drive, "documents/2/content");
	assert_hit(f, "GET", drive, "documents/2/content", "Range: bytes=1-150000\r\n");
	assert_says("Content-Length: 150000\r\n");
	assert_int_equal(strlen(strstr(front_answer(), "\r\n\r\n") + 4), 150000);
	assert_hit(f, "GET", drive, "documents/2/content", "Range: bytes=0-99999,100000-199999\r\n");
	const char *length = strstr(front_answer(), "Content-Length: ");
	assert_non_null(length);
	assert_int_equal(strlen(strstr(front_answer(), "\r\n\r\n") + 4), strtol(length + 16, NULL, 10));
}

static void internal_fields_reach_the_client_neither_on_a_hit_nor_on_a_miss(void **state)
{
	static const char *const FIELDS[] = {
		"Nephos-Tags", "Nephos-Touched", "Nephos-Epoch", "Nephos-Drive", "Nephos-Hop", "forged"};
	struct front *f = *state;
	const unsigned drive = front_new_home(f);

	for (size_t i = 0; i < sizeof(FIELDS) / sizeof(*FIELDS); i++)
		assert_false(says(FIELDS[i])); /* in the answer to the change */
	assert_asked(f, "GET", drive, "documents/2", "");
	for (size_t i = 0; i < sizeof(FIELDS) / sizeof(*FIELDS); i++)
		assert_false(says(FIELDS[i]));
	assert_hit(f, "GET", drive, "documents/2", "");
	for (size_t i = 0; i < sizeof(FIELDS) / sizeof(*FIELDS); i++)
		assert_false(says(FIELDS[i]));
	assert_null(strstr(strstr(front_answer(), "Nephos-Seq:") + 1, "Nephos-Seq:")); /* each field only once */
	assert_null(strstr(strstr(front_answer(), "Cache-Status:") + 1, "Cache-Status:"));
}

static void a_refusal_for_a_trashed_drive_drops_the_kept_answers_of_the_drive(void **state)
{
	struct front *f = *state;
	const unsigned drive = front_new_home(f);
	char journal[64];

	assert_asked(f, "GET", drive, "documents/2", "");
	assert_hit(f, "GET", drive, "documents/2", "");
	/* The journal has no changes. */
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

static void a_request_with_a_malformed_session_is_left_to_the_service(void **state)
{
	struct front *f = *state;
	const unsigned drive = front_new_home(f);

	assert_asked(f, "GET", drive, "documents/2", "");
	assert_hit(f, "GET", drive, "documents/2", "Nephos-Session: 17\r\n");
	for (int i = 0; i < 2; i++) {
		assert_asked(f, "GET", drive, "documents/2", "Nephos-Session: abc\r\n");
		assert_non_null(strstr(front_drive(f)->fields, "Nephos-Session: abc\n"));
	}
}

/* ---- what is counted ---- */

#define HITS(kind) "nephos_gateway_cache_hits_total{kind=\"" kind "\"}"
#define MISSES(kind) "nephos_gateway_cache_misses_total{kind=\"" kind "\"}"
#define FILLS(outcome) "nephos_gateway_cache_fills_total{outcome=\"" outcome "\"}"

static void each_read_of_an_answer_that_can_be_kept_is_counted_once(void **state)
{
	struct front *f = *state;
	const unsigned drive = front_new_home(f);
	const long long hits = front_metric(f, HITS("item")), misses = front_metric(f, MISSES("item"));

	assert_asked(f, "GET", drive, "documents/2", "");
	for (int i = 0; i < 3; i++)
		assert_hit(f, "GET", drive, "documents/2", "");
	assert_asked(f, "GET", drive, "documents/3", "");
	assert_int_equal(front_metric(f, HITS("item")), hits + 3);
	assert_int_equal(front_metric(f, MISSES("item")), misses + 2);
}

static void a_read_that_can_never_be_kept_is_no_miss(void **state)
{
	struct front *f = *state;
	const unsigned drive = front_new_home(f);
	const long long misses = front_metric(f, MISSES("item"));

	FRONT_SET(f, tags, NULL);
	for (int i = 0; i < 3; i++)
		assert_asked(f, "GET", drive, "documents/2", "");
	FRONT_SET(f, refusal, -ERR_NOT_FOUND);
	FRONT_SET(f, refusals, 1);
	assert_asked(f, "GET", drive, "documents/2", "");
	assert_int_equal(front_metric(f, MISSES("item")), misses);
}

static void answers_that_are_not_kept_are_counted_by_the_reason(void **state)
{
	struct front *f = *state;
	const unsigned drive = front_new_home(f);
	const long long untold = front_metric(f, FILLS("no_tags")), large = front_metric(f, FILLS("too_large"));

	FRONT_SET(f, tags, NULL);
	assert_asked(f, "GET", drive, "documents/2", "");
	FRONT_SET(f, tags, " nonsense");
	assert_asked(f, "GET", drive, "documents/2", "");
	assert_int_equal(front_metric(f, FILLS("no_tags")), untold + 2);
	FRONT_SET(f, tags, " a2");
	FRONT_SET(f, size, (size_t)1024 * 1024 + 1);
	(void)front_ask_drive(f, "GET", drive, "documents/2", "");
	assert_int_equal(front_metric(f, FILLS("too_large")), large + 1);
	assert_true(front_metric(f, FILLS("other_incarnation")) >= 0 && front_metric(f, FILLS("no_room")) >= 0);
	assert_true(front_metric(f, "nephos_gateway_cache_expired_total") >= 0);
}

#define test(f) cmocka_unit_test_setup(f, front_reset_drive)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(a_read_is_answered_from_memory_the_second_time),
		test(a_change_removes_only_the_answers_that_it_touches_from_memory),
		test(a_kept_answer_is_not_given_to_another_user),
		test(a_request_without_a_token_gets_401_and_nothing_from_memory),
		test(a_head_request_is_answered_from_the_kept_answer),
		test(a_matching_if_none_match_gets_304_from_memory),
		test(a_404_is_kept_until_the_file_is_created),
		test(a_read_with_a_floor_beyond_the_followed_position_asks_the_service),
		test(an_answer_of_200_kib_is_kept_and_given_in_full),
		test(an_answer_without_valid_tags_is_not_kept),
		test(answers_to_different_accept_fields_are_kept_separately),
		test(conditional_requests_are_judged_by_the_kept_answer),
		test(date_conditions_need_a_kept_date_and_ranges_need_accept_ranges),
		test(ranges_of_a_kept_answer_are_given_from_memory),
		test(if_range_gives_a_part_only_of_the_state_that_it_names),
		test(ranges_of_a_200_kib_answer_are_given_in_full),
		test(internal_fields_reach_the_client_neither_on_a_hit_nor_on_a_miss),
		test(a_refusal_for_a_trashed_drive_drops_the_kept_answers_of_the_drive),
		test(a_request_with_a_malformed_session_is_left_to_the_service),
		test(each_read_of_an_answer_that_can_be_kept_is_counted_once),
		test(a_read_that_can_never_be_kept_is_no_miss),
		test(answers_that_are_not_kept_are_counted_by_the_reason),
	};

	return cmocka_run_group_tests(tests, front_setup_home, front_teardown);
}
