/* Drives: list, make, look at, change, throw away. */
#include "backend/docs/api.h"
#include "backend/docs/body.h"
#include "backend/docs/mutate.h"
#include "backend/docs/reply.h"
#include "common/base/error.h"
#include "common/base/limits.h"
#include "common/base/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

/* Bytes that can still be written: what the quota leaves, or the disk. */
static int64_t free_bytes(const struct docs *docs, const struct docs_drive *drive)
{
	int64_t room = INT64_MAX, left;

	if (docs->blocks->ops->free_bytes(docs->blocks, &room) < 0)
		room = 0;
	left = drive->row.quota > 0 ? drive->row.quota - drive->row.used : room;
	left = left < 0 ? 0 : left;
	return left < room ? left : room;
}

static json_t *drive_json(const struct docs *docs, const struct docs_drive *drive)
{
	json_t *o = json_object();
	int r = o ? 0 : -ENOMEM;

	r = r < 0 ? r : item_json_set_id(o, "id", drive->row.id);
	r = r < 0 ? r : item_json_set_bytes(o, "name", drive->name);
	r = r < 0 ? r : json_object_set_new(o, "quota", json_integer(drive->row.quota));
	r = r < 0 ? r : json_object_set_new(o, "used", json_integer(drive->row.used));
	r = r < 0 ? r : json_object_set_new(o, "free", json_integer(free_bytes(docs, drive)));
	r = r < 0 ? r : item_json_set_id(o, "seq", drive->at.seq);
	r = r < 0 ? r : item_json_set_id(o, "incarnation", drive->at.incarnation);
	r = r < 0 ? r : item_json_set_id(o, "root", ITEM_ROOT(drive->row.id));
	if (r < 0) {
		json_decref(o);
		return NULL;
	}
	return o;
}

static void send_drive(struct call *call, int status, const struct docs_drive *drive)
{
	struct http_headers headers;

	http_headers_init(&headers);
	reply_position(&headers, drive->at);
	reply_usage(&headers, drive->row.used, drive->row.quota);
	if (status == 201)
		(void)http_headers_addf(&headers, "Location", "/api/v2/docs/drives/%" PRIu32, drive->row.id);
	reply_json_take(call, status, &headers, drive_json(call->docs, drive));
	http_headers_fini(&headers);
}

/* ---- list ---- */

struct drive_list {
	const struct docs *docs;
	json_t *list;
};

static int list_on_drive(const struct docs_drive *drive, void *cookie)
{
	struct drive_list *l = cookie;

	return json_array_append_new(l->list, drive_json(l->docs, drive)) < 0 ? -ENOMEM : 0;
}

static void list_job(struct call *call, struct docs_store *store)
{
	struct drive_list l = {.docs = call->docs, .list = json_array()};
	int r;

	call->home = true; /* the first drive is made at first use, and this may be it */
	r = call_drive(call, store);
	if (r == 0)
		r = store->ops->drive_list(store, call->user, list_on_drive, &l);
	if (r < 0) {
		json_decref(l.list);
		call_fail(call, r, NULL);
		return;
	}
	reply_json_take(call, 200, NULL, json_pack("{s:o}", "drives", l.list));
}

void api_drives_list(struct http_request *req, void *cookie)
{
	struct call *call = call_new(req, cookie);

	if (call)
		call_work(call, list_job);
}

/* ---- one ---- */

static void get_job(struct call *call, struct docs_store *store)
{
	struct docs_drive drive = {0};
	int r = call_drive(call, store);

	if (r == 0)
		r = store->ops->drive_get(store, &call->scope, &drive);
	if (r < 0)
		call_fail(call, r, NULL);
	else
		send_drive(call, 200, &drive);
}

void api_drive_get(struct http_request *req, void *cookie)
{
	struct call *call = call_new(req, cookie);

	if (call)
		call_work(call, get_job);
}

/* ---- make, change ---- */

struct drive_change {
	struct mutate m; /* first */
	struct buf name;
	bool has_name, has_quota;
	int64_t quota;
};

static void change_fini(void *p)
{
	buf_fini(&((struct drive_change *)p)->name);
}

static int parse_drive(struct call *call, struct drive_change *c)
{
	json_t *object = NULL, *quota;
	int r = body_object(call, &object);

	if (r < 0)
		return r;
	r = item_json_get_bytes(object, "name", &c->name);
	c->has_name = r == 0;
	if (r == 0)
		r = text_name_check(buf_span(&c->name));
	r = r == -ENOENT ? 0 : r == -EINVAL ? -ERR_UNPROCESSABLE : r == -E2BIG ? -ENAMETOOLONG : r;
	quota = json_object_get(object, "quota");
	c->has_quota = quota != NULL;
	if (r == 0 && quota && (!json_is_integer(quota) || json_integer_value(quota) < 0))
		r = -ERR_UNPROCESSABLE;
	if (r == 0 && quota && !call->admin)
		r = -ERR_FORBIDDEN;
	c->quota = json_integer_value(quota);
	json_decref(object);
	return r;
}

/* NULL: answered. */
static struct drive_change *change_new(struct http_request *req, void *cookie)
{
	struct call *call = call_new(req, cookie);
	struct drive_change *c = call ? call_alloc(call, sizeof(*c)) : NULL;
	int r;

	if (!c)
		return NULL;
	call->data = c;
	buf_init(&c->name, NAME_BYTES_MAX);
	r = call_keep(call, c, change_fini);
	if (r == 0)
		r = mutate_init(&c->m, call);
	if (r == 0)
		r = mutate_fingerprint(&c->m, http_request_body(req));
	if (r == 0)
		r = parse_drive(call, c);
	if (r == 0)
		return c;
	call_fail(call, r, r == -ERR_UNPROCESSABLE ? "{name, quota?}" : NULL);
	return NULL;
}

static void create_change(struct mutate *m, struct docs_store *store)
{
	struct drive_change *c = (struct drive_change *)m;
	struct call *call = m->call;
	struct docs_drive drive = {0};
	int r = store->ops->drive_create(
		store, call->user, buf_span(&c->name), c->has_quota ? c->quota : call->docs->default_quota, &drive);

	if (r < 0)
		call_fail(call, r, NULL);
	else if (mutate_has_key(m))
		mutate_once_take(m, 201, drive_json(call->docs, &drive));
	else
		send_drive(call, 201, &drive);
}

/* The key of a drive's making is kept with the user's first one. */
static void create_job(struct call *call, struct docs_store *store)
{
	int r;

	call->home = true;
	r = call_drive(call, store);
	if (r < 0)
		call_fail(call, r, NULL);
	else
		mutate_once(call->data, store, create_change);
}

void api_drive_create(struct http_request *req, void *cookie)
{
	struct drive_change *c = change_new(req, cookie);

	if (c && !c->has_name)
		call_fail(c->m.call, -ERR_UNPROCESSABLE, "{name, quota?}");
	else if (c)
		call_work(c->m.call, create_job);
}

/* Setting what is set already changes nothing: that needs no key. */
static void change_job(struct call *call, struct docs_store *store)
{
	struct drive_change *c = call->data;
	struct docs_drive drive = {0};
	struct span name = buf_span(&c->name);
	int r = call_drive(call, store);

	if (r == 0 && (c->has_name || c->has_quota))
		r = store->ops->drive_change(
			store, &call->scope, c->has_name ? &name : NULL, c->has_quota ? &c->quota : NULL);
	if (r == 0)
		r = store->ops->drive_get(store, &call->scope, &drive);
	if (r < 0)
		call_fail(call, r, NULL);
	else
		send_drive(call, 200, &drive);
}

void api_drive_change(struct http_request *req, void *cookie)
{
	struct drive_change *c = change_new(req, cookie);

	if (c)
		call_work(c->m.call, change_job);
}

static void delete_job(struct call *call, struct docs_store *store)
{
	int r = call_drive(call, store);

	if (r == 0)
		r = store->ops->drive_trash(store, &call->scope);
	if (r < 0)
		call_fail(call, r, NULL);
	else
		http_respond(call->req, 204, NULL, span_of(NULL, 0));
}

void api_drive_delete(struct http_request *req, void *cookie)
{
	struct call *call = call_new(req, cookie);

	if (call)
		call_work(call, delete_job);
}
