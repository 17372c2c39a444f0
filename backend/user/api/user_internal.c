#include "backend/user/api/user_request.h"
#include "backend/user/api/user_routes.h"
#include "backend/user/rules/login.h"

#include "common/base/error.h"
#include "common/base/limits.h"
#include "common/base/text.h"

#include <errno.h>
#include <stdlib.h>

/* Routes for gateways and the docs service. The guard has checked that the request comes from one of them. */

#define DELETIONS_PAGE 1000 /* entries in one answer: 60 KiB */

static int ask_authenticate(struct user_request *u, json_t **ret)
{
	struct user_login o;
	char token_id[TOKEN_ID_SIZE];
	const char *token;

	int r = user_request_needed_text(u, "token", &token);
	if (r == 0)
		r = login_authenticate(&u->call, token, &o);
	if (r != 0)
		return r;
	token_id_format(o.token.kind, o.token.id, token_id);
	*ret = json_pack("{s:{s:o, s:s, s:b}, s:s, s:o}", "user", "id", user_request_id_text(o.account.id), "name",
		o.account.name, "admin", o.account.admin, "token_id", token_id, "expires_at",
		user_request_time(o.token.expires_ns));
	return *ret ? 0 : -ENOMEM;
}

static int ask_user(struct user_request *u, json_t **ret)
{
	struct user_account a;
	uint64_t id;

	int r = user_request_path_id(u, &id);
	u->call.who_is_admin = true; /* a service asks, on its own behalf */
	if (r == 0)
		r = account_read(&u->call, id, &a);
	if (r == 0)
		*ret = json_pack("{s:o, s:s}", "id", user_request_id_text(a.id), "name", a.name);
	return r;
}

static int ask_deleted(struct user_request *u, json_t **ret)
{
	int64_t since = 0;
	size_t count = 0;

	if (http_request_query_number(u->req, "since", 0, INT64_MAX, &since) < 0)
		return account_call_refuse(&u->call, -ERR_BAD_REQUEST,
			"since must be a number: the seq of the last deletion that is known, or 0");
	struct user_deletion *rows = calloc(DELETIONS_PAGE, sizeof(*rows));
	if (!rows)
		return -ENOMEM;
	int r = u->call.store->ops->deletion_list(u->call.store, (uint64_t)since, DELETIONS_PAGE, rows, &count);
	if (r == 0) {
		json_t *list = json_array();
		for (size_t i = 0; i < count; i++)
			json_array_append_new(list,
				json_pack("{s:o, s:o, s:o}", "seq", user_request_id_text(rows[i].seq), "user_id",
					user_request_id_text(rows[i].user_id), "at", user_request_time(rows[i].at_ns)));
		*ret = json_pack("{s:o, s:o}", "deleted", list, "last",
			user_request_id_text(count ? rows[count - 1].seq : (uint64_t)since));
		r = *ret ? 0 : -ENOMEM;
	}
	free(rows);
	return r;
}

static const struct user_query AUTHENTICATE = {true, ask_authenticate};

static const struct user_query READ_USER = {false, ask_user};

static const struct user_query LIST_DELETED = {false, ask_deleted};

const struct user_route USER_INTERNAL_ROUTES[] = {
	{{.method = "POST",
		 .pattern = "/internal/v1/authenticate",
		 .body = HTTP_BODY_WHOLE,
		 .body_max = 4096,
		 .internal = true},
		.query = &AUTHENTICATE},
	{{.method = "GET", .pattern = "/internal/v1/users/{id}", .internal = true}, .query = &READ_USER},
	{{.method = "GET", .pattern = "/internal/v1/deleted", .internal = true}, .query = &LIST_DELETED},
	{{.method = NULL}},
};
