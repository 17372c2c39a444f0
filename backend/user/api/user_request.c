#include "backend/user/api/user_request.h"

#include "backend/user/rows/pg/user_pg.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/text.h"
#include "common/proto/headers.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

/* Maps failures of the store and of the machine to the error that an HTTP client gets. */
static int public_code(int r)
{
	switch (r) {
	case -ENOTCONN:
	case -ETIMEDOUT:
	case -EAGAIN:
	case -ENOMEM:
		return -ERR_UNAVAILABLE;
	default:
		return r;
	}
}

static void respond_failure(struct user_request *u, int r)
{
	const int code = public_code(r);
	const char *why = u->call.why[0] ? u->call.why : NULL;
	struct http_headers headers;

	if (error_lookup(code)->http_status >= 500)
		log_error(http_request_trace(u->req), "op=%s target=%s error=%d database=\"%s\"",
			http_request_method(u->req), http_request_target(u->req), r, pg_error(u->pg));
	http_headers_init(&headers);
	if (u->call.wait_ns > 0)
		(void)http_headers_addf(
			&headers, "Retry-After", "%lld", (long long)((u->call.wait_ns + NS_PER_S - 1) / NS_PER_S));
	http_respond_error_with(u->req, code, why, &headers);
	http_headers_fini(&headers);
}

static void respond_json(struct http_request *req, int status, const char *text, bool repeat)
{
	struct http_headers headers;

	http_headers_init(&headers);
	if (text)
		(void)http_headers_add(&headers, "Content-Type", "application/json");
	(void)http_headers_add(&headers, "Cache-Control", "no-store");
	if (repeat)
		(void)http_headers_add(&headers, "Idempotency-Replayed", "true");
	http_respond(req, status, &headers, span_str(text ? text : ""));
	http_headers_fini(&headers);
}

void user_request_respond_text(struct http_request *req, struct span json)
{
	struct http_headers headers;

	http_headers_init(&headers);
	(void)http_headers_add(&headers, "Content-Type", "application/json");
	http_respond(req, 200, &headers, json);
	http_headers_fini(&headers);
}

/* Says where the body goes wrong, and nothing of what is there: it may be a password. */
static int refuse_json(struct user_request *u, const json_error_t *error)
{
	const char *what = "this is not JSON";

	if (json_error_code(error) == json_error_null_character)
		what = "a string has \\u0000, which is not allowed";
	else if (json_error_code(error) == json_error_duplicate_key)
		what = "an object has a member twice";
	return account_call_refuse(
		&u->call, -ERR_BAD_JSON, "line %d, column %d of the body: %s", error->line, error->column, what);
}

static int parse_body(struct user_request *u)
{
	struct span body = http_request_body(u->req);
	json_error_t error;

	u->body = json_loadb(body.data ? body.data : "", body.size, JSON_REJECT_DUPLICATES, &error);
	if (!u->body)
		return refuse_json(u, &error);
	if (!json_is_object(u->body))
		return account_call_refuse(&u->call, -ERR_UNPROCESSABLE, "the body must be a JSON object: {…}");
	return 0;
}

static void user_request_fini(struct user_request *u)
{
	if (u->call.store)
		u->call.store->ops->free(u->call.store);
	json_decref(u->body);
	answer_fini(&u->answer);
}

static int user_request_init(struct user_request *u, struct pg *pg, struct http_request *req, struct service *s)
{
	struct user_app *app = service_app(s);

	*u = (struct user_request){.app = app, .req = req, .pg = pg};
	u->call = (struct account_call){
		.hasher = app->hasher, .now_ns = clock_real_ns(), .open_registration = app->open_registration};
	u->call.secret = app->guess_key;
	u->call.network = u->network;
	network_of(http_request_header(req, HEADER_CLIENT), u->network);
	int r = service_identity(req, &u->who);
	if (r == 0)
		r = user_pg_new(pg, &u->call.store);
	u->call.who = u->who.user_id;
	u->call.who_is_admin = u->who.admin;
	u->call.who_token = u->who.token_id;
	return r;
}

/*
 * The digest is equal for equal requests: method, target, body. It uses a key that is not in the database: the
 * body may hold a password, which nobody must be able to guess from the database. Together with the caller's key
 * the digest serves as the name of an answer: that is how callers without an account keep answers.
 */
static int digest_request(struct user_request *u, struct span key, uint8_t ret[SHA256_BYTES])
{
	struct span parts[] = {key, span_str(http_request_method(u->req)), span_str(http_request_target(u->req)),
		u->mutation->body != USER_BODY_NONE ? http_request_body(u->req) : SPAN_LITERAL("")};
	uint8_t plain[SHA256_BYTES];
	struct sha256 sha;

	int r = sha256_init(&sha);
	for (size_t i = 0; r == 0 && i < sizeof(parts) / sizeof(parts[0]); i++) {
		r = sha256_update(&sha, parts[i].data, parts[i].size);
		if (r == 0) /* no two lists give the same bytes: no part before the body contains a NUL */
			r = sha256_update(&sha, "", 1);
	}
	if (r == 0)
		r = sha256_final(&sha, plain);
	sha256_fini(&sha);
	if (r == 0)
		r = sha256_hmac(span_of(u->app->request_key, SHA256_BYTES), span_of(plain, sizeof(plain)), ret);
	return r;
}

/*
 * A caller without an account (who logs in, registers, sets up) has no keys of his own: there the request is part
 * of the key. So two such callers never share a key, and a caller who can repeat a request word for word knows
 * everything that its answer was given for.
 */
static int name_key(struct user_request *u, struct span key)
{
	uint8_t digest[SHA256_BYTES];

	int r = digest_request(u, key, digest);
	if (r == 0) {
		text_hex(digest, sizeof(digest), u->nobodys_key);
		u->slot.idempotency_key = u->nobodys_key;
	}
	return r;
}

static int read_key(struct user_request *u)
{
	const char *key = http_request_header(u->req, "Idempotency-Key");

	if (!key)
		return 0;
	size_t size = strlen(key);
	if (size == 0 || size > IDEMPOTENCY_KEY_BYTES_MAX)
		return account_call_refuse(&u->call, -ERR_BAD_REQUEST, "Idempotency-Key must have 1 to %u bytes",
			IDEMPOTENCY_KEY_BYTES_MAX);
	u->slot = (struct answer_slot){.store = u->call.store,
		.seal_key = u->app->answer_key,
		.account_id = u->call.who,
		.idempotency_key = key,
		.now_ns = u->call.now_ns};
	int r = u->call.who == 0 ? name_key(u, span_of(key, size)) : 0;
	return r < 0 ? r : digest_request(u, SPAN_LITERAL(""), u->slot.request);
}

/* Runs inside the transaction: makes the answer, and keeps it when the request has a key. */
static int seal_answer(void *cookie, const struct account_outcome *outcome)
{
	struct user_request *u = cookie;
	struct answer *a = &u->answer;

	answer_fini(a);
	a->status = u->mutation->status;
	a->forget_user = outcome->forget_user;
	snprintf(a->forget_token, sizeof(a->forget_token), "%s", outcome->forget_token);
	if (u->mutation->show) {
		json_t *body = u->mutation->show(outcome);
		a->text = body ? json_dumps(body, JSON_COMPACT) : NULL;
		json_decref(body);
		if (!a->text)
			return -ENOMEM;
	}
	return u->slot.idempotency_key ? answer_put(&u->slot, a) : 0;
}

static int find_answer(struct user_request *u)
{
	if (!u->slot.idempotency_key)
		return -ENOENT;
	answer_fini(&u->answer); /* an answer that was made by a change that did not take effect */
	return answer_get(&u->slot, &u->answer);
}

/* For tests of a crash between COMMIT and the answer. */
static void die_after_commit(const struct user_app *app)
{
#ifdef NEPHOS_FAILPOINTS
	if (app->dies_after_commit)
		raise(SIGKILL);
#else
	(void)app;
#endif
}

/*
 * 0: u->answer is the answer, made now or earlier. Of two requests with one key at the same moment the second
 * fails, at the answer or before (the name is taken, the row is gone), once the first has committed: the answer
 * that it then finds is the one to send.
 */
static int find_or_make(struct user_request *u)
{
	struct account_outcome outcome;

	int r = find_answer(u);
	u->repeat = r == 0;
	if (r != -ENOENT)
		return r;
	r = u->mutation->apply(u, &outcome);
	if (r == 0)
		die_after_commit(u->app);
	u->repeat = r < 0 && u->slot.idempotency_key && find_answer(u) == 0;
	if (u->repeat)
		return 0;
	return r == -EEXIST ? -ERR_UNAVAILABLE : r;
}

/* An answer that waits until the gateways have forgotten. */
struct held_answer {
	struct http_request *req;
	struct answer answer;
	bool repeat;
};

static void release(void *cookie)
{
	struct held_answer *held = cookie;

	respond_json(held->req, held->answer.status, held->answer.text, held->repeat);
	answer_fini(&held->answer);
	free(held);
}

static void respond_answer(struct user_request *u)
{
	struct held_answer *held = malloc(sizeof(*held));

	if (!held) {
		/* The change has taken effect; a repeat under the same key will find it. */
		respond_failure(u, -ERR_UNKNOWN_OUTCOME);
		return;
	}
	*held = (struct held_answer){u->req, u->answer, u->repeat};
	u->answer.text = NULL; /* moved */
	revoker_post(u->app->revoker, held->answer.forget_user, held->answer.forget_token, release, held);
}

/* 1: the body has the member; 0: it does not. */
static int read_switch(struct user_request *u, const char *name, bool *ret)
{
	const json_t *value = json_object_get(u->body, name);

	if (!value)
		return 0;
	if (!json_is_boolean(value))
		return account_call_refuse(&u->call, -ERR_UNPROCESSABLE, "%s must be true or false", name);
	*ret = json_is_true(value);
	return 1;
}

/* Reads name, email (null: none), password, old_password; in version 2 also admin and revoke. */
static int parse_fields(struct user_request *u)
{
	struct account_fields *f = &u->fields;

	int r = user_request_text(u, "name", &f->name);
	if (r == 0)
		r = user_request_text(u, "email", &f->email);
	if (r == 0)
		r = user_request_text(u, "password", &f->password);
	if (r == 0)
		r = user_request_text(u, "old_password", &f->old_password);
	if (r == 0 && json_is_null(json_object_get(u->body, "email")))
		f->email = "";
	if (r < 0 || u->mutation->body == USER_BODY_FIELDS_V1)
		return r;
	r = read_switch(u, "admin", &u->admin);
	if (r > 0)
		f->admin = &u->admin;
	if (r >= 0)
		r = read_switch(u, "revoke", &f->revoke);
	return r < 0 ? r : 0;
}

static int find_target(struct user_request *u)
{
	switch (u->mutation->whom) {
	case USER_WHOM_PATH:
		return user_request_path_id(u, &u->target);
	case USER_WHOM_CALLER:
		u->target = u->call.who;
		return 0;
	case USER_WHOM_NOBODY:
		break;
	}
	return 0;
}

/* Checks whether the caller may make this request; before that is certain the answer says nothing else, not even
 * that the body is wrong. */
static int permit(struct user_request *u)
{
	const enum user_body body = u->mutation->body;

	int r = account_know_caller(&u->call);
	if (r == 0)
		r = find_target(u);
	if (r == 0)
		r = account_permit(&u->call, u->mutation->what, u->target);
	if (r == 0 && body != USER_BODY_NONE)
		r = parse_body(u);
	if (r < 0 || (body != USER_BODY_FIELDS && body != USER_BODY_FIELDS_V1))
		return r;
	r = parse_fields(u);
	return r < 0 ? r : account_permit_fields(&u->call, u->target, &u->fields);
}

void user_request_mutate(
	struct pg *pg, struct http_request *req, struct service *s, const struct user_mutation *mutation)
{
	struct user_request u;

	int r = user_request_init(&u, pg, req, s);
	u.mutation = mutation;
	u.call.seal = seal_answer;
	u.call.cookie = &u;
	if (r == 0)
		r = permit(&u);
	if (r == 0)
		r = read_key(&u);
	if (r == 0)
		r = find_or_make(&u);
	if (r < 0)
		respond_failure(&u, r);
	else
		respond_answer(&u);
	user_request_fini(&u);
}

void user_request_ask(struct pg *pg, struct http_request *req, struct service *s, const struct user_query *query)
{
	struct user_request u;
	json_t *answer = NULL;
	char *text = NULL;

	int r = user_request_init(&u, pg, req, s);
	if (r == 0 && query->has_body)
		r = parse_body(&u);
	if (r == 0)
		r = query->ask(&u, &answer);
	if (r == 0) {
		text = json_dumps(answer, JSON_COMPACT);
		r = text ? 0 : -ENOMEM;
	}
	if (r < 0)
		respond_failure(&u, r);
	else
		respond_json(req, 200, text, false);
	free(text);
	json_decref(answer);
	user_request_fini(&u);
}

int user_request_text(struct user_request *u, const char *name, const char **ret)
{
	const json_t *value = json_object_get(u->body, name);

	if (value && !json_is_null(value) && !json_is_string(value))
		return account_call_refuse(&u->call, -ERR_UNPROCESSABLE, "%s must be a string", name);
	*ret = json_string_value(value);
	return 0;
}

int user_request_needed_text(struct user_request *u, const char *name, const char **ret)
{
	const char *text = NULL;

	int r = user_request_text(u, name, &text);
	if (r == 0 && !text)
		return account_call_refuse(&u->call, -ERR_UNPROCESSABLE, "%s is missing: the body must have it", name);
	if (r == 0)
		*ret = text;
	return r;
}

int user_request_path_id(struct user_request *u, uint64_t *ret)
{
	struct span text = http_request_param(u->req, "id");
	int64_t id;

	if (text_parse_id(text, INT64_MAX, &id) < 0)
		return account_call_refuse(
			&u->call, -ERR_USER_NOT_FOUND, "User with id:%.*s not found", (int)text.size, text.data);
	*ret = (uint64_t)id;
	return 0;
}

int user_request_page(struct user_request *u, size_t *ret_limit, uint64_t *ret_after)
{
	int64_t limit = PAGE_ITEMS_DEFAULT, after = 0;

	if (http_request_query_number(u->req, "limit", 1, PAGE_ITEMS_MAX, &limit) < 0)
		return account_call_refuse(
			&u->call, -ERR_BAD_REQUEST, "limit must be a number from 1 to %u", PAGE_ITEMS_MAX);
	if (http_request_query_number(u->req, "cursor", 0, INT64_MAX, &after) < 0)
		return account_call_refuse(
			&u->call, -ERR_BAD_REQUEST, "cursor must be what the page before gave as next");
	*ret_limit = (size_t)limit;
	*ret_after = (uint64_t)after;
	return 0;
}

json_t *user_request_id_text(uint64_t id)
{
	return json_sprintf("%" PRIu64, id);
}

json_t *user_request_time(int64_t ns)
{
	char text[CLOCK_TEXT_SIZE];

	if (ns == 0)
		return json_null();
	clock_format(ns, text);
	return json_string(text);
}
