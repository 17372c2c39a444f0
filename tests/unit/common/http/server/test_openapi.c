#include "common/http/server/openapi.h"

#include "common/http/server/server.h"

#include <errno.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void handler(struct http_request *req, void *cookie)
{
	(void)cookie;
	http_respond(req, 204, NULL, span_of(NULL, 0));
}

#define PUBLIC(method_, pattern_, doc_)                                                                                \
	{                                                                                                              \
		.method = (method_), .pattern = (pattern_), .handler = handler, .tag = "things", .summary = "Does it", \
		.doc = (doc_)                                                                                          \
	}

static const struct http_route routes[] = {
	PUBLIC("GET", "/v2/things/{thing}/files/{path...}", "{\"responses\":{\"200\":{\"description\":\"it\"}}}"),
	PUBLIC("PUT", "/v2/things/{thing}/files/{path...}",
		"{\"parameters\":[{\"name\":\"path\",\"in\":\"path\",\"required\":true,\"schema\":{\"type\":\"string\"},"
		"\"description\":\"kept\"}],\"responses\":{}}"),
	{.method = "POST",
		.pattern = "/v2/login",
		.handler = handler,
		.tag = "t",
		.summary = "s",
		.doc = "{}",
		.open = true},
	PUBLIC("GET", "/v1/old", "{}"),
	{.method = "GET", .pattern = "/v2/hidden", .handler = handler, .internal = true},
	{0},
};

static json_t *describe(const char *prefix)
{
	struct buf text;
	json_t *root;

	buf_init(&text, 1 << 20);
	assert_int_equal(http_openapi(routes, prefix, "Things", &text), 0);
	root = json_loadb(text.data, text.size, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(root);
	buf_fini(&text);
	return root;
}

static json_t *at(json_t *root, const char *path, const char *method)
{
	return json_object_get(json_object_get(json_object_get(root, "paths"), path), method);
}

static void openapi_describes_the_public_routes_of_a_prefix(void **state)
{
	json_t *root = describe("/v2/");

	assert_string_equal(json_string_value(json_object_get(json_object_get(root, "info"), "version")), "2");

	(void)state;
	assert_string_equal(json_string_value(json_object_get(root, "openapi")), "3.1.0");
	assert_int_equal(json_object_size(json_object_get(root, "paths")), 2);
	assert_non_null(at(root, "/v2/things/{thing}/files/{path}", "get"));
	assert_non_null(at(root, "/v2/things/{thing}/files/{path}", "put"));
	assert_string_equal(json_string_value(json_object_get(at(root, "/v2/login", "post"), "summary")), "s");
	json_decref(root);
}

static void openapi_names_each_path_parameter_once(void **state)
{
	json_t *root = describe("/v2/");
	json_t *get = json_object_get(at(root, "/v2/things/{thing}/files/{path}", "get"), "parameters");
	json_t *put = json_object_get(at(root, "/v2/things/{thing}/files/{path}", "put"), "parameters");

	(void)state;
	assert_int_equal(json_array_size(get), 2);
	assert_string_equal(json_string_value(json_object_get(json_array_get(get, 1), "name")), "path");
	assert_int_equal(json_array_size(put), 2);
	assert_string_equal(json_string_value(json_object_get(json_array_get(put, 0), "description")), "kept");
	json_decref(root);
}

static void openapi_marks_routes_that_need_credentials_and_describes_problems(void **state)
{
	json_t *root = describe("");
	json_t *closed = at(root, "/v1/old", "get");

	(void)state;
	assert_non_null(json_object_get(closed, "security"));
	assert_null(json_object_get(at(root, "/v2/login", "post"), "security"));
	assert_non_null(json_object_get(json_object_get(closed, "responses"), "default"));
	assert_non_null(json_object_get(json_object_get(json_object_get(root, "components"), "schemas"), "Problem"));
	json_decref(root);
}

static void http_openapi_gives_e2big_when_the_text_does_not_fit(void **state)
{
	struct buf text;

	(void)state;
	buf_init(&text, 100);
	assert_int_equal(http_openapi(routes, "/", "Things", &text), -E2BIG);
	buf_fini(&text);
}

static void routes_without_a_description_or_a_handler_are_refused(void **state)
{
	static const struct http_route bad[][2] = {
		{{.method = "GET", .pattern = "/", .handler = handler}},
		{{.method = "GET", .pattern = "/", .handler = handler, .tag = "t", .doc = "{}"}},
		{{.method = "GET", .pattern = "/", .handler = handler, .tag = "t", .summary = "s"}},
		{{.method = "GET", .pattern = "/", .handler = handler, .tag = "t", .summary = "s", .doc = "{"}},
		{{.method = "GET", .pattern = "/", .handler = handler, .tag = "t", .summary = "s", .doc = "[]"}},
		{{.method = "GET", .pattern = "/", .internal = true}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(http_routes_check(bad[i]), -EINVAL);
	assert_int_equal(http_routes_check(routes), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(openapi_describes_the_public_routes_of_a_prefix),
		cmocka_unit_test(openapi_names_each_path_parameter_once),
		cmocka_unit_test(openapi_marks_routes_that_need_credentials_and_describes_problems),
		cmocka_unit_test(http_openapi_gives_e2big_when_the_text_does_not_fit),
		cmocka_unit_test(routes_without_a_description_or_a_handler_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
