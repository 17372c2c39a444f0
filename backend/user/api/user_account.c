#include "backend/user/api/user_account.h"

int user_account_create(struct user_request *u, struct account_outcome *ret)
{
	return account_create(&u->call, &u->fields, ret);
}

int user_account_change(struct user_request *u, struct account_outcome *ret)
{
	return account_change(&u->call, u->target, &u->fields, ret);
}

static int delete_target(struct user_request *u, struct account_outcome *ret)
{
	return account_delete(&u->call, u->target, ret);
}

const struct user_mutation USER_ACCOUNT_DELETE = {
	204, ACCOUNT_DELETE, USER_WHOM_PATH, USER_BODY_NONE, delete_target, NULL};

int user_account_ask(struct user_request *u, json_t *(*show)(const struct account_outcome *outcome), json_t **ret)
{
	struct account_outcome outcome = {0};
	uint64_t id;

	int r = user_request_path_id(u, &id);
	if (r == 0)
		r = account_read(&u->call, id, &outcome.account);
	if (r == 0)
		*ret = show(&outcome);
	return r;
}
