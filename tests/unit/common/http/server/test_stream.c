/* Answers that are streamed: with and without a length, while there is nothing to send, when the source fails, and to
 * clients that send a body, shut down their sending side or are gone. */
#include "common/http/server/server.h"

#include "common/base/error.h"
#include "tests/unit/common/http/server/stream_world.h"
#include "tests/unit/common/http/wire.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

static void make_available(struct world *w, uint64_t size)
{
	pthread_mutex_lock(&w->lock);
	w->available += size;
	pthread_mutex_unlock(&w->lock);
}

static void a_streamed_answer_is_complete_although_nobody_reads_the_body(void **state)
{
	struct world *w = *state;
	struct sender s;
	char text[1024];

	w->total = w->available = 100;
	sender_start(&s, w, "/both", 3 * MIB, true);
	pthread_join(s.thread, NULL);
	assert_true(s.sent);
	assert_int_equal(wire_response(s.fd, text, sizeof(text)), 200);
	assert_true(gate_wait(&w->done, 1));
	assert_true(w->complete);
	close(s.fd);
}

static void a_streamed_answer_in_the_middle_of_a_body_waits_for_its_end(void **state)
{
	struct world *w = *state;
	char text[1024];
	int fd = world_connect(w);
	struct pollfd answer = {.fd = fd, .events = POLLIN};

	w->total = w->available = 100;
	assert_true(wire_say(fd, "PUT /slow HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"));
	assert_true(gate_wait(&w->arrived, 1));
	/* The first bytes of the body are there, so the library is past the head. */
	http_request_on_readable(w->req, world_on_readable, w);
	assert_true(gate_wait(&w->readable, 1));
	http_respond_stream(w->req, 200, NULL, 100, &world_stream_ops, w, &w->stream);
	assert_true(wire_say(fd, "5\r\nworld\r\n"));
	assert_int_equal(poll(&answer, 1, HALT_MS), 0);
	assert_true(wire_say(fd, "0\r\n\r\n"));
	assert_int_equal(wire_response(fd, text, sizeof(text)), 200);
	assert_true(gate_wait(&w->done, 1));
	assert_true(w->complete);
	close(fd);
}

static void answers_are_streamed_with_and_without_a_length(void **state)
{
	struct world *w = *state;
	unsigned char *data = malloc(9 * MIB);
	char text[1024];
	int fd = world_connect(w);

	w->total = w->available = 8 * MIB + 5;
	assert_true(wire_say(fd, "GET /stream HTTP/1.1\r\n" H "\r\n"));
	text[0] = '\0';
	for (size_t n = 0; !strstr(text, "\r\n\r\n"); text[++n] = '\0')
		assert_int_equal(wire_receive(fd, text + n, 1), 1);
	assert_non_null(strstr(text, "Content-Length: 8388613\r\n"));
	assert_int_equal(wire_receive(fd, data, 8 * MIB + 5), 8 * MIB + 5);
	w->next = 0;
	world_verify(w, data, 8 * MIB + 5);
	assert_false(w->wrong);
	assert_true(gate_wait(&w->done, 1));
	assert_true(w->complete);

	w->total = w->available = 5;
	assert_true(wire_say(fd, "GET /chunked HTTP/1.1\r\n" H "Connection: close\r\n\r\n"));
	long size = wire_receive(fd, text, sizeof(text) - 1);
	assert_true(size > 0);
	text[size] = '\0';
	assert_non_null(strstr(text, "Transfer-Encoding: chunked\r\n"));
	assert_non_null(strstr(text, "\r\n0\r\n\r\n"));
	assert_true(gate_wait(&w->done, 2));
	assert_true(w->complete);
	close(fd);
	free(data);
}

static void a_streamed_answer_to_http_1_0_ends_with_the_connection(void **state)
{
	struct world *w = *state;
	char text[1024];
	int fd = world_connect(w);

	w->total = w->available = 5;
	assert_true(wire_say(fd, "GET /chunked HTTP/1.0\r\n" H "Connection: keep-alive\r\n\r\n"));
	long size = wire_receive(fd, text, sizeof(text) - 1);
	assert_true(size > 5);
	text[size] = '\0';
	assert_null(strstr(text, "chunked"));
	assert_memory_equal(text + size - 9, "\r\n\r\n", 4);
	assert_true(gate_wait(&w->done, 1));
	assert_true(w->complete);
	close(fd);
}

static void a_stream_without_data_sleeps_until_it_is_woken(void **state)
{
	struct world *w = *state;
	char text[1024];
	int fd = world_connect(w);

	w->total = 300;
	assert_true(wire_say(fd, "GET /stream HTTP/1.1\r\n" H "\r\n"));
	for (int i = 0; i < 300; i++) {
		assert_true(gate_wait(&w->pulled, i + 1));
		make_available(w, 1);
		http_stream_wake(w->stream);
	}
	assert_int_equal(wire_response(fd, text, sizeof(text)), 200);
	assert_true(gate_wait(&w->done, 1));
	assert_true(w->complete);
	close(fd);
}

static void a_failed_stream_never_looks_like_a_complete_answer(void **state)
{
	struct world *w = *state;
	char text[1024];
	int fd = world_connect(w);

	/* The source fails in the middle. */
	w->total = 100;
	w->available = 50;
	w->pull_error = -EIO;
	assert_true(wire_say(fd, "GET /stream HTTP/1.1\r\n" H "\r\n"));
	assert_int_equal(wire_response(fd, text, sizeof(text)), 0);
	assert_true(gate_wait(&w->done, 1));
	assert_false(w->complete);
	close(fd);
	/* The source ends before the length that was promised. */
	fd = world_connect(w);
	w->total = w->available = 50;
	assert_true(wire_say(fd, "GET /stream?short=50 HTTP/1.1\r\n" H "\r\n"));
	assert_int_equal(wire_response(fd, text, sizeof(text)), 0);
	assert_true(gate_wait(&w->done, 2));
	assert_false(w->complete);
	close(fd);
	/* Chunked: the last chunk is missing. */
	fd = world_connect(w);
	w->total = 100;
	w->available = 50;
	assert_true(wire_say(fd, "GET /chunked HTTP/1.1\r\n" H "\r\n"));
	long size = wire_receive(fd, text, sizeof(text) - 1);
	assert_true(size > 0);
	text[size] = '\0';
	assert_null(strstr(text, "\r\n0\r\n"));
	assert_true(gate_wait(&w->done, 3));
	assert_false(w->complete);
	close(fd);
}

static void a_head_request_pulls_no_data_and_is_complete(void **state)
{
	struct world *w = *state;
	char text[1024] = "";
	int fd = world_connect(w);

	w->total = w->available = 100;
	assert_true(wire_say(
		fd, "HEAD /stream HTTP/1.1\r\n" H "\r\nHEAD /chunked HTTP/1.1\r\n" H "Connection: close\r\n\r\n"));
	assert_true(wire_receive(fd, text, sizeof(text) - 1) > 0);
	assert_non_null(strstr(text, "Content-Length: 100\r\n"));
	assert_true(gate_wait(&w->done, 2));
	assert_true(w->complete);
	assert_int_equal(w->total, 100);
	close(fd);
}

static void a_client_that_disconnects_ends_the_stream(void **state)
{
	struct world *w = *state;
	int fd = world_connect(w);

	/* While it is being sent … */
	w->total = w->available = 1ull << 40;
	assert_true(wire_say(fd, "GET /stream HTTP/1.1\r\n" H "\r\n"));
	char byte;
	assert_int_equal(wire_receive(fd, &byte, 1), 1);
	close(fd);
	assert_true(gate_wait(&w->done, 1));
	assert_false(w->complete);
	/* … and while there is nothing to send. */
	w->available = 0;
	fd = world_connect(w);
	assert_true(wire_say(fd, "GET /stream HTTP/1.1\r\n" H "\r\n"));
	assert_true(gate_wait(&w->pulled, 1));
	wire_reset(fd);
	assert_true(gate_wait(&w->done, 2));
	assert_false(w->complete);
}

static void a_stream_continues_for_a_half_closed_client(void **state)
{
	struct world *w = *state;
	char text[1024];
	int fd = world_connect(w), other = world_connect(w);

	w->total = 10;
	assert_true(wire_say(fd, "GET /stream HTTP/1.1\r\n" H "\r\n"));
	shutdown(fd, SHUT_WR);
	assert_true(gate_wait(&w->pulled, 1));
	/* When the server has found the reset of the other connection, it has looked at both. */
	assert_true(wire_say(other, "PUT /slow HTTP/1.1\r\n" H "Content-Length: 10\r\n\r\nhello"));
	assert_true(gate_wait(&w->arrived, 1));
	wire_reset(other);
	assert_true(gate_wait(&w->aborted, 1));
	http_respond_error(w->req, -ECONNRESET, NULL);
	make_available(w, 10);
	http_stream_wake(w->stream);
	assert_int_equal(wire_response(fd, text, sizeof(text)), 200);
	assert_true(gate_wait(&w->done, 1));
	assert_true(w->complete);
	close(fd);
}

static void a_stream_for_a_disconnected_client_ends_at_once(void **state)
{
	struct world *w = *state;
	int fd = world_connect(w);

	assert_true(wire_say(fd, "PUT /slow HTTP/1.1\r\n" H "Content-Length: 10\r\n\r\nhello"));
	assert_true(gate_wait(&w->arrived, 1));
	close(fd);
	assert_true(gate_wait(&w->aborted, 1));
	w->complete = true;
	http_respond_stream(w->req, 200, NULL, 10, &world_stream_ops, w, &w->stream);
	assert_int_equal(gate_count(&w->done), 1);
	assert_false(w->complete);
}

static void stop_ends_streams_that_wait_for_data(void **state)
{
	struct world *w = *state;
	char text[256];
	int fd = world_connect(w);

	w->total = 10;
	assert_true(wire_say(fd, "GET /stream HTTP/1.1\r\n" H "\r\n"));
	assert_true(gate_wait(&w->pulled, 1));
	http_server_stop(w->server);
	w->server = NULL;
	assert_int_equal(gate_count(&w->done), 1);
	assert_false(w->complete);
	assert_int_equal(wire_response(fd, text, sizeof(text)), 0);
	close(fd);
}

#define T(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_streamed_answer_is_complete_although_nobody_reads_the_body),
		T(a_streamed_answer_in_the_middle_of_a_body_waits_for_its_end),
		T(a_stream_continues_for_a_half_closed_client),
		T(answers_are_streamed_with_and_without_a_length),
		T(a_streamed_answer_to_http_1_0_ends_with_the_connection),
		T(a_stream_without_data_sleeps_until_it_is_woken),
		T(a_failed_stream_never_looks_like_a_complete_answer),
		T(a_head_request_pulls_no_data_and_is_complete),
		T(a_client_that_disconnects_ends_the_stream),
		T(a_stream_for_a_disconnected_client_ends_at_once),
		T(stop_ends_streams_that_wait_for_data),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
