/*
 * auth: finds out who asks. It is the guard of the gateway's server: every route but the open ones needs a
 * bearer token; what the token means comes from the tokens that auth remembers or, without blocking a thread,
 * from a user service. It owns nothing but those tokens. Any thread; auth_guard is called on the server's.
 */
#ifndef NEPHOS_GATEWAY_ACCESS_AUTH_H
#define NEPHOS_GATEWAY_ACCESS_AUTH_H

#include "common/http/client/client.h"
#include "common/http/server/server.h"
#include "gateway/upstream/registry.h"
#include "gateway/access/tokens.h"
#include "gateway/access/under_way.h"

#define AUTH_DEADLINE_MS 5000	/* of one question to a user service */
#define AUTH_FIRST_BYTE_MS 2000 /* then another instance is asked: the question is one look-up in an index */
#define AUTH_ANSWER_BYTES_MAX 16384

#define AUTH_RETRY_MS 50 /* between two looks for a user service, while requests wait for one */

struct auth;

/* What auth works with; all of it outlives auth. */
struct auth_options {
	struct registry *registry;   /* the live user services */
	struct http_client *client;  /* for calls to them */
	struct under_way *under_way; /* counts the shares of questions */
};

int auth_new(const struct auth_options *options, struct auth **ret); /* -ENOMEM */
/* After the servers have stopped, and before the HTTP client is freed: requests that wait for a user service to
 * register are answered. NULL is fine. */
void auth_stop(struct auth *auth);
void auth_free(struct auth *auth); /* no question may be in flight; NULL is fine */

/* For http_server_options.guard. A missing or wrong token: 401; no user service: 503. On an open route a token
 * that means nothing counts as none. If no user service is registered, the request waits for one
 * (registry_may_return). */
bool auth_guard(struct auth *auth, struct http_request *req, const struct http_route *route);
/* The identity that the guard found; NULL: nobody. Valid as long as the request. */
const struct token_identity *auth_identity(const struct http_request *req);
/* The token that the request came with, which lies in the request; empty: none. */
struct span auth_token(const struct http_request *req);
/* Asks a user service whether a token still means something. Unless this function fails, done is called once:
 * with 0, -ERR_UNAUTHENTICATED, or -ERR_UNAVAILABLE: nobody could say. */
int auth_ask_again(struct auth *auth, const char *token, void (*done)(void *cookie, int outcome), void *cookie);

/* Forgets what these tokens mean: the next request with one of them has it asked about. */
void auth_forget_token(struct auth *auth, const char *token_id);
void auth_forget_user(struct auth *auth, int64_t user);
/* Whether anything was forgotten since the guard found this identity, and this token may have been among it.
 * For a hopped identity this gateway cannot say: false. */
bool auth_may_have_ended(struct auth *auth, const struct token_identity *identity, struct span token);

#endif
