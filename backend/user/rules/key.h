/*
 * key: the rules about device keys: tokens of a user that are valid until they are revoked. As account_call:
 * neither HTTP, nor SQL, nor a clock.
 */
#ifndef NEPHOS_USER_KEY_H
#define NEPHOS_USER_KEY_H

#include "backend/user/rules/account_call.h"

#define KEYS_PER_USER_MAX 1000 /* keeps listing and revoking quick; nobody has so many devices */

int key_create(struct account_call *call, const char *name, struct account_outcome *ret); /* -ERR_UNPROCESSABLE */
int key_list(struct account_call *call, uint64_t after, size_t limit, struct user_token *ret, size_t *ret_count);
int key_revoke(struct account_call *call, uint64_t id,
	struct account_outcome *ret); /* -ERR_NOT_FOUND: the caller has no such key */

#endif
