/* Clients that want the same answer at the same time, at the home of a drive. The service is service_drive.h. */
#include "common/base/clock.h"
#include "common/base/error.h"
#include "tests/unit/gateway/service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define MANY 20
#define NO_BODY "Content-Length: 0\r\n"
#define LARGE ((size_t)300 * 1024)
#define TOO_LARGE ((size_t)1100 * 1024)

static char text[2u << 20];

static int begin(struct front *f, const char *method, unsigned drive, const char *path, const char *more)
{
	char request[512];
	const int fd = wire_connect(f->port);

	(void)snprintf(request, sizeof(request),
		"%s /api/v2/docs/drives/%u/%s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer anna\r\n"
		"Connection: close\r\n%s\r\n",
		method, drive, path, more);
	assert_true(wire_say(fd, request));
	return fd;
}

/* Reads the whole answer. Returns its status. */
static int finish(int fd)
{
	const long got = wire_receive(fd, text, sizeof(text) - 1);

	assert_true(got > 0);
	text[got] = '\0';
	close(fd);
	return (int)strtol(text + strlen("HTTP/1.1 "), NULL, 10);
}

static bool says(const char *what)
{
	return strstr(text, what) != NULL;
}

static void assert_says(const char *what)
{
	if (!says(what))
		fail_msg("not \"%s\": %.700s", what, text);
}

static int count_reads(struct front *f)
{
	return gate_count(&front_drive(f)->reads);
}

static void await_waiting(struct front *f, unsigned count)
{
	char line[64];

	(void)snprintf(line, sizeof(line), "\nnephos_gateway_reads_waiting %u\n", count);
	front_await(f, "/metrics", line);
}

/* Begins a read that reaches the service, which does not answer it yet. */
static int begin_leader(struct front *f, unsigned drive, const char *more)
{
	const int reads = count_reads(f);

	FRONT_SET(f, reads_wait, true);
	const int fd = begin(f, "GET", drive, "documents/2", more);
	assert_true(gate_wait(&front_drive(f)->reads, reads + 1));
	return fd;
}

static void release(struct front *f)
{
	service_drive_release_reads(front_drive(f));
}

static void concurrent_reads_of_one_document_share_one_request(void **state)
{
	struct front *f = *state;
	const unsigned drive = front_new_home(f);
	const int reads = count_reads(f);
	int fds[MANY];

	const int leader = begin_leader(f, drive, "");
	for (size_t i = 0; i < MANY; i++)
		fds[i] = begin(f, "GET", drive, "documents/2", "");
	await_waiting(f, MANY);
	release(f);
	assert_int_equal(finish(leader), 200);
	assert_says("Cache-Status: g; fwd=miss; stored\r\n");
	for (size_t i = 0; i < MANY; i++) {
		assert_int_equal(finish(fds[i]), 200);
		assert_says("Cache-Status: g; fwd=miss; collapsed\r\n");
		assert_says("Nephos-Home: http://127.0.0.1:");
		assert_says("ETag: \"v");
		assert_says("\r\n\r\nversion ");
	}
	assert_int_equal(count_reads(f), reads + 1);
	await_waiting(f, 0);
}

static void a_follower_of_a_large_read_does_not_wait_for_the_leaders_client(void **state)
{
	struct front *f = *state;
	const unsigned drive = front_new_home(f);
	const int reads = count_reads(f);

	FRONT_SET(f, size, LARGE);
	const int leader = begin_leader(f, drive, "");
	const int follower = begin(f, "GET", drive, "documents/2", "");
	await_waiting(f, 1);
	release(f);
	assert_int_equal(finish(follower), 200); /* although the leader's client has not read a byte yet */
	assert_says("; collapsed\r\n");
	assert_int_equal(strlen(strstr(text, "\r\n\r\n") + 4), LARGE);
	assert_int_equal(finish(leader), 200);
	assert_int_equal(strlen(strstr(text, "\r\n\r\n") + 4), LARGE);
	assert_int_equal(count_reads(f), reads + 1);
}

static void a_read_after_an_acknowledged_change_does_not_join_an_older_read(void **state)
{
	struct front *f = *state;
	const unsigned drive = front_new_home(f);
	const int reads = count_reads(f);
	char before[32], after[32];

	(void)snprintf(before, sizeof(before), "\r\n\r\nversion %d", front_drive(f)->version);
	const int leader = begin_leader(f, drive, "");
	const int early = begin(f, "GET", drive, "documents/2", "");
	await_waiting(f, 1);
	assert_int_equal(front_ask_drive(f, "PUT", drive, "documents/2", NO_BODY), 200);
	(void)snprintf(after, sizeof(after), "\r\n\r\nversion %d", front_drive(f)->version);
	const int late = begin(f, "GET", drive, "documents/2", "");
	const int too = begin(f, "GET", drive, "documents/2", "");
	await_waiting(f, 3);
	release(f);
	assert_int_equal(finish(leader), 200);
	assert_says(before);
	assert_false(says("stored"));
	assert_int_equal(finish(early), 200);
	assert_says(before);
	assert_says("; collapsed\r\n");
	assert_int_equal(finish(late), 200);
	assert_says(after);
	assert_int_equal(finish(too), 200);
	assert_says(after);
	assert_int_equal(count_reads(f), reads + 2); /* the two late readers share one read */
}

static void a_follower_with_a_floor_above_the_leaders_answer_asks_for_itself(void **state)
{
	struct front *f = *state;
	const unsigned drive = front_new_home(f);
	char floor[64], seq[64];

	const int leader = begin_leader(f, drive, "");
	/* This client has seen a later position, through a change of something else. */
	FRONT_SET(f, touches, " a9");
	assert_int_equal(front_ask_drive(f, "PUT", drive, "documents/9", NO_BODY), 200);
	(void)snprintf(floor, sizeof(floor), "Nephos-Floor: 1.%lld\r\n", (long long)front_drive(f)->seq);
	(void)snprintf(seq, sizeof(seq), "Nephos-Seq: 1.%lld\r\n", (long long)front_drive(f)->seq);
	const int late = begin(f, "GET", drive, "documents/2", floor);
	await_waiting(f, 1);
	release(f);
	assert_int_equal(finish(leader), 200);
	/* What the answer was made from was not touched: for any other reader it is still right. */
	assert_says("stored");
	assert_int_equal(finish(late), 200);
	assert_says(seq);
	assert_false(says("collapsed"));
}

static void a_follower_takes_over_when_the_leaders_client_disconnects(void **state)
{
	struct front *f = *state;
	const unsigned drive = front_new_home(f);
	const int reads = count_reads(f);
	int fds[MANY];

	const int leader = begin_leader(f, drive, "");
	for (size_t i = 0; i < MANY; i++)
		fds[i] = begin(f, "GET", drive, "documents/2", "");
	await_waiting(f, MANY);
	wire_reset(leader);
	assert_true(gate_wait(&front_drive(f)->reads, reads + 2));
	await_waiting(f, MANY - 1);
	release(f);
	for (size_t i = 0; i < MANY; i++) {
		assert_int_equal(finish(fds[i]), 200);
		assert_says("\r\n\r\nversion ");
	}
	assert_int_equal(count_reads(f), reads + 2);
}

static void an_answer_without_tags_is_not_shared_with_followers(void **state)
{
	struct front *f = *state;
	const unsigned drive = front_new_home(f);
	const int reads = count_reads(f);
	int fds[3];

	FRONT_SET(f, tags, NULL);
	const int leader = begin_leader(f, drive, "");
	for (size_t i = 0; i < 3; i++)
		fds[i] = begin(f, "GET", drive, "documents/2", "");
	await_waiting(f, 3);
	release(f);
	assert_int_equal(finish(leader), 200);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(finish(fds[i]), 200);
		assert_false(says("collapsed"));
	}
	assert_int_equal(count_reads(f), reads + 4);
}

static void reads_whose_last_answer_could_not_be_shared_do_not_wait_for_each_other(void **state)
{
	struct front *f = *state;
	const unsigned drive = front_new_home(f);
	const int reads = count_reads(f);
	int fds[MANY];

	FRONT_SET(f, tags, NULL);
	assert_int_equal(front_ask_drive(f, "GET", drive, "documents/2", ""), 200);
	FRONT_SET(f, reads_wait, true);
	for (size_t i = 0; i < MANY; i++)
		fds[i] = begin(f, "GET", drive, "documents/2", "");
	assert_true(gate_wait(&front_drive(f)->reads, reads + 1 + MANY)); /* all are there, and none is answered */
	release(f);
	for (size_t i = 0; i < MANY; i++)
		assert_int_equal(finish(fds[i]), 200);
}

static void an_answer_that_is_too_large_to_keep_is_not_shared_with_followers(void **state)
{
	struct front *f = *state;
	const unsigned drive = front_new_home(f);
	const int reads = count_reads(f);

	FRONT_SET(f, size, TOO_LARGE);
	const int leader = begin_leader(f, drive, "");
	const int follower = begin(f, "GET", drive, "documents/2", "");
	await_waiting(f, 1);
	release(f);
	assert_int_equal(finish(follower), 200); /* although its leader's client does not read a byte */
	assert_int_equal(strlen(strstr(text, "\r\n\r\n") + 4), TOO_LARGE);
	assert_int_equal(finish(leader), 200);
	assert_int_equal(strlen(strstr(text, "\r\n\r\n") + 4), TOO_LARGE);
	assert_int_equal(count_reads(f), reads + 2);
}

static void a_404_without_tags_is_not_shared_with_followers(void **state)
{
	struct front *f = *state;
	const unsigned drive = front_new_home(f);
	const int reads = count_reads(f);

	FRONT_SET(f, status, 404); /* without tags: the refusal may concern the leader's session only */
	FRONT_SET(f, tags, NULL);
	const int leader = begin_leader(f, drive, "");
	const int follower = begin(f, "GET", drive, "documents/2", "");
	await_waiting(f, 1);
	release(f);
	assert_int_equal(finish(leader), 404);
	assert_int_equal(finish(follower), 404);
	assert_int_equal(count_reads(f), reads + 2);
}

static void a_404_with_tags_is_shared_with_followers(void **state)
{
	struct front *f = *state;
	const unsigned drive = front_new_home(f);
	const int reads = count_reads(f);

	FRONT_SET(f, status, 404);
	const int leader = begin_leader(f, drive, "");
	const int follower = begin(f, "GET", drive, "documents/2", "");
	await_waiting(f, 1);
	release(f);
	assert_int_equal(finish(leader), 404);
	assert_int_equal(finish(follower), 404);
	assert_says("; collapsed\r\n");
	assert_says("/not-found\"");
	assert_int_equal(count_reads(f), reads + 1);
}

static void leader_and_follower_get_401_at_once_when_their_token_ends(void **state)
{
	struct front *f = *state;
	const unsigned drive = front_new_home(f);
	const int reads = count_reads(f);

	const int leader = begin_leader(f, drive, "");
	const int follower = begin(f, "GET", drive, "documents/2", "");
	await_waiting(f, 1);
	service_end_anna(&f->service, true);
	assert_int_equal(front_forget(f, "{\"token_ids\":[\"s12\"]}"), 204);
	assert_int_equal(finish(follower), 401); /* before the service has answered */
	assert_false(says("version"));
	assert_int_equal(finish(leader), 401);
	await_waiting(f, 0);
	release(f);
	service_end_anna(&f->service, false);
	assert_int_equal(count_reads(f), reads + 1);
}

static void a_partial_read_may_follow_a_whole_read_but_never_leads(void **state)
{
	struct front *f = *state;
	const unsigned drive = front_new_home(f);
	const int reads = count_reads(f);

	FRONT_SET(f, date, "Sun, 06 Nov 1994 08:49:37 GMT");
	const int part = begin_leader(f, drive, "Range: bytes=0-2\r\n");
	const int leader = begin(f, "GET", drive, "documents/2", "");
	assert_true(gate_wait(&front_drive(f)->reads, reads + 2));
	const int other = begin(f, "GET", drive, "documents/2", "Range: bytes=3-6\r\n");
	const int head = begin(f, "HEAD", drive, "documents/2", "");
	const int known = begin(f, "GET", drive, "documents/2", "If-None-Match: *\r\n");
	await_waiting(f, 3);
	release(f);
	assert_int_equal(finish(part), 200); /* this service sends no parts */
	assert_int_equal(finish(leader), 200);
	assert_int_equal(finish(other), 206);
	assert_says("\r\n\r\nsion");
	assert_says("; collapsed\r\n");
	assert_int_equal(finish(head), 200);
	assert_says("; collapsed\r\n");
	assert_int_equal(finish(known), 304);
	assert_int_equal(count_reads(f), reads + 2);
}

static void reads_with_another_accept_field_or_user_share_no_request(void **state)
{
	struct front *f = *state;
	const unsigned drive = front_new_home(f);
	const int reads = count_reads(f);
	char request[256];

	const int leader = begin_leader(f, drive, "");
	const int form = begin(f, "GET", drive, "documents/2", "Accept: text/other\r\n");
	assert_true(gate_wait(&front_drive(f)->reads, reads + 2));
	const int root = wire_connect(f->port);
	(void)snprintf(request, sizeof(request),
		"GET /api/v2/docs/drives/%u/documents/2 HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer root\r\n"
		"Connection: close\r\n\r\n",
		drive);
	assert_true(wire_say(root, request));
	assert_true(gate_wait(&front_drive(f)->reads, reads + 3));
	release(f);
	assert_int_equal(finish(leader), 200);
	assert_int_equal(finish(form), 200);
	assert_false(says("collapsed"));
	assert_int_equal(finish(root), 200);
	assert_false(says("collapsed"));
}

#define test(f) cmocka_unit_test_setup(f, front_reset_drive)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(concurrent_reads_of_one_document_share_one_request),
		test(a_follower_of_a_large_read_does_not_wait_for_the_leaders_client),
		test(a_read_after_an_acknowledged_change_does_not_join_an_older_read),
		test(a_follower_with_a_floor_above_the_leaders_answer_asks_for_itself),
		test(a_follower_takes_over_when_the_leaders_client_disconnects),
		test(an_answer_without_tags_is_not_shared_with_followers),
		test(reads_whose_last_answer_could_not_be_shared_do_not_wait_for_each_other),
		test(an_answer_that_is_too_large_to_keep_is_not_shared_with_followers),
		test(a_404_without_tags_is_not_shared_with_followers),
		test(a_404_with_tags_is_shared_with_followers),
		test(leader_and_follower_get_401_at_once_when_their_token_ends),
		test(a_partial_read_may_follow_a_whole_read_but_never_leads),
		test(reads_with_another_accept_field_or_user_share_no_request),
	};

	return cmocka_run_group_tests(tests, front_setup_home, front_teardown);
}
