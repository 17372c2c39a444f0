#include "common/http/server/router.h"

#include "common/base/error.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

enum { ROOT, LIST, MAKE, ITEM, DROP, HOME, HOME_WRITE, FILES, FILES_PUT, TWO, HEAD_ITEM, GET_ITEM, ANY };

static const struct http_route table[] = {
	[ROOT] = {"GET", "/"},
	[LIST] = {"GET", "/v1/docs/"},
	[MAKE] = {"POST", "/v1/docs"},
	[ITEM] = {"GET", "/v1/docs/{id}"},
	[DROP] = {"DELETE", "/v1/docs/{id}"},
	[HOME] = {"GET", "/v1/docs/home"},
	[HOME_WRITE] = {"PUT", "/v1/docs/{id}"},
	[FILES] = {"GET", "/drives/{drive}/files/{path...}"},
	[FILES_PUT] = {"PUT", "/drives/{drive}/files/{path...}"},
	[TWO] = {"GET", "/drives/{drive}/{what}"},
	[HEAD_ITEM] = {"HEAD", "/heads"},
	[GET_ITEM] = {"GET", "/heads"},
	[ANY] = {"GET", "/any/{rest...}"},
	{0},
};

struct world {
	struct router *router;
	struct route_match match;
	char decoded[8192];
};

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	*state = w;
	return w && router_new(table, &w->router) == 0 ? 0 : -1;
}

static int teardown(void **state)
{
	struct world *w = *state;

	router_free(w->router);
	free(w);
	return 0;
}

static int ask(struct world *w, const char *method, const char *path)
{
	return router_match(w->router, method, span_str(path), w->decoded, &w->match);
}

static void assert_route(struct world *w, const char *method, const char *path, size_t row)
{
	assert_int_equal(ask(w, method, path), 0);
	assert_int_equal(w->match.route, row);
}

static void assert_param(struct world *w, size_t n, const char *text)
{
	assert_true(n < w->match.param_count);
	assert_true(span_eq_str(w->match.params[n], text));
}

static void match_finds_literal_segments_and_parameters(void **state)
{
	struct world *w = *state;

	assert_route(w, "GET", "/", ROOT);
	assert_route(w, "GET", "/v1/docs/17", ITEM);
	assert_param(w, 0, "17");
	assert_route(w, "DELETE", "/v1/docs/17", DROP);
	assert_route(w, "GET", "/drives/a/b", TWO);
	assert_param(w, 0, "a");
	assert_param(w, 1, "b");
}

static void match_accepts_paths_with_and_without_a_trailing_slash(void **state)
{
	struct world *w = *state;

	assert_route(w, "GET", "/v1/docs", LIST);
	assert_route(w, "GET", "/v1/docs/", LIST);
	assert_route(w, "POST", "/v1/docs", MAKE);
	assert_route(w, "POST", "/v1/docs/", MAKE);
	assert_route(w, "GET", "/v1/docs/17/", ITEM);
	assert_param(w, 0, "17");
}

static void match_prefers_a_literal_segment_if_it_has_the_method(void **state)
{
	struct world *w = *state;

	assert_route(w, "GET", "/v1/docs/home", HOME);
	assert_route(w, "PUT", "/v1/docs/home", HOME_WRITE);
	assert_param(w, 0, "home");
}

static void match_returns_the_rest_of_a_path_still_encoded(void **state)
{
	struct world *w = *state;

	assert_route(w, "GET", "/drives/d%20e/files/a%20b/c", FILES);
	assert_param(w, 0, "d e");
	assert_param(w, 1, "a%20b/c");
	assert_route(w, "PUT", "/drives/d/files", FILES_PUT);
	assert_param(w, 1, "");
	assert_route(w, "PUT", "/drives/d/files/", FILES_PUT);
	assert_param(w, 1, "");
}

static void match_decodes_a_segment_once(void **state)
{
	struct world *w = *state;

	assert_route(w, "GET", "/v1/docs/%2525", ITEM);
	assert_param(w, 0, "%25");
	assert_route(w, "GET", "/v1/docs/%ff%C3%bc", ITEM);
	assert_param(w, 0, "\xff\xc3\xbc");
	assert_route(w, "GET", "/v1/docs/a+b", ITEM);
	assert_param(w, 0, "a+b");
	/* Every spelling of a path leads to the same route, so none evades a check on the plain spelling. */
	assert_route(w, "GET", "/v1/%64ocs/%68ome", HOME);
}

static void match_refuses_bad_segments_anywhere_in_a_path(void **state)
{
	static const char *const segments[] = {"%00", "a%00b", "%2F", "a%2fb", ".", "..", "%2e", "%2E%2e", ".%2e", "%",
		"%1", "%zz", "a%", "a%4", "a b", "a\tb", "a#b", "a\x7f", "%2"};
	static const char *const places[] = {"/v1/docs/%s", "/drives/%s/files/a", "/drives/d/files/%s",
		"/drives/d/files/a/%s", "/drives/d/files/%s/a", "/%s/docs", "/nowhere/%s"};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(segments) / sizeof(segments[0]); i++) {
		for (size_t j = 0; j < sizeof(places) / sizeof(places[0]); j++) {
			const char *hole = strstr(places[j], "%s");
			char path[256];

			snprintf(path, sizeof(path), "%.*s%s%s", (int)(hole - places[j]), places[j], segments[i],
				hole + 2);
			if (ask(w, "GET", path) != -ERR_BAD_PATH)
				fail_msg("%s was not refused", path);
		}
	}
}

static void match_refuses_empty_segments(void **state)
{
	static const char *const paths[] = {"//", "///", "/v1//docs", "//v1/docs", "/v1/docs//", "/drives/d/files//",
		"/drives/d/files/a//b", "/drives/d/files/a/", "/drives//files/a", "", "v1/docs", "*",
		"http://x/v1/docs"};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		if (ask(w, "GET", paths[i]) != -ERR_BAD_PATH)
			fail_msg("%s was not refused", paths[i]);
	}
}

static void match_of_an_unknown_path_is_not_found(void **state)
{
	struct world *w = *state;

	assert_int_equal(ask(w, "GET", "/v1"), -ERR_NOT_FOUND);
	assert_int_equal(ask(w, "GET", "/v1/docs/1/2"), -ERR_NOT_FOUND);
	assert_int_equal(ask(w, "GET", "/V1/docs"), -ERR_NOT_FOUND);
	assert_int_equal(ask(w, "GET", "/drives"), -ERR_NOT_FOUND);
	assert_int_equal(ask(w, "GET", "/v1/docs/home/x"), -ERR_NOT_FOUND);
}

static void match_of_an_unsupported_method_lists_the_allowed_methods(void **state)
{
	struct world *w = *state;

	assert_int_equal(ask(w, "PATCH", "/v1/docs/17"), -ERR_METHOD);
	assert_string_equal(w->match.allow, "GET, HEAD, DELETE, PUT, OPTIONS");
	assert_int_equal(ask(w, "DELETE", "/v1/docs/"), -ERR_METHOD);
	assert_string_equal(w->match.allow, "GET, HEAD, POST, OPTIONS");
	/* The path ends at two places of the table, and both count. */
	assert_int_equal(ask(w, "POST", "/v1/docs/home"), -ERR_METHOD);
	assert_string_equal(w->match.allow, "GET, HEAD, DELETE, PUT, OPTIONS");
	assert_int_equal(ask(w, "get", "/v1/docs/17"), -ERR_METHOD);
}

static void match_serves_head_by_the_get_route_unless_head_has_its_own(void **state)
{
	struct world *w = *state;

	assert_route(w, "HEAD", "/v1/docs/17", ITEM);
	assert_route(w, "HEAD", "/heads", HEAD_ITEM);
	assert_route(w, "GET", "/heads", GET_ITEM);
}

static void match_checks_deep_paths_to_the_end(void **state)
{
	struct world *w = *state;
	char path[4096] = "/any";
	size_t size = strlen(path);

	for (int i = 0; i < 500; i++, size += 3)
		memcpy(path + size, "/ab", 4);
	assert_route(w, "GET", path, ANY);
	assert_int_equal(w->match.params[0].size, strlen(path) - strlen("/any/"));
	memcpy(path + size, "/..", 4);
	assert_int_equal(ask(w, "GET", path), -ERR_BAD_PATH);
}

static void router_refuses_a_malformed_table(void **state)
{
	static const struct http_route tables[][3] = {
		{{"GET", "/a"}, {"GET", "/a/"}},
		{{"GET", "/{x}"}, {"GET", "/{y}"}},
		{{"GET", "a"}},
		{{"GET", "/a//b"}},
		{{"GET", "/{r...}/a"}},
		{{"GET", "/{a}/{b}/{c}/{d}/{e}/{f}/{g}"}},
		{{"GET", NULL}},
	};
	struct router *r = NULL;

	(void)state;
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		assert_int_equal(router_new(tables[i], &r), -EINVAL);
	assert_null(r);
}

static void router_param_name_returns_the_names_in_the_pattern(void **state)
{
	(void)state;
	assert_true(span_eq_str(router_param_name(&table[FILES], 0), "drive"));
	assert_true(span_eq_str(router_param_name(&table[FILES], 1), "path"));
	assert_int_equal(router_param_name(&table[FILES], 2).size, 0);
	assert_int_equal(router_param_name(&table[ROOT], 0).size, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(match_finds_literal_segments_and_parameters, setup, teardown),
		cmocka_unit_test_setup_teardown(match_accepts_paths_with_and_without_a_trailing_slash, setup, teardown),
		cmocka_unit_test_setup_teardown(match_prefers_a_literal_segment_if_it_has_the_method, setup, teardown),
		cmocka_unit_test_setup_teardown(match_returns_the_rest_of_a_path_still_encoded, setup, teardown),
		cmocka_unit_test_setup_teardown(match_decodes_a_segment_once, setup, teardown),
		cmocka_unit_test_setup_teardown(match_refuses_bad_segments_anywhere_in_a_path, setup, teardown),
		cmocka_unit_test_setup_teardown(match_refuses_empty_segments, setup, teardown),
		cmocka_unit_test_setup_teardown(match_of_an_unknown_path_is_not_found, setup, teardown),
		cmocka_unit_test_setup_teardown(
			match_of_an_unsupported_method_lists_the_allowed_methods, setup, teardown),
		cmocka_unit_test_setup_teardown(
			match_serves_head_by_the_get_route_unless_head_has_its_own, setup, teardown),
		cmocka_unit_test_setup_teardown(match_checks_deep_paths_to_the_end, setup, teardown),
		cmocka_unit_test(router_refuses_a_malformed_table),
		cmocka_unit_test(router_param_name_returns_the_names_in_the_pattern),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
