/*
 * router: finds the row of the route table for a raw target. A tree of segments is built once from the table and is
 * read-only afterwards: any thread. Text is preferred to {name}, and {name} to {name...}. When a path matches
 * several patterns, the first match in this order that has the right method wins.
 */
#ifndef NEPHOS_HTTP_SERVER_ROUTER_H
#define NEPHOS_HTTP_SERVER_ROUTER_H

#include "common/base/span.h"
#include "common/http/server/route.h"

#define ROUTE_SEGMENTS_MAX 64 /* of a path of 4096 bytes; further ones can only belong to a {name...} */
#define ROUTE_ALLOW_BYTES 64  /* an Allow header with all methods */

struct router;

struct route_match {
	size_t route; /* row of the table */
	struct span params[HTTP_PARAMS_MAX];
	size_t param_count;
	char allow[ROUTE_ALLOW_BYTES]; /* set for -ERR_METHOD */
};

/* routes must outlive the router. -EINVAL: a malformed pattern, or two rows for the same method and path. -ENOMEM. */
int router_new(const struct http_route *routes, struct router **ret);
void router_free(struct router *r);

/* path: raw, without the query. decoded: path.size bytes, to which the parameters will point (the rest parameter
 * points into path). -ERR_BAD_PATH, -ERR_NOT_FOUND, -ERR_METHOD. HEAD matches the row of GET when it has none of
 * its own. */
int router_match(const struct router *r, const char *method, struct span path, char *decoded, struct route_match *ret);
/* The name of the n-th parameter of a row's pattern; an empty span after the last. */
struct span router_param_name(const struct http_route *route, size_t n);

#endif
