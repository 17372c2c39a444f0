#include "common/http/client/client.h"

#include "common/base/clock.h"

#include "tests/unit/common/http/script.h"
#include "tests/unit/common/http/wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

/* Behaviour of the client's own connections that libcurl's need not have. test_client tests everything else,
 * with both. */

#define OK_ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

struct world {
	struct http_client *client;
	struct script script;
	char url[128];
	struct gate done;
	struct http_response response; /* moved out of what done() was given */
	_Atomic int64_t stale_ns;
	unsigned waits;
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	gate_init(&w->done);
	*state = w;
	return http_client_new(NULL, &w->client);
}

static int teardown(void **state)
{
	struct world *w = *state;

	http_client_free(w->client);
	http_response_fini(&w->response);
	free(w);
	return 0;
}

static const char *url(struct world *w, const char *target)
{
	snprintf(w->url, sizeof(w->url), "http://127.0.0.1:%u%s", w->script.port, target);
	return w->url;
}

static void done(void *cookie, struct http_response *response)
{
	struct world *w = cookie;

	http_response_fini(&w->response);
	w->response = *response;
	response->headers.count = 0;
	buf_init(&response->body, 0);
	gate_open(&w->done);
}

static int call(struct world *w, const struct http_call_options *options)
{
	const int seen = gate_count(&w->done);

	assert_int_equal(http_client_start(w->client, options, w, done, NULL), 0);
	assert_true(gate_wait(&w->done, seen + 1));
	return w->response.error;
}

static void a_connection_is_reused_unless_its_answer_ends_with_a_close(void **state)
{
	static const char *const answers[][2] = {{OK_ANSWER, OK_ANSWER},
		{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", OK_ANSWER},
		{"HTTP/1.1 103 Early Hints\r\n\r\n" OK_ANSWER, OK_ANSWER},
		{"HTTP/1.1 200 CUT\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", OK_ANSWER},
		{"HTTP/1.1 200 CUT\r\n\r\nok", OK_ANSWER}};
	struct world *w = *state;

	for (int i = 0; i < 5; i++) {
		script_start(&w->script, answers[i], 2);
		const struct http_call_options o = {.url = url(w, "/")};
		for (int turn = 0; turn < 2; turn++) {
			assert_int_equal(call(w, &o), 0);
			assert_true(span_eq_str(buf_span(&w->response.body), "ok"));
		}
		script_end(&w->script);
		assert_int_equal(w->script.connections, i < 3 ? 1 : 2);
	}
}

/* Nobody asked for these bytes: on a kept connection, the next answer would begin with them. */
static void bytes_after_the_end_of_an_answer_are_not_taken_for_the_next_one(void **state)
{
	static const char *const answers[] = {OK_ANSWER "HTTP/1.1 500 CUT\r\n\r\n", OK_ANSWER};
	struct world *w = *state;

	script_start(&w->script, answers, 2);
	const struct http_call_options o = {.url = url(w, "/")};
	for (int turn = 0; turn < 2; turn++) {
		assert_int_equal(call(w, &o), 0);
		assert_int_equal(w->response.status, 200);
	}
	script_end(&w->script);
	assert_int_equal(w->script.connections, 2);
}

static void note_wait(void *cookie)
{
	struct world *w = cookie;

	w->waits++;
}

static void a_102_answer_is_reported_as_waiting_for_a_turn(void **state)
{
	static const char *const answers[] = {"HTTP/1.1 102 Processing\r\n\r\n" OK_ANSWER};
	struct world *w = *state;

	script_start(&w->script, answers, 1);
	const struct http_call_options o = {.url = url(w, "/"), .on_waits = note_wait};
	assert_int_equal(call(w, &o), 0);
	assert_int_equal(w->waits, 1);
	assert_int_equal(w->response.status, 200);
	script_end(&w->script);
}

static void an_unreachable_address_gives_econnrefused_or_ehostunreach(void **state)
{
	struct world *w = *state;
	/* The kernel refuses at once: there is no route to this address, or none is allowed. */
	const struct http_call_options o = {.url = "http://255.255.255.255:9/"};
	const int error = call(w, &o);

	assert_true(error == -ECONNREFUSED || error == -EHOSTUNREACH);
	assert_false(w->response.connected);
}

/* The deadline of the whole call is later than this test is willing to wait. */
static void the_connect_timeout_ends_a_call_before_its_deadline(void **state)
{
	struct world *w = *state;
	int taken[8];
	uint16_t port;
	const int listener = wire_listen(&port);

	/* Nothing accepts connections: when the backlog of one is full, the kernel does not answer further ones. */
	assert_int_equal(listen(listener, 0), 0);
	for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++) {
		struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(port)};

		name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		taken[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)connect(taken[i], (struct sockaddr *)&name, sizeof(name));
	}
	w->script.port = port;
	const struct http_call_options o = {.url = url(w, "/"), .connect_ms = 100, .deadline_ms = 600000};
	assert_int_equal(call(w, &o), -ETIMEDOUT);
	assert_false(w->response.connected);
	for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
		close(taken[i]);
	close(listener);
}

static int64_t stale_ns(void *cookie)
{
	struct world *w = cookie;

	return w->stale_ns;
}

static int greets_nobody(void *cookie, const struct http_greeting *greeting, char ret[HTTP_GREETING_TEXT_SIZE])
{
	(void)cookie;
	(void)greeting;
	(void)ret;
	return 0;
}

static int goes_on_waiting(void *cookie, unsigned waited_ms)
{
	(void)cookie;
	(void)waited_ms;
	return 0;
}

static int greetings_end(void *cookie, const struct http_response *head)
{
	struct world *w = cookie;

	(void)head;
	w->stale_ns = clock_mono_ns();
	return 0;
}

/* The server sends a head and half of a body, and then nothing. After the head the greeting counts no more. */
static int stream(struct world *w, unsigned outdated_ms, unsigned stall_ms)
{
	static const char *const answers[] = {"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nha", ""};
	const struct http_greeter greeter = {.step = greets_nobody, .stale_ns = stale_ns, .cookie = w};
	const struct http_client_options with = {.greeter = &greeter, .outdated_ms = outdated_ms};
	int error;

	http_client_free(w->client);
	assert_int_equal(http_client_new(&with, &w->client), 0);
	w->stale_ns = 0;
	script_start(&w->script, answers, 2);
	const struct http_call_options o = {
		.url = url(w, "/"), .stall_ms = stall_ms, .waiting = goes_on_waiting, .on_head = greetings_end};
	error = call(w, &o);
	script_end(&w->script);
	return error;
}

static void a_stream_is_cut_some_time_after_its_greeting_has_become_stale(void **state)
{
	assert_int_equal(stream(*state, 1, 600000), -ECONNRESET);
	assert_int_equal(stream(*state, 600000, 500), -ETIMEDOUT);
}

static void targets_and_methods_that_would_break_the_request_line_are_refused(void **state)
{
	static const char *const targets[] = {"/a b", "/a\r\nX: y", "/a\tb", "/\x7f"};
	struct world *w = *state;

	w->script.port = 9; /* nothing is sent there */
	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		const struct http_call_options o = {.url = url(w, targets[i])};

		assert_int_equal(http_client_start(w->client, &o, w, done, NULL), -EINVAL);
	}
	const struct http_call_options o = {.method = "GET / HTTP/1.1\r\nX:", .url = url(w, "/")};
	assert_int_equal(http_client_start(w->client, &o, w, done, NULL), -EINVAL);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_connection_is_reused_unless_its_answer_ends_with_a_close),
		T(bytes_after_the_end_of_an_answer_are_not_taken_for_the_next_one),
		T(a_102_answer_is_reported_as_waiting_for_a_turn),
		T(an_unreachable_address_gives_econnrefused_or_ehostunreach),
		T(the_connect_timeout_ends_a_call_before_its_deadline),
		T(a_stream_is_cut_some_time_after_its_greeting_has_become_stale),
		T(targets_and_methods_that_would_break_the_request_line_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
