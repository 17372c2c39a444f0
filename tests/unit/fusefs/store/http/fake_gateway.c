#include "tests/unit/fusefs/store/http/fake_gateway.h"
#include "common/base/clock.h"
#include "common/base/cond.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define ANSWERS_MAX 32
#define REQUESTS_MAX 4096
#define HELD_MAX 16

struct fake_gateway {
	struct http_server *server;
	char url[64];
	pthread_mutex_t lock;
	pthread_cond_t came;
	struct fake_answer answers[ANSWERS_MAX];
	size_t answer_count;
	struct fake_request *requests[REQUESTS_MAX];
	size_t request_count;
	unsigned sessions;
	struct http_request *held[HELD_MAX];
	size_t held_count;
};

static void copy_header(const struct http_request *req, const char *name, char *ret, size_t size)
{
	const char *value = http_request_header(req, name);

	(void)snprintf(ret, size, "%s", value ? value : "");
}

static void remember(struct fake_gateway *g, struct http_request *req)
{
	struct fake_request *r = calloc(1, sizeof(*r));
	struct span body = http_request_body(req);

	if (!r || g->request_count == REQUESTS_MAX)
		abort();
	(void)snprintf(r->method, sizeof(r->method), "%s", http_request_method(req));
	(void)snprintf(r->target, sizeof(r->target), "%s", http_request_target(req));
	copy_header(req, "Authorization", r->authorization, sizeof(r->authorization));
	copy_header(req, "Nephos-Session", r->session, sizeof(r->session));
	copy_header(req, "Idempotency-Key", r->key, sizeof(r->key));
	copy_header(req, "Nephos-Batch", r->batch, sizeof(r->batch));
	copy_header(req, "Nephos-Floor", r->floor, sizeof(r->floor));
	copy_header(req, "Accept", r->accept, sizeof(r->accept));
	copy_header(req, "Content-Type", r->type, sizeof(r->type));
	copy_header(req, "Range", r->range, sizeof(r->range));
	r->body = malloc(body.size + 1);
	if (!r->body)
		abort();
	if (body.size > 0)
		memcpy(r->body, body.data, body.size);
	r->body[body.size] = '\0';
	r->body_size = body.size;
	g->requests[g->request_count++] = r;
	pthread_cond_broadcast(&g->came);
}

static int cut_pull(void *cookie, void *data, size_t size, size_t *ret_size)
{
	(void)cookie;
	(void)data;
	(void)size;
	*ret_size = 0;
	return -EIO;
}

static void cut_done(void *cookie, bool complete)
{
	(void)cookie;
	(void)complete;
}

static void add_header(struct http_headers *headers, const char *line)
{
	const char *colon = line ? strchr(line, ':') : NULL;
	char name[64];

	if (!colon)
		return;
	(void)snprintf(name, sizeof(name), "%.*s", (int)(colon - line), line);
	(void)http_headers_add(headers, name, colon + 2);
}

/* Sends a copy of the body: a test may free its own as soon as the client has received all of it, which can be
 * before the call that sends it has returned. */
static void respond_body(struct http_request *req, const struct fake_answer *a, const struct http_headers *headers)
{
	const size_t size = a->body_size || !a->body ? a->body_size : strlen(a->body);
	char *copy = malloc(size + 1);

	if (!copy)
		abort();
	if (size > 0)
		memcpy(copy, a->body, size);
	http_respond_take(req, a->status, headers, copy, size);
}

static void respond(struct http_request *req, const struct fake_answer *a)
{
	static const struct http_stream_ops cut = {cut_pull, cut_done};
	struct http_headers headers;

	http_headers_init(&headers);
	if (a->type)
		(void)http_headers_add(&headers, "Content-Type", a->type);
	add_header(&headers, a->header);
	add_header(&headers, a->second);
	if (a->kind == FAKE_CUT)
		http_respond_stream(req, 200, &headers, 1000, &cut, NULL, NULL);
	else
		respond_body(req, a, &headers);
	http_headers_fini(&headers);
}

/* Answers as a store with an empty drive does. */
static void respond_usual(struct fake_gateway *g, struct http_request *req)
{
	const char *target = http_request_target(req), *method = http_request_method(req);
	struct fake_answer a = {
		.status = 404, .type = "application/problem+json", .body = "{\"type\":\"/problems/not-found\"}"};
	char session[64];

	if (strstr(target, "/sessions") && strcmp(method, "POST") == 0) {
		(void)snprintf(session, sizeof(session), "{\"session\":\"%u\",\"timeout_s\":600}", 41 + g->sessions++);
		a = (struct fake_answer){.status = 201, .type = "application/json", .body = session};
	} else if (strcmp(method, "DELETE") == 0) {
		a = (struct fake_answer){.status = 204};
	} else if (strcmp(target, "/api/v2/gateways") == 0) {
		a = (struct fake_answer){.status = 200, .type = "application/json", .body = "{}"};
	} else if (strcmp(target, "/api/v2/docs/drives/home") == 0 || strcmp(target, "/api/v2/docs/drives/7") == 0) {
		a = (struct fake_answer){.status = 200,
			.type = "application/json",
			.body = "{\"id\":\"7\",\"name\":\"d\",\"quota\":0,\"used\":0,\"free\":1000,\"seq\":\"10\",\"incarnation\":\"1\","
				"\"root\":\"30064771073\"}"};
	}
	respond(req, &a);
}

static bool fits(const char *method, const char *target, const char *wanted_method, const char *wanted_target)
{
	return strcmp(method, wanted_method) == 0 && strstr(target, wanted_target);
}

static void on_request(struct http_request *req, void *cookie)
{
	struct fake_gateway *g = cookie;
	struct fake_answer found = {.kind = FAKE_ANSWER};
	bool any = false;

	pthread_mutex_lock(&g->lock);
	remember(g, req);
	for (size_t i = 0; i < g->answer_count && !any; i++) {
		struct fake_answer *a = &g->answers[i];

		if (a->times == UINT32_MAX ||
			!fits(http_request_method(req), http_request_target(req), a->method, a->target))
			continue;
		any = true;
		found = *a;
		if (a->times > 0 && --a->times == 0)
			a->times = UINT32_MAX;
	}
	if (any && found.kind == FAKE_HOLD) {
		if (g->held_count == HELD_MAX)
			abort();
		g->held[g->held_count++] = req;
	}
	pthread_mutex_unlock(&g->lock);
	if (!any)
		respond_usual(g, req);
	else if (found.kind != FAKE_HOLD)
		respond(req, &found);
}

#define ROUTE(verb, mode, max)                                                                                       \
	{                                                                                                            \
		.method = (verb), .pattern = "/{rest...}", .body = (mode), .body_max = (max), .handler = on_request, \
		.internal = true, .open = true                                                                       \
	}

static const struct http_route routes[] = {
	ROUTE("GET", HTTP_BODY_NONE, 0),
	ROUTE("DELETE", HTTP_BODY_NONE, 0),
	ROUTE("POST", HTTP_BODY_WHOLE, 16 << 20),
	ROUTE("PUT", HTTP_BODY_WHOLE, 16 << 20),
	{.method = NULL},
};

struct fake_gateway *fake_start(uint16_t port)
{
	struct fake_gateway *g = calloc(1, sizeof(*g));
	struct http_server_options options = {.address = "127.0.0.1", .port = port, .routes = routes, .cookie = g};

	assert_non_null(g);
	pthread_mutex_init(&g->lock, NULL);
	cond_init(&g->came);
	assert_int_equal(http_server_start(&options, &g->server), 0);
	(void)snprintf(g->url, sizeof(g->url), "http://127.0.0.1:%u", (unsigned)http_server_port(g->server));
	return g;
}

void fake_stop(struct fake_gateway *g)
{
	for (size_t i = 0; i < g->held_count; i++)
		http_respond(g->held[i], 503, NULL, span_of(NULL, 0));
	http_server_stop(g->server);
	for (size_t i = 0; i < g->request_count; i++) {
		free(g->requests[i]->body);
		free(g->requests[i]);
	}
	pthread_cond_destroy(&g->came);
	pthread_mutex_destroy(&g->lock);
	free(g);
}

const char *fake_url(const struct fake_gateway *g)
{
	return g->url;
}

uint16_t fake_port(const struct fake_gateway *g)
{
	return http_server_port(g->server);
}

void fake_add(struct fake_gateway *g, const struct fake_answer *answer)
{
	pthread_mutex_lock(&g->lock);
	if (g->answer_count == ANSWERS_MAX)
		abort();
	g->answers[g->answer_count++] = *answer;
	pthread_mutex_unlock(&g->lock);
}

static const struct fake_request *nth(
	struct fake_gateway *g, const char *method, const char *target, size_t n, size_t *ret_count)
{
	const struct fake_request *found = NULL;

	*ret_count = 0;
	for (size_t i = 0; i < g->request_count; i++) {
		if (!fits(g->requests[i]->method, g->requests[i]->target, method, target))
			continue;
		if ((*ret_count)++ == n)
			found = g->requests[i];
	}
	return found;
}

size_t fake_count(struct fake_gateway *g, const char *method, const char *target)
{
	size_t count;

	pthread_mutex_lock(&g->lock);
	(void)nth(g, method, target, 0, &count);
	pthread_mutex_unlock(&g->lock);
	return count;
}

const struct fake_request *fake_request(struct fake_gateway *g, const char *method, const char *target, size_t n)
{
	const struct fake_request *found;
	size_t count;

	pthread_mutex_lock(&g->lock);
	found = nth(g, method, target, n, &count);
	pthread_mutex_unlock(&g->lock);
	return found;
}

void fake_wait(struct fake_gateway *g, const char *method, const char *target, size_t count)
{
	const int64_t until_ns = clock_mono_ns() + 120 * NS_PER_S; /* only reached when something hangs */
	size_t so_far = 0;

	pthread_mutex_lock(&g->lock);
	while (((void)nth(g, method, target, 0, &so_far), so_far < count) &&
		cond_wait_until(&g->came, &g->lock, until_ns))
		;
	pthread_mutex_unlock(&g->lock);
	assert_true(so_far >= count);
}

uint16_t fake_closed_port(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
	(void)close(fd);
	return ntohs(address.sin_port);
}
