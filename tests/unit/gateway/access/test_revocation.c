/* Requests in flight when their token ends: because the user service says so, or because it no longer accepts the
 * token. */
#include "gateway/access/recheck.h"

#include "tests/unit/gateway/service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define ANNA "Host: g\r\nAuthorization: Bearer anna\r\n"
#define ROOT "Host: g\r\nAuthorization: Bearer root\r\n"
#define FORGET_TOKEN "{\"token_ids\":[\"s12\"]}"
#define FORGET_USER "{\"user_id\":\"5\"}"

static char text[65536];

/* Lets anna's token count again after the test. */
static int let_anna_in(void **state)
{
	struct front *f = *state;

	service_end_anna(&f->service, false);
	service_release(&f->service);
	service_hold(&f->service);
	return 0;
}

static int begin_poll_as(struct front *f, const char *who)
{
	int came = gate_count(&f->service.came);
	int fd = wire_connect(f->port);

	wire_say(fd, "GET /api/v2/docs/hold HTTP/1.1\r\n");
	wire_say(fd, who);
	wire_say(fd, "\r\n");
	assert_true(gate_wait(&f->service.came, came + 1));
	return fd;
}

static int begin_poll(struct front *f)
{
	return begin_poll_as(f, ANNA);
}

static int begin_stream_as(struct front *f, const char *who)
{
	int fd = wire_connect(f->port);

	wire_say(fd, "GET /api/v2/docs/events HTTP/1.1\r\n");
	wire_say(fd, who);
	wire_say(fd, "\r\n");
	assert_true(wire_read_until(fd, text, sizeof(text), "xxxxxxxxxx"));
	return fd;
}

static int begin_stream(struct front *f)
{
	return begin_stream_as(f, ANNA);
}

/* Begins an upload that streams to the service, and sends all but its last byte. */
static int begin_upload(struct front *f)
{
	int came = gate_count(&f->service.came);
	int fd = wire_connect(f->port);

	wire_say(fd, "PUT /api/v2/docs/sink HTTP/1.1\r\n" ANNA "Content-Length: 9000000\r\n\r\n");
	static char block[8999999];
	assert_true(wire_send(fd, block, sizeof(block)));
	assert_true(gate_wait(&f->service.came, came + 1));
	return fd;
}

/* The connection must end without the chunk that ends a stream. */
static void is_cut(int fd)
{
	long got = wire_receive(fd, text, sizeof(text) - 1);

	assert_true(got >= 0);
	text[got] = '\0';
	assert_null(strstr(text, "0\r\n\r\n"));
	close(fd);
}

static void is_refused(int fd, int status)
{
	assert_int_equal(wire_response(fd, text, sizeof(text)), status);
	close(fd);
}

static void a_poll_and_a_stream_end_with_their_token(void **state)
{
	struct front *f = *state;
	int poll = begin_poll(f), stream = begin_stream(f);
	int gone = gate_count(&f->service.gone), closed = gate_count(&f->service.closed);

	assert_int_equal(front_forget(f, FORGET_TOKEN), 204);
	is_refused(poll, 401);
	is_cut(stream);
	/* The requests to the service end, too. */
	assert_true(gate_wait(&f->service.gone, gone + 1));
	assert_true(gate_wait(&f->service.closed, closed + 1));
}

static void a_poll_and_a_stream_of_another_token_go_on_after_a_revocation(void **state)
{
	struct front *f = *state;
	int poll = begin_poll_as(f, ROOT), stream = begin_stream_as(f, ROOT);
	int closed = gate_count(&f->service.closed);

	assert_int_equal(front_forget(f, FORGET_TOKEN), 204);
	service_release(&f->service);
	is_refused(poll, 200);
	assert_true(wire_read_until(stream, text, sizeof(text), "\r\n0\r\n\r\n")); /* the chunk that ends a stream */
	close(stream);
	assert_true(gate_wait(&f->service.closed, closed + 1));
}

static void an_upload_gets_401_when_its_token_ends_before_its_last_byte(void **state)
{
	struct front *f = *state;
	int closed = gate_count(&f->service.closed);
	int fd = begin_upload(f);

	assert_int_equal(front_forget(f, FORGET_TOKEN), 204);
	(void)wire_send(fd, "x", 1);
	is_refused(fd, 401);
	assert_true(gate_wait(&f->service.closed, closed + 1));
}

static void a_request_whose_token_ends_during_its_body_never_reaches_the_service(void **state)
{
	struct front *f = *state;
	int came = gate_count(&f->service.came), asked = gate_count(&f->service.asked);
	int fd = wire_connect(f->port);

	assert_int_equal(front_forget(f, FORGET_TOKEN), 204); /* so that the gateway asks about her token anew */
	wire_say(fd, "PUT /api/v2/docs/sink HTTP/1.1\r\n" ANNA "Content-Length: 5\r\n\r\n123");
	assert_true(gate_wait(&f->service.asked, asked + 1));
	/* When this later request is answered, the first one has been let in. */
	assert_int_equal(front_ask(f, "GET /api/v2/docs/echo/a", "", text, sizeof(text)), 200);
	service_end_anna(&f->service, true);
	assert_int_equal(front_forget(f, FORGET_TOKEN), 204);
	wire_say(fd, "45");
	is_refused(fd, 401);
	assert_int_equal(gate_count(&f->service.came), came);
}

static void an_upload_goes_on_after_a_change_of_its_user_if_its_token_is_valid(void **state)
{
	struct front *f = *state;
	int asked = gate_count(&f->service.asked);
	int fd = wire_connect(f->port);

	assert_int_equal(front_forget(f, FORGET_TOKEN), 204); /* so that the gateway asks about her token anew */
	wire_say(fd, "PUT /api/v2/docs/sink HTTP/1.1\r\n" ANNA "Content-Length: 5\r\n\r\n123");
	assert_true(gate_wait(&f->service.asked, asked + 1));
	assert_int_equal(front_forget(f, FORGET_USER), 204);
	wire_say(fd, "45");
	is_refused(fd, 200);
}

static void a_poll_goes_on_after_a_change_of_its_user_if_its_token_is_valid(void **state)
{
	struct front *f = *state;
	int asked = gate_count(&f->service.asked);
	int poll = begin_poll(f);

	assert_int_equal(front_forget(f, FORGET_USER), 204);
	assert_true(gate_wait(&f->service.asked, asked + 1));
	service_release(&f->service);
	is_refused(poll, 200);
}

static void a_poll_and_an_upload_get_401_when_a_change_of_the_user_ends_the_token(void **state)
{
	struct front *f = *state;
	int poll = begin_poll(f), upload = begin_upload(f);

	service_end_anna(&f->service, true);
	assert_int_equal(front_forget(f, FORGET_USER), 204);
	is_refused(poll, 401);
	(void)wire_send(upload, "x", 1);
	is_refused(upload, 401);
}

static void a_poll_and_a_stream_end_when_their_token_ends_without_a_notice(void **state)
{
	struct front *f = *state;
	int poll = begin_poll(f), stream = begin_stream(f);

	service_end_anna(&f->service, true);
	is_refused(poll, 401);
	is_cut(stream);
}

static void a_request_that_ends_its_own_token_is_answered(void **state)
{
	struct front *f = *state;
	int came = gate_count(&f->service.came);
	int fd = wire_connect(f->port);

	wire_say(fd, "DELETE /api/v2/user/hold HTTP/1.1\r\n" ANNA "\r\n");
	assert_true(gate_wait(&f->service.came, came + 1));
	assert_int_equal(front_forget(f, FORGET_TOKEN), 204);
	service_release(&f->service);
	is_refused(fd, 200);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, let_anna_in, let_anna_in)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_poll_and_a_stream_end_with_their_token),
		TEST(a_poll_and_a_stream_of_another_token_go_on_after_a_revocation),
		TEST(a_request_that_ends_its_own_token_is_answered),
		TEST(an_upload_gets_401_when_its_token_ends_before_its_last_byte),
		TEST(a_request_whose_token_ends_during_its_body_never_reaches_the_service),
		TEST(an_upload_goes_on_after_a_change_of_its_user_if_its_token_is_valid),
		TEST(a_poll_goes_on_after_a_change_of_its_user_if_its_token_is_valid),
		TEST(a_poll_and_an_upload_get_401_when_a_change_of_the_user_ends_the_token),
		TEST(a_poll_and_a_stream_end_when_their_token_ends_without_a_notice),
	};

	return cmocka_run_group_tests(tests, front_setup, front_teardown);
}
