#include "backend/user/api/user_v2.h"

#include "backend/user/api/user_account.h"
#include "backend/user/rules/key.h"
#include "backend/user/rules/login.h"

#include "common/base/error.h"
#include "common/base/limits.h"

#include <errno.h>
#include <stdlib.h>

/*
 * Version 2 of the users' API: sessions (logging in and out), the caller's own account, device keys, and the
 * set-up of a new store. user_admin.c has what administrators do to others.
 *
 * Nothing here decides anything. Each route is a row of the table at the end, which names a mutation or a query:
 * user_request reads the body, finds out who the caller is, runs the function on a worker with a database
 * connection, keeps the answer under the request's idempotency key, and sends it. The apply_ and ask_ functions
 * here take the texts from the body and call a rule (account, login, key); the show_ functions turn its result
 * into JSON. The rules refuse invalid texts, and give the reason.
 *
 * A token is shown exactly once, in the answer that makes it: the database only has its hash.
 */

json_t *user_v2_show(const struct account_outcome *outcome)
{
	const struct user_account *a = &outcome->account;

	return json_pack("{s:o, s:s, s:s?, s:b, s:b, s:o}", "id", user_request_id_text(a->id), "name", a->name, "email",
		a->email[0] ? a->email : NULL, "admin", a->admin, "has_password", a->password[0] != '\0', "created_at",
		user_request_time(a->created_ns));
}

static json_t *show_session(const struct account_outcome *outcome)
{
	return json_pack("{s:s, s:o, s:o}", "token", outcome->token_text, "expires_at",
		user_request_time(outcome->token.expires_ns), "user", user_v2_show(outcome));
}

static json_t *show_key(const struct user_token *t)
{
	return json_pack("{s:o, s:s, s:o, s:o}", "id", user_request_id_text(t->id), "name", t->name, "created_at",
		user_request_time(t->created_ns), "last_used_at", user_request_time(t->used_ns));
}

static json_t *show_new_key(const struct account_outcome *outcome)
{
	json_t *key = show_key(&outcome->token);

	if (key)
		json_object_set_new(key, "token", json_string(outcome->token_text));
	return key;
}

static int apply_login(struct user_request *u, struct account_outcome *ret)
{
	const char *name, *password;

	int r = user_request_needed_text(u, "name", &name);
	if (r == 0)
		r = user_request_needed_text(u, "password", &password);
	return r == 0 ? login_open(&u->call, name, password, ret) : r;
}

static int apply_logout(struct user_request *u, struct account_outcome *ret)
{
	return login_close(&u->call, ret);
}

static int apply_create_key(struct user_request *u, struct account_outcome *ret)
{
	const char *name;

	int r = user_request_needed_text(u, "name", &name);
	return r == 0 ? key_create(&u->call, name, ret) : r;
}

static int apply_revoke_key(struct user_request *u, struct account_outcome *ret)
{
	uint64_t id;

	/* An id that is not a number is answered like an unknown key. */
	if (user_request_path_id(u, &id) < 0)
		return account_call_refuse(&u->call, -ERR_NOT_FOUND,
			"you have no device key with this id: GET /api/v2/user/keys lists them");
	return key_revoke(&u->call, id, ret);
}

static int apply_setup(struct user_request *u, struct account_outcome *ret)
{
	const char *token;

	int r = user_request_needed_text(u, "token", &token);
	return r == 0 ? account_setup(&u->call, token, &u->fields, ret) : r;
}

static int ask_me(struct user_request *u, json_t **ret)
{
	struct account_outcome outcome = {0};

	int r = account_read(&u->call, u->call.who, &outcome.account);
	if (r == 0)
		*ret = user_v2_show(&outcome);
	return r;
}

static int ask_keys(struct user_request *u, json_t **ret)
{
	size_t limit, count = 0;
	uint64_t after;

	int r = user_request_page(u, &limit, &after);
	if (r < 0)
		return r;
	struct user_token *keys = calloc(limit, sizeof(*keys));
	if (!keys)
		return -ENOMEM;
	r = key_list(&u->call, after, limit, keys, &count);
	if (r == 0) {
		json_t *items = json_array();
		for (size_t i = 0; i < count; i++)
			json_array_append_new(items, show_key(&keys[i]));
		json_t *next = count == limit ? user_request_id_text(keys[count - 1].id) : json_null();
		*ret = json_pack("{s:o, s:o}", "items", items, "next", next);
		r = *ret ? 0 : -ENOMEM;
	}
	free(keys);
	return r;
}

static const struct user_mutation LOG_IN = {
	201, ACCOUNT_LOG_IN, USER_WHOM_NOBODY, USER_BODY_OTHER, apply_login, show_session};

static const struct user_mutation LOG_OUT = {
	204, ACCOUNT_LOG_OUT, USER_WHOM_CALLER, USER_BODY_NONE, apply_logout, NULL};

static const struct user_query READ_ME = {false, ask_me};

static const struct user_mutation CHANGE_ME = {
	200, ACCOUNT_PROFILE, USER_WHOM_CALLER, USER_BODY_FIELDS, user_account_change, user_v2_show};

static const struct user_query LIST_KEYS = {false, ask_keys};

static const struct user_mutation CREATE_KEY = {
	201, ACCOUNT_KEY_MAKE, USER_WHOM_CALLER, USER_BODY_OTHER, apply_create_key, show_new_key};

static const struct user_mutation REVOKE_KEY = {
	204, ACCOUNT_KEY_REVOKE, USER_WHOM_CALLER, USER_BODY_NONE, apply_revoke_key, NULL};

static const struct user_mutation SET_UP = {
	201, ACCOUNT_SET_UP, USER_WHOM_NOBODY, USER_BODY_FIELDS, apply_setup, user_v2_show};

static void on_openapi(struct http_request *req, void *cookie)
{
	const struct user_app *app = service_app(cookie);

	user_request_respond_text(req, buf_span(&app->openapi_v2));
}

#define KEY_SCHEMA                                                                                                                               \
	"{\"type\":\"object\",\"properties\":{\"id\":{\"type\":\"string\"},\"name\":{\"type\":\"string\"},\"created_at\":{\"type\":\"string\"}," \
	"\"last_used_at\":{\"type\":[\"string\",\"null\"]}}}"
#define NEW_KEY_SCHEMA                                                                                                                     \
	"{\"type\":\"object\",\"properties\":{\"id\":{\"type\":\"string\"},\"name\":{\"type\":\"string\"},\"token\":{\"type\":\"string\"," \
	"\"description\":\"shown only now\"},\"created_at\":{\"type\":\"string\"},\"last_used_at\":{\"type\":\"null\"}}}"
#define SESSION_SCHEMA                                                                                                                       \
	"{\"type\":\"object\",\"properties\":{\"token\":{\"type\":\"string\"},\"expires_at\":{\"type\":\"string\"},\"user\":" USER_V2_SCHEMA \
	"}}"

const struct user_route USER_V2_ROUTES[] = {
	{{.method = "POST",
		 .pattern = "/api/v2/user/sessions",
		 .body = HTTP_BODY_WHOLE,
		 .body_max = JSON_BYTES_MAX,
		 .open = true,
		 .tag = "sessions",
		 .summary = "Log in",
		 .doc = "{" USER_DOC_BODY(USER_DOC_STRING("name") "," USER_DOC_STRING("password"),
			 "\"name\",\"password\"") ",\"responses\":{" USER_DOC_ANSWER("201",
			 "A session; its token goes into Authorization: Bearer",
			 SESSION_SCHEMA) "," USER_DOC_PROBLEM("401",
			 "Name or password is wrong") "," USER_DOC_PROBLEM("429",
			 "Too many wrong passwords, or too many log-ins at once: see Retry-After") "}}"},
		.mutation = &LOG_IN, .hashes = true},
	{{.method = "DELETE",
		 .pattern = "/api/v2/user/sessions/current",
		 .tag = "sessions",
		 .summary = "Log out",
		 .doc = "{\"parameters\":[" USER_DOC_KEY "],\"responses\":{" USER_DOC_NOTHING("204",
			 "The token holds no longer") "," USER_DOC_PROBLEM("404", "The token is a device key") "}}"},
		.mutation = &LOG_OUT},
	{{.method = "GET",
		 .pattern = "/api/v2/user/me",
		 .tag = "me",
		 .summary = "Who am I",
		 .doc = "{\"responses\":{" USER_DOC_ANSWER("200", "The account", USER_V2_SCHEMA) "}}"},
		.query = &READ_ME},
	{{.method = "PATCH",
		 .pattern = "/api/v2/user/me",
		 .body = HTTP_BODY_WHOLE,
		 .body_max = JSON_BYTES_MAX,
		 .tag = "me",
		 .summary =
			 "Change name, email or password; a new password needs old_password and ends all other sessions",
		 .doc = "{\"parameters\":[" USER_DOC_KEY "]," USER_DOC_BODY_LIKE(
			 USER_DOC_STRING("name") "," USER_DOC_EMAIL "," USER_DOC_PASSWORD(
				 "password") "," USER_DOC_STRING("old_password") "," USER_DOC_REVOKE,
			 "", "{\"email\":\"example@example.org\"}") ",\"responses\":{" USER_DOC_ANSWER("200",
			 "The account", USER_V2_SCHEMA) "," USER_DOC_PROBLEM("403",
			 "old_password is wrong") "," USER_DOC_PROBLEM("409",
			 "The name is taken") "," USER_DOC_PROBLEM("422",
			 "What was sent is not acceptable: detail says why") "," USER_DOC_PROBLEM("429",
			 "Too many wrong passwords, or too many log-ins at once: see Retry-After") "}}"},
		.mutation = &CHANGE_ME, .hashes = true},
	{{.method = "GET",
		 .pattern = "/api/v2/user/keys",
		 .tag = "keys",
		 .summary = "List one's device keys",
		 .doc = "{\"parameters\":[" USER_DOC_PAGE
			"],\"responses\":{" USER_DOC_ANSWER("200", "A page", USER_PAGE_SCHEMA(KEY_SCHEMA)) "}}"},
		.query = &LIST_KEYS},
	{{.method = "POST",
		 .pattern = "/api/v2/user/keys",
		 .body = HTTP_BODY_WHOLE,
		 .body_max = JSON_BYTES_MAX,
		 .tag = "keys",
		 .summary = "Make a device key, for a mount or a script",
		 .doc = "{\"parameters\":[" USER_DOC_KEY "]," USER_DOC_BODY_LIKE(USER_DOC_STRING("name"), "\"name\"",
			 "{\"name\":\"example\"}") ",\"responses\":{" USER_DOC_ANSWER("201", "The key, with its token",
			 NEW_KEY_SCHEMA) "," USER_DOC_PROBLEM("422",
			 "What was sent is not acceptable: detail says why") "}}"},
		.mutation = &CREATE_KEY},
	{{.method = "DELETE",
		 .pattern = "/api/v2/user/keys/{id}",
		 .tag = "keys",
		 .summary = "Revoke a device key",
		 .doc = "{\"parameters\":[" USER_DOC_PATH_ID(
			 "string") "," USER_DOC_KEY "],\"responses\":{" USER_DOC_NOTHING("204",
			 "It holds no longer") "," USER_DOC_PROBLEM("404", "There is none") "}}"},
		.mutation = &REVOKE_KEY},
	{{.method = "POST",
		 .pattern = "/api/v2/user/setup",
		 .body = HTTP_BODY_WHOLE,
		 .body_max = JSON_BYTES_MAX,
		 .open = true,
		 .tag = "setup",
		 .summary = "Make the first administrator, with the one-time token of nephos-user --setup-token",
		 .doc = "{" USER_DOC_BODY(USER_DOC_STRING("token") "," USER_DOC_STRING(
						  "name") "," USER_DOC_EMAIL "," USER_DOC_PASSWORD("password"),
			 "\"token\",\"name\",\"password\"") ",\"responses\":{" USER_DOC_ANSWER("201",
			 "The administrator", USER_V2_SCHEMA) "," USER_DOC_PROBLEM("403",
			 "Another token, or the store has been set up") "," USER_DOC_PROBLEM("422",
			 "What was sent is not acceptable: detail says why") USER_DOC_BUSY "}}"},
		.mutation = &SET_UP, .hashes = true},
	{{.method = "GET",
		.pattern = "/api/v2/user/docs/openapi.json",
		.handler = on_openapi,
		.open = true,
		.tag = "documentation",
		.summary = "This description",
		.doc = "{\"responses\":{" USER_DOC_ANSWER("200", "OpenAPI 3.1", "{\"type\":\"object\"}") "}}"}},
	{{.method = NULL}},
};
