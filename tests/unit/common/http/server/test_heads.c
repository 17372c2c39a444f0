/* Connections that stay open without sending a whole request, and too many connections from one address. */
#include "common/http/server/server.h"
#include "tests/unit/common/http/wire.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define HEAD_MS 400
#define PAUSE_MS 50	/* between two bytes of a slow client */
#define TRICKLES_MAX 60 /* a slow client gives up after these bytes: seven times what a head may take */

static char text[4096];

static void on_ok(struct http_request *req, void *cookie)
{
	(void)cookie;
	http_respond(req, 200, NULL, SPAN_LITERAL("ok"));
}

static const struct http_route routes[] = {
	{.method = "GET", .pattern = "/a", .body = HTTP_BODY_NONE, .handler = on_ok, .internal = true, .open = true},
	{.method = "PUT",
		.pattern = "/a",
		.body = HTTP_BODY_WHOLE,
		.body_max = 1000,
		.handler = on_ok,
		.internal = true,
		.open = true},
	{0},
};

static struct http_server *start(unsigned per_address, const char *exempt)
{
	const struct http_server_options options = {.address = "127.0.0.1",
		.routes = routes,
		.head_ms = HEAD_MS,
		.connections_per_address_max = per_address,
		.exempt = exempt};
	struct http_server *s;

	assert_int_equal(http_server_start(&options, &s), 0);
	return s;
}

/* Sends `what` a byte at a time, over and over, until something comes back. Returns false when nothing did. */
static bool trickle(int fd, const char *what)
{
	for (size_t i = 0; i < TRICKLES_MAX; i++) {
		struct pollfd p = {.fd = fd, .events = POLLIN};

		if (!wire_send(fd, &what[i % strlen(what)], 1))
			return true;
		if (poll(&p, 1, PAUSE_MS) > 0)
			return true;
	}
	return false;
}

static void is_sent_away(int fd)
{
	assert_int_equal(wire_response(fd, text, sizeof(text)), 408);
	assert_non_null(strstr(text, "Connection: close"));
	assert_true(wire_is_closed(fd));
	close(fd);
}

static void a_head_that_trickles_in_gets_408_and_ends_the_connection(void **state)
{
	static const char *const begins[] = {"", "GET /a HTTP/1.1\r\n", "GET /a HTTP/1.1\r\nHost: x\r\n"};
	struct http_server *s = start(0, NULL);

	(void)state;
	for (size_t i = 0; i < sizeof(begins) / sizeof(begins[0]); i++) {
		int fd = wire_connect(http_server_port(s));

		assert_true(wire_say(fd, begins[i]));
		assert_true(trickle(fd, i == 0 ? "G" : "X-Header: y\r\n"));
		is_sent_away(fd);
	}
	http_server_stop(s);
}

static void a_second_head_that_trickles_in_gets_408_and_ends_the_connection(void **state)
{
	struct http_server *s = start(0, NULL);
	int fd = wire_connect(http_server_port(s));

	(void)state;
	assert_true(wire_say(fd, "GET /a HTTP/1.1\r\nHost: x\r\n\r\n"));
	assert_int_equal(wire_response(fd, text, sizeof(text)), 200);
	assert_true(trickle(fd, "GET /aaaaaaaaaaaaaaaaaaaaa"));
	is_sent_away(fd);
	http_server_stop(s);
}

static void an_idle_connection_and_one_with_a_slow_body_stay_open(void **state)
{
	struct http_server *s = start(0, NULL);
	int fd = wire_connect(http_server_port(s));
	struct pollfd p = {.fd = fd, .events = POLLIN};

	(void)state;
	for (int i = 0; i < 2; i++) {
		assert_int_equal(poll(&p, 1, 2 * HEAD_MS), 0);
		assert_true(wire_say(fd, "GET /a HTTP/1.1\r\nHost: x\r\n\r\n"));
		assert_int_equal(wire_response(fd, text, sizeof(text)), 200);
	}
	assert_true(wire_say(fd, "PUT /a HTTP/1.1\r\nHost: x\r\nContent-Length: 25\r\n\r\n"));
	for (int i = 0; i < 25; i++) {
		assert_int_equal(poll(&p, 1, 2 * PAUSE_MS), 0);
		assert_true(wire_send(fd, "x", 1));
	}
	assert_int_equal(wire_response(fd, text, sizeof(text)), 200);
	close(fd);
	http_server_stop(s);
}

static void an_address_at_its_connection_limit_is_refused_until_it_closes_one(void **state)
{
	struct http_server *s = start(3, NULL);
	int fds[3], more;

	(void)state;
	for (int i = 0; i < 3; i++) {
		fds[i] = wire_connect(http_server_port(s));
		assert_true(wire_say(fds[i], "GET /a HTTP/1.1\r\nHost: x\r\n\r\n"));
		assert_int_equal(wire_response(fds[i], text, sizeof(text)), 200);
	}
	more = wire_connect(http_server_port(s));
	assert_true(wire_is_closed(more));
	close(more);
	close(fds[0]);
	/* The server notices the end after a while: until then it refuses. */
	for (int tries = 0, status = 0; status != 200; tries++) {
		assert_true(tries < 1000);
		more = wire_connect(http_server_port(s));
		(void)wire_say(more, "GET /a HTTP/1.1\r\nHost: x\r\n\r\n");
		status = wire_response(more, text, sizeof(text));
		close(more);
	}
	close(fds[1]);
	close(fds[2]);
	http_server_stop(s);
}

static void an_exempt_address_gets_more_connections_than_the_limit(void **state)
{
	struct http_server *s = start(1, "127.0.0.0/8");
	int fds[3];

	(void)state;
	for (int i = 0; i < 3; i++) {
		fds[i] = wire_connect(http_server_port(s));
		assert_true(wire_say(fds[i], "GET /a HTTP/1.1\r\nHost: x\r\n\r\n"));
		assert_int_equal(wire_response(fds[i], text, sizeof(text)), 200);
	}
	for (int i = 0; i < 3; i++)
		close(fds[i]);
	http_server_stop(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_head_that_trickles_in_gets_408_and_ends_the_connection),
		cmocka_unit_test(a_second_head_that_trickles_in_gets_408_and_ends_the_connection),
		cmocka_unit_test(an_idle_connection_and_one_with_a_slow_body_stay_open),
		cmocka_unit_test(an_address_at_its_connection_limit_is_refused_until_it_closes_one),
		cmocka_unit_test(an_exempt_address_gets_more_connections_than_the_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
