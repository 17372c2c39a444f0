#include "backend/user/api/user_account.h"
#include "backend/user/api/user_routes.h"

#include "common/base/limits.h"

/* Version 1: users as JSON with integer ids, as in the predecessor of this store. */

static json_t *show_user(const struct account_outcome *outcome)
{
	const struct user_account *a = &outcome->account;

	return json_pack(
		"{s:I, s:s, s:s?}", "id", (json_int_t)a->id, "name", a->name, "email", a->email[0] ? a->email : NULL);
}

static int ask_user(struct user_request *u, json_t **ret)
{
	return user_account_ask(u, show_user, ret);
}

static const struct user_mutation CREATE = {
	201, ACCOUNT_REGISTER, USER_WHOM_NOBODY, USER_BODY_FIELDS_V1, user_account_create, show_user};

static const struct user_mutation CHANGE = {
	200, ACCOUNT_PROFILE, USER_WHOM_PATH, USER_BODY_FIELDS_V1, user_account_change, show_user};

static const struct user_query READ = {false, ask_user};

static void on_openapi(struct http_request *req, void *cookie)
{
	const struct user_app *app = service_app(cookie);

	user_request_respond_text(req, buf_span(&app->openapi_v1));
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
		 .doc = "{\"parameters\":[" USER_DOC_KEY "]," USER_DOC_BODY_LIKE(
			 USER_DOC_STRING("name") "," USER_DOC_EMAIL "," USER_DOC_PASSWORD("password"),
			 "\"name\",\"password\"",
			 "{\"name\":\"example\",\"password\":\"a long sentence\"}") ",\"responses\":{" USER_DOC_ANSWER("201",
			 "The account", USER_SCHEMA) "," USER_DOC_PROBLEM("401",
			 "Registration is not open, and no administrator asks") "," USER_DOC_PROBLEM("409",
			 "The name is taken") "," USER_DOC_PROBLEM("422",
			 "What was sent is not acceptable: detail says why") USER_DOC_BUSY "}}"},
		.mutation = &CREATE, .hashes = true},
	{{.method = "GET",
		 .pattern = "/api/v1/user/{id}",
		 .tag = "users",
		 .summary = "Show an account",
		 .doc = "{\"parameters\":[" USER_DOC_PATH_ID("integer") "],\"responses\":{" USER_DOC_ANSWER(
			 "200", "The account", USER_SCHEMA) "," USER_DOC_PROBLEM("404",
			 "There is no such account, or it is not the caller's to see") "}}"},
		.query = &READ},
	{{.method = "PUT",
		 .pattern = "/api/v1/user/{id}",
		 .body = HTTP_BODY_WHOLE,
		 .body_max = JSON_BYTES_MAX,
		 .tag = "users",
		 .summary = "Change an account; members that are missing stay. One's own password needs old_password",
		 .doc = "{\"parameters\":[" USER_DOC_PATH_ID("integer") "," USER_DOC_KEY "]," USER_DOC_BODY_LIKE(
			 USER_DOC_STRING("name") "," USER_DOC_EMAIL
						 "," USER_DOC_PASSWORD("password") "," USER_DOC_STRING("old_password"),
			 "",
			 "{\"email\":\"example@example.org\"}") ",\"responses\":{" USER_DOC_ANSWER("200", "The account",
			 USER_SCHEMA) "," USER_DOC_PROBLEM("403", "old_password is wrong") "," USER_DOC_PROBLEM("404",
			 "There is no such account, or it is not the caller's to see") "," USER_DOC_PROBLEM("409",
			 "The name is taken") "," USER_DOC_PROBLEM("422",
			 "What was sent is not acceptable: detail says why") USER_DOC_BUSY "}}"},
		.mutation = &CHANGE, .hashes = true},
	{{.method = "DELETE",
		 .pattern = "/api/v1/user/{id}",
		 .tag = "users",
		 .summary = "Delete an account, its tokens and, later, its drives",
		 .doc = "{\"parameters\":[" USER_DOC_PATH_ID(
			 "integer") "," USER_DOC_KEY "],\"responses\":{" USER_DOC_NOTHING("204",
			 "Deleted") "," USER_DOC_PROBLEM("404",
			 "There is no such account, or it is not the caller's to see") "," USER_DOC_PROBLEM("409",
			 "This is the last administrator") "}}"},
		.mutation = &USER_ACCOUNT_DELETE},
	{{.method = "GET",
		.pattern = "/api/v1/user/docs/openapi.json",
		.handler = on_openapi,
		.open = true,
		.tag = "documentation",
		.summary = "This description",
		.doc = "{\"responses\":{" USER_DOC_ANSWER("200", "OpenAPI 3.1", "{\"type\":\"object\"}") "}}"}},
	{{.method = NULL}},
};
