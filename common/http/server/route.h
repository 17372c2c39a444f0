/*
 * route: one row of a route table: which requests it matches, what their bodies may be, which handler answers them,
 * and their part of the API's description. Tables are constant; any thread.
 */
#ifndef NEPHOS_HTTP_SERVER_ROUTE_H
#define NEPHOS_HTTP_SERVER_ROUTE_H

#include <stdbool.h>
#include <stdint.h>

#define HTTP_PARAMS_MAX 6 /* {placeholders} in one route; a route with more is refused when the table is read */

struct http_request;
typedef void (*http_handler_fn)(struct http_request *req, void *cookie);

enum http_body_mode { HTTP_BODY_NONE, HTTP_BODY_WHOLE, HTTP_BODY_STREAM };

/*
 * One route. pattern: segments of text or {name}; the last may be {name...}: the rest of the path, zero or more
 * segments, still encoded. A slash at the end of a target is optional everywhere except inside {name...}. The route
 * table is also what OpenAPI is made from: summary, tag and doc may not be NULL for a public route (http_routes_check,
 * called by http_server_start, refuses it).
 */
struct http_route {
	const char *method;
	const char *pattern;
	enum http_body_mode body;
	uint64_t body_max; /* bytes */
	http_handler_fn handler;
	bool internal; /* not part of the public API, not in OpenAPI */
	bool open;     /* needs no credentials (for the guard and for OpenAPI) */
	/* The handler judges If-Match, or passes it on. Without it, the server judges If-Match, for changes
	 * (precondition_check_bare). */
	bool conditional;
	bool rest_may_end_in_slash; /* the rest {name...} may: for a handler that only passes it on */
	const char *tag;	    /* group in the API page */
	const char *summary;	    /* one line */
	/* OpenAPI operation as JSON text without summary and tags: parameters, requestBody, responses. */
	const char *doc;
};

/* Joins two tables into one; the caller free()s it. -ENOMEM. */
int http_routes_concat(const struct http_route *a, const struct http_route *b, struct http_route **ret);

#endif
