#include "cli/command.h"
#include "cli/mounts.h"
#include "cli/print.h"
#include "common/http/loopback.h"

#include <stdio.h>

/* What the gateways say of themselves and of the services behind them, and what is mounted here. Needs no key. */

#define GATEWAYS_MAX 64 /* asked one after the other */

struct survey {
	struct command_run *run;
	json_t *urls; /* of gateways that are known */
	json_t *gateways, *services, *mounts;
	bool any_ready;
};

static void offer_url(struct survey *s, const char *url)
{
	size_t count = json_array_size(s->urls);

	for (size_t i = 0; url && i < count; i++)
		if (strcmp(json_string_value(json_array_get(s->urls, i)), url) == 0)
			return;
	if (url && count < GATEWAYS_MAX)
		(void)json_array_append_new(s->urls, json_string(url));
}

/* What a gateway elsewhere calls its own machine is not this one. */
static void offer_peer(struct survey *s, const char *asked, const char *url)
{
	if (url && loopback_may_follow(asked, url))
		offer_url(s, url);
}

/* GET of one gateway, no other. */
static int ask(const char *url, const char *path, struct api_answer *ret)
{
	struct api_request request = {.method = "GET", .path = path, .anonymous = true};
	struct credentials one;
	struct api *api = NULL;
	struct buf why;
	int r;

	memset(ret, 0, sizeof(*ret));
	credentials_init(&one);
	buf_init(&why, PRINT_LINE_BYTES_MAX);
	r = credentials_set_urls(&one, url, &why);
	if (r == 0)
		r = api_new(&one, &api);
	if (r == 0)
		r = api_call(api, &request, ret);
	api_free(api);
	credentials_fini(&one);
	buf_fini(&why);
	return r;
}

/* One gateway may not have heard of a service yet that another knows. */
static void merge_services(struct survey *s, const json_t *services)
{
	for (size_t i = 0; i < json_array_size(services); i++) {
		json_t *one = json_array_get(services, i);
		const char *name = json_string_value(json_object_get(one, "name"));
		bool known = !name;

		for (size_t n = 0; n < json_array_size(s->services) && !known; n++)
			known = strcmp(json_string_value(json_object_get(json_array_get(s->services, n), "name")),
					name) == 0;
		if (!known)
			(void)json_array_append(s->services, one);
	}
}

static void survey_gateway(struct survey *s, const char *url)
{
	struct api_answer status, ready;
	const json_t *peers;
	json_t *gateway;
	int r = ask(url, "/status", &status);
	bool is_ready = false;

	if (r == 0) {
		(void)ask(url, "/readyz", &ready);
		is_ready = ready.status == 200; /* whatever it says in words */
		api_answer_fini(&ready);
		peers = json_object_get(status.json, "gateways");
		for (size_t i = 0; i < json_array_size(peers); i++)
			offer_peer(s, url, json_string_value(json_array_get(peers, i)));
		merge_services(s, json_object_get(status.json, "services"));
	}
	s->any_ready = s->any_ready || is_ready;
	gateway = json_pack("{s:s, s:b, s:b}", "url", url, "reachable", r == 0, "ready", is_ready);
	if (gateway && r == 0)
		(void)json_object_set(gateway, "name", json_object_get(status.json, "name"));
	else if (gateway)
		(void)json_object_set_new(gateway, "error", json_string(status.status ? status.detail : strerror(-r)));
	(void)json_array_append_new(s->gateways, gateway);
	api_answer_fini(&status);
}

static void survey_mounts(struct survey *s)
{
	struct mounts mounts;

	if (mounts_read(&mounts) < 0)
		return;
	for (size_t i = 0; i < mounts.count; i++) {
		const struct mounts_entry *e = &mounts.list[i];
		json_t *one = json_object();
		pid_t pid;

		(void)item_json_set_bytes(one, "directory", span_str(e->directory));
		(void)item_json_set_bytes(one, "url", span_str(e->source));
		if (mounts_process(e, &pid) == 0)
			(void)json_object_set_new(one, "pid", json_integer(pid));
		(void)json_array_append_new(s->mounts, one);
	}
	mounts_fini(&mounts);
}

/* ---- for people ---- */

static void print_field(struct buf *line, const json_t *object, const char *key, int width)
{
	const char *text = json_string_value(json_object_get(object, key));
	size_t before = line->size;

	(void)print_name(line, span_str(text ? text : "-"), true);
	(void)buf_printf(line, "%*s", line->size - before < (size_t)width ? width - (int)(line->size - before) : 0, "");
	(void)buf_append_str(line, "  ");
}

static void print_gateway(struct buf *line, const json_t *g)
{
	const json_t *error = json_object_get(g, "error");

	(void)buf_append_str(line, "gateway  ");
	print_field(line, g, "name", 12);
	print_field(line, g, "url", 28);
	(void)buf_append_str(line,
		error						    ? json_string_value(error)
			: json_is_true(json_object_get(g, "ready")) ? "ready"
								    : "not ready");
}

static void print_service(struct buf *line, const json_t *service)
{
	const json_t *ready = json_object_get(service, "ready");

	print_field(line, service, "kind", 7);
	print_field(line, service, "name", 12);
	print_field(line, service, "url", 28);
	(void)buf_append_str(line, json_is_false(ready) ? "not ready" : "ready");
}

static void print_mount(struct buf *line, const json_t *mount)
{
	const json_t *pid = json_object_get(mount, "pid");

	(void)buf_append_str(line, "mount    ");
	print_field(line, mount, "directory", 12);
	print_field(line, mount, "url", 28);
	if (pid)
		(void)buf_printf(line, "process %lld", (long long)json_integer_value(pid));
}

static void print_each(const json_t *list, void (*print)(struct buf *line, const json_t *one))
{
	struct buf line;

	buf_init(&line, PRINT_LINE_BYTES_MAX);
	for (size_t i = 0; i < json_array_size(list); i++) {
		buf_reset(&line);
		print(&line, json_array_get(list, i));
		(void)buf_append_str(&line, "\n");
		command_print(&line);
	}
	buf_fini(&line);
}

static void print_survey(const struct survey *s)
{
	json_t *all;

	if (!s->run->options.json) {
		print_each(s->gateways, print_gateway);
		print_each(s->services, print_service);
		print_each(s->mounts, print_mount);
		return;
	}
	all = json_pack("{s:O, s:O, s:O}", "gateways", s->gateways, "services", s->services, "mounts", s->mounts);
	command_print_json(all);
	json_decref(all);
}

static int status_run(struct command_run *run)
{
	struct survey s = {.run = run,
		.urls = json_array(),
		.gateways = json_array(),
		.services = json_array(),
		.mounts = json_array()};

	for (size_t i = 0; i < run->credentials.url_count; i++)
		offer_url(&s, run->credentials.urls[i]);
	for (size_t i = 0; i < json_array_size(s.urls); i++) /* grows while it runs */
		survey_gateway(&s, json_string_value(json_array_get(s.urls, i)));
	survey_mounts(&s);
	print_survey(&s);
	json_decref(s.urls);
	json_decref(s.gateways);
	json_decref(s.services);
	json_decref(s.mounts);
	return s.any_ready ? EXIT_DONE : command_say(run, EXIT_UNREACHABLE, NULL, "no gateway is ready");
}

static const struct args_flag status_flags[] = {COMMAND_FLAG_JSON, COMMAND_FLAG_CREDENTIALS, COMMAND_FLAGS_END};

const struct command command_status = {
	.name = "status",
	.arguments = "[--json]",
	.summary = "the store's gateways and services, and the mounts of this machine",
	.details = "Ends with 3 when no gateway is ready.\n",
	.flags = status_flags,
	.needs = COMMAND_NEEDS_URL,
	.run = status_run,
};
