/*
 * cors: pages of which other origins may use the API from a browser, and what they are told (the fetch standard, CORS
 * protocol). Pure.
 *
 * The policy is a text: "" or NULL nobody, "*" everybody, else origins with commas, each as a browser says it
 * ("https://app.example").
 * Nobody is what it is unless told: a token in the hands of a page is a token in the hands of whoever wrote the page.
 */
#ifndef NEPHOS_HTTP_SERVER_CORS_H
#define NEPHOS_HTTP_SERVER_CORS_H

#include "common/http/message.h"

#include <stdbool.h>

#define CORS_MAX_AGE_S \
	600 /* how long a browser may go by the answer to a preflight: a changed policy is in force by then */

/* What Access-Control-Allow-Origin says to this origin: itself, "*", or NULL for nothing. Any of the two may be
 * NULL. */
const char *cors_allows(const char *policy, const char *origin);
/* Whether every word of a policy is "*" or SCHEME://HOST[:PORT]. */
bool cors_policy_is_valid(const char *policy);
/* Of an answer to that origin; preflight: to its OPTIONS request. allowed is what cors_allows said. -ENOMEM,
 * -ENOSPC. */
int cors_add(struct http_headers *headers, const char *allowed, bool preflight);

#endif
