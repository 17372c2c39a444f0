/*
 * auth: who asks. The guard of the gateway's server: every route but the open ones needs a bearer token; what it means
 * comes from the token cache or, without holding a thread, from a user service.
 */
#ifndef NEPHOS_GATEWAY_ACCESS_AUTH_H
#define NEPHOS_GATEWAY_ACCESS_AUTH_H

#include "common/http/client/client.h"
#include "common/http/server/server.h"
#include "gateway/upstream/registry.h"
#include "gateway/access/tokens.h"
#include "gateway/access/under_way.h"

#define AUTH_DEADLINE_MS 5000	/* of one question to a user service */
#define AUTH_FIRST_BYTE_MS 2000 /* then another one is asked: it is one look at an index */
#define AUTH_ANSWER_BYTES_MAX 16384

struct client_address;

struct auth {
	struct tokens *tokens;
	struct registry *registry;
	struct http_client *client;
	const struct client_address *clients; /* NULL: no reverse proxy is believed */
	struct under_way *under_way;
};

/* For http_server_options.guard. A missing or wrong token: 401; no user service: 503. On an open route a token that
 * means nothing is as good as none. */
bool auth_guard(struct auth *auth, struct http_request *req, const struct http_route *route);
/* The identity the guard found, NULL for nobody. Valid as long as the request. */
const struct token_identity *auth_identity(const struct http_request *req);
/* The token that it came with, in the request; empty: none. */
struct span auth_token(const struct http_request *req);
/* Asks a user service whether a token still means something: done is called once, unless this fails: 0,
 * -ERR_UNAUTHENTICATED, or -ERR_UNAVAILABLE: nobody could say. */
int auth_ask_again(const struct auth *auth, const char *token, void (*done)(void *cookie, int outcome), void *cookie);

#endif
