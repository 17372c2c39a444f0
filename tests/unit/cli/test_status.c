/* status: through the whole command, against a store that answers by a script. */
#include "cli/command.h"
#include "tests/unit/cli/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#define STATUS(peers_)                                                                  \
	"{\"name\":\"gateway-1\",\"gateways\":[" peers_                                 \
	"],\"services\":[{\"kind\":\"docs\",\"name\":\"docs-1\",\"url\":\"http://d\"}," \
	"{\"kind\":\"docs\",\"name\":\"docs-1\",\"url\":\"http://d\"}]}"

static void status_also_asks_gateways_that_another_gateway_names(void **state)
{
	struct store s;
	json_t *all;
	const json_t *gateways;

	(void)state;
	store_start(&s, STORE_STEPS({200, STATUS("\"http://127.0.0.1:1\""), NULL}, {200, "ready, in words", NULL}));
	assert_int_equal(STORE_COMMAND(&s, "status", "--json"), EXIT_DONE);
	assert_string_equal(s.asked[0].target, "/status");
	assert_string_equal(s.asked[0].token, "");
	assert_string_equal(s.asked[1].target, "/readyz");
	all = json_loads(s.out, 0, NULL);
	gateways = json_object_get(all, "gateways");
	assert_int_equal(json_array_size(gateways), 2);
	assert_true(json_is_true(json_object_get(json_array_get(gateways, 0), "ready")));
	assert_true(json_is_false(json_object_get(json_array_get(gateways, 1), "reachable")));
	assert_int_equal(json_array_size(json_object_get(all, "services")), 1);
	json_decref(all);
	store_stop(&s);
}

static void status_reports_a_store_that_is_not_ready(void **state)
{
	struct store s;

	(void)state;
	store_start(&s, STORE_STEPS({200, STATUS(""), NULL}));
	assert_int_equal(STORE_COMMAND(&s, "status"), EXIT_UNREACHABLE);
	assert_non_null(strstr(s.out, "not ready"));
	assert_non_null(strstr(s.out, "docs-1"));
	store_stop(&s);
}

static void status_reports_an_html_answer_as_unreachable(void **state)
{
	struct store s;

	(void)state;
	store_start(&s, STORE_STEPS({200, "<html>", NULL}));
	assert_int_equal(STORE_COMMAND(&s, "status"), EXIT_UNREACHABLE);
	store_stop(&s);
}

#define OWNERS                                                                              \
	"{\"drive\":\"4\",\"epoch\":7,\"owners\":[{\"name\":\"g2\",\"url\":\"http://g2\"}," \
	"{\"name\":\"g1\",\"url\":\"http://g1\"}]}"

static void assert_owner(const char *cache_status, const char *said)
{
	struct store s;

	store_start(&s,
		STORE_STEPS({200, STATUS(""), NULL}, {200, "ready", NULL},
			{200, "{\"id\":\"17179869189\",\"type\":\"file\"}", NULL}, {200, "", cache_status},
			{200, OWNERS, NULL}));
	assert_int_equal(STORE_COMMAND(&s, "status", "--ring", "a b"), EXIT_DONE);
	assert_string_equal(s.asked[2].target, "/api/v2/docs/drives/home/items?path=/a%20b");
	assert_string_equal(s.asked[3].method, "HEAD");
	assert_string_equal(s.asked[3].target, "/api/v2/docs/drives/home/files/a%20b");
	assert_string_equal(s.asked[4].target, "/api/v2/gateways/owners?drive=4");
	assert_non_null(strstr(s.out, said));
	store_stop(&s);
}

static void status_ring_shows_the_owners_of_a_path_and_if_it_is_in_memory(void **state)
{
	(void)state;
	assert_owner("Cache-Status: g2; hit", "path     a b  of drive 4: home g2, after it g1, in memory there\n");
	assert_owner("Cache-Status: g2; hit, g1; fwd=bypass; detail=home", "after it g1, in memory there\n");
	assert_owner("Cache-Status: g2; fwd=miss, g1; hit", "after it g1, not in memory\n");
	assert_owner(NULL, "after it g1, not in memory\n");
}

static void status_accepts_a_path_only_with_ring(void **state)
{
	struct store s;

	(void)state;
	store_start(&s, STORE_STEPS({200, STATUS(""), NULL}));
	assert_int_equal(STORE_COMMAND(&s, "status", "a"), EXIT_USAGE);
	store_stop(&s);
	store_start(&s,
		STORE_STEPS({200, STATUS(""), NULL}, {200, "ready", NULL},
			{404, "{\"type\":\"/problems/not-found\",\"detail\":\"nothing\"}", NULL}));
	assert_int_equal(STORE_COMMAND(&s, "status", "--ring", "a"), EXIT_REFUSED);
	store_stop(&s);
}

#define RING                                                                                                       \
	"{\"name\":\"gateway-1\",\"gateways\":[],\"services\":[],\"ring\":{\"epoch\":3,\"state\":\"member\","      \
	"\"lease_ms\":2000,\"members\":[{\"name\":\"gateway-1\",\"share\":400,\"self\":true},"                     \
	"{\"name\":\"gateway-2\",\"share\":600}]},\"homes\":{\"held\":1},\"cache\":{\"entries\":5,\"bytes\":4096," \
	"\"hits\":{\"item\":6,\"content\":0,\"others\":2,\"asked\":90},"                                           \
	"\"misses\":{\"item\":2,\"content\":0,\"others\":6,\"asked\":0},"                                          \
	"\"fills\":{\"kept\":7,\"outdated\":0,\"too_large\":2,\"no_tags\":1}},"                                    \
	"\"forwards\":{\"hops\":11,\"hop_failures\":1,\"held\":2,\"docs\":12,\"docs_failures\":3,\"user\":4,"      \
	"\"user_failures\":5}}"

static void status_ring_shows_members_hit_ratios_by_kind_refused_fills_and_forwards(void **state)
{
	static const char *const SAYS[] = {"one of 2 (gateway-1, gateway-2), 40.0 % of the keys",
		/* 8 of 16 reads: questions of other gateways are no reads */
		"5 answers, 4 KiB, 50 of 100 from memory\n",
		"item 6 of 8 from memory (75 %), others 2 of 8 from memory (25 %)\n",
		"7 kept; refused: too_large 2, no_tags 1\n",
		"11 to homes (1 failed), 12 to docs services (3 failed), 4 to user services (5 failed), 2 had to wait\n"};
	struct store s;

	(void)state;
	store_start(&s, STORE_STEPS({200, RING, NULL}, {200, "ready", NULL}));
	assert_int_equal(STORE_COMMAND(&s, "status", "--ring"), EXIT_DONE);
	for (size_t i = 0; i < sizeof(SAYS) / sizeof(*SAYS); i++)
		if (!strstr(s.out, SAYS[i]))
			fail_msg("not \"%s\" in: %s", SAYS[i], s.out);
	assert_null(strstr(s.out, "asked"));
	store_stop(&s);
	store_start(&s, STORE_STEPS({200, RING, NULL}, {200, "ready", NULL}));
	assert_int_equal(STORE_COMMAND(&s, "status", "--ring", "--json"), EXIT_DONE);
	assert_non_null(strstr(s.out, "\"hops\""));
	store_stop(&s);
}

static void status_ring_refuses_an_empty_path(void **state)
{
	struct store s;

	(void)state;
	store_start(&s, STORE_STEPS({200, STATUS(""), NULL}));
	assert_int_equal(STORE_COMMAND(&s, "status", "--ring", ""), EXIT_USAGE);
	assert_int_equal(s.count, 0);
	store_stop(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(status_also_asks_gateways_that_another_gateway_names),
		cmocka_unit_test(status_reports_a_store_that_is_not_ready),
		cmocka_unit_test(status_reports_an_html_answer_as_unreachable),
		cmocka_unit_test(status_ring_shows_the_owners_of_a_path_and_if_it_is_in_memory),
		cmocka_unit_test(status_accepts_a_path_only_with_ring),
		cmocka_unit_test(status_ring_shows_members_hit_ratios_by_kind_refused_fills_and_forwards),
		cmocka_unit_test(status_ring_refuses_an_empty_path),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
