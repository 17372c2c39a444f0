/*
 * account: the rules about accounts: who may make, see, change and delete them. login and key have the rules
 * about passwords and tokens. account_call.h says how a rule is called and how it returns its results.
 */
#ifndef NEPHOS_USER_ACCOUNT_H
#define NEPHOS_USER_ACCOUNT_H

#include "backend/user/rules/account_call.h"
#include "backend/user/rules/permit.h"

/* The fields to set; NULL: not given. */
struct account_fields {
	const char *name;
	const char *email; /* "": none */
	const char *password;
	const char *old_password;
	const bool *admin;
	bool revoke; /* with a new password: ends the device keys, too */
};

/* Reads the caller from the store, as a gateway's information may be some moments old. -ERR_UNAUTHENTICATED:
 * there is no such user any more. */
int account_know_caller(struct account_call *call);
/* Checks the table of permit.h. id 0: there is no account yet. -ERR_UNAUTHENTICATED, -ERR_FORBIDDEN,
 * -ERR_USER_NOT_FOUND. */
int account_permit(struct account_call *call, enum account_mutation what, uint64_t id);
/* Checks what the caller needs to be allowed for these fields. account_create and account_change call this
 * themselves. */
int account_permit_fields(struct account_call *call, uint64_t id, const struct account_fields *fields);
/* Makes an account. -ERR_UNAUTHENTICATED, -ERR_FORBIDDEN: registration is not open; -ERR_UNPROCESSABLE;
 * -ERR_EXISTS: the name is taken. */
int account_create(struct account_call *call, const struct account_fields *fields, struct account_outcome *ret);
/* Makes the first administrator, with the token that account_setup_token made. -ERR_FORBIDDEN: another token, or
 * there is a user already. */
int account_setup(
	struct account_call *call, const char *token, const struct account_fields *fields, struct account_outcome *ret);
int account_setup_token(
	struct account_call *call, char ret_text[TOKEN_TEXT_SIZE]); /* -ERR_EXISTS: there is a user already */
/* Returns the caller's own account, or any account to an administrator; for all others -ERR_USER_NOT_FOUND. */
int account_read(struct account_call *call, uint64_t id, struct user_account *ret);
/* For administrators only: -ERR_FORBIDDEN. */
int account_list(struct account_call *call, uint64_t after, size_t limit, struct user_account *ret, size_t *ret_count);
int account_find(struct account_call *call, const char *name, struct user_account *ret);
/*
 * To replace his own password a user must know the old one (-ERR_FORBIDDEN, -ERR_TOO_MANY). A new password ends
 * all sessions but the one that asks, and with `revoke` all device keys but the one that asks.
 * -ERR_USER_NOT_FOUND, -ERR_UNPROCESSABLE, -ERR_EXISTS, -ERR_LAST_ADMIN, -ERR_UNAVAILABLE: another request was
 * faster.
 */
int account_change(
	struct account_call *call, uint64_t id, const struct account_fields *fields, struct account_outcome *ret);
/* Deletes an account. -ERR_USER_NOT_FOUND, -ERR_LAST_ADMIN. */
int account_delete(struct account_call *call, uint64_t id, struct account_outcome *ret);

#endif
