/*
 * Limits of users: bytes and documents, over all of their drives. GET shows the limits of one user and how much
 * of them is used, to that user or to an administrator; PUT sets them, for administrators. The path names the
 * user by his id, as "me", or as "default": the limits of all users who have none of their own.
 *
 * The rules (call_may) decide who may do which. When an administrator names a user, the user service is asked
 * first whether the user exists, as limits of nobody would be a row that is never removed. Inside, -1 means "the
 * default", and is null in JSON; 0 means that there is no limit.
 *
 * Setting limits is no op of a drive, and yet may be repeated under a key: so it runs as an idempotent change,
 * whose key is kept with the caller's first drive.
 */
#include "backend/docs/api/api.h"
#include "backend/docs/request/body.h"
#include "backend/docs/request/idempotent.h"
#include "backend/docs/request/reply.h"
#include "backend/docs/request/users.h"
#include "common/base/error.h"
#include "common/base/limits.h"
#include "common/base/text.h"

#include <errno.h>

struct account_change {
	struct idempotent base; /* first */
	int64_t user, quota;	/* quota -1: the default */
	int64_t documents;	/* -1: as many as the quota implies */
};

static json_t *account_json(int64_t user, const struct docs_account *account)
{
	const bool is_default = user == DOCS_DEFAULT_ACCOUNT;
	const int64_t quota = account->quota >= 0 ? account->quota : account->default_quota;
	json_t *o = json_pack(
		"{s:I, s:b}", "quota", (json_int_t)(quota < 0 ? 0 : quota), "own", (int)(account->quota >= 0));
	int r = o ? 0 : -ENOMEM;

	if (r == 0 && !is_default)
		r = item_json_set_id(o, "user", user);
	if (r == 0 && !is_default)
		r = json_object_set_new(o, "used", json_integer(account->used));
	if (r == 0 && !is_default)
		r = json_object_set_new(o, "blocks", json_integer(account->blocks));
	if (r == 0 && !is_default)
		r = json_object_set_new(o, "documents", json_integer(account->documents));
	if (r == 0)
		r = json_object_set_new(o, "documents_max", json_integer(account->documents_max));
	if (r == 0 && !is_default)
		r = json_object_set_new(o, "extents", json_integer(account->extents));
	if (r == 0)
		r = json_object_set_new(o, "extents_max", json_integer(account->extents_max));
	if (r < 0) {
		json_decref(o);
		return NULL;
	}
	return o;
}

/* Parses the user of the path and checks that the caller may do `what` to that user. */
static int parse_user(const struct call *call, enum access_action what, int64_t *ret)
{
	const struct span user = http_request_param(call->req, "user");
	int64_t id = DOCS_DEFAULT_ACCOUNT;

	if (span_eq_str(user, "me"))
		id = call->user;
	else if (!span_eq_str(user, "default") && text_parse_id(user, INT64_MAX, &id) < 0)
		return -ERR_NOT_FOUND;
	*ret = id;
	return call_may(call, what, id);
}

/* A user that an administrator names must exist: a quota of nobody would be a row that is never removed. */
static int check_user(const struct call *call, int64_t user)
{
	if (user == call->user || user == DOCS_DEFAULT_ACCOUNT)
		return 0;
	return users_check(call->docs->users, user, http_request_trace(call->req));
}

static void get_job(struct call *call, struct docs_store *store)
{
	struct docs_account account = {0};
	int64_t user = 0;
	int r = parse_user(call, ACCESS_ACCOUNT_SEE, &user);

	if (r == 0)
		r = check_user(call, user);
	if (r == 0)
		r = store->ops->account_get(store, user, &account);
	if (r < 0)
		call_fail(call, r, NULL);
	else
		reply_json_take(call, 200, NULL, account_json(user, &account));
}

void api_account_get(struct http_request *req, void *cookie)
{
	call_start(req, cookie, get_job);
}

static int put_change(struct idempotent *o, struct docs_store *store)
{
	const struct account_change *c = (struct account_change *)o;
	struct docs_account account;
	int r = store->ops->account_set(store, c->user, c->quota, c->documents);

	if (r == 0)
		r = store->ops->account_get(store, c->user, &account);
	if (r == 0)
		r = mutate_body_take(&o->m, account_json(c->user, &account));
	return r < 0 ? r : 200;
}

static void put_job(struct call *call, struct docs_store *store)
{
	struct account_change *c = call->data;
	int r = check_user(call, c->user);

	if (r < 0)
		call_fail(call, r, NULL);
	else
		idempotent_run(&c->base, store);
}

/* Parses a member that is a number of at most max; -1 if it is null or missing. */
static int parse_limit(const json_t *object, const char *name, int64_t max, int64_t *ret)
{
	const json_t *value = json_object_get(object, name);

	*ret = -1;
	if (!value || json_is_null(value))
		return 0;
	if (!json_is_integer(value) || json_integer_value(value) < 0 || json_integer_value(value) > max)
		return -ERR_UNPROCESSABLE;
	*ret = json_integer_value(value);
	return 0;
}

static int parse_account(struct call *call, struct account_change *c)
{
	json_t *object = NULL;
	int r = parse_user(call, ACCESS_ACCOUNT_SET, &c->user);

	if (r == 0)
		r = body_object(call, &object);
	if (r == 0)
		r = parse_limit(object, "quota", (int64_t)FILE_BYTES_MAX, &c->quota);
	if (r == 0)
		r = parse_limit(object, "documents", UINT32_MAX, &c->documents);
	/* A body without a quota is most likely a mistake; and a limit of documents alone has no effect. */
	if (r == 0 && (!json_object_get(object, "quota") || (c->quota < 0 && c->documents >= 0)))
		r = -ERR_UNPROCESSABLE;
	json_decref(object);
	return r;
}

void api_account_put(struct http_request *req, void *cookie)
{
	struct call *call = call_new(req, cookie);
	struct account_change *c = call ? call_alloc(call, sizeof(*c)) : NULL;
	int r;

	if (!c)
		return;
	call->data = c;
	r = mutate_init_whole(&c->base.m, call);
	if (r == 0)
		r = parse_account(call, c);
	if (r < 0) {
		call_fail(call, r,
			r == -ERR_UNPROCESSABLE
				? "the body must be {quota, documents?}: bytes (0: no limit, null: the default), and with a quota how many documents (0: no limit)"
				: NULL);
		return;
	}
	call->home = true; /* the key is kept with the caller's first drive */
	c->base.beside = true;
	c->base.change_name = "account";
	c->base.change = put_change;
	call_work(call, put_job);
}
