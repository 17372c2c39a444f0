#include "common/http/server/server.h"

#include "tests/unit/common/http/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define MOST 16
#define CROWD 64

#define ASK(path) "GET " path " HTTP/1.1\r\nHost: x\r\n\r\n"

static void handle_friend(struct http_request *req, void *cookie)
{
	(void)cookie;
	http_connection_vouch(req);
	http_respond(req, 204, NULL, span_of(NULL, 0));
}

static void handle_anybody(struct http_request *req, void *cookie)
{
	(void)cookie;
	http_respond(req, 204, NULL, span_of(NULL, 0));
}

static const struct http_route ROUTES[] = {
	{.method = "GET", .pattern = "/friend", .handler = handle_friend, .internal = true},
	{.method = "GET", .pattern = "/anybody", .handler = handle_anybody, .internal = true},
	{0},
};

static struct http_server *start(unsigned stranger_ms)
{
	const struct http_server_options options = {
		.address = "127.0.0.1", .routes = ROUTES, .connections_max = MOST, .stranger_ms = stranger_ms};
	struct http_server *s;

	assert_int_equal(http_server_start(&options, &s), 0);
	return s;
}

static int status_of(int fd, const char *request)
{
	char text[1024];

	assert_true(wire_say(fd, request));
	return wire_response(fd, text, sizeof(text));
}

static void silent_connections_do_not_keep_other_clients_out(void **state)
{
	struct http_server *s = start(600 * 1000);
	int crowd[CROWD], friends[MOST / 2];

	(void)state;
	for (int i = 0; i < MOST / 2; i++) {
		friends[i] = wire_connect(http_server_port(s));
		assert_int_equal(status_of(friends[i], ASK("/friend")), 204);
	}
	for (int i = 0; i < CROWD; i++)
		crowd[i] = wire_connect(http_server_port(s));
	/* The server closed the oldest one for a newer one. */
	assert_true(wire_is_closed(crowd[0]));
	int late = wire_connect(http_server_port(s));
	assert_int_equal(status_of(late, ASK("/friend")), 204);
	/* The server closed no known connection for one of them. */
	for (int i = 0; i < MOST / 2; i++)
		assert_int_equal(status_of(friends[i], ASK("/anybody")), 204);
	for (int i = 0; i < CROWD; i++)
		close(crowd[i]);
	for (int i = 0; i < MOST / 2; i++)
		close(friends[i]);
	close(late);
	http_server_stop(s);
}

static void a_connection_that_is_not_vouched_for_is_closed_after_its_time(void **state)
{
	struct http_server *s = start(100);
	int silent = wire_connect(http_server_port(s)), friend = wire_connect(http_server_port(s)),
	    asker = wire_connect(http_server_port(s));

	(void)state;
	assert_int_equal(status_of(friend, ASK("/friend")), 204);
	assert_int_equal(status_of(asker, ASK("/anybody")), 204);
	assert_true(wire_is_closed(silent));
	assert_true(wire_is_closed(asker));
	assert_int_equal(status_of(friend, ASK("/anybody")), 204);
	close(silent);
	close(friend);
	close(asker);
	http_server_stop(s);
}

static void without_a_timeout_for_strangers_all_connections_stay_open(void **state)
{
	struct http_server *s = start(0);
	int fds[MOST];

	(void)state;
	for (int i = 0; i < MOST; i++) {
		fds[i] = wire_connect(http_server_port(s));
		assert_int_equal(status_of(fds[i], ASK("/anybody")), 204);
	}
	for (int i = 0; i < MOST; i++) {
		assert_int_equal(status_of(fds[i], ASK("/friend")), 204);
		close(fds[i]);
	}
	http_server_stop(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(silent_connections_do_not_keep_other_clients_out),
		cmocka_unit_test(a_connection_that_is_not_vouched_for_is_closed_after_its_time),
		cmocka_unit_test(without_a_timeout_for_strangers_all_connections_stay_open),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
