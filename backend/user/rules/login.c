#include "backend/user/rules/login.h"

#include "backend/user/rules/account.h"
#include "backend/user/rules/guess.h"
#include "backend/user/rules/account_name.h"
#include "common/base/error.h"

#include <errno.h>

/* The text must not reveal which names exist. */
static int refuse_login(struct account_call *call)
{
	return account_call_refuse(call, -ERR_UNAUTHENTICATED, "name or password is wrong");
}

/* Finds the account of a typed name. If there is none, ret has id 0 and the key under which guesses at the name
 * are counted. */
static int find_for_login(struct account_call *call, const char *name, struct user_account *ret)
{
	struct account_name_keys keys;

	int r = account_name_keys(name, &keys);
	if (r == 0)
		r = call->store->ops->account_find(call->store, keys.fold, keys.exact, ret);
	else if (r == -EINVAL || r == -ENAMETOOLONG)
		keys.fold[0] = '\0'; /* all names that no account can have are counted as one */
	else
		return r;
	if (r == 0)
		return 0;
	*ret = (struct user_account){0};
	memcpy(ret->name_key, keys.fold, sizeof(ret->name_key));
	return r == -ENOENT || r == -EINVAL || r == -ENAMETOOLONG ? 0 : r;
}

int login_make_token(struct account_call *call, enum user_token_kind kind, struct account_outcome *outcome)
{
	outcome->token.kind = kind;
	outcome->token.account_id = outcome->account.id;
	outcome->token.created_ns = call->now_ns;
	return token_make(token_prefix(kind), outcome->token_text, outcome->token.hash);
}

int login_open(struct account_call *call, const char *name, const char *password, struct account_outcome *ret)
{
	const struct user_store_ops *ops = call->store->ops;
	struct account_outcome outcome = {0};

	if (strlen(password) > PASSWORD_TYPED_BYTES_MAX)
		return refuse_login(call);
	int r = find_for_login(call, name, &outcome.account);
	if (r == 0)
		r = guess_password(call, outcome.account.name_key, outcome.account.id ? &outcome.account : NULL,
			password, GUESS_LOG_IN);
	if (r == -ERR_FORBIDDEN)
		return refuse_login(call);
	if (r == 0)
		r = login_make_token(call, USER_SESSION, &outcome);
	if (r == 0)
		r = ops->begin(call->store);
	if (r < 0)
		return r;
	outcome.token.used_ns = call->now_ns;
	outcome.token.expires_ns = call->now_ns + SESSION_LIFE_S * NS_PER_S;
	r = ops->sessions_trim(call->store, outcome.account.id, SESSIONS_PER_USER - 1);
	if (r == 0)
		r = ops->token_insert(call->store, &outcome.token, &outcome.token.id);
	r = account_call_finish(call, r, &outcome);
	if (r == 0)
		*ret = outcome;
	return r == -ENOENT ? refuse_login(call) : r; /* deleted since */
}

int login_delete_token(struct account_call *call, enum user_token_kind kind, uint64_t id, struct account_outcome *ret)
{
	struct account_outcome outcome = {0};

	int r = account_permit(call, kind == USER_KEY ? ACCOUNT_KEY_REVOKE : ACCOUNT_LOG_OUT, call->who);
	if (r == 0)
		r = call->store->ops->begin(call->store);
	if (r < 0)
		return r;
	token_id_format(kind, id, outcome.forget_token);
	r = call->store->ops->token_delete(call->store, kind, call->who, id);
	if (r == -ENOENT)
		r = -ERR_NOT_FOUND;
	r = account_call_finish(call, r, &outcome);
	if (r == 0)
		*ret = outcome;
	return r;
}

int login_close(struct account_call *call, struct account_outcome *ret)
{
	enum user_token_kind kind = USER_KEY;
	uint64_t id = 0;

	if (token_id_parse(call->who_token, &kind, &id) < 0 || kind != USER_SESSION)
		return account_call_refuse(
			call, -ERR_NOT_FOUND, "this token is no session; a device key is revoked at keys/{id}");
	return login_delete_token(call, USER_SESSION, id, ret);
}

static void note_use(struct account_call *call, struct user_token *t)
{
	const int64_t often_s = t->kind == USER_SESSION ? SESSION_RENEW_S : KEY_USED_S;

	if (call->now_ns - t->used_ns < often_s * NS_PER_S)
		return;
	t->used_ns = call->now_ns;
	if (t->kind == USER_SESSION)
		t->expires_ns = call->now_ns + SESSION_LIFE_S * NS_PER_S;
	(void)call->store->ops->token_use(
		call->store, t); /* on failure the next use writes it; a token is not refused for that */
}

int login_authenticate(struct account_call *call, const char *token, struct user_login *ret)
{
	struct user_login found;
	enum user_token_kind kind;
	uint8_t hash[SHA256_BYTES];

	if (token_parse(token, &kind, hash) < 0)
		return -ERR_UNAUTHENTICATED;
	int r = call->store->ops->token_find(call->store, kind, hash, call->now_ns, &found);
	if (r == -ENOENT)
		return -ERR_UNAUTHENTICATED;
	if (r < 0)
		return r;
	note_use(call, &found.token);
	*ret = found;
	return 0;
}
