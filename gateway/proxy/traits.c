#include "gateway/proxy/traits.h"

#include "common/http/accept.h"
#include "common/proto/headers.h"
#include "gateway/proxy/drive_ref.h"

#include <string.h>
#include <xxhash.h>

static bool has_field(const struct traits_request *request, const char *name)
{
	const char *value = http_headers_get(request->headers, name);
	return value && *value;
}

/* Whether `what` (the path behind the drive) is this route. */
static bool is_route(const char *what, const char *route)
{
	const size_t size = strlen(route);

	return strncmp(what, route, size) == 0 && strchr("/", what[size]);
}

/* A mutation may be repeated if it has a key, or if it stores content under that content's own hash. The poll
 * of a mount is a POST that only reads, and so is its wait for a file lock. A mount's report of the locks that
 * it holds has a number, and the same effect however often it arrives. */
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
	/* For blocks and batches the gateway tells the client to send the body at once: they are rarely
	 * refused, and are kept here for a second try. */
	ret->asked = request->expects && put && (is_route(what, "files") || strncmp(what, "items/", 6) == 0);
}

/* Whether a GET of changes waits until there are some. */
static bool asks_to_wait(const struct traits_request *request, const char *wait)
{
	return (wait && strcmp(wait, "0") != 0) ||
		accept_wants(http_headers_get(request->headers, "Accept"), "text/event-stream");
}

/* Never 0, which means none. */
static uint64_t part_of(const char *text)
{
	return XXH64(text, strlen(text), 0) | 1;
}

/* Requests that wait have lanes of their own. Mounts, which a service recognises by their session, have a lane
 * beside that of scripts. */
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
