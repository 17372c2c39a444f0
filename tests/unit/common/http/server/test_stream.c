#include "common/http/server/server.h"

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
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#define H "Host: x\r\n"
#define BODY_MAX (16u << 20)
#define MIB (1u << 20)

struct world {
	struct http_server *server;
	struct http_request *req;
	struct http_stream *stream;
	struct gate arrived; /* a handler has the request */
	struct gate readable;
	struct gate aborted;
	struct gate pulled; /* a pull had nothing to give */
	struct gate done;
	bool complete;
	uint64_t received;
	unsigned char next; /* expected or sent byte */
	bool wrong;
	int read_error;
	pthread_mutex_t lock;
	uint64_t available; /* what a pull may take; guarded by lock */
	uint64_t total;
	int pull_error;
};

static unsigned char step(unsigned char c)
{
	return (unsigned char)(c * 5 + 3);
}

static void fill(struct world *w, unsigned char *data, size_t size)
{
	for (size_t i = 0; i < size; i++, w->next = step(w->next))
		data[i] = w->next;
}

static void verify(struct world *w, const unsigned char *data, size_t size)
{
	for (size_t i = 0; i < size; i++, w->next = step(w->next))
		w->wrong |= data[i] != w->next;
}

static void answer_count(struct world *w)
{
	char text[64];
	int size = snprintf(text, sizeof(text), "%llu %d", (unsigned long long)w->received, w->read_error);

	http_respond(w->req, 200, NULL, span_of(text, (size_t)size));
}

/* Reads on the server's thread while there is something to read. */
static void read_on(struct http_request *req, void *cookie)
{
	struct world *w = cookie;
	unsigned char data[10000];
	size_t size = 0;
	int r;

	while ((r = http_request_read(req, data, sizeof(data), &size)) == 0 && size > 0) {
		verify(w, data, size);
		w->received += size;
	}
	if (r == -EAGAIN) {
		http_request_on_readable(req, read_on, w);
		return;
	}
	w->read_error = r;
	answer_count(w);
	gate_open(&w->readable);
}

static void on_read(struct http_request *req, void *cookie)
{
	struct world *w = cookie;

	w->req = req;
	read_on(req, w);
}

static void on_readable(struct http_request *req, void *cookie)
{
	(void)req;
	gate_open(&((struct world *)cookie)->readable);
}

static void on_abort(struct http_request *req, void *cookie)
{
	(void)req;
	gate_open(&((struct world *)cookie)->aborted);
}

/* Leaves the reading to the test. */
static void on_slow(struct http_request *req, void *cookie)
{
	struct world *w = cookie;

	w->req = req;
	http_request_on_abort(req, on_abort, w);
	gate_open(&w->arrived);
}

static int pull(void *cookie, void *data, size_t size, size_t *ret_size)
{
	struct world *w = cookie;
	int r = 0;

	pthread_mutex_lock(&w->lock);
	if (size > w->available)
		size = (size_t)w->available;
	if (size > w->total)
		size = (size_t)w->total;
	if (w->total && !size)
		r = w->pull_error ? w->pull_error : -EAGAIN;
	w->available -= size;
	w->total -= size;
	pthread_mutex_unlock(&w->lock);
	if (r == -EAGAIN)
		gate_open(&w->pulled);
	if (r == 0) {
		fill(w, data, size);
		*ret_size = size;
	}
	return r;
}

static void done(void *cookie, bool complete)
{
	struct world *w = cookie;

	w->complete = complete;
	gate_open(&w->done);
}

static const struct http_stream_ops ops = {pull, done};

static void send_stream(struct http_request *req, void *cookie, bool chunked)
{
	struct world *w = cookie;
	const char *short_by = http_request_query(req, "short");
	int64_t length = chunked ? -1 : (int64_t)(w->total + (short_by ? strtoull(short_by, NULL, 10) : 0));

	w->req = req;
	http_respond_stream(req, 200, NULL, length, &ops, w, &w->stream);
}

static void on_stream(struct http_request *req, void *cookie)
{
	send_stream(req, cookie, false);
}

static void on_chunked(struct http_request *req, void *cookie)
{
	send_stream(req, cookie, true);
}

static const struct http_route routes[] = {
	{"PUT", "/read", .body = HTTP_BODY_STREAM, .body_max = BODY_MAX, .handler = on_read, .internal = true},
	{"PUT", "/slow", .body = HTTP_BODY_STREAM, .body_max = BODY_MAX, .handler = on_slow, .internal = true},
	{"PUT", "/both", .body = HTTP_BODY_STREAM, .body_max = BODY_MAX, .handler = on_stream, .internal = true},
	{"GET", "/stream", .handler = on_stream, .internal = true},
	{"GET", "/chunked", .handler = on_chunked, .internal = true},
	{0},
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	const struct http_server_options options = {.address = "127.0.0.1", .routes = routes, .cookie = w};

	gate_init(&w->arrived);
	gate_init(&w->readable);
	gate_init(&w->aborted);
	gate_init(&w->pulled);
	gate_init(&w->done);
	pthread_mutex_init(&w->lock, NULL);
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

static int connect_to(const struct world *w)
{
	return wire_connect(http_server_port(w->server));
}

static void make_available(struct world *w, uint64_t size)
{
	pthread_mutex_lock(&w->lock);
	w->available += size;
	pthread_mutex_unlock(&w->lock);
}

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

struct sender {
	int fd;
	uint64_t size;
	bool chunked;
	bool sent;
	pthread_t thread;
};

static void *send_body(void *cookie)
{
	struct sender *s = cookie;
	struct world bytes = {0};
	unsigned char *block = malloc(MIB);

	s->sent = true;
	for (uint64_t left = s->size; left && s->sent;) {
		size_t size = left < MIB ? (size_t)left : MIB;
		char head[32];

		fill(&bytes, block, size);
		snprintf(head, sizeof(head), "%zx\r\n", size);
		s->sent = (!s->chunked || wire_say(s->fd, head)) && wire_send(s->fd, block, size) &&
			(!s->chunked || wire_say(s->fd, "\r\n"));
		left -= size;
	}
	if (s->chunked && s->sent)
		s->sent = wire_say(s->fd, "0\r\n\r\n");
	free(block);
	return NULL;
}

static void start_sending(struct sender *s, const struct world *w, const char *path, uint64_t size, bool chunked)
{
	char head[256];

	*s = (struct sender){.fd = connect_to(w), .size = size, .chunked = chunked};
	if (chunked)
		snprintf(head, sizeof(head), "PUT %s HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n", path);
	else
		snprintf(head, sizeof(head), "PUT %s HTTP/1.1\r\n" H "Content-Length: %llu\r\n\r\n", path,
			(unsigned long long)size);
	assert_true(wire_say(s->fd, head));
	pthread_create(&s->thread, NULL, send_body, s);
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
		start_sending(&s, w, "/read", sizes[i / 2], i % 2);
		pthread_join(s.thread, NULL);
		assert_int_equal(wire_response(s.fd, text, sizeof(text)), 200);
		snprintf(expected, sizeof(expected), "\r\n\r\n%llu 0", (unsigned long long)sizes[i / 2]);
		assert_non_null(strstr(text, expected));
		assert_false(w->wrong);
		close(s.fd);
	}
}

static int read_some(struct world *w, size_t size)
{
	unsigned char *data = malloc(size);
	size_t got = 0;
	int r = http_request_read(w->req, data, size, &got);

	if (r == 0) {
		verify(w, data, got);
		w->received += got;
		r = (int)got;
	}
	free(data);
	return r;
}

static void a_slow_reader_gets_the_whole_body_in_bounded_memory(void **state)
{
	struct world *w = *state;
	struct sender s;
	char text[512];
	int r, waits = 0;
	long before = resident_kib();

	start_sending(&s, w, "/slow", BODY_MAX, false);
	assert_true(gate_wait(&w->arrived, 1));
	/* Reads on another thread than the server's, in odd pieces. */
	do {
		r = read_some(w, 77777);
		if (r == -EAGAIN) {
			http_request_on_readable(w->req, on_readable, w);
			assert_true(gate_wait(&w->readable, ++waits));
			r = 1;
		}
	} while (r > 0);
	assert_int_equal(r, 0);
	assert_int_equal(w->received, BODY_MAX);
	assert_false(w->wrong);
	answer_count(w);
	pthread_join(s.thread, NULL);
	assert_int_equal(wire_response(s.fd, text, sizeof(text)), 200);
	close(s.fd);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	assert_true(resident_kib() - before < 8 * 1024);
#else
	(void)before;
#endif
}

static void a_request_with_an_unread_body_can_be_refused(void **state)
{
	struct world *w = *state;
	struct sender s;

	/* Nothing reads the body: the sender must come to a halt, and the request can be given up. */
	start_sending(&s, w, "/slow", BODY_MAX, false);
	assert_true(gate_wait(&w->arrived, 1));
	http_request_on_readable(w->req, on_readable, w);
	assert_true(gate_wait(&w->readable, 1));
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
	int fd = connect_to(w);

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
		int fd = connect_to(w);

		assert_true(wire_say(fd,
			chunked ? "PUT /slow HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"
				: "PUT /slow HTTP/1.1\r\n" H "Content-Length: 10000000\r\n\r\nhello"));
		assert_true(gate_wait(&w->arrived, chunked + 1));
		/* The first bytes of the body are there, so the library is past the head. */
		http_request_on_readable(w->req, on_readable, w);
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
		int fd = connect_to(w);

		snprintf(head, sizeof(head), "PUT /slow HTTP/1.1\r\n" H "Expect: 100-continue\r\n%s\r\n\r\n",
			heads[i % 3]);
		assert_true(wire_say(fd, head));
		assert_true(gate_wait(&w->arrived, i + 1));
		if (i >= 3) {
			/* 100 comes first, and only now. */
			assert_int_equal(http_request_read(w->req, data, sizeof(data), &size), -EAGAIN);
			assert_int_equal(wire_response(fd, text, sizeof(text)), 100);
			http_request_on_readable(w->req, on_readable, w);
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
	int fd = connect_to(w);

	assert_true(wire_say(fd,
		"PUT /read HTTP/1.1\r\n" H
		"Content-Encoding: gzip\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"));
	assert_int_equal(wire_response(fd, text, sizeof(text)), 415);
	assert_non_null(strstr(text, "\r\nAccept-Encoding: identity\r\n"));
	assert_int_equal(w->received, 0);
	close(fd);
	fd = connect_to(w);
	assert_true(wire_say(fd,
		"PUT /read HTTP/1.1\r\n" H "Content-Encoding: Identity\r\nContent-Length: 5\r\n\r\nhello"
		"GET /chunked HTTP/1.1\r\n" H "Content-Encoding: gzip\r\n\r\n"));
	assert_int_equal(wire_response(fd, text, sizeof(text)), 200);
	assert_int_equal(wire_response(fd, text, sizeof(text)), 200);
	close(fd);
}

static void a_streamed_answer_is_complete_although_nobody_reads_the_body(void **state)
{
	struct world *w = *state;
	struct sender s;
	char text[1024];

	w->total = w->available = 100;
	start_sending(&s, w, "/both", 3 * MIB, true);
	pthread_join(s.thread, NULL);
	assert_true(s.sent);
	assert_int_equal(wire_response(s.fd, text, sizeof(text)), 200);
	assert_true(gate_wait(&w->done, 1));
	assert_true(w->complete);
	close(s.fd);
}

static void a_body_beyond_its_limit_gives_an_error_to_its_reader_or_413(void **state)
{
	struct world *w = *state;
	struct sender s;
	char text[1024];

	start_sending(&s, w, "/read", BODY_MAX + 1, true);
	assert_true(gate_wait(&w->readable, 1));
	assert_int_equal(w->read_error, -ERR_TOO_LARGE);
	assert_true(w->received >= BODY_MAX);
	(void)wire_response(s.fd, text, sizeof(text));
	pthread_join(s.thread, NULL);
	close(s.fd);
	/* A body with a length is refused before anything reads it. */
	w->received = 0;
	int fd = connect_to(w);
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
		int fd = connect_to(w);
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
		http_request_on_readable(w->req, on_readable, w);
		assert_true(gate_wait(&w->readable, i + 1));
		http_respond_error(w->req, -ECONNRESET, NULL);
		close(fd);
	}
}

static void answers_are_streamed_with_and_without_a_length(void **state)
{
	struct world *w = *state;
	unsigned char *data = malloc(9 * MIB);
	char text[1024];
	int fd = connect_to(w);

	w->total = w->available = 8 * MIB + 5;
	assert_true(wire_say(fd, "GET /stream HTTP/1.1\r\n" H "\r\n"));
	text[0] = '\0';
	for (size_t n = 0; !strstr(text, "\r\n\r\n"); text[++n] = '\0')
		assert_int_equal(wire_receive(fd, text + n, 1), 1);
	assert_non_null(strstr(text, "Content-Length: 8388613\r\n"));
	assert_int_equal(wire_receive(fd, data, 8 * MIB + 5), 8 * MIB + 5);
	w->next = 0;
	verify(w, data, 8 * MIB + 5);
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
	int fd = connect_to(w);

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
	int fd = connect_to(w);

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
	int fd = connect_to(w);

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
	fd = connect_to(w);
	w->total = w->available = 50;
	assert_true(wire_say(fd, "GET /stream?short=50 HTTP/1.1\r\n" H "\r\n"));
	assert_int_equal(wire_response(fd, text, sizeof(text)), 0);
	assert_true(gate_wait(&w->done, 2));
	assert_false(w->complete);
	close(fd);
	/* Chunked: the last chunk is missing. */
	fd = connect_to(w);
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
	int fd = connect_to(w);

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
	int fd = connect_to(w);

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
	fd = connect_to(w);
	assert_true(wire_say(fd, "GET /stream HTTP/1.1\r\n" H "\r\n"));
	assert_true(gate_wait(&w->pulled, 1));
	wire_reset(fd);
	assert_true(gate_wait(&w->done, 2));
	assert_false(w->complete);
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
		start_sending(&s, w, "/slow", size, false);
		pthread_join(s.thread, NULL);
		assert_true(s.sent);
		shutdown(s.fd, SHUT_WR);
		assert_true(gate_wait(&w->arrived, arrived + 1));
		read_on(w->req, w);
		assert_true(gate_wait(&w->readable, readable + 1));
		assert_int_equal(wire_response(s.fd, text, sizeof(text)), 200);
		snprintf(expected, sizeof(expected), "\r\n\r\n%llu 0", (unsigned long long)size);
		if (!strstr(text, expected) || w->wrong)
			fail_msg("%llu bytes: %s", (unsigned long long)size, text);
		close(s.fd);
	}
	assert_int_equal(gate_count(&w->aborted), 0);
}

static void a_stream_continues_for_a_half_closed_client(void **state)
{
	struct world *w = *state;
	char text[1024];
	int fd = connect_to(w), other = connect_to(w);

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
	int fd = connect_to(w);

	assert_true(wire_say(fd, "PUT /slow HTTP/1.1\r\n" H "Content-Length: 10\r\n\r\nhello"));
	assert_true(gate_wait(&w->arrived, 1));
	close(fd);
	assert_true(gate_wait(&w->aborted, 1));
	w->complete = true;
	http_respond_stream(w->req, 200, NULL, 10, &ops, w, &w->stream);
	assert_int_equal(gate_count(&w->done), 1);
	assert_false(w->complete);
}

static void stop_ends_streams_that_wait_for_data(void **state)
{
	struct world *w = *state;
	char text[256];
	int fd = connect_to(w);

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

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_streamed_body_of_any_size_is_read_completely),
		T(a_slow_reader_gets_the_whole_body_in_bounded_memory),
		T(a_request_with_an_unread_body_can_be_refused),
		T(an_answer_in_the_middle_of_a_short_body_keeps_the_connection),
		T(an_answer_in_the_middle_of_a_long_body_ends_the_connection),
		T(a_streamed_answer_is_complete_although_nobody_reads_the_body),
		T(a_body_beyond_its_limit_gives_an_error_to_its_reader_or_413),
		T(a_truncated_body_gives_econnreset_to_its_reader),
		T(a_body_is_read_to_its_end_after_its_sender_half_closed),
		T(a_stream_continues_for_a_half_closed_client),
		T(a_client_with_expect_gets_100_only_when_its_body_is_read),
		T(a_body_with_a_content_encoding_is_refused_before_it_is_sent),
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
