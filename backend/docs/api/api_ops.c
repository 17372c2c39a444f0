/*
 * What a mount needs in order to write: batches of ops, ranges of document ids, and sessions.
 *
 * POST …/ops takes a batch: a list of changes that is applied as a whole or not at all. The body is received into
 * one buffer (upload), its digest becomes the fingerprint by which a repeat is recognised, and the body is
 * decoded: on the same thread, or on a worker when it is large. Then `mutate` passes the batch to group commit
 * and keeps the answer under its key. The answer names an invalid op by its index.
 *
 * A session is a mount that is connected. Its batches are numbered, so that each takes effect once and in order,
 * however often it is sent. A mount that does not know the outcome of a batch has its session replaced by a new
 * one: from then on no batch of the old session can take effect any more, and the answer names the position up to
 * which the journal may have changes of the old session. Changes of ids and sessions are no ops, but may be
 * repeated under a key like ops; they run as idempotent changes.
 */
#include "backend/docs/api/api.h"
#include "backend/docs/request/body.h"
#include "backend/docs/request/idempotent.h"
#include "backend/docs/request/reply.h"
#include "backend/docs/request/upload.h"
#include "common/base/error.h"
#include "common/base/limits.h"
#include "common/base/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

/* A larger batch is decoded on a worker: decoding may take at most 0.5 ms of the server's thread. */
#define DECODE_HERE_BYTES (64u * 1024)

/* ---- ops ---- */

/* The answer is kept in this form: a repeat of the batch gets the form that the first request asked for. */
static int ops_answer(struct mutate *m, const struct op_result *results, struct docs_position at)
{
	const struct op_answer answer = {
		.incarnation = at.incarnation, .last = at.seq, .count = op_batch_count(m->batch), .results = results};
	const bool compact = call_accepts(m->call, OP_ANSWER_COMPACT);
	int r = compact ? op_answer_append_compact(&m->body, &answer)
			: op_answer_append_json(&m->body, &answer, m->batch);

	if (r == 0)
		r = mutate_header(m, "Vary", "Accept");
	if (r == 0)
		r = mutate_header(m, "Content-Type", compact ? OP_ANSWER_COMPACT : OP_ANSWER_JSON);
	return r == -E2BIG ? r : r < 0 ? -ENOMEM : 200;
}

static void respond_bad_batch(struct call *call, int error, int index)
{
	char detail[96];

	if (index >= 0)
		snprintf(detail, sizeof(detail), "op %d of the batch is at fault; none of it was done", index);
	/* A malformed batch is not kept: a repeat of it is malformed again. */
	mutate_respond_problem(call, error, index >= 0 ? detail : NULL, index);
}

struct ops {
	struct mutate m;
	struct upload *upload;
};

static void ops_submit(struct call *call)
{
	struct ops *o = call->data;
	struct op_batch *batch;
	int index = -1;
	int r = op_batch_decode(
		http_request_header(call->req, "Content-Type"), upload_bytes(o->upload), &batch, &index);

	upload_release(o->upload);
	if (r < 0)
		respond_bad_batch(call, r, index);
	else
		mutate_submit_take(&o->m, batch);
}

static void ops_job(struct call *call, struct docs_store *store)
{
	int r = call_drive(call, store);

	if (r < 0)
		call_fail(call, r, NULL);
	else
		ops_submit(call);
}

static void ops_on_uploaded(void *cookie, int error, struct docs_store *store)
{
	struct ops *o = cookie;
	struct call *call = o->m.call;

	(void)store;
	if (error == 0)
		error = mutate_fingerprint(&o->m, upload_bytes(o->upload));
	if (error < 0)
		call_fail(call, error, NULL);
	else if (call->home || upload_bytes(o->upload).size > DECODE_HERE_BYTES)
		call_work(call, ops_job);
	else
		ops_submit(call);
}

void api_ops_apply(struct http_request *req, void *cookie)
{
	struct call *call = call_new(req, cookie);
	struct ops *o = call ? call_alloc(call, sizeof(*o)) : NULL;
	struct upload_options options = {
		.what = UPLOAD_BYTES, .max = BATCH_BYTES_MAX, .done = ops_on_uploaded, .cookie = o};
	int r;

	if (!o)
		return;
	call->data = o;
	r = mutate_init(&o->m, call);
	o->m.answer = ops_answer;
	if (r == 0)
		r = call_drive_number(call);
	if (r < 0)
		call_fail(call, r, NULL);
	else
		upload_start(call, &options, &o->upload);
}

/* ---- ids, sessions: no ops, but with keys ---- */

struct keyed_change {
	struct idempotent base; /* first */
	int64_t count;		/* number of ids */
	int64_t session;	/* the session that ends or is replaced; 0: none */
	struct buf name;	/* name of a session that begins */
};

static void keyed_change_fini(void *p)
{
	buf_fini(&((struct keyed_change *)p)->name);
}

/* NULL: the request has been answered. */
static struct keyed_change *keyed_change_new(struct http_request *req, void *cookie)
{
	struct call *call = call_new(req, cookie);
	struct keyed_change *s = call ? call_alloc(call, sizeof(*s)) : NULL;
	int r;

	if (!s)
		return NULL;
	call->data = s;
	buf_init(&s->name, NAME_BYTES_MAX);
	r = call_keep(call, s, keyed_change_fini);
	if (r == 0)
		r = mutate_init_whole(&s->base.m, call);
	if (r == 0)
		return s;
	call_fail(call, r, NULL);
	return NULL;
}

static int ids_change(struct idempotent *o, struct docs_store *store)
{
	struct keyed_change *s = (struct keyed_change *)o;
	json_t *answer;
	int64_t first = 0;
	int r = store->ops->ids_reserve(store, &o->m.call->scope, (uint32_t)s->count, &first);

	if (r < 0)
		return r;
	answer = json_object();
	if (item_json_set_id(answer, "first", first) < 0 ||
		json_object_set_new(answer, "count", json_integer(s->count)) < 0) {
		json_decref(answer);
		return -ENOMEM;
	}
	r = mutate_body_take(&o->m, answer);
	return r < 0 ? r : 201;
}

static void ids_job(struct call *call, struct docs_store *store)
{
	struct keyed_change *s = call->data;
	json_t *object = NULL, *count;
	int r = body_object(call, &object);

	count = json_object_get(object, "count");
	s->count = json_integer_value(count);
	if (r == 0 && (!json_is_integer(count) || s->count < 1 || s->count > IDS_PER_RESERVATION_MAX))
		r = -ERR_UNPROCESSABLE;
	json_decref(object);
	s->base.hidden = true;
	s->base.change_name = "ids";
	s->base.change = ids_change;
	if (r < 0)
		call_fail(call, r, r == -ERR_UNPROCESSABLE ? "the body must be {count: N}, N from 1 to 65536" : NULL);
	else
		idempotent_run(&s->base, store);
}

void api_ids_reserve(struct http_request *req, void *cookie)
{
	struct keyed_change *s = keyed_change_new(req, cookie);

	if (s)
		call_work(s->base.m.call, ids_job);
}

static int session_fields(struct call *call, struct keyed_change *s)
{
	json_t *object = NULL;
	int r;

	if (http_request_body(call->req).size == 0)
		return 0;
	r = body_object(call, &object);
	if (r == 0) {
		r = item_json_get_bytes(object, "name", &s->name);
		r = r == -ENOENT ? 0 : r == -EINVAL || r == -E2BIG ? -ERR_UNPROCESSABLE : r;
	}
	if (r == 0 && json_object_get(object, "replaces")) {
		r = item_json_get_id(object, "replaces", &s->session);
		if (r < 0 || s->session <= 0)
			r = -ERR_UNPROCESSABLE;
	}
	json_decref(object);
	return r;
}

/* Wakes the polls of the other mounts: they must learn at once that another mount came or went. */
static void sessions_changed(struct idempotent *o)
{
	const struct call *call = o->m.call;

	docs_tell(call->docs, call->scope.drive);
}

static int session_change(struct idempotent *o, struct docs_store *store)
{
	struct keyed_change *s = (struct keyed_change *)o;
	json_t *answer;
	int64_t session = 0;
	bool kept = false;
	int r = store->ops->session_create(store, &o->m.call->scope, buf_span(&s->name), s->session, &session);

	if (r == 0 && s->session != 0)
		r = store->ops->lock_kept(store, &o->m.call->scope, session, &kept);
	if (r < 0)
		return r;
	/* All changes of the replaced session are at or before this position. */
	if (o->ordered && mutate_header_position(&o->m, o->at) < 0)
		return -ENOMEM;
	answer = json_object();
	if (item_json_set_id(answer, "session", session) < 0 ||
		json_object_set_new(answer, "timeout_s", json_integer(SESSION_TIMEOUT_S)) < 0 ||
		json_object_set_new(answer, "lock_lease_s", json_integer(o->m.call->docs->lock_lease_s)) < 0 ||
		(s->session != 0 && json_object_set_new(answer, "locks_kept", json_boolean(kept)) < 0)) {
		json_decref(answer);
		return -ENOMEM;
	}
	r = mutate_body_take(&o->m, answer);
	return r < 0 ? r : 201;
}

static void session_create_job(struct call *call, struct docs_store *store)
{
	struct keyed_change *s = call->data;
	int r = session_fields(call, s);

	s->base.hidden = true;
	s->base.change_name = "session-create";
	s->base.change = session_change;
	s->base.ordered = s->session != 0;
	s->base.changed = sessions_changed;
	if (r < 0)
		call_fail(call, r,
			r == -ERR_UNPROCESSABLE
				? "the body must be {name?: a string, replaces?: the id of a session, as a string}"
				: NULL);
	else
		idempotent_run(&s->base, store);
}

void api_session_create(struct http_request *req, void *cookie)
{
	struct keyed_change *s = keyed_change_new(req, cookie);

	if (s)
		call_work(s->base.m.call, session_create_job);
}

static int session_end_change(struct idempotent *o, struct docs_store *store)
{
	struct keyed_change *s = (struct keyed_change *)o;
	int r = store->ops->session_end(store, &o->m.call->scope, s->session);

	return r < 0 ? r : 204;
}

static void session_end_job(struct call *call, struct docs_store *store)
{
	struct keyed_change *s = call->data;
	struct docs *docs = call->docs;
	uint32_t drive;

	s->base.hidden = true;
	s->base.change_name = "session-end";
	s->base.change = session_end_change;
	s->base.ordered = true; /* after the answer nothing of the session takes effect any more */
	s->base.changed = sessions_changed;
	if (text_parse_id(http_request_param(call->req, "session"), INT64_MAX, &s->session) < 0) {
		call_fail(call, -ERR_NOT_FOUND, NULL);
		return;
	}
	drive = call_drive(call, store) == 0 ? call->scope.drive : 0;
	idempotent_run(&s->base, store);
	/* The file locks of the session ended with it. The call may be freed by now. */
	if (drive > 0)
		api_locks_released(docs, drive);
}

void api_session_end(struct http_request *req, void *cookie)
{
	struct keyed_change *s = keyed_change_new(req, cookie);

	if (s)
		call_work(s->base.m.call, session_end_job);
}
