/*
 * tokens: what bearer tokens mean, remembered for at most TOKEN_CACHE_S. Keyed by the SHA-256 of the token, so that a
 * core dump or a log holds no token.
 *
 * A look-up that began before a revocation must not be remembered after it: tokens_fence is taken before asking the
 * user service, and tokens_put with an older fence stores nothing. Time is passed in. Any thread.
 */
#ifndef NEPHOS_GATEWAY_ACCESS_TOKENS_H
#define NEPHOS_GATEWAY_ACCESS_TOKENS_H

#include "common/base/limits.h"
#include "common/base/span.h"

#include <stdbool.h>
#include <stdint.h>

#define TOKENS_MAX 16384	/* remembered at once, 400 bytes each: an evicted one costs one question */
#define TOKENS_NAME_SIZE 257	/* a user's name, 64 characters of UTF-8, and NUL */
#define TOKENS_TOKEN_ID_SIZE 24 /* "k" and 20 digits */
#define TOKENS_TOKEN_BYTES_MAX 256u

struct tokens;

struct token_identity {
	int64_t user;
	bool admin;
	char name[TOKENS_NAME_SIZE];
	char token_id[TOKENS_TOKEN_ID_SIZE];
	int64_t asked_ns; /* before the user service was asked */
	/* the fence when this was found out: if it is another one by now, this token may have been forgotten
	 * meanwhile */
	uint64_t fence;
	/* named by another gateway (hop), which has the token, and ends the request with it; here there is no
	 * token */
	bool hopped;
};

int tokens_new(struct tokens **ret);
void tokens_free(struct tokens *t);
bool tokens_get(struct tokens *t, struct span token, int64_t now_ns, struct token_identity *ret);
uint64_t tokens_fence(struct tokens *t);
/* Remembered for TOKEN_CACHE_S from asked_ns, the time before the user service was asked. */
void tokens_put(
	struct tokens *t, struct span token, const struct token_identity *identity, int64_t asked_ns, uint64_t fence);
void tokens_forget_token(struct tokens *t, const char *token_id);
void tokens_forget_user(struct tokens *t, int64_t user);

#endif
