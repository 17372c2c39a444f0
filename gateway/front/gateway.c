#include "gateway/front/gateway.h"

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/limits.h"
#include "common/http/server/monitoring.h"
#include "common/trust/door.h"
#include "gateway/front/assets.h"
#include "gateway/front/block_report.h"
#include "gateway/front/cache_report.h"
#include "gateway/front/hop_listener.h"
#include "gateway/front/peer_list.h"
#include "gateway/access/auth.h"
#include "gateway/access/client_address.h"
#include "gateway/proxy/proxy.h"
#include "gateway/access/recheck.h"
#include "gateway/blocks/block_source.h"
#include "gateway/cache/cache.h"
#include "gateway/ring/keeper.h"
#include "gateway/ring/replicas.h"
#include "gateway/ring/replicator.h"
#include "gateway/ring/ring.h"
#include "gateway/front/service_messages.h"

#include <assert.h>
#include <errno.h>
#include <jansson.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GATEWAY_UPSTREAM_MAX 256    /* connections kept alive to services */
#define GATEWAY_SERVICES_LOOK_MS 10 /* between two looks, until services have registered at its start */

/* Leaving the ring takes three calls. After the length of a lease there is nothing left to give back. */
#define GATEWAY_LEAVE_MS 3000
/* Before that, to copy what the successors still lack: mostly nothing. Enough at 100 MB/s for the most that
 * they keep of others. */
#define GATEWAY_COPY_MS 2000

static_assert(SHARE_CALLS_MAX + RECHECK_AT_ONCE + KEEPER_CALLS_MAX + BLOCK_FETCHES_MAX + GATEWAY_UPSTREAM_MAX <=
		GATEWAY_CALLS_MAX,
	"services have a connection for all that a gateway may ask of them at once");
static_assert(GATEWAY_UPSTREAM_MAX <= HOP_IDLE_MAX && HOP_CONNECTIONS_MAX == GATEWAY_HOPS_MAX,
	"a gateway has a place for what others keep open to it");

struct gateway {
	char *name;
	json_t *peers;			/* array of URLs */
	struct client_address *clients; /* the reverse proxies that are trusted */
	struct metrics *metrics;
	struct door *door;	    /* the cluster's proof of which part of this store is at the other end */
	struct http_client *client; /* to services */
	struct registry *registry;  /* which services live */
	struct under_way *under_way;
	struct auth *auth;
	struct proxy *proxy;
	struct recheck *recheck;
	struct ring *ring;
	struct cache *cache; /* answers of services that are kept */
	struct cache_report *report;
	struct keeper *keeper;	       /* the drives that this gateway is home of */
	struct replicas *replicas;     /* takes what others copy here */
	struct replicator *replicator; /* copies from here to others */
	struct service_clock *clock;
	struct block_caps *caps;
	struct block_cache *block_cache;
	struct block_source *blocks;
	struct block_report *block_report;
	struct assets *assets;
	struct http_route *routes; /* ROUTES and those of monitoring */
	struct monitoring monitoring;
	struct http_server *server;
	struct http_server *internal; /* for services */
	struct hop_listener *hops;    /* for other gateways */
};

/* ---- internal routes: the guard of their listener has checked who comes ---- */

static void handle_hello(struct http_request *req, void *cookie)
{
	const struct gateway *g = cookie;
	door_answer(g->door, req);
}

static void respond_json(struct http_request *req, int status, json_t *body_take)
{
	struct http_headers headers;
	http_headers_init(&headers);
	char *text = body_take ? json_dumps(body_take, JSON_COMPACT) : NULL;
	json_decref(body_take);
	if (text && http_headers_add(&headers, "Content-Type", "application/json") == 0)
		http_respond_take(req, status, &headers, text, strlen(text));
	else
		http_respond_error(req, -ENOMEM, NULL);
	http_headers_fini(&headers);
}

/* The addresses at which services listen, and the names by which they are greeted there, are only for holders
 * of the cluster's key. */
static json_t *services_to_json(struct registry *registry, bool with_addresses)
{
	struct registry_instance live[REGISTRY_INSTANCES_MAX];
	size_t count = registry_list(registry, clock_mono_ns(), live, REGISTRY_INSTANCES_MAX);
	json_t *list = json_array();
	for (size_t i = 0; i < count; i++) {
		json_t *one = json_pack("{sssssb}", "kind", registry_kind_name(live[i].kind), "name", live[i].name,
			"ready", live[i].ready);
		if (with_addresses) {
			json_object_set_new(one, "url", json_string(live[i].url));
			json_object_set_new(one, "instance", json_string(live[i].instance));
		}
		json_array_append_new(list, one);
	}
	return list;
}

static void handle_registry(struct http_request *req, void *cookie)
{
	struct gateway *g = cookie;
	int error = service_messages_register(g->registry, http_request_body(req));
	if (error < 0)
		http_respond_error(req, error, NULL);
	else
		respond_json(req, 200, json_pack("{so}", "services", services_to_json(g->registry, true)));
}

static void handle_services(struct http_request *req, void *cookie)
{
	const struct gateway *g = cookie;
	respond_json(req, 200, json_pack("{so}", "services", services_to_json(g->registry, true)));
}

static void forget_token(void *cookie, const char *id)
{
	struct gateway *g = cookie;
	auth_forget_token(g->auth, id);
	under_way_end(g->under_way, id, -ERR_UNAUTHENTICATED);
}

/* The user may be gone, or have another name: a request in flight goes on if its token is still good, and
 * changes nothing before that is known. */
static void forget_user(void *cookie, int64_t user)
{
	struct gateway *g = cookie;
	auth_forget_user(g->auth, user);
	cache_forget_user(g->cache, user); /* copies of what other gateways keep, too */
	under_way_doubt_user(g->under_way, user, clock_mono_ns());
	recheck_now(g->recheck);
}

static void handle_forget(struct http_request *req, void *cookie)
{
	static const struct service_messages_forgetter FORGETTER = {forget_token, forget_user};
	int error = service_messages_forget(http_request_body(req), &FORGETTER, cookie);
	if (error < 0)
		http_respond_error(req, error, NULL);
	else
		http_respond(req, 204, NULL, span_of(NULL, 0));
}

/* ---- public routes ---- */

static void handle_gateways(struct http_request *req, void *cookie)
{
	const struct gateway *g = cookie;
	respond_json(req, 200, json_pack("{so}", "gateways", peer_list_for(g->peers, req)));
}

/* For any drive's number, whoever owns the drive: the answer says no more than that the members are these. */
static void handle_owners(struct http_request *req, void *cookie)
{
	const struct gateway *g = cookie;
	json_t *status;
	int64_t drive = 0;
	int error = http_request_query_number(req, "drive", 1, INT32_MAX, &drive);

	if (error == 0 && drive == 0)
		http_respond_error(req, -ERR_BAD_REQUEST, "drive: the number of a drive is missing");
	else if (error < 0)
		http_respond_error(req, error, NULL);
	else {
		status = ring_drive_status(g->ring, (uint32_t)drive);
		peer_list_tell(json_object_get(status, "owners"), req);
		respond_json(req, 200, status);
	}
}

static void handle_docs(struct http_request *req, void *cookie)
{
	struct gateway *g = cookie;
	proxy_forward(g->proxy, req, REGISTRY_DOCS);
}

static void handle_user(struct http_request *req, void *cookie)
{
	struct gateway *g = cookie;
	proxy_forward(g->proxy, req, REGISTRY_USER);
}

static void handle_page(struct http_request *req, void *cookie)
{
	const struct gateway *g = cookie;
	assets_respond(g->assets, req, SPAN_LITERAL("index.html"));
}

static void handle_asset(struct http_request *req, void *cookie)
{
	const struct gateway *g = cookie;
	assets_respond(g->assets, req, http_request_param(req, "name"));
}

static int monitoring_ready(void *cookie, struct buf *ret_why)
{
	const struct gateway *g = cookie;
	struct registry_choice choice;
	for (unsigned kind = 0; kind < REGISTRY_KINDS; kind++) {
		registry_turn(g->registry, (enum registry_kind)kind, clock_mono_ns(), &choice);
		if (choice.count > 0)
			continue;
		(void)buf_printf(ret_why, "no %s service has registered", registry_kind_name((enum registry_kind)kind));
		return -ERR_UNAVAILABLE;
	}
	return 0;
}

static void monitoring_refresh(void *cookie)
{
	const struct gateway *g = cookie;

	cache_report_refresh(g->report);
	block_report_refresh(g->block_report);
	replicator_refresh(g->replicator);
	ring_refresh(g->ring);
}

static json_t *forwards_to_json(const struct proxy *proxy)
{
	struct proxy_counts counts;

	proxy_count(proxy, &counts);
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "hops", (json_int_t)counts.hops, "hop_failures",
		(json_int_t)counts.hop_failures, "held", (json_int_t)counts.held, "docs",
		(json_int_t)counts.services[REGISTRY_DOCS], "docs_failures", (json_int_t)counts.failures[REGISTRY_DOCS],
		"user", (json_int_t)counts.services[REGISTRY_USER], "user_failures",
		(json_int_t)counts.failures[REGISTRY_USER]);
}

static int monitoring_status(void *cookie, struct buf *ret)
{
	const struct gateway *g = cookie;
	json_t *status = json_pack("{sssOsoso*so*so*so*so*so*so*}", "name", g->name, "gateways", g->peers, "services",
		services_to_json(g->registry, false), "ring", ring_status(g->ring), "homes", keeper_status(g->keeper),
		"cache", cache_report_json(g->report), "blocks", block_report_json(g->block_report), "replicas",
		replicas_status(g->replicas), "replication", replicator_status(g->replicator), "forwards",
		forwards_to_json(g->proxy));
	char *text = status ? json_dumps(status, JSON_COMPACT) : NULL;
	int error = text ? buf_append_str(ret, text) : -ENOMEM;
	free(text);
	json_decref(status);
	return error;
}

/* Forwarded requests are described by the services that answer them: none of these is in the gateway's own
 * OpenAPI. */
/* NOLINTBEGIN(bugprone-macro-parentheses): the arguments are initialisers */
#define INTERNAL(method_, pattern_, handler_)                                                                \
	{                                                                                                    \
		.method = method_, .pattern = pattern_, .body = HTTP_BODY_WHOLE, .body_max = JSON_BYTES_MAX, \
		.handler = handler_, .internal = true                                                        \
	}
#define OPEN(method_, pattern_, body_, max_, handler_)                                                        \
	{                                                                                                     \
		.method = method_, .pattern = pattern_, .body = body_, .body_max = max_, .handler = handler_, \
		.conditional = true, .rest_may_end_in_slash = true, .open = true, .internal = true            \
	}
#define FORWARD(method_, pattern_, body_, handler_)                                                          \
	{                                                                                                    \
		.method = method_, .pattern = pattern_, .body = body_, .body_max = CONTENT_BYTES_MAX,        \
		.conditional = true, .rest_may_end_in_slash = true, .handler = handler_, .tag = "forwarded", \
		.summary = "Answered by a service", .doc = "{}"                                              \
	}
/* NOLINTEND(bugprone-macro-parentheses) */
/* The service says which methods a target has, to anybody: the description of the API is public, too. */
#define FORWARD_ALL(pattern_, handler_)                                                                           \
	FORWARD("GET", pattern_, HTTP_BODY_NONE, handler_), FORWARD("PUT", pattern_, HTTP_BODY_STREAM, handler_), \
		FORWARD("POST", pattern_, HTTP_BODY_STREAM, handler_),                                            \
		FORWARD("PATCH", pattern_, HTTP_BODY_STREAM, handler_),                                           \
		FORWARD("DELETE", pattern_, HTTP_BODY_NONE, handler_),                                            \
		OPEN("OPTIONS", pattern_, HTTP_BODY_NONE, 0, handler_)
#define API_PAGES(prefix_, forward_)                                  \
	OPEN("GET", prefix_ "/docs", HTTP_BODY_NONE, 0, handle_page), \
		OPEN("GET", prefix_ "/docs/openapi.json", HTTP_BODY_NONE, 0, forward_)

static const struct http_route INTERNAL_ROUTES[] = {
	DOOR_ROUTE(handle_hello),
	INTERNAL("POST", "/internal/v1/registry", handle_registry),
	INTERNAL("GET", "/internal/v1/registry", handle_services),
	INTERNAL("POST", "/internal/v1/tokens/forget", handle_forget),
	{0},
};

static const struct http_route ROUTES[] = {
	{.method = "GET",
		.pattern = "/api/v2/gateways",
		.handler = handle_gateways,
		.tag = "gateways",
		.summary = "The gateways of the store, as whoever asks reaches them",
		.doc = "{}"},
	{.method = "GET",
		.pattern = "/api/v2/gateways/owners",
		.handler = handle_owners,
		.tag = "gateways",
		.summary = "The gateway that is the home of a drive, and the one after it",
		.doc = "{}"},
	API_PAGES("/api/v1/docs", handle_docs),
	API_PAGES("/api/v2/docs", handle_docs),
	API_PAGES("/api/v1/user", handle_user),
	API_PAGES("/api/v2/user", handle_user),
	OPEN("GET", "/api/assets/{name}", HTTP_BODY_NONE, 0, handle_asset),
	/* The service decides whether a stranger may register. */
	OPEN("POST", "/api/v1/user", HTTP_BODY_STREAM, JSON_BYTES_MAX, handle_user),
	OPEN("POST", "/api/v2/user/sessions", HTTP_BODY_STREAM, JSON_BYTES_MAX, handle_user),
	OPEN("POST", "/api/v2/user/setup", HTTP_BODY_STREAM, JSON_BYTES_MAX, handle_user),
	FORWARD_ALL("/api/v1/docs/{rest...}", handle_docs),
	FORWARD_ALL("/api/v2/docs/{rest...}", handle_docs),
	FORWARD_ALL("/api/v1/user/{rest...}", handle_user),
	FORWARD_ALL("/api/v2/user/{rest...}", handle_user),
	{0},
};

static bool guard(struct http_request *req, const struct http_route *route, void *cookie)
{
	struct gateway *g = cookie;
	return auth_guard(g->auth, req, route);
}

static bool internal_guard(struct http_request *req, const struct http_route *route, void *cookie)
{
	const struct gateway *g = cookie;
	return route->open || door_admits(g->door, req);
}

/* Blocks have half of the memory, if that is enough for some; answers have the rest. Each has its own room:
 * clients mostly read one or the other, and a store of large files must still have room for its listings. */
static size_t block_bytes_of(const struct gateway_options *options)
{
	const size_t half = (options->cache_bytes ? options->cache_bytes : GATEWAY_CACHE_BYTES) / 2;

	return half < BLOCK_CACHE_BYTES_MIN ? 0 : half;
}

static int build_blocks(const struct gateway_options *options, struct gateway *g)
{
	int error = block_caps_new(options->cluster, g->clock, &g->caps);

	if (error == 0)
		error = block_cache_new(block_bytes_of(options), &g->block_cache);
	if (error == 0)
		error = block_report_new(g->block_cache, g->metrics, &g->block_report);
	const struct block_source_options blocks = {
		.client = g->client,
		.registry = g->registry,
		.ring = options->ringless ? NULL : g->ring,
		.cache = g->block_cache,
		.caps = g->caps,
		.metrics = g->metrics,
	};
	return error < 0 ? error : block_source_new(&blocks, &g->blocks);
}

static int build_ring(const struct gateway_options *options, struct gateway *g)
{
	const struct cache_options cache = {
		.bytes = (options->cache_bytes ? options->cache_bytes : GATEWAY_CACHE_BYTES) - block_bytes_of(options),
		.seed = randombytes_random() | (uint64_t)randombytes_random() << 32,
	};
	const struct keeper_options keeper = {
		.client = g->client, .registry = g->registry, .metrics = g->metrics, .touched = replicator_touched};
	const struct ring_options ring = {
		.client = g->client,
		.registry = g->registry,
		.metrics = g->metrics,
		.clock = g->clock,
		.on_duty = keeper_on_duty,
		.on_heard = keeper_on_heard,
	};
	struct keeper_options k = keeper;
	struct ring_options r = ring;
	int error = cache_new(&cache, &g->cache);

	if (error == 0)
		error = replicator_new(g->metrics, &g->replicator);
	k.cache = g->cache;
	k.touched_cookie = g->replicator;
	if (error == 0)
		error = cache_report_new(g->cache, g->metrics, &g->report);
	if (error == 0)
		error = keeper_new(&k, &g->keeper);
	if (error == 0)
		error = replicas_new(g->cache, g->keeper, g->metrics, &g->replicas);
	r.cookie = g->keeper;
	if (error == 0)
		error = ring_new(&r, &g->ring);
	if (error < 0)
		return error;
	cache_listen(g->cache, &(struct cache_listener){.kept = replicator_kept, .cookie = g->replicator});
	return keeper_start(g->keeper, g->ring);
}

static int build_forwarding(const struct gateway_options *options, struct gateway *g)
{
	const struct auth_options auth = {.registry = g->registry, .client = g->client, .under_way = g->under_way};
	int error = auth_new(&auth, &g->auth);
	if (error == 0)
		error = build_ring(options, g);
	if (error == 0)
		error = build_blocks(options, g);
	if (error < 0)
		return error;
	const struct proxy_options proxy = {
		.registry = g->registry,
		.client = g->client,
		.auth = g->auth,
		.under_way = g->under_way,
		.clients = g->clients,
		.metrics = g->metrics,
		.name = g->name,
		.keeper = options->ringless ? NULL : g->keeper,
		.cache = options->ringless ? NULL : g->cache,
		.blocks = options->ringless ? NULL : g->blocks,
		.caps = g->caps,
	};
	return proxy_new(&proxy, &g->proxy);
}

/* Other gateways, greetings, Nephos-Hop and Cache-Status have the name, and each allows no more than this. */
static int check_name(const char *name, struct buf *why)
{
	static const char LETTERS[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
	const size_t size = strlen(name);

	if (size > 0 && size < MEMBERSHIP_NAME_SIZE && strspn(name, LETTERS) == size)
		return 0;
	(void)buf_printf(why, "--name: \"%s\", expected 1 to %d letters (A to Z, a to z), digits, or any of . _ -",
		name, MEMBERSHIP_NAME_SIZE - 1);
	return -EINVAL;
}

static int build(const struct gateway_options *options, struct gateway *g, struct buf *why)
{
	struct http_client_options client = {
		.connections_max = GATEWAY_UPSTREAM_MAX,
		.user_agent = "nephos-gateway",
	};
	g->name = strdup(options->name);
	int error = g->name ? check_name(options->name, why) : -ENOMEM;
	if (error == 0)
		error = peer_list_parse(options->peers, &g->peers);
	if (error == 0) {
		error = client_address_new(options->trusted_proxies, &g->clients);
		if (error < 0)
			(void)buf_printf(why, "--trusted-proxies: \"%s\", expected at most %u addresses or networks",
				options->trusted_proxies, CLIENT_ADDRESS_PROXIES_MAX);
	}
	if (error == 0)
		error = metrics_new(&g->metrics);
	if (error == 0)
		error = registry_new(&g->registry);
	if (error == 0)
		error = service_clock_new(&g->clock);
	if (error == 0)
		error = door_new(options->cluster, "gateway", options->name, g->metrics, &g->door);
	if (error == 0) {
		client.greeter = options->greeter ? options->greeter : door_greeter(g->door);
		error = http_client_new(&client, &g->client);
	}
	if (error == 0)
		error = under_way_new(&PROXY_UNDER_WAY, &g->under_way);
	if (error == 0)
		error = build_forwarding(options, g);
	if (error == 0)
		error = http_routes_concat(ROUTES, MONITORING_ROUTES, &g->routes);
	g->monitoring = (struct monitoring){.metrics = g->metrics,
		.refresh = monitoring_refresh,
		.ready = monitoring_ready,
		.status = monitoring_status,
		.cookie = g};
	if (error == 0 && options->assets_dir) {
		error = assets_load(options->assets_dir, &g->assets);
		if (error < 0)
			(void)buf_printf(why, "the API pages in %s (--web-dir) cannot be read: %s", options->assets_dir,
				strerror(-error));
	}
	return error;
}

/* Services are few, and each keeps a connection open or opens one a second. */
static int start_internal(const struct gateway_options *options, struct gateway *g, struct buf *why)
{
	const struct http_server_options server = {
		.address = options->internal_address,
		.port = options->internal_port,
		.stranger_ms = DOOR_STRANGER_MS,
		.routes = INTERNAL_ROUTES,
		.guard = internal_guard,
		.cookie = g,
	};
	int error = http_server_start(&server, &g->internal);
	if (error < 0)
		(void)buf_printf(why, "cannot listen for services on %s port %u (--internal-listen): %s",
			options->internal_address, options->internal_port, strerror(-error));
	return error;
}

static int start_hops(const struct gateway_options *options, struct gateway *g, struct buf *why)
{
	const struct hop_listener_options hops = {
		.name = options->name,
		.address = options->ring_address ? options->ring_address : options->address,
		.port = options->ring_port,
		.advertise = options->ring_advertise,
		.threads = options->threads,
		.door = g->door,
		.proxy = g->proxy,
		.blocks = {.source = g->blocks, .caps = g->caps},
		.replicas = g->replicas,
	};
	return hop_listener_start(&hops, why, &g->hops);
}

/* The URL at which the gateway is reached is known only when it listens. */
static int start_ring(const struct gateway_options *options, struct gateway *g, struct buf *why)
{
	struct member_self self = {.weight = 1};
	const bool v6 = strchr(options->address, ':') != NULL;
	int size = options->advertise ? snprintf(self.url, sizeof(self.url), "%s", options->advertise)
				      : snprintf(self.url, sizeof(self.url), v6 ? "http://[%s]:%u" : "http://%s:%u",
						options->address, http_server_port(g->server));
	int error = size > 0 && (size_t)size < sizeof(self.url) ? 0 : -EINVAL;

	(void)snprintf(self.name, sizeof(self.name), "%s", options->name);
	(void)snprintf(self.boot, sizeof(self.boot), "%s", door_instance(g->door));
	(void)snprintf(self.hop_url, sizeof(self.hop_url), "%s", hop_listener_url(g->hops));
	if (error == 0)
		error = ring_start(g->ring, &self);
	if (error == 0)
		error = replicator_start(g->replicator,
			&(struct replicator_options){
				.client = g->client, .cache = g->cache, .keeper = g->keeper, .ring = g->ring});
	if (error == -EINVAL)
		(void)buf_printf(why,
			"the other gateways cannot be told of this one: the name \"%s\" (--name) or the address \"%s\" "
			"(--advertise) is too long, or has characters that it may not",
			options->name, self.url);
	return error;
}

static bool knows_services(struct gateway *g)
{
	static const enum registry_kind KINDS[] = {REGISTRY_USER, REGISTRY_DOCS};
	struct registry_choice choice;

	for (size_t i = 0; i < sizeof(KINDS) / sizeof(KINDS[0]); i++) {
		registry_turn(g->registry, KINDS[i], clock_mono_ns(), &choice);
		if (choice.count == 0)
			return false;
	}
	return true;
}

/* Each service registers once a second, and no event tells when. */
static void await_services(const struct gateway_options *options, struct gateway *g)
{
	const int64_t until_ns = clock_mono_ns() + options->services_wait_ms * NS_PER_MS;
	const struct timespec pause = clock_timespec(GATEWAY_SERVICES_LOOK_MS * NS_PER_MS);

	while (clock_mono_ns() < until_ns && !knows_services(g))
		(void)nanosleep(&pause, NULL);
}

static int start_public(const struct gateway_options *options, struct gateway *g, struct buf *why)
{
	const struct http_server_options server = {
		.address = options->address,
		.port = options->port,
		.threads = options->threads,
		.connections_max = options->connections_max ? options->connections_max : GATEWAY_CONNECTIONS_MAX,
		.connections_per_address_max = options->connections_per_address,
		.exempt = options->trusted_proxies,
		.routes = g->routes,
		.monitoring = &g->monitoring,
		.guard = guard,
		.cookie = g,
		.metrics = g->metrics,
		.cors_origins = options->cors_origins,
	};
	int error = http_server_start(&server, &g->server);
	if (error < 0)
		(void)buf_printf(why, "cannot listen on %s port %u (--listen, --port): %s", options->address,
			options->port, strerror(-error));
	return error;
}

int gateway_start(const struct gateway_options *options, struct buf *why, struct gateway **ret)
{
	struct gateway *g = calloc(1, sizeof(*g));
	if (!g)
		return -ENOMEM;
	int error = build(options, g, why);
	if (error < 0)
		goto out;

	error = recheck_start(g->auth, g->under_way, &g->recheck);
	if (error == 0)
		error = start_internal(options, g, why);
	if (error == 0)
		error = start_hops(options, g, why);
	if (error == 0) {
		await_services(options, g);
		error = start_public(options, g, why);
	}
	if (error == 0 && !options->ringless)
		error = start_ring(options, g, why);
	if (error == 0) {
		*ret = g;
		g = NULL; /* moved to the caller */
	}
out:
	gateway_free(g);
	return error;
}

uint16_t gateway_port(const struct gateway *g)
{
	return http_server_port(g->server);
}

uint16_t gateway_internal_port(const struct gateway *g)
{
	return http_server_port(g->internal);
}

const char *gateway_hop_url(const struct gateway *g)
{
	return hop_listener_url(g->hops);
}

void gateway_drain(struct gateway *g, unsigned deadline_ms)
{
	replicator_flush(g->replicator, GATEWAY_COPY_MS);
	ring_leave(g->ring, GATEWAY_LEAVE_MS);
	proxy_drain(g->proxy);
	const int64_t until_ns = clock_mono_ns() + (int64_t)deadline_ms * NS_PER_MS;
	http_server_drain(g->server, deadline_ms);
	const int64_t left_ns = until_ns - clock_mono_ns();
	hop_listener_drain(g->hops, left_ns > 0 ? (unsigned)(left_ns / NS_PER_MS) : 0);
	/* Services could register until here: requests in flight ask whether services live. */
	http_server_drain(g->internal, 0);
}

void gateway_print_fsm(FILE *out)
{
	member_fsm_print(out);
}

void gateway_free(struct gateway *g)
{
	if (!g)
		return;
	keeper_stop(g->keeper); /* requests that wait for a home are answered */
	replicator_stop(g->replicator);
	/* The servers first: they begin calls. Each request in flight is kept by the part that is to answer it,
	 * until the HTTP client ends its calls. */
	http_server_stop(g->server);
	http_server_stop(g->internal);
	hop_listener_stop(g->hops);
	recheck_stop(g->recheck);
	auth_stop(g->auth);
	ring_stop(g->ring);
	block_source_stop(g->blocks);
	http_client_free(g->client);
	block_source_free(g->blocks);
	recheck_free(g->recheck);
	ring_free(g->ring);
	replicas_free(g->replicas);
	keeper_free(g->keeper);
	replicator_free(g->replicator);
	door_free(g->door);
	proxy_free(g->proxy);
	cache_report_free(g->report);
	cache_free(g->cache);
	block_report_free(g->block_report);
	block_cache_free(g->block_cache);
	block_caps_free(g->caps);
	service_clock_free(g->clock);
	under_way_free(g->under_way);
	assets_free(g->assets);
	free(g->routes);
	auth_free(g->auth);
	registry_free(g->registry);
	metrics_free(g->metrics);
	client_address_free(g->clients);
	json_decref(g->peers);
	free(g->name);
	free(g);
}
