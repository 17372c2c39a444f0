#include "tests/unit/common/http/server/stream_world.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

static unsigned char step(unsigned char c)
{
	return (unsigned char)(c * 5 + 3);
}

static void fill(struct world *w, unsigned char *data, size_t size)
{
	for (size_t i = 0; i < size; i++, w->next = step(w->next))
		data[i] = w->next;
}

void world_verify(struct world *w, const unsigned char *data, size_t size)
{
	for (size_t i = 0; i < size; i++, w->next = step(w->next))
		w->wrong |= data[i] != w->next;
}

void world_answer_count(struct world *w)
{
	char text[64];
	int size = snprintf(text, sizeof(text), "%llu %d", (unsigned long long)w->received, w->read_error);

	http_respond(w->req, 200, NULL, span_of(text, (size_t)size));
}

void world_read_on(struct http_request *req, void *cookie)
{
	struct world *w = cookie;
	unsigned char data[10000];
	size_t size = 0;
	int r;

	while ((r = http_request_read(req, data, sizeof(data), &size)) == 0 && size > 0) {
		world_verify(w, data, size);
		w->received += size;
	}
	if (r == -EAGAIN) {
		http_request_on_readable(req, world_read_on, w);
		return;
	}
	w->read_error = r;
	world_answer_count(w);
	gate_open(&w->readable);
}

static void on_read(struct http_request *req, void *cookie)
{
	struct world *w = cookie;

	w->req = req;
	world_read_on(req, w);
}

void world_on_readable(struct http_request *req, void *cookie)
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

const struct http_stream_ops world_stream_ops = {pull, done};

static void send_stream(struct http_request *req, void *cookie, bool chunked)
{
	struct world *w = cookie;
	const char *short_by = http_request_query(req, "short");
	int64_t length = chunked ? -1 : (int64_t)(w->total + (short_by ? strtoull(short_by, NULL, 10) : 0));

	w->req = req;
	http_respond_stream(req, 200, NULL, length, &world_stream_ops, w, &w->stream);
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

int world_setup(void **state)
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

int world_teardown(void **state)
{
	struct world *w = *state;

	http_server_stop(w->server);
	free(w);
	return 0;
}

int world_connect(const struct world *w)
{
	return wire_connect(http_server_port(w->server));
}

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
		if (s->sent)
			s->taken += size;
		left -= size;
	}
	if (s->chunked && s->sent)
		s->sent = wire_say(s->fd, "0\r\n\r\n");
	free(block);
	return NULL;
}

void sender_start(struct sender *s, const struct world *w, const char *path, uint64_t size, bool chunked)
{
	char head[256];

	*s = (struct sender){.fd = world_connect(w), .size = size, .chunked = chunked};
	if (chunked)
		snprintf(head, sizeof(head), "PUT %s HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n", path);
	else
		snprintf(head, sizeof(head), "PUT %s HTTP/1.1\r\n" H "Content-Length: %llu\r\n\r\n", path,
			(unsigned long long)size);
	assert_true(wire_say(s->fd, head));
	pthread_create(&s->thread, NULL, send_body, s);
}
