/* Answers that their sender cuts while a gateway passes them on. */
#include "common/base/clock.h"
#include "common/ring/placement.h"
#include "gateway/proxy/proxy.h"
#include "tests/unit/gateway/origin.h"
#include "tests/unit/gateway/service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define SIZE 700000u	      /* of the content: more than a pipe has room for */
#define LONG_SIZE (32u << 20) /* more than all the buffers on the way to a client that does not read */
#define HEAD_SIZE 4096

#define PLAN(o, ...)                                                      \
	do {                                                              \
		static const struct origin_step steps_[] = {__VA_ARGS__}; \
		origin_plan(o, steps_, sizeof(steps_) / sizeof(*steps_)); \
	} while (0)

struct world {
	struct front *f;
	struct origin origin; /* the services "a" and "b" */
};

/* ---- a client ---- */

static char head[HEAD_SIZE];

static void has(const char *what)
{
	if (!strstr(head, what))
		fail_msg("no \"%s\" in %s", what, head);
}

/* A new drive whose requests go to "a" first, then to "b", then to the service of the front. When home is not
 * NULL, that gateway is its home. */
static unsigned new_drive(const char *home)
{
	static const struct placement_member services[] = {{"d", 1}, {"a", 1}, {"b", 1}},
					     gateways[] = {{"g", 1}, {"h", 1}};
	size_t owners[3], at[2] = {0};
	char key[16];
	unsigned drive;

	do {
		drive = front_new_drive();
		(void)snprintf(key, sizeof(key), "%u", drive);
		(void)placement_owners(services, 3, span_str(key), owners, 3);
		(void)placement_owners(gateways, 2, span_str(key), at, 2);
	} while (owners[0] != 1 || owners[1] != 2 || (home && strcmp(gateways[at[0]].name, home) != 0));
	return drive;
}

static int ask(const struct front *f, unsigned drive, const char *more)
{
	char request[512];
	const int fd = wire_connect(f->port);

	assert_true(fd >= 0);
	(void)snprintf(request, sizeof(request),
		"GET /api/v2/docs/drives/%u/files/x HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer anna\r\n%s\r\n", drive,
		more);
	wire_say(fd, request);
	return fd;
}

static int read_head(int fd)
{
	size_t got = 0;

	head[0] = '\0';
	while (!strstr(head, "\r\n\r\n")) {
		assert_true(got + 1 < sizeof(head));
		assert_int_equal(recv(fd, head + got, 1, 0), 1);
		head[++got] = '\0';
	}
	return (int)strtol(head + 9, NULL, 10);
}

/* Reads up to `size` bytes of version 0 from offset `from` on. Returns how many came before the end. */
static size_t read_body(int fd, size_t from, size_t size)
{
	static char piece[65536];
	size_t got = 0;
	long n = 1;

	while (got < size && n > 0) {
		n = recv(fd, piece, size - got < sizeof(piece) ? size - got : sizeof(piece), 0);
		for (long i = 0; i < n; i++)
			if (piece[i] != origin_byte(0, from + got + (size_t)i))
				fail_msg("another byte at %zu", from + got + (size_t)i);
		got += n > 0 ? (size_t)n : 0;
	}
	return got;
}

/* All bytes of that size must come. */
static void read_all(int fd, size_t from, size_t size)
{
	assert_int_equal(read_body(fd, from, size), size);
	close(fd);
}

/* Some bytes come, then the end of the connection. */
static void read_until_cut(int fd, size_t size)
{
	assert_true(read_body(fd, 0, size + 1) < size);
	close(fd);
}

static void ask_and_read_until_cut(const struct world *w)
{
	const int fd = ask(w->f, new_drive(NULL), "");

	assert_int_equal(read_head(fd), 200);
	read_until_cut(fd, SIZE);
}

/* ---- gone on with ---- */

static void the_rest_of_a_cut_answer_is_requested_under_the_same_etag(void **state)
{
	struct world *w = *state;

	PLAN(&w->origin, {.until = 300000});
	const int fd = ask(w->f, new_drive(NULL), "If-None-Match: \"other\"\r\n");
	assert_int_equal(read_head(fd), 200);
	has("Content-Length: 700000\r\n");
	read_all(fd, 0, SIZE);
	assert_int_equal(gate_count(&w->origin.asked), 2);
	assert_string_equal(w->origin.range, "bytes=300000-699999");
	assert_string_equal(w->origin.if_match, "\"version 0\"");
	assert_string_equal(w->origin.if_none_match, "");
}

static void a_cut_range_answer_is_continued_from_its_last_byte(void **state)
{
	struct world *w = *state;

	PLAN(&w->origin, {.until = 100000}, {.until = 100000});
	const int fd = ask(w->f, new_drive(NULL), "Range: bytes=1000-600999\r\nIf-Range: \"version 0\"\r\n");
	assert_int_equal(read_head(fd), 206);
	has("Content-Range: bytes 1000-600999/700000\r\n");
	read_all(fd, 1000, 600000);
	assert_int_equal(gate_count(&w->origin.asked), 3);
	assert_string_equal(w->origin.range, "bytes=201000-600999");
}

static void a_missing_last_byte_is_requested_as_a_rest(void **state)
{
	struct world *w = *state;

	PLAN(&w->origin, {.until = SIZE - 1});
	const int fd = ask(w->f, new_drive(NULL), "");
	assert_int_equal(read_head(fd), 200);
	read_all(fd, 0, SIZE);
	assert_string_equal(w->origin.range, "bytes=699999-699999");
}

static void an_answer_is_cut_after_the_maximum_number_of_rests(void **state)
{
	static struct origin_step steps[PROXY_RESTS_MAX + 2];
	struct world *w = *state;

	for (size_t i = 0; i < PROXY_RESTS_MAX + 2; i++)
		steps[i].until = 10000;
	origin_plan(&w->origin, steps, PROXY_RESTS_MAX);
	int fd = ask(w->f, new_drive(NULL), "");
	assert_int_equal(read_head(fd), 200);
	read_all(fd, 0, SIZE);
	origin_plan(&w->origin, steps, PROXY_RESTS_MAX + 2);
	fd = ask(w->f, new_drive(NULL), "");
	assert_int_equal(read_head(fd), 200);
	assert_int_equal(read_body(fd, 0, SIZE), (PROXY_RESTS_MAX + 1) * 10000);
	close(fd);
	assert_int_equal(gate_count(&w->origin.asked), PROXY_RESTS_MAX + 1);
}

/* ---- cut, as nothing else is right ---- */

static void an_answer_is_cut_when_the_file_has_changed_meanwhile(void **state)
{
	struct world *w = *state;

	PLAN(&w->origin, {.until = 300000}, {.version = 1});
	ask_and_read_until_cut(w);
	assert_int_equal(gate_count(&w->origin.asked), 2);
}

static void an_answer_is_cut_when_the_rest_has_another_etag_range_or_size(void **state)
{
	static const enum origin_twist TWISTS[] = {ORIGIN_OTHER_ETAG, ORIGIN_OTHER_RANGE, ORIGIN_OTHER_SIZE,
		ORIGIN_WHOLE, ORIGIN_NO_ETAG, ORIGIN_WEAK_ETAG};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(TWISTS) / sizeof(*TWISTS); i++) {
		const struct origin_step plan[] = {{.until = 300000}, {.twist = TWISTS[i]}};

		origin_plan(&w->origin, plan, 2);
		ask_and_read_until_cut(w);
		assert_int_equal(gate_count(&w->origin.asked), 2);
	}
}

static void an_answer_is_cut_when_its_rest_is_refused(void **state)
{
	static const int STATUSES[] = {404, 403, 416, 500};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(STATUSES) / sizeof(*STATUSES); i++) {
		const struct origin_step plan[] = {{.until = 300000}, {.status = STATUSES[i]}};

		origin_plan(&w->origin, plan, 2);
		ask_and_read_until_cut(w);
		assert_int_equal(gate_count(&w->origin.asked), 2);
	}
}

static void an_answer_without_a_strong_etag_or_ranges_is_cut_at_once(void **state)
{
	static const enum origin_twist TWISTS[] = {ORIGIN_NO_ETAG, ORIGIN_WEAK_ETAG, ORIGIN_NO_RANGES};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(TWISTS) / sizeof(*TWISTS); i++) {
		const struct origin_step plan[] = {{.until = 300000, .twist = TWISTS[i]}};

		origin_plan(&w->origin, plan, 1);
		ask_and_read_until_cut(w);
		assert_int_equal(gate_count(&w->origin.asked), 1);
	}
}

/* ---- waiting ---- */

static void a_rest_that_gets_503_is_requested_again(void **state)
{
	struct world *w = *state;

	PLAN(&w->origin, {.until = 300000}, {.status = 503}, {.status = 503}, {.until = 1000}, {.status = 503});
	const int fd = ask(w->f, new_drive(NULL), "");
	assert_int_equal(read_head(fd), 200);
	read_all(fd, 0, SIZE);
	assert_int_equal(gate_count(&w->origin.asked), 6);
	assert_string_equal(w->origin.range, "bytes=301000-699999");
}

/* Begins an answer whose rest no service sends. */
static int begin_to_wait(struct world *w)
{
	static struct origin_step steps[ORIGIN_STEPS_MAX];

	for (size_t i = 1; i < ORIGIN_STEPS_MAX; i++)
		steps[i].status = 503;
	steps[0].until = 300000;
	origin_plan(&w->origin, steps, ORIGIN_STEPS_MAX);
	const int fd = ask(w->f, new_drive(NULL), "");
	assert_int_equal(read_head(fd), 200);
	assert_int_equal(read_body(fd, 0, 300000), 300000);
	assert_true(gate_wait(&w->origin.asked, 2));
	return fd;
}

static void a_disconnected_client_ends_the_wait_for_the_rest(void **state)
{
	struct world *w = *state;

	const int fd = begin_to_wait(w);
	const int64_t began_ns = clock_mono_ns();

	wire_reset(fd);
	front_await(w->f, "/metrics", "nephos_gateway_forward_failures_total{service=\"docs\"} 1\n");
	assert_true(clock_mono_ns() - began_ns < PROXY_REST_WAIT_MS * NS_PER_MS);
}

static void a_revoked_token_ends_the_wait_for_the_rest(void **state)
{
	struct world *w = *state;
	const int fd = begin_to_wait(w);
	const int64_t began_ns = clock_mono_ns();

	service_end_anna(&w->f->service, true);
	assert_int_equal(front_forget(w->f, "{\"token_ids\":[\"s12\"]}"), 204);
	assert_true(wire_is_closed(fd));
	assert_true(clock_mono_ns() - began_ns < PROXY_REST_WAIT_MS * NS_PER_MS);
	close(fd);
	service_end_anna(&w->f->service, false);
}

static void an_answer_is_cut_when_no_service_sends_its_rest(void **state)
{
	struct world *w = *state;
	const int fd = begin_to_wait(w);

	assert_true(wire_is_closed(fd));
	close(fd);
	assert_true(gate_count(&w->origin.asked) < 16);
}

static void a_short_answer_that_is_cut_is_requested_again_in_full(void **state)
{
	struct world *w = *state;

	w->origin.size = 5000;
	PLAN(&w->origin, {.until = 1000}, {.until = 4999}, {.version = 1, .until = 1}, {0});
	const int fd = ask(w->f, new_drive(NULL), "");
	assert_int_equal(read_head(fd), 200);
	has("Content-Length: 5000\r\n");
	read_all(fd, 0, 5000);
	assert_int_equal(gate_count(&w->origin.asked), 4);
	assert_string_equal(w->origin.range, "");
	w->origin.size = SIZE;
}

/* ---- who sends it is gone ---- */

static void a_slow_reader_gets_the_rest_from_another_service(void **state)
{
	struct world *w = *state;

	PLAN(&w->origin, {0});
	const int fd = ask(w->f, new_drive(NULL), "");
	assert_int_equal(read_head(fd), 200);
	assert_int_equal(gate_count(&w->origin.asked), 1);
	origin_kill(&w->origin, 0); /* this server waits for room, as the client does not read */
	read_all(fd, 0, LONG_SIZE);
	assert_int_equal(gate_count(&w->origin.asked), 2);
}

static void the_rest_is_requested_from_a_service_when_the_home_is_gone(void **state)
{
	struct world *w = *state;

	PLAN(&w->origin, {.until = 300000, .holds = true});
	const int fd = ask(w->f, new_drive("h"), "");
	assert_int_equal(read_head(fd), 200);
	has("detail=home");
	assert_int_equal(read_body(fd, 0, 300000), 300000);
	front_end_other(w->f);
	read_all(fd, 300000, SIZE - 300000);
	assert_int_equal(gate_count(&w->origin.asked), 2);
	assert_string_equal(w->origin.range, "bytes=300000-699999");
}

static void a_home_that_cut_an_answer_is_asked_again_for_the_next_one(void **state)
{
	struct world *w = *state;
	const unsigned drive = new_drive("h");

	/* The home cannot go on with the answer, but the gateway that asked the home can. */
	PLAN(&w->origin, {.until = 300000}, {.twist = ORIGIN_OTHER_ETAG});
	int fd = ask(w->f, drive, "");
	assert_int_equal(read_head(fd), 200);
	has("detail=home");
	read_all(fd, 0, SIZE);
	assert_int_equal(gate_count(&w->origin.asked), 3);
	/* The home still runs and is asked again: it may have other answers in memory. */
	fd = ask(w->f, drive, "");
	assert_int_equal(read_head(fd), 200);
	has("detail=home");
	read_all(fd, 0, SIZE);
}

/* ---- groups ---- */

static void add_services(struct front *f, struct world *w)
{
	front_add(f, REGISTRY_DOCS, "a", w->origin.urls[0]);
	front_add(f, REGISTRY_DOCS, "b", w->origin.urls[1]);
}

static int begin_with(void **state, int (*front)(void **state), size_t size)
{
	struct world *w = calloc(1, sizeof(*w));
	void *f;

	origin_start(&w->origin, size);
	(void)front(&f);
	w->f = f;
	add_services(w->f, w);
	if (w->f->other)
		add_services(w->f->other, w);
	*state = w;
	return 0;
}

static int begin_alone(void **state)
{
	return begin_with(state, front_setup, SIZE);
}

static int begin_in_ring(void **state)
{
	return begin_with(state, front_setup_in_ring, SIZE);
}

static int begin_long(void **state)
{
	return begin_with(state, front_setup, LONG_SIZE);
}

static int begin_with_two(void **state)
{
	return begin_with(state, front_setup_homes, SIZE);
}

static int end(void **state)
{
	struct world *w = *state;
	void *f = w->f;

	(void)front_teardown(&f);
	origin_stop(&w->origin);
	free(w);
	return 0;
}

/* ---- the end of a gateway ---- */

static void a_gateway_stopped_while_an_answer_waits_for_its_rest_cuts_the_answer(void **state)
{
	void *own = NULL;

	(void)state;
	(void)begin_in_ring(&own);
	const int fd = begin_to_wait(own);
	const int64_t began_ns = clock_mono_ns();

	(void)end(&own);
	assert_true(clock_mono_ns() - began_ns < PROXY_REST_WAIT_MS * NS_PER_MS);
	read_until_cut(fd, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_rest_of_a_cut_answer_is_requested_under_the_same_etag),
		cmocka_unit_test(a_cut_range_answer_is_continued_from_its_last_byte),
		cmocka_unit_test(a_missing_last_byte_is_requested_as_a_rest),
		cmocka_unit_test(an_answer_is_cut_after_the_maximum_number_of_rests),
		cmocka_unit_test(an_answer_is_cut_when_the_file_has_changed_meanwhile),
		cmocka_unit_test(an_answer_is_cut_when_the_rest_has_another_etag_range_or_size),
		cmocka_unit_test(an_answer_is_cut_when_its_rest_is_refused),
		cmocka_unit_test(an_answer_without_a_strong_etag_or_ranges_is_cut_at_once),
	};
	const struct CMUnitTest in_ring[] = {
		cmocka_unit_test(a_rest_that_gets_503_is_requested_again),
		cmocka_unit_test(a_disconnected_client_ends_the_wait_for_the_rest),
		cmocka_unit_test(a_revoked_token_ends_the_wait_for_the_rest),
		cmocka_unit_test(an_answer_is_cut_when_no_service_sends_its_rest),
		cmocka_unit_test(a_short_answer_that_is_cut_is_requested_again_in_full),
		cmocka_unit_test(a_gateway_stopped_while_an_answer_waits_for_its_rest_cuts_the_answer),
	};
	const struct CMUnitTest of_long[] = {
		cmocka_unit_test(a_slow_reader_gets_the_rest_from_another_service),
	};
	const struct CMUnitTest of_two[] = {
		cmocka_unit_test(a_home_that_cut_an_answer_is_asked_again_for_the_next_one),
		cmocka_unit_test(the_rest_is_requested_from_a_service_when_the_home_is_gone),
	};

	return cmocka_run_group_tests(tests, begin_alone, end) + cmocka_run_group_tests(in_ring, begin_in_ring, end) +
		cmocka_run_group_tests(of_long, begin_long, end) + cmocka_run_group_tests(of_two, begin_with_two, end);
}
