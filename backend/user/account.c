#include "backend/user/account.h"

#include "backend/user/account_login.h"
#include "backend/user/account_name.h"
#include "common/base/error.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

int account_refuse(struct account_call *call, int code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(call->why, sizeof(call->why), format, args);
	va_end(args);
	return code;
}

static int not_found(struct account_call *call, uint64_t id)
{
	return account_refuse(call, -ERR_USER_NOT_FOUND, "User with id:%" PRIu64 " not found", id);
}

int account_finish(struct account_call *call, int r, const struct account_outcome *outcome)
{
	const struct user_store_ops *ops = call->store->ops;

	if (r == 0 && call->seal)
		r = call->seal(call->cookie, outcome);
	if (r == 0)
		r = ops->commit(call->store);
	if (r < 0)
		ops->rollback(call->store);
	return r;
}

static int set_name(struct account_call *call, const char *name, struct user_account *a)
{
	int r = account_name_fold(name, a->name_key);

	if (r == -EINVAL)
		return account_refuse(
			call, -ERR_UNPROCESSABLE, "a name is made of letters, digits, spaces inside, and . _ - @ + '");
	if (r == -ENAMETOOLONG)
		return account_refuse(
			call, -ERR_UNPROCESSABLE, "a name has at most %u characters", USER_NAME_CHARS_MAX);
	if (r == 0)
		snprintf(a->name, sizeof(a->name), "%s", name);
	return r;
}

static int set_email(struct account_call *call, const char *email, struct user_account *a)
{
	if (*email && account_email_check(email) < 0)
		return account_refuse(call, -ERR_UNPROCESSABLE, "email is no address");
	snprintf(a->email, sizeof(a->email), "%s", email);
	return 0;
}

static int check_password(struct account_call *call, const char *password)
{
	size_t size = strlen(password);

	if (size >= PASSWORD_BYTES_MIN && size <= PASSWORD_BYTES_MAX)
		return 0;
	return account_refuse(
		call, -ERR_UNPROCESSABLE, "a password has %u to %u bytes", PASSWORD_BYTES_MIN, PASSWORD_BYTES_MAX);
}

/* Everything but the hash of the password, which is dear. */
static int set_fields(struct account_call *call, const struct account_fields *fields, struct user_account *a)
{
	int r = fields->name ? set_name(call, fields->name, a) : 0;

	if (r == 0 && fields->email)
		r = set_email(call, fields->email, a);
	if (r == 0 && fields->password)
		r = check_password(call, fields->password);
	if (r == 0 && fields->admin && *fields->admin != a->admin && !call->who_is_admin)
		return account_refuse(call, -ERR_FORBIDDEN, "only an administrator makes administrators");
	if (r == 0 && fields->admin)
		a->admin = *fields->admin;
	return r;
}

static int fill_new(struct account_call *call, const struct account_fields *fields, struct user_account *a)
{
	if (!fields->name)
		return account_refuse(call, -ERR_UNPROCESSABLE, "name is missing");
	if (!fields->password)
		return account_refuse(call, -ERR_UNPROCESSABLE, "password is missing");
	a->created_ns = call->now_ns;
	int r = set_fields(call, fields, a);
	return r == 0 ? password_hash(call->hasher, fields->password, a->password) : r;
}

static int insert(struct account_call *call, struct user_account *a)
{
	int r = call->store->ops->account_insert(call->store, a, &a->id);

	return r == -EEXIST ? account_refuse(call, -ERR_EXISTS, "the name %s is taken", a->name) : r;
}

int account_may_create(struct account_call *call)
{
	if (call->open_registration || call->who_is_admin)
		return 0;
	return account_refuse(call, call->who ? -ERR_FORBIDDEN : -ERR_UNAUTHENTICATED,
		"registration is not open: an administrator makes accounts");
}

int account_create(struct account_call *call, const struct account_fields *fields, struct account_outcome *ret)
{
	struct account_outcome outcome = {0};

	int r = account_may_create(call);
	if (r == 0)
		r = fill_new(call, fields, &outcome.account);
	if (r < 0)
		return r;
	r = call->store->ops->begin(call->store);
	if (r < 0)
		return r;
	r = account_finish(call, insert(call, &outcome.account), &outcome);
	if (r == 0)
		*ret = outcome;
	return r;
}

/* In the transaction. Nobody makes another account meanwhile. */
static int claim_setup(struct account_call *call, const uint8_t hash[SHA256_BYTES])
{
	bool any = false;

	int r = call->store->ops->accounts_lock(call->store, &any);
	if (r == 0 && any)
		return account_refuse(call, -ERR_FORBIDDEN, "this store has been set up");
	if (r == 0)
		r = call->store->ops->setup_take(call->store, hash);
	return r == -ENOENT ? account_refuse(call, -ERR_FORBIDDEN, "this is not the set-up token of this store") : r;
}

int account_setup(
	struct account_call *call, const char *token, const struct account_fields *fields, struct account_outcome *ret)
{
	struct account_outcome outcome = {0};
	uint8_t hash[SHA256_BYTES];

	int r = token_hash(token, hash);
	if (r == 0)
		r = fill_new(call, fields, &outcome.account);
	if (r < 0)
		return r;
	outcome.account.admin = true;
	r = call->store->ops->begin(call->store);
	if (r < 0)
		return r;
	r = claim_setup(call, hash);
	if (r == 0)
		r = insert(call, &outcome.account);
	r = account_finish(call, r, &outcome);
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
		r = account_refuse(call, -ERR_EXISTS, "this store has been set up");
	if (r == 0)
		r = ops->setup_put(call->store, hash, call->now_ns);
	r = account_finish(call, r, &nothing);
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
		return account_refuse(call, -ERR_FORBIDDEN, "only an administrator may ask for other users");
	return call->store->ops->account_list(call->store, &(struct user_page){after, limit}, ret, ret_count);
}

int account_find(struct account_call *call, const char *name, struct user_account *ret)
{
	char key[USER_NAME_KEY_SIZE];

	if (!call->who_is_admin)
		return account_refuse(call, -ERR_FORBIDDEN, "only an administrator may ask for other users");
	if (account_name_fold(name, key) < 0)
		return -ERR_USER_NOT_FOUND;
	int r = call->store->ops->account_find(call->store, key, ret);
	return r == -ENOENT ? -ERR_USER_NOT_FOUND : r;
}

/* What must be known, and computed, before the transaction: hashing takes too long to hold a row. */
struct new_password {
	bool wanted;
	char replaces[USER_PASSWORD_HASH_SIZE]; /* the one that was checked */
	char hash[USER_PASSWORD_HASH_SIZE];
};

static int prepare_password(struct account_call *call, uint64_t id, const struct account_fields *fields, bool needs_old,
	struct new_password *ret)
{
	struct user_account a = {0};

	int r = get(call, id, false, &a);
	if (r < 0 || !fields->password)
		return r;
	r = check_password(call, fields->password);
	if (r < 0)
		return r;
	if (needs_old && a.password[0]) {
		if (!fields->old_password)
			return account_refuse(
				call, -ERR_UNPROCESSABLE, "old_password is missing: it is needed to set another");
		r = login_check_password(call, &a, fields->old_password);
		if (r < 0)
			return r;
	}
	ret->wanted = true;
	memcpy(ret->replaces, a.password, sizeof(a.password));
	return password_hash(call->hasher, fields->password, ret->hash);
}

static int end_other_sessions(struct account_call *call, uint64_t id)
{
	enum user_token_kind kind = USER_KEY;
	uint64_t token = 0;

	const bool own = call->who == id && token_id_parse(call->who_token, &kind, &token) == 0 && kind == USER_SESSION;
	return call->store->ops->sessions_delete(call->store, id, own ? token : 0);
}

/* In the transaction. */
static int change_locked(struct account_call *call, uint64_t id, const struct account_fields *fields,
	const struct new_password *password, struct account_outcome *ret)
{
	struct user_account *a = &ret->account;

	int r = get(call, id, true, a);
	if (r == 0 && password->wanted && strcmp(a->password, password->replaces) != 0)
		return account_refuse(call, -ERR_UNAVAILABLE, "the password was changed meanwhile");
	if (r == 0)
		r = set_fields(call, fields, a);
	if (r == 0 && password->wanted)
		memcpy(a->password, password->hash, sizeof(a->password));
	if (r == 0)
		r = call->store->ops->account_update(call->store, a);
	if (r == -EEXIST)
		return account_refuse(call, -ERR_EXISTS, "the name %s is taken", a->name);
	if (r == -ENOENT)
		return not_found(call, id);
	if (r == 0 && password->wanted)
		r = end_other_sessions(call, id);
	/* Gateways keep name and admin with each token. */
	if (password->wanted || fields->name || fields->admin)
		ret->forget_user = id;
	return r;
}

int account_change(struct account_call *call, uint64_t id, const struct account_fields *fields, bool needs_old,
	struct account_outcome *ret)
{
	struct account_outcome outcome = {0};
	struct new_password password = {0};

	int r = prepare_password(call, id, fields, needs_old, &password);
	if (r == 0)
		r = call->store->ops->begin(call->store);
	if (r < 0)
		return r;
	r = change_locked(call, id, fields, &password, &outcome);
	r = account_finish(call, r, &outcome);
	if (r == 0)
		*ret = outcome;
	return r;
}

int account_delete(struct account_call *call, uint64_t id, struct account_outcome *ret)
{
	struct account_outcome outcome = {.forget_user = id};

	if (!call->who_is_admin && call->who != id)
		return not_found(call, id);
	int r = call->store->ops->begin(call->store);
	if (r < 0)
		return r;
	r = call->store->ops->account_delete(call->store, id, call->now_ns);
	if (r == -ENOENT)
		r = not_found(call, id);
	r = account_finish(call, r, &outcome);
	if (r == 0)
		*ret = outcome;
	return r;
}
