/* Which requests the server answers without the library, which go to the library, and that a client can tell
 * them apart by nothing but the time. */
#include "common/http/server/server.h"

#include "common/base/clock.h"
#include "tests/unit/common/http/wire.h"

#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define BIG_BYTES ((size_t)16 * 1024 * 1024) /* more than the buffers of both sockets take */
#define LARGE_BYTES ((size_t)128 * 1024)     /* too large to be read without the library */
#define BUSY_LOOK_MS 400
#define GET(path) "GET " path " HTTP/1.1\r\nHost: x\r\n\r\n"

static char text[256 * 1024];
static struct gate gone, ended;

static void on_ok(struct http_request *req, void *cookie)
{
	(void)cookie;
	http_respond(req, 200, NULL, span_str(http_request_target(req)));
}

static void on_big(struct http_request *req, void *cookie)
{
	char *body = malloc(BIG_BYTES);

	(void)cookie;
	assert_non_null(body);
	for (size_t i = 0; i < BIG_BYTES; i++)
		body[i] = (char)(i * 31 >> 3);
	if (strcmp(http_request_target(req), "/taken") == 0) {
		http_respond_take(req, 200, NULL, body, BIG_BYTES);
		return;
	}
	http_respond(req, 200, NULL, span_of(body, BIG_BYTES));
	free(body);
}

static void on_body(struct http_request *req, void *cookie)
{
	(void)cookie;
	http_respond(req, 200, NULL, http_request_body(req));
}

static void *answer_late(void *cookie)
{
	http_respond(cookie, 200, NULL, SPAN_LITERAL("late"));
	return NULL;
}

static void on_late(struct http_request *req, void *cookie)
{
	pthread_t thread;

	(void)cookie;
	assert_int_equal(pthread_create(&thread, NULL, answer_late, req), 0);
	pthread_detach(thread);
}

static void note_end(void *data)
{
	(void)data;
	gate_open(&ended);
}

static void on_late_noted(struct http_request *req, void *cookie)
{
	http_request_set_data(req, req, note_end);
	on_late(req, cookie);
}

struct counted {
	int requests;
};

static void counted_free(void *data)
{
	free(data);
	gate_open(&gone);
}

/* Answers how many requests this connection has had. The first request vouches for the connection. */
static void on_count(struct http_request *req, void *cookie)
{
	struct counted *c = http_connection_data(req);
	char number[16];

	(void)cookie;
	if (!c) {
		c = calloc(1, sizeof(*c));
		assert_non_null(c);
		http_connection_set_data(req, c, counted_free);
		http_connection_vouch(req);
	}
	http_respond(req, 200, NULL, span_of(number, (size_t)sprintf(number, "%d", ++c->requests)));
}

#define ROUTE(m, p, b, h)                                                                                       \
	{                                                                                                       \
		.method = m, .pattern = p, .body = b, .body_max = sizeof(text), .handler = h, .internal = true, \
		.open = true                                                                                    \
	}

static const struct http_route routes[] = {
	ROUTE("GET", "/a", HTTP_BODY_NONE, on_ok),
	ROUTE("GET", "/b", HTTP_BODY_NONE, on_ok),
	ROUTE("GET", "/taken", HTTP_BODY_NONE, on_big),
	ROUTE("GET", "/copied", HTTP_BODY_NONE, on_big),
	ROUTE("GET", "/late", HTTP_BODY_NONE, on_late),
	ROUTE("GET", "/noted", HTTP_BODY_NONE, on_late_noted),
	ROUTE("PUT", "/body", HTTP_BODY_WHOLE, on_body),
	ROUTE("PUT", "/count", HTTP_BODY_WHOLE, on_count),
	{0},
};

static struct http_server *start(unsigned connections_max, unsigned stranger_ms)
{
	const struct http_server_options options = {.address = "127.0.0.1",
		.routes = routes,
		.connections_max = connections_max,
		.stranger_ms = stranger_ms};
	struct http_server *s;

	assert_int_equal(http_server_start(&options, &s), 0);
	return s;
}

static void is_answered(int fd, const char *body)
{
	const char *found;

	assert_int_equal(wire_response(fd, text, sizeof(text)), 200);
	found = strstr(text, "\r\n\r\n");
	assert_non_null(found);
	assert_string_equal(found + 4, body);
}

static void pipelined_requests_are_answered_in_order(void **state)
{
	struct http_server *s = start(0, 0);
	int fd = wire_connect(http_server_port(s));

	(void)state;
	assert_true(wire_say(
		fd, GET("/a") GET("/late") "PUT /body HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc" GET("/b")));
	is_answered(fd, "/a");
	is_answered(fd, "late");
	is_answered(fd, "abc");
	is_answered(fd, "/b");
	close(fd);
	http_server_stop(s);
}

/* The loop is not woken for the end of such a request. It notices the end when it looks, at the latest with
 * its next tick. */
static void a_request_answered_by_another_thread_ends_without_further_input(void **state)
{
	struct http_server *s = start(0, 0);
	const int fd = wire_connect(http_server_port(s));

	(void)state;
	gate_init(&ended);
	assert_true(wire_say(fd, GET("/noted")));
	is_answered(fd, "late");
	assert_true(gate_wait(&ended, 1));
	assert_true(wire_say(fd, GET("/a")));
	is_answered(fd, "/a");
	close(fd);
	http_server_stop(s);
}

static void a_request_cut_into_two_pieces_at_any_byte_is_answered(void **state)
{
	static const char request[] = "PUT /body HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nabcde" GET("/a");
	struct http_server *s = start(0, 0);

	(void)state;
	/* Cut at any place, the request is answered whether the library reads it or not, and however often
	 * the loop sees a part of it. */
	for (size_t cut = 1; cut < sizeof(request) - 1; cut++) {
		int fd = wire_connect(http_server_port(s));

		assert_true(wire_send(fd, request, cut));
		assert_true(wire_send(fd, request + cut, sizeof(request) - 1 - cut));
		is_answered(fd, "abcde");
		is_answered(fd, "/a");
		close(fd);
	}
	http_server_stop(s);
}

static void a_connection_keeps_its_data_after_its_handover_to_the_library(void **state)
{
	static const char small[] = "PUT /count HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n";
	struct http_server *s = start(0, 200);
	int fd = wire_connect(http_server_port(s));
	char *large = calloc(1, LARGE_BYTES);

	(void)state;
	assert_non_null(large);
	gate_init(&gone);
	assert_true(wire_say(fd, small));
	is_answered(fd, "1");
	assert_true(wire_say(fd, "PUT /count HTTP/1.1\r\nHost: x\r\nContent-Length: 131072\r\n\r\n"));
	assert_true(wire_send(fd, large, LARGE_BYTES));
	is_answered(fd, "2");
	/* This is long after a stranger's connection would have been closed. */
	for (int i = 0; i < 3; i++) {
		struct pollfd p = {.fd = fd, .events = POLLIN};

		assert_int_equal(poll(&p, 1, 600), 0);
	}
	assert_true(wire_say(fd, small));
	is_answered(fd, "3");
	assert_int_equal(gate_count(&gone), 0);
	close(fd);
	assert_true(gate_wait(&gone, 1));
	free(large);
	http_server_stop(s);
}

/* Reads more slowly than the server sends, so that most of the answer has to wait for the socket. */
static void is_big(int fd, const char *request)
{
	static char piece[64 * 1024];
	const char *body = NULL;
	size_t size = 0, at = 0;

	assert_true(wire_say(fd, request));
	while (!body) {
		const long n = wire_receive(fd, text + size, 1);

		assert_int_equal(n, 1);
		text[++size] = '\0';
		body = strstr(text, "\r\n\r\n");
	}
	while (at < BIG_BYTES) {
		const size_t left = BIG_BYTES - at;
		const long n = wire_receive(fd, piece, left < sizeof(piece) ? left : sizeof(piece));

		assert_true(n > 0);
		for (long i = 0; i < n; i++, at++)
			assert_true(piece[i] == (char)(at * 31 >> 3));
	}
}

static void an_answer_larger_than_the_socket_buffers_arrives_whole(void **state)
{
	struct http_server *s = start(0, 0);
	int fd = wire_connect(http_server_port(s));

	(void)state;
	is_big(fd, GET("/taken"));
	is_big(fd, GET("/copied"));
	assert_true(wire_say(fd, GET("/a")));
	is_answered(fd, "/a");
	close(fd);
	http_server_stop(s);
}

static void a_request_with_connection_close_ends_the_connection(void **state)
{
	struct http_server *s = start(0, 0);
	int fd = wire_connect(http_server_port(s));

	(void)state;
	assert_true(wire_say(fd, "GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
	is_answered(fd, "/a");
	assert_non_null(strstr(text, "\r\nConnection: close\r\n"));
	assert_true(wire_is_closed(fd));
	close(fd);
	http_server_stop(s);
}

static void a_connection_beyond_the_limit_waits_until_another_one_ends(void **state)
{
	struct http_server *s = start(2, 0);
	int fds[3];

	(void)state;
	for (int i = 0; i < 3; i++) {
		struct pollfd p = {.events = POLLIN};

		p.fd = fds[i] = wire_connect(http_server_port(s));
		assert_true(wire_say(fds[i], GET("/a")));
		if (i < 2)
			is_answered(fds[i], "/a");
		else
			assert_int_equal(poll(&p, 1, 50), 0);
	}
	close(fds[0]);
	is_answered(fds[2], "/a");
	close(fds[1]);
	close(fds[2]);
	http_server_stop(s);
}

static int64_t processor_ns(void)
{
	struct timespec t;

	assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t), 0);
	return t.tv_sec * NS_PER_S + t.tv_nsec;
}

/* The new connection waits in the kernel's backlog, so the listening socket is readable all the time. */
static void a_server_without_free_descriptors_does_not_busy_wait(void **state)
{
	struct http_server *s = start(0, 0);
	const struct timespec pause = clock_timespec(BUSY_LOOK_MS * NS_PER_MS);
	const int next = dup(STDIN_FILENO);
	struct rlimit before, none;

	(void)state;
	assert_true(next >= 0);
	close(next);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	none.rlim_cur = (rlim_t)next + 1; /* room for one more, which the client takes */
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	const int fd = wire_connect(http_server_port(s));
	const int64_t since_ns = processor_ns();
	(void)nanosleep(&pause, NULL); /* a busy loop would use the processor all this time */
	const int64_t used_ns = processor_ns() - since_ns;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_true(fd >= 0);
	assert_true(used_ns < BUSY_LOOK_MS * NS_PER_MS / 4);
	assert_true(wire_say(fd, GET("/a")));
	is_answered(fd, "/a");
	close(fd);
	http_server_stop(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pipelined_requests_are_answered_in_order),
		cmocka_unit_test(a_request_answered_by_another_thread_ends_without_further_input),
		cmocka_unit_test(a_request_cut_into_two_pieces_at_any_byte_is_answered),
		cmocka_unit_test(a_connection_keeps_its_data_after_its_handover_to_the_library),
		cmocka_unit_test(an_answer_larger_than_the_socket_buffers_arrives_whole),
		cmocka_unit_test(a_request_with_connection_close_ends_the_connection),
		cmocka_unit_test(a_connection_beyond_the_limit_waits_until_another_one_ends),
		cmocka_unit_test(a_server_without_free_descriptors_does_not_busy_wait),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
