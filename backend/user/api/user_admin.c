#include "backend/user/api/user_account.h"
#include "backend/user/api/user_v2.h"

#include "common/base/error.h"
#include "common/base/limits.h"

#include <errno.h>
#include <stdlib.h>

/* /api/v2/user/users: routes for administrators. Other users reach only their own account here. */

static int ask_user(struct user_request *u, json_t **ret)
{
	return user_account_ask(u, user_v2_show, ret);
}

static json_t *show_page(const struct user_account *accounts, size_t count, size_t limit)
{
	struct account_outcome shown = {0};
	json_t *items = json_array();

	for (size_t i = 0; i < count; i++) {
		shown.account = accounts[i];
		json_array_append_new(items, user_v2_show(&shown));
	}
	json_t *next = count == limit ? user_request_id_text(accounts[count - 1].id) : json_null();
	return json_pack("{s:o, s:o}", "items", items, "next", next);
}

static int ask_by_name(struct user_request *u, const char *name, json_t **ret)
{
	struct user_account account;

	int r = account_find(&u->call, name, &account);
	if (r < 0 && r != -ERR_USER_NOT_FOUND)
		return r;
	*ret = show_page(&account, r == 0 ? 1 : 0, 2);
	return *ret ? 0 : -ENOMEM;
}

static int ask_users(struct user_request *u, json_t **ret)
{
	const char *name = http_request_query(u->req, "name");
	size_t limit, count = 0;
	uint64_t after;

	if (name)
		return ask_by_name(u, name, ret);
	int r = user_request_page(u, &limit, &after);
	if (r < 0)
		return r;
	struct user_account *accounts = calloc(limit, sizeof(*accounts));
	if (!accounts)
		return -ENOMEM;
	r = account_list(&u->call, after, limit, accounts, &count);
	if (r == 0) {
		*ret = show_page(accounts, count, limit);
		r = *ret ? 0 : -ENOMEM;
	}
	free(accounts);
	return r;
}

static const struct user_query LIST = {false, ask_users};

static const struct user_mutation CREATE = {
	201, ACCOUNT_REGISTER, USER_WHOM_NOBODY, USER_BODY_FIELDS, user_account_create, user_v2_show};

static const struct user_query READ = {false, ask_user};

static const struct user_mutation CHANGE = {
	200, ACCOUNT_PROFILE, USER_WHOM_PATH, USER_BODY_FIELDS, user_account_change, user_v2_show};

#define FIELDS \
	USER_DOC_STRING("name") "," USER_DOC_EMAIL "," USER_DOC_PASSWORD("password") ",\"admin\":{\"type\":\"boolean\"}"
#define NAME_QUERY \
	"{\"name\":\"name\",\"in\":\"query\",\"description\":\"only the user of this name\",\"schema\":{\"type\":\"string\"}}"

const struct user_route USER_ADMIN_ROUTES[] = {
	{{.method = "GET",
		 .pattern = "/api/v2/user/users",
		 .tag = "users",
		 .summary = "List users (administrators)",
		 .doc = "{\"parameters\":[" USER_DOC_PAGE "," NAME_QUERY "],\"responses\":{" USER_DOC_ANSWER("200",
			 "A page",
			 USER_PAGE_SCHEMA(USER_V2_SCHEMA)) "," USER_DOC_PROBLEM("403", "Not an administrator") "}}"},
		.query = &LIST},
	{{.method = "POST",
		 .pattern = "/api/v2/user/users",
		 .body = HTTP_BODY_WHOLE,
		 .body_max = JSON_BYTES_MAX,
		 .tag = "users",
		 .summary = "Make an account (administrators, or any user when registration is open)",
		 .doc = "{\"parameters\":[" USER_DOC_KEY "]," USER_DOC_BODY_LIKE(FIELDS, "\"name\",\"password\"",
			 "{\"name\":\"example2\",\"password\":\"a long sentence\"}") ",\"responses\":{" USER_DOC_ANSWER("201",
			 "The account",
			 USER_V2_SCHEMA) "," USER_DOC_PROBLEM("403", "Not an administrator") "," USER_DOC_PROBLEM("409",
			 "The name is taken") "," USER_DOC_PROBLEM("422",
			 "What was sent is not acceptable: detail says why") USER_DOC_BUSY "}}"},
		.mutation = &CREATE, .hashes = true},
	{{.method = "GET",
		 .pattern = "/api/v2/user/users/{id}",
		 .tag = "users",
		 .summary = "Show a user",
		 .doc = "{\"parameters\":[" USER_DOC_PATH_ID("string") "],\"responses\":{" USER_DOC_ANSWER(
			 "200", "The account", USER_V2_SCHEMA) "," USER_DOC_PROBLEM("404",
			 "There is no such account, or it is not the caller's to see") "}}"},
		.query = &READ},
	{{.method = "PATCH",
		 .pattern = "/api/v2/user/users/{id}",
		 .body = HTTP_BODY_WHOLE,
		 .body_max = JSON_BYTES_MAX,
		 .tag = "users",
		 .summary = "Change a user; an administrator sets another's password without the old one",
		 .doc = "{\"parameters\":[" USER_DOC_PATH_ID("string") "," USER_DOC_KEY "]," USER_DOC_BODY_LIKE(FIELDS
			 "," USER_DOC_STRING("old_password") "," USER_DOC_REVOKE,
			 "", "{\"email\":\"example@example.org\"}") ",\"responses\":{" USER_DOC_ANSWER("200",
			 "The account", USER_V2_SCHEMA) "," USER_DOC_PROBLEM("403",
			 "old_password is wrong, or admin is not the caller's to set") "," USER_DOC_PROBLEM("404",
			 "There is no such account, or it is not the caller's to see") "," USER_DOC_PROBLEM("409",
			 "The name is taken, or this is the last administrator") "," USER_DOC_PROBLEM("422",
			 "What was sent is not acceptable: detail says why") USER_DOC_BUSY "}}"},
		.mutation = &CHANGE, .hashes = true},
	{{.method = "DELETE",
		 .pattern = "/api/v2/user/users/{id}",
		 .tag = "users",
		 .summary = "Delete a user",
		 .doc = "{\"parameters\":[" USER_DOC_PATH_ID(
			 "string") "," USER_DOC_KEY "],\"responses\":{" USER_DOC_NOTHING("204",
			 "Deleted") "," USER_DOC_PROBLEM("404",
			 "There is no such account, or it is not the caller's to see") "," USER_DOC_PROBLEM("409",
			 "This is the last administrator") "}}"},
		.mutation = &USER_ACCOUNT_DELETE},
	{{.method = NULL}},
};
