/* A gateway and the ring's book, which a service keeps in memory: how the gateway joins, what it does about
 * invalid answers, and that it has left before it ends. */
#include "gateway/ring/ring.h"

#include "common/base/clock.h"
#include "tests/unit/gateway/service.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define PATIENCE_NS (30 * NS_PER_S) /* for a busy machine */

static char text[1u << 20];

static bool says(struct front *f, const char *target, const char *what)
{
	char request[128];

	(void)snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: g\r\n\r\n", target);
	assert_int_equal(wire_ask(f->port, request, text, sizeof(text)), 200);
	return strstr(text, what) != NULL;
}

/* Polls, as no event says when. */
static void wait_until(struct front *f, const char *target, const char *what, bool said)
{
	const int64_t until_ns = clock_mono_ns() + PATIENCE_NS;
	const struct timespec pause = clock_timespec(10 * NS_PER_MS);

	while (says(f, target, what) != said) {
		if (clock_mono_ns() > until_ns)
			fail_msg("%s %s %s, but %s", target, said ? "does not say" : "still says", what, text);
		(void)nanosleep(&pause, NULL);
	}
}

static void assert_says_soon(struct front *f, const char *target, const char *what)
{
	wait_until(f, target, what, true);
}

static void a_gateway_joins_the_ring_and_gets_a_lease(void **state)
{
	struct front *f = *state;

	assert_says_soon(f, "/status", "\"state\":\"member\"");
	assert_says_soon(f, "/metrics", "nephos_gateway_ring_epoch 1\n");
	assert_says_soon(f, "/status", "\"share\":1000");
	wait_until(f, "/status", "\"lease_ms\":0,", false); /* it may run out when a renewal is late, and comes back */
	assert_int_equal(service_ring_members(&f->service), 1);
	pthread_mutex_lock(&f->service.lock);
	assert_string_equal(f->service.book.list[0].hop_url, gateway_hop_url(f->gateway));
	pthread_mutex_unlock(&f->service.lock);
}

static void the_metrics_have_members_lease_and_share_and_status_has_forwards(void **state)
{
	struct front *f = *state;

	assert_says_soon(f, "/metrics", "\nnephos_gateway_ring_members 1\n");
	assert_says_soon(f, "/metrics", "\nnephos_gateway_ring_share_thousandths 1000\n");
	wait_until(f, "/metrics", "\nnephos_gateway_ring_lease_milliseconds 0\n", false);
	assert_non_null(strstr(text, "\nnephos_gateway_ring_lease_milliseconds "));
	assert_true(says(f, "/status", "\"forwards\":{\"hops\":0,"));
	assert_int_equal(front_ask(f, "GET /api/v2/docs/echo/a", "", text, sizeof(text)), 200);
	assert_true(says(f, "/status", "\"docs\":1,"));
}

static long failures(struct front *f)
{
	static const char NAME[] = "\nnephos_gateway_ring_failures_total ";

	assert_true(says(f, "/metrics", NAME));
	return strtol(strstr(text, NAME) + sizeof(NAME) - 1, NULL, 10);
}

static void an_invalid_book_is_counted_and_its_epoch_and_members_are_ignored(void **state)
{
	static const char *const NONSENSE[] = {"", "[", "{\"lease\":true}",
		"{\"lease\":true,\"epoch\":7,\"calls\":1,\"preparing\":false,\"gateways\":[{\"name\":\"other\"}]}"};
	struct front *f = *state;

	for (size_t i = 0; i < sizeof(NONSENSE) / sizeof(NONSENSE[0]); i++) {
		const long before = failures(f);
		const int64_t until_ns = clock_mono_ns() + PATIENCE_NS;
		const struct timespec pause = clock_timespec(10 * NS_PER_MS);

		service_answer_ring(&f->service, NONSENSE[i]);
		/* On a busy machine several calls may have failed before the next look. */
		while (failures(f) == before && clock_mono_ns() < until_ns)
			(void)nanosleep(&pause, NULL);
		assert_true(failures(f) > before);
		assert_false(says(f, "/status", "\"epoch\":7"));
		assert_false(strstr(text, "\"other\""));
		service_answer_ring(&f->service, NULL);
		/* The test is not about a lease that has run out: wait until there is one before the next invalid
		 * answer. */
		wait_until(f, "/status", "\"lease_ms\":0,", false);
		assert_says_soon(f, "/status", "\"state\":\"member\"");
	}
}

static void a_drained_gateway_has_left_the_ring(void **state)
{
	struct front *f = *state;

	assert_says_soon(f, "/status", "\"state\":\"member\"");
	front_drain(f, PATIENCE_NS / NS_PER_MS);
	assert_int_equal(service_ring_members(&f->service), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_gateway_joins_the_ring_and_gets_a_lease),
		cmocka_unit_test(the_metrics_have_members_lease_and_share_and_status_has_forwards),
		cmocka_unit_test(an_invalid_book_is_counted_and_its_epoch_and_members_are_ignored),
		cmocka_unit_test(a_drained_gateway_has_left_the_ring),
	};

	return cmocka_run_group_tests(tests, front_setup_in_ring, front_teardown);
}
