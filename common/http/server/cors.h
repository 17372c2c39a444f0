/*
 * cors: which other origins' pages may use the API from a browser, and the fields that tell browsers so (the fetch
 * standard, CORS protocol). Pure.
 *
 * The policy is a text: "" or NULL allows no origin, "*" every origin; else it is a list of origins with commas,
 * each as a browser writes it ("https://app.example"). By default no origin is allowed: a page that has a token
 * gives it to the author of the page.
 */
#ifndef NEPHOS_HTTP_SERVER_CORS_H
#define NEPHOS_HTTP_SERVER_CORS_H

#include "common/http/message.h"

#include <stdbool.h>

/* How long a browser may use the answer to a preflight: a changed policy takes effect by then. */
#define CORS_MAX_AGE_S 600

/* The value of Access-Control-Allow-Origin for this origin: the origin itself, "*", or NULL for no such field.
 * Either argument may be NULL. */
const char *cors_allows(const char *policy, const char *origin);
/* Whether every word of a policy is "*" or SCHEME://HOST[:PORT]. */
bool cors_policy_is_valid(const char *policy);
/* Adds the fields of an answer to that origin; preflight: of an answer to its OPTIONS request. allowed is the
 * result of cors_allows. -ENOMEM, -ENOSPC. */
int cors_add(struct http_headers *headers, const char *allowed, bool preflight);

#endif
