#include "backend/service/registration.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/http/client/client.h"
#include "common/http/server/server.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
	struct http_server *server;
	struct http_client *client;
	struct registration *registration;
	char gateway[64];
	sem_t heard;
	atomic_int farewells;
	atomic_bool ready;
	json_t *last;
};

/* The gateway's list: two docs services and one user service are valid. */
static const char ANSWER[] =
	"{\"services\":[{\"kind\":\"docs\",\"name\":\"docs-1\",\"url\":\"http://a:1\",\"instance\":\"aa\"},{\"kind\":\"docs\",\"name\":\"docs-2\",\"url\":\"http://b:2\",\"instance\":\"bb\"},"
	"{\"kind\":\"user\",\"name\":\"user-1\",\"url\":\"http://c:3\",\"instance\":\"cc\"},{\"kind\":5},{},{\"kind\":\"user\",\"name\":\"nobody-knows-which\",\"url\":\"http://d:4\"}]}";

static void on_registry(struct http_request *req, void *cookie)
{
	struct fixture *f = cookie;
	struct span body = http_request_body(req);

	json_decref(f->last);
	f->last = json_loadb(body.data, body.size, 0, NULL);
	if (json_is_true(json_object_get(f->last, "leaving")))
		atomic_fetch_add(&f->farewells, 1);
	http_respond(req, 200, NULL, SPAN_LITERAL(ANSWER));
	sem_post(&f->heard);
}

static const struct http_route ROUTES[] = {
	{.method = "POST",
		.pattern = "/internal/v1/registry",
		.body = HTTP_BODY_WHOLE,
		.body_max = 4096,
		.handler = on_registry,
		.internal = true},
	{.method = NULL},
};

static bool is_ready(void *cookie)
{
	return atomic_load(&((struct fixture *)cookie)->ready);
}

static int make_registration(struct fixture *f, const char *gateways)
{
	const struct registration_options options = {.gateways = gateways,
		.kind = "docs",
		.name = "docs-1",
		.instance = "0a0b",
		.client = f->client,
		.ready = is_ready,
		.cookie = f};

	return registration_new(&options, &f->registration);
}

static int fixture_new(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (!f)
		return -ENOMEM;
	*state = f;
	sem_init(&f->heard, 0, 0);
	atomic_store(&f->ready, true);
	const struct http_server_options options = {.address = "127.0.0.1", .routes = ROUTES, .cookie = f};
	int r = http_server_start(&options, &f->server);
	if (r == 0)
		r = http_client_new(&(struct http_client_options){0}, &f->client);
	if (r == 0)
		snprintf(f->gateway, sizeof(f->gateway), "http://127.0.0.1:%u", http_server_port(f->server));
	return r;
}

static int fixture_free(void **state)
{
	struct fixture *f = *state;

	registration_free(f->registration);
	http_client_free(f->client);
	http_server_stop(f->server);
	json_decref(f->last);
	sem_destroy(&f->heard);
	free(f);
	return 0;
}

static void hear(struct fixture *f)
{
	const struct timespec until = clock_timespec(clock_mono_ns() + 30 * NS_PER_S);

	assert_int_equal(sem_clockwait(&f->heard, CLOCK_MONOTONIC, &until), 0);
}

static const char *said(const struct fixture *f, const char *name)
{
	return json_string_value(json_object_get(f->last, name));
}

static void a_registration_sends_kind_name_url_and_instance_of_the_service(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(make_registration(f, f->gateway), 0);
	assert_int_equal(registration_start(f->registration, "http://here:1"), 0);
	hear(f);
	registration_leave(f->registration);
	hear(f);
	assert_string_equal(said(f, "kind"), "docs");
	assert_string_equal(said(f, "name"), "docs-1");
	assert_string_equal(said(f, "url"), "http://here:1");
	assert_string_equal(said(f, "instance"), "0a0b");
	assert_true(json_is_false(json_object_get(f->last, "ready")));
	assert_int_equal(atomic_load(&f->farewells), 1);
}

static void a_service_renews_its_registration_and_picks_services_in_turn(void **state)
{
	struct fixture *f = *state;
	char url[REGISTRATION_URL_MAX], again[REGISTRATION_URL_MAX], peer[REGISTRATION_PEER_MAX];

	assert_int_equal(make_registration(f, f->gateway), 0);
	assert_int_equal(registration_pick(f->registration, "docs", url, peer), -ENOENT);
	assert_int_equal(registration_start(f->registration, "http://here:1"), 0);
	hear(f);
	hear(f); /* it comes after the first one was answered */
	assert_int_equal(registration_count(f->registration, "docs"), 2);
	assert_int_equal(registration_count(f->registration, "user"), 1);
	assert_int_equal(registration_pick(f->registration, "docs", url, peer), 0);
	assert_int_equal(registration_pick(f->registration, "docs", again, peer), 0);
	assert_string_not_equal(url, again);
	assert_int_equal(registration_pick(f->registration, "docs", again, peer), 0);
	assert_string_equal(url, again);
	assert_int_equal(registration_pick(f->registration, "user", url, peer), 0);
	assert_string_equal(url, "http://c:3");
	assert_string_equal(peer, "user/user-1/cc");
	assert_int_equal(registration_pick(f->registration, "mail", url, peer), -ENOENT);
}

static void registration_await_waits_until_a_service_of_the_kind_is_known(void **state)
{
	struct fixture *f = *state;
	char url[REGISTRATION_URL_MAX], peer[REGISTRATION_PEER_MAX];

	assert_int_equal(make_registration(f, f->gateway), 0);
	assert_int_equal(registration_await(f->registration, "user", 1), -ENOENT);
	assert_int_equal(registration_start(f->registration, "http://here:1"), 0);
	assert_int_equal(registration_await(f->registration, "user", 30000), 0);
	assert_int_equal(registration_pick(f->registration, "user", url, peer), 0);
	assert_int_equal(registration_await(f->registration, "mail", 1), -ENOENT);
}

static void an_unreachable_gateway_does_not_stop_registration_at_another(void **state)
{
	struct fixture *f = *state;
	char both[160];

	/* Port 9 is discard: nothing listens on it here, or nothing answers. */
	snprintf(both, sizeof(both), "http://127.0.0.1:9,%s", f->gateway);
	assert_int_equal(make_registration(f, both), 0);
	assert_int_equal(registration_start(f->registration, "http://here:1"), 0);
	hear(f);
	hear(f);
	registration_leave(f->registration);
	assert_int_equal(atomic_load(&f->farewells), 1);
}

static void an_unreachable_socket_is_logged_by_its_path(void **state)
{
	struct fixture *f = *state;
	char text[4096], both[160];
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	log_init("test", LOG_WARNING, ends[1]);
	snprintf(both, sizeof(both), "unix:/usr/no-such-socket,%s", f->gateway);
	assert_int_equal(make_registration(f, both), 0);
	assert_int_equal(registration_start(f->registration, "http://here:1"), 0);
	hear(f);
	hear(f); /* each is called again a second later, when the first call to the socket has failed */
	const ssize_t size = read(ends[0], text, sizeof(text) - 1);
	log_init("test", LOG_WARNING, STDERR_FILENO);
	close(ends[0]);
	close(ends[1]);
	assert_true(size > 0);
	text[size] = '\0';
	assert_non_null(strstr(text, "gateway=/usr/no-such-socket does not take the registration"));
	assert_null(strstr(text, "http://nephos"));
}

static void a_list_of_gateways_may_contain_spaces_slashes_and_sockets(void **state)
{
	struct registration_gateway gateway;
	struct fixture *f = *state;

	assert_int_equal(make_registration(f, " http://a:1/ , http://b:2,unix:/usr/socket,,"), 0);
	assert_int_equal(registration_gateway(f->registration, 0, &gateway), 0);
	assert_string_equal(gateway.url, "http://a:1");
	assert_null(gateway.socket_path);
	assert_int_equal(registration_gateway(f->registration, 1, &gateway), 0);
	assert_string_equal(gateway.url, "http://b:2");
	assert_int_equal(registration_gateway(f->registration, 2, &gateway), 0);
	assert_string_equal(gateway.socket_path, "/usr/socket");
	assert_int_equal(registration_gateway(f->registration, 3, &gateway), -ENOENT);
	registration_leave(f->registration); /* never started, so it says no farewell */
}

static void a_named_gateway_gets_that_name_as_its_peer(void **state)
{
	struct registration_gateway gateway;
	struct fixture *f = *state;

	assert_int_equal(make_registration(f, "gateway-1=http://a:1/x=y, http://b:2"), 0);
	assert_int_equal(registration_gateway(f->registration, 0, &gateway), 0);
	assert_string_equal(gateway.url, "http://a:1/x=y");
	assert_string_equal(gateway.peer, "gateway/gateway-1/");
	assert_int_equal(registration_gateway(f->registration, 1, &gateway), 0);
	assert_string_equal(gateway.url, "http://b:2");
	assert_string_equal(gateway.peer, "gateway/"); /* any gateway */
}

static void a_bad_gateway_address_is_refused(void **state)
{
	struct registration_gateway gateway;
	struct fixture *f = *state;

	assert_int_equal(make_registration(f, "localhost:8050"), -EINVAL);
	assert_int_equal(make_registration(f, "=http://a:1"), -EINVAL);
	assert_int_equal(make_registration(f, "a/b=http://a:1"), -EINVAL);
	assert_int_equal(make_registration(f, "gateway-1=unix:/usr/socket"), -EINVAL); /* no name is asked for there */
	/* Where anybody may put a socket, anybody could pose as the gateway. */
	assert_int_equal(make_registration(f, "unix:/tmp/socket"), -EPERM);
	assert_int_equal(make_registration(f, ""), 0);
	assert_int_equal(registration_gateway(f->registration, 0, &gateway), -ENOENT);
}

#define with_gateway(test) cmocka_unit_test_setup_teardown(test, fixture_new, fixture_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_gateway(a_registration_sends_kind_name_url_and_instance_of_the_service),
		with_gateway(a_service_renews_its_registration_and_picks_services_in_turn),
		with_gateway(registration_await_waits_until_a_service_of_the_kind_is_known),
		with_gateway(an_unreachable_gateway_does_not_stop_registration_at_another),
		with_gateway(an_unreachable_socket_is_logged_by_its_path),
		with_gateway(a_list_of_gateways_may_contain_spaces_slashes_and_sockets),
		with_gateway(a_named_gateway_gets_that_name_as_its_peer),
		with_gateway(a_bad_gateway_address_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
