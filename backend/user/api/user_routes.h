/* user_routes: the route table of the user service. Each version has a file with its handlers and its rows. */
#ifndef NEPHOS_USER_ROUTES_H
#define NEPHOS_USER_ROUTES_H

#include "backend/service/service.h"

struct user_mutation;
struct user_query;

/* A row with its mutation or query (user_request.h), which a worker runs; or a row with a handler that needs no
 * worker. */
struct user_route {
	struct http_route route;
	const struct user_mutation *mutation;
	const struct user_query *query;
	bool hashes; /* hashes passwords: runs in the slow lane, so that many logins do not keep others waiting */
};

/* Each table ends with a row whose method is NULL. */
extern const struct user_route USER_V1_ROUTES[];
extern const struct user_route USER_V2_ROUTES[];
extern const struct user_route USER_ADMIN_ROUTES[];
extern const struct user_route USER_INTERNAL_ROUTES[];

/* Makes one table of all rows for the server; free() it. -ENOMEM. */
int user_routes(struct http_route **ret);

/* Texts of OpenAPI operations. */
#define USER_DOC_BODY(properties, required)                                                                                             \
	"\"requestBody\":{\"required\":true,\"content\":{\"application/json\":{\"schema\":{\"type\":\"object\",\"required\":[" required \
	"],\"properties\":{" properties "}}}}}"
/* With an example that can be sent unchanged. */
#define USER_DOC_BODY_LIKE(properties, required, example)                                                                               \
	"\"requestBody\":{\"required\":true,\"content\":{\"application/json\":{\"schema\":{\"type\":\"object\",\"required\":[" required \
	"],\"properties\":{" properties "}},\"example\":" example "}}}"
#define USER_DOC_STRING(name) "\"" name "\":{\"type\":\"string\"}"
#define USER_DOC_PASSWORD(name) \
	"\"" name "\":{\"type\":\"string\",\"format\":\"password\",\"minLength\":8,\"maxLength\":1024}"
#define USER_DOC_REVOKE \
	"\"revoke\":{\"type\":\"boolean\",\"default\":false,\"description\":\"with a new password: end all device keys, too, but the one that asks\"}"
#define USER_DOC_EMAIL "\"email\":{\"type\":[\"string\",\"null\"],\"format\":\"email\",\"maxLength\":254}"
#define USER_DOC_PATH_ID(type) "{\"name\":\"id\",\"in\":\"path\",\"required\":true,\"schema\":{\"type\":\"" type "\"}}"
#define USER_DOC_KEY \
	"{\"name\":\"Idempotency-Key\",\"in\":\"header\",\"required\":false,\"schema\":{\"type\":\"string\",\"maxLength\":255}}"
#define USER_DOC_PAGE                                                                                                             \
	"{\"name\":\"limit\",\"in\":\"query\",\"schema\":{\"type\":\"integer\",\"minimum\":1,\"maximum\":1000,\"default\":100}}," \
	"{\"name\":\"cursor\",\"in\":\"query\",\"schema\":{\"type\":\"string\"}}"
#define USER_DOC_ANSWER(status, text, schema) \
	"\"" status "\":{\"description\":\"" text "\",\"content\":{\"application/json\":{\"schema\":" schema "}}}"
#define USER_DOC_NOTHING(status, text) "\"" status "\":{\"description\":\"" text "\"}"
#define USER_DOC_PROBLEM(status, text)            \
	"\"" status "\":{\"description\":\"" text \
	"\",\"content\":{\"application/problem+json\":{\"schema\":{\"type\":\"object\"}}}}"
/* For a row that hashes and has no other text for 429. */
#define USER_DOC_BUSY \
	"," USER_DOC_PROBLEM("429", "Too many requests with passwords at once, or too many wrong ones: see Retry-After")

#endif
