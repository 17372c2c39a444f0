/*
 * login: the rules about passwords, sessions and device keys. As account: neither HTTP, nor SQL, nor a clock.
 guess says
 * how often a password may be wrong.
 */
#ifndef NEPHOS_USER_LOGIN_H
#define NEPHOS_USER_LOGIN_H

#include "backend/user/rules/account.h"

#define SESSION_LIFE_S (30 * 24 * 3600) /* counted from the last use, */
#define SESSION_RENEW_S 3600		/* which is written down at most so often */
#define KEY_USED_S 60			/* as is that of a key */
#define SESSIONS_PER_USER 1000		/* the oldest end when there are more */
#define KEYS_PER_USER_MAX 1000

/* -ERR_UNAUTHENTICATED: no such name, or another password (which of them is not said); -ERR_TOO_MANY. */
int login_open(struct account_call *call, const char *name, const char *password, struct account_outcome *ret);
/* Ends the session that asks. -ERR_NOT_FOUND: it is a key that asks. */
int login_close(struct account_call *call, struct account_outcome *ret);
/* What a token means. -ERR_UNAUTHENTICATED. */
int login_authenticate(struct account_call *call, const char *token, struct user_login *ret);

int key_create(struct account_call *call, const char *name, struct account_outcome *ret); /* -ERR_UNPROCESSABLE */
int key_list(struct account_call *call, uint64_t after, size_t limit, struct user_token *ret, size_t *ret_count);
int key_revoke(
	struct account_call *call, uint64_t id, struct account_outcome *ret); /* -ERR_NOT_FOUND: none of the caller's */

#endif
