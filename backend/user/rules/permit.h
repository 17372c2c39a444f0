/*
 * permit: who may do what to whom, as one table. Every change of accounts and of their tokens checks this table,
 * whichever route it came by, and does so before it looks for a kept answer: a repeat is judged by what the
 * caller is now. Pure, any thread.
 */
#ifndef NEPHOS_USER_PERMIT_H
#define NEPHOS_USER_PERMIT_H

enum account_mutation {
	ACCOUNT_REGISTER, /* make an account */
	ACCOUNT_PROFILE,  /* name, email */
	ACCOUNT_PASSWORD, /* also ends sessions and keys */
	ACCOUNT_ADMIN,	  /* make a user an administrator, or take that away */
	ACCOUNT_DELETE,
	ACCOUNT_LOG_IN,
	ACCOUNT_LOG_OUT,
	ACCOUNT_KEY_MAKE,
	ACCOUNT_KEY_REVOKE,
	ACCOUNT_SET_UP, /* make the first administrator: a token of the machine's owner decides */
	ACCOUNT_MUTATIONS
};

enum account_role { ROLE_NOBODY, ROLE_USER, ROLE_ADMIN, ACCOUNT_ROLES };

enum account_target {
	TARGET_NONE /* an account that does not exist yet, or is not known yet */,
	TARGET_SELF,
	TARGET_OTHER,
	ACCOUNT_TARGETS
};

enum permit_verdict {
	VERDICT_NEVER, /* no role may do this to such a target: 403 */
	VERDICT_YES,
	/* allowed if the caller knows the current password, if there is one: a token alone must not be enough to
	 * take over an account */
	VERDICT_OLD_PASSWORD,
	VERDICT_IF_OPEN,      /* allowed where registration is open; else 401 to nobody, 403 to a user */
	VERDICT_LOG_IN_FIRST, /* 401 */
	VERDICT_FORBIDDEN,    /* 403 */
	VERDICT_NOT_THERE,    /* 404: the caller may not learn that the account exists */
};

enum permit_verdict permit_verdict(enum account_role role, enum account_mutation what, enum account_target whom);

#endif
