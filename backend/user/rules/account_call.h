/*
 * account_call: one call of the rules about accounts: the store, the time, the caller; and the result. The rules
 * know neither HTTP nor SQL, nor the time of day: the call contains the time.
 *
 * A mutation runs in one transaction of the store; just before the commit, `seal` may add to it (the answer,
 * under the caller's idempotency key). Failures are those of the store and those that each rule names; call->why
 * then has a text for the person who asked. One thread at a time.
 */
#ifndef NEPHOS_USER_ACCOUNT_CALL_H
#define NEPHOS_USER_ACCOUNT_CALL_H

#include "backend/user/rules/password.h"
#include "backend/user/rules/token.h"
#include "backend/user/rows/user_store.h"

#define ACCOUNT_WHY_SIZE 160

/* The result of a mutation. */
struct account_outcome {
	struct user_account account;
	struct user_token token;
	char token_text[TOKEN_TEXT_SIZE]; /* of a new token: the text is available only here */
	/* What the gateways must forget before the answer is sent: all tokens of a user, or one token. 0 or "":
	 * nothing. */
	uint64_t forget_user;
	char forget_token[TOKEN_ID_SIZE];
};

struct account_call {
	struct user_store *store;
	struct password_hasher *hasher;
	int64_t now_ns;
	bool open_registration;
	const char *network; /* network that the request came from, in the form of network.h */
	/* SHA256_BYTES, a secret of the store: the key of the hashes under which guesses at names are stored.
	 * NULL: zeros, for tests */
	const uint8_t *secret;
	/* The caller; who 0: not logged in. */
	uint64_t who;
	bool who_is_admin;
	const char *who_token;						  /* "s12", "k7", "" */
	int (*seal)(void *cookie, const struct account_outcome *outcome); /* may be NULL */
	void *cookie;
	/* Results after a failure. */
	char why[ACCOUNT_WHY_SIZE]; /* "": nothing to add to the error's title */
	int64_t wait_ns;	    /* -ERR_TOO_MANY: time to wait */
};

/* Stores the formatted text in call->why; returns code. */
int account_call_refuse(struct account_call *call, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Seals and commits when r is 0, otherwise rolls back. */
int account_call_finish(struct account_call *call, int r, const struct account_outcome *outcome);

#endif
