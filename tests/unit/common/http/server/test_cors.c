#include "common/http/server/cors.h"

#include "common/http/server/server.h"
#include "tests/unit/common/http/wire.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

static void a_cors_policy_allows_exactly_the_origins_that_it_names(void **state)
{
	static const struct {
		const char *policy, *origin, *allowed;
	} cases[] = {
		{NULL, "https://a", NULL},
		{"", "https://a", NULL},
		{"*", "https://a", "*"},
		{"*", "null", "*"},
		{"*", NULL, NULL},
		{"https://a", "https://a", "https://a"},
		{"https://a", "https://a.b", NULL},
		{"https://a", "http://a", NULL},
		{"https://a", "https://a:8443", NULL},
		{"https://a, http://b:80", "http://b:80", "http://b:80"},
		{"https://A", "https://a", "https://a"},
		{"https://a", "null", NULL},
		{"https://a", "", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *got = cors_allows(cases[i].policy, cases[i].origin);

		if ((got == NULL) != (cases[i].allowed == NULL) || (got && strcmp(got, cases[i].allowed) != 0))
			fail_msg("%s to %s: %s", cases[i].policy, cases[i].origin, got ? got : "nobody");
	}
}

static void a_malformed_cors_policy_is_refused(void **state)
{
	static const char *const bad[] = {
		"a", "a.example", "https://", "https://a/", "https://a/b", "https://a?b", "https://*.a", "://a"};

	(void)state;
	assert_true(cors_policy_is_valid(NULL));
	assert_true(cors_policy_is_valid(""));
	assert_true(cors_policy_is_valid("*"));
	assert_true(cors_policy_is_valid("https://a.example, http://[::1]:8050"));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(cors_policy_is_valid(bad[i]));
}

static void on_hello(struct http_request *req, void *cookie)
{
	(void)cookie;
	http_respond(req, 200, NULL, SPAN_LITERAL("hello"));
}

static bool guard(struct http_request *req, const struct http_route *route, void *cookie)
{
	(void)cookie;
	if (route->open)
		return true;
	http_respond_error(req, -1, NULL);
	return false;
}

static void cors_fields_are_sent_only_to_origins_of_the_policy(void **state)
{
	static const struct http_route routes[] = {
		{"GET", "/a", .handler = on_hello, .internal = true, .open = true},
		{"PUT", "/a", .handler = on_hello, .internal = true},
		{"OPTIONS", "/b", .handler = on_hello, .internal = true, .open = true},
		{0},
	};
	static const struct {
		const char *request;
		int status;
		const char *has; /* NULL: no field of CORS at all */
	} cases[] = {
		{"GET /a HTTP/1.1\r\nHost: x\r\nOrigin: https://a\r\n\r\n", 200,
			"Access-Control-Allow-Origin: https://a\r\n"},
		{"GET /a HTTP/1.1\r\nHost: x\r\nOrigin: https://a\r\n\r\n", 200, "Vary: Origin\r\n"},
		{"GET /a HTTP/1.1\r\nHost: x\r\nOrigin: https://b\r\n\r\n", 200, NULL},
		{"GET /a HTTP/1.1\r\nHost: x\r\n\r\n", 200, NULL},
		/* A page must be able to see that it was refused. */
		{"PUT /a HTTP/1.1\r\nHost: x\r\nOrigin: https://a\r\nContent-Length: 0\r\n\r\n", 403,
			"Access-Control-Allow-Origin: https://a\r\n"},
		/* A browser's preflight request comes without credentials. */
		{"OPTIONS /a HTTP/1.1\r\nHost: x\r\nOrigin: https://a\r\nAccess-Control-Request-Method: PUT\r\n\r\n",
			204, "Access-Control-Allow-Methods: GET, HEAD, PUT,"},
		{"OPTIONS /a HTTP/1.1\r\nHost: x\r\nOrigin: https://a\r\nAccess-Control-Request-Method: PUT\r\n\r\n",
			204, "Access-Control-Allow-Headers: Authorization, "},
		{"OPTIONS /b HTTP/1.1\r\nHost: x\r\nOrigin: https://a\r\nAccess-Control-Request-Method: PUT\r\n\r\n",
			204, "Access-Control-Allow-Origin: https://a\r\n"},
		{"OPTIONS /a HTTP/1.1\r\nHost: x\r\nOrigin: https://b\r\nAccess-Control-Request-Method: PUT\r\n\r\n",
			204, NULL},
	};
	const struct http_server_options options = {
		.address = "127.0.0.1", .routes = routes, .guard = guard, .cors_origins = "https://a"};
	struct http_server *server = NULL;
	char text[4096];

	(void)state;
	assert_int_equal(http_server_start(&options, &server), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const int status = wire_ask(http_server_port(server), cases[i].request, text, sizeof(text));

		if (status != cases[i].status ||
			(cases[i].has ? !strstr(text, cases[i].has) : strstr(text, "Access-Control") != NULL))
			fail_msg("%s\n: %s", cases[i].request, text);
	}
	http_server_stop(server);
}

static void on_options(struct http_request *req, void *cookie)
{
	struct http_headers headers;

	(void)cookie;
	http_headers_init(&headers);
	(void)http_headers_add(&headers, "Allow", "PATCH");
	http_respond(req, 204, &headers, span_of(NULL, 0));
	http_headers_fini(&headers);
}

static void an_options_answer_gets_allow_only_from_the_table_or_a_handler(void **state)
{
	static const struct http_route routes[] = {
		{"PUT", "/table", .handler = on_hello, .internal = true},
		{"PUT", "/other", .handler = on_hello, .internal = true},
		{"OPTIONS", "/other", .handler = on_options, .internal = true},
		{0},
	};
	static const struct {
		const char *path, *origin;
		const char *allow; /* NULL: the answer has no Allow */
	} cases[] = {
		{"/table", "https://a", "Allow: PUT, OPTIONS\r\n"},
		{"/table", "https://b", "Allow: PUT, OPTIONS\r\n"},
		/* The policy answers this page, and the handler of the route is not called. */
		{"/other", "https://a", NULL},
		{"/other", "https://b", "Allow: PATCH\r\n"},
	};
	const struct http_server_options options = {
		.address = "127.0.0.1", .routes = routes, .cors_origins = "https://a"};
	struct http_server *server = NULL;
	char request[256], text[4096];

	(void)state;
	assert_int_equal(http_server_start(&options, &server), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		(void)snprintf(request, sizeof(request),
			"OPTIONS %s HTTP/1.1\r\nHost: x\r\nOrigin: %s\r\nAccess-Control-Request-Method: PUT\r\n\r\n",
			cases[i].path, cases[i].origin);
		assert_int_equal(wire_ask(http_server_port(server), request, text, sizeof(text)), 204);
		if (cases[i].allow ? !strstr(text, cases[i].allow) : strstr(text, "\r\nAllow:") != NULL)
			fail_msg("%s\n: %s", request, text);
	}
	http_server_stop(server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_cors_policy_allows_exactly_the_origins_that_it_names),
		cmocka_unit_test(a_malformed_cors_policy_is_refused),
		cmocka_unit_test(cors_fields_are_sent_only_to_origins_of_the_policy),
		cmocka_unit_test(an_options_answer_gets_allow_only_from_the_table_or_a_handler),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
