/*
 * answer: the answer to a mutation, kept under the caller's Idempotency-Key so that a repeat gets the same one.
 * It may contain a token that is stored nowhere else, so it is sealed (XSalsa20-Poly1305) with a key derived from
 * the store's: the database alone is not enough to open it.
 */
#ifndef NEPHOS_USER_ANSWER_H
#define NEPHOS_USER_ANSWER_H

#include "backend/user/rows/user_store.h"

#define ANSWER_BYTES_MAX 4096 /* sealed size; the longest answer is a user with a token */
#define ANSWER_KEY_BYTES 32   /* crypto_secretbox_KEYBYTES */

struct answer {
	int status;
	char *text; /* JSON, NULL: no body. Freed by answer_fini. */
	uint64_t forget_user;
	char forget_token[24];
};

/* Identifies an answer: the caller, the request, and the key. */
struct answer_slot {
	struct user_store *store;
	const uint8_t *seal_key; /* ANSWER_KEY_BYTES */
	uint64_t account_id;
	const char *idempotency_key;
	uint8_t request[SHA256_BYTES]; /* digest that is equal for equal requests */
	int64_t now_ns;
};

void answer_fini(struct answer *a);
int answer_put(const struct answer_slot *slot, const struct answer *a); /* -EEXIST, -EMSGSIZE, -ENOMEM */
/* -ENOENT: no answer; -ERR_KEY_REUSED: the key belongs to another request; -EBADMSG: sealed with another key */
int answer_get(const struct answer_slot *slot, struct answer *ret);

#endif
