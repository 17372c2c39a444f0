/*
 * account_call: one question to the rules about accounts: on which store, at what time, who asks; and what came of it.
 * The rules know neither HTTP nor SQL, nor the time of day: the call brings it.
 *
 * A mutation runs in one transaction of the store; just before it commits, `seal` may add to it (the answer, under the
 * caller's idempotency key). Failures are those of the store and the ones that each rule names; call->why then says
 * more, for the person who asked. One thread at a time.
 */
#ifndef NEPHOS_USER_ACCOUNT_CALL_H
#define NEPHOS_USER_ACCOUNT_CALL_H

#include "backend/user/rules/password.h"
#include "backend/user/rules/token.h"
#include "backend/user/rows/user_store.h"

#define ACCOUNT_WHY_SIZE 160

/* What a mutation has made. */
struct account_outcome {
	struct user_account account;
	struct user_token token;
	char token_text[TOKEN_TEXT_SIZE]; /* of a new token: the only time it is known */
	/* What the gateways must forget before anybody is told: all of a user, or one token. 0: nothing. */
	uint64_t forget_user;
	char forget_token[TOKEN_ID_SIZE];
};

struct account_call {
	struct user_store *store;
	struct password_hasher *hasher;
	int64_t now_ns;
	bool open_registration;
	const char *network; /* that the request came from, as network.h names it */
	/* SHA256_BYTES, of the store: names that were guessed are kept under it. NULL: zeros, for tests */
	const uint8_t *secret;
	/* Who asks; id 0: nobody. */
	uint64_t who;
	bool who_is_admin;
	const char *who_token;						  /* "s12", "k7", "" */
	int (*seal)(void *cookie, const struct account_outcome *outcome); /* may be NULL */
	void *cookie;
	/* Out, after a failure. */
	char why[ACCOUNT_WHY_SIZE]; /* "": nothing to add to the error's title */
	int64_t wait_ns;	    /* -ERR_TOO_MANY: how long */
};

/* Keeps the text of why; returns code. */
int account_call_refuse(struct account_call *call, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* Seals and commits when r is 0, otherwise rolls back. */
int account_call_finish(struct account_call *call, int r, const struct account_outcome *outcome);

#endif
