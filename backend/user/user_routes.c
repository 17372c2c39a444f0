#include "backend/user/user_routes.h"

#include <errno.h>
#include <stdlib.h>

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

static void on_request(struct http_request *req, void *cookie)
{
	const struct user_route *row = find(http_request_route(req));

	if (row->hashes)
		service_work_slow(cookie, req, row->work);
	else
		service_work(cookie, req, row->work);
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
			if (row->work)
				routes[next].handler = on_request;
			next++;
		}
	}
	*ret = routes;
	return 0;
}
