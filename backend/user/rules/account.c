#include "backend/user/rules/account.h"

#include "backend/user/rules/guess.h"
#include "backend/user/rules/account_name.h"
#include "common/base/error.h"

#include <errno.h>
#include <inttypes.h>

/*
 * The rules about making, seeing, changing and deleting accounts. Rules know neither HTTP nor SQL: they get the
 * store as a vtable (user_store) and the caller as numbers, in `struct account_call`, and store there the reason
 * of a refusal.
 *
 * A function first checks whether the caller may do it (account_permit, which reads the table in permit).
 * Expensive work comes next, before any transaction: a password is compared and hashed there, since that takes
 * tens of milliseconds. Then, in a transaction, the account is read again and locked, changed, and written; a new
 * password is refused if the password that it replaces has changed meanwhile. Where a caller may not learn that
 * an account exists, the refusal is the same as for an account that does not exist.
 *
 * The last administrator can neither be deleted nor stop being one, as nobody could admit users then. Two
 * administrators may do that to each other at the same time: so all changes that remove an administrator wait for
 * each other (keep_one_admin).
 */

static int not_found(struct account_call *call, uint64_t id)
{
	return account_call_refuse(call, -ERR_USER_NOT_FOUND, "User with id:%" PRIu64 " not found", id);
}

/* ---- who may do what ---- */

static enum account_role role_of(const struct account_call *call)
{
	if (call->who == 0)
		return ROLE_NOBODY;
	return call->who_is_admin ? ROLE_ADMIN : ROLE_USER;
}

static enum permit_verdict judge(const struct account_call *call, enum account_mutation what, uint64_t id)
{
	enum account_target whom = TARGET_OTHER;

	if (id == 0)
		whom = TARGET_NONE;
	else if (id == call->who)
		whom = TARGET_SELF;
	return permit_verdict(role_of(call), what, whom);
}

static int refuse_new(struct account_call *call)
{
	return account_call_refuse(call, call->who ? -ERR_FORBIDDEN : -ERR_UNAUTHENTICATED,
		"registration is not open: ask an administrator for an account");
}

int account_permit(struct account_call *call, enum account_mutation what, uint64_t id)
{
	switch (judge(call, what, id)) {
	case VERDICT_YES:
	case VERDICT_OLD_PASSWORD:
		return 0;
	case VERDICT_IF_OPEN:
		return call->open_registration ? 0 : refuse_new(call);
	case VERDICT_LOG_IN_FIRST:
		return -ERR_UNAUTHENTICATED;
	case VERDICT_NOT_THERE:
		return not_found(call, id);
	case VERDICT_FORBIDDEN:
	case VERDICT_NEVER:
		break;
	}
	if (what == ACCOUNT_ADMIN)
		return account_call_refuse(
			call, -ERR_FORBIDDEN, "only an administrator may say who is an administrator");
	return -ERR_FORBIDDEN;
}

static bool asks_old_password(const struct account_call *call, uint64_t id)
{
	return judge(call, ACCOUNT_PASSWORD, id) == VERDICT_OLD_PASSWORD;
}

int account_permit_fields(struct account_call *call, uint64_t id, const struct account_fields *fields)
{
	int r = 0;

	if (id != 0 && fields->password)
		r = account_permit(call, ACCOUNT_PASSWORD, id);
	/* From a caller who is no administrator, admin=false changes nothing, for himself and for a new account. */
	if (r == 0 && fields->admin && (*fields->admin || call->who_is_admin))
		r = account_permit(call, ACCOUNT_ADMIN, id);
	return r;
}

int account_know_caller(struct account_call *call)
{
	struct user_account a;

	if (call->who == 0)
		return 0;
	int r = call->store->ops->account_get(call->store, call->who, false, &a);
	if (r == 0)
		call->who_is_admin = a.admin;
	return r == -ENOENT ? -ERR_UNAUTHENTICATED : r;
}

/* Passes the reason of a refusal by account_name or password on to the caller. */
static int refuse_text(struct account_call *call, int r, const char *why)
{
	return r == -EINVAL || r == -ENAMETOOLONG ? account_call_refuse(call, -ERR_UNPROCESSABLE, "%s", why) : r;
}

static int set_name(struct account_call *call, const char *name, struct user_account *a)
{
	struct account_name made;
	char why[NAME_WHY_SIZE];

	int r = account_name_make(name, &made, why);
	if (r < 0)
		return refuse_text(call, r, why);
	memcpy(a->name, made.name, sizeof(a->name));
	memcpy(a->name_key, made.key, sizeof(a->name_key));
	return 0;
}

static int set_email(struct account_call *call, const char *email, struct user_account *a)
{
	char why[NAME_WHY_SIZE];

	if (!*email) {
		a->email[0] = '\0';
		return 0;
	}
	int r = account_name_email(email, a->email, why);
	return r < 0 ? refuse_text(call, r, why) : 0;
}

static int check_password(struct account_call *call, const char *password)
{
	char why[PASSWORD_WHY_SIZE];

	int r = password_check(password, why);
	return r < 0 ? refuse_text(call, r, why) : 0;
}

/* Sets everything but the hash of the password, which is expensive. */
static int set_fields(struct account_call *call, const struct account_fields *fields, struct user_account *a)
{
	int r = fields->name ? set_name(call, fields->name, a) : 0;

	if (r == 0 && fields->email)
		r = set_email(call, fields->email, a);
	if (r == 0 && fields->password)
		r = check_password(call, fields->password);
	if (r == 0 && fields->admin)
		a->admin = *fields->admin;
	return r;
}

/* Fills a new account, except for the hash of the password. */
static int fill_new(struct account_call *call, const struct account_fields *fields, struct user_account *a)
{
	if (!fields->name)
		return account_call_refuse(call, -ERR_UNPROCESSABLE, "name is missing: an account must have one");
	if (!fields->password)
		return account_call_refuse(call, -ERR_UNPROCESSABLE, "password is missing: an account must have one");
	a->created_ns = call->now_ns;
	return set_fields(call, fields, a);
}

static int refuse_taken(struct account_call *call, const struct user_account *a)
{
	return account_call_refuse(call, -ERR_EXISTS, "the name %s is taken: choose another one", a->name);
}

static int insert(struct account_call *call, struct user_account *a)
{
	int r = call->store->ops->account_insert(call->store, a, &a->id);

	return r == -EEXIST ? refuse_taken(call, a) : r;
}

static int know_taken(struct account_call *call, const struct user_account *a)
{
	struct user_account other;

	int r = call->store->ops->account_find(call->store, a->name_key, a->name_key, &other);
	if (r == 0)
		return refuse_taken(call, a);
	return r == -ENOENT ? 0 : r;
}

int account_create(struct account_call *call, const struct account_fields *fields, struct account_outcome *ret)
{
	struct account_outcome outcome = {0};

	int r = account_permit(call, ACCOUNT_REGISTER, 0);
	if (r == 0)
		r = account_permit_fields(call, 0, fields);
	if (r == 0)
		r = fill_new(call, fields, &outcome.account);
	if (r == 0)
		r = know_taken(call, &outcome.account);
	if (r == 0)
		r = password_hash(call->hasher, fields->password, outcome.account.password);
	if (r < 0)
		return r;
	r = call->store->ops->begin(call->store);
	if (r < 0)
		return r;
	r = account_call_finish(call, insert(call, &outcome.account), &outcome);
	if (r == 0)
		*ret = outcome;
	return r;
}

static int refuse_setup(struct account_call *call)
{
	return account_call_refuse(call, -ERR_FORBIDDEN,
		"token is not the set-up token of this store: nephos-user --setup-token makes one");
}

/* Runs in the transaction. No other account is made meanwhile. */
static int claim_setup(struct account_call *call, const uint8_t hash[SHA256_BYTES])
{
	bool any = false;

	int r = call->store->ops->accounts_lock(call->store, &any);
	if (r == 0 && any)
		return account_call_refuse(
			call, -ERR_FORBIDDEN, "this store has been set up already: its administrators make accounts");
	if (r == 0)
		r = call->store->ops->setup_take(call->store, hash);
	return r == -ENOENT ? refuse_setup(call) : r;
}

/* Runs before anything is hashed: a wrong guess costs only the reading of a row. */
static int look_at_setup(struct account_call *call, const char *token, uint8_t ret_hash[SHA256_BYTES])
{
	int r = token_hash(token, ret_hash);

	if (r == 0)
		r = call->store->ops->setup_find(call->store, ret_hash);
	return r == -ENOENT ? refuse_setup(call) : r;
}

int account_setup(
	struct account_call *call, const char *token, const struct account_fields *fields, struct account_outcome *ret)
{
	struct account_outcome outcome = {0};
	uint8_t hash[SHA256_BYTES];

	int r = account_permit(call, ACCOUNT_SET_UP, 0);
	if (r == 0)
		r = look_at_setup(call, token, hash);
	if (r == 0)
		r = fill_new(call, fields, &outcome.account);
	if (r == 0)
		r = password_hash(call->hasher, fields->password, outcome.account.password);
	if (r < 0)
		return r;
	outcome.account.admin = true;
	r = call->store->ops->begin(call->store);
	if (r < 0)
		return r;
	r = claim_setup(call, hash);
	if (r == 0)
		r = insert(call, &outcome.account);
	r = account_call_finish(call, r, &outcome);
	if (r == 0)
		*ret = outcome;
	return r;
}

int account_setup_token(struct account_call *call, char ret_text[TOKEN_TEXT_SIZE])
{
	const struct user_store_ops *ops = call->store->ops;
	const struct account_outcome nothing = {0};
	uint8_t hash[SHA256_BYTES];
	char text[TOKEN_TEXT_SIZE];
	bool any = false;

	int r = token_make("npt_", text, hash);
	if (r == 0)
		r = ops->begin(call->store);
	if (r < 0)
		return r;
	r = ops->accounts_lock(call->store, &any);
	if (r == 0 && any)
		r = account_call_refuse(
			call, -ERR_EXISTS, "this store has been set up already: its administrators make accounts");
	if (r == 0)
		r = ops->setup_put(call->store, hash, call->now_ns);
	r = account_call_finish(call, r, &nothing);
	if (r == 0)
		memcpy(ret_text, text, sizeof(text));
	return r;
}

static int get(struct account_call *call, uint64_t id, bool lock, struct user_account *ret)
{
	if (!call->who_is_admin && call->who != id)
		return not_found(call, id);
	int r = call->store->ops->account_get(call->store, id, lock, ret);
	return r == -ENOENT ? not_found(call, id) : r;
}

int account_read(struct account_call *call, uint64_t id, struct user_account *ret)
{
	return get(call, id, false, ret);
}

int account_list(struct account_call *call, uint64_t after, size_t limit, struct user_account *ret, size_t *ret_count)
{
	if (!call->who_is_admin)
		return account_call_refuse(call, -ERR_FORBIDDEN, "only an administrator may ask for other users");
	return call->store->ops->account_list(call->store, &(struct user_page){after, limit}, ret, ret_count);
}

int account_find(struct account_call *call, const char *name, struct user_account *ret)
{
	struct account_name_keys keys;

	if (!call->who_is_admin)
		return account_call_refuse(call, -ERR_FORBIDDEN, "only an administrator may ask for other users");
	if (account_name_keys(name, &keys) < 0)
		return -ERR_USER_NOT_FOUND;
	int r = call->store->ops->account_find(call->store, keys.fold, keys.exact, ret);
	return r == -ENOENT ? -ERR_USER_NOT_FOUND : r;
}

/* Read and computed before the transaction: hashing takes too long to hold a row lock. */
struct new_password {
	bool wanted;
	char replaces[USER_PASSWORD_HASH_SIZE]; /* the hash that it replaces, read before the transaction */
	char hash[USER_PASSWORD_HASH_SIZE];
};

static int prepare_password(
	struct account_call *call, uint64_t id, const struct account_fields *fields, struct new_password *ret)
{
	struct user_account a = {0};

	int r = get(call, id, false, &a);
	if (r < 0 || !fields->password)
		return r;
	r = check_password(call, fields->password);
	if (r < 0)
		return r;
	if (asks_old_password(call, id) && a.password[0]) {
		if (!fields->old_password)
			return account_call_refuse(call, -ERR_UNPROCESSABLE,
				"old_password is missing: one's own password is only replaced with it");
		r = guess_password(call, a.name_key, &a, fields->old_password, GUESS_OLD_PASSWORD);
		if (r < 0)
			return r;
	}
	ret->wanted = true;
	memcpy(ret->replaces, a.password, sizeof(a.password));
	return password_hash(call->hasher, fields->password, ret->hash);
}

/* Ends the sessions of the account and, if `keys`, its device keys, except for the token that the caller uses, if
 * that belongs to the account. */
static int end_other_tokens(struct account_call *call, uint64_t id, bool keys)
{
	const struct user_store_ops *ops = call->store->ops;
	enum user_token_kind kind = USER_KEY;
	uint64_t token = 0;

	const bool own = call->who == id && token_id_parse(call->who_token, &kind, &token) == 0;
	int r = ops->sessions_delete(call->store, id, own && kind == USER_SESSION ? token : 0);
	if (r == 0 && keys)
		r = ops->keys_delete(call->store, id, own && kind == USER_KEY ? token : 0);
	return r;
}

/* Runs in the transaction, before it locks any other row: all changes that remove an administrator wait here for
 * each other. */
static int keep_one_admin(struct account_call *call, uint64_t id, bool *ret_last)
{
	bool others = false;

	int r = call->store->ops->admins_lock(call->store, id, &others);
	*ret_last = !others;
	return r;
}

static int refuse_last(struct account_call *call)
{
	return account_call_refuse(call, -ERR_LAST_ADMIN, "this is the last administrator: make another one first");
}

/* Runs in the transaction. */
static int change_locked(struct account_call *call, uint64_t id, const struct account_fields *fields,
	const struct new_password *password, struct account_outcome *ret)
{
	struct user_account *a = &ret->account;
	const bool unmakes = fields->admin && !*fields->admin;
	bool last = false;

	int r = unmakes ? keep_one_admin(call, id, &last) : 0;
	if (r == 0)
		r = get(call, id, true, a);
	if (r == 0 && unmakes && a->admin && last)
		return refuse_last(call);
	if (r == 0 && password->wanted && strcmp(a->password, password->replaces) != 0)
		return account_call_refuse(
			call, -ERR_UNAVAILABLE, "the password was changed meanwhile by another request: try again");
	if (r == 0)
		r = set_fields(call, fields, a);
	if (r == 0 && password->wanted)
		memcpy(a->password, password->hash, sizeof(a->password));
	if (r == 0)
		r = call->store->ops->account_update(call->store, a);
	if (r == -EEXIST)
		return refuse_taken(call, a);
	if (r == -ENOENT)
		return not_found(call, id);
	if (r == 0 && password->wanted)
		r = end_other_tokens(call, id, fields->revoke);
	if (r == 0 && password->wanted)
		r = guess_reset(call, a->name_key);
	/* Gateways cache name and admin with each token. */
	if (password->wanted || fields->name || fields->admin)
		ret->forget_user = id;
	return r;
}

int account_change(
	struct account_call *call, uint64_t id, const struct account_fields *fields, struct account_outcome *ret)
{
	struct account_outcome outcome = {0};
	struct new_password password = {0};

	int r = account_permit(call, ACCOUNT_PROFILE, id);
	if (r == 0)
		r = account_permit_fields(call, id, fields);
	if (r == 0 && fields->revoke && !fields->password)
		r = account_call_refuse(call, -ERR_UNPROCESSABLE, "revoke may only be sent with a new password");
	if (r == 0)
		r = prepare_password(call, id, fields, &password);
	if (r == 0)
		r = call->store->ops->begin(call->store);
	if (r < 0)
		return r;
	r = change_locked(call, id, fields, &password, &outcome);
	r = account_call_finish(call, r, &outcome);
	if (r == 0)
		*ret = outcome;
	return r;
}

static int delete_locked(struct account_call *call, uint64_t id)
{
	struct user_account a = {0};
	bool last = false;

	int r = keep_one_admin(call, id, &last);
	if (r == 0)
		r = get(call, id, true, &a);
	if (r == 0 && a.admin && last)
		return refuse_last(call);
	if (r == 0)
		r = call->store->ops->account_delete(call->store, id, call->now_ns);
	return r == -ENOENT ? not_found(call, id) : r;
}

int account_delete(struct account_call *call, uint64_t id, struct account_outcome *ret)
{
	struct account_outcome outcome = {.forget_user = id};

	int r = account_permit(call, ACCOUNT_DELETE, id);
	if (r == 0)
		r = call->store->ops->begin(call->store);
	if (r < 0)
		return r;
	r = account_call_finish(call, delete_locked(call, id), &outcome);
	if (r == 0)
		*ret = outcome;
	return r;
}
