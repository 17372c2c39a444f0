/*
 * account: the rules about accounts: who may make, see, change and delete them. Knows neither HTTP nor SQL, nor the
 * time of day (the call brings it). login has those about passwords and tokens.
 *
 * A mutation runs in one transaction of the store; just before it commits, `seal` may add to it (the answer, under the
 * caller's idempotency key). Failures are those of the store and the ones named below; call->why then says more, for
 * the person who asked.
 */
#ifndef NEPHOS_USER_ACCOUNT_H
#define NEPHOS_USER_ACCOUNT_H

#include "backend/user/rules/password.h"
#include "backend/user/rules/permit.h"
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
	const char *network; /* that the request came from, by network */
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

/* What is to be set; NULL: not said. */
struct account_fields {
	const char *name;
	const char *email; /* "": none */
	const char *password;
	const char *old_password;
	const bool *admin;
	bool revoke; /* with a new password: device keys end, too */
};

/* Who asks, as the store has it now: gateways may know it from a moment ago. -ERR_UNAUTHENTICATED: there is no
 * such user any more. */
int account_know_caller(struct account_call *call);
/* By the table of account_permit. id 0: no account yet. -ERR_UNAUTHENTICATED, -ERR_FORBIDDEN, -ERR_USER_NOT_FOUND. */
int account_permit(struct account_call *call, enum account_mutation what, uint64_t id);
/* All that these fields mean for the account; create and change ask it themselves. */
int account_permit_fields(struct account_call *call, uint64_t id, const struct account_fields *fields);
/* -ERR_UNAUTHENTICATED, -ERR_FORBIDDEN: registration is not open; -ERR_UNPROCESSABLE; -ERR_EXISTS: the name. */
int account_create(struct account_call *call, const struct account_fields *fields, struct account_outcome *ret);
/* The first administrator, with the token that account_setup_token made. -ERR_FORBIDDEN: another token, or there is a
 * user already. */
int account_setup(
	struct account_call *call, const char *token, const struct account_fields *fields, struct account_outcome *ret);
int account_setup_token(
	struct account_call *call, char ret_text[TOKEN_TEXT_SIZE]); /* -ERR_EXISTS: there is a user already */
/* One's own, or anybody's for an administrator; everything else is -ERR_USER_NOT_FOUND. */
int account_read(struct account_call *call, uint64_t id, struct user_account *ret);
/* Administrators only: -ERR_FORBIDDEN. */
int account_list(struct account_call *call, uint64_t after, size_t limit, struct user_account *ret, size_t *ret_count);
int account_find(struct account_call *call, const char *name, struct user_account *ret);
/*
 * One's own password is only replaced by one who knows it (-ERR_FORBIDDEN, -ERR_TOO_MANY). A new password ends all
 * sessions but the one that
 * asks, and with `revoke` all device keys but the one that asks. -ERR_USER_NOT_FOUND, -ERR_UNPROCESSABLE, -ERR_EXISTS,
 * -ERR_LAST_ADMIN, -ERR_UNAVAILABLE: somebody else was faster.
 */
int account_change(
	struct account_call *call, uint64_t id, const struct account_fields *fields, struct account_outcome *ret);
/* -ERR_USER_NOT_FOUND, -ERR_LAST_ADMIN. */
int account_delete(struct account_call *call, uint64_t id, struct account_outcome *ret);

/* For login: */
/* The text of why; returns code. */
int account_refuse(struct account_call *call, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Seals and commits when r is 0, otherwise rolls back. */
int account_finish(struct account_call *call, int r, const struct account_outcome *outcome);

#endif
