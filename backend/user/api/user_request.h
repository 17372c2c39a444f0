/*
 * user_request: what the handlers of all versions share: reading a request, running it on a worker, answering it,
 * keeping the answer under its Idempotency-Key, and holding it back until the gateways have forgotten what it revokes.
 *
 * A route says what is its own by a struct: a query has a function that asks, a mutation one that changes. A mutation
 * goes in this order. The rules are asked whether the caller may do it at all; only then is anything said about the
 * body. An answer that is kept under the key is looked for: a repeat gets that one. Otherwise the change is made, in
 * one transaction with its sealed answer (answer.h). Of two with one key at the same moment the second fails, and finds
 * the answer of the first. What the change revokes is told to the gateways (revoker.h); after that the caller is
 * answered.
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

/* The address of who asks, as a gateway saw it. Only gateways reach this service, and none passes on what a client
 * says of himself. */

#define HASHING_MAX 128	 /* requests that hash or wait for it: at 50 ms and two at once, three seconds */
#define HASHING_SHARE 16 /* of one user, or of one network of people who are nobody yet: a class that logs in at once */
#define HASHING_RETRY_S 1

/* What the service's handlers work on; made at start, read-only afterwards. */
struct user_app {
	struct service *service;
	struct password_hasher *hasher;
	struct fair_queue *turns; /* of requests that hash */
	struct revoker *revoker;
	uint8_t answer_key[ANSWER_KEY_BYTES];
	uint8_t guess_key[SHA256_BYTES];   /* that names are kept under which somebody guessed at */
	uint8_t request_key[SHA256_BYTES]; /* of the digests that say whether a request is the same */
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
	/* Of a mutation. */
	const struct user_mutation *mutation;
	struct answer_slot slot; /* idempotency_key NULL: the caller has named none */
	char nobodys_key[SHA256_HEX_SIZE];
	uint64_t target;	      /* whom it is about; 0: nobody who is there yet */
	struct account_fields fields; /* of the body, when it has them */
	bool admin;		      /* what fields.admin points at */
	struct answer answer;
	bool repeat; /* the answer is one that was kept */
};

/* Whom a mutation is about. */
enum user_whom { USER_WHOM_NOBODY, USER_WHOM_CALLER, USER_WHOM_PATH /* {id} */ };
/* What the body, a JSON object, has of an account. */
enum user_body { USER_BODY_NONE, USER_BODY_OTHER, USER_BODY_FIELDS_V1, USER_BODY_FIELDS };

struct user_mutation {
	int status;
	enum account_mutation
		what; /* permitted before the body is looked at; what its fields mean, before a kept answer is */
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

/* A member of the body: NULL when it is missing or null. -ERR_UNPROCESSABLE: of another type. */
int user_request_text(struct user_request *u, const char *name, const char **ret);
int user_request_needed_text(
	struct user_request *u, const char *name, const char **ret); /* missing is -ERR_UNPROCESSABLE too */
/* {id} of the path. -ERR_USER_NOT_FOUND: no number. */
int user_request_path_id(struct user_request *u, uint64_t *ret);
/* limit and cursor of a page. -ERR_UNPROCESSABLE. */
int user_request_page(struct user_request *u, size_t *ret_limit, uint64_t *ret_after);
/* What is the same for everybody and kept as text: an OpenAPI description. */
void user_request_respond_text(struct http_request *req, struct span json);
json_t *user_request_id_text(uint64_t id);
json_t *user_request_time(int64_t ns); /* 0: null */

#endif
