#include "tests/unit/gateway/service.h"

#include "common/base/clock.h"
#include "common/base/cond.h"
#include "common/base/error.h"
#include "common/ring/placement.h"
#include "common/ring/ring_message.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <xxhash.h>

#include <cmocka.h>

static const uint8_t KEY[32] = {1, 2, 3};

/* ---- answers ---- */

static void answer_text(struct http_request *req, int status, const char *text)
{
	http_respond(req, status, NULL, span_str(text));
}

static void handle_authenticate(struct http_request *req, void *cookie)
{
	struct service *s = cookie;
	struct span body = http_request_body(req);
	pthread_mutex_lock(&s->lock);
	bool gone = s->gone_anna;
	pthread_mutex_unlock(&s->lock);
	gate_open(&s->asked);
	if (span_eq_str(body, "{\"token\":\"anna\"}") && !gone)
		answer_text(req, 200,
			"{\"user\":{\"id\":\"5\",\"name\":\"anna \\u00e4\",\"admin\":false},\"token_id\":\"s12\"}");
	else if (span_eq_str(body, "{\"token\":\"root\"}"))
		answer_text(req, 200, "{\"user\":{\"id\":\"1\",\"name\":\"root\",\"admin\":true},\"token_id\":\"k1\"}");
	else if (span_eq_str(body, "{\"token\":\"nonsense\"}"))
		answer_text(req, 200, "{\"user\":[");
	else
		http_respond_error(req, -ERR_UNAUTHENTICATED, NULL);
}

static void handle_ring(struct http_request *req, void *cookie)
{
	struct service *s = cookie;
	struct ring_message_call message;
	struct buf text;
	bool lease = false;

	if (ring_message_read_call(http_request_body(req), &message) < 0) {
		http_respond_error(req, -ERR_BAD_REQUEST, NULL);
		return;
	}
	buf_init(&text, RING_MESSAGE_BYTES_MAX);
	pthread_mutex_lock(&s->lock);
	if (s->ring_nonsense)
		(void)buf_append_str(&text, s->ring_nonsense);
	else if (membership_hear(&s->book, &message.call, &lease) == 0)
		(void)ring_message_write_answer(&s->book, lease, &text);
	pthread_mutex_unlock(&s->lock);
	http_respond(req, 200, NULL, buf_span(&text));
	buf_fini(&text);
	ring_message_call_fini(&message);
}

static void handle_ring_look(struct http_request *req, void *cookie)
{
	struct service *s = cookie;
	struct buf text;

	buf_init(&text, RING_MESSAGE_BYTES_MAX);
	pthread_mutex_lock(&s->lock);
	if (s->ring_nonsense)
		(void)buf_append_str(&text, s->ring_nonsense);
	else
		(void)ring_message_write_answer(&s->book, false, &text);
	pthread_mutex_unlock(&s->lock);
	http_respond(req, 200, NULL, buf_span(&text));
	buf_fini(&text);
}

void service_answer_ring(struct service *s, const char *nonsense)
{
	pthread_mutex_lock(&s->lock);
	s->ring_nonsense = nonsense;
	pthread_mutex_unlock(&s->lock);
}

size_t service_ring_members(struct service *s)
{
	size_t members = 0;

	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < s->book.count; i++)
		members += s->book.list[i].member;
	pthread_mutex_unlock(&s->lock);
	return members;
}

static void append_field(const char *name, const char *value, void *cookie)
{
	(void)buf_printf(cookie, "%s: %s\n", name, value);
}

static void handle_echo(struct http_request *req, void *cookie)
{
	struct buf text;
	(void)cookie;
	buf_init(&text, 1u << 24);
	(void)buf_printf(&text, "%s %s\n", http_request_method(req), http_request_target(req));
	http_request_each_header(req, append_field, &text);
	(void)buf_printf(&text, "\n");
	(void)buf_append(&text, http_request_body(req).data, http_request_body(req).size);
	http_respond(req, 200, NULL, buf_span(&text));
	buf_fini(&text);
}

static void handle_drive(struct http_request *req, void *cookie)
{
	struct service *s = cookie;

	if (!service_drive_answer(&s->drive, req))
		handle_echo(req, s);
}

static void handle_claim(struct http_request *req, void *cookie)
{
	service_drive_claim(&((struct service *)cookie)->drive, req);
}

static void handle_journal(struct http_request *req, void *cookie)
{
	service_drive_journal(&((struct service *)cookie)->drive, req);
}

static void handle_block(struct http_request *req, void *cookie)
{
	service_content_block(&((struct service *)cookie)->drive.content, req);
}

static void handle_first_drive(struct http_request *req, void *cookie)
{
	service_drive_first(&((struct service *)cookie)->drive, req);
}

static void handle_code(struct http_request *req, void *cookie)
{
	struct http_headers headers;
	(void)cookie;
	http_headers_init(&headers);
	(void)http_headers_add(&headers, "ETag", "\"e\"");
	int status = (int)strtol(http_request_param(req, "status").data, NULL, 10);
	if (status == 304)
		http_respond_length(req, status, &headers, 77);
	else
		http_respond(req, status, &headers, span_of(NULL, 0));
	http_headers_fini(&headers);
}

static void on_gone(struct http_request *req, void *cookie)
{
	struct service *s = cookie;
	(void)req;
	gate_open(&s->gone);
}

static void handle_hold(struct http_request *req, void *cookie)
{
	struct service *s = cookie;
	http_request_on_abort(req, on_gone, s);
	pthread_mutex_lock(&s->lock);
	s->held[s->held_count++] = req;
	pthread_mutex_unlock(&s->lock);
	gate_open(&s->came);
}

/* ---- streams ---- */

struct outflow {
	struct service *service;
	struct http_request *req;
	uint64_t left;
	bool waits; /* for service_release */
	uint64_t counted;
};

static int outflow_pull(void *cookie, void *data, size_t size, size_t *ret_size)
{
	struct outflow *o = cookie;
	pthread_mutex_lock(&o->service->lock);
	bool waits = o->waits && !o->service->released;
	pthread_mutex_unlock(&o->service->lock);
	if (o->left == 0 && waits)
		return -EAGAIN;
	size = size < o->left ? size : o->left;
	memset(data, 'x', size);
	o->left -= size;
	*ret_size = size;
	return 0;
}

static void outflow_done(void *cookie, bool complete)
{
	struct outflow *o = cookie;
	struct service *s = o->service;
	(void)complete;
	pthread_mutex_lock(&s->lock);
	s->stream_count = 0;
	pthread_mutex_unlock(&s->lock);
	gate_open(&s->closed);
	free(o);
}

static const struct http_stream_ops OUTFLOW = {.pull = outflow_pull, .done = outflow_done};

static void flow_out(struct http_request *req, struct service *s, uint64_t bytes, int64_t length)
{
	struct outflow *o = calloc(1, sizeof(*o));
	*o = (struct outflow){.service = s, .left = bytes, .waits = length < 0};
	gate_open(&s->came);
	pthread_mutex_lock(&s->lock);
	struct http_stream **stream = &s->streams[s->stream_count++];
	pthread_mutex_unlock(&s->lock);
	http_respond_stream(req, 200, NULL, length, &OUTFLOW, o, stream);
}

static void handle_flood(struct http_request *req, void *cookie)
{
	uint64_t bytes = strtoull(http_request_param(req, "bytes").data, NULL, 10);
	flow_out(req, cookie, bytes, (int64_t)bytes);
}

static void handle_chunked(struct http_request *req, void *cookie)
{
	struct service *s = cookie;
	pthread_mutex_lock(&s->lock);
	s->released = true;
	pthread_mutex_unlock(&s->lock);
	flow_out(req, s, strtoull(http_request_param(req, "bytes").data, NULL, 10), -1);
}

static void handle_events(struct http_request *req, void *cookie)
{
	flow_out(req, cookie, 10, -1);
}

static void handle_silent(struct http_request *req, void *cookie)
{
	flow_out(req, cookie, 0, -1);
}

static void read_sink(struct http_request *req, void *cookie)
{
	struct outflow *o = cookie;
	char data[65536], text[32];
	size_t size = 1;
	int error = 0;
	while (error == 0 && size > 0) {
		error = http_request_read(req, data, sizeof(data), &size);
		o->counted += error == 0 ? size : 0;
	}
	if (error == -EAGAIN) {
		http_request_on_readable(req, read_sink, o);
		return;
	}
	(void)snprintf(text, sizeof(text), "%llu", (unsigned long long)o->counted);
	gate_open(&o->service->closed);
	free(o);
	if (error < 0)
		http_respond_error(req, error, NULL);
	else
		answer_text(req, 200, text);
}

static void handle_sink(struct http_request *req, void *cookie)
{
	struct outflow *o = calloc(1, sizeof(*o));
	o->service = cookie;
	gate_open(&o->service->came);
	read_sink(req, o);
}

static void handle_refuse(struct http_request *req, void *cookie)
{
	(void)cookie;
	http_respond_error(req, -EFBIG, NULL);
}

/* NOLINTBEGIN(bugprone-macro-parentheses): the arguments are initialisers */
#define ROW(method_, pattern_, body_, handler_)                                                                     \
	{                                                                                                           \
		.method = method_, .pattern = pattern_, .body = body_, .body_max = 1ull << 40, .handler = handler_, \
		.internal = true, .conditional = true, .rest_may_end_in_slash = true, .open = true                  \
	}
/* NOLINTEND(bugprone-macro-parentheses) */
#define ALL(pattern_, handler_)                                                                           \
	ROW("GET", pattern_, HTTP_BODY_WHOLE, handler_), ROW("PUT", pattern_, HTTP_BODY_WHOLE, handler_), \
		ROW("POST", pattern_, HTTP_BODY_WHOLE, handler_), ROW("DELETE", pattern_, HTTP_BODY_WHOLE, handler_)
#define ECHO(pattern_) ALL(pattern_, handle_echo)

static const struct http_route ROUTES[] = {
	ROW("POST", "/internal/v1/authenticate", HTTP_BODY_WHOLE, handle_authenticate),
	ROW("POST", "/internal/v1/ring", HTTP_BODY_WHOLE, handle_ring),
	ROW("GET", "/internal/v1/ring", HTTP_BODY_NONE, handle_ring_look),
	ECHO("/api/v2/docs/echo/{rest...}"),
	ALL("/api/v2/docs/drives/{rest...}", handle_drive),
	ROW("POST", "/internal/v1/ring/claims", HTTP_BODY_WHOLE, handle_claim),
	ROW("GET", "/internal/v1/blocks/{sha256}", HTTP_BODY_NONE, handle_block),
	ROW("GET", "/internal/v1/ring/journal", HTTP_BODY_NONE, handle_journal),
	ROW("GET", "/internal/v1/ring/home", HTTP_BODY_NONE, handle_first_drive),
	ECHO("/api/v2/user/{rest...}"),
	ECHO("/api/v1/user/{rest...}"),
	ROW("GET", "/api/v2/docs/code/{status}", HTTP_BODY_NONE, handle_code),
	ROW("GET", "/api/v2/docs/hold", HTTP_BODY_NONE, handle_hold),
	ROW("POST", "/api/v2/docs/hold", HTTP_BODY_WHOLE, handle_hold),
	ROW("DELETE", "/api/v2/user/hold", HTTP_BODY_NONE, handle_hold),
	ROW("GET", "/api/v2/docs/flood/{bytes}", HTTP_BODY_NONE, handle_flood),
	ROW("GET", "/api/v2/docs/flood-chunked/{bytes}", HTTP_BODY_NONE, handle_chunked),
	ROW("GET", "/api/v2/docs/events", HTTP_BODY_NONE, handle_events),
	ROW("GET", "/api/v2/docs/silent", HTTP_BODY_NONE, handle_silent),
	ROW("PUT", "/api/v2/docs/sink", HTTP_BODY_STREAM, handle_sink),
	ROW("PUT", "/api/v2/docs/refuse", HTTP_BODY_STREAM, handle_refuse),
	{0},
};

void service_start(struct service *s)
{
	*s = (struct service){0};
	gate_init(&s->came);
	gate_init(&s->gone);
	gate_init(&s->asked);
	gate_init(&s->closed);
	pthread_mutex_init(&s->lock, NULL);
	service_drive_init(&s->drive);
	const struct http_server_options options = {.address = "127.0.0.1", .routes = ROUTES, .cookie = s};
	assert_int_equal(http_server_start(&options, &s->server), 0);
	(void)snprintf(s->url, sizeof(s->url), "http://127.0.0.1:%u", http_server_port(s->server));
}

void service_hold(struct service *s)
{
	pthread_mutex_lock(&s->lock);
	s->released = false;
	pthread_mutex_unlock(&s->lock);
}

void service_release(struct service *s)
{
	pthread_mutex_lock(&s->lock);
	s->released = true;
	size_t count = s->held_count;
	s->held_count = 0;
	for (size_t i = 0; i < s->stream_count; i++)
		http_stream_wake(s->streams[i]);
	pthread_mutex_unlock(&s->lock);
	for (size_t i = 0; i < count; i++)
		answer_text(s->held[i], 200, "released");
}

void service_end_anna(struct service *s, bool gone)
{
	pthread_mutex_lock(&s->lock);
	s->gone_anna = gone;
	pthread_mutex_unlock(&s->lock);
}

void service_stop(struct service *s)
{
	service_release(s);
	http_server_stop(s->server);
	s->server = NULL;
}

/* ---- front ---- */

int front_come_as(struct front *f, const char *kind, const char *name)
{
	const uint16_t port = (uint16_t)strtoul(strrchr(gateway_hop_url(f->gateway), ':') + 1, NULL, 10);
	struct sockaddr_in at = {
		.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct endpoint_address address = {.size = sizeof(at), .type = SOCK_STREAM};
	struct door *door;
	struct dial *dial;

	if (!kind)
		return wire_connect(port);
	memcpy(&address.name, &at, sizeof(at));
	assert_int_equal(door_new(f->cluster, kind, name, NULL, &door), 0);
	assert_int_equal(dial_new(&address, door_greeter(door), "gateway/g/", &dial), 0);
	assert_int_equal(dial_wait(dial, clock_mono_ns() + WIRE_TIMEOUT_S * NS_PER_S), 0);
	const int fd = dial_take(dial);
	dial_free(dial);
	door_free(door);
	assert_int_equal(fcntl(fd, F_SETFL, 0), 0);
	return fd;
}

int front_greet(struct front *f)
{
	struct sockaddr_in name = {
		.sin_family = AF_INET, .sin_port = htons(f->internal), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct endpoint_address address = {.size = sizeof(name), .type = SOCK_STREAM};
	struct dial *dial;
	memcpy(&address.name, &name, sizeof(name));
	assert_int_equal(dial_new(&address, door_greeter(f->door), "gateway/", &dial), 0);
	assert_int_equal(dial_wait(dial, clock_mono_ns() + WIRE_TIMEOUT_S * NS_PER_S), 0);
	int fd = dial_take(dial);
	dial_free(dial);
	assert_int_equal(fcntl(fd, F_SETFL, 0), 0);
	return fd;
}

int front_tell(struct front *f, const char *line, const char *body, char *text, size_t size)
{
	char request[4096];
	(void)snprintf(request, sizeof(request), "%s HTTP/1.1\r\nHost: g\r\nContent-Length: %zu\r\n\r\n%s", line,
		strlen(body), body);
	int fd = front_greet(f);
	wire_say(fd, request);
	int status = wire_response(fd, text, size);
	close(fd);
	return status;
}

void front_register(struct front *f, enum registry_kind kind, const char *name, const char *url)
{
	char body[320], text[8192];
	(void)snprintf(body, sizeof(body),
		"{\"kind\":\"%s\",\"name\":\"%s\",\"instance\":\"%s\",\"url\":\"%s\",\"ready\":true}",
		registry_kind_name(kind), name, door_instance(f->door), url);
	assert_int_equal(front_tell(f, "POST /internal/v1/registry", body, text, sizeof(text)), 200);
}

int front_forget(struct front *f, const char *body)
{
	char text[8192];
	return front_tell(f, "POST /internal/v1/tokens/forget", body, text, sizeof(text));
}

static void *beat(void *cookie)
{
	struct front *f = cookie;
	pthread_mutex_lock(&f->lock);
	while (!f->stopping) {
		for (size_t i = 0; i < f->count && !f->draining; i++)
			front_register(f, f->list[i].kind, f->list[i].name, f->list[i].url);
		cond_wait_until(&f->changed, &f->lock, clock_mono_ns() + NS_PER_S / 2);
	}
	pthread_mutex_unlock(&f->lock);
	return NULL;
}

void front_drain(struct front *f, unsigned deadline_ms)
{
	pthread_mutex_lock(&f->lock);
	f->draining = true;
	pthread_mutex_unlock(&f->lock);
	gateway_drain(f->gateway, deadline_ms);
}

void front_add(struct front *f, enum registry_kind kind, const char *name, const char *url)
{
	pthread_mutex_lock(&f->lock);
	struct front_service *s = &f->list[f->count++];
	s->kind = kind;
	s->name = name;
	(void)snprintf(s->url, sizeof(s->url), "%s", url);
	front_register(f, kind, name, url);
	pthread_mutex_unlock(&f->lock);
}

void front_remove(struct front *f, const char *name)
{
	pthread_mutex_lock(&f->lock);
	for (size_t i = 0; i < f->count; i++) {
		if (strcmp(f->list[i].name, name) == 0)
			f->list[i] = f->list[--f->count];
	}
	pthread_mutex_unlock(&f->lock);
}

void front_await(struct front *f, const char *target, const char *what)
{
	static char text[1u << 20];
	char request[128];
	const int64_t until_ns = clock_mono_ns() + WIRE_TIMEOUT_S * NS_PER_S;
	const struct timespec pause = clock_timespec(10 * NS_PER_MS);

	(void)snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: g\r\n\r\n", target);
	while (wire_ask(f->port, request, text, sizeof(text)) != 200 || !strstr(text, what)) {
		if (clock_mono_ns() > until_ns)
			fail_msg("%s does not say %s, but %s", target, what, text);
		(void)nanosleep(&pause, NULL);
	}
}

int front_drive_of(const char *name, const char *other)
{
	char drive[16];
	int number = 0;
	uint64_t mine, others;
	do {
		int size = snprintf(drive, sizeof(drive), "%d", ++number);
		uint64_t key = XXH64(drive, (size_t)size, 0);
		mine = XXH64(name, strlen(name), key);
		others = XXH64(other, strlen(other), key);
	} while (mine < others);
	return number;
}

int front_ask(struct front *f, const char *line, const char *more, char *text, size_t size)
{
	char request[8192];
	(void)snprintf(request, sizeof(request), "%s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer anna\r\n%s%s",
		line, more, strstr(more, "\r\n\r\n") ? "" : "\r\n");
	return wire_ask(f->port, request, text, size);
}

static char drive_answer[1u << 20];

int front_ask_drive(struct front *f, const char *method, unsigned drive, const char *path, const char *more)
{
	char line[256];

	(void)snprintf(line, sizeof(line), "%s /api/v2/docs/drives/%u/%s", method, drive, path);
	return front_ask(f, line, more, drive_answer, sizeof(drive_answer));
}

const char *front_answer(void)
{
	return drive_answer;
}

unsigned front_new_drive(void)
{
	static unsigned last = 100;

	return ++last;
}

unsigned front_new_drive_at(const char *name, const char *other)
{
	const struct placement_member members[] = {{name, 1}, {other, 1}};
	unsigned drive = 0;
	size_t owner = 1;

	while (owner != 0) {
		char key[16];

		drive = front_new_drive();
		(void)snprintf(key, sizeof(key), "%u", drive);
		assert_int_equal(placement_owners(members, 2, span_str(key), &owner, 1), 1);
	}
	return drive;
}

unsigned front_new_home(struct front *f)
{
	const unsigned drive = front_new_drive();

	assert_int_equal(front_ask_drive(f, "PUT", drive, "new", "Content-Length: 0\r\n"), 200);
	return drive;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): the type of the callback */
static int greet_nobody(void *cookie, const struct http_greeting *greeting, char ret[HTTP_GREETING_TEXT_SIZE])
{
	(void)cookie;
	(void)greeting;
	(void)ret;
	return 0;
}

/* Greets other gateways as a gateway does, and nobody else. */
static int greet_gateways(void *cookie, const struct http_greeting *greeting, char ret[HTTP_GREETING_TEXT_SIZE])
{
	struct front *f = cookie;
	const struct http_greeter *door = door_greeter(f->as_gateway);

	return strncmp(greeting->peer, "gateway/", 8) == 0 ? door->step(door->cookie, greeting, ret) : 0;
}

static void start_gateway(struct front *f, const char *name, const char *service, struct gateway_options options)
{
	struct buf why;

	pthread_mutex_init(&f->lock, NULL);
	cond_init(&f->changed);
	assert_int_equal(door_new(f->cluster, "docs", "d", NULL, &f->door), 0);
	assert_int_equal(door_new(f->cluster, "gateway", name, NULL, &f->as_gateway), 0);
	f->greeter = (struct http_greeter){.step = greet_gateways, .cookie = f};
	options.name = name;
	options.address = "127.0.0.1";
	options.internal_address = "127.0.0.1";
	options.threads = 1;
	options.peers = "http://127.0.0.1:1,http://127.0.0.1:2";
	options.cluster = f->cluster;
	if (!options.ringless)
		options.greeter = &f->greeter;
	buf_init(&why, 1024);
	assert_int_equal(gateway_start(&options, &why, &f->gateway), 0);
	buf_fini(&why);
	f->port = gateway_port(f->gateway);
	f->internal = gateway_internal_port(f->gateway);
	front_add(f, REGISTRY_USER, "u", service);
	front_add(f, REGISTRY_DOCS, "d", service);
	assert_int_equal(pthread_create(&f->beat, NULL, beat, f), 0);
}

struct front_options {
	const struct http_greeter *greeter;
	bool in_ring;
	const char *ring_nonsense; /* from the start, see service_answer_ring */
};

static int setup(void **state, const struct front_options *options)
{
	struct front *f = calloc(1, sizeof(*f));

	assert_int_equal(cluster_new_of(KEY, &f->cluster), 0);
	service_start(&f->service);
	service_answer_ring(&f->service, options->ring_nonsense);
	start_gateway(f, "g", f->service.url,
		(struct gateway_options){.ringless = !options->in_ring, .greeter = options->greeter});
	*state = f;
	return 0;
}

static const struct http_greeter NOBODY = {.step = greet_nobody};

int front_setup(void **state)
{
	return setup(state, &(struct front_options){.greeter = &NOBODY});
}

int front_setup_in_ring(void **state)
{
	return setup(state, &(struct front_options){.greeter = &NOBODY, .in_ring = true});
}

int front_setup_home(void **state)
{
	struct front *f;

	(void)setup(state, &(struct front_options){.in_ring = true});
	f = *state;
	service_drive_reset(&f->service.drive);
	front_await(f, "/status", "\"state\":\"member\"");
	return 0;
}

int front_setup_deaf(void **state)
{
	struct front *f;

	(void)setup(state, &(struct front_options){.in_ring = true, .ring_nonsense = "[]"});
	f = *state;
	service_drive_reset(&f->service.drive);
	return 0;
}

int front_setup_homes(void **state)
{
	struct front *f;

	(void)front_setup_home(state);
	f = *state;
	f->other = calloc(1, sizeof(*f->other));
	f->other->cluster = f->cluster;
	start_gateway(f->other, "h", f->service.url, (struct gateway_options){0});
	front_await(f->other, "/status", "\"state\":\"member\"");
	front_await(f, "/metrics", "nephos_gateway_ring_epoch 2\n");
	front_await(f->other, "/metrics", "nephos_gateway_ring_epoch 2\n");
	return 0;
}

int front_setup_greeting(void **state)
{
	return setup(state, &(struct front_options){0});
}

static void end_gateway(struct front *f)
{
	pthread_mutex_lock(&f->lock);
	f->stopping = true;
	pthread_cond_signal(&f->changed);
	pthread_mutex_unlock(&f->lock);
	pthread_join(f->beat, NULL);
	gateway_free(f->gateway);
	door_free(f->door);
	door_free(f->as_gateway);
}

void front_end_other(struct front *f)
{
	if (f->other)
		end_gateway(f->other);
	free(f->other);
	f->other = NULL;
}

int front_teardown(void **state)
{
	struct front *f = *state;

	service_drive_release(&f->service.drive);
	front_end_other(f);
	end_gateway(f);
	service_stop(&f->service);
	cluster_free(f->cluster);
	free(f);
	return 0;
}

struct service_drive *front_drive(struct front *f)
{
	return &f->service.drive;
}

int front_reset_drive(void **state)
{
	struct front *f = *state;

	service_drive_reset(front_drive(f));
	return 0;
}

long long front_metric(struct front *f, const char *name)
{
	static char page[1u << 20];
	char line[128];

	assert_int_equal(wire_ask(f->port, "GET /metrics HTTP/1.1\r\nHost: g\r\n\r\n", page, sizeof(page)), 200);
	(void)snprintf(line, sizeof(line), "\n%s ", name); /* lines of HELP and TYPE have the name, too */
	const char *found = strstr(page, line);

	if (!found)
		fail_msg("no metric %s", name);
	return strtoll(found + strlen(line), NULL, 10);
}
