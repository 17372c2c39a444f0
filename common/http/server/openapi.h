/*
 * openapi: makes the description of the API from route tables: the description of each row, and what all operations
 * share. Any thread.
 */
#ifndef NEPHOS_HTTP_SERVER_OPENAPI_H
#define NEPHOS_HTTP_SERVER_OPENAPI_H

#include "common/base/buf.h"
#include "common/http/server/route.h"

/* Writes OpenAPI 3.1 for the public routes whose pattern begins with prefix, which names the version
 * ("/api/v2/…"). */
int http_openapi(const struct http_route *routes, const char *prefix, const char *title, struct buf *ret);
/* -EINVAL and a log line when a public route is not described. */
int http_routes_check(const struct http_route *routes);

#endif
