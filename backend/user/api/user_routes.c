#include "backend/user/api/user_routes.h"

#include "backend/user/rules/network.h"
#include "backend/user/api/user_request.h"
#include "common/base/error.h"
#include "common/proto/headers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/*
 * The table of routes, put together from four tables: version 1, version 2, what administrators do, and what the other
 * services ask. A row says what is to be done, as a mutation or a query (user_request); this module decides where it
 * runs. The HTTP server calls on_request on one of its own threads, which must not wait. So a request goes to the
 * workers that talk to the database.
 *
 * Requests that hash a password go to a second lane with a fair queue in front (fair_queue): hashing is slow on
 * purpose, and a storm of log-ins must not keep those waiting who have a token already. For each turn in that queue
 * there is one job in the lane, and a job takes whichever turn is next when it runs. So a turn can be displaced by
 * another one without touching the lane. A request that finds no place is told to come again (429).
 */

static const struct user_route *const TABLES[] = {
	USER_V1_ROUTES, USER_V2_ROUTES, USER_ADMIN_ROUTES, USER_INTERNAL_ROUTES};

#define TABLE_COUNT (sizeof(TABLES) / sizeof(TABLES[0]))

/* The server has copies of the rows: a row is known by its texts, which are literals. */
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
	struct fair_queue_turn turn; /* first: a turn is one of these */
	struct service *service;
	struct http_request *req;
};

static void hashing_end(struct fair_queue *turns, struct hashing *h)
{
	fair_queue_leave(turns, &h->turn);
	free(h);
}

/* There is one such job for each turn that waits; which one it runs is decided when it runs. */
static void hash_next(struct pg *pg, void *cookie)
{
	struct fair_queue *turns = ((struct user_app *)service_app(cookie))->turns;
	struct hashing *h = (struct hashing *)fair_queue_take(turns);

	work(pg, h->req, h->service);
	hashing_end(turns, h);
}

/* Whose share it is: a user's own, whatever network he is in; who is nobody yet has his network's. */
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
	if (displaced) { /* whose job is this one's now */
		h = (struct hashing *)displaced;
		refuse_turn(h->req, -EAGAIN);
		free(h);
		return;
	}
	if (service_submit_slow(s, hash_next, s) == 0)
		return;
	/* The workers are stopping. A job may have taken this turn meanwhile, and left its own: one is left over,
	 * and is answered here. */
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
