#include "common/http/server/openapi.h"

#include "common/base/log.h"
#include "common/http/server/router.h"

#include <ctype.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

/*
 * The description of the API (OpenAPI), made from the route tables, so that it cannot differ from what is served.
 * Each row that is not internal becomes an operation under its path. The row has the summary, the tag and, as a
 * piece of JSON, all other details of its own. This module adds what all operations share: path parameters with an
 * example that works as it stands, the answer to a refusal, and that a token is needed unless the route is open.
 *
 * A server checks its table with http_routes_check when it starts. It does not start with a row that is not
 * described, or whose piece of JSON is invalid.
 */

#define OPENAPI_VERSION "3.1.0"

/* What all operations share: how a client authenticates, and how a refusal looks. */
static const char components_text[] =
	"{\"securitySchemes\":{\"bearer\":{\"type\":\"http\",\"scheme\":\"bearer\","
	"\"description\":\"A session token or a device key\"}},"
	"\"schemas\":{\"Problem\":{\"type\":\"object\",\"required\":[\"type\",\"title\",\"status\",\"errno\",\"trace_id\"],"
	"\"properties\":{\"type\":{\"type\":\"string\"},\"title\":{\"type\":\"string\"},\"status\":{\"type\":\"integer\"},"
	"\"detail\":{\"type\":\"string\"},\"errno\":{\"type\":\"string\"},\"trace_id\":{\"type\":\"string\"}}}},"
	"\"responses\":{\"Problem\":{\"description\":\"A problem (RFC 9457)\",\"content\":{\"application/problem+json\":"
	"{\"schema\":{\"$ref\":\"#/components/schemas/Problem\"}}}}}}";

static bool is_described(const struct http_route *route)
{
	json_t *doc;
	bool good;

	if (!route->summary || !route->tag || !route->doc)
		return false;
	doc = json_loads(route->doc, 0, NULL);
	good = json_is_object(doc);
	json_decref(doc);
	return good;
}

int http_routes_check(const struct http_route *routes)
{
	int r = 0;

	for (; routes->method; routes++) {
		if (!routes->handler || !routes->pattern || (!routes->internal && !is_described(routes))) {
			log_error(NULL, "route %s %s is not described", routes->method,
				routes->pattern ? routes->pattern : "?");
			r = -EINVAL;
		}
	}
	return r;
}

/* In OpenAPI, "/a/{b...}" is written "/a/{b}". */
static void path_name(const char *pattern, char *ret, size_t size)
{
	size_t used = 0;

	while (*pattern && used + 1 < size) {
		if (strncmp(pattern, "...}", 4) == 0)
			pattern += 3;
		ret[used++] = *pattern++;
	}
	ret[used] = '\0';
}

static bool has_parameter(const json_t *parameters, struct span name)
{
	size_t i;
	json_t *p;

	json_array_foreach(parameters, i, p) {
		const char *text = json_string_value(json_object_get(p, "name"));

		if (text && span_eq_str(name, text))
			return true;
	}
	return false;
}

/* An example value that works as it stands, so that the operation can be tried from the page. An id has no
 * example, as no reader can know one. */
static const char *placeholder_example(struct span name)
{
	static const struct {
		const char *name, *example;
	} known[] = {{"drive", "home"}, {"path", "example.txt"}};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (span_eq_str(name, known[i].name))
			return known[i].example;
	}
	return NULL;
}

static json_t *placeholder_json(struct span name)
{
	const char *example = placeholder_example(name);
	json_t *o = json_pack("{s:s%, s:s, s:b, s:{s:s}}", "name", name.data, name.size, "in", "path", "required", 1,
		"schema", "type", "string");

	if (o && example)
		(void)json_object_set_new(o, "example", json_string(example));
	return o;
}

static int add_parameters(const struct http_route *route, json_t *operation)
{
	json_t *parameters = json_object_get(operation, "parameters");
	struct span name;
	int r = 0;

	for (size_t n = 0; !r && (name = router_param_name(route, n)).size; n++) {
		if (!parameters) {
			parameters = json_array();
			r = json_object_set_new(operation, "parameters", parameters);
		}
		if (!r && !has_parameter(parameters, name))
			r = json_array_append_new(parameters, placeholder_json(name));
	}
	return r;
}

static json_t *operation_of(const struct http_route *route)
{
	json_t *operation = json_loads(route->doc, 0, NULL);
	json_t *responses = json_object_get(operation, "responses");
	int r = json_object_set_new(operation, "summary", json_string(route->summary));

	if (!responses) {
		responses = json_object();
		r |= json_object_set_new(operation, "responses", responses);
	}
	r |= json_object_set_new(operation, "tags", json_pack("[s]", route->tag));
	r |= add_parameters(route, operation);
	if (!json_object_get(responses, "default"))
		r |= json_object_set_new(
			responses, "default", json_pack("{s:s}", "$ref", "#/components/responses/Problem"));
	if (!route->open)
		r |= json_object_set_new(operation, "security", json_pack("[{s:[]}]", "bearer"));
	if (r) {
		json_decref(operation);
		return NULL;
	}
	return operation;
}

static int add_route(json_t *paths, const struct http_route *route)
{
	char name[512];
	char method[16];
	json_t *path;
	size_t i;

	path_name(route->pattern, name, sizeof(name));
	for (i = 0; route->method[i] && i + 1 < sizeof(method); i++)
		method[i] = (char)tolower((unsigned char)route->method[i]);
	method[i] = '\0';
	path = json_object_get(paths, name);
	if (!path) {
		path = json_object();
		if (json_object_set_new(paths, name, path))
			return -ENOMEM;
	}
	return json_object_set_new(path, method, operation_of(route)) ? -ENOMEM : 0;
}

/* The version of "/api/v2/docs" is 2. */
static const char *version_of(const char *prefix, char *ret, size_t size)
{
	const char *v = strstr(prefix, "/v");
	size_t digits = v ? strspn(v + 2, "0123456789") : 0;

	(void)snprintf(ret, size, "%.*s", digits ? (int)digits : 1, digits ? v + 2 : "1");
	return ret;
}

int http_openapi(const struct http_route *routes, const char *prefix, const char *title, struct buf *ret)
{
	json_t *paths = json_object();
	json_t *root = NULL;
	char *text = NULL;
	char version[16];
	int r = paths ? 0 : -ENOMEM;

	for (; !r && routes->method; routes++) {
		if (!routes->internal && strncmp(routes->pattern, prefix, strlen(prefix)) == 0)
			r = add_route(paths, routes);
	}
	if (r)
		goto out;
	root = json_pack("{s:s, s:{s:s, s:s}, s:O, s:o}", "openapi", OPENAPI_VERSION, "info", "title", title, "version",
		version_of(prefix, version, sizeof(version)), "paths", paths, "components",
		json_loads(components_text, 0, NULL));
	text = root ? json_dumps(root, JSON_COMPACT) : NULL;
	r = text ? buf_append_str(ret, text) : -ENOMEM;
out:
	free(text);
	json_decref(root);
	json_decref(paths);
	return r;
}
