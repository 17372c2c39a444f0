#include "backend/user/user_http.h"
#include "backend/user/user_routes.h"

#include "common/base/limits.h"

/* Version 1: users as JSON with integer ids, as the store's ancestor had them. */

static json_t *show_user(const struct account_outcome *outcome)
{
	const struct user_account *a = &outcome->account;

	return json_pack(
		"{s:I, s:s, s:s?}", "id", (json_int_t)a->id, "name", a->name, "email", a->email[0] ? a->email : NULL);
}

static int apply_create(struct user_request *u, struct account_outcome *ret)
{
	struct account_fields fields;

	int r = user_fields(u, &fields);
	return r == 0 ? account_create(&u->call, &fields, ret) : r;
}

static int apply_change(struct user_request *u, struct account_outcome *ret)
{
	struct account_fields fields;
	uint64_t id;

	int r = user_path_id(u, &id);
	if (r == 0)
		r = user_fields(u, &fields);
	/* Who has only a token must not be able to keep the account for himself. */
	return r == 0 ? account_change(&u->call, id, &fields, !(u->call.who_is_admin && id != u->call.who), ret) : r;
}

static int apply_delete(struct user_request *u, struct account_outcome *ret)
{
	uint64_t id;

	int r = user_path_id(u, &id);
	return r == 0 ? account_delete(&u->call, id, ret) : r;
}

static int ask_user(struct user_request *u, json_t **ret)
{
	struct account_outcome outcome = {0};
	uint64_t id;

	int r = user_path_id(u, &id);
	if (r == 0)
		r = account_read(&u->call, id, &outcome.account);
	if (r == 0)
		*ret = show_user(&outcome);
	return r;
}

static void create(struct pg *pg, struct http_request *req, struct service *s)
{
	user_mutate(pg, req, s, &(struct user_mutation){201, true, apply_create, show_user, account_may_create});
}

static void change(struct pg *pg, struct http_request *req, struct service *s)
{
	user_mutate(pg, req, s, &(struct user_mutation){200, true, apply_change, show_user});
}

static void delete (struct pg *pg, struct http_request *req, struct service *s)
{
	user_mutate(pg, req, s, &(struct user_mutation){204, false, apply_delete, NULL});
}

static void read(struct pg *pg, struct http_request *req, struct service *s)
{
	user_ask(pg, req, s, &(struct user_query){false, ask_user});
}

static void on_openapi(struct http_request *req, void *cookie)
{
	const struct user_app *app = service_app(cookie);

	user_respond_text(req, buf_span(&app->openapi_v1));
}

#define USER_SCHEMA                                                                              \
	"{\"type\":\"object\",\"properties\":{\"id\":{\"type\":\"integer\"},\"name\":{\"type\":" \
	"\"string\"},\"email\":{\"type\":[\"string\",\"null\"]}}}"

const struct user_route USER_V1_ROUTES[] = {
	{{.method = "POST",
		 .pattern = "/api/v1/user",
		 .body = HTTP_BODY_WHOLE,
		 .body_max = JSON_BYTES_MAX,
		 .open = true,
		 .tag = "users",
		 .summary = "Make an account",
		 .doc = "{\"parameters\":[" USER_DOC_KEY
			"]," USER_DOC_BODY(USER_DOC_STRING("name") "," USER_DOC_EMAIL "," USER_DOC_PASSWORD("password"),
				"\"name\",\"password\"") ",\"responses\":{" USER_DOC_ANSWER("201", "The account",
				USER_SCHEMA) "," USER_DOC_PROBLEM("401",
				"Registration is not open, and no administrator asks") "," USER_DOC_PROBLEM("409",
				"The name is taken") "," USER_DOC_PROBLEM("422", "Not acceptable") "}}"},
		create, true},
	{{.method = "GET",
		 .pattern = "/api/v1/user/{id}",
		 .tag = "users",
		 .summary = "Show an account",
		 .doc = "{\"parameters\":[" USER_DOC_PATH_ID("integer") "],\"responses\":{" USER_DOC_ANSWER("200",
			 "The account",
			 USER_SCHEMA) "," USER_DOC_PROBLEM("404", "There is none, or it is another's") "}}"},
		read},
	{{.method = "PUT",
		 .pattern = "/api/v1/user/{id}",
		 .body = HTTP_BODY_WHOLE,
		 .body_max = JSON_BYTES_MAX,
		 .tag = "users",
		 .summary = "Change an account; members that are missing stay. One's own password needs old_password",
		 .doc = "{\"parameters\":[" USER_DOC_PATH_ID("integer") "," USER_DOC_KEY "]," USER_DOC_BODY(
			 USER_DOC_STRING("name") "," USER_DOC_EMAIL
						 "," USER_DOC_PASSWORD("password") "," USER_DOC_STRING("old_password"),
			 "") ",\"responses\":{" USER_DOC_ANSWER("200", "The account",
			 USER_SCHEMA) "," USER_DOC_PROBLEM("403", "old_password is wrong") "," USER_DOC_PROBLEM("404",
			 "There is none, or it is another's") "," USER_DOC_PROBLEM("409",
			 "The name is taken") "," USER_DOC_PROBLEM("422", "Not acceptable") "}}"},
		change, true},
	{{.method = "DELETE",
		 .pattern = "/api/v1/user/{id}",
		 .tag = "users",
		 .summary = "Delete an account, its tokens and, later, its drives",
		 .doc = "{\"parameters\":[" USER_DOC_PATH_ID(
			 "integer") "," USER_DOC_KEY "],\"responses\":{" USER_DOC_NOTHING("204",
			 "Deleted") "," USER_DOC_PROBLEM("404", "There is none, or it is another's") "}}"},
		delete},
	{{.method = "GET",
		 .pattern = "/api/v1/user/docs/openapi.json",
		 .handler = on_openapi,
		 .open = true,
		 .tag = "documentation",
		 .summary = "This description",
		 .doc = "{\"responses\":{" USER_DOC_ANSWER("200", "OpenAPI 3.1", "{\"type\":\"object\"}") "}}"},
		NULL},
	{{.method = NULL}, NULL},
};
