/*
 * revoker: makes the gateways forget tokens that are no longer valid. A gateway caches what a token means for at
 * most TOKEN_CACHE_S; so a revocation is complete when every configured gateway has confirmed it, or that time
 * has passed since. Gateways that do not answer are asked again meanwhile. It has one thread of its own; waiting
 * holds no worker. Any thread.
 */
#ifndef NEPHOS_USER_REVOKER_H
#define NEPHOS_USER_REVOKER_H

#include <stdint.h>

#define REVOKER_RETRY_MS 250

struct revoker;
struct http_client;
struct registration;

int revoker_new(struct http_client *client, const struct registration *gateways, struct revoker **ret);
void revoker_free(struct revoker *revoker); /* ends waiting revocations; NULL is fine */

/* Revokes all tokens of a user (0: none), and one token ("": none). done is called exactly once, on any thread,
 * perhaps before this function returns. */
void revoker_post(
	struct revoker *revoker, uint64_t user_id, const char *token_id, void (*done)(void *cookie), void *cookie);

#endif
