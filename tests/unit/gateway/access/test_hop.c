#include "gateway/access/hop.h"

#include "common/base/clock.h"
#include "common/http/client/dial.h"
#include "tests/unit/gateway/service.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define WHO "Nephos-User: 5\r\nNephos-User-Name: anna%20%C3%A4\r\nNephos-Admin: 0\r\nNephos-Token-Id: s12\r\n"
#define HOPPED "Nephos-Hop: 3 other\r\n" WHO
#define ECHO_LINE "GET /api/v2/docs/echo/a?q=1"

static char text[65536];

/* ---- what is read ---- */

static void hop_parse_takes_an_epoch_and_a_gateway_name_and_nothing_else(void **state)
{
	static const char *const wrong[] = {"", " ", "1", "1 ", " a", "a 1", "0 a", "01 a", "-1 a", "+1 a", "1  a",
		"1 a ", "1\ta", "1 a b", "1 a/b", "1 \xc3\xa4", "9223372036854775808 a", "18446744073709551617 a",
		"1.0 a"};
	char name[MEMBERSHIP_NAME_SIZE], value[MEMBERSHIP_NAME_SIZE + 8];
	const char *ret_name = NULL;
	int64_t epoch = 0;

	(void)state;
	assert_int_equal(hop_parse("1 gateway-1", &epoch, &ret_name), 0);
	assert_int_equal(epoch, 1);
	assert_string_equal(ret_name, "gateway-1");
	assert_int_equal(hop_parse("9223372036854775807 a._-Z9", &epoch, &ret_name), 0);
	assert_true(epoch == INT64_MAX);
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	(void)snprintf(value, sizeof(value), "7 %s", name);
	assert_int_equal(hop_parse(value, &epoch, &ret_name), 0);
	(void)snprintf(value, sizeof(value), "8 %sn", name);
	assert_int_equal(hop_parse(value, &epoch, &ret_name), -EBADMSG);
	assert_int_equal(hop_parse(NULL, &epoch, &ret_name), -EBADMSG);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		if (hop_parse(wrong[i], &epoch, &ret_name) != -EBADMSG)
			fail_msg("\"%s\"", wrong[i]);
	}
	assert_int_equal(epoch, 7); /* a wrong value leaves *epoch as it was */
}

static void hop_identity_needs_all_four_fields_with_valid_values(void **state)
{
	const struct hop_fields good = {.user = "5", .name = "anna%20%C3%A4", .admin = "1", .token_id = "k7"};
	struct token_identity identity = {0};
	char large[2 * TOKENS_NAME_SIZE];

	(void)state;
	memset(large, 'n', sizeof(large) - 1);
	large[sizeof(large) - 1] = '\0';
	const struct hop_fields wrong[] = {{.name = "a", .admin = "1", .token_id = "k7"},
		{.user = "5", .admin = "1", .token_id = "k7"}, {.user = "5", .name = "a", .token_id = "k7"},
		{.user = "5", .name = "a", .admin = "1"}, {.user = "0", .name = "a", .admin = "1", .token_id = "k7"},
		{.user = "05", .name = "a", .admin = "1", .token_id = "k7"},
		{.user = "9223372036854775808", .name = "a", .admin = "1", .token_id = "k7"},
		{.user = "5", .name = "", .admin = "1", .token_id = "k7"},
		{.user = "5", .name = "%00", .admin = "1", .token_id = "k7"},
		{.user = "5", .name = "%ff", .admin = "1", .token_id = "k7"},
		{.user = "5", .name = "%zz", .admin = "1", .token_id = "k7"},
		{.user = "5", .name = large, .admin = "1", .token_id = "k7"},
		{.user = "5", .name = "a", .admin = "2", .token_id = "k7"},
		{.user = "5", .name = "a", .admin = "", .token_id = "k7"},
		{.user = "5", .name = "a", .admin = "1", .token_id = ""},
		{.user = "5", .name = "a", .admin = "1", .token_id = "k 7"},
		{.user = "5", .name = "a", .admin = "1", .token_id = large}};
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		if (hop_identity(&wrong[i], &identity) != -EBADMSG || identity.user != 0)
			fail_msg("row %zu", i);
	}
	assert_int_equal(hop_identity(&good, &identity), 0);
	assert_int_equal(identity.user, 5);
	assert_string_equal(identity.name, "anna \xc3\xa4");
	assert_string_equal(identity.token_id, "k7");
	assert_true(identity.admin && identity.hopped);
}

/* ---- at a gateway ---- */

/* Connects to the listener for other gateways and greets it as a member of that kind; NULL: without a greeting. */
static int come_as(struct front *f, const char *kind)
{
	const char *colon = strrchr(gateway_hop_url(f->gateway), ':');
	const uint16_t port = (uint16_t)strtoul(colon + 1, NULL, 10);
	struct sockaddr_in name = {
		.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct endpoint_address address = {.size = sizeof(name), .type = SOCK_STREAM};
	struct door *door;
	struct dial *dial;

	if (!kind)
		return wire_connect(port);
	memcpy(&address.name, &name, sizeof(name));
	assert_int_equal(door_new(f->cluster, kind, "other", NULL, &door), 0);
	assert_int_equal(dial_new(&address, door_greeter(door), "gateway/g/", &dial), 0);
	assert_int_equal(dial_wait(dial, clock_mono_ns() + WIRE_TIMEOUT_S * NS_PER_S), 0);
	int fd = dial_take(dial);
	dial_free(dial);
	door_free(door);
	assert_int_equal(fcntl(fd, F_SETFL, 0), 0);
	return fd;
}

static int ask_as(struct front *f, const char *kind, const char *line, const char *fields)
{
	char request[4096];
	int fd = come_as(f, kind);

	(void)snprintf(request, sizeof(request), "%s HTTP/1.1\r\nHost: g\r\nConnection: close\r\n%s\r\n", line, fields);
	wire_say(fd, request);
	int status = wire_response(fd, text, sizeof(text));
	close(fd);
	return status;
}

static void a_hopped_request_goes_to_the_service_with_the_identity_of_its_user(void **state)
{
	assert_int_equal(
		ask_as(*state, "gateway", ECHO_LINE, HOPPED "Nephos-Trace: abc\r\nNephos-Floor: 1.2\r\n"), 200);
	assert_non_null(strstr(text, ECHO_LINE "\n"));
	assert_non_null(strstr(text, "Nephos-User: 5\n"));
	assert_non_null(strstr(text, "Nephos-User-Name: anna%20%C3%A4\n"));
	assert_non_null(strstr(text, "Nephos-Admin: 0\n"));
	assert_non_null(strstr(text, "Nephos-Token-Id: s12\n"));
	assert_non_null(strstr(text, "Nephos-Trace: abc\n"));
	assert_non_null(strstr(text, "Nephos-Floor: 1.2\n"));
	assert_null(strstr(text, "Nephos-Hop"));
}

static void a_hopped_request_with_a_body_is_passed_on_without_a_token_question(void **state)
{
	struct front *f = *state;
	int asked = gate_count(&f->service.asked);

	assert_int_equal(front_forget(f, "{\"user_id\":\"5\"}"), 204);
	assert_int_equal(ask_as(f, "gateway", "POST /api/v2/docs/echo/a", HOPPED "Content-Length: 3\r\n\r\nabc"), 200);
	assert_non_null(strstr(text, "\n\nabc"));
	assert_int_equal(gate_count(&f->service.asked), asked); /* this gateway has not asked about the token */
}

/* A request that was passed on ends with its token only by the gateway that sent it: it goes on here when the user
 * service says that a token with this id has ended. */
static void a_hopped_request_is_not_ended_by_a_notice_about_its_token(void **state)
{
	struct front *f = *state;
	int came = gate_count(&f->service.came);
	int fd = come_as(f, "gateway");

	wire_say(fd, "GET /api/v2/docs/hold HTTP/1.1\r\nHost: g\r\n" HOPPED "\r\n");
	assert_true(gate_wait(&f->service.came, came + 1));
	assert_int_equal(front_forget(f, "{\"token_ids\":[\"s12\"]}"), 204);
	service_release(&f->service);
	assert_int_equal(wire_response(fd, text, sizeof(text)), 200);
	service_hold(&f->service);
	close(fd);
}

static void the_ring_listener_answers_401_to_peers_that_are_not_gateways(void **state)
{
	static const char *const lines[] = {ECHO_LINE, "POST /api/v2/docs/echo/a", "OPTIONS /api/v2/docs/echo/a",
		"GET /api/v1/docs/1", "GET /api/v2/docs/docs", "DELETE /api/v2/docs/echo/a"};
	static const char *const kinds[] = {NULL, "docs", "user", "gateways"};
	struct front *f = *state;

	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		for (size_t k = 0; k < sizeof(kinds) / sizeof(*kinds); k++) {
			int status = ask_as(f, kinds[k], lines[i], HOPPED);
			if (status != 401 || strstr(text, "Nephos-User"))
				fail_msg("%s as %s: %d", lines[i], kinds[k] ? kinds[k] : "nobody", status);
			status = ask_as(f, kinds[k], lines[i], "Authorization: Bearer root\r\nNephos-Hello: known\r\n");
			assert_int_equal(status, 401);
		}
	}
	assert_int_equal(ask_as(f, "gateway", "OPTIONS /api/v2/docs/echo/a", ""), 400);
}

static void a_malformed_hop_gets_400_and_a_hop_in_the_gateways_own_name_gets_508(void **state)
{
	static const struct {
		const char *fields;
		int status;
	} rows[] = {
		{"", 400},
		{WHO, 400},
		{"Nephos-Hop: 3 other\r\n", 400},
		{"Nephos-Hop: x other\r\n" WHO, 400},
		{"Nephos-Hop: 0 other\r\n" WHO, 400},
		{"Nephos-Hop: 3\r\n" WHO, 400},
		{"Nephos-Hop: 3 other\r\nNephos-Hop: 3 other\r\n" WHO, 400},
		{"Nephos-Hop: 3 other\r\nNephos-User: x\r\nNephos-User-Name: a\r\nNephos-Admin: 0\r\nNephos-Token-Id: s1\r\n",
			400},
		{HOPPED "Authorization: Bearer anna\r\n", 400},
		{"Nephos-Hop: 3 g\r\n" WHO, 508},
		{HOPPED, 200},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		int status = ask_as(*state, "gateway", ECHO_LINE, rows[i].fields);
		if (status != rows[i].status)
			fail_msg("%s: %d", rows[i].fields, status);
		if (status == 508)
			assert_non_null(strstr(text, "/problems/hop-loop"));
	}
}

static void user_internal_and_status_routes_get_404_at_the_ring_listener(void **state)
{
	static const char *const lines[] = {"GET /api/v2/user/me", "POST /internal/v1/registry",
		"GET /internal/v1/registry", "POST /internal/v1/tokens/forget", "GET /status", "GET /metrics",
		"GET /api/v2/gateways"};

	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		assert_int_equal(ask_as(*state, "gateway", lines[i], HOPPED), 404);
		assert_int_equal(ask_as(*state, NULL, lines[i], HOPPED), 404);
	}
}

static void the_public_listener_ignores_a_hop_field_of_a_client(void **state)
{
	struct front *f = *state;

	assert_int_equal(
		wire_ask(f->port, ECHO_LINE " HTTP/1.1\r\nHost: g\r\n" HOPPED "\r\n", text, sizeof(text)), 401);
	assert_int_equal(front_ask(f, ECHO_LINE, "Nephos-Hop: 3 g\r\n", text, sizeof(text)), 200);
	assert_null(strstr(text, "Nephos-Hop"));
}

/* ---- what it is started with ---- */

static int start(struct front *f, const char *address, const char *advertise, struct buf *why, struct gateway **ret)
{
	const struct gateway_options options = {.name = "h",
		.address = "127.0.0.1",
		.internal_address = "127.0.0.1",
		.ring_address = address,
		.ring_advertise = advertise,
		.threads = 1,
		.cluster = f->cluster,
		.ringless = true};

	return gateway_start(&options, why, ret);
}

static void an_unusable_ring_address_is_refused_with_the_name_of_the_option(void **state)
{
	static const struct {
		const char *address, *advertise, *why;
	} rows[] = {
		{"0.0.0.0", NULL, "--ring-advertise http://HOST:PORT"},
		{"::", NULL, "--ring-advertise http://HOST:PORT"},
		{"unix:/tmp/x", NULL, "--ring-listen"},
		{NULL, "https://h", "--ring-advertise"},
		{NULL, "http://", "--ring-advertise"},
		{NULL, "http://h/path", "--ring-advertise"},
		{NULL, "http://u@h", "--ring-advertise"},
	};
	struct gateway *g;
	struct buf why;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		buf_init(&why, 1024);
		assert_int_equal(start(*state, rows[i].address, rows[i].advertise, &why, &g), -EINVAL);
		if (!strstr(why.data, rows[i].why))
			fail_msg("row %zu: %s", i, why.data);
		buf_fini(&why);
	}
}

static void the_hop_url_is_the_listening_address_or_the_advertised_url(void **state)
{
	static const struct {
		const char *address, *advertise, *url;
	} rows[] = {
		{NULL, NULL, "http://127.0.0.1:"},
		{"::1", NULL, "http://[::1]:"},
		{"0.0.0.0", "http://gateway-1:8052", "http://gateway-1:8052"},
		{"::", "http://[fd00::1]:8052", "http://[fd00::1]:8052"},
	};
	struct gateway *g;
	struct buf why;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		buf_init(&why, 1024);
		int r = start(*state, rows[i].address, rows[i].advertise, &why, &g);
		if (r == -EADDRNOTAVAIL || r == -EAFNOSUPPORT) {
			buf_fini(&why); /* a machine without IPv6 */
			continue;
		}
		assert_int_equal(r, 0);
		const size_t size = strlen(rows[i].url);
		assert_memory_equal(gateway_hop_url(g), rows[i].url, size);
		assert_true(rows[i].advertise ? !gateway_hop_url(g)[size] : gateway_hop_url(g)[size] != '0');
		gateway_free(g);
		buf_fini(&why);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hop_parse_takes_an_epoch_and_a_gateway_name_and_nothing_else),
		cmocka_unit_test(hop_identity_needs_all_four_fields_with_valid_values),
		cmocka_unit_test(a_hopped_request_goes_to_the_service_with_the_identity_of_its_user),
		cmocka_unit_test(a_hopped_request_with_a_body_is_passed_on_without_a_token_question),
		cmocka_unit_test(a_hopped_request_is_not_ended_by_a_notice_about_its_token),
		cmocka_unit_test(the_ring_listener_answers_401_to_peers_that_are_not_gateways),
		cmocka_unit_test(a_malformed_hop_gets_400_and_a_hop_in_the_gateways_own_name_gets_508),
		cmocka_unit_test(user_internal_and_status_routes_get_404_at_the_ring_listener),
		cmocka_unit_test(the_public_listener_ignores_a_hop_field_of_a_client),
		cmocka_unit_test(an_unusable_ring_address_is_refused_with_the_name_of_the_option),
		cmocka_unit_test(the_hop_url_is_the_listening_address_or_the_advertised_url),
	};
	return cmocka_run_group_tests(tests, front_setup, front_teardown);
}
