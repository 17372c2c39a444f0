#include "gateway/proxy/proxy.h"

#include "tests/unit/common/http/script.h"
#include "tests/unit/gateway/service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define TEXT_BYTES (512u * 1024)

static char text[TEXT_BYTES];

static void has(const char *part)
{
	if (!strstr(text, part))
		fail_msg("no \"%s\" in: %s", part, text);
}

static void has_not(const char *part)
{
	if (strcasestr(text, part))
		fail_msg("\"%s\" in: %s", part, text);
}

/* ---- what crosses ---- */

static void a_request_reaches_the_service_unchanged_and_with_the_identity(void **state)
{
	struct front *f = *state;
	assert_int_equal(front_ask(f, "POST /api/v2/docs/echo/a%20b?q=%31", "X-Mine: 1\r\nContent-Length: 3\r\n\r\nabc",
				 text, TEXT_BYTES),
		200);
	has("POST /api/v2/docs/echo/a%20b?q=%31\n");
	has("X-Mine: 1\n");
	has("Nephos-User: 5\n");
	has("Nephos-User-Name: anna%20%C3%A4\n");
	has("Nephos-Admin: 0\n");
	has("Nephos-Token-Id: s12\n");
	has("\n\nabc");
	has_not("Bearer");
}

static void internal_fields_of_a_client_are_dropped_in_any_spelling(void **state)
{
	struct front *f = *state;
	assert_int_equal(
		front_ask(f, "GET /api/v2/docs/echo/a",
			"nephos-USER: sixsix\r\nNEPHOS-ADMIN: sixsix\r\nNephos_User: sixsix\r\nnephos_admin: sixsix\r\n"
			"Nephos-Tags: sixsix\r\nNephos-Epoch: sixsix\r\nNephos_Epoch: sixsix\r\nNephos-Standby: sixsix\r\nNephos-Whatever-Comes: sixsix\r\nNephos-Floor: 1.2\r\n"
			"Nephos-Hop: sixsix\r\nnephos_hop: sixsix\r\nNephos-Home: sixsix\r\nNephos-Drive: sixsix\r\nNephos-Touched: sixsix\r\n"
			"Nephos-User_Name: sixsix\r\nNephos-Token-Id: sixsix\r\nNephos-Hello: sixsix\r\nNephos_Hello: sixsix\r\n"
			"Connection: Nephos-User, Nephos-Admin\r\nConnection: Nephos-Hello\r\n",
			text, TEXT_BYTES),
		200);
	has_not("sixsix");
	has("Nephos-User: 5\n");
	has("Nephos-Admin: 0\n");
	has("Nephos-Floor: 1.2\n");
}

static void fields_named_by_any_connection_field_are_not_passed_on(void **state)
{
	assert_int_equal(
		front_ask(*state, "GET /api/v2/docs/echo/a",
			"Connection: X-One\r\nConnection: keep-alive, X-Two\r\nX-One: 1\r\nX-Two: 2\r\nX-Three: 3\r\nKeep-Alive: 9\r\nTE: trailers\r\n",
			text, TEXT_BYTES),
		200);
	has("X-Three: 3");
	has_not("X-One");
	has_not("X-Two");
	has_not("Keep-Alive");
	has_not("\nTE:");
}

static void a_chunked_request_arrives_at_the_service(void **state)
{
	assert_int_equal(
		front_ask(*state, "POST /api/v2/docs/echo/a",
			"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\n\r\n", text, TEXT_BYTES),
		200);
	has("\n\nabcdefg");
}

static void a_client_that_expects_100_continue_gets_it_before_its_body(void **state)
{
	struct front *f = *state;
	int fd = wire_connect(f->port);
	wire_say(fd,
		"PUT /api/v2/docs/sink HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer anna\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
	assert_int_equal(wire_response(fd, text, TEXT_BYTES), 100);
	wire_say(fd, "12345");
	assert_int_equal(wire_response(fd, text, TEXT_BYTES), 200);
	has("\r\n\r\n5");
	close(fd);
}

/* ---- answers ---- */

static void answers_without_a_body_keep_the_connection(void **state)
{
	struct front *f = *state;
	int fd = wire_connect(f->port);
	static const int codes[] = {204, 304, 200, 404};
	for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++) {
		char request[256];
		(void)snprintf(request, sizeof(request),
			"GET /api/v2/docs/code/%d HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer anna\r\n\r\n", codes[i]);
		wire_say(fd, request);
		assert_int_equal(wire_response(fd, text, TEXT_BYTES), codes[i]);
		has("ETag: \"e\"");
		if (codes[i] == 204)
			has_not("Content-Length");
		if (codes[i] == 304)
			has("Content-Length: 77\r\n"); /* the length of what the client has, as the service gave it */
	}
	close(fd);
}

static void a_head_request_gets_the_length_without_the_bytes(void **state)
{
	struct front *f = *state;
	int fd = wire_connect(f->port);
	static const char *const heads[] = {"HEAD /api/v2/docs/flood/77", "HEAD /api/v2/docs/flood/7777777"};
	static const char *const lengths[] = {"Content-Length: 77\r\n", "Content-Length: 7777777\r\n"};
	for (int i = 0; i < 2; i++) {
		wire_say(fd, heads[i]);
		wire_say(fd, " HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer anna\r\n\r\n");
		size_t got = 0;
		while (got < 4 || memcmp(text + got - 4, "\r\n\r\n", 4) != 0)
			assert_int_equal(recv(fd, text + got++, 1, 0), 1);
		text[got] = '\0';
		has(lengths[i]);
	}
	close(fd);
}

static void a_head_request_for_a_stream_gets_no_content_length(void **state)
{
	struct front *f = *state;
	int fd = wire_connect(f->port);
	wire_say(fd,
		"HEAD /api/v2/docs/flood-chunked/5 HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer anna\r\nConnection: close\r\n\r\n");
	long got = wire_receive(fd, text, TEXT_BYTES - 1);
	assert_true(got > 0);
	text[got] = '\0';
	has("HTTP/1.1 200");
	has_not("Content-Length");
	assert_memory_equal(text + got - 4, "\r\n\r\n", 4);
	assert_ptr_equal(
		/* No byte of a body follows: the next answer begins here. */
		strstr(text, "\r\n\r\n"), text + got - 4);
	close(fd);
}

static void answers_of_20_mb_arrive_complete_through_the_gateway(void **state)
{
	struct front *f = *state;
	static const char *const targets[] = {"/api/v2/docs/flood/20000000", "/api/v2/docs/flood-chunked/20000000"};
	for (int i = 0; i < 2; i++) {
		char request[256], data[65536];
		int fd = wire_connect(f->port);
		(void)snprintf(request, sizeof(request),
			"GET %s HTTP/1.0\r\nHost: g\r\nAuthorization: Bearer anna\r\n\r\n", targets[i]);
		wire_say(fd, request);
		long sum = 0, got;
		while ((got = recv(fd, data, sizeof(data), 0)) > 0) {
			for (long at = 0; at < got; at++)
				sum += data[at] == 'x' && got > 0;
		}
		if (sum < 20000000 || sum >= 20000100)
			fail_msg("%s: %ld bytes", targets[i], sum);
		close(fd);
	}
}

static void events_arrive_at_once_and_a_disconnected_client_ends_their_stream(void **state)
{
	struct front *f = *state;
	int fd = wire_connect(f->port), closed = gate_count(&f->service.closed);
	service_hold(&f->service);
	wire_say(fd, "GET /api/v2/docs/events HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer anna\r\n\r\n");
	size_t got = 0;
	text[0] = '\0';
	while (!strstr(text, "xxxxxxxxxx")) {
		assert_int_equal(recv(fd, text + got, 1, 0), 1);
		text[++got] = '\0';
	}
	has("Transfer-Encoding: chunked");
	wire_reset(fd);
	/* The stream from the service ends with the client's connection, too. */
	assert_true(gate_wait(&f->service.closed, closed + 1));
}

static void the_head_of_a_stream_does_not_wait_for_its_first_byte(void **state)
{
	struct front *f = *state;
	int fd = wire_connect(f->port);
	service_hold(&f->service);
	wire_say(fd, "GET /api/v2/docs/silent HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer anna\r\n\r\n");
	assert_int_equal(wire_receive(fd, text, 12), 12);
	assert_memory_equal(text, "HTTP/1.1 200", 12);
	service_release(&f->service);
	close(fd);
}

static void a_refusal_before_the_body_was_read_is_passed_on(void **state)
{
	struct front *f = *state;
	int fd = wire_connect(f->port);
	wire_say(fd,
		"PUT /api/v2/docs/refuse HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer anna\r\nContent-Length: 1000000000\r\n\r\n");
	static char block[65536];
	for (int i = 0; i < 64 && wire_send(fd, block, sizeof(block)); i++)
		;
	assert_int_equal(wire_response(fd, text, TEXT_BYTES), 413);
	close(fd);
}

static void large_bodies_stream_through_the_gateway(void **state)
{
	struct front *f = *state;
	int fd = wire_connect(f->port);
	static char block[1u << 20];
	wire_say(fd,
		"PUT /api/v2/docs/sink HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer anna\r\nContent-Length: 33554432\r\n\r\n");
	for (int i = 0; i < 32; i++)
		assert_true(wire_send(fd, block, sizeof(block)));
	assert_int_equal(wire_response(fd, text, TEXT_BYTES), 200);
	has("\r\n\r\n33554432");
	close(fd);
}

/* ---- clients that leave ---- */

static void a_client_that_disconnects_cancels_its_request(void **state)
{
	struct front *f = *state;
	int came = gate_count(&f->service.came), gone = gate_count(&f->service.gone);
	for (int i = 1; i <= 8; i++) {
		int fd = wire_connect(f->port);
		wire_say(fd, "GET /api/v2/docs/hold HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer anna\r\n\r\n");
		assert_true(gate_wait(&f->service.came, came + i));
		wire_reset(fd);
		/* The gateway ends its own request, and the service sees the end of that connection. */
		assert_true(gate_wait(&f->service.gone, gone + i));
	}
	service_release(&f->service);
}

static void a_client_that_has_closed_its_sending_side_gets_its_answer(void **state)
{
	struct front *f = *state;
	int came = gate_count(&f->service.came), gone = gate_count(&f->service.gone);
	int fd = wire_connect(f->port), other = wire_connect(f->port);
	wire_say(fd, "GET /api/v2/docs/hold HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer anna\r\n\r\n");
	shutdown(fd, SHUT_WR);
	assert_true(gate_wait(&f->service.came, came + 1));
	/* The gateway has looked at both connections by the time that it finds this reset. */
	wire_say(other, "GET /api/v2/docs/hold HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer anna\r\n\r\n");
	assert_true(gate_wait(&f->service.came, came + 2));
	wire_reset(other);
	assert_true(gate_wait(&f->service.gone, gone + 1));
	service_release(&f->service);
	assert_int_equal(wire_response(fd, text, TEXT_BYTES), 200);
	close(fd);
}

static void an_aborted_upload_ends_the_request_to_the_service(void **state)
{
	struct front *f = *state;
	static const char *const lengths[] = {"Content-Length: 5000\r\n\r\n", "Content-Length: 50000000\r\n\r\n",
		"Transfer-Encoding: chunked\r\n\r\n4\r\n"};
	int closed = gate_count(&f->service.closed), came = gate_count(&f->service.came);
	for (int i = 0; i < 3; i++) {
		int fd = wire_connect(f->port);
		wire_say(fd, "PUT /api/v2/docs/sink HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer anna\r\n");
		wire_say(fd, lengths[i]);
		wire_say(fd, "abc");
		if (i > 0) /* a small body is collected first: no request reaches the service */
			assert_true(gate_wait(&f->service.came, came + i));
		close(fd);
	}
	assert_true(gate_wait(&f->service.closed, closed + 2));
	assert_int_equal(front_ask(f, "GET /api/v2/docs/echo/a", "", text, TEXT_BYTES), 200);
}

static void a_reader_that_disconnects_ends_the_stream_from_the_service(void **state)
{
	struct front *f = *state;
	int closed = gate_count(&f->service.closed);
	int fd = wire_connect(f->port);
	wire_say(fd, "GET /api/v2/docs/flood/1000000000000 HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer anna\r\n\r\n");
	assert_int_equal(wire_receive(fd, text, 100000), 100000);
	close(fd);
	assert_true(gate_wait(&f->service.closed, closed + 1));
}

/* ---- instances that fail ---- */

static void url_of(uint16_t port, char ret[64])
{
	(void)snprintf(ret, 64, "http://127.0.0.1:%u", port);
}

/* Sends a request for a drive whose first choice is the instance "b" at that port. */
static int ask_failing(struct front *f, uint16_t port, const char *method, const char *path, const char *more)
{
	char url[64], line[256];
	url_of(port, url);
	front_add(f, REGISTRY_DOCS, "b", url);
	(void)snprintf(line, sizeof(line), "%s /api/v2/docs/drives/%d%s", method, front_drive_of("b", "d"), path);
	int status = front_ask(f, line, more, text, TEXT_BYTES);
	front_remove(f, "b");
	return status;
}

static void a_change_goes_to_the_next_instance_after_a_refused_connection(void **state)
{
	uint16_t port;
	int fd = wire_listen(&port);
	close(fd);
	assert_int_equal(ask_failing(*state, port, "POST", "/folders", "Content-Length: 3\r\n\r\nabc"), 200);
	has("\n\nabc");
	assert_int_equal(
		ask_failing(*state, port, "PUT", "/files/a", "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
		200);
	has("\n\nabc");
}

static void a_102_is_passed_on_only_to_a_client_that_asked_for_it(void **state)
{
	static const char waits[] = "HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone";
	static const char *const patience[] = {"Nephos-Patience: 1\r\n", ""};
	struct front *f = *state;
	for (size_t i = 0; i < 2; i++) {
		struct script s;
		char url[64], request[256];
		script_start(&s, (const char *const[]){waits}, 1);
		url_of(s.port, url);
		front_add(f, REGISTRY_DOCS, "b", url);
		int fd = wire_connect(f->port);
		(void)snprintf(request, sizeof(request),
			"PUT /api/v2/docs/drives/%d/files/a HTTP/1.1\r\nHost: g\r\nAuthorization: Bearer anna\r\n%s"
			"Content-Length: 3\r\n\r\nabc",
			front_drive_of("b", "d"), patience[i]);
		assert_true(wire_say(fd, request));
		if (i == 0)
			assert_int_equal(wire_response(fd, text, TEXT_BYTES), 102);
		/* Clients that did not ask for it could take a 102 for the answer. */
		assert_int_equal(wire_response(fd, text, TEXT_BYTES), 200);
		has("done");
		close(fd);
		front_remove(f, "b");
		script_end(&s);
	}
}

struct reset_row {
	const char *method, *path, *more;
	int status;
	bool twice; /* the answer says that an instance before may have applied the request */
};

static void after_a_reset_only_reads_and_repeatable_changes_are_sent_again(void **state)
{
	static const struct reset_row rows[] = {
		{"GET", "/items/1", "", 200}, {"POST", "/ops", "Content-Length: 1\r\n\r\n1", 503},
		{"POST", "/ops", "Idempotency-Key: a\r\nContent-Length: 1\r\n\r\n1", 200, true},
		{"POST", "/ops", "Idempotency-Key:\r\nContent-Length: 1\r\n\r\n1", 503},
		{"POST", "/ops", "Nephos-Session: 1\r\nNephos-Batch: 1\r\nContent-Length: 1\r\n\r\n1", 200, true},
		{"POST", "/ops", "Nephos-Batch: 1\r\nContent-Length: 1\r\n\r\n1", 503},
		{"POST", "/changes", "Content-Length: 1\r\n\r\n1", 200},
		{"PUT", "/blocks/aa", "Content-Length: 1\r\n\r\n1", 200, true},
		{"PUT", "/files/blocks/aa", "Content-Length: 1\r\n\r\n1", 503},
		{"PUT", "/files/a?x=/blocks/aa", "Content-Length: 1\r\n\r\n1", 503},
		{"POST", "/files/changes", "Content-Length: 1\r\n\r\n1", 503},
		{"PUT", "/blocks/aa", "Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n", 200,
			true}, /* the gateway asks before it sends the body: no byte of it is lost */
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct script s;
		script_start(&s, (const char *const[]){NULL}, 1);
		int status = ask_failing(*state, s.port, rows[i].method, rows[i].path, rows[i].more);
		if (status != rows[i].status)
			fail_msg("row %zu: %d", i, status);
		if (rows[i].twice)
			has("Nephos-Attempts: 2\r\n");
		else
			has_not("Nephos-Attempts");
		script_end(&s);
	}
}

static void a_read_is_not_repeated_after_the_first_byte_of_its_answer(void **state)
{
	struct script s;
	script_start(&s, (const char *const[]){"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabcCUT"}, 1);
	assert_int_equal(ask_failing(*state, s.port, "GET", "/items/1", ""), 503);
	script_end(&s);
	assert_int_equal(s.requests, 1);
}

/* The kernel accepts connections for a stopped process. Nothing else comes from it, and its registration expires. */
static void polls_leave_a_stopped_instance_and_a_change_gets_unknown_outcome(void **state)
{
	struct front *f = *state;
	uint16_t port;
	int fd = wire_listen(&port);
	char url[64], line[64];
	url_of(port, url);
	for (int i = 0; i < 2; i++) {
		front_register(f, REGISTRY_DOCS, "b", url);
		(void)snprintf(line, sizeof(line), "%s /api/v2/docs/drives/%d/changes?wait=60", i ? "POST" : "GET",
			front_drive_of("b", "d"));
		assert_int_equal(front_ask(f, line, "", text, TEXT_BYTES), 200);
	}
	front_register(f, REGISTRY_DOCS, "b", url);
	(void)snprintf(line, sizeof(line), "POST /api/v2/docs/drives/%d/folders", front_drive_of("b", "d"));
	assert_int_equal(front_ask(f, line, "", text, TEXT_BYTES), 503);
	has("unknown-outcome");
	close(fd);
}

static void a_read_leaves_an_instance_that_hangs_and_still_registers(void **state)
{
	uint16_t port;
	int fd = wire_listen(&port);
	assert_int_equal(ask_failing(*state, port, "GET", "/items/1", ""), 200);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_request_reaches_the_service_unchanged_and_with_the_identity),
		cmocka_unit_test(internal_fields_of_a_client_are_dropped_in_any_spelling),
		cmocka_unit_test(fields_named_by_any_connection_field_are_not_passed_on),
		cmocka_unit_test(a_chunked_request_arrives_at_the_service),
		cmocka_unit_test(a_client_that_expects_100_continue_gets_it_before_its_body),
		cmocka_unit_test(answers_without_a_body_keep_the_connection),
		cmocka_unit_test(a_head_request_gets_the_length_without_the_bytes),
		cmocka_unit_test(a_head_request_for_a_stream_gets_no_content_length),
		cmocka_unit_test(answers_of_20_mb_arrive_complete_through_the_gateway),
		cmocka_unit_test(events_arrive_at_once_and_a_disconnected_client_ends_their_stream),
		cmocka_unit_test(the_head_of_a_stream_does_not_wait_for_its_first_byte),
		cmocka_unit_test(a_refusal_before_the_body_was_read_is_passed_on),
		cmocka_unit_test(large_bodies_stream_through_the_gateway),
		cmocka_unit_test(a_client_that_disconnects_cancels_its_request),
		cmocka_unit_test(a_client_that_has_closed_its_sending_side_gets_its_answer),
		cmocka_unit_test(an_aborted_upload_ends_the_request_to_the_service),
		cmocka_unit_test(a_reader_that_disconnects_ends_the_stream_from_the_service),
		cmocka_unit_test(a_change_goes_to_the_next_instance_after_a_refused_connection),
		cmocka_unit_test(a_102_is_passed_on_only_to_a_client_that_asked_for_it),
		cmocka_unit_test(after_a_reset_only_reads_and_repeatable_changes_are_sent_again),
		cmocka_unit_test(a_read_is_not_repeated_after_the_first_byte_of_its_answer),
		cmocka_unit_test(polls_leave_a_stopped_instance_and_a_change_gets_unknown_outcome),
		cmocka_unit_test(a_read_leaves_an_instance_that_hangs_and_still_registers),
	};
	return cmocka_run_group_tests(tests, front_setup, front_teardown);
}
