#include "common/http/server/server.h"

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

/*
 * Clients that shut down their sending side right behind the last byte of a body, while nothing reads the
 * body: the end is there before the server looks at the connection again. Each client gets its answer.
 */

#define BODY_MAX (1u << 20)
#define TURN_BYTES 8192
#define ANSWER_BYTES (100u * 1024) /* more than is written in the middle of a body */

struct world {
	struct http_server *server;
	struct http_request *req;
	struct gate arrived; /* at the guard or a handler */
	struct gate aborted;
	int other; /* a connection that the library serves */
	bool guard_holds;
	size_t received;
	int read_error;
};

/* What the client sends, and how. */
struct upload {
	const char *path;
	size_t size;
	size_t chunk; /* 0: with Content-Length */
	bool expects; /* 100-continue, and does not wait for it */
	bool held;    /* the guard holds the request until all was sent */
};

static void answer_count(struct http_request *req, const struct world *w)
{
	char text[64];
	int size = snprintf(text, sizeof(text), "%zu %d", w->received, w->read_error);

	http_respond(req, 200, NULL, span_of(text, (size_t)size));
}

static void read_on(struct http_request *req, void *cookie)
{
	struct world *w = cookie;
	char data[10000];
	size_t size = 0;
	int r;

	while ((r = http_request_read(req, data, sizeof(data), &size)) == 0 && size > 0)
		w->received += size;
	if (r == -EAGAIN) {
		http_request_on_readable(req, read_on, w);
		return;
	}
	w->read_error = r;
	answer_count(req, w);
}

static void on_abort(struct http_request *req, void *cookie)
{
	(void)req;
	gate_open(&((struct world *)cookie)->aborted);
}

/* Leaves reading and answering to the test. */
static void on_hold(struct http_request *req, void *cookie)
{
	struct world *w = cookie;

	w->req = req;
	http_request_on_abort(req, on_abort, w);
	gate_open(&w->arrived);
}

static void on_whole(struct http_request *req, void *cookie)
{
	struct world *w = cookie;

	w->received = http_request_body(req).size;
	answer_count(req, w);
}

static const struct http_route routes[] = {
	{"PUT", "/slow", .body = HTTP_BODY_STREAM, .body_max = BODY_MAX, .handler = on_hold, .internal = true},
	{"PUT", "/whole", .body = HTTP_BODY_WHOLE, .body_max = BODY_MAX, .handler = on_whole, .internal = true},
	{0},
};

static bool guard(struct http_request *req, const struct http_route *route, void *cookie)
{
	struct world *w = cookie;
	const bool holds = w->guard_holds;

	(void)route;
	if (holds)
		on_hold(req, w);
	return !holds;
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	const struct http_server_options options = {
		.address = "127.0.0.1", .routes = routes, .guard = guard, .cookie = w};

	gate_init(&w->arrived);
	gate_init(&w->aborted);
	*state = w;
	if (http_server_start(&options, &w->server))
		return -1;
	w->other = wire_connect(http_server_port(w->server));
	/* When an empty line comes first, the library serves this request and all later ones of the connection. */
	return wire_say(w->other, "\r\n") ? 0 : -1;
}

static int teardown(void **state)
{
	struct world *w = *state;

	close(w->other);
	http_server_stop(w->server);
	free(w);
	return 0;
}

/* Returns the whole request in one piece; the caller frees it. */
static struct span request_of(const struct upload *u)
{
	struct buf b;

	buf_init(&b, 8 * BODY_MAX);
	assert_int_equal(buf_printf(&b, "PUT %s HTTP/1.1\r\nHost: x\r\n%s", u->path,
				 u->expects ? "Expect: 100-continue\r\n" : ""),
		0);
	if (u->chunk)
		assert_int_equal(buf_printf(&b, "Transfer-Encoding: chunked\r\n\r\n"), 0);
	else
		assert_int_equal(buf_printf(&b, "Content-Length: %zu\r\n\r\n", u->size), 0);
	for (size_t left = u->size; left > 0;) {
		static const char block[BODY_MAX];
		const size_t size = !u->chunk || left < u->chunk ? left : u->chunk;

		if (u->chunk)
			assert_int_equal(buf_printf(&b, "%zx\r\n", size), 0);
		assert_int_equal(buf_append(&b, block, size), 0);
		if (u->chunk)
			assert_int_equal(buf_printf(&b, "\r\n"), 0);
		left -= size;
	}
	if (u->chunk)
		assert_int_equal(buf_printf(&b, "0\r\n\r\n"), 0);
	return buf_span(&b);
}

/* Waits until the library has read as much of that many bytes as it wants. It reads some in each turn of the
 * loop, and answers one request of this connection in each turn. That makes the test sharp: afterwards the
 * loop sleeps. */
static void let_the_loop_come_round(const struct world *w, size_t size)
{
	char text[2048];

	for (size_t left = size + 2 * TURN_BYTES; left >= TURN_BYTES; left -= TURN_BYTES) {
		assert_true(wire_say(w->other, "GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n"));
		assert_int_equal(wire_response(w->other, text, sizeof(text)), 404);
	}
}

/* Sends the whole request and shuts down the sending side. A handler has the request then. */
static int send_and_end(struct world *w, const struct upload *u)
{
	const int arrived = gate_count(&w->arrived), fd = wire_connect(http_server_port(w->server));
	struct span request = request_of(u);

	w->received = 0;
	w->read_error = 0;
	w->guard_holds = u->held;
	assert_true(wire_send(fd, request.data, request.size));
	shutdown(fd, SHUT_WR);
	free((char *)request.data);
	assert_true(gate_wait(&w->arrived, arrived + 1));
	let_the_loop_come_round(w, u->size);
	w->guard_holds = false;
	if (!u->held)
		return fd;
	http_request_proceed(w->req);
	if (strcmp(u->path, "/slow") == 0) {
		assert_true(gate_wait(&w->arrived, arrived + 2));
		let_the_loop_come_round(w, u->size);
	}
	return fd;
}

static int final_response(int fd, char *text, size_t size)
{
	int status;

	do {
		status = wire_response(fd, text, size);
	} while (status >= 100 && status < 200);
	return status;
}

static void is_answered(struct world *w, const struct upload *u)
{
	const int fd = send_and_end(w, u);
	char text[2048], wanted[64];

	if (strcmp(u->path, "/slow") == 0)
		read_on(w->req, w);
	(void)snprintf(wanted, sizeof(wanted), "\r\n\r\n%zu 0", u->size);
	if (final_response(fd, text, sizeof(text)) != 200 || !strstr(text, wanted))
		fail_msg("%s, %zu bytes in chunks of %zu%s%s: %s", u->path, u->size, u->chunk,
			u->expects ? ", expects" : "", u->held ? ", held" : "", text);
	close(fd);
}

static const size_t sizes[] = {1, 5000, HTTP_STREAM_BYTES - 1, HTTP_STREAM_BYTES, HTTP_STREAM_BYTES + 1,
	HTTP_STREAM_BYTES + 100, HTTP_STREAM_BYTES + 5000, HTTP_STREAM_BYTES + 40000};
static const size_t chunks[] = {0, BODY_MAX, 65536, 1021};
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void all_are_answered(struct world *w, struct upload u)
{
	for (size_t i = 0; i < COUNT(sizes); i++) {
		for (size_t n = 0; n < COUNT(chunks); n++) {
			u.size = sizes[i];
			u.chunk = chunks[n];
			is_answered(w, &u);
		}
	}
	assert_int_equal(gate_count(&w->aborted), 0);
}

static void a_half_closed_client_is_answered_when_the_reader_lags(void **state)
{
	all_are_answered(*state, (struct upload){.path = "/slow"});
}

static void a_half_closed_client_is_answered_when_the_guard_decides_late(void **state)
{
	all_are_answered(*state, (struct upload){.path = "/slow", .held = true});
}

static void a_half_closed_client_is_answered_when_the_guard_holds_a_whole_body(void **state)
{
	all_are_answered(*state, (struct upload){.path = "/whole", .held = true});
}

static void a_half_closed_client_that_skips_100_continue_is_answered(void **state)
{
	all_are_answered(*state, (struct upload){.path = "/slow", .expects = true});
	all_are_answered(*state, (struct upload){.path = "/slow", .expects = true, .held = true});
	all_are_answered(*state, (struct upload){.path = "/whole", .expects = true, .held = true});
}

static void a_half_closed_client_gets_an_answer_sent_before_its_body_is_read(void **state)
{
	static char large[ANSWER_BYTES], text[ANSWER_BYTES + 2048];
	struct world *w = *state;

	for (size_t i = 0; i < COUNT(sizes); i++) {
		for (size_t n = 0; n < COUNT(chunks); n++) {
			const struct upload u = {.path = "/slow", .size = sizes[i], .chunk = chunks[n]};
			const int fd = send_and_end(w, &u);

			http_respond(w->req, 200, NULL, span_of(large, sizeof(large)));
			assert_int_equal(final_response(fd, text, sizeof(text)), 200);
			close(fd);
		}
	}
}

static void a_half_closed_client_that_sent_half_a_body_gets_no_answer(void **state)
{
	static const char *const ends[] = {"", "\r", "\r\n", "\r\n0", "\r\n0\r\n", "\r\n0\r\n\r", "\r\n5\r\nabc"};
	struct world *w = *state;
	char text[2048];

	for (size_t i = 0; i < COUNT(ends); i++) {
		const struct upload u = {.path = "/slow", .size = HTTP_STREAM_BYTES, .chunk = HTTP_STREAM_BYTES};
		const int arrived = gate_count(&w->arrived), fd = wire_connect(http_server_port(w->server));
		struct span request = request_of(&u);

		w->read_error = 0;
		assert_true(wire_send(fd, request.data, request.size - strlen("\r\n0\r\n\r\n")));
		assert_true(wire_say(fd, ends[i]));
		shutdown(fd, SHUT_WR);
		free((char *)request.data);
		assert_true(gate_wait(&w->arrived, arrived + 1));
		let_the_loop_come_round(w, u.size);
		read_on(w->req, w);
		assert_int_equal(final_response(fd, text, sizeof(text)), 0);
		assert_true(gate_wait(&w->aborted, (int)i + 1));
		close(fd);
	}
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_half_closed_client_is_answered_when_the_reader_lags),
		T(a_half_closed_client_is_answered_when_the_guard_decides_late),
		T(a_half_closed_client_is_answered_when_the_guard_holds_a_whole_body),
		T(a_half_closed_client_that_skips_100_continue_is_answered),
		T(a_half_closed_client_gets_an_answer_sent_before_its_body_is_read),
		T(a_half_closed_client_that_sent_half_a_body_gets_no_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
