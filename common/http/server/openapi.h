/*
 * openapi: the description of the API, made of route tables: what a row says of itself, and what all operations share.
 * Any thread.
 */
#ifndef NEPHOS_HTTP_SERVER_OPENAPI_H
#define NEPHOS_HTTP_SERVER_OPENAPI_H

#include "common/base/buf.h"
#include "common/http/server/route.h"

/* OpenAPI 3.1 of those public routes whose pattern begins with prefix, which names the version ("/api/v2/…"). */
int http_openapi(const struct http_route *routes, const char *prefix, const char *title, struct buf *ret);
int http_routes_check(
	const struct http_route *routes); /* -EINVAL and a log line when a public route is not described */

#endif
