/*
 * answer: what a mutation answers, kept under the caller's Idempotency-Key so that a repeat gets the same. It may hold
 * a token that is stored nowhere else, so it lies sealed (XSalsa20-Poly1305) under a key derived from the store's: the
 * database alone does not open it.
 */
#ifndef NEPHOS_USER_ANSWER_H
#define NEPHOS_USER_ANSWER_H

#include "backend/user/rows/user_store.h"

#define ANSWER_BYTES_MAX 4096 /* sealed; no answer to a mutation is longer than a user with a token */
#define ANSWER_KEY_BYTES 32   /* crypto_secretbox_KEYBYTES */

struct answer {
	int status;
	char *text; /* JSON, NULL: no body. Freed by answer_fini. */
	uint64_t forget_user;
	char forget_token[24];
};

/* Which answer: whose, to what, under which key. */
struct answer_slot {
	struct user_store *store;
	const uint8_t *seal_key; /* ANSWER_KEY_BYTES */
	uint64_t account_id;
	const char *idempotency_key;
	uint8_t request[SHA256_BYTES]; /* digest of what makes a request the same */
	int64_t now_ns;
};

void answer_fini(struct answer *a);
int answer_put(const struct answer_slot *slot, const struct answer *a); /* -EEXIST, -EMSGSIZE, -ENOMEM */
/* -ENOENT: none; -ERR_KEY_REUSED: of another request; -EBADMSG: sealed by another key. */
int answer_get(const struct answer_slot *slot, struct answer *ret);

#endif
