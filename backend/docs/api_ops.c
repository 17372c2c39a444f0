/* Batches of ops, reserved ids, sessions of mounts. */
#include "backend/docs/api.h"
#include "backend/docs/body.h"
#include "backend/docs/mutate.h"
#include "backend/docs/reply.h"
#include "backend/docs/upload.h"
#include "common/base/error.h"
#include "common/base/limits.h"
#include "common/base/text.h"

#include <errno.h>
#include <stdio.h>

#define DECODE_HERE_BYTES \
	(64u * 1024) /* a larger batch is decoded on a worker: 0.5 ms of the server's thread is enough */

/* ---- results ---- */

static int set_dirs(json_t *object, const struct tree_result *result)
{
	json_t *dirs = json_array();
	int r = dirs ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < result->dir_count; i++)
		r = json_array_append_new(dirs, item_to_json(&result->dirs[i])) < 0 ? -ENOMEM : 0;
	if (r < 0) {
		json_decref(dirs);
		return r;
	}
	return json_object_set_new(object, "dirs", dirs) < 0 ? -ENOMEM : 0;
}

static json_t *result_json(const struct op *op, const struct tree_result *result)
{
	json_t *o = json_object();
	int r = o ? 0 : -ENOMEM;

	if (r == 0 && result->id)
		r = item_json_set_id(o, "id", result->id);
	if (r == 0 && result->has_item)
		r = json_object_set_new(o, "item", item_to_json(&result->item)) < 0 ? -ENOMEM : 0;
	if (r == 0 && result->replaced)
		r = item_json_set_id(o, "replaced", result->replaced);
	if (r == 0 && op->kind == OP_CLONE)
		r = json_object_set_new(o, "len", json_integer(result->len)) < 0 ? -ENOMEM : 0;
	if (r == 0)
		r = set_dirs(o, result);
	if (r < 0) {
		json_decref(o);
		return NULL;
	}
	return o;
}

static int ops_answer(struct mutate *m, const struct tree_result *results, struct docs_position at)
{
	json_t *list = json_array(), *root = json_object();
	int r = root ? json_object_set_new(root, "results", list) : -1;

	for (size_t i = 0; r == 0 && i < op_batch_count(m->batch); i++)
		r = json_array_append_new(list, result_json(op_batch_at(m->batch, i), &results[i]));
	if (r == 0)
		r = item_json_set_id(root, "last", at.seq);
	if (r < 0) {
		json_decref(root);
		return -ENOMEM;
	}
	r = mutate_body_take(m, root);
	return r < 0 ? r : 200;
}

/* ---- ops ---- */

static void respond_bad_batch(struct call *call, int error, int index)
{
	char detail[64];

	if (index >= 0)
		snprintf(detail, sizeof(detail), "op %d of the batch", index);
	/* What was refused for its form is not kept: a repeat is refused for its form again. */
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
	if (r < 0)
		call_fail(call, r, NULL);
	else
		upload_start(call, &options, &o->upload);
}

/* ---- ids ---- */

static void ids_job(struct call *call, struct docs_store *store)
{
	json_t *object = NULL;
	int64_t count = 0, first = 0;
	json_t *answer;
	int r = body_object(call, &object);

	if (r == 0 &&
		(!json_is_integer(json_object_get(object, "count")) ||
			(count = json_integer_value(json_object_get(object, "count"))) < 1 ||
			count > IDS_PER_RESERVATION_MAX))
		r = -ERR_UNPROCESSABLE;
	json_decref(object);
	if (r == 0)
		r = call_drive(call, store);
	if (r == 0)
		r = store->ops->ids_reserve(store, &call->scope, (uint32_t)count, &first);
	if (r < 0) {
		call_fail(call, r, r == -ERR_UNPROCESSABLE ? "{count: 1..65536}" : NULL);
		return;
	}
	answer = json_object();
	if (item_json_set_id(answer, "first", first) < 0 ||
		json_object_set_new(answer, "count", json_integer(count)) < 0) {
		json_decref(answer);
		answer = NULL;
	}
	reply_json_take(call, 201, NULL, answer);
}

void api_ids_reserve(struct http_request *req, void *cookie)
{
	struct call *call = call_new(req, cookie);

	if (call)
		call_work(call, ids_job);
}

/* ---- sessions ---- */

static int session_name(struct call *call, struct buf *ret)
{
	json_t *object = NULL;
	int r;

	if (http_request_body(call->req).size == 0)
		return 0;
	r = body_object(call, &object);
	if (r == 0) {
		r = item_json_get_bytes(object, "name", ret);
		r = r == -ENOENT ? 0 : r == -EINVAL || r == -E2BIG ? -ERR_UNPROCESSABLE : r;
	}
	json_decref(object);
	return r;
}

static void session_create_job(struct call *call, struct docs_store *store)
{
	struct buf name;
	int64_t session = 0;
	json_t *answer;
	int r;

	buf_init(&name, NAME_BYTES_MAX);
	r = session_name(call, &name);
	if (r == 0)
		r = call_drive(call, store);
	if (r == 0)
		r = store->ops->session_create(store, &call->scope, buf_span(&name), &session);
	buf_fini(&name);
	if (r < 0) {
		call_fail(call, r, NULL);
		return;
	}
	answer = json_object();
	if (item_json_set_id(answer, "session", session) < 0 ||
		json_object_set_new(answer, "timeout_s", json_integer(SESSION_TIMEOUT_S)) < 0) {
		json_decref(answer);
		answer = NULL;
	}
	reply_json_take(call, 201, NULL, answer);
}

void api_session_create(struct http_request *req, void *cookie)
{
	struct call *call = call_new(req, cookie);

	if (call)
		call_work(call, session_create_job);
}

static void session_end_job(struct call *call, struct docs_store *store)
{
	int64_t session;
	int r = call_drive(call, store);

	if (r == 0 && (text_parse_i64(http_request_param(call->req, "session"), &session) < 0 || session <= 0))
		r = -ERR_NOT_FOUND;
	if (r == 0)
		r = store->ops->session_end(store, &call->scope, session);
	if (r < 0)
		call_fail(call, r, NULL);
	else
		http_respond(call->req, 204, NULL, span_of(NULL, 0));
}

void api_session_end(struct http_request *req, void *cookie)
{
	struct call *call = call_new(req, cookie);

	if (call)
		call_work(call, session_end_job);
}
