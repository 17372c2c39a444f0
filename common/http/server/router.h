/*
 * router: finds the row of the route table for a raw target. A tree of segments built once from the table, read-only
 * afterwards: any thread. Text is preferred to {name}, {name} to {name...}; a path that ends at several places takes
 * the first with the right method.
 */
#ifndef NEPHOS_HTTP_SERVER_ROUTER_H
#define NEPHOS_HTTP_SERVER_ROUTER_H

#include "common/base/span.h"
#include "common/http/server/route.h"

#define ROUTE_SEGMENTS_MAX 64 /* of a target: a path of 4096 bytes split finer than that is below a {name...} */
#define ROUTE_ALLOW_BYTES 64  /* an Allow header: all methods there are */

struct router;

struct route_match {
	size_t route; /* row of the table */
	struct span params[HTTP_PARAMS_MAX];
	size_t param_count;
	char allow[ROUTE_ALLOW_BYTES]; /* set for -ERR_METHOD */
};

/* routes must outlive the router. -EINVAL: a pattern that is none, or two rows for the same. -ENOMEM. */
int router_new(const struct http_route *routes, struct router **ret);
void router_free(struct router *r);

/* path: raw, without the query; decoded: path.size bytes that the parameters will point to (the rest parameter points
 * into path). -ERR_BAD_PATH, -ERR_NOT_FOUND, -ERR_METHOD. HEAD finds the row of GET when it has none of its own. */
int router_match(const struct router *r, const char *method, struct span path, char *decoded, struct route_match *ret);
/* The n-th parameter name of a row's pattern; empty span after the last. */
struct span router_param_name(const struct http_route *route, size_t n);

#endif
