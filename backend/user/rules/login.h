/*
 * login: the rules about logging in with a password, and about the tokens that replace it: sessions, and device
 * keys once they are made (key makes them). guess limits how often a password may be wrong. As account_call:
 * neither HTTP, nor SQL, nor a clock.
 */
#ifndef NEPHOS_USER_LOGIN_H
#define NEPHOS_USER_LOGIN_H

#include "backend/user/rules/account_call.h"

#define SESSION_LIFE_S (30 * 24 * 3600) /* counted from the last use */
#define SESSION_RENEW_S 3600		/* a use is written at most so often */
#define KEY_USED_S 60			/* a use of a key is written at most so often */
#define SESSIONS_PER_USER 1000		/* with more, the oldest end */

/* Logs in. -ERR_UNAUTHENTICATED: no such name, or a wrong password (the text does not say which); -ERR_TOO_MANY. */
int login_open(struct account_call *call, const char *name, const char *password, struct account_outcome *ret);
/* Ends the session that the caller uses. -ERR_NOT_FOUND: the caller uses a device key. */
int login_close(struct account_call *call, struct account_outcome *ret);
/* Finds the token and its account. -ERR_UNAUTHENTICATED. */
int login_authenticate(struct account_call *call, const char *token, struct user_login *ret);

/* Makes a token of the kind for outcome->account: its text, its hash, its time. Does not store it. -EIO. */
int login_make_token(struct account_call *call, enum user_token_kind kind, struct account_outcome *outcome);
/* Ends a token of the caller. -ERR_NOT_FOUND: the caller has none of this kind and id. */
int login_delete_token(struct account_call *call, enum user_token_kind kind, uint64_t id, struct account_outcome *ret);

#endif
