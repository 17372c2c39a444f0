#include "backend/user/api/revoker.h"

#include "backend/service/registration.h"
#include "common/base/clock.h"
#include "common/http/client/client.h"
#include "common/http/server/server.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A gateway: it counts how often it is asked to forget, and confirms unless it refuses. */
struct gateway {
	struct http_server *server;
	atomic_int refusals; /* how many times it still refuses; negative: always */
	atomic_int heard;
	char body[128];
};

struct fixture {
	struct gateway gateways[2];
	struct http_client *client;
	struct registration *registration;
	struct revoker *revoker;
	sem_t done;
};

static void on_forget(struct http_request *req, void *cookie)
{
	struct gateway *g = cookie;
	struct span body = http_request_body(req);

	snprintf(g->body, sizeof(g->body), "%.*s", (int)body.size, body.data);
	atomic_fetch_add(&g->heard, 1);
	int refusals = atomic_load(&g->refusals);
	if (refusals > 0)
		atomic_fetch_sub(&g->refusals, 1);
	http_respond(req, refusals != 0 ? 503 : 204, NULL, span_of("", 0));
}

static const struct http_route ROUTES[] = {
	{.method = "POST",
		.pattern = "/internal/v1/tokens/forget",
		.body = HTTP_BODY_WHOLE,
		.body_max = 4096,
		.handler = on_forget,
		.internal = true},
	{.method = NULL},
};

static bool never_ready(void *cookie)
{
	(void)cookie;
	return false;
}

static int fixture_new(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	char urls[128];

	if (!f)
		return -ENOMEM;
	*state = f;
	sem_init(&f->done, 0, 0);
	for (int i = 0; i < 2; i++) {
		const struct http_server_options options = {
			.address = "127.0.0.1", .routes = ROUTES, .cookie = &f->gateways[i]};
		if (http_server_start(&options, &f->gateways[i].server) < 0)
			return -EIO;
	}
	snprintf(urls, sizeof(urls), "http://127.0.0.1:%u, http://127.0.0.1:%u/",
		http_server_port(f->gateways[0].server), http_server_port(f->gateways[1].server));
	const struct registration_options options = {
		.gateways = urls, .kind = "user", .name = "user-1", .instance = "0a", .ready = never_ready};
	int r = http_client_new(&(struct http_client_options){0}, &f->client);
	if (r == 0)
		r = registration_new(&options, &f->registration);
	return r == 0 ? revoker_new(f->client, f->registration, &f->revoker) : r;
}

static int fixture_free(void **state)
{
	struct fixture *f = *state;

	revoker_free(f->revoker);
	registration_free(f->registration);
	http_client_free(f->client);
	for (int i = 0; i < 2; i++)
		http_server_stop(f->gateways[i].server);
	sem_destroy(&f->done);
	free(f);
	return 0;
}

static void on_done(void *cookie)
{
	struct fixture *f = cookie;

	sem_post(&f->done);
}

static void wait_done(struct fixture *f)
{
	const struct timespec until = clock_timespec(clock_mono_ns() + 30 * NS_PER_S);

	assert_int_equal(sem_clockwait(&f->done, CLOCK_MONOTONIC, &until), 0);
}

static void a_revocation_completes_when_every_gateway_has_confirmed(void **state)
{
	struct fixture *f = *state;

	revoker_post(f->revoker, 5, "k7", on_done, f);
	wait_done(f);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(atomic_load(&f->gateways[i].heard), 1);
		assert_string_equal(f->gateways[i].body, "{\"user_id\":\"5\",\"token_ids\":[\"k7\"]}");
	}
}

static void a_gateway_that_refuses_a_revocation_is_asked_again(void **state)
{
	struct fixture *f = *state;

	atomic_store(&f->gateways[1].refusals, 2);
	revoker_post(f->revoker, 0, "s1", on_done, f);
	wait_done(f);
	assert_int_equal(atomic_load(&f->gateways[0].heard), 1);
	assert_int_equal(atomic_load(&f->gateways[1].heard), 3);
	assert_string_equal(f->gateways[1].body, "{\"token_ids\":[\"s1\"]}");
}

static void a_revocation_that_a_gateway_never_confirms_completes_after_5_s(void **state)
{
	struct fixture *f = *state;
	const int64_t begin_ns = clock_mono_ns();

	atomic_store(&f->gateways[0].refusals, -1);
	revoker_post(f->revoker, 0, "s1", on_done, f);
	wait_done(f);
	/* A promise of the revoker, which holds on any machine: until then the gateway may still accept the token. */
	assert_true(clock_mono_ns() - begin_ns >= 5 * NS_PER_S);
	assert_true(atomic_load(&f->gateways[0].heard) > 1);
	assert_int_equal(atomic_load(&f->gateways[1].heard), 1);
}

static void fifty_concurrent_revocations_all_complete(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 50; i++)
		revoker_post(f->revoker, (uint64_t)i + 1, "", on_done, f);
	for (int i = 0; i < 50; i++)
		wait_done(f);
	for (int i = 0; i < 2; i++)
		assert_int_equal(atomic_load(&f->gateways[i].heard), 50);
}

static void an_empty_revocation_completes_at_once(void **state)
{
	struct fixture *f = *state;

	revoker_post(f->revoker, 0, "", on_done, f);
	assert_int_equal(sem_trywait(&f->done), 0);
	assert_int_equal(atomic_load(&f->gateways[0].heard), 0);
}

static void revoker_free_completes_waiting_revocations(void **state)
{
	struct fixture *f = *state;

	atomic_store(&f->gateways[0].refusals, -1);
	revoker_post(f->revoker, 0, "s1", on_done, f);
	revoker_free(f->revoker);
	f->revoker = NULL;
	assert_int_equal(sem_trywait(&f->done), 0);
}

#define with_gateways(test) cmocka_unit_test_setup_teardown(test, fixture_new, fixture_free)

int main(void)
{
	const struct CMUnitTest tests[] = {
		with_gateways(a_revocation_completes_when_every_gateway_has_confirmed),
		with_gateways(a_gateway_that_refuses_a_revocation_is_asked_again),
		with_gateways(a_revocation_that_a_gateway_never_confirms_completes_after_5_s),
		with_gateways(fifty_concurrent_revocations_all_complete),
		with_gateways(an_empty_revocation_completes_at_once),
		with_gateways(revoker_free_completes_waiting_revocations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
