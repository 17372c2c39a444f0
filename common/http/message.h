/*
 * message: what requests and responses are made of, for both ends.
 * Header lists own copies of their names and values. Not thread-safe. Names compare without case.
 */
#ifndef NEPHOS_HTTP_MESSAGE_H
#define NEPHOS_HTTP_MESSAGE_H

#include "common/base/buf.h"

#define HTTP_HEADERS_MAX 64 /* fields of one message; none that we know has half as many */

struct http_header {
	char *name;
	char *value;
};

struct http_headers {
	struct http_header list[HTTP_HEADERS_MAX];
	size_t count;
};

void http_headers_init(struct http_headers *h);
void http_headers_fini(struct http_headers *h);
int http_headers_add(
	struct http_headers *h, const char *name, const char *value); /* -ENOMEM, -ENOSPC, -EINVAL (CR, LF, NUL) */
/* The same for a name and a value that need not end with a NUL; neither may contain one. */
int http_headers_add_spans(struct http_headers *h, struct span name, struct span value);
int http_headers_add_number(struct http_headers *h, const char *name, int64_t value); /* in decimal */
int http_headers_set(struct http_headers *h, const char *name, const char *value);    /* replaces all of that name */
int http_headers_addf(struct http_headers *h, const char *name, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void http_headers_remove(struct http_headers *h, const char *name);
const char *http_headers_get(const struct http_headers *h, const char *name); /* first of that name, or NULL */

#endif
