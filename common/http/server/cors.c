#include "common/http/server/cors.h"

#include "common/proto/headers.h"

#include <string.h>
#include <strings.h>

#define SPACES " \t"

/* The size of the next word of the policy, to which *at then points; 0: there is none. */
static size_t next_word(const char **at)
{
	size_t size;

	*at += strspn(*at, SPACES ",");
	size = strcspn(*at, SPACES ",");
	return size;
}

const char *cors_allows(const char *policy, const char *origin)
{
	size_t size;

	/* Every page without an origin sends "null": a list cannot mean one of these pages. */
	if (!policy || !origin || !*origin)
		return NULL;
	for (const char *at = policy; (size = next_word(&at)) > 0; at += size) {
		if (size == 1 && *at == '*')
			return "*";
		/* Browsers write scheme and host in lower case. */
		if (strlen(origin) == size && strncasecmp(at, origin, size) == 0)
			return origin;
	}
	return NULL;
}

static bool is_origin(const char *word, size_t size)
{
	const char *end = word + size;
	const char *host = memchr(word, ':', size);

	if (!host || host == word || end - host < 4 || memcmp(host, "://", 3) != 0)
		return false;
	for (host += 3; host < end; host++) {
		if (*host <= ' ' || *host > '~' || strchr("/?#@*", *host))
			return false;
	}
	return true;
}

bool cors_policy_is_valid(const char *policy)
{
	size_t size;

	for (const char *at = policy ? policy : ""; (size = next_word(&at)) > 0; at += size) {
		if (!(size == 1 && *at == '*') && !is_origin(at, size))
			return false;
	}
	return true;
}

int cors_add(struct http_headers *headers, const char *allowed, bool preflight)
{
	int r = http_headers_add(headers, "Access-Control-Allow-Origin", allowed);

	if (r == 0)
		r = http_headers_add(headers, "Vary", "Origin");
	if (r == 0 && !preflight)
		return http_headers_add(headers, "Access-Control-Expose-Headers",
			"ETag, Location, Allow, Accept-Encoding, Content-Range, Content-Digest, Repr-Digest, "
			"Idempotency-Replayed, " HEADER_SEQ ", " HEADER_TRACE ", " HEADER_USAGE
			", Retry-After, WWW-Authenticate");
	if (r == 0)
		r = http_headers_add(
			headers, "Access-Control-Allow-Methods", "GET, HEAD, PUT, POST, PATCH, DELETE, OPTIONS");
	if (r == 0)
		r = http_headers_add(headers, "Access-Control-Allow-Headers",
			"Authorization, Content-Type, Content-Digest, Repr-Digest, Want-Repr-Digest, Idempotency-Key, "
			"If-Match, If-None-Match, If-Modified-Since, If-Unmodified-Since, If-Range, Range, "
			"Last-Event-ID, " HEADER_FLOOR ", " HEADER_TRACE);
	return r ? r : http_headers_addf(headers, "Access-Control-Max-Age", "%d", CORS_MAX_AGE_S);
}
