/*
 * login: the rules about passwords that are typed, and about the tokens that stand for them: sessions, and device keys
 * once they are made (key makes them). guess says how often a password may be wrong. As account_call: neither HTTP, nor
 * SQL, nor a clock.
 */
#ifndef NEPHOS_USER_LOGIN_H
#define NEPHOS_USER_LOGIN_H

#include "backend/user/rules/account_call.h"

#define SESSION_LIFE_S (30 * 24 * 3600) /* counted from the last use, */
#define SESSION_RENEW_S 3600		/* which is written down at most so often */
#define KEY_USED_S 60			/* as is that of a key */
#define SESSIONS_PER_USER 1000		/* the oldest end when there are more */

/* -ERR_UNAUTHENTICATED: no such name, or another password (which of them is not said); -ERR_TOO_MANY. */
int login_open(struct account_call *call, const char *name, const char *password, struct account_outcome *ret);
/* Ends the session that asks. -ERR_NOT_FOUND: it is a key that asks. */
int login_close(struct account_call *call, struct account_outcome *ret);
/* What a token means. -ERR_UNAUTHENTICATED. */
int login_authenticate(struct account_call *call, const char *token, struct user_login *ret);

/* A token of the kind for outcome->account: its text, its hash, when it was made. Not stored yet. -EIO. */
int login_make_token(struct account_call *call, enum user_token_kind kind, struct account_outcome *outcome);
/* Ends a token of the caller's. -ERR_NOT_FOUND: there is none of this kind and id. */
int login_delete_token(struct account_call *call, enum user_token_kind kind, uint64_t id, struct account_outcome *ret);

#endif
