#include "gateway/access/auth.h"

#include "tests/unit/gateway/service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char text[65536];

static int ask_with(struct front *f, const char *target, const char *fields)
{
	char request[2048];
	(void)snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: g\r\n%s\r\n", target, fields);
	return wire_ask(f->port, request, text, sizeof(text));
}

static void a_request_without_a_valid_bearer_token_gets_401(void **state)
{
	static const struct {
		const char *target, *fields;
		int status;
	} rows[] = {
		{"/api/v2/docs/echo/a", "", 401},
		{"/api/v2/docs/echo/a", "Authorization: Bearer anna\r\n", 200},
		{"/api/v2/docs/echo/a", "authorization: bearer   anna\r\n", 200},
		{"/api/v2/docs/echo/a", "Authorization: Bearer wrong\r\n", 401},
		{"/api/v2/docs/echo/a", "Authorization: Bearer\r\n", 401},
		{"/api/v2/docs/echo/a", "Authorization: Bearer anna, Bearer root\r\n", 401},
		{"/api/v2/docs/echo/a", "Authorization: Bearer an\"na\r\n", 401},
		{"/api/v2/docs/echo/a", "Authorization: Basic anna\r\n", 401},
		{"/api/v2/docs/echo/a", "Authorization: anna\r\n", 401},
		{"/api/v2/docs/echo/a?access_token=anna&token=anna", "", 401},
		{"/api/v2/docs/echo/a", "Cookie: token=anna\r\nX-Token: anna\r\nProxy-Authorization: Bearer anna\r\n",
			401},
		{"/api/v2/docs/echo/a", "Nephos-User: 5\r\nNephos-Admin: 1\r\n", 401},
		{"/api/v2/docs/echo/a", "Authorization: Bearer nonsense\r\n",
			503}, /* the user service gave no usable answer */
		{"/api/v2/user/me", "", 401},
		{"/api/v1/user/1/", "", 401},
		{"/healthz", "Authorization: Bearer wrong\r\n", 200},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		int status = ask_with(*state, rows[i].target, rows[i].fields);
		if (status != rows[i].status)
			fail_msg("%s %s: %d", rows[i].target, rows[i].fields, status);
		if (status == 401)
			assert_non_null(strstr(text, "WWW-Authenticate: Bearer"));
	}
}

static void a_login_is_passed_on_without_identity_and_with_the_seen_address(void **state)
{
	struct front *f = *state;
	assert_int_equal(
		wire_ask(f->port,
			"POST /api/v2/user/sessions HTTP/1.1\r\nHost: g\r\nNephos-User: 1\r\nNephos-Admin: 1\r\nContent-Length: 2\r\n"
			"Nephos-Client: 192.0.2.6\r\nnephos_client: 192.0.2.6\r\n\r\n{}",
			text, sizeof(text)),
		200);
	/* Nephos-Client is the address that the gateway has seen. What the client says about it is dropped. */
	assert_non_null(strstr(text, "Nephos-Client: 127.0.0.1\n"));
	assert_null(strstr(text, "192.0.2.6"));
	assert_null(strstr(text, "Nephos-User"));
	assert_null(strstr(text, "Nephos-Admin"));
	/* On an open route a wrong token counts as no token. */
	assert_int_equal(
		wire_ask(f->port,
			"POST /api/v2/user/sessions HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer wrong\r\nContent-Length: 2\r\n\r\n{}",
			text, sizeof(text)),
		200);
	assert_null(strstr(text, "Nephos-User"));
}

static void the_user_service_is_asked_once_about_a_token_and_again_when_it_was_forgotten(void **state)
{
	struct front *f = *state;
	static const char *const bodies[] = {"{\"token_ids\":[\"k1\"]}", "{\"user_id\":\"1\"}"};
	assert_int_equal(ask_with(f, "/api/v2/docs/echo/a", "Authorization: Bearer root\r\n"), 200);
	for (int i = 0; i < 2; i++) {
		int asked = gate_count(&f->service.asked);
		assert_int_equal(front_tell(f, "POST /internal/v1/tokens/forget", bodies[i], text, sizeof(text)), 204);
		assert_int_equal(ask_with(f, "/api/v2/docs/echo/a", "Authorization: Bearer root\r\n"), 200);
		assert_true(gate_count(&f->service.asked) > asked);
		asked = gate_count(&f->service.asked);
		assert_int_equal(ask_with(f, "/api/v2/docs/echo/a", "Authorization: Bearer root\r\n"), 200);
		assert_int_equal(gate_count(&f->service.asked), asked);
	}
}

static void a_malformed_notice_of_ended_tokens_gets_400_or_422(void **state)
{
	struct front *f = *state;
	static const char *const bodies[] = {
		"", "{}", "[]", "{\"token_ids\":\"s1\"}", "{\"token_ids\":[1]}", "{\"user_id\":\"x\"}"};
	for (size_t i = 0; i < sizeof(bodies) / sizeof(*bodies); i++) {
		int status = front_tell(f, "POST /internal/v1/tokens/forget", bodies[i], text, sizeof(text));
		if (status != 400 && status != 422)
			fail_msg("%s: %d", bodies[i], status);
	}
}

static void a_token_is_checked_by_another_user_service_when_one_is_silent(void **state)
{
	struct front *f = *state;
	uint16_t port;
	char url[64], fields[64];
	int listener = wire_listen(&port);
	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%u", port);
	front_add(f, REGISTRY_USER, "silent", url);
	/* Round robin: one of two new questions begins at that service. */
	for (int i = 0; i < 2; i++) {
		(void)snprintf(fields, sizeof(fields), "Authorization: Bearer wrong%d\r\n", i);
		assert_int_equal(ask_with(f, "/api/v2/docs/echo/a", fields), 401);
	}
	front_remove(f, "silent");
	close(listener);
}

static void leave(struct front *f, const char *name)
{
	char body[128];
	(void)snprintf(body, sizeof(body), "{\"kind\":\"user\",\"name\":\"%s\",\"leaving\":true}", name);
	assert_int_equal(front_tell(f, "POST /internal/v1/registry", body, text, sizeof(text)), 200);
}

/* The answer to the second request shows that the gateway, which reads in one thread, has read the first one. */
static void a_request_with_an_unknown_token_waits_until_a_user_service_is_registered(void **state)
{
	struct front *f = *state;
	const int fd = wire_connect(f->port);
	assert_int_equal(
		front_tell(f, "POST /internal/v1/tokens/forget", "{\"user_id\":\"1\"}", text, sizeof(text)), 204);
	front_remove(f, "u");
	leave(f, "u");
	leave(f, "silent");
	assert_true(wire_say(fd, "GET /api/v2/docs/echo/a HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer root\r\n\r\n"));
	assert_int_equal(ask_with(f, "/healthz", ""), 200);
	front_add(f, REGISTRY_USER, "u", f->service.url);
	assert_int_equal(wire_response(fd, text, sizeof(text)), 200);
	close(fd);
}

static void without_a_user_service_requests_get_503_and_healthz_still_answers_200(void **state)
{
	struct front *f = *state;
	front_remove(f, "u");
	leave(f, "u");
	leave(f, "silent");
	assert_int_equal(ask_with(f, "/api/v2/docs/echo/a", "Authorization: Bearer fresh\r\n"), 503);
	assert_non_null(strstr(text, "Retry-After"));
	assert_int_equal(ask_with(f, "/healthz", ""), 200);
	assert_int_equal(ask_with(f, "/readyz", ""), 503);
	front_add(f, REGISTRY_USER, "u", f->service.url);
	assert_int_equal(ask_with(f, "/readyz", ""), 200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_without_a_valid_bearer_token_gets_401),
		cmocka_unit_test(a_login_is_passed_on_without_identity_and_with_the_seen_address),
		cmocka_unit_test(the_user_service_is_asked_once_about_a_token_and_again_when_it_was_forgotten),
		cmocka_unit_test(a_malformed_notice_of_ended_tokens_gets_400_or_422),
		cmocka_unit_test(a_token_is_checked_by_another_user_service_when_one_is_silent),
		cmocka_unit_test(a_request_with_an_unknown_token_waits_until_a_user_service_is_registered),
		cmocka_unit_test(without_a_user_service_requests_get_503_and_healthz_still_answers_200),
	};
	return cmocka_run_group_tests(tests, front_setup, front_teardown);
}
