/* How a server ends: it answers every request that was sent in time, and no idle connection delays it. */
#include "common/http/server/server.h"

#include "common/base/clock.h"
#include "common/http/server/reaper.h"
#include "tests/unit/common/http/wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define GET(path) "GET " path " HTTP/1.1\r\nHost: x\r\n\r\n"
#define DRAIN_MS 20000
#define BODY_BYTES (2 * 1024 * 1024) /* more than the server reads before it leaves the connection */
#define KNOCK_MS 200		     /* a connection that is let in is let in at once */

static struct gate arrived, let_go;
static _Atomic(struct http_stream *) stream;
static atomic_bool may_end;
static char text[4096];

static void on_ok(struct http_request *req, void *cookie)
{
	(void)cookie;
	http_respond(req, 200, NULL, SPAN_LITERAL("here"));
}

/* The server has one thread, so it looks at no other connection meanwhile. */
static void on_block(struct http_request *req, void *cookie)
{
	gate_open(&arrived);
	assert_true(gate_wait(&let_go, 1));
	on_ok(req, cookie);
}

static int pull(void *cookie, void *data, size_t size, size_t *ret_size)
{
	int *turn = cookie;

	if (*turn == 1 && !atomic_load(&may_end))
		return -EAGAIN;
	assert_true(size >= 2);
	memcpy(data, *turn == 0 ? "ab" : "cd", 2);
	*ret_size = 2;
	(*turn)++;
	return 0;
}

static void on_streamed(void *cookie, bool complete)
{
	(void)cookie;
	(void)complete;
}

static void on_stream(struct http_request *req, void *cookie)
{
	static const struct http_stream_ops ops = {.pull = pull, .done = on_streamed};
	static int turn;
	struct http_stream *begun;

	(void)cookie;
	turn = 0;
	http_respond_stream(req, 200, NULL, 4, &ops, &turn, &begun);
	atomic_store(&stream, begun);
	gate_open(&arrived);
}

static const struct http_route routes[] = {
	{"PUT", "/body", .body = HTTP_BODY_WHOLE, .body_max = 1000, .handler = on_ok, .internal = true, .open = true},
	{"GET", "/ok", .handler = on_ok, .internal = true, .open = true},
	{"GET", "/block", .handler = on_block, .internal = true, .open = true},
	{"GET", "/stream", .handler = on_stream, .internal = true, .open = true},
	{0},
};

static struct http_server *start(void)
{
	const struct http_server_options options = {.address = "127.0.0.1", .routes = routes};
	struct http_server *s;

	gate_init(&arrived);
	gate_init(&let_go);
	atomic_store(&may_end, false);
	assert_int_equal(http_server_start(&options, &s), 0);
	return s;
}

static void *drain(void *cookie)
{
	http_server_drain(cookie, DRAIN_MS);
	return NULL;
}

static bool is_let_in(uint16_t port)
{
	struct sockaddr_in name = {
		.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct pollfd p = {.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), .events = POLLOUT};
	bool in = connect(p.fd, (struct sockaddr *)&name, sizeof(name)) == 0;

	if (!in && errno == EINPROGRESS)
		in = poll(&p, 1, KNOCK_MS) == 1 && !(p.revents & (POLLERR | POLLHUP));
	close(p.fd);
	return in;
}

static pthread_t begin_drain(struct http_server *s)
{
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, drain, s), 0);
	while (is_let_in(http_server_port(s)))
		;
	return thread;
}

static void a_draining_server_answers_requests_on_connections_in_the_backlog(void **state)
{
	struct http_server *s = start();
	const int busy = wire_connect(http_server_port(s));
	int waits[3];

	(void)state;
	assert_true(wire_say(busy, GET("/block")));
	assert_true(gate_wait(&arrived, 1));
	for (int i = 0; i < 3; i++) {
		waits[i] = wire_connect(http_server_port(s));
		assert_true(wire_say(waits[i], GET("/ok")));
	}
	const pthread_t drains = begin_drain(s);

	gate_open(&let_go);
	assert_int_equal(wire_response(busy, text, sizeof(text)), 200);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(wire_response(waits[i], text, sizeof(text)), 200);
		assert_non_null(strstr(text, "Connection: close\r\n"));
		assert_true(wire_is_closed(waits[i]));
		close(waits[i]);
	}
	assert_int_equal(pthread_join(drains, NULL), 0);
	close(busy);
	http_server_stop(s);
}

/* A draining server closes idle connections itself. The stop of the server would also cut off a request that
 * comes at that moment. */
static void a_draining_server_closes_idle_connections_and_answers_requests(void **state)
{
	struct http_server *s = start();
	const int idle = wire_connect(http_server_port(s)), asks = wire_connect(http_server_port(s));
	const int64_t since_ns = clock_mono_ns();

	(void)state;
	assert_true(wire_say(idle, GET("/ok")));
	assert_int_equal(wire_response(idle, text, sizeof(text)), 200);
	assert_true(wire_say(asks, GET("/block")));
	assert_true(gate_wait(&arrived, 1));
	const pthread_t drains = begin_drain(s);

	gate_open(&let_go);
	assert_int_equal(wire_response(asks, text, sizeof(text)), 200);
	assert_non_null(strstr(text, "Connection: close\r\n"));
	assert_true(wire_is_closed(idle));
	assert_true(clock_mono_ns() - since_ns >= HTTP_QUIET_MS * NS_PER_MS);
	assert_int_equal(pthread_join(drains, NULL), 0);
	close(idle);
	close(asks);
	http_server_stop(s);
}

/* The head of this answer has promised that the connection stays. */
static void a_draining_server_completes_a_started_stream_and_then_ends_early(void **state)
{
	struct http_server *s = start();
	const int fd = wire_connect(http_server_port(s));

	(void)state;
	assert_true(wire_say(fd, GET("/stream")));
	assert_true(gate_wait(&arrived, 1));
	const pthread_t drains = begin_drain(s);
	const int64_t since_ns = clock_mono_ns();

	atomic_store(&may_end, true);
	http_stream_wake(atomic_load(&stream));
	assert_int_equal(wire_response(fd, text, sizeof(text)), 200);
	assert_non_null(strstr(text, "abcd"));
	assert_true(wire_is_closed(fd));
	assert_int_equal(pthread_join(drains, NULL), 0);
	assert_true(clock_mono_ns() - since_ns < DRAIN_MS * NS_PER_MS);
	close(fd);
	http_server_stop(s);
}

/* Most clients read their refusal only when they have sent everything. They have time for that at the end of
 * the server as well. */
static void a_draining_server_leaves_a_refused_sender_time_to_read_the_answer(void **state)
{
	static const char body[BODY_BYTES];
	struct http_server *s = start();
	const int fd = wire_connect(http_server_port(s));
	const int64_t since_ns = clock_mono_ns();

	(void)state;
	(void)snprintf(
		text, sizeof(text), "PUT /body HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n", 2 * sizeof(body));
	assert_true(wire_say(fd, text));
	assert_true(wire_send(fd, body, sizeof(body)));
	http_server_drain(s, DRAIN_MS);
	assert_true(clock_mono_ns() - since_ns >= LINGER_MS * NS_PER_MS);
	assert_int_equal(wire_response(fd, text, sizeof(text)), 413);
	close(fd);
	http_server_stop(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_draining_server_answers_requests_on_connections_in_the_backlog),
		cmocka_unit_test(a_draining_server_closes_idle_connections_and_answers_requests),
		cmocka_unit_test(a_draining_server_completes_a_started_stream_and_then_ends_early),
		cmocka_unit_test(a_draining_server_leaves_a_refused_sender_time_to_read_the_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
