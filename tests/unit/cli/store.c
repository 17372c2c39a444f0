#include "tests/unit/cli/store.h"

#include "cli/command.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

struct cut {
	const char *text;
	size_t left;
};

static int cut_pull(void *cookie, void *data, size_t size, size_t *ret_size)
{
	struct cut *c = cookie;

	if (c->left == 0)
		return -ECONNRESET;
	*ret_size = size < c->left ? size : c->left;
	memcpy(data, c->text, *ret_size);
	c->text += *ret_size;
	c->left -= *ret_size;
	return 0;
}

static void cut_done(void *cookie, bool complete)
{
	(void)complete;
	free(cookie);
}

static void note(char *ret, size_t size, const char *text)
{
	(void)snprintf(ret, size, "%s", text ? text : "");
}

static void write_down(struct store_asked *a, struct http_request *req)
{
	struct span body = http_request_body(req);

	note(a->method, sizeof(a->method), http_request_method(req));
	note(a->target, sizeof(a->target), http_request_target(req));
	note(a->key, sizeof(a->key), http_request_header(req, "Idempotency-Key"));
	note(a->token, sizeof(a->token), http_request_header(req, "Authorization"));
	note(a->range, sizeof(a->range), http_request_header(req, "Range"));
	note(a->match, sizeof(a->match), http_request_header(req, "If-Match"));
	note(a->digest, sizeof(a->digest), http_request_header(req, "Repr-Digest"));
	(void)snprintf(a->body, sizeof(a->body), "%.*s", (int)body.size, body.data ? body.data : "");
}

static void add_fields(struct http_headers *headers, const char *fields)
{
	while (fields && *fields) {
		size_t size = strcspn(fields, "\n");
		const char *colon = memchr(fields, ':', size);
		char name[64], value[128];

		(void)snprintf(name, sizeof(name), "%.*s", (int)(colon - fields), fields);
		(void)snprintf(value, sizeof(value), "%.*s", (int)(size - (size_t)(colon + 2 - fields)), colon + 2);
		(void)http_headers_add(headers, name, value);
		fields += size + (fields[size] == '\n');
	}
}

static void on_request(struct http_request *req, void *cookie)
{
	static const struct http_stream_ops cut_ops = {.pull = cut_pull, .done = cut_done};
	static const struct store_step last = {500, "{}", NULL};
	struct store *s = cookie;
	const struct store_step *step = &last;
	struct http_headers headers;
	struct cut *cut;

	http_headers_init(&headers);
	pthread_mutex_lock(&s->lock);
	if (s->count < s->step_count)
		step = &s->steps[s->count];
	if (s->count < STORE_STEPS_MAX)
		write_down(&s->asked[s->count], req);
	s->count++;
	pthread_mutex_unlock(&s->lock);
	add_fields(&headers, step->field);
	if (step->status > 0) {
		http_respond(req, step->status, &headers, span_str(step->text));
	} else {
		cut = malloc(sizeof(*cut));
		*cut = (struct cut){step->text, strlen(step->text)};
		http_respond_stream(req, 200, &headers, STORE_CUT_LENGTH, &cut_ops, cut, NULL);
	}
	http_headers_fini(&headers);
}

#define ROUTE(method_)                                                                                      \
	{                                                                                                   \
		.method = (method_), .pattern = "/{rest...}", .body = HTTP_BODY_WHOLE, .body_max = 1 << 20, \
		.handler = on_request, .internal = true                                                     \
	}

static const struct http_route routes[] = {
	ROUTE("GET"), ROUTE("POST"), ROUTE("PUT"), ROUTE("PATCH"), ROUTE("DELETE"), {.method = NULL}};

void store_start(struct store *s, const struct store_step *steps, size_t step_count)
{
	struct http_server_options options = {.address = "127.0.0.1", .routes = routes, .cookie = s};

	memset(s, 0, sizeof(*s));
	s->steps = steps;
	s->step_count = step_count;
	pthread_mutex_init(&s->lock, NULL);
	credentials_init(&s->credentials);
	assert_int_equal(http_server_start(&options, &s->server), 0);
	store_credentials(s, NULL, "t0ken");
}

void store_credentials(struct store *s, const char *before, const char *token)
{
	char list[256];
	struct buf why;

	buf_init(&why, 1000);
	credentials_fini(&s->credentials);
	(void)snprintf(list, sizeof(list), "%s%shttp://127.0.0.1:%u", before ? before : "", before ? "," : "",
		http_server_port(s->server));
	assert_int_equal(credentials_set_urls(&s->credentials, list, &why), 0);
	if (token)
		assert_int_equal(credentials_set_token(&s->credentials, token), 0);
	buf_fini(&why);
}

void store_stop(struct store *s)
{
	http_server_stop(s->server);
	credentials_fini(&s->credentials);
	pthread_mutex_destroy(&s->lock);
}

static int no_mount(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return -1;
}

int store_command(struct store *s, int argc, const char *const *argv)
{
	const char *words[16] = {"nephos"};
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC), out = dup(STDOUT_FILENO), err = dup(STDERR_FILENO), code;
	FILE *printed = tmpfile();

	for (int i = 0; i < argc; i++)
		words[i + 1] = argv[i];
	unsetenv("NEPHOS_CREDENTIALS");
	unsetenv("XDG_CONFIG_HOME");
	setenv("HOME", "/nonexistent", 1);
	setenv("NEPHOS_URL", s->credentials.urls[0], 1);
	setenv("NEPHOS_TOKEN", s->credentials.token, 1);
	assert_non_null(printed);
	(void)fflush(stdout);
	(void)dup2(fileno(printed), STDOUT_FILENO);
	(void)dup2(null, STDERR_FILENO);
	code = command_main(argc + 1, (char **)words, no_mount);
	(void)fflush(stdout);
	(void)dup2(out, STDOUT_FILENO);
	(void)dup2(err, STDERR_FILENO);
	(void)close(null);
	(void)close(out);
	(void)close(err);
	rewind(printed);
	s->out[fread(s->out, 1, sizeof(s->out) - 1, printed)] = '\0';
	(void)fclose(printed);
	return code;
}
