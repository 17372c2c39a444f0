#include "gateway/front/hop_listener.h"

#include "common/base/error.h"
#include "common/base/limits.h"
#include "gateway/access/hop.h"
#include "gateway/proxy/validation_message.h"
#include "gateway/ring/replica_message.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct hop_listener {
	struct door *door;
	struct proxy *proxy;
	struct block_peer blocks;
	struct replicas *replicas;
	char name[MEMBERSHIP_NAME_SIZE];
	char url[MEMBERSHIP_URL_SIZE];
	struct http_server *server;
};

static void handle_hello(struct http_request *req, void *cookie)
{
	const struct hop_listener *l = cookie;
	door_answer(l->door, req);
}

static void handle_docs(struct http_request *req, void *cookie)
{
	struct hop_listener *l = cookie;
	proxy_forward(l->proxy, req, REGISTRY_DOCS);
}

static void handle_block_get(struct http_request *req, void *cookie)
{
	const struct hop_listener *l = cookie;

	block_peer_get(&l->blocks, req);
}

static void handle_block_put(struct http_request *req, void *cookie)
{
	const struct hop_listener *l = cookie;

	block_peer_put(&l->blocks, req);
}

#define BLOCKS "/internal/v1/blocks/{sha256}"
#define VALIDATE "/internal/v1/validate"

static void handle_offer(struct http_request *req, void *cookie)
{
	const struct hop_listener *l = cookie;
	struct buf ticket;

	buf_init(&ticket, REPLICA_BYTES_MAX);
	int error = replicas_take_offer(l->replicas, http_request_body(req), &ticket);
	if (error < 0)
		http_respond_error(req, error == -EBADMSG ? -ERR_BAD_REQUEST : error, NULL);
	else
		http_respond(req, 200, NULL, buf_span(&ticket));
	buf_fini(&ticket);
}

static void handle_entries(struct http_request *req, void *cookie)
{
	const struct hop_listener *l = cookie;
	int error = replicas_take_entries(l->replicas, http_request_body(req));

	if (error < 0)
		http_respond_error(req, error == -EBADMSG ? -ERR_BAD_REQUEST : error, NULL);
	else
		http_respond(req, 204, NULL, span_of(NULL, 0));
}

static void handle_validate(struct http_request *req, void *cookie)
{
	const struct hop_listener *l = cookie;
	struct buf verdicts;

	buf_init(&verdicts, VALIDATION_VERDICTS_BYTES_MAX);
	int error = proxy_judge_answers(l->proxy, http_request_body(req), &verdicts);
	if (error < 0)
		http_respond_error(req, error == -EBADMSG ? -ERR_BAD_REQUEST : error, NULL);
	else
		http_respond(req, 200, NULL, buf_span(&verdicts));
	buf_fini(&verdicts);
}

#define REPLICAS(pattern_, handler_)                                                                             \
	{                                                                                                        \
		.method = "POST", .pattern = (pattern_), .body = HTTP_BODY_WHOLE, .body_max = REPLICA_BYTES_MAX, \
		.handler = (handler_), .internal = true                                                          \
	}

/* Requests for the docs services, as on the public listener; but none of these routes is open to strangers. */
#define HOP(method_, pattern_, body_)                                                                        \
	{                                                                                                    \
		.method = (method_), .pattern = (pattern_), .body = (body_), .body_max = CONTENT_BYTES_MAX,  \
		.conditional = true, .rest_may_end_in_slash = true, .handler = handle_docs, .internal = true \
	}
#define HOP_ALL(pattern_)                                                                          \
	HOP("GET", pattern_, HTTP_BODY_NONE), HOP("PUT", pattern_, HTTP_BODY_STREAM),              \
		HOP("POST", pattern_, HTTP_BODY_STREAM), HOP("PATCH", pattern_, HTTP_BODY_STREAM), \
		HOP("DELETE", pattern_, HTTP_BODY_NONE), HOP("OPTIONS", pattern_, HTTP_BODY_NONE)

static const struct http_route HOP_ROUTES[] = {
	DOOR_ROUTE(handle_hello),
	{.method = "GET", .pattern = BLOCKS, .handler = handle_block_get, .internal = true},
	{.method = "PUT",
		.pattern = BLOCKS,
		.body = HTTP_BODY_WHOLE,
		.body_max = BLOCK_BYTES_MAX,
		.handler = handle_block_put,
		.internal = true},
	REPLICAS("/internal/v1/replicas/offer", handle_offer),
	REPLICAS("/internal/v1/replicas/entries", handle_entries),
	{.method = "POST",
		.pattern = VALIDATE,
		.body = HTTP_BODY_WHOLE,
		.body_max = VALIDATION_BYTES_MAX,
		.handler = handle_validate,
		.internal = true},
	HOP_ALL("/api/v1/docs/{rest...}"),
	HOP_ALL("/api/v2/docs/{rest...}"),
	{0},
};

/* For routes of copies: each refusal is counted, by its reason. */
static bool guard_replicas(const struct hop_listener *l, struct http_request *req)
{
	const int64_t length = http_request_length(req);

	if (!door_admits_kind(l->door, req, "gateway")) {
		replicas_count_refusal(l->replicas, REPLICAS_STRANGER);
		return false;
	}
	if (length < 0 || length > (int64_t)REPLICA_BYTES_MAX) {
		replicas_count_refusal(l->replicas, REPLICAS_TOO_LARGE);
		http_respond_error(req, -ERR_TOO_LARGE, NULL);
		return false;
	}
	return true;
}

static bool guard(struct http_request *req, const struct http_route *route, void *cookie)
{
	const struct hop_listener *l = cookie;

	if (route->open)
		return true;
	if (route->handler == handle_offer || route->handler == handle_entries)
		return guard_replicas(l, req);
	/* A gateway asks for a block on its own behalf, and not for a user: a capability says that it may. Its
	 * questions about kept answers are for many users at once. */
	return door_admits_kind(l->door, req, "gateway") &&
		(strcmp(route->pattern, BLOCKS) == 0 || route->handler == handle_validate || hop_admit(req, l->name));
}

static bool outdated(const void *guest, void *cookie)
{
	return door_is_outdated(((const struct hop_listener *)cookie)->door, guest);
}

/* All addresses of this machine: good to listen on, but not an address that others could connect to. */
static bool is_wildcard(const char *address)
{
	struct in6_addr v6;
	struct in_addr v4;

	if (inet_pton(AF_INET, address, &v4) == 1)
		return v4.s_addr == htonl(INADDR_ANY);
	return inet_pton(AF_INET6, address, &v6) == 1 && IN6_IS_ADDR_UNSPECIFIED(&v6);
}

static bool is_good_url(const char *url)
{
	static const char scheme[] = "http://";
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.-_:[]";
	const char *host = url + sizeof(scheme) - 1;

	return strncmp(url, scheme, sizeof(scheme) - 1) == 0 && *host && strspn(host, letters) == strlen(host) &&
		strlen(url) < MEMBERSHIP_URL_SIZE;
}

static int check_options(const struct hop_listener_options *o, struct buf *why)
{
	if (endpoint_unix_path(o->address))
		(void)buf_printf(why, "--ring-listen: \"%s\": other gateways come by TCP only; expected ADDRESS:PORT",
			o->address);
	else if (o->advertise && !is_good_url(o->advertise))
		(void)buf_printf(why, "--ring-advertise: \"%s\", expected http://HOST[:PORT]", o->advertise);
	else if (!o->advertise && is_wildcard(o->address))
		(void)buf_printf(why,
			"other gateways cannot reach this one at %s: say --ring-advertise http://HOST:PORT, by which they "
			"do, or --ring-listen ADDRESS:PORT, an address that they can reach",
			o->address);
	else if (strlen(o->name) >= MEMBERSHIP_NAME_SIZE)
		(void)buf_printf(why, "--name: \"%s\" is longer than %d characters", o->name, MEMBERSHIP_NAME_SIZE - 1);
	else
		return 0;
	return -EINVAL;
}

static int make_url(struct hop_listener *l, const struct hop_listener_options *o)
{
	const bool is_v6 = strchr(o->address, ':') != NULL;
	int size = o->advertise ? snprintf(l->url, sizeof(l->url), "%s", o->advertise)
				: snprintf(l->url, sizeof(l->url), is_v6 ? "http://[%s]:%u" : "http://%s:%u",
					  o->address, http_server_port(l->server));

	return size > 0 && (size_t)size < sizeof(l->url) ? 0 : -ENAMETOOLONG;
}

int hop_listener_start(const struct hop_listener_options *options, struct buf *why, struct hop_listener **ret)
{
	int r = check_options(options, why);
	if (r < 0)
		return r;
	struct hop_listener *l = calloc(1, sizeof(*l));
	if (!l)
		return -ENOMEM;
	const struct http_server_options server = {
		.address = options->address,
		.port = options->port,
		.threads = options->threads,
		.connections_max = HOP_CONNECTIONS_MAX,
		.stranger_ms = DOOR_STRANGER_MS,
		.routes = HOP_ROUTES,
		.guard = guard,
		.outdated = outdated,
		.cookie = l,
	};
	l->door = options->door;
	l->proxy = options->proxy;
	l->blocks = options->blocks;
	l->replicas = options->replicas;
	(void)snprintf(l->name, sizeof(l->name), "%s", options->name);
	r = http_server_start(&server, &l->server);
	if (r == 0)
		r = make_url(l, options);
	if (r < 0) {
		(void)buf_printf(why, "cannot listen for other gateways on %s port %u (--ring-listen): %s",
			options->address, options->port, strerror(-r));
		hop_listener_stop(l);
		return r;
	}
	*ret = l;
	return 0;
}

const char *hop_listener_url(const struct hop_listener *l)
{
	return l->url;
}

void hop_listener_drain(struct hop_listener *l, unsigned deadline_ms)
{
	http_server_drain(l->server, deadline_ms);
}

void hop_listener_stop(struct hop_listener *l)
{
	if (!l)
		return;
	http_server_stop(l->server);
	free(l);
}
