#include "gateway/proxy/traits.h"

#include "common/proto/headers.h"
#include "gateway/proxy/drive_ref.h"

#include <string.h>
#include <xxhash.h>

static bool has_field(const struct traits_request *request, const char *name)
{
	const char *value = http_headers_get(request->headers, name);
	return value && *value;
}

/* Is `what` (behind the drive) this route? */
static bool is_route(const char *what, const char *route)
{
	const size_t size = strlen(route);

	return strncmp(what, route, size) == 0 && strchr("/", what[size]);
}

/* A mutation may be repeated under a key, or when it is content named by its own hash. The poll of a mount is a POST
 * that only reads, and so is its wait for a file lock; what it says about the locks that it holds has a number, and one
 * effect. */
void traits_find(const struct traits_request *request, struct traits *ret)
{
	const struct drive_ref about = drive_ref_find(request->target);
	const char *what = about.below, *method = request->method;
	const bool safe = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0 || strcmp(method, "OPTIONS") == 0;
	const bool post = strcmp(method, "POST") == 0, put = strcmp(method, "PUT") == 0;

	ret->poll = (is_route(what, "changes") && (safe || post)) || (is_route(what, "locks/wait") && post);
	ret->reads = safe || ret->poll;
	ret->repeatable = ret->reads || has_field(request, "Idempotency-Key") ||
		(has_field(request, HEADER_SESSION) && has_field(request, HEADER_BATCH)) ||
		(put && strncmp(what, "blocks/", 7) == 0) || (post && is_route(what, "locks"));
	/* Blocks and batches are told to come at once: they are rarely refused, and are kept here for a second try. */
	ret->asked = request->expects && put && (is_route(what, "files") || strncmp(what, "items/", 6) == 0);
}

/* Does a GET of changes wait for some? */
static bool asks_to_wait(const struct traits_request *request, const char *wait)
{
	const char *accept = http_headers_get(request->headers, "Accept");
	return (wait && strcmp(wait, "0") != 0) || (accept && strstr(accept, "text/event-stream"));
}

/* 0 means none. */
static uint64_t part_of(const char *text)
{
	return XXH64(text, strlen(text), 0) | 1;
}

/* What waits has lanes of its own, and a mount, which a service knows by its session, one of its own beside those of
 * scripts. */
void traits_place(
	const struct traits_request *request, const struct traits *traits, const char *wait, struct share_claim *ret)
{
	const char *session = http_headers_get(request->headers, HEADER_SESSION);
	const bool post = strcmp(request->method, "POST") == 0;

	*ret = (struct share_claim){.lane = SHARE_REQUESTS, .user = request->user};
	if (!traits->poll)
		return;
	const struct drive_ref about = drive_ref_find(request->target);
	if (is_route(about.below, "locks/wait")) {
		ret->lane = SHARE_LOCKS;
	} else if (post && session && *session) {
		ret->lane = SHARE_MOUNTS;
		ret->part = part_of(session);
	} else if (post || asks_to_wait(request, wait)) {
		ret->lane = SHARE_POLLS;
		ret->part = part_of(request->key);
	}
}
