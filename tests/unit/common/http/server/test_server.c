#include "common/http/server/server.h"

#include "common/base/clock.h"
#include "common/base/error.h"
#include "tests/unit/common/http/wire.h"

#include <errno.h>
#include <pthread.h>
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

#define H "Host: x\r\n"
#define BODY_MAX 1000

/* What the handlers and the guard of one test shall do, and what they saw. */
struct world {
	struct http_server *server;
	struct http_request *held;
	struct gate arrived;
	struct gate aborted;
	struct gate freed;
	bool guard_holds;
	bool guard_proceeds_at_once;
	int guard_error;
};

static void on_free(void *data)
{
	gate_open(data);
}

static void on_echo(struct http_request *req, void *cookie)
{
	char text[512];
	struct span id = http_request_param(req, "id");
	const char *q = http_request_query(req, "q");
	int size =
		snprintf(text, sizeof(text), "%s %s id=%.*s q=%s body=%.*s peer=%s length=%d", http_request_method(req),
			http_request_target(req), (int)id.size, id.data, q ? q : "-", (int)http_request_body(req).size,
			http_request_body(req).data, http_request_peer(req), (int)http_request_length(req));

	(void)cookie;
	if ((size_t)size >= sizeof(text))
		size = sizeof(text) - 1;
	http_respond(req, 200, NULL, span_of(text, (size_t)size));
}

static void on_hold(struct http_request *req, void *cookie)
{
	struct world *w = cookie;

	w->held = req;
	gate_open(&w->arrived);
}

static void on_abort(struct http_request *req, void *cookie)
{
	(void)req;
	gate_open(&((struct world *)cookie)->aborted);
}

static void on_hold_for_abort(struct http_request *req, void *cookie)
{
	struct world *w = cookie;

	http_request_set_data(req, &w->freed, on_free);
	http_request_on_abort(req, on_abort, w);
	on_hold(req, cookie);
}

static void on_poll(struct http_request *req, void *cookie)
{
	http_request_is_poll(req);
	on_hold_for_abort(req, cookie);
}

static void *answer_later(void *cookie)
{
	http_respond(cookie, 200, NULL, SPAN_LITERAL("from afar"));
	return NULL;
}

static void on_thread(struct http_request *req, void *cookie)
{
	pthread_t thread;

	(void)cookie;
	pthread_create(&thread, NULL, answer_later, req);
	pthread_detach(thread);
}

static void on_error(struct http_request *req, void *cookie)
{
	const char *code = http_request_query(req, "code");

	(void)cookie;
	http_respond_error(req, -(int)strtol(code, NULL, 10), http_request_query(req, "detail"));
}

static void on_length(struct http_request *req, void *cookie)
{
	(void)cookie;
	http_respond_length(req, 200, NULL, 1ull << 40);
}

static void on_headers(struct http_request *req, void *cookie)
{
	struct http_headers h;

	(void)cookie;
	http_headers_init(&h);
	http_headers_add(&h, "Content-Length", "7");
	http_headers_add(&h, "Transfer-Encoding", "chunked");
	http_headers_add(&h, "Connection", "close");
	http_headers_add(&h, "ETag", "\"e\"");
	http_headers_add(&h, "Link", "a");
	http_headers_add(&h, "Link", "b");
	http_respond_take(req, 201, &h, strdup("taken"), 5);
	http_headers_fini(&h);
}

static void on_nothing(struct http_request *req, void *cookie)
{
	(void)cookie;
	http_respond(req, 204, NULL, span_of(NULL, 0));
}

static const struct http_route routes[] = {
	{"GET", "/echo/{id}", .handler = on_echo, .internal = true},
	{"POST", "/echo/{id}", .body = HTTP_BODY_WHOLE, .body_max = BODY_MAX, .handler = on_echo, .internal = true},
	{"DELETE", "/echo/{id}", .handler = on_echo, .internal = true},
	{"GET", "/hold", .handler = on_hold, .internal = true},
	{"GET", "/abort", .handler = on_hold_for_abort, .internal = true},
	{"POST", "/abort", .body = HTTP_BODY_WHOLE, .body_max = BODY_MAX, .handler = on_hold_for_abort,
		.internal = true},
	{"GET", "/poll", .handler = on_poll, .internal = true},
	{"GET", "/thread", .handler = on_thread, .internal = true},
	{"GET", "/error", .handler = on_error, .internal = true},
	{"HEAD", "/length", .handler = on_length, .internal = true},
	{"GET", "/headers", .handler = on_headers, .internal = true},
	{"PUT", "/nothing", .body = HTTP_BODY_WHOLE, .body_max = 64ull << 20, .handler = on_nothing, .internal = true},
	{0},
};

static bool guard(struct http_request *req, const struct http_route *route, void *cookie)
{
	struct world *w = cookie;

	if (w->guard_error) {
		http_respond_error(req, w->guard_error, NULL);
		return false;
	}
	if (!w->guard_holds || strcmp(route->pattern, "/hold") == 0)
		return true;
	if (w->guard_proceeds_at_once)
		http_request_proceed(req);
	else
		on_hold(req, cookie);
	return false;
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	const struct http_server_options options = {
		.address = "127.0.0.1", .routes = routes, .guard = guard, .cookie = w, .half_closed_ms = 100};

	gate_init(&w->arrived);
	gate_init(&w->aborted);
	gate_init(&w->freed);
	*state = w;
	return http_server_start(&options, &w->server);
}

static int teardown(void **state)
{
	struct world *w = *state;

	http_server_stop(w->server);
	free(w);
	return 0;
}

static int ask(const struct world *w, const char *request, char *text, size_t size)
{
	return wire_ask(http_server_port(w->server), request, text, size);
}

static void assert_has(const char *text, const char *part)
{
	if (!strstr(text, part))
		fail_msg("no \"%s\" in\n%s", part, text);
}

static void assert_has_not(const char *text, const char *part)
{
	if (strstr(text, part))
		fail_msg("\"%s\" in\n%s", part, text);
}

static void a_handler_sees_the_method_target_parameters_and_body(void **state)
{
	char text[2048];

	assert_int_equal(
		ask(*state, "GET /echo/a%20b/?p=1&q=x%26%2B+y&r=z HTTP/1.1\r\n" H "\r\n", text, sizeof(text)), 200);
	assert_has(text, "GET /echo/a%20b/?p=1&q=x%26%2B+y&r=z id=a b q=x&+ y body= peer=127.0.0.1 length=0");
	assert_int_equal(
		ask(*state, "POST /echo/7 HTTP/1.1\r\n" H "Content-Length: 4\r\n\r\nbody", text, sizeof(text)), 200);
	assert_has(text, "id=7 q=- body=body peer=127.0.0.1 length=4");
	assert_int_equal(
		ask(*state, "POST /echo/7?q HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n",
			text, sizeof(text)),
		200);
	assert_has(text, "q= body=body peer=127.0.0.1 length=-1");
}

static void several_requests_are_served_on_one_connection(void **state)
{
	const struct world *w = *state;
	char text[2048];
	int fd = wire_connect(http_server_port(w->server));

	for (int i = 0; i < 100; i++) {
		char request[128];

		snprintf(request, sizeof(request), "GET /echo/%d HTTP/1.1\r\n" H "\r\n", i);
		assert_true(wire_say(fd, request));
		assert_int_equal(wire_response(fd, text, sizeof(text)), 200);
		snprintf(request, sizeof(request), "id=%d ", i);
		assert_has(text, request);
	}
	close(fd);
}

static void wrong_paths_and_methods_get_problems_and_the_next_request_is_served(void **state)
{
	static const struct {
		const char *request;
		int status;
		const char *part;
	} cases[] = {
		{"GET /nowhere HTTP/1.1\r\n" H "\r\n", 404, "\"type\":\"/problems/not-found\""},
		{"PUT /echo/1 HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nhello", 405,
			"Allow: GET, HEAD, POST, DELETE, OPTIONS\r\n"},
		{"GET /echo/a%2Fb HTTP/1.1\r\n" H "\r\n", 400, "\"type\":\"/problems/bad-path\""},
		{"GET /echo/a%2fb HTTP/1.1\r\n" H "\r\n", 400, "give the path of a document as ?path="},
		{"TRACE /echo/1 HTTP/1.1\r\n" H "\r\n", 501, "\"type\":\"/problems/not-supported\""},
		{"BREW /nowhere HTTP/1.1\r\n" H "\r\n", 501, "GET, HEAD, PUT, POST, PATCH, DELETE, OPTIONS"},
		{"get /echo/1 HTTP/1.1\r\n" H "\r\n", 501, "application/problem+json"},
		{"PATC /echo/1 HTTP/1.1\r\n" H "\r\n", 501, "application/problem+json"},
		{"OPTIONSOPTIONSOPTIONS /echo/1 HTTP/1.1\r\n" H "\r\n", 501, "application/problem+json"},
		{"GET /echo/%00 HTTP/1.1\r\n" H "\r\n", 400, "\"errno\":\"EINVAL\""},
		{"GET /echo/.. HTTP/1.1\r\n" H "\r\n", 400, "application/problem+json"},
		{"POST /nowhere HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 404,
			"close"},
		{"GET /echo/1 HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nhello", 200, "id=1"},
		{"GET /echo/1 HTTP/1.1\r\n" H "Content-Length: 300000\r\n\r\n", 413, "\"errno\":\"E2BIG\""},
	};
	const struct world *w = *state;
	int fd = wire_connect(http_server_port(w->server));
	char text[2048];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_true(wire_say(fd, cases[i].request));
		assert_int_equal(wire_response(fd, text, sizeof(text)), cases[i].status);
		assert_has(text, cases[i].part);
		/* A body of unknown length that no handler wants costs the connection. */
		if (strstr(text, "Connection: close")) {
			assert_true(wire_is_closed(fd));
			close(fd);
			fd = wire_connect(http_server_port(w->server));
		}
		assert_true(wire_say(fd, "GET /echo/1 HTTP/1.1\r\n" H "\r\n"));
		assert_int_equal(wire_response(fd, text, sizeof(text)), 200);
	}
	close(fd);
}

static void a_head_request_gets_the_length_and_no_body(void **state)
{
	const struct world *w = *state;
	int fd = wire_connect(http_server_port(w->server));
	char text[2048] = "";

	assert_true(wire_say(
		fd, "HEAD /echo/1 HTTP/1.1\r\n" H "\r\nHEAD /length HTTP/1.1\r\n" H "Connection: close\r\n\r\n"));
	assert_true(wire_receive(fd, text, sizeof(text) - 1) > 0);
	assert_has(text, "Content-Length: 51\r\n");
	assert_has(text, "Content-Length: 1099511627776\r\n");
	assert_has_not(text, "id=1");
	close(fd);
}

static int post(const struct world *w, bool chunked, size_t size, char *text, size_t text_size)
{
	char request[BODY_MAX + 300];
	size_t used;

	if (chunked)
		used = (size_t)sprintf(
			request, "POST /echo/1 HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n%zx\r\n", size);
	else
		used = (size_t)sprintf(request, "POST /echo/1 HTTP/1.1\r\n" H "Content-Length: %zu\r\n\r\n", size);
	memset(request + used, 'b', size);
	memcpy(request + used + size, chunked ? "\r\n0\r\n\r\n" : "\0\0\0\0\0\0\0", 8);
	return ask(w, request, text, text_size);
}

static void a_body_of_the_maximum_size_is_accepted_and_one_byte_more_refused(void **state)
{
	char text[4096];

	for (int chunked = 0; chunked < 2; chunked++) {
		assert_int_equal(post(*state, chunked, BODY_MAX, text, sizeof(text)), 200);
		assert_int_equal(post(*state, chunked, BODY_MAX + 1, text, sizeof(text)), 413);
		assert_has(text, "\"errno\":\"E2BIG\"");
	}
}

static void a_client_that_sends_a_large_refused_body_still_gets_413(void **state)
{
	const struct world *w = *state;
	char *block = calloc(1, 1 << 20);
	char text[2048];
	int fd = wire_connect(http_server_port(w->server));

	assert_true(wire_say(fd, "POST /echo/1 HTTP/1.1\r\n" H "Content-Length: 20971520\r\n\r\n"));
	for (int i = 0; i < 20; i++)
		assert_true(wire_send(fd, block, 1 << 20));
	assert_int_equal(wire_response(fd, text, sizeof(text)), 413);
	assert_true(wire_is_closed(fd));
	close(fd);
	/* A body without a length is found to be too large while it arrives. */
	fd = wire_connect(http_server_port(w->server));
	assert_true(wire_say(fd, "POST /echo/1 HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n1000000\r\n"));
	for (int i = 0; i < 16; i++)
		assert_true(wire_send(fd, block, 1 << 20));
	assert_int_equal(wire_response(fd, text, sizeof(text)), 413);
	assert_true(wire_is_closed(fd));
	close(fd);
	free(block);
}

static void a_request_with_expect_gets_100_or_its_refusal_before_the_body(void **state)
{
	static const char request[] = "POST /echo/1 HTTP/1.1\r\n" H "Content-Length: 5\r\nExpect: 100-continue\r\n\r\n";
	struct world *w = *state;
	char text[2048];
	int fd = wire_connect(http_server_port(w->server));

	assert_true(wire_say(fd, request));
	assert_int_equal(wire_response(fd, text, sizeof(text)), 100);
	assert_true(wire_say(fd, "hello"));
	assert_int_equal(wire_response(fd, text, sizeof(text)), 200);
	assert_has(text, "body=hello");

	w->guard_error = -ERR_UNAUTHENTICATED;
	assert_true(wire_say(fd, request));
	assert_int_equal(wire_response(fd, text, sizeof(text)), 401);
	assert_has(text, "WWW-Authenticate: Bearer\r\n");
	assert_true(wire_is_closed(fd));
	close(fd);
}

static void the_guard_can_refuse_a_request_and_keep_the_connection(void **state)
{
	struct world *w = *state;
	char text[2048];
	int fd = wire_connect(http_server_port(w->server));

	w->guard_error = -ERR_FORBIDDEN;
	assert_true(wire_say(fd, "POST /echo/1 HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nhello"));
	assert_int_equal(wire_response(fd, text, sizeof(text)), 403);
	assert_true(wire_say(fd, "GET /echo/1 HTTP/1.1\r\n" H "\r\n"));
	assert_int_equal(wire_response(fd, text, sizeof(text)), 403);
	close(fd);
}

static void the_guard_can_hold_a_request_and_proceed_from_another_thread(void **state)
{
	struct world *w = *state;
	char text[2048];
	int fd = wire_connect(http_server_port(w->server));

	w->guard_holds = true;
	assert_true(wire_say(fd, "POST /echo/1 HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nhello"));
	assert_true(gate_wait(&w->arrived, 1));
	http_request_proceed(w->held);
	assert_int_equal(wire_response(fd, text, sizeof(text)), 200);
	assert_has(text, "body=hello");
	/* The guard keeps this request, too, and it is refused later. */
	assert_true(wire_say(fd, "POST /echo/1 HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nhello"));
	assert_true(gate_wait(&w->arrived, 2));
	http_respond_error(w->held, -ERR_UNAUTHENTICATED, NULL);
	assert_int_equal(wire_response(fd, text, sizeof(text)), 401);
	/* This request proceeds before the guard has even returned. */
	w->guard_proceeds_at_once = true;
	assert_true(wire_say(fd, "GET /echo/2 HTTP/1.1\r\n" H "\r\n"));
	assert_int_equal(wire_response(fd, text, sizeof(text)), 200);
	close(fd);
}

/* Sends a chunk of that many bytes. */
static bool say_chunk(int fd, size_t size)
{
	char *chunk = malloc(size + 32);
	int head = snprintf(chunk, 32, "%zx\r\n", size);
	bool r;

	memset(chunk + head, 'c', size);
	memcpy(chunk + head + size, "\r\n", 3);
	r = wire_say(fd, chunk);
	free(chunk);
	return r;
}

static void a_chunked_body_is_received_while_the_guard_decides(void **state)
{
	static const char head[] = "POST /echo/1 HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n";
	static const struct {
		size_t chunk;
		int chunks, error, status;
	} cases[] = {
		{5, 2, 0, 200},
		{0, 0, 0, 200},
		{5, 2, -ERR_UNAUTHENTICATED, 401},
		{BODY_MAX / 2, 3, 0, 413},
		/* More than a client that the guard has not admitted yet may leave in memory. */
		{60000, 10, 0, 413},
		{60000, 10, -ERR_UNAUTHENTICATED, 401},
	};
	struct world *w = *state;
	char text[4096];

	w->guard_holds = true;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int fd = wire_connect(http_server_port(w->server)), arrived = gate_count(&w->arrived);

		assert_true(wire_say(fd, head));
		assert_true(gate_wait(&w->arrived, arrived + 1));
		for (int n = 0; n < cases[i].chunks; n++)
			assert_true(say_chunk(fd, cases[i].chunk));
		if (cases[i].chunk < 60000)
			assert_true(wire_say(fd, "0\r\n\r\n"));
		if (cases[i].error)
			http_respond_error(w->held, cases[i].error, NULL);
		else
			http_request_proceed(w->held);
		if (wire_response(fd, text, sizeof(text)) != cases[i].status)
			fail_msg("case %zu: %s", i, text);
		if (i == 0)
			assert_has(text, "body=cccccccccc");
		close(fd);
	}
}

static void a_held_request_gets_100_continue_when_it_proceeds(void **state)
{
	static const char request[] = "POST /echo/1 HTTP/1.1\r\n" H "Content-Length: 5\r\nExpect: 100-continue\r\n\r\n";
	struct world *w = *state;
	char text[2048];
	int fd = wire_connect(http_server_port(w->server));

	w->guard_holds = true;
	assert_true(wire_say(fd, request));
	assert_true(gate_wait(&w->arrived, 1));
	http_request_proceed(w->held);
	assert_int_equal(wire_response(fd, text, sizeof(text)), 100);
	assert_true(wire_say(fd, "hello"));
	assert_int_equal(wire_response(fd, text, sizeof(text)), 200);
	assert_has(text, "body=hello");
	/* This request is refused, and no byte of its body is asked for. */
	assert_true(wire_say(fd, request));
	assert_true(gate_wait(&w->arrived, 2));
	http_respond_error(w->held, -ERR_FORBIDDEN, NULL);
	assert_int_equal(wire_response(fd, text, sizeof(text)), 403);
	assert_true(wire_is_closed(fd));
	close(fd);
}

static void pipelined_requests_are_answered_in_order(void **state)
{
	const struct world *w = *state;
	char text[2048];
	int fd = wire_connect(http_server_port(w->server));

	for (int i = 0; i < 20; i++)
		assert_true(wire_say(fd,
			"GET /thread HTTP/1.1\r\n" H "\r\n"
			"POST /echo/1 HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nhello"));
	for (int i = 0; i < 20; i++) {
		assert_int_equal(wire_response(fd, text, sizeof(text)), 200);
		assert_has(text, "from afar");
		assert_int_equal(wire_response(fd, text, sizeof(text)), 200);
		assert_has(text, "body=hello");
	}
	close(fd);
}

static void requests_can_be_answered_from_another_thread(void **state)
{
	const struct world *w = *state;
	char text[2048];
	int fd = wire_connect(http_server_port(w->server));

	for (int i = 0; i < 300; i++) {
		assert_true(wire_say(fd, "GET /thread HTTP/1.1\r\n" H "\r\n"));
		assert_int_equal(wire_response(fd, text, sizeof(text)), 200);
		assert_has(text, "from afar");
	}
	close(fd);
}

static void errors_are_answered_as_problems_from_the_error_table(void **state)
{
	char text[4096], request[256];

	snprintf(request, sizeof(request),
		"GET /error?code=%d&detail=a%%22b%%0a%%ff%%5c HTTP/1.1\r\n" H "Nephos-Trace: my-trace_1\r\n\r\n",
		ERR_UNAVAILABLE);
	assert_int_equal(ask(*state, request, text, sizeof(text)), 503);
	assert_has(text, "Retry-After: 1\r\n");
	assert_has(text, "Nephos-Trace: my-trace_1\r\n");
	assert_has(text, "Content-Type: application/problem+json\r\n");
	assert_has(text, "\"status\":503");
	assert_has(text, "\"detail\":\"a\\\"b\\u000a\xef\xbf\xbd\\\\\"");
	assert_has(text, "\"trace_id\":\"my-trace_1\"");
	assert_int_equal(ask(*state, "GET /error?code=2 HTTP/1.1\r\n" H "\r\n", text, sizeof(text)), 404);
	assert_has(text, "\"errno\":\"ENOENT\"");
	assert_int_equal(ask(*state, "GET /error?code=99999 HTTP/1.1\r\n" H "\r\n", text, sizeof(text)), 500);
}

static void malformed_trace_ids_are_replaced_by_random_ones(void **state)
{
	static const char *const bad[] = {
		"a b", "", "a\"b", "a,b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
	char request[512], text[2048], other[2048];

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		snprintf(request, sizeof(request), "GET /echo/1 HTTP/1.1\r\n" H "Nephos-Trace: %s\r\n\r\n", bad[i]);
		assert_int_equal(ask(*state, request, text, sizeof(text)), 200);
		const char *trace = strstr(text, "Nephos-Trace: ");
		assert_non_null(trace);
		assert_int_equal(strspn(trace + 14, "0123456789abcdef"), 16);
	}
	assert_int_equal(ask(*state, request, other, sizeof(other)), 200);
	assert_string_not_equal(strstr(text, "Nephos-Trace: "), strstr(other, "Nephos-Trace: "));
}

static void response_headers_are_sent_except_framing_headers(void **state)
{
	char text[2048];

	assert_int_equal(ask(*state, "GET /headers HTTP/1.1\r\n" H "\r\n", text, sizeof(text)), 201);
	assert_has(text, "Content-Length: 5\r\n");
	assert_has(text, "ETag: \"e\"\r\n");
	assert_has(text, "Link: a\r\n");
	assert_has(text, "Link: b\r\n");
	assert_has(text, "taken");
	assert_has_not(text, "chunked");
	assert_has_not(text, "Connection: close");
	assert_int_equal(
		ask(*state, "PUT /nothing HTTP/1.1\r\n" H "Content-Length: 0\r\n\r\n", text, sizeof(text)), 204);
}

static void a_client_that_disconnects_is_noticed_while_its_request_waits(void **state)
{
	struct world *w = *state;
	int fd = wire_connect(http_server_port(w->server));

	assert_true(wire_say(fd, "GET /abort HTTP/1.1\r\n" H "\r\n"));
	assert_true(gate_wait(&w->arrived, 1));
	wire_reset(fd);
	assert_true(gate_wait(&w->aborted, 1));
	/* The handler still has the request; its answer goes nowhere. */
	assert_string_equal(http_request_target(w->held), "/abort");
	assert_int_equal(gate_count(&w->freed), 0);
	http_respond(w->held, 200, NULL, SPAN_LITERAL("nobody"));
	assert_true(gate_wait(&w->freed, 1));
	assert_int_equal(gate_count(&w->aborted), 1);
}

/* Waits until the server has looked at all connections twice: once when a poll is half closed, once when the
 * server gives that poll up. */
static void let_the_server_look_around(struct world *w)
{
	int arrived = gate_count(&w->arrived), aborted = gate_count(&w->aborted);
	int fd = wire_connect(http_server_port(w->server));
	char text[2048];

	assert_true(wire_say(fd, "GET /poll HTTP/1.1\r\n" H "\r\n"));
	assert_true(gate_wait(&w->arrived, arrived + 1));
	shutdown(fd, SHUT_WR);
	assert_true(gate_wait(&w->aborted, aborted + 1));
	/* The client may still be reading, and gets the answer that nothing came. */
	http_respond_error(w->held, -ERR_UNAVAILABLE, NULL);
	assert_int_equal(wire_response(fd, text, sizeof(text)), 503);
	close(fd);
}

static void a_client_that_shut_down_its_sending_side_gets_its_answer(void **state)
{
	static const char *const requests[] = {"GET /abort HTTP/1.1\r\n" H "\r\n", "GET /abort HTTP/1.0\r\n\r\n",
		"POST /abort HTTP/1.1\r\n" H "Content-Length: 4\r\n\r\nbody",
		"POST /abort HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n",
		"GET /abort HTTP/1.1\r\n" H "Expect: 100-continue\r\n\r\n"};
	struct world *w = *state;
	char text[2048];

	for (size_t i = 0; i < 2 * sizeof(requests) / sizeof(requests[0]); i++) {
		int fd = wire_connect(http_server_port(w->server)), arrived = gate_count(&w->arrived);
		struct http_request *held;

		/* Every second time the guard has not decided yet. */
		w->guard_holds = i % 2;
		assert_true(wire_say(fd, requests[i / 2]));
		shutdown(fd, SHUT_WR);
		assert_true(gate_wait(&w->arrived, arrived + 1));
		held = w->held;
		w->guard_holds = false;
		let_the_server_look_around(w);
		if (i % 2) {
			arrived = gate_count(&w->arrived);
			http_request_proceed(held);
			assert_true(gate_wait(&w->arrived, arrived + 1));
			held = w->held;
		}
		http_respond(held, 200, NULL, SPAN_LITERAL("for you"));
		assert_int_equal(wire_response(fd, text, sizeof(text)), 200);
		assert_has(text, "for you");
		assert_true(wire_is_closed(fd));
		close(fd);
	}
	assert_int_equal(gate_count(&w->aborted), (int)(2 * sizeof(requests) / sizeof(requests[0])));
}

static void all_requests_sent_before_a_half_close_are_answered(void **state)
{
	const struct world *w = *state;
	int fd = wire_connect(http_server_port(w->server));
	char text[2048];

	assert_true(wire_say(fd,
		"GET /echo/1 HTTP/1.1\r\n" H "\r\n"
		"GET /thread HTTP/1.1\r\n" H "\r\n"
		"POST /echo/3 HTTP/1.1\r\n" H "Content-Length: 4\r\n\r\nbody"));
	shutdown(fd, SHUT_WR);
	assert_int_equal(wire_response(fd, text, sizeof(text)), 200);
	assert_has(text, "id=1");
	assert_int_equal(wire_response(fd, text, sizeof(text)), 200);
	assert_has(text, "from afar");
	assert_int_equal(wire_response(fd, text, sizeof(text)), 200);
	assert_has(text, "id=3 q=- body=body");
	assert_true(wire_is_closed(fd));
	close(fd);
}

static void drain_waits_for_requests_and_refuses_new_connections(void **state)
{
	struct world *w = *state;
	uint16_t port = http_server_port(w->server);
	char text[2048];
	pthread_t thread;
	int idle = wire_connect(port);
	int busy = wire_connect(port);
	int late;

	assert_true(wire_say(idle, "GET /echo/1 HTTP/1.1\r\n" H "\r\n"));
	assert_int_equal(wire_response(idle, text, sizeof(text)), 200);
	assert_true(wire_say(busy, "GET /hold HTTP/1.1\r\n" H "\r\n"));
	assert_true(gate_wait(&w->arrived, 1));
	/* The deadline of this drain passes before the answer; that does not cut off the request. */
	http_server_drain(w->server, 1);
	late = wire_connect(port);
	assert_int_equal(late, -1);
	const int64_t since_ns = clock_mono_ns();
	pthread_create(&thread, NULL, answer_later, w->held);
	http_server_drain(w->server, 20000);
	pthread_join(thread, NULL);
	/* The client of the idle connection may be sending a request, so the drain waits that long. */
	assert_true(clock_mono_ns() - since_ns >= HTTP_QUIET_MS * NS_PER_MS);
	assert_int_equal(wire_response(busy, text, sizeof(text)), 200);
	assert_has(text, "Connection: close\r\n");
	assert_true(wire_is_closed(busy));
	assert_true(wire_is_closed(idle));
	close(idle);
	close(busy);
}

static void stop_keeps_unanswered_requests_valid_for_their_handlers(void **state)
{
	struct world *w = *state;
	char text[256];
	int fd = wire_connect(http_server_port(w->server));
	int held = wire_connect(http_server_port(w->server));

	assert_true(wire_say(fd, "GET /abort HTTP/1.1\r\n" H "\r\n"));
	assert_true(gate_wait(&w->arrived, 1));
	struct http_request *req = w->held;
	w->guard_holds = true;
	assert_true(wire_say(held, "GET /echo/1 HTTP/1.1\r\n" H "\r\n"));
	assert_true(gate_wait(&w->arrived, 2));
	http_server_stop(w->server);
	w->server = NULL;
	assert_int_equal(gate_count(&w->aborted), 1);
	assert_int_equal(wire_response(fd, text, sizeof(text)), 0);
	/* The requests that handlers hold stay valid, and their answers go nowhere. */
	http_request_proceed(w->held);
	assert_string_equal(http_request_header(req, "host"), "x");
	http_respond(req, 200, NULL, SPAN_LITERAL("nobody"));
	assert_int_equal(gate_count(&w->freed), 1);
	close(fd);
	close(held);
}

static void http_server_start_returns_the_reason_of_its_failure(void **state)
{
	static const struct http_route undescribed[] = {{"GET", "/", .handler = on_echo}, {0}};
	const struct world *w = *state;
	struct http_server_options options = {
		.address = "127.0.0.1", .port = http_server_port(w->server), .routes = routes};
	struct http_server *server = NULL;

	assert_int_equal(http_server_start(&options, &server), -EADDRINUSE);
	options.address = "nowhere";
	assert_int_equal(http_server_start(&options, &server), -EINVAL);
	options = (struct http_server_options){.address = "127.0.0.1", .routes = undescribed};
	assert_int_equal(http_server_start(&options, &server), -EINVAL);
	assert_null(server);
}

static void several_event_threads_serve_one_port(void **state)
{
	struct world *w = *state;
	const struct http_server_options options = {.address = "::1", .routes = routes, .threads = 3};
	struct http_server *server = NULL;
	int fds[12];
	char text[2048];

	(void)w;
	assert_int_equal(http_server_start(&options, &server), 0);
	http_server_stop(server);
	server = NULL;
	const struct http_server_options v4 = {.address = "::", .routes = routes, .threads = 3};
	assert_int_equal(http_server_start(&v4, &server), 0);
	for (size_t i = 0; i < 12; i++)
		fds[i] = wire_connect(http_server_port(server));
	for (size_t i = 0; i < 12; i++)
		assert_true(wire_say(fds[i], "GET /thread HTTP/1.1\r\n" H "\r\n"));
	for (size_t i = 0; i < 12; i++) {
		assert_int_equal(wire_response(fds[i], text, sizeof(text)), 200);
		close(fds[i]);
	}
	http_server_stop(server);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_handler_sees_the_method_target_parameters_and_body),
		T(several_requests_are_served_on_one_connection),
		T(wrong_paths_and_methods_get_problems_and_the_next_request_is_served),
		T(a_head_request_gets_the_length_and_no_body),
		T(a_body_of_the_maximum_size_is_accepted_and_one_byte_more_refused),
		T(a_client_that_sends_a_large_refused_body_still_gets_413),
		T(a_request_with_expect_gets_100_or_its_refusal_before_the_body),
		T(the_guard_can_refuse_a_request_and_keep_the_connection),
		T(the_guard_can_hold_a_request_and_proceed_from_another_thread),
		T(a_chunked_body_is_received_while_the_guard_decides),
		T(a_held_request_gets_100_continue_when_it_proceeds),
		T(pipelined_requests_are_answered_in_order),
		T(requests_can_be_answered_from_another_thread),
		T(errors_are_answered_as_problems_from_the_error_table),
		T(malformed_trace_ids_are_replaced_by_random_ones),
		T(response_headers_are_sent_except_framing_headers),
		T(a_client_that_disconnects_is_noticed_while_its_request_waits),
		T(a_client_that_shut_down_its_sending_side_gets_its_answer),
		T(all_requests_sent_before_a_half_close_are_answered),
		T(drain_waits_for_requests_and_refuses_new_connections),
		T(stop_keeps_unanswered_requests_valid_for_their_handlers),
		T(http_server_start_returns_the_reason_of_its_failure),
		T(several_event_threads_serve_one_port),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
