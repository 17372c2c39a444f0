#include "common/http/client/gateways.h"

#include "common/base/clock.h"
#include "common/base/error.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define MOST 16
#define NOW (7 * NS_PER_S) /* any time */
#define LENGTH(list) (sizeof(list) / sizeof((list)[0]))

/* Makes a list of gateways that a person gave; NULL ends urls. */
static struct gateways *given(const char *const *urls)
{
	struct gateways *g = NULL;

	assert_int_equal(gateways_new(MOST, &g), 0);
	for (size_t i = 0; urls[i]; i++)
		assert_int_equal(gateways_add(g, span_str(urls[i])), 0);
	return g;
}

#define GIVEN(...) given((const char *const[]){__VA_ARGS__, NULL})

static int name(struct gateways *g, size_t by, const char *url)
{
	return gateways_add_named(g, by, span_str(url));
}

/* ---- what may be a URL ---- */

static void a_url_with_a_scheme_a_host_and_an_optional_port_is_accepted(void **state)
{
	static const char *const table[] = {"http://a", "https://a", "http://a:1", "http://a.example.com:65535",
		"http://under_score-1.x", "http://10.0.0.1:8050", "http://[::1]:8050", "http://[2001:db8::1]",
		"http://[fe80::1%25eth0]:80", "http://localhost."};

	(void)state;
	for (size_t i = 0; i < LENGTH(table); i++)
		assert_null(gateways_url_fault(span_str(table[i])));
}

static void a_malformed_url_is_refused_with_the_reason(void **state)
{
	static const struct {
		const char *url, *says;
	} table[] = {
		{"", "http://"},
		{"a:8050", "http://"},
		{"ftp://a", "http://"},
		{"HTTP://a", "http://"},
		{"http:/a", "http://"},
		{"http://", "no host"},
		{"http://:80", "no host"},
		{"http://a b", "no host"},
		{"http://a,http", "no host"},
		{"http://a\r\nX", "no host"},
		{"http://a\"", "no host"},
		{"http://a\\b", "no host"},
		{"http://caf\xc3\xa9", "no host"},
		/* libcurl decodes this host to 127.0.0.1, but a comparison of texts takes it for a name. */
		{"http://127%2e0.0.1", "no host"},
		{"http://[::1", "no host"},
		{"http://[]", "no host"},
		{"http://[a]", "no host"},
		{"http://[::1%]", "no host"},
		{"http://[::1]x", "port"},
		{"http://a:", "port"},
		{"http://a:0", "port"},
		{"http://a:65536", "port"},
		{"http://a:80x", "port"},
		{"http://a:+80", "port"},
		{"http://u@a", "user"},
		{"http://u:p@a:80", "user"},
		{"http://a:80@b", "user"},
		{"http://a/b", "behind the host"},
		{"http:///a", "behind the host"},
		{"http://a?x", "behind the host"},
		{"http://a#x", "behind the host"},
	};
	char url[GATEWAYS_URL_BYTES_MAX + 2] = "http://";

	(void)state;
	for (size_t i = 0; i < LENGTH(table); i++) {
		const char *fault = gateways_url_fault(span_str(table[i].url));

		if (!fault || !strstr(fault, table[i].says))
			fail_msg("\"%s\": %s", table[i].url, fault ? fault : "good");
	}
	memset(url + strlen(url), 'a', sizeof(url) - 1 - strlen(url));
	assert_non_null(strstr(gateways_url_fault(span_str(url)), "long"));
	assert_non_null(gateways_url_fault(span_of("http://a\0b", 10)));
}

/* ---- which gateways are on the list ---- */

static void gateways_that_a_person_gives_are_listed_in_order_without_duplicates(void **state)
{
	struct gateways *g = GIVEN("http://a:1", "https://b///");

	(void)state;
	assert_int_equal(gateways_add(g, span_str("http://a:1/")), -EEXIST);
	assert_int_equal(gateways_add(g, span_str("http://A:1")), -EEXIST);
	assert_int_equal(gateways_add(g, span_str("http://a/x")), -EINVAL);
	assert_int_equal(gateways_count(g), 2);
	assert_string_equal(gateways_url(g, 0), "http://a:1");
	assert_string_equal(gateways_url(g, 1), "https://b");
	gateways_free(g);
}

static void gateways_beyond_the_size_of_the_list_are_refused(void **state)
{
	struct gateways *g = NULL;

	(void)state;
	assert_int_equal(gateways_new(0, &g), -EINVAL);
	assert_int_equal(gateways_new(2, &g), 0);
	assert_int_equal(gateways_add(g, span_str("http://a")), 0);
	assert_int_equal(name(g, 0, "http://b"), 0);
	assert_int_equal(name(g, 0, "http://c"), -ENOSPC);
	assert_int_equal(gateways_add(g, span_str("http://c")), -ENOSPC);
	assert_int_equal(gateways_add(g, span_str("http://b")), -EEXIST);
	gateways_free(g);
}

static void a_gateway_can_name_another_one_unless_that_one_is_less_safe(void **state)
{
	struct gateways *g = GIVEN("http://store");

	(void)state;
	assert_int_equal(name(g, 0, "http://other/"), 0);
	assert_string_equal(gateways_url(g, 1), "http://other");
	assert_int_equal(name(g, 0, "https://third"), 0);
	assert_int_equal(name(g, 1, "http://store"), -EEXIST);
	assert_int_equal(name(g, 0, "ftp://x"), -EINVAL);
	assert_int_equal(name(g, 0, "http://u@x"), -EINVAL);
	/* A gateway that was reached by https may not name one by http; a gateway that a person gave by http may. */
	assert_int_equal(name(g, 2, "http://fourth"), -EPERM);
	assert_int_equal(name(g, 0, "http://fourth"), 0);
	gateways_free(g);
}

static void no_http_gateway_can_be_named_if_a_person_gave_an_https_gateway(void **state)
{
	struct gateways *g = GIVEN("http://store", "https://safe");

	(void)state;
	assert_int_equal(name(g, 0, "http://other"), -EPERM);
	assert_int_equal(name(g, 1, "http://other"), -EPERM);
	assert_int_equal(name(g, 1, "https://other"), 0);
	assert_int_equal(gateways_count(g), 3);
	gateways_free(g);
}

static void only_a_loopback_gateway_can_name_a_loopback_gateway(void **state)
{
	static const char *const here[] = {
		"http://127.0.0.1:9", "http://localhost", "http://[::1]:9", "http://127.1", "http://0.0.0.0"};
	struct gateways *g = GIVEN("http://store", "http://127.0.0.1:1");

	(void)state;
	for (size_t i = 0; i < LENGTH(here); i++) {
		assert_int_equal(name(g, 0, here[i]), -EPERM);
		assert_int_equal(name(g, 1, here[i]), 0);
	}
	gateways_free(g);
}

/* ---- which gateway is asked ---- */

static void leaving_the_current_gateway_makes_the_next_one_current(void **state)
{
	struct gateways *g = GIVEN("http://a", "http://b", "http://c");

	(void)state;
	assert_int_equal(gateways_current(g), 0);
	assert_true(gateways_leave(g, 0, NOW));
	assert_int_equal(gateways_current(g), 1);
	assert_true(gateways_leave(g, 1, NOW));
	assert_true(gateways_leave(g, 2, NOW));
	assert_int_equal(gateways_current(g), 0);
	gateways_free(g);
}

static void leaving_a_gateway_twice_does_not_leave_its_successor(void **state)
{
	struct gateways *g = GIVEN("http://a", "http://b", "http://c");

	(void)state;
	assert_true(gateways_leave(g, 0, NOW));
	/* A second request met the same failure a moment later: the client must not leave the good gateway
	 * for that. */
	assert_false(gateways_leave(g, 0, NOW));
	assert_int_equal(gateways_current(g), 1);
	gateways_free(g);
}

static void the_only_gateway_is_never_left(void **state)
{
	struct gateways *g = GIVEN("http://a");

	(void)state;
	assert_false(gateways_leave(g, 0, NOW));
	assert_int_equal(gateways_current(g), 0);
	gateways_free(g);
}

static void a_gateway_named_as_home_becomes_the_current_one(void **state)
{
	struct gateways *g = GIVEN("http://a", "http://b:1", "http://c");

	(void)state;
	assert_true(gateways_prefer(g, "http://c", NOW));
	assert_int_equal(gateways_current(g), 2);
	assert_false(gateways_prefer(g, "http://c", NOW));
	assert_false(gateways_prefer(g, "HTTP://C/", NOW));
	assert_true(gateways_prefer(g, "http://B:1/", NOW));
	assert_int_equal(gateways_current(g), 1);
	/* When the preferred gateway fails, the next one on the list follows, as always. */
	assert_true(gateways_leave(g, 1, NOW));
	assert_int_equal(gateways_current(g), 2);
	gateways_free(g);
}

static void a_home_that_is_not_on_the_list_is_ignored(void **state)
{
	static const char *const others[] = {"http://c", "https://a", "https://b", "http://b:80", "http://b.",
		"http://b/x", "http://", "", "/", "b", "http://b http://b", "http://127.0.0.1:1"};
	struct gateways *g = GIVEN("http://a", "http://b");

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(*others); i++) {
		if (gateways_prefer(g, others[i], NOW) || gateways_count(g) != 2 || gateways_current(g) != 0)
			fail_msg("%s", others[i]);
	}
	gateways_free(g);
}

static void a_home_that_has_just_failed_is_ignored_for_a_while(void **state)
{
	const int64_t least = GATEWAYS_AVOID_MIN_MS * NS_PER_MS;
	struct gateways *g = GIVEN("http://a", "http://b");

	(void)state;
	assert_true(gateways_leave(g, 0, NOW));
	assert_false(gateways_prefer(g, "http://a", NOW));
	/* A request that was sent before fails there later: that does not count as another failure. */
	assert_false(gateways_leave(g, 0, NOW + least - 1));
	assert_false(gateways_prefer(g, "http://a", NOW + least - 1));
	assert_true(gateways_prefer(g, "http://a", NOW + least));
	assert_int_equal(gateways_current(g), 0);
	/* No failure of the other gateway is known. */
	assert_true(gateways_prefer(g, "http://b", NOW + least));
	gateways_free(g);
}

/* Returns how long http://a is avoided after it failed at that time. */
static int64_t avoided_ns(struct gateways *g, int64_t failed_ns)
{
	int64_t left = 0;

	(void)gateways_leave(g, 0, failed_ns);
	while (!gateways_prefer(g, "http://a", failed_ns + left))
		left += NS_PER_S;
	return left;
}

static void a_home_that_fails_repeatedly_is_avoided_for_longer_each_time(void **state)
{
	const int64_t most = GATEWAYS_AVOID_MAX_MS * NS_PER_MS;
	struct gateways *g = GIVEN("http://a", "http://b");
	int64_t now = NOW, avoided = 0, wanted = GATEWAYS_AVOID_MIN_MS * NS_PER_MS;

	(void)state;
	for (int i = 0; i < 10; i++) {
		avoided = avoided_ns(g, now);
		assert_int_equal(avoided, wanted);
		/* Up to ten seconds pass before a request notices that nothing answers. */
		now += avoided + 10 * NS_PER_S;
		wanted = 2 * wanted < most ? 2 * wanted : most;
	}
	assert_int_equal(avoided, most);
	/* A failure long after the last one counts as the first. */
	assert_int_equal(avoided_ns(g, now + 2 * most), GATEWAYS_AVOID_MIN_MS * NS_PER_MS);
	gateways_free(g);
}

static void each_kind_of_failure_decides_whether_another_gateway_is_asked(void **state)
{
	static const struct {
		int error, status;
		enum gateways_verdict verdict;
	} table[] = {
		{0, 200, GATEWAYS_ANSWERED},
		{0, 404, GATEWAYS_ANSWERED},
		{0, 429, GATEWAYS_ANSWERED},
		{0, 500, GATEWAYS_ANSWERED},
		{0, 502, GATEWAYS_ELSEWHERE},
		{0, 408, GATEWAYS_ELSEWHERE},
		{0, 503, GATEWAYS_ELSEWHERE},
		{0, 504, GATEWAYS_ELSEWHERE},
		{0, 507, GATEWAYS_ANSWERED},
		{-ECONNRESET, 0, GATEWAYS_ELSEWHERE},
		{-ECONNRESET, 200, GATEWAYS_ELSEWHERE}, /* in the middle of its answer */
		{-ETIMEDOUT, 0, GATEWAYS_ELSEWHERE},
		{-ECONNREFUSED, 0, GATEWAYS_ABSENT},
		{-EHOSTUNREACH, 0, GATEWAYS_ABSENT},
		{-ERR_NO_SUCH_HOST, 0, GATEWAYS_ABSENT},
		{-ERR_NO_TLS, 0, GATEWAYS_ABSENT},
		{-ERR_CERTIFICATE, 0, GATEWAYS_ABSENT},
		{-E2BIG, 200, GATEWAYS_OVER},
		{-EPROTO, 0, GATEWAYS_OVER},
		{-ENOMEM, 0, GATEWAYS_OVER},
		{-EINVAL, 0, GATEWAYS_OVER},
		{-ECANCELED, 0, GATEWAYS_OVER},
		{-EIO, 503, GATEWAYS_OVER},
	};

	(void)state;
	for (size_t i = 0; i < LENGTH(table); i++) {
		struct http_response response = {.error = table[i].error, .status = table[i].status};

		assert_int_equal(gateways_judge(&response), table[i].verdict);
		/* Our own callback returned this error, so the call would fail with any gateway, by whatever
		 * name it goes. */
		response.ours = true;
		if (response.error < 0)
			assert_int_equal(gateways_judge(&response), GATEWAYS_OVER);
	}
}

/* ---- patience and pauses ---- */

static void gateways_nobody_is_true_only_if_a_whole_round_was_absent(void **state)
{
	struct gateways *g = GIVEN("http://a", "http://b");

	(void)state;
	assert_false(gateways_nobody(g, 1, 1));
	assert_true(gateways_nobody(g, 2, 2));
	assert_false(gateways_nobody(g, 2, 1));
	assert_false(gateways_nobody(g, 4, 3));
	gateways_free(g);
}

static void the_patience_with_a_gateway_grows_from_round_to_round(void **state)
{
	struct gateways *g = GIVEN("http://a", "http://b");

	(void)state;
	assert_int_equal(gateways_patience_ms(g, 0), GATEWAYS_PATIENCE_MS);
	assert_int_equal(gateways_patience_ms(g, 1), GATEWAYS_PATIENCE_MS);
	assert_int_equal(gateways_patience_ms(g, 2), 4 * GATEWAYS_PATIENCE_MS);
	assert_int_equal(gateways_patience_ms(g, 3), 4 * GATEWAYS_PATIENCE_MS);
	assert_int_equal(gateways_patience_ms(g, 4), 0);
	gateways_free(g);
	/* Where no other gateway can be asked, giving up early does not help. */
	g = GIVEN("http://a");
	assert_int_equal(gateways_patience_ms(g, 0), 0);
	gateways_free(g);
}

static void assert_pause(int64_t ns, int64_t ms)
{
	assert_in_range(ns, ms / 2 * NS_PER_MS, ms * NS_PER_MS);
}

static void there_are_no_pauses_within_a_round_and_growing_ones_between_rounds(void **state)
{
	struct gateways *g = GIVEN("http://a", "http://b", "http://c");

	(void)state;
	assert_int_equal(gateways_pause_ns(g, 1), 0);
	assert_int_equal(gateways_pause_ns(g, 2), 0);
	assert_pause(gateways_pause_ns(g, 3), GATEWAYS_PAUSE_MIN_MS);
	assert_int_equal(gateways_pause_ns(g, 4), 0);
	assert_pause(gateways_pause_ns(g, 6), 2 * GATEWAYS_PAUSE_MIN_MS);
	assert_pause(gateways_pause_ns(g, 9), 4 * GATEWAYS_PAUSE_MIN_MS);
	gateways_free(g);
}

static void pauses_between_rounds_grow_to_a_limit(void **state)
{
	(void)state;
	assert_pause(gateways_backoff_ns(1), GATEWAYS_PAUSE_MIN_MS);
	assert_pause(gateways_backoff_ns(2), 2 * GATEWAYS_PAUSE_MIN_MS);
	assert_pause(gateways_backoff_ns(6), 32 * GATEWAYS_PAUSE_MIN_MS);
	assert_pause(gateways_backoff_ns(7), GATEWAYS_PAUSE_MAX_MS);
	assert_pause(gateways_backoff_ns(UINT32_MAX), GATEWAYS_PAUSE_MAX_MS);
}

/* All pauses are equal by chance once in 500^9 runs. */
static void pauses_after_the_same_number_of_rounds_have_random_lengths(void **state)
{
	int64_t first = gateways_backoff_ns(9);
	bool differs = false;

	(void)state;
	for (int i = 0; i < 9; i++)
		differs = differs || gateways_backoff_ns(9) != first;
	assert_true(differs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_url_with_a_scheme_a_host_and_an_optional_port_is_accepted),
		cmocka_unit_test(a_malformed_url_is_refused_with_the_reason),
		cmocka_unit_test(gateways_that_a_person_gives_are_listed_in_order_without_duplicates),
		cmocka_unit_test(gateways_beyond_the_size_of_the_list_are_refused),
		cmocka_unit_test(a_gateway_can_name_another_one_unless_that_one_is_less_safe),
		cmocka_unit_test(no_http_gateway_can_be_named_if_a_person_gave_an_https_gateway),
		cmocka_unit_test(only_a_loopback_gateway_can_name_a_loopback_gateway),
		cmocka_unit_test(leaving_the_current_gateway_makes_the_next_one_current),
		cmocka_unit_test(leaving_a_gateway_twice_does_not_leave_its_successor),
		cmocka_unit_test(the_only_gateway_is_never_left),
		cmocka_unit_test(a_gateway_named_as_home_becomes_the_current_one),
		cmocka_unit_test(a_home_that_is_not_on_the_list_is_ignored),
		cmocka_unit_test(a_home_that_has_just_failed_is_ignored_for_a_while),
		cmocka_unit_test(a_home_that_fails_repeatedly_is_avoided_for_longer_each_time),
		cmocka_unit_test(each_kind_of_failure_decides_whether_another_gateway_is_asked),
		cmocka_unit_test(gateways_nobody_is_true_only_if_a_whole_round_was_absent),
		cmocka_unit_test(the_patience_with_a_gateway_grows_from_round_to_round),
		cmocka_unit_test(there_are_no_pauses_within_a_round_and_growing_ones_between_rounds),
		cmocka_unit_test(pauses_between_rounds_grow_to_a_limit),
		cmocka_unit_test(pauses_after_the_same_number_of_rounds_have_random_lengths),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
