#include "fusefs/store/http/store_http_internal.h"

#include "common/base/error.h"
#include "common/base/log.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

/*
 * File locks. The locks that the session holds are noted here by document, so that the mount can tell what the end
 * of a session does to them: a session that replaces another takes over its locks; when the store ended the session
 * because another mount wanted its locks, they are lost. Then `lock_life` grows, requests that were made under the
 * old life are not sent under the new one, and writes to those documents are refused until the layer above declares
 * that no earlier write will come any more (lock_settled).
 */

#define ANSWER_BYTES_MAX (64u * 1024) /* an item, or a problem */
#define ITEMS_TYPE "application/vnd.nephos.items"

/* For one document: which kinds are held, or that its locks were lost. */
struct store_http_locked {
	UT_hash_handle hh;
	int64_t id;
	bool held[2]; /* POSIX, flock */
	bool lost;
};

static struct store_http_locked *find(struct store_http *s, int64_t id)
{
	struct store_http_locked *k;

	HASH_FIND(hh, s->locked, &id, sizeof(id), k);
	return k;
}

static void drop_unused(struct store_http *s, struct store_http_locked *k)
{
	if (k->lost || k->held[0] || k->held[1])
		return;
	HASH_DEL(s->locked, k);
	free(k);
}

/* Called before a lock is requested, so that a lack of memory fails the request in time. */
static int note_asked(struct store_http *s, struct lock_call *l)
{
	struct store_http_locked *k = find(s, l->id);

	if (!k) {
		k = calloc(1, sizeof(*k));
		if (!k)
			return -ENOMEM;
		k->id = l->id;
		HASH_ADD(hh, s->locked, id, sizeof(k->id), k);
	}
	/* From now on the store may grant it at any time. */
	if (l->number == 0)
		l->held_before = k->held[l->flock];
	k->held[l->flock] |= l->count > 0;
	return 0;
}

void store_http_locks_session(struct store_http *s, bool kept)
{
	struct store_http_locked *k, *next;
	bool lost = false;

	if (kept)
		return;
	HASH_ITER(hh, s->locked, k, next) {
		const bool held = k->held[0] || k->held[1];

		lost |= held;
		k->lost |= held;
		k->held[0] = k->held[1] = false;
		drop_unused(s, k);
	}
	if (lost)
		s->lock_life++;
}

void store_http_locks_fini(struct store_http *s)
{
	struct store_http_locked *k, *next;

	assert(!s->calls); /* no call requests a lock, or waits for one, any more */
	HASH_ITER(hh, s->locked, k, next) {
		HASH_DEL(s->locked, k);
		free(k);
	}
}

void store_http_lock_settled(struct store *base, int64_t id)
{
	struct store_http *s = store_http_of(base);
	struct store_http_locked *k;

	pthread_mutex_lock(&s->lock);
	k = find(s, id);
	if (k) {
		k->lost = false;
		drop_unused(s, k);
	}
	pthread_mutex_unlock(&s->lock);
}

static bool writes(const struct op *op, int64_t *ret_id)
{
	*ret_id = op->kind == OP_CLONE ? op->to : op->id;
	return op->kind == OP_WRITE || op->kind == OP_CLONE ||
		(op->kind == OP_SETATTR && (op->fields & OP_HAS_SIZE) != 0);
}

int store_http_locks_refused_op(struct store_http *s, const struct op *ops, size_t count)
{
	int64_t id;

	for (size_t i = 0; s->locked && i < count; i++) {
		const struct store_http_locked *k = writes(&ops[i], &id) ? find(s, id) : NULL;

		if (k && k->lost)
			return (int)i;
	}
	return -1;
}

/* ---- holding ---- */

static json_t *range_json(const struct store_lock_range *range)
{
	return json_pack("[I, I, b]", (json_int_t)range->from, (json_int_t)range->to, range->exclusive);
}

static bool range_parse(const json_t *list, struct store_lock_range *ret)
{
	const json_t *from = json_array_get(list, 0), *to = json_array_get(list, 1);

	if (!json_is_integer(from) || !json_is_integer(to) || json_integer_value(from) < 0 ||
		json_integer_value(to) < json_integer_value(from))
		return false;
	*ret = (struct store_lock_range){
		json_integer_value(from), json_integer_value(to), json_is_true(json_array_get(list, 2))};
	return true;
}

/* {id, kind, …} */
static json_t *body_new(const struct lock_call *l)
{
	json_t *body = json_pack("{s:s}", "kind", l->flock ? "flock" : "posix");

	if (body && item_json_set_id(body, "id", l->id) < 0) {
		json_decref(body);
		body = NULL;
	}
	return body;
}

static int prepare_hold(struct store_http_call *call)
{
	struct store_http *s = call->s;
	struct lock_call *l = &call->as.lock;
	json_t *body, *held;
	int r;

	assert(l->life <= s->lock_life); /* lock_life only grows, and callers got their value from here */
	/* The request was computed from what another session held. */
	if (l->life != s->lock_life || (call->session_sent != 0 && call->session_sent != s->session))
		return -ERR_SESSION_GONE;
	r = note_asked(s, l);
	if (r < 0)
		return r;
	if (l->number == 0)
		l->number = ++s->lock_number;
	body = body_new(l);
	held = json_array();
	for (size_t i = 0; i < l->count; i++)
		(void)json_array_append_new(held, range_json(&l->held[i]));
	if (json_array_size(held) != l->count || item_json_set_id(body, "number", l->number) < 0 ||
		json_object_set_new(body, "held", held) < 0 ||
		(l->queue && json_object_set_new(body, "queue", range_json(&l->want)) < 0)) {
		json_decref(body);
		body = NULL;
	}
	buf_reset(&call->owned);
	store_http_call_json_take(call, body);
	return call->broken;
}

/* Decodes the item of a grant. */
static int parse_item(const struct store_http_call *call, const struct http_response *response, struct item *ret)
{
	struct span body = buf_span(&response->body);
	struct item_page page = {0};
	size_t at = 0;
	int r = item_page_read(body, &page, &at);

	*ret = (struct item){0};
	if (r == 0 && page.count != 1)
		r = -EPROTO;
	if (r == 0)
		r = item_page_next(body, &at, ret);
	if (r < 0)
		return -EPROTO;
	return store_http_item_ok(ret, call->s->drive_number) && ret->id == call->as.lock.id ? 0 : -EPROTO;
}

static void parse_conflict(const struct http_response *response, struct store_lock_reply *ret)
{
	json_t *root = json_loadb(response->body.data ? response->body.data : "", response->body.size, 0, NULL);

	ret->in_the_way = range_parse(json_object_get(root, "conflict"), &ret->other);
	json_decref(root);
}

/* An answer to a request of an earlier session changes nothing. Without an answer the lock may be held or not. */
static void note_answer(struct store_http_call *call, int error, struct store_lock_reply *reply)
{
	struct store_http *s = call->s;
	const struct lock_call *l = &call->as.lock;
	struct store_http_locked *k;

	pthread_mutex_lock(&s->lock);
	k = find(s, l->id);
	if (k && (error == 0 || error == -ENOENT) && call->session_sent == s->session) {
		if (error == 0)
			k->held[l->flock] = reply->granted ? l->count > 0 : l->held_before;
		else
			k->held[l->flock] = false;
		drop_unused(s, k);
	}
	reply->life = s->lock_life;
	pthread_mutex_unlock(&s->lock);
}

static void on_hold(struct store_http_call *call, int error, struct http_response *response)
{
	struct store_lock_reply reply = {0};
	struct item item;

	if (error == 0)
		error = parse_item(call, response, &item);
	if (error == 0) {
		reply.granted = true;
		reply.item = &item;
		reply.at = store_http_response_position(response);
	} else if (error == -ERR_LOCKED && response) {
		parse_conflict(response, &reply);
		error = 0;
	} else if (error == -EPROTO) {
		log_error(NULL, "the answer about a file lock makes no sense");
	}
	note_answer(call, error, &reply);
	call->as.lock.hold(call->cookie, error, &reply);
	store_http_call_over(call);
}

static struct store_http_call *lock_call_new(
	struct store *base, const struct store_lock *lock, store_http_call_finish_fn finish, void *cookie)
{
	struct store_http_call *call = store_http_call_new(store_http_of(base), CALL_META, finish, cookie);
	struct lock_call *l = &call->as.lock;

	assert(lock->count <= LOCK_RANGES_MAX && (lock->held || lock->count == 0));
	call->flags = CALL_FLAG_SESSION;
	call->response_max = ANSWER_BYTES_MAX;
	l->id = lock->id;
	l->flock = lock->flock;
	l->life = lock->life;
	l->held = lock->held;
	l->count = lock->count;
	l->queue = lock->queue != NULL;
	if (lock->queue)
		l->want = *lock->queue;
	return call;
}

store_ticket store_http_lock(struct store *base, const struct store_lock *lock,
	void (*done)(void *cookie, int error, const struct store_lock_reply *reply), void *cookie)
{
	struct store_http_call *call = lock_call_new(base, lock, on_hold, cookie);

	call->method = "POST";
	call->accept = ITEMS_TYPE;
	call->prepare = prepare_hold;
	call->as.lock.hold = done;
	store_http_call_path(call, "/locks");
	return store_http_call_start(call);
}

/* ---- waiting and testing ---- */

static void on_wait(struct store_http_call *call, int error, struct http_response *response)
{
	(void)response; /* free or not, the caller requests the lock again */
	call->as.lock.wait(call->cookie, error);
	store_http_call_over(call);
}

store_ticket store_http_lock_wait(struct store *base, const struct store_lock *lock, unsigned wait_s,
	void (*done)(void *cookie, int error), void *cookie)
{
	struct store_http_call *call = lock_call_new(base, lock, on_wait, cookie);
	json_t *body = body_new(&call->as.lock);

	assert(lock->queue);
	call->method = "POST";
	call->deadline_ms = wait_s * 1000 + STORE_HTTP_POLL_SLACK_MS;
	call->as.lock.wait = done;
	if (json_object_set_new(body, "want", range_json(&call->as.lock.want)) < 0 ||
		json_object_set_new(body, "wait", json_integer((json_int_t)wait_s)) < 0) {
		json_decref(body);
		body = NULL;
	}
	store_http_call_json_take(call, body);
	store_http_call_path(call, "/locks/wait");
	return store_http_call_start(call);
}

static void on_test(struct store_http_call *call, int error, struct http_response *response)
{
	struct store_lock_reply reply = {0};

	if (error == 0)
		parse_conflict(response, &reply);
	call->as.lock.test(call->cookie, error, reply.in_the_way ? &reply.other : NULL);
	store_http_call_over(call);
}

store_ticket store_http_lock_test(struct store *base, const struct store_lock *lock,
	void (*done)(void *cookie, int error, const struct store_lock_range *other), void *cookie)
{
	struct store_http_call *call = lock_call_new(base, lock, on_test, cookie);
	const struct lock_call *l = &call->as.lock;

	call->as.lock.test = done;
	store_http_call_path(call, "/locks?id=%" PRId64 "&kind=%s&from=%" PRId64 "&to=%" PRId64 "&exclusive=%d", l->id,
		l->flock ? "flock" : "posix", l->want.from, l->want.to, l->want.exclusive);
	return store_http_call_start(call);
}
