#include "backend/user/rules/key.h"

#include "backend/user/rules/account.h"
#include "backend/user/rules/account_name.h"
#include "backend/user/rules/login.h"
#include "common/base/error.h"

#include <errno.h>

int key_create(struct account_call *call, const char *name, struct account_outcome *ret)
{
	const struct user_store_ops *ops = call->store->ops;
	struct account_outcome outcome = {.account.id = call->who};
	char why[NAME_WHY_SIZE];
	size_t count = 0;

	int r = account_permit(call, ACCOUNT_KEY_MAKE, call->who);
	if (r == 0)
		r = account_name_label(name, outcome.token.name, why);
	if (r == -EINVAL || r == -ENAMETOOLONG)
		return account_call_refuse(call, -ERR_UNPROCESSABLE, "%s", why);
	if (r == 0)
		r = login_make_token(call, USER_KEY, &outcome);
	if (r < 0)
		return r;
	r = ops->begin(call->store);
	if (r < 0)
		return r;
	r = ops->key_count(call->store, call->who, &count);
	if (r == 0 && count >= KEYS_PER_USER_MAX)
		r = account_call_refuse(
			call, -ERR_UNPROCESSABLE, "there are %d keys already: revoke some", KEYS_PER_USER_MAX);
	if (r == 0)
		r = ops->token_insert(call->store, &outcome.token, &outcome.token.id);
	if (r == -ENOENT)
		r = -ERR_UNAUTHENTICATED; /* deleted since */
	r = account_call_finish(call, r, &outcome);
	if (r == 0)
		*ret = outcome;
	return r;
}

int key_list(struct account_call *call, uint64_t after, size_t limit, struct user_token *ret, size_t *ret_count)
{
	return call->store->ops->key_list(call->store, call->who, &(struct user_page){after, limit}, ret, ret_count);
}

int key_revoke(struct account_call *call, uint64_t id, struct account_outcome *ret)
{
	return login_delete_token(call, USER_KEY, id, ret);
}
