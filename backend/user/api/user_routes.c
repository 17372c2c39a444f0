#include "backend/user/api/user_routes.h"

#include "backend/user/rules/network.h"
#include "backend/user/api/user_request.h"
#include "common/base/error.h"
#include "common/proto/headers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/*
 * The table of routes, put together from four tables: version 1, version 2, routes for administrators, and routes
 * for the other services. A row names its work, as a mutation or a query (user_request); this module decides
 * where that work runs. The HTTP server calls on_request on one of its own threads, which must not block. So a
 * request goes to the workers that use the database.
 *
 * Requests that hash a password go to a second lane behind a fair queue (fair_queue): hashing is slow on purpose,
 * and a burst of log-ins must not delay users who have a token already. For each turn in that queue there is one
 * job in the lane, and a job takes whichever turn is next when it runs. So one turn can displace another without
 * touching the lane. A request that finds no place is refused with 429, and the client must try again.
 */

static const struct user_route *const TABLES[] = {
	USER_V1_ROUTES, USER_V2_ROUTES, USER_ADMIN_ROUTES, USER_INTERNAL_ROUTES};

#define TABLE_COUNT (sizeof(TABLES) / sizeof(TABLES[0]))

/* The server has copies of the rows, so a row is found by its texts, which are literals. */
static const struct user_route *find(const struct http_route *route)
{
	for (size_t t = 0; t < TABLE_COUNT; t++)
		for (const struct user_route *row = TABLES[t]; row->route.method; row++)
			if (strcmp(row->route.pattern, route->pattern) == 0 &&
				strcmp(row->route.method, route->method) == 0)
				return row;
	return NULL;
}

/* On a worker. */
static void work(struct pg *pg, struct http_request *req, struct service *s)
{
	const struct user_route *row = find(http_request_route(req));

	if (row->mutation)
		user_request_mutate(pg, req, s, row->mutation);
	else
		user_request_ask(pg, req, s, row->query);
}

/* A request that hashes, until its turn has come. */
struct hashing {
	struct fair_queue_turn turn; /* first: cast from struct fair_queue_turn */
	struct service *service;
	struct http_request *req;
};

static void hashing_end(struct fair_queue *turns, struct hashing *h)
{
	fair_queue_leave(turns, &h->turn);
	free(h);
}

/* There is one such job for each waiting turn; a job takes a turn when it runs. */
static void hash_next(struct pg *pg, void *cookie)
{
	struct fair_queue *turns = ((struct user_app *)service_app(cookie))->turns;
	struct hashing *h = (struct hashing *)fair_queue_take(turns);

	work(pg, h->req, h->service);
	hashing_end(turns, h);
}

/* Finds the party of a request: the user, whatever network he is in; without a user, the network. */
static void find_party(const struct http_request *req, char ret[FAIR_QUEUE_WHO_SIZE])
{
	const char *user = http_request_header(req, HEADER_USER);
	char network[NETWORK_SIZE];

	network_of(http_request_header(req, HEADER_CLIENT), network);
	if (user)
		(void)snprintf(ret, FAIR_QUEUE_WHO_SIZE, "user %s", user);
	else
		(void)snprintf(ret, FAIR_QUEUE_WHO_SIZE, "%s", network);
}

static void refuse_turn(struct http_request *req, int r)
{
	struct http_headers headers;

	http_headers_init(&headers);
	(void)http_headers_addf(&headers, "Retry-After", "%d", HASHING_RETRY_S);
	if (r == -EAGAIN)
		http_respond_error_with(req, -ERR_TOO_MANY,
			"as many requests with passwords as one user or network may have are waiting: try again in a moment",
			&headers);
	else
		http_respond_error_with(req, -ERR_UNAVAILABLE, NULL, &headers);
	http_headers_fini(&headers);
}

static void hashing_submit(struct service *s, struct http_request *req)
{
	struct fair_queue *turns = ((struct user_app *)service_app(s))->turns;
	struct hashing *h = malloc(sizeof(*h));
	struct fair_queue_turn *displaced = NULL;
	char who[FAIR_QUEUE_WHO_SIZE];

	find_party(req, who);
	if (h)
		*h = (struct hashing){.service = s, .req = req};
	int r = h ? fair_queue_enter(turns, who, &h->turn, &displaced) : -ENOMEM;
	if (r < 0) {
		free(h);
		refuse_turn(req, r);
		return;
	}
	if (displaced) { /* the job of the displaced turn now serves the new one */
		h = (struct hashing *)displaced;
		refuse_turn(h->req, -EAGAIN);
		free(h);
		return;
	}
	if (service_submit_slow(s, hash_next, s) == 0)
		return;
	/* The workers are stopping. An earlier job may have taken this turn meanwhile, and left its own: one turn
	 * is left over, and is answered here. */
	h = (struct hashing *)fair_queue_take(turns);
	refuse_turn(h->req, -ERR_UNAVAILABLE);
	hashing_end(turns, h);
}

static void on_request(struct http_request *req, void *cookie)
{
	const struct user_route *row = find(http_request_route(req));

	if (row->hashes)
		hashing_submit(cookie, req);
	else
		service_work(cookie, req, work);
}

int user_routes(struct http_route **ret)
{
	size_t count = 0, next = 0;

	for (size_t t = 0; t < TABLE_COUNT; t++)
		for (const struct user_route *row = TABLES[t]; row->route.method; row++)
			count++;
	struct http_route *routes = calloc(count + 1, sizeof(*routes));
	if (!routes)
		return -ENOMEM;
	for (size_t t = 0; t < TABLE_COUNT; t++) {
		for (const struct user_route *row = TABLES[t]; row->route.method; row++) {
			routes[next] = row->route;
			if (row->mutation || row->query)
				routes[next].handler = on_request;
			next++;
		}
	}
	*ret = routes;
	return 0;
}
