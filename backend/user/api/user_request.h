/*
 * user_request: what the handlers of all versions share: reading a request, running it on a worker, answering it,
 * keeping the answer under its Idempotency-Key, and holding the answer back until the gateways have forgotten the
 * tokens that it revokes.
 *
 * A route is described by a struct: a query has a function that reads, a mutation one that changes. A mutation
 * goes in this order. The rules decide whether the caller may do it at all; only then may an answer say anything
 * about the body. If an answer is kept under the key, the repeat gets that answer. Otherwise the change is made,
 * in one transaction with its sealed answer (answer.h). Of two requests with one key at the same moment the
 * second fails, and finds the answer of the first. The gateways are notified of revoked tokens (revoker.h); after
 * that the caller gets the answer.
 */
#ifndef NEPHOS_USER_USER_REQUEST_H
#define NEPHOS_USER_USER_REQUEST_H

#include "backend/service/service.h"
#include "backend/user/rules/account.h"
#include "backend/user/rules/network.h"
#include "backend/user/api/answer.h"
#include "backend/user/api/revoker.h"
#include "backend/user/api/fair_queue.h"
#include "common/proto/headers.h"

#include <jansson.h>

/* The client's address comes from the gateway (HEADER_CLIENT). Only gateways reach this service, and none of them
 * forwards what a client claims as its address. */

#define HASHING_MAX 128	 /* requests that hash or wait to hash: at 50 ms and two at once, three seconds */
#define HASHING_SHARE 16 /* of one user, or of one network of users not logged in: a class that logs in at once */
#define HASHING_RETRY_S 1

/* State shared by the service's handlers; made at start, read-only afterwards. */
struct user_app {
	struct service *service;
	struct password_hasher *hasher;
	struct fair_queue *turns; /* of requests that hash */
	struct revoker *revoker;
	uint8_t answer_key[ANSWER_KEY_BYTES];
	uint8_t guess_key[SHA256_BYTES];   /* for the HMAC of names under which guesses are stored */
	uint8_t request_key[SHA256_BYTES]; /* for the digests that identify equal requests */
	bool dies_after_commit;		   /* failpoint, for tests */
	bool open_registration;
	struct buf openapi_v1;
	struct buf openapi_v2;
};

/* One request on a worker. */
struct user_request {
	struct user_app *app;
	struct http_request *req;
	struct pg *pg;
	json_t *body;
	struct account_call call;
	char network[NETWORK_SIZE]; /* call.network */
	struct service_identity who;
	/* For a mutation. */
	const struct user_mutation *mutation;
	struct answer_slot slot; /* idempotency_key NULL: the request has none */
	char nobodys_key[SHA256_HEX_SIZE];
	uint64_t target;	      /* the account that it is about; 0: none that exists yet */
	struct account_fields fields; /* from the body, when it has them */
	bool admin;		      /* what fields.admin points at */
	struct answer answer;
	bool repeat; /* the answer is a kept one */
};

/* The account that a mutation is about. */
enum user_whom { USER_WHOM_NOBODY, USER_WHOM_CALLER, USER_WHOM_PATH /* {id} */ };
/* Which account fields the body, a JSON object, has. */
enum user_body { USER_BODY_NONE, USER_BODY_OTHER, USER_BODY_FIELDS_V1, USER_BODY_FIELDS };

struct user_mutation {
	int status;
	/* Checked before the body is read; its fields are checked before a kept answer is looked up. */
	enum account_mutation what;
	enum user_whom whom;
	enum user_body body;
	int (*apply)(struct user_request *u, struct account_outcome *ret);
	json_t *(*show)(const struct account_outcome *outcome); /* NULL: no body */
};
void user_request_mutate(
	struct pg *pg, struct http_request *req, struct service *s, const struct user_mutation *mutation);

struct user_query {
	bool has_body;
	int (*ask)(struct user_request *u, json_t **ret); /* answered 200 */
};
void user_request_ask(struct pg *pg, struct http_request *req, struct service *s, const struct user_query *query);

/* Returns a member of the body: NULL when it is missing or null. -ERR_UNPROCESSABLE: of another type. */
int user_request_text(struct user_request *u, const char *name, const char **ret);
int user_request_needed_text(
	struct user_request *u, const char *name, const char **ret); /* missing is -ERR_UNPROCESSABLE too */
/* Parses {id} of the path. -ERR_USER_NOT_FOUND: not a number. */
int user_request_path_id(struct user_request *u, uint64_t *ret);
/* Parses limit and cursor of a page. -ERR_BAD_REQUEST. */
int user_request_page(struct user_request *u, size_t *ret_limit, uint64_t *ret_after);
/* Answers with a text that is the same for everybody: an OpenAPI description. */
void user_request_respond_text(struct http_request *req, struct span json);
json_t *user_request_id_text(uint64_t id);
json_t *user_request_time(int64_t ns); /* 0: null */

#endif
