/*
 * account: the rules about accounts: who may make, see, change and delete them. login and key have those about
 * passwords and tokens. How a rule is asked, and what it says, is in account_call.h.
 */
#ifndef NEPHOS_USER_ACCOUNT_H
#define NEPHOS_USER_ACCOUNT_H

#include "backend/user/rules/account_call.h"
#include "backend/user/rules/permit.h"

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

#endif
