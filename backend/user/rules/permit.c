#include "backend/user/rules/permit.h"

#define NOBODY(none, other) [ROLE_NOBODY] = {[TARGET_NONE] = VERDICT_##none, [TARGET_OTHER] = VERDICT_##other}
#define USER(none, self, other) \
	[ROLE_USER] = {[TARGET_NONE] = VERDICT_##none, [TARGET_SELF] = VERDICT_##self, [TARGET_OTHER] = VERDICT_##other}
#define ADMIN(none, self, other) \
	[ROLE_ADMIN] = {         \
		[TARGET_NONE] = VERDICT_##none, [TARGET_SELF] = VERDICT_##self, [TARGET_OTHER] = VERDICT_##other}

/* The table does not protect the last administrator: that is checked in the transaction, where nothing can change
 * in between. */
static const enum permit_verdict TABLE[ACCOUNT_MUTATIONS][ACCOUNT_ROLES][ACCOUNT_TARGETS] = {
	[ACCOUNT_REGISTER] = {NOBODY(IF_OPEN, NEVER), USER(IF_OPEN, NEVER, NEVER), ADMIN(YES, NEVER, NEVER)},
	[ACCOUNT_PROFILE] = {NOBODY(NEVER, LOG_IN_FIRST), USER(NEVER, YES, NOT_THERE), ADMIN(NEVER, YES, YES)},
	/* An administrator changes his own password like any user; only the passwords of others he sets without
	 * knowing them. */
	[ACCOUNT_PASSWORD] = {NOBODY(NEVER, LOG_IN_FIRST), USER(NEVER, OLD_PASSWORD, NOT_THERE),
		ADMIN(NEVER, OLD_PASSWORD, YES)},
	[ACCOUNT_ADMIN] = {NOBODY(LOG_IN_FIRST, LOG_IN_FIRST), USER(FORBIDDEN, FORBIDDEN, NOT_THERE),
		ADMIN(YES, YES, YES)},
	[ACCOUNT_DELETE] = {NOBODY(NEVER, LOG_IN_FIRST), USER(NEVER, YES, NOT_THERE), ADMIN(NEVER, YES, YES)},
	[ACCOUNT_LOG_IN] = {NOBODY(YES, NEVER), USER(YES, NEVER, NEVER), ADMIN(YES, NEVER, NEVER)},
	/* The tokens of an account belong to its user alone: an administrator can end them only by deleting the
	 * account or by setting a new password. */
	[ACCOUNT_LOG_OUT] = {NOBODY(LOG_IN_FIRST, LOG_IN_FIRST), USER(NEVER, YES, NOT_THERE),
		ADMIN(NEVER, YES, NOT_THERE)},
	[ACCOUNT_KEY_MAKE] = {NOBODY(LOG_IN_FIRST, LOG_IN_FIRST), USER(NEVER, YES, NOT_THERE),
		ADMIN(NEVER, YES, NOT_THERE)},
	[ACCOUNT_KEY_REVOKE] = {NOBODY(LOG_IN_FIRST, LOG_IN_FIRST), USER(NEVER, YES, NOT_THERE),
		ADMIN(NEVER, YES, NOT_THERE)},
	[ACCOUNT_SET_UP] = {NOBODY(YES, NEVER), USER(YES, NEVER, NEVER), ADMIN(YES, NEVER, NEVER)},
};

enum permit_verdict permit_verdict(enum account_role role, enum account_mutation what, enum account_target whom)
{
	return TABLE[what][role][whom];
}
