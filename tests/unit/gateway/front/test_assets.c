#include "gateway/front/assets.h"

#include "tests/unit/common/http/wire.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

struct shop {
	char folder[64];
	struct assets *assets;
	struct http_server *server;
	uint16_t port;
};

static char text[16384];

static void handle_asset(struct http_request *req, void *cookie)
{
	const struct shop *s = cookie;
	assets_respond(s->assets, req, http_request_param(req, "name"));
}

static const struct http_route ROUTES[] = {
	{.method = "GET", .pattern = "/{name}", .handler = handle_asset, .internal = true, .open = true},
	{0},
};

static void put_file(const struct shop *s, const char *name, const char *content)
{
	char path[128];
	(void)snprintf(path, sizeof(path), "%s/%s", s->folder, name);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	(void)fputs(content, file);
	(void)fclose(file);
}

static int setup(void **state)
{
	struct shop *s = calloc(1, sizeof(*s));
	char sub[128];
	(void)snprintf(s->folder, sizeof(s->folder), "/tmp/nephos-assets.XXXXXX");
	assert_non_null(mkdtemp(s->folder));
	put_file(s, "index.html", "<p>hello");
	put_file(s, ".secret", "no");
	put_file(s, "empty.css", "");
	(void)snprintf(sub, sizeof(sub), "%s/sub", s->folder);
	assert_int_equal(mkdir(sub, 0700), 0);
	assert_int_equal(assets_load(s->folder, &s->assets), 0);
	const struct http_server_options options = {.address = "127.0.0.1", .routes = ROUTES, .cookie = s};
	assert_int_equal(http_server_start(&options, &s->server), 0);
	s->port = http_server_port(s->server);
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	static const char *const names[] = {"index.html", ".secret", "empty.css"};
	struct shop *s = *state;
	char path[128];
	http_server_stop(s->server);
	assets_free(s->assets);
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", s->folder, names[i]);
		(void)unlink(path);
	}
	(void)snprintf(path, sizeof(path), "%s/sub", s->folder);
	(void)rmdir(path);
	(void)rmdir(s->folder);
	free(s);
	return 0;
}

static int get(const struct shop *s, const char *target, const char *fields)
{
	char request[512];
	(void)snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: g\r\n%s\r\n", target, fields);
	return wire_ask(s->port, request, text, sizeof(text));
}

static void files_are_served_with_content_type_and_security_fields(void **state)
{
	assert_int_equal(get(*state, "/index.html", ""), 200);
	assert_non_null(strstr(text, "Content-Type: text/html; charset=utf-8\r\n"));
	assert_non_null(strstr(text, "Content-Security-Policy: default-src 'self'"));
	assert_non_null(strstr(text, "X-Content-Type-Options: nosniff"));
	assert_non_null(strstr(text, "\r\n\r\n<p>hello"));
	assert_int_equal(get(*state, "/empty.css", ""), 200);
	assert_non_null(strstr(text, "Content-Length: 0\r\n"));
}

static void a_matching_if_none_match_gets_304_without_the_file(void **state)
{
	char fields[128], etag[32];
	assert_int_equal(get(*state, "/index.html", ""), 200);
	assert_int_equal(sscanf(strstr(text, "ETag: "), "ETag: %31s", etag), 1);
	(void)snprintf(fields, sizeof(fields), "If-None-Match: \"other\", %s\r\n", etag);
	assert_int_equal(get(*state, "/index.html", fields), 304);
	assert_non_null(strstr(text, "Content-Length: 8\r\n")); /* the length of what the client has */
	assert_int_equal(get(*state, "/index.html", "If-None-Match: *\r\n"), 304);
	assert_int_equal(get(*state, "/index.html", "If-None-Match: \"other\"\r\n"), 200);
}

static void only_files_of_the_folder_are_served(void **state)
{
	static const char *const targets[] = {
		"/.secret", "/sub", "/missing", "/%2e%2e%2findex.html", "/..", "/index.html%00"};
	for (size_t i = 0; i < sizeof(targets) / sizeof(*targets); i++) {
		int status = get(*state, targets[i], "");
		if (status != 404 && status != 400)
			fail_msg("%s: %d", targets[i], status);
	}
}

static void loading_a_missing_folder_fails_with_enoent(void **state)
{
	struct assets *assets = NULL;
	(void)state;
	assert_int_equal(assets_load("/nowhere/at/all", &assets), -ENOENT);
	assert_null(assets);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_are_served_with_content_type_and_security_fields),
		cmocka_unit_test(a_matching_if_none_match_gets_304_without_the_file),
		cmocka_unit_test(only_files_of_the_folder_are_served),
		cmocka_unit_test(loading_a_missing_folder_fails_with_enoent),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
