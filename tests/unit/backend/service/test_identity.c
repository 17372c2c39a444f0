#include "backend/service/service.h"

#include "common/base/error.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* What the handler read from the last request. */
static struct service_identity who;
static int outcome;

static void on_who(struct http_request *req, void *cookie)
{
	(void)cookie;
	outcome = service_identity(req, &who);
	http_respond(req, 204, NULL, span_of("", 0));
}

static const struct http_route ROUTES[] = {
	{.method = "GET", .pattern = "/who", .handler = on_who, .internal = true},
	{.method = NULL},
};

static void ask(void **state, const char *const (*fields)[2], size_t count)
{
	struct http_client *client = NULL;
	struct http_headers headers;
	struct http_response response;
	char url[64];

	snprintf(url, sizeof(url), "http://127.0.0.1:%u/who", http_server_port(*state));
	http_headers_init(&headers);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(http_headers_add(&headers, fields[i][0], fields[i][1]), 0);
	const struct http_call_options call = {.method = "GET", .url = url, .headers = &headers};
	assert_int_equal(http_client_new(&(struct http_client_options){0}, &client), 0);
	assert_int_equal(http_client_perform(client, &call, NULL, &response), 0);
	assert_int_equal(response.status, 204);
	http_response_fini(&response);
	http_headers_fini(&headers);
	http_client_free(client);
}

static void the_identity_headers_of_a_gateway_are_parsed(void **state)
{
	static const char *const FIELDS[][2] = {{"Nephos-User", "12"}, {"Nephos-User-Name", "Zo%C3%AB%20B"},
		{"Nephos-Admin", "1"}, {"Nephos-Token-Id", "k7"}};

	ask(state, FIELDS, 4);
	assert_int_equal(outcome, 0);
	assert_true(who.user_id == 12 && who.admin);
	assert_string_equal(who.name, "Zoë B");
	assert_string_equal(who.token_id, "k7");
}

static void a_request_without_a_user_header_has_no_identity(void **state)
{
	static const char *const FIELDS[][2] = {{"Nephos-Admin", "1"}, {"Nephos-Token-Id", "k7"}};

	ask(state, FIELDS, 2);
	assert_int_equal(outcome, 0);
	assert_true(who.user_id == 0 && !who.admin);
	assert_string_equal(who.token_id, "");
}

static void malformed_identity_headers_are_refused(void **state)
{
	static const char *const WRONG[][2] = {{"Nephos-User", "0"}, {"Nephos-User", "-1"}, {"Nephos-User", "1x"},
		{"Nephos-User", "99999999999999999999"}};
	static const char *const BAD_NAME[][2] = {{"Nephos-User", "1"}, {"Nephos-User-Name", "%zz"}};
	static const char *const LONG_TOKEN[][2] = {
		{"Nephos-User", "1"}, {"Nephos-Token-Id", "s12345678901234567890123"}};

	for (size_t i = 0; i < 4; i++) {
		ask(state, &WRONG[i], 1);
		assert_int_equal(outcome, -ERR_BAD_REQUEST);
	}
	ask(state, BAD_NAME, 2);
	assert_int_equal(outcome, -ERR_BAD_REQUEST);
	ask(state, LONG_TOKEN, 2);
	assert_int_equal(outcome, -ERR_BAD_REQUEST);
}

static int server_start(void **state)
{
	const struct http_server_options options = {.address = "127.0.0.1", .routes = ROUTES};

	return http_server_start(&options, (struct http_server **)state);
}

static int server_stop(void **state)
{
	http_server_stop(*state);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_identity_headers_of_a_gateway_are_parsed),
		cmocka_unit_test(a_request_without_a_user_header_has_no_identity),
		cmocka_unit_test(malformed_identity_headers_are_refused),
	};

	return cmocka_run_group_tests(tests, server_start, server_stop);
}
