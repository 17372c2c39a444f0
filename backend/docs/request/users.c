#include "backend/docs/request/users.h"

#include "backend/service/service.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/proto/headers.h"
#include "common/proto/item.h"

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

/*
 * The docs service has no table of users: it asks a user service, over HTTP. There are two questions: whether a
 * user exists (for requests of administrators that name another user), and which users were deleted since the
 * last time (for upkeep).
 *
 * The addresses of user services come from the registration, which gets them from the gateways (a question that
 * comes before the gateways have named one waits for that), or from the setting --user-service, whose addresses
 * are used in turn. If an instance does not answer within USERS_DEADLINE_MS, or answers with a failure of its
 * own, the question goes to the next one. After USERS_TRIES the caller gets -ERR_UNAVAILABLE and answers its
 * client to try again. An answer that makes no sense counts as none: an answer that is not understood must not
 * look like "there is no such user".
 *
 * The call blocks its thread, which is a worker or the upkeep's, never one of the HTTP server's.
 */

#define ANSWER_BYTES_MAX (1024u * 1024)

struct users {
	struct service *service;
	char *urls; /* "url,url"; NULL: registration */
	_Atomic unsigned next;
};

int users_new(struct service *service, const char *url, struct users **ret)
{
	struct users *u = calloc(1, sizeof(*u));

	if (!u)
		return -ENOMEM;
	u->service = service;
	u->urls = url && *url ? strdup(url) : NULL;
	if (url && *url && !u->urls) {
		free(u);
		return -ENOMEM;
	}
	*ret = u;
	return 0;
}

void users_free(struct users *u)
{
	if (!u)
		return;
	free(u->urls);
	free(u);
}

/* Picks the next of the configured addresses, in turn. */
static int pick_configured(struct users *u, char ret[REGISTRATION_URL_MAX], char ret_peer[REGISTRATION_PEER_MAX])
{
	char named[REGISTRATION_URL_MAX];
	unsigned count = 1, n;
	const char *at = u->urls;

	for (const char *c = u->urls; *c; c++)
		count += *c == ',';
	for (n = atomic_fetch_add(&u->next, 1) % count; n > 0; n--)
		at = strchr(at, ',') + 1;
	snprintf(named, sizeof(named), "%.*s", (int)strcspn(at, ","), at);
	const char *url = registration_named(named, "user", ret_peer);
	if (!url)
		return -EINVAL;
	snprintf(ret, REGISTRATION_URL_MAX, "%s", url);
	return 0;
}

static int pick(struct users *u, char ret[REGISTRATION_URL_MAX], char ret_peer[REGISTRATION_PEER_MAX])
{
	struct registration *known = service_registration(u->service);

	if (u->urls)
		return pick_configured(u, ret, ret_peer);
	int r = registration_await(known, "user", USERS_DEADLINE_MS);
	return r < 0 ? r : registration_pick(known, "user", ret, ret_peer);
}

static int ask_one(struct users *u, const char *path, const char *trace, struct http_response *ret)
{
	char url[REGISTRATION_URL_MAX + 128];
	char peer[REGISTRATION_PEER_MAX];
	struct http_call_options options = {.method = "GET",
		.url = url,
		.peer = peer,
		.response_max = ANSWER_BYTES_MAX,
		.deadline_ms = USERS_DEADLINE_MS};
	struct http_headers headers;
	char base[REGISTRATION_URL_MAX];
	int r = pick(u, base, peer);

	if (r < 0)
		return -ERR_UNAVAILABLE;
	snprintf(url, sizeof(url), "%s%s", base, path);
	http_headers_init(&headers);
	if (trace)
		(void)http_headers_add(&headers, HEADER_TRACE, trace);
	options.headers = &headers;
	r = http_client_perform(service_client(u->service), &options, NULL, ret);
	http_headers_fini(&headers);
	if (r < 0 || ret->status >= 500)
		return -ERR_UNAVAILABLE;
	return 0;
}

/* Asks until one answers; the caller finis ret in any case. */
static int ask(struct users *u, const char *path, const char *trace, struct http_response *ret)
{
	int r = -ERR_UNAVAILABLE;

	memset(ret, 0, sizeof(*ret));
	for (unsigned i = 0; i < USERS_TRIES && r < 0; i++) {
		if (i > 0) {
			http_response_fini(ret);
			memset(ret, 0, sizeof(*ret));
		}
		r = ask_one(u, path, trace, ret);
	}
	return r;
}

int users_check(struct users *u, int64_t id, const char *trace)
{
	struct http_response response;
	char path[64];
	int r;

	if (id <= 0)
		return -ERR_USER_NOT_FOUND;
	snprintf(path, sizeof(path), "/internal/v1/users/%" PRId64, id);
	r = ask(u, path, trace, &response);
	if (r == 0 && response.status == 404)
		r = -ERR_USER_NOT_FOUND;
	else if (r == 0 && response.status != 200)
		r = -ERR_UNAVAILABLE;
	http_response_fini(&response);
	return r;
}

static int read_deleted(
	const json_t *root, int (*on_deleted)(int64_t user, void *cookie), void *cookie, int64_t *ret_last)
{
	const json_t *list = json_object_get(root, "deleted");
	int64_t user, last;
	int r = 0;

	if (!json_is_array(list) || item_json_get_id(root, "last", &last) < 0)
		return -ERR_UNAVAILABLE;
	for (size_t i = 0; r == 0 && i < json_array_size(list); i++) {
		r = item_json_get_id(json_array_get(list, i), "user_id", &user) < 0 ? -ERR_UNAVAILABLE : 0;
		if (r == 0)
			r = on_deleted(user, cookie);
	}
	if (r == 0)
		*ret_last = last;
	return r;
}

int users_deleted(
	struct users *u, int64_t since, int (*on_deleted)(int64_t user, void *cookie), void *cookie, int64_t *ret_last)
{
	struct http_response response;
	json_t *root = NULL;
	char path[64];
	int r;

	snprintf(path, sizeof(path), "/internal/v1/deleted?since=%" PRId64, since);
	r = ask(u, path, NULL, &response);
	if (r == 0 && response.status != 200)
		r = -ERR_UNAVAILABLE;
	if (r == 0)
		root = json_loadb(response.body.size ? response.body.data : "", response.body.size, 0, NULL);
	if (r == 0)
		r = root ? read_deleted(root, on_deleted, cookie, ret_last) : -ERR_UNAVAILABLE;
	json_decref(root);
	http_response_fini(&response);
	return r;
}
