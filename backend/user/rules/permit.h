/*
 * permit: who may do what to whom, as one table. Every change of accounts and of what opens them asks it, whatever
 * route it came by, and does so before a kept answer is looked for: who repeats a request is judged as who he is now.
 * Pure, any thread.
 */
#ifndef NEPHOS_USER_PERMIT_H
#define NEPHOS_USER_PERMIT_H

enum account_mutation {
	ACCOUNT_REGISTER, /* make an account */
	ACCOUNT_PROFILE,  /* name, email */
	ACCOUNT_PASSWORD, /* and with it the end of sessions and keys */
	ACCOUNT_ADMIN,	  /* make an administrator, or make one none */
	ACCOUNT_DELETE,
	ACCOUNT_LOG_IN,
	ACCOUNT_LOG_OUT,
	ACCOUNT_KEY_MAKE,
	ACCOUNT_KEY_REVOKE,
	ACCOUNT_SET_UP, /* the first administrator: a token of the machine's owner decides */
	ACCOUNT_MUTATIONS
};

enum account_role { ROLE_NOBODY, ROLE_USER, ROLE_ADMIN, ACCOUNT_ROLES };

enum account_target {
	TARGET_NONE /* an account that is not there yet, or not known yet */,
	TARGET_SELF,
	TARGET_OTHER,
	ACCOUNT_TARGETS
};

enum permit_verdict {
	VERDICT_NEVER, /* nobody does such a thing to such a one: 403 */
	VERDICT_YES,
	/* by who knows the password that holds, if there is one: a token alone must not be able to keep an account */
	VERDICT_OLD_PASSWORD,
	VERDICT_IF_OPEN,      /* where registration is open; else 401 to nobody, 403 to a user */
	VERDICT_LOG_IN_FIRST, /* 401 */
	VERDICT_FORBIDDEN,    /* 403 */
	VERDICT_NOT_THERE,    /* 404: that there is such an account is not told */
};

enum permit_verdict permit_verdict(enum account_role role, enum account_mutation what, enum account_target whom);

#endif
