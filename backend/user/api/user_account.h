/*
 * user_account: what every version of the API does to an account of which the path has the id: rows of the versions
 * differ in how they show it. Functions are those of user_mutation and user_query.
 */
#ifndef NEPHOS_USER_USER_ACCOUNT_H
#define NEPHOS_USER_USER_ACCOUNT_H

#include "backend/user/api/user_request.h"

int user_account_create(struct user_request *u, struct account_outcome *ret);
int user_account_change(struct user_request *u, struct account_outcome *ret); /* of the target, whoever that is */
extern const struct user_mutation USER_ACCOUNT_DELETE;

/* For a query: the account of the path, as show has it. */
int user_account_ask(struct user_request *u, json_t *(*show)(const struct account_outcome *outcome), json_t **ret);

#endif
