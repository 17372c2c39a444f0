#include "backend/service/registration.h"

#include "common/base/clock.h"
#include "common/base/cond.h"
#include "common/base/log.h"
#include "common/http/client/client.h"

#include <assert.h>
#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/un.h>
#include <unistd.h>

#define SOCKET_PATH_MAX 108	 /* the kernel's limit */
#define REGISTRATION_NAME_MAX 64 /* of a gateway or a service, with its NUL */

struct gateway {
	struct registration *registration;
	char url[REGISTRATION_URL_MAX];
	char peer[REGISTRATION_PEER_MAX];  /* the name that it must have in its greeting; not checked on a socket */
	char socket_path[SOCKET_PATH_MAX]; /* "": none; it may go through `folder` */
	char *given_path;		   /* the socket's path, as --gateways has it; NULL: none */
	int folder;			   /* descriptor of the folder that the path goes through; -1: none */
	bool busy;			   /* a POST is in flight; guarded by the lock */
	bool down;			   /* the last POST failed, which is logged once; guarded by the lock */
	char *body;			   /* of the POST in flight */
};

struct peer {
	char kind[16];
	char name[64];
	char url[REGISTRATION_URL_MAX];
	char instance[64];
	int64_t seen_ns;
};

struct registration {
	struct registration_options options; /* its texts are the copies below */
	char *kind, *name, *url, *instance;
	struct gateway gateways[REGISTRATION_GATEWAYS_MAX];
	size_t gateway_count;
	pthread_t thread;
	bool started;

	pthread_mutex_t lock; /* guards the fields below */
	pthread_cond_t wake;
	bool stopping;
	bool leaving;
	struct peer peers[REGISTRATION_SERVICES_MAX];
	size_t peer_count;
	unsigned turn; /* of the round robin */
};

static int add_socket(struct registration *r, struct gateway *g, const char *text, size_t size)
{
	struct endpoint_address address;
	char path[PATH_MAX];

	if (size >= sizeof(path))
		return -EINVAL;
	memcpy(path, text, size);
	path[size] = '\0';
	int result = endpoint_unix_check(path);
	if (result == 0)
		result = endpoint_unix_address(path, &address, &g->folder);
	if (result < 0)
		return result;
	snprintf(g->socket_path, sizeof(g->socket_path), "%s", ((const struct sockaddr_un *)&address.name)->sun_path);
	snprintf(g->url, sizeof(g->url), "http://nephos"); /* this host is never looked up */
	g->registration = r;
	r->gateway_count++;
	g->given_path = strdup(path);
	return g->given_path ? 0 : -ENOMEM;
}

const char *registration_named(const char *text, const char *kind, char ret_peer[REGISTRATION_PEER_MAX])
{
	/* A name has no colon, and each URL has one near its start. */
	const size_t size = strcspn(text, ":=");
	const bool is_named = text[size] == '=';

	if (is_named && (size == 0 || size >= REGISTRATION_NAME_MAX || strcspn(text, "/ ") < size))
		return NULL;
	snprintf(ret_peer, REGISTRATION_PEER_MAX, "%s/%.*s%s", kind, is_named ? (int)size : 0, text,
		is_named ? "/" : "");
	return is_named ? text + size + 1 : text;
}

static int add_url(struct registration *r, struct gateway *g, const char *text, size_t size)
{
	char named[REGISTRATION_URL_MAX + REGISTRATION_NAME_MAX];

	if (size >= sizeof(named))
		return -EINVAL;
	snprintf(named, sizeof(named), "%.*s", (int)size, text);
	const char *url = registration_named(named, "gateway", g->peer);
	if (!url || strlen(url) >= sizeof(g->url) || strncmp(url, "http://", 7) != 0)
		return -EINVAL;
	snprintf(g->url, sizeof(g->url), "%s", url);
	g->folder = -1;
	g->registration = r;
	r->gateway_count++;
	return 0;
}

static int add_gateway(struct registration *r, const char *text, size_t size)
{
	struct gateway *g = &r->gateways[r->gateway_count];

	while (size > 0 && (*text == ' ' || *text == '\t'))
		text++, size--;
	while (size > 0 && (text[size - 1] == ' ' || text[size - 1] == '/'))
		size--;
	if (size == 0)
		return 0;
	if (r->gateway_count == REGISTRATION_GATEWAYS_MAX)
		return -EINVAL;
	if (size > 5 && strncmp(text, "unix:", 5) == 0)
		return add_socket(r, g, text + 5, size - 5);
	return add_url(r, g, text, size);
}

static int parse_gateways(struct registration *r, const char *list)
{
	int result = 0;

	while (result == 0 && list && *list) {
		size_t size = strcspn(list, ",");

		result = add_gateway(r, list, size);
		list += size + (list[size] == ',');
	}
	return result;
}

/* NULL: the text is missing or too long; the item is no peer then. */
static const char *text_of(const json_t *item, const char *key, size_t size)
{
	const char *text = json_string_value(json_object_get(item, key));

	return text && strlen(text) < size ? text : NULL;
}

static void remember_peer(struct registration *r, const json_t *item)
{
	const char *kind = text_of(item, "kind", sizeof(r->peers[0].kind));
	const char *name = text_of(item, "name", sizeof(r->peers[0].name));
	const char *url = text_of(item, "url", sizeof(r->peers[0].url));
	const char *instance = text_of(item, "instance", sizeof(r->peers[0].instance));
	size_t i = 0;

	if (!kind || !name || !url || !instance)
		return;

	assert(r->peer_count <= REGISTRATION_SERVICES_MAX);
	while (i < r->peer_count && (strcmp(r->peers[i].kind, kind) != 0 || strcmp(r->peers[i].name, name) != 0))
		i++;
	if (i == REGISTRATION_SERVICES_MAX)
		return;
	if (i == r->peer_count)
		r->peer_count++;
	struct peer *p = &r->peers[i];
	snprintf(p->kind, sizeof(p->kind), "%s", kind);
	snprintf(p->name, sizeof(p->name), "%s", name);
	snprintf(p->url, sizeof(p->url), "%s", url);
	snprintf(p->instance, sizeof(p->instance), "%s", instance);
	p->seen_ns = clock_mono_ns();
	assert(i < r->peer_count && r->peer_count <= REGISTRATION_SERVICES_MAX);
}

/* The caller holds r->lock. Forgets services that no gateway has named for REGISTRATION_KEEP_MS. */
static void forget_silent_peers(struct registration *r)
{
	const int64_t oldest_ns = clock_mono_ns() - REGISTRATION_KEEP_MS * NS_PER_MS;

	for (size_t i = 0; i < r->peer_count;) {
		if (r->peers[i].seen_ns < oldest_ns)
			r->peers[i] = r->peers[--r->peer_count];
		else
			i++;
	}
}

static void take_answer(struct registration *r, const struct buf *body)
{
	json_t *answer = json_loadb(body->data ? body->data : "", body->size, 0, NULL);
	json_t *item;
	size_t i;

	pthread_mutex_lock(&r->lock);
	json_array_foreach(json_object_get(answer, "services"), i, item)
		remember_peer(r, item);
	forget_silent_peers(r);
	pthread_mutex_unlock(&r->lock);
	json_decref(answer);
}

/* Where the gateway is reached, for people. */
static const char *place_of(const struct gateway *g)
{
	return g->given_path ? g->given_path : g->url;
}

static void on_answer(void *cookie, struct http_response *response)
{
	struct gateway *g = cookie;
	struct registration *r = g->registration;
	const bool good = response->error == 0 && response->status == 200;

	if (good)
		take_answer(r, &response->body);
	pthread_mutex_lock(&r->lock);
	assert(g->busy && g->body);
	if (good && g->down)
		log_info(NULL, "gateway=%s knows this service again", place_of(g));
	if (!good && !g->down && !r->leaving)
		log_warning(NULL, "gateway=%s does not take the registration: error=%d status=%d", place_of(g),
			response->error, response->status);
	g->down = !good;
	g->busy = false;
	free(g->body);
	g->body = NULL;
	pthread_cond_broadcast(&r->wake);
	pthread_mutex_unlock(&r->lock);
}

static int start_post(struct gateway *g, bool leaving)
{
	const struct registration_options *o = &g->registration->options;
	char url[REGISTRATION_URL_MAX + 32];
	struct http_headers headers;

	json_t *message = json_pack("{s:s, s:s, s:s, s:s, s:b}", "kind", o->kind, "name", o->name, "instance",
		o->instance, "url", g->registration->url, "ready", !leaving && o->ready(o->cookie));
	if (message && leaving)
		json_object_set_new(message, "leaving", json_true());
	g->body = message ? json_dumps(message, JSON_COMPACT) : NULL;
	json_decref(message);
	if (!g->body)
		return -ENOMEM;
	snprintf(url, sizeof(url), "%s/internal/v1/registry", g->url);
	http_headers_init(&headers);
	int r = http_headers_add(&headers, "Content-Type", "application/json");
	const struct http_call_options call = {.method = "POST",
		.url = url,
		.socket_path = *g->socket_path ? g->socket_path : NULL,
		.peer = g->peer,
		.headers = &headers,
		.body = span_str(g->body),
		.response_max = 1024 * 1024,
		.connect_ms = REGISTRATION_DEADLINE_MS,
		.deadline_ms = REGISTRATION_DEADLINE_MS};
	if (r == 0)
		r = http_client_start(o->client, &call, g, on_answer, NULL);
	http_headers_fini(&headers);
	return r;
}

/* The caller holds r->lock; the function releases it while it starts the call. */
static void post_to(struct gateway *g, bool leaving)
{
	struct registration *r = g->registration;

	if (g->busy)
		return;
	assert(!g->body);
	g->busy = true;
	pthread_mutex_unlock(&r->lock);
	int result = start_post(g, leaving);
	pthread_mutex_lock(&r->lock);
	if (result == 0)
		return;
	g->busy = false;
	free(g->body);
	g->body = NULL;
}

static int64_t in_ms(unsigned ms)
{
	return clock_mono_ns() + ms * NS_PER_MS;
}

static void *registration_main(void *cookie)
{
	struct registration *r = cookie;

	pthread_mutex_lock(&r->lock);
	while (!r->stopping) {
		for (size_t i = 0; i < r->gateway_count && !r->leaving; i++)
			post_to(&r->gateways[i], false);
		const int64_t until_ns = in_ms(REGISTRATION_PERIOD_MS);
		/* Answers signal the condition, too; the wait goes on until the period is over. */
		while (!r->stopping && cond_wait_until(&r->wake, &r->lock, until_ns))
			;
	}
	pthread_mutex_unlock(&r->lock);
	return NULL;
}

int registration_new(const struct registration_options *options, struct registration **ret)
{
	struct registration *r = calloc(1, sizeof(*r));
	if (!r)
		return -ENOMEM;
	pthread_mutex_init(&r->lock, NULL);
	cond_init(&r->wake);
	r->options = *options;
	r->options.kind = r->kind = strdup(options->kind);
	r->options.name = r->name = strdup(options->name);
	r->options.instance = r->instance = strdup(options->instance);
	int result = r->kind && r->name && r->instance ? parse_gateways(r, options->gateways) : -ENOMEM;
	if (result < 0) {
		registration_free(r);
		return result;
	}
	*ret = r;
	return 0;
}

int registration_start(struct registration *r, const char *url)
{
	r->url = strdup(url);
	if (!r->url)
		return -ENOMEM;
	int result = -pthread_create(&r->thread, NULL, registration_main, r);
	r->started = result == 0;
	return result;
}

/* The caller holds r->lock. Waits until every call has ended, or until until_ns. */
static void wait_for_calls(struct registration *r, int64_t until_ns)
{
	for (size_t i = 0; i < r->gateway_count; i++)
		while (r->gateways[i].busy && cond_wait_until(&r->wake, &r->lock, until_ns))
			;
}

void registration_leave(struct registration *r)
{
	const int64_t until_ns = in_ms(REGISTRATION_DEADLINE_MS);

	pthread_mutex_lock(&r->lock);
	r->leaving = true;
	if (!r->started) {
		pthread_mutex_unlock(&r->lock);
		return;
	}
	wait_for_calls(r, until_ns); /* a renewal that arrives after the sign-off would bring this process back */
	for (size_t i = 0; i < r->gateway_count; i++)
		post_to(&r->gateways[i], true);
	wait_for_calls(r, until_ns);
	pthread_mutex_unlock(&r->lock);
}

void registration_free(struct registration *r)
{
	if (!r)
		return;
	pthread_mutex_lock(&r->lock);
	r->stopping = true;
	r->leaving = true;
	pthread_cond_broadcast(&r->wake);
	pthread_mutex_unlock(&r->lock);
	if (r->started)
		pthread_join(r->thread, NULL);
	/* Calls end by their own deadline; their callbacks need this object until then. */
	pthread_mutex_lock(&r->lock);
	for (size_t i = 0; i < r->gateway_count; i++)
		while (r->gateways[i].busy)
			pthread_cond_wait(&r->wake, &r->lock);
	pthread_mutex_unlock(&r->lock);
	pthread_cond_destroy(&r->wake);
	pthread_mutex_destroy(&r->lock);
	for (size_t i = 0; i < r->gateway_count; i++) {
		if (r->gateways[i].folder >= 0)
			close(r->gateways[i].folder);
		free(r->gateways[i].given_path);
	}
	free(r->instance);
	free(r->kind);
	free(r->name);
	free(r->url);
	free(r);
}

int registration_pick(struct registration *r, const char *kind, char ret_url[REGISTRATION_URL_MAX],
	char ret_peer[REGISTRATION_PEER_MAX])
{
	int result = -ENOENT;

	pthread_mutex_lock(&r->lock);
	for (size_t i = 0; result < 0 && i < r->peer_count; i++) {
		const struct peer *p = &r->peers[(r->turn + i) % r->peer_count];

		if (strcmp(p->kind, kind) != 0)
			continue;
		memcpy(ret_url, p->url, REGISTRATION_URL_MAX);
		int size = snprintf(ret_peer, REGISTRATION_PEER_MAX, "%s/%s/%s", p->kind, p->name, p->instance);
		if (size < 0 || size >= REGISTRATION_PEER_MAX)
			continue;
		r->turn = (unsigned)((r->turn + i + 1) % r->peer_count);
		result = 0;
	}
	pthread_mutex_unlock(&r->lock);
	return result;
}

static size_t count_of(const struct registration *r, const char *kind)
{
	size_t count = 0;

	for (size_t i = 0; i < r->peer_count; i++)
		count += strcmp(r->peers[i].kind, kind) == 0;
	return count;
}

size_t registration_count(struct registration *r, const char *kind)
{
	pthread_mutex_lock(&r->lock);
	const size_t count = count_of(r, kind);
	pthread_mutex_unlock(&r->lock);
	return count;
}

int registration_await(struct registration *r, const char *kind, unsigned wait_ms)
{
	const int64_t until_ns = clock_mono_ns() + wait_ms * NS_PER_MS;

	pthread_mutex_lock(&r->lock);
	bool waits = r->gateway_count > 0;
	while (waits && count_of(r, kind) == 0 && !r->leaving && !r->stopping)
		waits = cond_wait_until(&r->wake, &r->lock, until_ns);
	const bool known = count_of(r, kind) > 0;
	pthread_mutex_unlock(&r->lock);
	return known ? 0 : -ENOENT;
}

int registration_gateway(const struct registration *r, size_t n, struct registration_gateway *ret)
{
	if (n >= r->gateway_count)
		return -ENOENT;
	const struct gateway *g = &r->gateways[n];
	*ret = (struct registration_gateway){
		.url = g->url, .socket_path = *g->socket_path ? g->socket_path : NULL, .peer = g->peer};
	return 0;
}
