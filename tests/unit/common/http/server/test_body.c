/* Bodies of requests that their handler reads as a stream: which bytes the reader gets and when, what holds a sender
 * back, and what becomes of a connection whose body is cut, refused or not read. */
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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

static long resident_kib(void)
{
	char text[128] = "";
	char *end = text;
	FILE *f = fopen("/proc/self/statm", "r");

	if (f && fgets(text, sizeof(text), f))
		(void)strtol(text, &end, 10);
	if (f)
		fclose(f);
	return strtol(end, NULL, 10) * (sysconf(_SC_PAGESIZE) / 1024);
}

/* Waits until the sender has sent all of the body, or cannot send more because its socket has been full for HALT_MS.
 * Returns how much was taken. */
static uint64_t taken_at_halt(struct sender *s)
{
	struct pollfd room = {.fd = s->fd, .events = POLLOUT};
	uint64_t before;

	do {
		before = s->taken;
		(void)poll(NULL, 0, HALT_MS);
	} while (s->taken != before || (before < s->size && poll(&room, 1, 0) == 1 && room.revents == POLLOUT));
	return before;
}

static int read_some(struct world *w, size_t size)
{
	unsigned char *data = malloc(size);
	size_t got = 0;
	int r = http_request_read(w->req, data, size, &got);

	if (r == 0) {
		world_verify(w, data, got);
		w->received += got;
		r = (int)got;
	}
	free(data);
	return r;
}

static void a_streamed_body_of_any_size_is_read_completely(void **state)
{
	struct world *w = *state;
	char text[512], expected[64];
	static const uint64_t sizes[] = {0, 1, 100, HTTP_STREAM_BYTES, HTTP_STREAM_BYTES + 1, 5 * MIB + 7, BODY_MAX};

	for (size_t i = 0; i < 2 * sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct sender s;

		w->received = 0;
		w->next = 0;
		sender_start(&s, w, "/read", sizes[i / 2], i % 2);
		pthread_join(s.thread, NULL);
		assert_int_equal(wire_response(s.fd, text, sizeof(text)), 200);
		snprintf(expected, sizeof(expected), "\r\n\r\n%llu 0", (unsigned long long)sizes[i / 2]);
		assert_non_null(strstr(text, expected));
		assert_false(w->wrong);
		close(s.fd);
	}
}

static void a_slow_reader_holds_its_sender_back_and_gets_the_whole_body(void **state)
{
	struct world *w = *state;
	struct sender s;
	char text[512];
	int r, waits = 0;
	long before = resident_kib();

	sender_start(&s, w, "/slow", BODY_MAX, false);
	assert_true(gate_wait(&w->arrived, 1));
	/* The body is larger than all buffers between the two. */
	assert_true(taken_at_halt(&s) < BODY_MAX);
	/* Reads on another thread than the server's, in odd pieces. */
	do {
		r = read_some(w, 77777);
		if (r == -EAGAIN) {
			http_request_on_readable(w->req, world_on_readable, w);
			assert_true(gate_wait(&w->readable, ++waits));
			r = 1;
		}
	} while (r > 0);
	assert_int_equal(r, 0);
	assert_int_equal(w->received, BODY_MAX);
	assert_false(w->wrong);
	world_answer_count(w);
	pthread_join(s.thread, NULL);
	assert_int_equal(wire_response(s.fd, text, sizeof(text)), 200);
	close(s.fd);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	assert_true(resident_kib() - before < 8 * 1024);
#else
	(void)before;
#endif
}

static void an_unread_body_halts_its_sender_and_its_request_can_be_refused(void **state)
{
	struct world *w = *state;
	struct sender s;

	/* Nothing reads the body: the sender comes to a halt, and the request can still be given up. */
	sender_start(&s, w, "/slow", BODY_MAX, false);
	assert_true(gate_wait(&w->arrived, 1));
	http_request_on_readable(w->req, world_on_readable, w);
	assert_true(gate_wait(&w->readable, 1));
	assert_true(taken_at_halt(&s) < BODY_MAX);
	http_respond_error(w->req, -ERR_UNAVAILABLE, NULL);
	char text[1024];
	assert_int_equal(wire_response(s.fd, text, sizeof(text)), 503);
	assert_non_null(strstr(text, "Connection: close"));
	pthread_join(s.thread, NULL);
	close(s.fd);
}

static void an_answer_in_the_middle_of_a_short_body_keeps_the_connection(void **state)
{
	struct world *w = *state;
	char text[1024];
	int fd = world_connect(w);

	assert_true(wire_say(fd, "PUT /slow HTTP/1.1\r\n" H "Content-Length: 10\r\n\r\nhello"));
	assert_true(gate_wait(&w->arrived, 1));
	http_respond_error(w->req, -ERR_PRECONDITION, NULL);
	assert_true(wire_say(fd, "world"));
	assert_int_equal(wire_response(fd, text, sizeof(text)), 412);
	assert_true(wire_say(fd, "GET /nowhere HTTP/1.1\r\n" H "\r\n"));
	assert_int_equal(wire_response(fd, text, sizeof(text)), 404);
	close(fd);
}

static void an_answer_in_the_middle_of_a_long_body_ends_the_connection(void **state)
{
	struct world *w = *state;
	char text[1024];

	for (int chunked = 0; chunked < 2; chunked++) {
		int fd = world_connect(w);

		assert_true(wire_say(fd,
			chunked ? "PUT /slow HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
				: "PUT /slow HTTP/1.1\r\n" H "Content-Length: 10000000\r\n\r\nhello"));
		assert_true(gate_wait(&w->arrived, chunked + 1));
		/* The first bytes of the body are there, so the library is past the head. */
		http_request_on_readable(w->req, world_on_readable, w);
		assert_true(gate_wait(&w->readable, chunked + 1));
		http_respond_error(w->req, -ERR_PRECONDITION, NULL);
		assert_int_equal(wire_response(fd, text, sizeof(text)), 412);
		assert_true(wire_is_closed(fd));
		close(fd);
	}
}

static void a_client_with_expect_gets_100_only_when_its_body_is_read(void **state)
{
	struct world *w = *state;
	static const char *const heads[] = {
		"Content-Length: 5", "Content-Length: 16000000", "Transfer-Encoding: chunked"};
	char text[1024], head[256];
	unsigned char data[8];
	size_t size = 0;

	for (int i = 0; i < 6; i++) {
		int fd = world_connect(w);

		snprintf(head, sizeof(head), "PUT /slow HTTP/1.1\r\n" H "Expect: 100-continue\r\n%s\r\n\r\n",
			heads[i % 3]);
		assert_true(wire_say(fd, head));
		assert_true(gate_wait(&w->arrived, i + 1));
		if (i >= 3) {
			/* 100 comes first, and only now. */
			assert_int_equal(http_request_read(w->req, data, sizeof(data), &size), -EAGAIN);
			assert_int_equal(wire_response(fd, text, sizeof(text)), 100);
			http_request_on_readable(w->req, world_on_readable, w);
			assert_true(wire_say(fd, i == 5 ? "5\r\nhello\r\n0\r\n\r\n" : "hello"));
			assert_true(gate_wait(&w->readable, i - 2));
			assert_int_equal(http_request_read(w->req, data, sizeof(data), &size), 0);
			assert_int_equal(size, 5);
		}
		http_respond_error(w->req, -ERR_PRECONDITION, NULL);
		/* Now comes the refusal. */
		assert_int_equal(wire_response(fd, text, sizeof(text)), 412);
		if (i < 3)
			assert_true(wire_is_closed(fd));
		close(fd);
	}
}

static void a_body_with_a_content_encoding_is_refused_before_it_is_sent(void **state)
{
	struct world *w = *state;
	char text[1024];
	int fd = world_connect(w);

	assert_true(wire_say(fd,
		"PUT /read HTTP/1.1\r\n" H
		"Content-Encoding: gzip\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"));
	assert_int_equal(wire_response(fd, text, sizeof(text)), 415);
	assert_non_null(strstr(text, "\r\nAccept-Encoding: identity\r\n"));
	assert_int_equal(w->received, 0);
	close(fd);
	fd = world_connect(w);
	assert_true(wire_say(fd,
		"PUT /read HTTP/1.1\r\n" H "Content-Encoding: Identity\r\nContent-Length: 5\r\n\r\nhello"
		"PUT /read HTTP/1.1\r\n" H "Content-Encoding: identity, ,identity\r\nContent-Length: 5\r\n\r\nhello"
		"PUT /read HTTP/1.1\r\n" H "Content-Encoding:\r\nContent-Length: 5\r\n\r\nhello"
		"GET /chunked HTTP/1.1\r\n" H "Content-Encoding: gzip\r\n\r\n"));
	for (int i = 0; i < 4; i++)
		assert_int_equal(wire_response(fd, text, sizeof(text)), 200);
	close(fd);
}

static void a_body_beyond_its_limit_gives_an_error_to_its_reader_or_413(void **state)
{
	struct world *w = *state;
	struct sender s;
	char text[1024];

	sender_start(&s, w, "/read", BODY_MAX + 1, true);
	assert_true(gate_wait(&w->readable, 1));
	assert_int_equal(w->read_error, -ERR_TOO_LARGE);
	assert_true(w->received >= BODY_MAX);
	(void)wire_response(s.fd, text, sizeof(text));
	pthread_join(s.thread, NULL);
	close(s.fd);
	/* A body with a length is refused before anything reads it. */
	w->received = 0;
	int fd = world_connect(w);
	assert_true(
		wire_say(fd, "PUT /read HTTP/1.1\r\n" H "Content-Length: 16777217\r\nExpect: 100-continue\r\n\r\n"));
	assert_int_equal(wire_response(fd, text, sizeof(text)), 413);
	assert_int_equal(w->received, 0);
	close(fd);
}

static void a_truncated_body_gives_econnreset_to_its_reader(void **state)
{
	struct world *w = *state;
	static const char *const heads[] = {"PUT /slow HTTP/1.1\r\n" H "Content-Length: 10\r\n\r\nhello",
		"PUT /slow HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
		"PUT /slow HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n5\r\nhelloXX\r\n0\r\n\r\n"};

	for (int i = 0; i < 3; i++) {
		int fd = world_connect(w);
		unsigned char data[16];
		size_t size = 0;
		int r;

		assert_true(wire_say(fd, heads[i]));
		assert_true(gate_wait(&w->arrived, i + 1));
		shutdown(fd, SHUT_WR);
		assert_true(gate_wait(&w->aborted, i + 1));
		/* The bytes that came can still be read; an error follows instead of the end. */
		while ((r = http_request_read(w->req, data, sizeof(data), &size)) == 0)
			assert_int_equal(size, 5);
		assert_int_equal(r, -ECONNRESET);
		http_request_on_readable(w->req, world_on_readable, w);
		assert_true(gate_wait(&w->readable, i + 1));
		http_respond_error(w->req, -ECONNRESET, NULL);
		close(fd);
	}
}

/* The last bytes of the body come when the reader is far behind, and the sender sends nothing after them. */
static void a_body_is_read_to_its_end_after_its_sender_half_closed(void **state)
{
	struct world *w = *state;
	char text[512], expected[64];

	for (uint64_t size = 300000; size < 300000 + 40 * 1021; size += 1021) {
		int arrived = gate_count(&w->arrived), readable = gate_count(&w->readable);
		struct sender s;

		w->received = 0;
		w->next = 0;
		sender_start(&s, w, "/slow", size, false);
		pthread_join(s.thread, NULL);
		assert_true(s.sent);
		shutdown(s.fd, SHUT_WR);
		assert_true(gate_wait(&w->arrived, arrived + 1));
		world_read_on(w->req, w);
		assert_true(gate_wait(&w->readable, readable + 1));
		assert_int_equal(wire_response(s.fd, text, sizeof(text)), 200);
		snprintf(expected, sizeof(expected), "\r\n\r\n%llu 0", (unsigned long long)size);
		if (!strstr(text, expected) || w->wrong)
			fail_msg("%llu bytes: %s", (unsigned long long)size, text);
		close(s.fd);
	}
	assert_int_equal(gate_count(&w->aborted), 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_streamed_body_of_any_size_is_read_completely),
		T(a_slow_reader_holds_its_sender_back_and_gets_the_whole_body),
		T(an_unread_body_halts_its_sender_and_its_request_can_be_refused),
		T(an_answer_in_the_middle_of_a_short_body_keeps_the_connection),
		T(an_answer_in_the_middle_of_a_long_body_ends_the_connection),
		T(a_body_beyond_its_limit_gives_an_error_to_its_reader_or_413),
		T(a_truncated_body_gives_econnreset_to_its_reader),
		T(a_body_is_read_to_its_end_after_its_sender_half_closed),
		T(a_client_with_expect_gets_100_only_when_its_body_is_read),
		T(a_body_with_a_content_encoding_is_refused_before_it_is_sent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
