/*
 * user_account: what every version of the API does with the account whose id is in the path: the versions differ
 * only in how they show it. The functions are for user_mutation and user_query.
 */
#ifndef NEPHOS_USER_USER_ACCOUNT_H
#define NEPHOS_USER_USER_ACCOUNT_H

#include "backend/user/api/user_request.h"

int user_account_create(struct user_request *u, struct account_outcome *ret);
int user_account_change(struct user_request *u, struct account_outcome *ret); /* changes the account u->target */
extern const struct user_mutation USER_ACCOUNT_DELETE;

/* For a query: returns the account of the path, in the form made by show. */
int user_account_ask(struct user_request *u, json_t *(*show)(const struct account_outcome *outcome), json_t **ret);

#endif
