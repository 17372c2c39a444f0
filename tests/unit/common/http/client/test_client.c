#include "common/base/error.h"
#include "common/http/client/client.h"

#include "common/base/clock.h"
#include "common/http/server/server.h"
#include "tests/unit/common/http/script.h"
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
#include <unistd.h>
#include <cmocka.h>

#define MIB (1u << 20)

/* The client's peers: a server of ours for correct behaviour, and a scripted socket for incorrect behaviour. */
struct world {
	struct http_server *server;
	struct http_client *client;
	struct script script;
	char url[256];
	/* The outcome of a call. */
	struct gate done;
	struct http_response response; /* moved out of what done() was given */
	struct gate paused;
	struct gate arrived;
	struct http_request *held[64]; /* answered at the end of the test; guarded by lock */
	size_t held_count;
	uint64_t given, taken;
	uint64_t give_max, take_max; /* beyond these: -EAGAIN; guarded by lock */
	uint64_t size;
	int pull_error, data_error, head_error;
	unsigned heads;
	int head_status;
	int over; /* calls that have ended; guarded by lock */
	pthread_mutex_t lock;
};

static void on_echo(struct http_request *req, void *cookie)
{
	struct http_headers h;
	const char *type = http_request_header(req, "Content-Type");
	char text[512];

	(void)cookie;
	snprintf(text, sizeof(text), "%s|%s|%s|%s", http_request_method(req), http_request_target(req),
		type ? type : "-", http_request_header(req, "Expect") ? "expect" : "-");
	http_headers_init(&h);
	http_headers_add(&h, "Seen", text);
	http_headers_add(&h, "Twice", "1");
	http_headers_add(&h, "Twice", "2");
	http_respond(req, 200, &h, http_request_body(req));
	http_headers_fini(&h);
}

static void on_hold(struct http_request *req, void *cookie)
{
	struct world *w = cookie;

	pthread_mutex_lock(&w->lock);
	w->held[w->held_count++] = req;
	pthread_mutex_unlock(&w->lock);
	gate_open(&w->arrived);
}

static void read_on(struct http_request *req, void *cookie)
{
	static __thread unsigned char data[65536];
	uint64_t *count = http_request_data(req);
	size_t size = 0;
	char text[64];
	int r;

	while ((r = http_request_read(req, data, sizeof(data), &size)) == 0 && size)
		*count += size;
	if (r == -EAGAIN) {
		http_request_on_readable(req, read_on, cookie);
		return;
	}
	r = snprintf(text, sizeof(text), "%llu", (unsigned long long)*count);
	http_respond(req, 200, NULL, span_of(text, (size_t)r));
}

static void on_count(struct http_request *req, void *cookie)
{
	http_request_set_data(req, calloc(1, sizeof(uint64_t)), free);
	read_on(req, cookie);
}

static int pull_zeros(void *cookie, void *data, size_t size, size_t *ret_size)
{
	uint64_t *left = cookie;

	if (size > *left)
		size = (size_t)*left;
	memset(data, 0, size);
	*left -= size;
	*ret_size = size;
	return 0;
}

static void free_left(void *cookie, bool complete)
{
	(void)complete;
	free(cookie);
}

static const struct http_stream_ops zeros = {pull_zeros, free_left};

static void on_zeros(struct http_request *req, void *cookie)
{
	const char *size = http_request_query(req, "size");
	uint64_t *left = malloc(sizeof(*left));

	(void)cookie;
	*left = strtoull(size, NULL, 10);
	http_respond_stream(
		req, 200, NULL, http_request_query(req, "chunked") ? -1 : (int64_t)*left, &zeros, left, NULL);
}

static void on_refuse(struct http_request *req, void *cookie)
{
	(void)cookie;
	http_respond_error(req, -EDQUOT, NULL);
}

static const struct http_route routes[] = {
	{"GET", "/echo/{rest...}", .handler = on_echo, .internal = true},
	{"POST", "/echo", .body = HTTP_BODY_WHOLE, .body_max = 8 * MIB, .handler = on_echo, .internal = true},
	{"PUT", "/echo", .body = HTTP_BODY_WHOLE, .body_max = 8 * MIB, .handler = on_echo, .internal = true},
	{"DELETE", "/echo", .handler = on_echo, .internal = true},
	{"GET", "/hold", .handler = on_hold, .internal = true},
	{"PUT", "/count", .body = HTTP_BODY_STREAM, .body_max = 1ull << 40, .handler = on_count, .internal = true},
	{"PUT", "/refuse", .body = HTTP_BODY_STREAM, .body_max = 1ull << 40, .handler = on_refuse, .internal = true},
	{"GET", "/zeros", .handler = on_zeros, .internal = true},
	{0},
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	const struct http_server_options options = {.address = "127.0.0.1", .routes = routes, .cookie = w};

	gate_init(&w->done);
	gate_init(&w->paused);
	gate_init(&w->arrived);
	pthread_mutex_init(&w->lock, NULL);
	w->give_max = w->take_max = UINT64_MAX;
	*state = w;
	return http_server_start(&options, &w->server) || http_client_new(NULL, &w->client) ? -1 : 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	http_client_free(w->client);
	http_server_stop(w->server);
	for (size_t i = 0; i < w->held_count; i++)
		http_respond(w->held[i], 200, NULL, SPAN_LITERAL("late"));
	http_response_fini(&w->response);
	free(w);
	return 0;
}

static const char *url(struct world *w, const char *path)
{
	snprintf(w->url, sizeof(w->url), "http://127.0.0.1:%u%s",
		w->script.port ? w->script.port : http_server_port(w->server), path);
	return w->url;
}

static void done(void *cookie, struct http_response *response)
{
	struct world *w = cookie;

	pthread_mutex_lock(&w->lock);
	w->over++;
	pthread_mutex_unlock(&w->lock);
	http_response_fini(&w->response);
	w->response = *response;
	/* The response belongs to w now. */
	response->headers.count = 0;
	buf_init(&response->body, 0);
	gate_open(&w->paused); /* the call will not pause any more */
	gate_open(&w->done);
}

/* Every case runs both ways: blocking, and started with callbacks. */
static int call(struct world *w, bool blocking, const struct http_call_options *options)
{
	int seen = gate_count(&w->done);

	if (blocking) {
		http_response_fini(&w->response);
		return http_client_perform(w->client, options, w, &w->response);
	}
	assert_int_equal(http_client_start(w->client, options, w, done, NULL), 0);
	assert_true(gate_wait(&w->done, seen + 1));
	return w->response.error;
}

static const char *seen(const struct world *w)
{
	const char *text = http_headers_get(&w->response.headers, "Seen");

	return text ? text : "";
}

static void requests_are_sent_with_their_method_target_and_body(void **state)
{
	static const struct {
		const char *method, *path, *body, *seen;
	} cases[] = {
		{NULL, "/echo/", "", "GET|/echo/|-|-"},
		{"GET", "/echo/a%2eb?x=1&y=%20", "", "GET|/echo/a%2eb?x=1&y=%20|-|-"},
		{"POST", "/echo", "hello", "POST|/echo|-|-"},
		{"POST", "/echo", "", "POST|/echo|-|-"},
		{"PUT", "/echo", "", "PUT|/echo|-|-"},
		{"PUT", "/echo", "hello", "PUT|/echo|-|-"},
		{"DELETE", "/echo", "", "DELETE|/echo|-|-"},
		{"HEAD", "/echo/x", "", "HEAD|/echo/x|-|-"},
	};
	struct world *w = *state;

	for (size_t i = 0; i < 2 * sizeof(cases) / sizeof(cases[0]); i++) {
		const struct http_call_options o = {.method = cases[i / 2].method,
			.url = url(w, cases[i / 2].path),
			.body = span_str(cases[i / 2].body)};

		assert_int_equal(call(w, i % 2, &o), 0);
		assert_int_equal(w->response.status, 200);
		assert_true(w->response.connected && w->response.first_byte);
		assert_string_equal(seen(w), cases[i / 2].seen);
		assert_true(span_eq_str(buf_span(&w->response.body), cases[i / 2].body));
		assert_string_equal(http_headers_get(&w->response.headers, "twice"), "1");
	}
}

static void dot_segments_in_a_path_are_sent_unchanged(void **state)
{
	struct world *w = *state;

	for (int blocking = 0; blocking < 2; blocking++) {
		const struct http_call_options o = {.url = url(w, "/echo/../a")};

		assert_int_equal(call(w, blocking, &o), 0);
		assert_int_equal(w->response.status, 400);
	}
}

static void request_headers_are_sent_except_framing_headers(void **state)
{
	struct world *w = *state;
	struct http_headers h;

	http_headers_init(&h);
	http_headers_add(&h, "Content-Type", "text/odd");
	http_headers_add(&h, "Content-Length", "999");
	http_headers_add(&h, "Transfer-Encoding", "chunked");
	http_headers_add(&h, "Empty", "");
	for (int blocking = 0; blocking < 2; blocking++) {
		const struct http_call_options o = {
			.method = "POST", .url = url(w, "/echo"), .headers = &h, .body = span_str("abc")};

		assert_int_equal(call(w, blocking, &o), 0);
		assert_string_equal(seen(w), "POST|/echo|text/odd|-");
		assert_true(span_eq_str(buf_span(&w->response.body), "abc"));
	}
	http_headers_fini(&h);
}

static void a_body_of_5_mib_is_sent_and_received_unchanged(void **state)
{
	struct world *w = *state;
	char *body = malloc(5 * MIB);

	memset(body, 'x', 5 * MIB);
	for (int blocking = 0; blocking < 2; blocking++) {
		const struct http_call_options o = {
			.method = "PUT", .url = url(w, "/echo"), .body = span_of(body, 5 * MIB)};

		assert_int_equal(call(w, blocking, &o), 0);
		assert_int_equal(w->response.status, 200);
		assert_true(span_eq(buf_span(&w->response.body), o.body));
	}
	free(body);
}

static void a_response_beyond_its_limit_is_refused(void **state)
{
	struct world *w = *state;

	for (int blocking = 0; blocking < 2; blocking++) {
		struct http_call_options o = {.url = url(w, "/zeros?size=1001"), .response_max = 1000};

		assert_int_equal(call(w, blocking, &o), -E2BIG);
		assert_true(w->response.first_byte);
		o.url = url(w, "/zeros?size=1000");
		assert_int_equal(call(w, blocking, &o), 0);
		assert_int_equal(w->response.body.size, 1000);
	}
}

static void a_call_to_a_closed_port_or_unknown_host_fails_without_connecting(void **state)
{
	struct world *w = *state;
	uint16_t port;
	int fd = wire_listen(&port);

	close(fd);
	for (int blocking = 0; blocking < 2; blocking++) {
		snprintf(w->url, sizeof(w->url), "http://127.0.0.1:%u/", port);
		struct http_call_options o = {.url = w->url};
		assert_int_equal(call(w, blocking, &o), -ECONNREFUSED);
		assert_false(w->response.connected);
		assert_false(w->response.first_byte);
		assert_false(w->response.ours);
		o.url = "http://nowhere.invalid/";
		assert_int_equal(call(w, blocking, &o), -ERR_NO_SUCH_HOST);
		assert_false(w->response.connected);
		o.url = "ftp://127.0.0.1/";
		assert_int_equal(call(w, blocking, &o), -EINVAL);
	}
}

static void a_connection_closed_without_an_answer_gives_econnreset(void **state)
{
	static const char *const answers[] = {NULL};
	struct world *w = *state;

	for (int blocking = 0; blocking < 2; blocking++) {
		script_start(&w->script, answers, 1);
		const struct http_call_options o = {.method = "POST", .url = url(w, "/"), .body = span_str("x")};
		assert_int_equal(call(w, blocking, &o), -ECONNRESET);
		assert_true(w->response.connected);
		assert_false(w->response.first_byte);
		script_end(&w->script);
	}
}

#define OK_ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

static void only_repeatable_requests_are_retried_after_a_dead_connection(void **state)
{
	static const char *const answers[] = {OK_ANSWER, NULL, OK_ANSWER};
	struct http_headers key;
	struct world *w = *state;

	http_headers_init(&key);
	http_headers_add(&key, "Idempotency-Key", "k");
	for (int i = 0; i < 8; i++) {
		static const char *const methods[] = {"GET", "POST", "POST", "DELETE"};
		bool repeatable = i / 2 == 0 || i / 2 == 1;

		script_start(&w->script, answers, repeatable ? 3 : 2);
		struct http_call_options o = {.method = "GET", .url = url(w, "/")};
		assert_int_equal(call(w, i % 2, &o), 0);
		o.method = methods[i / 2];
		o.headers = i / 2 == 1 ? &key : NULL;
		o.body = span_str(i / 2 == 0 ? "" : "x");
		assert_int_equal(call(w, i % 2, &o), repeatable ? 0 : -ECONNRESET);
		assert_true(w->response.connected);
		assert_int_equal(w->response.first_byte, repeatable);
		script_end(&w->script);
		assert_int_equal(w->script.requests, repeatable ? 3 : 2);
	}
	http_headers_fini(&key);
}

static int pull_some(void *cookie, void *data, size_t size, size_t *ret_size)
{
	struct world *w = cookie;
	int r = 0;

	pthread_mutex_lock(&w->lock);
	if (size > w->size - w->given)
		size = (size_t)(w->size - w->given);
	if (size > w->give_max - w->given)
		size = (size_t)(w->give_max - w->given);
	if (w->given < w->size && size == 0)
		r = w->pull_error ? w->pull_error : -EAGAIN;
	w->given += size;
	pthread_mutex_unlock(&w->lock);
	if (r == -EAGAIN)
		gate_open(&w->paused);
	if (r == 0) {
		memset(data, 0, size);
		*ret_size = size;
	}
	return r;
}

static void a_pulled_body_is_never_sent_twice(void **state)
{
	static const char *const answers[] = {OK_ANSWER, NULL, OK_ANSWER};
	struct http_headers key;
	struct world *w = *state;

	http_headers_init(&key);
	http_headers_add(&key, "Idempotency-Key", "k");
	for (int blocking = 0; blocking < 2; blocking++) {
		w->given = 0;
		w->size = 100;
		script_start(&w->script, answers, 2);
		const struct http_call_options o = {
			.method = "PUT", .url = url(w, "/"), .headers = &key, .pull = pull_some, .body_length = 100};
		assert_int_equal(call(w, blocking, &o), 0); /* leaves a connection for the next call */
		w->given = 0;
		assert_int_equal(call(w, blocking, &o), -ECONNRESET);
		assert_true(w->response.connected);
		assert_false(w->response.first_byte);
		assert_int_equal(w->given, 100);
		script_end(&w->script);
	}
	http_headers_fini(&key);
}

static void a_truncated_answer_gives_econnreset_after_the_first_byte(void **state)
{
	static const char *const answers[] = {"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nCUT"};
	static const char *const chunked[] = {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nCUT\r\n"};
	static const char *const head[] = {"HTTP/1.1 200 OK\r\nCUT: x\r\n"};
	struct world *w = *state;

	for (int i = 0; i < 6; i++) {
		script_start(&w->script, i / 2 == 0 ? answers : i / 2 == 1 ? chunked : head, 1);
		const struct http_call_options o = {.url = url(w, "/")};
		assert_int_equal(call(w, i % 2, &o), -ECONNRESET);
		assert_true(w->response.first_byte);
		script_end(&w->script);
	}
}

static void a_malformed_answer_gives_eproto_or_econnreset(void **state)
{
	static const char *const answers[][1] = {{"SSH-2.0-CUT\r\n\r\n"}, {"HTTP/1.1 2000 CUT\r\n\r\n"},
		{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nCUT\r\n"}};
	struct world *w = *state;

	for (int i = 0; i < 6; i++) {
		script_start(&w->script, answers[i / 2], 1);
		const struct http_call_options o = {.url = url(w, "/")};
		int r = call(w, i % 2, &o);
		assert_true(r == -EPROTO || r == -ECONNRESET);
		script_end(&w->script);
	}
}

static void a_deadline_or_a_stall_limit_ends_an_unanswered_call(void **state)
{
	static const char *const answers[] = {""};
	struct world *w = *state;

	for (int i = 0; i < 4; i++) {
		script_start(&w->script, answers, 1);
		const struct http_call_options o = {
			.url = url(w, "/"), .deadline_ms = i / 2 ? 0 : 50, .stall_ms = i / 2 ? 50 : 0};
		assert_int_equal(call(w, i % 2, &o), -ETIMEDOUT);
		assert_true(w->response.connected);
		assert_false(w->response.first_byte);
		script_end(&w->script);
	}
}

static void a_cancelled_call_ends_once_with_ecanceled(void **state)
{
	struct world *w = *state;
	const struct http_call_options o = {.url = url(w, "/hold")};
	struct http_call *started = NULL;

	assert_int_equal(http_client_start(w->client, &o, w, done, &started), 0);
	assert_true(gate_wait(&w->arrived, 1));
	http_call_resume(started);
	http_call_cancel(started);
	assert_true(gate_wait(&w->done, 1));
	assert_int_equal(w->response.error, -ECANCELED);
	/* These calls are cancelled before the client's thread has looked at them. */
	for (int i = 0; i < 50; i++) {
		assert_int_equal(http_client_start(w->client, &o, w, done, &started), 0);
		http_call_cancel(started);
		assert_true(gate_wait(&w->done, 2 + i));
		assert_int_equal(w->response.error, -ECANCELED);
	}
}

/* Tries to start another call when its own one is cancelled. */
static void stubborn(void *cookie, struct http_response *response)
{
	struct world *w = cookie;
	const struct http_call_options o = {.url = w->url};

	if (response->error == -ECANCELED && http_client_start(w->client, &o, w, done, NULL) == -ECANCELED)
		w->heads++;
}

static void freeing_the_client_cancels_all_calls_under_way(void **state)
{
	struct world *w = *state;
	const struct http_call_options o = {.url = url(w, "/hold")};

	for (int i = 0; i < 3; i++)
		assert_int_equal(http_client_start(w->client, &o, w, done, NULL), 0);
	assert_int_equal(http_client_start(w->client, &o, w, stubborn, NULL), 0);
	assert_true(gate_wait(&w->arrived, 1));
	http_client_free(w->client);
	w->client = NULL;
	assert_int_equal(gate_count(&w->done), 3);
	assert_int_equal(w->heads, 1);
	assert_int_equal(w->response.error, -ECANCELED);
	http_server_stop(w->server);
	w->server = NULL;
}

static int on_head(void *cookie, const struct http_response *head)
{
	struct world *w = cookie;

	w->heads++;
	w->head_status = head->status;
	return w->head_error;
}

static int on_data(void *cookie, const void *data, size_t size)
{
	struct world *w = cookie;
	int r = w->data_error;

	(void)data;
	pthread_mutex_lock(&w->lock);
	if (!r && w->taken + size > w->take_max)
		r = -EAGAIN;
	if (!r)
		w->taken += size;
	pthread_mutex_unlock(&w->lock);
	if (r == -EAGAIN)
		gate_open(&w->paused);
	return r;
}

static void bodies_are_streamed_in_both_directions(void **state)
{
	struct world *w = *state;

	for (int i = 0; i < 4; i++) {
		struct http_call_options o = {.method = "PUT", .url = url(w, "/count"), .pull = pull_some};

		w->size = 20 * MIB + 3;
		w->given = w->taken = w->heads = 0;
		o.body_length = i / 2 ? -1 : (int64_t)w->size;
		assert_int_equal(call(w, i % 2, &o), 0);
		assert_true(span_eq_str(buf_span(&w->response.body), "20971523"));
		o = (struct http_call_options){
			.url = url(w, i / 2 ? "/zeros?chunked&size=20971523" : "/zeros?size=20971523"),
			.on_head = on_head,
			.on_data = on_data};
		assert_int_equal(call(w, i % 2, &o), 0);
		assert_int_equal(w->taken, w->size);
		assert_int_equal(w->heads, 1);
		assert_int_equal(w->head_status, 200);
	}
}

/* A call may be resumed only until it ends: `over` says how many calls had ended when this one began. */
static void raise_limit(struct world *w, uint64_t *limit, uint64_t by, struct http_call *paused, int over)
{
	pthread_mutex_lock(&w->lock);
	*limit += by;
	if (w->over == over)
		http_call_resume(paused);
	pthread_mutex_unlock(&w->lock);
}

static void a_paused_call_continues_when_it_is_resumed(void **state)
{
	struct world *w = *state;
	struct http_call *started = NULL;
	struct http_call_options o = {.method = "PUT", .url = url(w, "/count"), .pull = pull_some, .body_length = 50};

	w->size = 50;
	w->give_max = 0;
	assert_int_equal(http_client_start(w->client, &o, w, done, &started), 0);
	for (int i = 0; i < 50; i++) {
		assert_true(gate_wait(&w->paused, i + 1));
		raise_limit(w, &w->give_max, 1, started, 0);
	}
	assert_true(gate_wait(&w->done, 1));
	assert_int_equal(w->response.error, 0);
	assert_true(span_eq_str(buf_span(&w->response.body), "50"));

	o = (struct http_call_options){.url = url(w, "/zeros?size=10485760"), .on_data = on_data, .stall_ms = 20000};
	w->take_max = 0;
	int pauses = gate_count(&w->paused);
	assert_int_equal(http_client_start(w->client, &o, w, done, &started), 0);
	for (int i = 0; gate_count(&w->done) < 2; i++) {
		if (!gate_wait(&w->paused, pauses + i + 1))
			break;
		raise_limit(w, &w->take_max, MIB, started, 1);
		if (w->take_max >= 10 * MIB)
			break; /* all of the body may come now: there need not be another pause */
	}
	assert_true(gate_wait(&w->done, 2));
	assert_int_equal(w->response.error, 0);
	assert_int_equal(w->taken, 10485760);
}

static void a_failing_callback_ends_the_call_with_its_error(void **state)
{
	struct world *w = *state;

	for (int blocking = 0; blocking < 2; blocking++) {
		struct http_call_options o = {
			.url = url(w, "/zeros?size=1000"), .on_head = on_head, .on_data = on_data};

		w->head_error = -EBADMSG;
		assert_int_equal(call(w, blocking, &o), -EBADMSG);
		assert_true(w->response.ours);
		w->head_error = 0;
		w->data_error = -ENOSPC;
		assert_int_equal(call(w, blocking, &o), -ENOSPC);
		assert_true(w->response.ours);
		w->data_error = 0;
		o = (struct http_call_options){
			.method = "PUT", .url = url(w, "/count"), .pull = pull_some, .body_length = 100};
		w->given = 0;
		w->size = 100;
		w->give_max = 10;
		w->pull_error = -EIO;
		assert_int_equal(call(w, blocking, &o), -EIO);
		assert_true(w->response.ours);
		/* The pull ends before the length that was promised. */
		w->pull_error = 0;
		w->given = 0;
		w->give_max = UINT64_MAX;
		w->size = 50;
		assert_int_equal(call(w, blocking, &o), -EPROTO);
	}
}

static void a_refusal_in_the_middle_of_an_upload_is_returned_as_the_answer(void **state)
{
	struct world *w = *state;

	for (int i = 0; i < 4; i++) {
		const struct http_call_options o = {.method = "PUT",
			.url = url(w, "/refuse"),
			.pull = pull_some,
			.body_length = i / 2 ? -1 : (int64_t)(300ull * MIB)};

		w->given = 0;
		w->size = 300ull * MIB;
		assert_int_equal(call(w, i % 2, &o), 0);
		assert_int_equal(w->response.status, 507);
		assert_true(w->given < w->size);
	}
}

/* Starts the next call from the callback that ends the last one. */
static void chain(void *cookie, struct http_response *response)
{
	struct world *w = cookie;
	const struct http_call_options o = {.url = w->url};

	if (response->error || response->status != 200 || ++w->heads == 100) {
		done(cookie, response);
		return;
	}
	if (http_client_start(w->client, &o, w, chain, NULL))
		done(cookie, response);
}

static void a_call_can_be_started_from_the_callback_that_ends_another(void **state)
{
	struct world *w = *state;
	const struct http_call_options o = {.url = url(w, "/echo/")};

	assert_int_equal(http_client_start(w->client, &o, w, chain, NULL), 0);
	assert_true(gate_wait(&w->done, 1));
	assert_int_equal(w->response.error, 0);
	assert_int_equal(w->heads, 100);
}

static void *perform_many(void *cookie)
{
	struct world *w = cookie;
	char address[64];
	long failed = 0;

	snprintf(address, sizeof(address), "http://127.0.0.1:%u/echo/", http_server_port(w->server));
	for (int i = 0; i < 200; i++) {
		const struct http_call_options o = {.url = address};
		struct http_response r;

		failed += http_client_perform(w->client, &o, NULL, &r) != 0 || r.status != 200;
		http_response_fini(&r);
	}
	return (void *)failed;
}

static void several_threads_can_share_a_client(void **state)
{
	struct world *w = *state;
	const struct http_call_options o = {.url = url(w, "/echo/")};
	pthread_t threads[4];
	void *failed;

	for (int i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, perform_many, w);
	for (int i = 0; i < 200; i++)
		assert_int_equal(http_client_start(w->client, &o, w, done, NULL), 0);
	assert_true(gate_wait(&w->done, 200));
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], &failed);
		assert_null(failed);
	}
}

static int head_under_lock(void *cookie, const struct http_response *head)
{
	struct world *w = cookie;

	pthread_mutex_lock(&w->lock);
	w->heads++;
	w->head_status = head->status;
	pthread_mutex_unlock(&w->lock);
	return 0;
}

static int data_under_lock(void *cookie, const void *data, size_t size)
{
	struct world *w = cookie;

	(void)data;
	pthread_mutex_lock(&w->lock);
	w->taken += size;
	pthread_mutex_unlock(&w->lock);
	return 0;
}

/* The thread that starts a lone call also sends it, and the answer may come before http_client_start has returned. */
static void a_call_can_be_started_under_a_lock_that_its_callbacks_take(void **state)
{
	enum { CALLS = 500 };
	struct world *w = *state;
	const struct http_call_options o = {
		.url = url(w, "/zeros?size=100"), .on_head = head_under_lock, .on_data = data_under_lock};

	for (int i = 0; i < CALLS; i++) {
		pthread_mutex_lock(&w->lock);
		assert_int_equal(http_client_start(w->client, &o, w, done, NULL), 0);
		pthread_mutex_unlock(&w->lock);
		assert_true(gate_wait(&w->done, i + 1));
		assert_int_equal(w->response.error, 0);
	}
	assert_int_equal(w->heads, CALLS);
	assert_int_equal(w->taken, CALLS * 100);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(requests_are_sent_with_their_method_target_and_body),
		T(dot_segments_in_a_path_are_sent_unchanged),
		T(request_headers_are_sent_except_framing_headers),
		T(a_body_of_5_mib_is_sent_and_received_unchanged),
		T(a_response_beyond_its_limit_is_refused),
		T(a_call_to_a_closed_port_or_unknown_host_fails_without_connecting),
		T(a_connection_closed_without_an_answer_gives_econnreset),
		T(only_repeatable_requests_are_retried_after_a_dead_connection),
		T(a_pulled_body_is_never_sent_twice),
		T(a_truncated_answer_gives_econnreset_after_the_first_byte),
		T(a_malformed_answer_gives_eproto_or_econnreset),
		T(a_deadline_or_a_stall_limit_ends_an_unanswered_call),
		T(a_cancelled_call_ends_once_with_ecanceled),
		T(freeing_the_client_cancels_all_calls_under_way),
		T(bodies_are_streamed_in_both_directions),
		T(a_paused_call_continues_when_it_is_resumed),
		T(a_failing_callback_ends_the_call_with_its_error),
		T(a_refusal_in_the_middle_of_an_upload_is_returned_as_the_answer),
		T(a_call_can_be_started_from_the_callback_that_ends_another),
		T(several_threads_can_share_a_client),
		T(a_call_can_be_started_under_a_lock_that_its_callbacks_take),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
