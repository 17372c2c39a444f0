#include "gateway/front/gateway.h"

#include "common/base/clock.h"
#include "tests/unit/gateway/service.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

static char text[1u << 20];

static void paths_with_tricks_are_refused_and_reach_no_internal_route(void **state)
{
	static const struct {
		const char *line;
		int status;
	} rows[] = {
		{"GET /api/v2/docs//echo/a", 400},
		{"GET //api/v2/docs/echo/a", 400},
		{"GET /api/v2/docs/../user/me", 400},
		{"GET /api/v2/docs/%2e%2e/user/me", 400},
		{"GET /api/v2/docs/.%2E/user/me", 400},
		{"GET /api/v2/docs/echo/%00", 400},
		{"GET /api/v2/docs/echo/a%2fb", 400},
		{"GET /api/v2/docs/echo/%zz", 400},
		{"GET /api/v2/docs/echo/./a", 400},
		{"GET http://127.0.0.1/api/v2/docs/echo/a", 200},
		{"GET http://127.0.0.1/internal/v1/registry", 404},
		{"GET http://127.0.0.1/api/v2/docs/echo/../a", 400},
		{"GET /api/v2/docs/echo/@127.0.0.1:1/a", 200},
		{"GET /api/v2/docs/echo/a?x=http://127.0.0.1:1/&y=/../", 200},
		{"GET /api/v2/docs/echo/a\\b|c\"d", 200},
		{"GET /internal/v1/authenticate", 404},
		{"POST /internal/v1/authenticate", 404},
		{"GET /internal/v1/users/1", 404},
		{"GET /internal/v1/deleted?since=0", 404},
		{"GET /api/v2/internal/v1/deleted", 404},
		{"OPTIONS /api/v2/docs/echo/a", 204},
		{"OPTIONS /api/v2/docs/hold/", 204},
		{"TRACE /api/v2/docs/echo/a", 501},
		{"BREW /api/v2/docs/echo/a", 501},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		int status = front_ask(*state, rows[i].line, "", text, sizeof(text));
		if (status != rows[i].status)
			fail_msg("%s: %d", rows[i].line, status);
	}
}

#define WAIT_MS 200

/* A client that is let in before any service has registered gets 503. A client whose connection is refused goes to
 * another gateway. */
static void a_gateway_without_services_accepts_clients_after_the_wait(void **state)
{
	struct front *f = *state;
	const struct gateway_options options = {.name = "h",
		.address = "127.0.0.1",
		.internal_address = "127.0.0.1",
		.threads = 1,
		.cluster = f->cluster,
		.services_wait_ms = WAIT_MS,
		.ringless = true};
	const int64_t since_ns = clock_mono_ns();
	struct gateway *g;
	struct buf why;

	buf_init(&why, 1024);
	assert_int_equal(gateway_start(&options, &why, &g), 0);
	assert_true(clock_mono_ns() - since_ns >= WAIT_MS * NS_PER_MS);
	assert_int_not_equal(gateway_port(g), 0);
	gateway_free(g);
	buf_fini(&why);
}

static void a_gateway_with_a_name_that_others_cannot_say_does_not_start(void **state)
{
	static const char LONG[] = "a-gateway-with-a-name-that-has-one-letter-more-than-is-allowed-x";
	static const char *const NAMES[] = {"", "my gw", "gw\"", "gw;x", "g\xc3\xbc", LONG};
	struct front *f = *state;
	struct gateway_options options = {.address = "127.0.0.1",
		.internal_address = "127.0.0.1",
		.threads = 1,
		.cluster = f->cluster,
		.ringless = true};
	struct gateway *g;

	assert_int_equal(sizeof(LONG), MEMBERSHIP_NAME_SIZE + 1);
	for (size_t i = 0; i < sizeof(NAMES) / sizeof(*NAMES); i++) {
		struct buf why;

		buf_init(&why, 1024);
		options.name = NAMES[i];
		assert_int_equal(gateway_start(&options, &why, &g), -EINVAL);
		assert_non_null(why.data);
		assert_non_null(strstr(why.data, "--name"));
		assert_non_null(strstr(why.data, "1 to 63 letters"));
		buf_fini(&why);
	}
}

#define LONG_WAIT_MS 120000

/* Registers a service of each kind again and again, as services do. A process of the same user needs no greeting at a
 * unix socket. */
struct registrar {
	pthread_t thread;
	char path[64];
	atomic_bool stop;
};

static void register_at(const char *path, const char *kind)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char body[128], request[256], answer[4096];

	(void)snprintf(name.sun_path, sizeof(name.sun_path), "%s", path);
	(void)snprintf(body, sizeof(body),
		"{\"kind\":\"%s\",\"name\":\"x\",\"instance\":\"0a\",\"url\":\"http://127.0.0.1:1\",\"ready\":true}",
		kind);
	(void)snprintf(request, sizeof(request),
		"POST /internal/v1/registry HTTP/1.1\r\nHost: g\r\nContent-Length: %zu\r\n\r\n%s", strlen(body), body);
	if (fd < 0)
		return;
	if (connect(fd, (const struct sockaddr *)&name, sizeof(name)) == 0 && wire_say(fd, request))
		(void)wire_response(fd, answer, sizeof(answer));
	close(fd);
}

static void *registrar_main(void *cookie)
{
	struct registrar *r = cookie;
	const struct timespec pause = clock_timespec(10 * NS_PER_MS);

	while (!atomic_load(&r->stop)) {
		register_at(r->path, "user");
		register_at(r->path, "docs");
		(void)nanosleep(&pause, NULL);
	}
	return NULL;
}

static void a_gateway_accepts_clients_once_a_service_of_each_kind_has_registered(void **state)
{
	static struct registrar r;
	struct front *f = *state;
	char folder[] = "/tmp/nephos-gateway-XXXXXX", address[80];
	const struct gateway_options options = {.name = "h",
		.address = "127.0.0.1",
		.internal_address = address,
		.threads = 1,
		.cluster = f->cluster,
		.services_wait_ms = LONG_WAIT_MS,
		.ringless = true};
	const int64_t since_ns = clock_mono_ns();
	struct gateway *g;
	struct buf why;

	assert_non_null(mkdtemp(folder));
	(void)snprintf(r.path, sizeof(r.path), "%s/socket", folder);
	(void)snprintf(address, sizeof(address), "unix:%s", r.path);
	buf_init(&why, 1024);
	assert_int_equal(pthread_create(&r.thread, NULL, registrar_main, &r), 0);
	assert_int_equal(gateway_start(&options, &why, &g), 0);
	assert_true(clock_mono_ns() - since_ns < LONG_WAIT_MS * NS_PER_MS);
	assert_int_equal(wire_ask(gateway_port(g), "GET /readyz HTTP/1.1\r\nHost: g\r\n\r\n", text, sizeof(text)), 200);
	atomic_store(&r.stop, true);
	pthread_join(r.thread, NULL);
	gateway_free(g);
	buf_fini(&why);
	(void)unlink(r.path);
	assert_int_equal(rmdir(folder), 0);
}

static void internal_routes_get_404_on_the_public_listener(void **state)
{
	struct front *f = *state;
	static const char *const lines[] = {"GET /internal/v1/registry", "POST /internal/v1/registry",
		"POST /internal/v1/tokens/forget", "POST /internal/v1/hello", "GET /%69nternal/v1/registry",
		"GET /internal/v1/registry/"};
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
		assert_int_equal(front_ask(f, lines[i], "", text, sizeof(text)), 404);
	assert_int_equal(front_tell(f, "GET /internal/v1/registry", "", text, sizeof(text)), 200);
	assert_non_null(strstr(text, f->service.url));
	assert_int_equal(front_tell(f, "GET /api/v2/docs/echo/a", "", text, sizeof(text)), 404);
}

static void a_peer_without_a_greeting_gets_401_from_the_internal_listener(void **state)
{
	struct front *f = *state;
	static const char *const fields[] = {
		"", "Authorization: Bearer root\r\n", "Nephos-Hello: known\r\n", "Nephos-Cluster: 00\r\n"};
	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
		char request[256];
		(void)snprintf(
			request, sizeof(request), "GET /internal/v1/registry HTTP/1.1\r\nHost: g\r\n%s\r\n", fields[i]);
		assert_int_equal(wire_ask(f->internal, request, text, sizeof(text)), 401);
		assert_null(strstr(text, f->service.url));
	}
	/* A greeting on one connection does not count for another connection. */
	int known = front_greet(f);
	assert_int_equal(
		wire_ask(f->internal, "GET /internal/v1/registry HTTP/1.1\r\nHost: g\r\n\r\n", text, sizeof(text)),
		401);
	close(known);
}

static int post_registry(struct front *f, const char *body)
{
	return front_tell(f, "POST /internal/v1/registry", body, text, sizeof(text));
}

static void a_malformed_registration_gets_400_or_422(void **state)
{
	static const char *const bodies[] = {
		"",
		"[]",
		"{",
		"\"docs\"",
		"{\"kind\":\"docs\"}",
		"{\"kind\":\"cats\",\"name\":\"x\",\"instance\":\"0a\",\"url\":\"http://h:1\",\"ready\":true}",
		"{\"kind\":\"docs\",\"name\":\"x\",\"url\":\"http://h:1\",\"ready\":true}",
		"{\"kind\":\"docs\",\"name\":\"x\",\"instance\":\"a/b\",\"url\":\"http://h:1\",\"ready\":true}",
		"{\"kind\":\"docs\",\"name\":7,\"url\":\"http://h:1\",\"ready\":true}",
		"{\"kind\":\"docs\",\"name\":\"a\\u000ab\",\"instance\":\"0a\",\"url\":\"http://h:1\",\"ready\":true}",
		"{\"kind\":\"docs\",\"name\":\"x\",\"instance\":\"0a\",\"url\":\"file:///etc/passwd\",\"ready\":true}",
		"{\"kind\":\"docs\",\"name\":\"x\",\"instance\":\"0a\",\"url\":\"http://\",\"ready\":true}",
		"{\"kind\":\"docs\",\"name\":\"x\",\"instance\":\"0a\",\"url\":\"http:///\",\"ready\":true}",
		"{\"kind\":\"docs\",\"name\":\"x\",\"instance\":\"0a\",\"url\":\"http://h:1/?a=\",\"ready\":true}",
		"{\"kind\":\"docs\",\"name\":\"x\",\"instance\":\"0a\",\"url\":\"http://h:1/path\",\"ready\":true}",
		"{\"kind\":\"docs\",\"name\":\"x\",\"instance\":\"0a\",\"url\":\"http://u@h:1\",\"ready\":true}",
		"{\"kind\":\"docs\",\"name\":\"x\",\"instance\":\"0a\",\"url\":\"http://h:1#\",\"ready\":true}",
		"{\"kind\":\"docs\",\"name\":\"x\",\"instance\":\"0a\",\"url\":\"http://h\\r\\nX: y\",\"ready\":true}",
	};
	for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++) {
		int status = post_registry(*state, bodies[i]);
		if (status != 400 && status != 422)
			fail_msg("%s: %d", bodies[i], status);
	}
}

static void a_service_that_leaves_is_removed_from_the_registry(void **state)
{
	struct front *f = *state;
	assert_int_equal(
		post_registry(f,
			"{\"kind\":\"docs\",\"name\":\"gone\",\"instance\":\"0a\",\"url\":\"http://127.0.0.1:1\",\"ready\":true}"),
		200);
	assert_non_null(strstr(text, "gone"));
	assert_int_equal(post_registry(f, "{\"kind\":\"docs\",\"name\":\"gone\",\"leaving\":true}"), 200);
	assert_null(strstr(text, "gone"));
}

static void pages_without_a_token_show_gateways_but_no_addresses_of_services(void **state)
{
	struct front *f = *state;
	assert_int_equal(wire_ask(f->port, "GET /status HTTP/1.1\r\nHost: g\r\n\r\n", text, sizeof(text)), 200);
	assert_non_null(strstr(text, "\"gateways\":[\"http://127.0.0.1:1\",\"http://127.0.0.1:2\"]"));
	assert_non_null(strstr(text, "\"name\":\"d\""));
	assert_null(strstr(text, f->service.url));
	assert_int_equal(wire_ask(f->port, "GET /metrics HTTP/1.1\r\nHost: g\r\n\r\n", text, sizeof(text)), 200);
	assert_null(strstr(text, "anna"));
	assert_null(strstr(text, f->service.url));
}

static void the_urls_in_the_list_of_gateways_have_the_host_of_the_request(void **state)
{
	struct front *f = *state;
	static const struct {
		const char *fields;
		int status;
		const char *told;
	} rows[] = {
		{"Host: g\r\n", 401, NULL},
		{"Host: 127.0.0.1:8050\r\nAuthorization: Bearer anna\r\n", 200,
			"{\"gateways\":[\"http://127.0.0.1:1\",\"http://127.0.0.1:2\"]}"},
		{"Host: localhost\r\nAuthorization: Bearer anna\r\n", 200, "http://127.0.0.1:2"},
		{"Host: cloud.example.com\r\nAuthorization: Bearer anna\r\n", 200,
			"{\"gateways\":[\"http://cloud.example.com:1\",\"http://cloud.example.com:2\"]}"},
		{"Host: 10.0.0.1:8050\r\nAuthorization: Bearer anna\r\n", 200,
			"{\"gateways\":[\"http://10.0.0.1:1\",\"http://10.0.0.1:2\"]}"},
		/* The host of the request cannot be determined. */
		{"Host: [fe80::1:8050\r\nAuthorization: Bearer anna\r\n", 200, "\"http://127.0.0.1:1\""},
		{"Host: cloud!\r\nAuthorization: Bearer anna\r\n", 200, "{\"gateways\":[]}"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char request[512];
		(void)snprintf(request, sizeof(request), "GET /api/v2/gateways HTTP/1.1\r\n%s\r\n", rows[i].fields);
		assert_int_equal(wire_ask(f->port, request, text, sizeof(text)), rows[i].status);
		if (rows[i].told && !strstr(text, rows[i].told))
			fail_msg("%s: %s", rows[i].fields, text);
	}
}

static void a_trailing_slash_is_passed_on_to_the_service(void **state)
{
	static const char *const lines[] = {
		"GET /api/v1/user/1/", "GET /api/v2/user/me/", "GET /api/v2/docs/drives/1/items/2/"};
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		int status = front_ask(*state, lines[i], "", text, sizeof(text));
		if (status != 200 || !strstr(text, lines[i]))
			fail_msg("%s: %d", lines[i], status);
	}
}

static void requests_that_could_be_read_in_two_ways_get_400(void **state)
{
	static const char *const fields[] = {
		"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
		"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
		"Content-Length: +3\r\n\r\nabc",
		"Content-Length : 3\r\n\r\nabc",
		"X: a\r\n b\r\n",
		"Host: h\r\n",
	};
	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
		int status = front_ask(*state, "POST /api/v2/docs/echo/a", fields[i], text, sizeof(text));
		if (status != 400)
			fail_msg("%s: %d", fields[i], status);
	}
}

/* Stops a gateway with requests in every kind of waiting: for the answer about a token, for a body that is
 * collected or streamed, for an answer, and in an endless answer. Requests also arrive while it ends. */
static void a_gateway_stops_with_requests_of_every_kind_in_flight(void **state)
{
	static const char *const lines[] = {
		"GET /api/v2/docs/hold HTTP/1.1\r\n\r\n",
		"GET /api/v2/docs/silent HTTP/1.1\r\n\r\n",
		"GET /api/v2/docs/flood/1000000000000 HTTP/1.1\r\n\r\n",
		"PUT /api/v2/docs/sink HTTP/1.1\r\nContent-Length: 100000000\r\n\r\nabc",
		"PUT /api/v2/docs/sink HTTP/1.1\r\nContent-Length: 1000\r\n\r\nabc",
		"PUT /api/v2/docs/sink HTTP/1.1\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n",
		"GET /api/v2/docs/ech",
	};
	enum { COUNT = sizeof(lines) / sizeof(*lines) };
	(void)state;
	for (int round = 0; round < 4; round++) {
		void *own = NULL;
		int fds[COUNT], question;
		uint16_t port;
		char url[64];
		front_setup(&own);
		struct front *f = own;
		int listener = wire_listen(&port);
		for (int i = 0; i < COUNT; i++) {
			char request[512];
			const char *rest = strstr(lines[i], " HTTP/1.1\r\n");
			size_t head = rest ? (size_t)(rest - lines[i]) : strlen(lines[i]);
			(void)snprintf(request, sizeof(request), "%.*s%s%s", (int)head, lines[i],
				rest ? " HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer anna\r\n" : "",
				rest ? rest + 11 : "");
			fds[i] = wire_connect(f->port);
			wire_say(fds[i], request);
		}
		assert_true(gate_wait(&f->service.came, 5));
		/* A user service that never answers, and that is the only one to be asked. */
		front_remove(f, "u");
		(void)snprintf(url, sizeof(url), "http://127.0.0.1:%u", port);
		front_register(f, REGISTRY_USER, "u", url);
		question = wire_connect(f->port);
		wire_say(
			question, "GET /api/v2/docs/echo/a HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer other\r\n\r\n");
		close(wire_accept(listener));
		front_teardown(&own);
		for (int i = 0; i < COUNT; i++)
			close(fds[i]);
		close(question);
		close(listener);
	}
}

static void *drain_main(void *cookie)
{
	front_drain(cookie, 100000); /* would last as long if the poll was not ended */
	return NULL;
}

static void a_drain_ends_a_waiting_poll_with_503_and_lets_a_stream_end_by_itself(void **state)
{
	void *own = NULL;
	uint16_t port;
	char url[64], line[256];
	pthread_t drain;
	(void)state;
	front_setup(&own);
	struct front *f = own;
	int listener = wire_listen(&port), poll_fd = wire_connect(f->port), stream = wire_connect(f->port);
	wire_say(stream, "GET /api/v2/docs/events HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer anna\r\n\r\n");
	assert_true(wire_read_until(stream, text, sizeof(text), "xxxxxxxxxx"));
	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%u", port);
	front_add(f, REGISTRY_DOCS, "b", url);
	(void)snprintf(line, sizeof(line),
		"GET /api/v2/docs/drives/%d/changes?wait=60 HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer anna\r\n\r\n",
		front_drive_of("b", "d"));
	wire_say(poll_fd, line);
	int instance = wire_accept(listener);
	assert_int_equal(wire_receive(instance, text, 10), 10);
	front_remove(f, "b"); /* the listener for registrations is about to end */
	front_remove(f, "u");
	front_remove(f, "d");
	assert_int_equal(pthread_create(&drain, NULL, drain_main, f), 0);
	assert_int_equal(wire_response(poll_fd, text, sizeof(text)), 503);
	service_release(&f->service);
	assert_true(wire_read_until(stream, text, sizeof(text), "\r\n0\r\n\r\n")); /* the chunk that ends a stream */
	close(stream);
	close(poll_fd);
	pthread_join(drain, NULL);
	close(instance);
	close(listener);
	front_teardown(&own);
}

static void a_request_is_answered_beside_thousands_of_idle_connections(void **state)
{
	struct front *f = *state;
	struct rlimit limit;
	enum { COUNT = 10000 };
	static int fds[COUNT];
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = limit.rlim_max < 25000 ? limit.rlim_max : 25000;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	int count = limit.rlim_cur < 25000 ? (int)(limit.rlim_cur / 3) : COUNT;
	for (int i = 0; i < count; i++) {
		fds[i] = wire_connect(f->port);
		assert_true(fds[i] >= 0);
	}
	assert_int_equal(front_ask(f, "GET /api/v2/docs/echo/a", "", text, sizeof(text)), 200);
	for (int i = 0; i < count; i++)
		close(fds[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths_with_tricks_are_refused_and_reach_no_internal_route),
		cmocka_unit_test(a_gateway_without_services_accepts_clients_after_the_wait),
		cmocka_unit_test(a_gateway_accepts_clients_once_a_service_of_each_kind_has_registered),
		cmocka_unit_test(a_gateway_with_a_name_that_others_cannot_say_does_not_start),
		cmocka_unit_test(internal_routes_get_404_on_the_public_listener),
		cmocka_unit_test(a_peer_without_a_greeting_gets_401_from_the_internal_listener),
		cmocka_unit_test(a_malformed_registration_gets_400_or_422),
		cmocka_unit_test(a_service_that_leaves_is_removed_from_the_registry),
		cmocka_unit_test(pages_without_a_token_show_gateways_but_no_addresses_of_services),
		cmocka_unit_test(the_urls_in_the_list_of_gateways_have_the_host_of_the_request),
		cmocka_unit_test(a_trailing_slash_is_passed_on_to_the_service),
		cmocka_unit_test(requests_that_could_be_read_in_two_ways_get_400),
		cmocka_unit_test(a_gateway_stops_with_requests_of_every_kind_in_flight),
		cmocka_unit_test(a_drain_ends_a_waiting_poll_with_503_and_lets_a_stream_end_by_itself),
		cmocka_unit_test(a_request_is_answered_beside_thousands_of_idle_connections),
	};
	return cmocka_run_group_tests(tests, front_setup, front_teardown);
}
