/*
 * bench_gateway: a gateway and the parts behind it, without a database, to measure what the gateway adds. The
 * docs service answers 4 KiB from memory; it does not check who asks, so that another proxy can be put in
 * front of it, too. The gateway greets it, asks the user service about tokens, and is the only member of a
 * ring, as in a store with one gateway. Prints "GATEWAY-URL DOCS-URL", and serves until it is ended. The
 * token is "bench".
 */
#include "backend/service/registration.h"
#include "common/http/client/client.h"
#include "common/http/server/server.h"
#include "common/proto/headers.h"
#include "common/ring/ring_message.h"
#include "common/trust/door.h"
#include "gateway/front/gateway.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define CONTENT_BYTES 4096

struct part {
	struct door *door;
	struct http_server *server;
	struct http_client *client;
	struct registration *registration;
};

static const uint8_t KEY[SHA256_BYTES] = {1, 2, 3};
static char content[CONTENT_BYTES];

static void must(int r, const char *what)
{
	if (r == 0)
		return;
	(void)fprintf(stderr, "bench_gateway: %s: %s\n", what, strerror(-r));
	exit(1);
}

static void handle_hello(struct http_request *req, void *cookie)
{
	const struct part *part = cookie;

	door_answer(part->door, req);
}

static void handle_authenticate(struct http_request *req, void *cookie)
{
	(void)cookie;
	http_respond(req, 200, NULL,
		SPAN_LITERAL("{\"user\":{\"id\":\"1\",\"name\":\"bench\",\"admin\":true},\"token_id\":\"k1\"}"));
}

/* The answer has its position, as each answer of a service: without one a gateway has to ask for it. It has
 * no tags, so the gateway can keep nothing. */
static void handle_content(struct http_request *req, void *cookie)
{
	struct http_headers headers;

	(void)cookie;
	http_headers_init(&headers);
	must(http_headers_add(&headers, HEADER_SEQ, "1.1"), "headers");
	http_respond(req, 200, &headers, span_of(content, sizeof(content)));
	http_headers_fini(&headers);
}

/* The book of the ring. It has no lock: the server has one thread. */
static struct membership book;

static void handle_ring(struct http_request *req, void *cookie)
{
	struct ring_message_call message;
	struct buf body;
	bool lease;

	(void)cookie;
	must(ring_message_read_call(http_request_body(req), &message), "a call to the ring");
	must(membership_hear(&book, &message.call, &lease), "the ring");
	ring_message_call_fini(&message);
	buf_init(&body, RING_MESSAGE_BYTES_MAX);
	must(ring_message_write_answer(&book, lease, &body), "an answer of the ring");
	http_respond(req, 200, NULL, span_of(body.data, body.size));
	buf_fini(&body);
}

/* The answer names the user as the owner of the drive: without that the claim does not count, and the gateway
 * would claim again for each request. */
static void handle_claim(struct http_request *req, void *cookie)
{
	struct http_headers headers;

	(void)cookie;
	http_headers_init(&headers);
	must(http_headers_add(&headers, HEADER_SEQ, "1.1"), "headers");
	must(http_headers_add(&headers, HEADER_USER, "1"), "headers");
	http_respond(req, 204, &headers, span_of(NULL, 0));
	http_headers_fini(&headers);
}

static const struct http_route ROUTES[] = {
	DOOR_ROUTE(handle_hello),
	{.method = "POST",
		.pattern = "/internal/v1/authenticate",
		.body = HTTP_BODY_WHOLE,
		.body_max = 4096,
		.handler = handle_authenticate,
		.internal = true},
	{.method = "POST",
		.pattern = "/internal/v1/ring",
		.body = HTTP_BODY_WHOLE,
		.body_max = RING_MESSAGE_BYTES_MAX,
		.handler = handle_ring,
		.internal = true},
	{.method = "POST",
		.pattern = "/internal/v1/ring/claims",
		.body = HTTP_BODY_WHOLE,
		.body_max = 4096,
		.handler = handle_claim,
		.internal = true},
	{.method = "GET", .pattern = "/api/v2/docs/drives/{rest...}", .handler = handle_content, .internal = true},
	{0},
};

static bool is_ready(void *cookie)
{
	(void)cookie;
	return true;
}

static void start_part(struct part *p, struct cluster *cluster, const char *kind, const char *gateway, char *ret_url)
{
	const struct http_server_options server = {.address = "127.0.0.1", .routes = ROUTES, .cookie = p};

	must(door_new(cluster, kind, kind, NULL, &p->door), "door");
	must(http_server_start(&server, &p->server), "server");
	const struct http_client_options client = {.greeter = door_greeter(p->door)};
	must(http_client_new(&client, &p->client), "client");
	const struct registration_options registration = {.gateways = gateway,
		.kind = kind,
		.name = kind,
		.instance = door_instance(p->door),
		.client = p->client,
		.ready = is_ready};
	must(registration_new(&registration, &p->registration), "registration");
	(void)snprintf(ret_url, REGISTRATION_URL_MAX, "http://127.0.0.1:%u", http_server_port(p->server));
	must(registration_start(p->registration, ret_url), "registration");
}

int main(void)
{
	static struct part user, docs;
	struct gateway_options options = {
		.name = "bench", .address = "127.0.0.1", .internal_address = "127.0.0.1", .threads = 1};
	char at[64], url[REGISTRATION_URL_MAX];
	struct gateway *gateway;
	struct buf why;

	(void)signal(SIGPIPE, SIG_IGN);
	must(cluster_new_of(KEY, &options.cluster), "key");
	buf_init(&why, 1024);
	must(gateway_start(&options, &why, &gateway), "gateway");
	buf_fini(&why);
	(void)snprintf(at, sizeof(at), "http://127.0.0.1:%u", gateway_internal_port(gateway));
	start_part(&user, options.cluster, "user", at, url);
	start_part(&docs, options.cluster, "docs", at, url);
	(void)printf("http://127.0.0.1:%u %s\n", gateway_port(gateway), url);
	(void)fflush(stdout);
	for (;;)
		(void)pause();
}
