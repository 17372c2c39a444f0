#include "common/http/server/monitoring.h"

#include "common/base/error.h"
#include "tests/unit/common/http/wire.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

struct world {
	struct http_server *server;
	struct http_route *routes;
	struct metrics *metrics;
	struct monitoring monitoring;
	int ready;
};

static int is_ready(void *cookie, struct buf *ret_why)
{
	const struct world *w = cookie;

	if (w->ready)
		(void)buf_append_str(ret_why, "the database is away");
	return w->ready;
}

static int status(void *cookie, struct buf *ret)
{
	(void)cookie;
	return buf_append_str(ret, "{\"name\":\"test\"}");
}

static void on_own(struct http_request *req, void *cookie)
{
	(void)cookie;
	http_respond(req, 200, NULL, SPAN_LITERAL("own"));
}

static const struct http_route own[] = {
	{"GET", "/own", .handler = on_own, .internal = true},
	{0},
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct http_server_options options = {.address = "127.0.0.1", .monitoring = &w->monitoring};

	*state = w;
	if (metrics_new(&w->metrics) || http_routes_concat(MONITORING_ROUTES, own, &w->routes))
		return -1;
	w->monitoring = (struct monitoring){.metrics = w->metrics, .ready = is_ready, .status = status, .cookie = w};
	options.routes = w->routes;
	options.metrics = w->metrics;
	return http_server_start(&options, &w->server);
}

static int teardown(void **state)
{
	struct world *w = *state;

	http_server_stop(w->server);
	metrics_free(w->metrics);
	free(w->routes);
	free(w);
	return 0;
}

static int ask(const struct world *w, const char *path, char *text, size_t size)
{
	char request[128];

	snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path);
	return wire_ask(http_server_port(w->server), request, text, size);
}

static void healthz_always_gives_200_and_readyz_gives_503_while_not_ready(void **state)
{
	struct world *w = *state;
	char text[4096];

	assert_int_equal(ask(w, "/healthz", text, sizeof(text)), 200);
	assert_non_null(strstr(text, "Content-Type: text/plain\r\n"));
	assert_int_equal(ask(w, "/readyz", text, sizeof(text)), 200);
	w->ready = -ERR_UNAVAILABLE;
	assert_int_equal(ask(w, "/readyz", text, sizeof(text)), 503);
	assert_non_null(strstr(text, "the database is away"));
	assert_int_equal(ask(w, "/healthz", text, sizeof(text)), 200);
	assert_int_equal(ask(w, "/own", text, sizeof(text)), 200);
}

static void a_process_serves_its_status_and_its_metrics(void **state)
{
	char *text = malloc(1 << 20);

	assert_int_equal(ask(*state, "/status", text, 1 << 20), 200);
	assert_non_null(strstr(text, "application/json"));
	assert_non_null(strstr(text, "{\"name\":\"test\"}"));
	assert_int_equal(ask(*state, "/nowhere", text, 1 << 20), 404);
	assert_int_equal(ask(*state, "/metrics", text, 1 << 20), 200);
	assert_non_null(
		strstr(text, "nephos_http_requests_total{method=\"GET\",route=\"/status\",status=\"2xx\"} 1\n"));
	assert_non_null(strstr(text, "route=\"none\",status=\"4xx\"} 1\n"));
	assert_non_null(strstr(text, "nephos_http_connections"));
	free(text);
}

static void monitoring_routes_give_200_without_monitoring_options(void **state)
{
	static const char *const paths[] = {"/healthz", "/readyz", "/status", "/metrics"};
	const struct http_server_options options = {.address = "127.0.0.1", .routes = MONITORING_ROUTES};
	struct world w = {0};
	char text[4096];

	(void)state;
	assert_int_equal(http_server_start(&options, &w.server), 0);
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(ask(&w, paths[i], text, sizeof(text)), 200);
	http_server_stop(w.server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			healthz_always_gives_200_and_readyz_gives_503_while_not_ready, setup, teardown),
		cmocka_unit_test_setup_teardown(a_process_serves_its_status_and_its_metrics, setup, teardown),
		cmocka_unit_test(monitoring_routes_give_200_without_monitoring_options),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
