/*
 * Drives: to list, make, read, change, delete, and restore from the trash.
 *
 * Reads run a statement and print rows. A user who has no drive gets a first one, called "home", with his first
 * request that needs it (call_drive). Changes are no ops of the journal, and still may be sent again under a key
 * without happening twice: each is a `struct drive_change`, whose `base` (idempotent) looks up the key, runs the
 * change and keeps the answer, all in one transaction. The functions that end in _change run inside that
 * transaction.
 *
 * A key is kept with a drive. When a drive is just being made, or lies in the trash and so cannot be locked, the
 * key is kept with the user's first drive instead (call->home); then `target` is the drive that is meant.
 * Deleting a drive puts it into the trash; it is removed for good after some days, or when it is deleted once
 * more there. When a drive is deleted or restored, requests that wait for its changes are woken, at every
 * instance: they look again and find that out.
 *
 * A first drive that is restored replaces the one that was made meanwhile, if that one is empty. Gateways may
 * take the other drive for `home` for a while, so this request is answered late.
 */
#include "backend/docs/api/api.h"
#include "backend/docs/request/blocks.h"
#include "backend/docs/request/body.h"
#include "backend/docs/request/idempotent.h"
#include "backend/docs/request/reply.h"
#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/limits.h"
#include "common/base/text.h"
#include "common/proto/headers.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

/* Bytes that can still be written: limited by the quota and by the disk. */
static int64_t free_bytes(const struct docs *docs, const struct docs_drive *drive)
{
	int64_t room = INT64_MAX, left;

	if (blocks_disk_left(docs, &room) < 0)
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
	r = r < 0 ? r : json_object_set_new(o, "documents", json_integer(drive->row.documents));
	r = r < 0 ? r : json_object_set_new(o, "documents_max", json_integer(drive->row.documents_max));
	r = r < 0 ? r : json_object_set_new(o, "extents", json_integer(drive->row.extents));
	r = r < 0 ? r : json_object_set_new(o, "extents_max", json_integer(drive->row.extents_max));
	r = r < 0 ? r : json_object_set_new(o, "free", json_integer(free_bytes(docs, drive)));
	r = r < 0 ? r : item_json_set_id(o, "seq", drive->at.seq);
	r = r < 0 ? r : item_json_set_id(o, "incarnation", drive->at.incarnation);
	r = r < 0 ? r : item_json_set_id(o, "root", ITEM_ROOT(drive->row.id));
	if (r == 0 && drive->trashed_at != 0)
		r = json_object_set_new(o, "trashed_at", json_integer(drive->trashed_at));
	if (r == 0 && drive->trashed_at != 0)
		r = json_object_set_new(o, "purged_at", json_integer(drive->trashed_at + TRASH_DAYS * 86400ll));
	if (r == 0 && drive->bare)
		r = json_object_set_new(o, "bare", json_true());
	if (r < 0) {
		json_decref(o);
		return NULL;
	}
	return o;
}

static void send_drive(struct call *call, const struct docs_drive *drive)
{
	struct http_headers headers;

	http_headers_init(&headers);
	reply_position(&headers, drive->at);
	reply_usage(&headers, drive->row.used, drive->row.quota);
	reply_json_take(call, 200, &headers, drive_json(call->docs, drive));
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
	bool trashed = false;
	int r = http_request_query_bool(call->req, "trashed", &trashed);

	call->home = true; /* the first drive is made at first use, and this request may be it */
	if (r == 0 && !trashed)
		r = call_drive_beside(call, store);
	if (r == 0 && trashed)
		r = store->ops->drive_trash_list(store, call->user, list_on_drive, &l);
	else if (r == 0)
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
	call_start(req, cookie, list_job);
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
		send_drive(call, &drive);
}

void api_drive_get(struct http_request *req, void *cookie)
{
	call_start(req, cookie, get_job);
}

/* ---- make, change, delete ---- */

#define DRIVE_FORM \
	"the body must be {name, quota?}: a name of 1 to 255 bytes without / and NUL, and (from administrators) bytes; 0: no limit"

struct drive_change {
	struct idempotent base; /* first */
	struct buf name;
	bool has_name, has_quota;
	int64_t quota;
	uint32_t target; /* the drive in the trash that is meant; 0: the call's drive */
};

static void change_fini(void *p)
{
	buf_fini(&((struct drive_change *)p)->name);
}

static bool is_quota(const json_t *value)
{
	return json_is_integer(value) && json_integer_value(value) >= 0 &&
		json_integer_value(value) <= (int64_t)FILE_BYTES_MAX;
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
	if (r == 0 && quota && !is_quota(quota))
		r = -ERR_UNPROCESSABLE;
	if (r == 0 && quota)
		r = call_may(call, ACCESS_DRIVE_QUOTA, call->user);
	c->quota = json_integer_value(quota);
	json_decref(object);
	return r;
}

/* NULL: the request has been answered. */
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
		r = mutate_init_whole(&c->base.m, call);
	if (r == 0)
		return c;
	call_fail(call, r, NULL);
	return NULL;
}

static void change_run(struct call *call, struct docs_store *store)
{
	idempotent_run(&((struct drive_change *)call->data)->base, store);
}

/* The answer of send_drive, in the form that can be kept. */
static int answer_drive(struct mutate *m, int status, const struct docs_drive *drive)
{
	char text[HEADERS_VALUE_SIZE];
	int r = mutate_body_take(m, drive_json(m->call->docs, drive));

	headers_position_print(drive->at.incarnation, drive->at.seq, text);
	r = r < 0 ? r : mutate_header(m, HEADER_SEQ, text);
	headers_usage_print(drive->row.used, drive->row.quota, text);
	r = r < 0 ? r : mutate_header(m, HEADER_USAGE, text);
	snprintf(text, sizeof(text), "/api/v2/docs/drives/%" PRIu32, drive->row.id);
	if (r == 0 && status == 201)
		r = mutate_header(m, "Location", text);
	return r < 0 ? r : status;
}

static int create_change(struct idempotent *o, struct docs_store *store)
{
	struct drive_change *c = (struct drive_change *)o;
	const struct call *call = o->m.call;
	struct docs_drive drive = {0};
	int r = store->ops->drive_create(
		store, call->user, buf_span(&c->name), c->has_quota ? c->quota : call->docs->default_quota, &drive);

	return r < 0 ? r : answer_drive(&o->m, 201, &drive);
}

void api_drive_create(struct http_request *req, void *cookie)
{
	struct drive_change *c = change_new(req, cookie);
	struct call *call = c ? c->base.m.call : NULL;
	int r = c ? parse_drive(call, c) : 0;

	if (!c)
		return;
	if (r == 0 && !c->has_name)
		r = -ERR_UNPROCESSABLE;
	if (r < 0) {
		call_fail(call, r, r == -ERR_UNPROCESSABLE ? DRIVE_FORM : NULL);
		return;
	}
	call->home = true; /* the key of making a drive is kept with the user's first drive */
	c->base.hint_of = -EDQUOT;
	c->base.hint =
		"you have as many drives as a user may have, those in the trash included: delete one for good first";
	c->base.beside = true;
	c->base.grows = true;
	c->base.change_name = "drive-create";
	c->base.change = create_change;
	call_work(call, change_run);
}

static int change_change(struct idempotent *o, struct docs_store *store)
{
	struct drive_change *c = (struct drive_change *)o;
	const struct docs_scope *scope = &o->m.call->scope;
	struct docs_drive drive = {0};
	struct span name = buf_span(&c->name);
	int r = 0;

	if (c->has_name || c->has_quota)
		r = store->ops->drive_change(store, scope, c->has_name ? &name : NULL, c->has_quota ? &c->quota : NULL);
	if (r == 0)
		r = store->ops->drive_get(store, scope, &drive);
	return r < 0 ? r : answer_drive(&o->m, 200, &drive);
}

void api_drive_change(struct http_request *req, void *cookie)
{
	struct drive_change *c = change_new(req, cookie);
	int r = c ? parse_drive(c->base.m.call, c) : 0;

	if (!c)
		return;
	if (r < 0) {
		call_fail(c->base.m.call, r, r == -ERR_UNPROCESSABLE ? DRIVE_FORM : NULL);
		return;
	}
	c->base.change_name = "drive-change";
	c->base.change = change_change;
	call_work(c->base.m.call, change_run);
}

/* ---- the trash ---- */

/* A client that gets the answer that a drive is `home` again must find it there, at each gateway. The clocks of
 * gateways may be slower than ours, by at most a thousandth; the 50 ms allow for the reading of clocks. */
#define HOME_MOVED_NS ((RING_HOME_BELIEVED_MS + RING_HOME_BELIEVED_MS / 1000 + 50) * NS_PER_MS)

/* Wakes all that wait for changes of the drive, at every instance: mounts and event streams look again, and find
 * out. */
static void tell_drive(struct idempotent *o)
{
	const struct drive_change *c = (struct drive_change *)o;

	docs_tell(o->m.call->docs, c->target ? c->target : o->m.call->scope.drive);
}

static struct docs_scope target_of(const struct drive_change *c)
{
	struct docs_scope scope = c->base.m.call->scope;

	if (c->target)
		scope.drive = c->target;
	return scope;
}

static int delete_change(struct idempotent *o, struct docs_store *store)
{
	const char *confirm = http_request_query(o->m.call->req, "confirm");
	const struct drive_change *c = (struct drive_change *)o;
	const struct docs_scope scope = target_of(c);
	const struct span name = span_str(confirm ? confirm : "");
	int r = c->target ? store->ops->drive_purge(store, &scope, confirm ? &name : NULL)
			  : store->ops->drive_trash(store, &scope, confirm ? &name : NULL);

	return r < 0 ? r : 204;
}

/* A drive in the trash cannot be locked: the key is kept with the user's first drive, like that of making a
 * drive. */
static int target_trashed(struct drive_change *c)
{
	struct call *call = c->base.m.call;

	if (call->home)
		return -ERR_NOT_FOUND; /* a drive in the trash is named by its id */
	c->target = call->scope.drive;
	call->scope.drive = 0;
	call->home = true;
	return 0;
}

void api_drive_delete(struct http_request *req, void *cookie)
{
	struct drive_change *c = change_new(req, cookie);
	bool trashed = false;
	int r = c ? http_request_query_bool(req, "trashed", &trashed) : 0;

	if (!c)
		return;
	if (r == 0 && trashed)
		r = target_trashed(c);
	if (r < 0) {
		call_fail(c->base.m.call, r, NULL);
		return;
	}
	c->base.beside = trashed; /* the key is kept with the caller's first drive */
	c->base.change_name = "drive-delete";
	c->base.change = delete_change;
	c->base.changed = tell_drive;
	c->base.ordered = !trashed; /* nothing is added to the drive between the check and the deletion */
	c->base.hint_of = -ERR_CONFIRM;
	c->base.hint =
		"the drive has something in it: send the request again with ?confirm=NAME, the name of the drive";
	call_work(c->base.m.call, change_run);
}

static int restore_change(struct idempotent *o, struct docs_store *store)
{
	const struct docs_scope scope = target_of((struct drive_change *)o);
	struct docs_drive drive = {0};
	bool replaced = false;
	int r = store->ops->drive_restore(store, &scope, &replaced);

	if (r == 0)
		r = store->ops->drive_get(store, &scope, &drive);
	if (r == 0)
		o->late_ns = replaced ? HOME_MOVED_NS : 0;
	return r < 0 ? r : answer_drive(&o->m, 200, &drive);
}

void api_drive_restore(struct http_request *req, void *cookie)
{
	struct drive_change *c = change_new(req, cookie);

	if (!c)
		return;
	if (target_trashed(c) < 0) {
		call_fail(c->base.m.call, -ERR_NOT_FOUND,
			"a drive in the trash is restored by its id: ?trashed=true lists them");
		return;
	}
	c->base.beside = true;
	c->base.late_ns = HOME_MOVED_NS;
	c->base.change_name = "drive-restore";
	c->base.change = restore_change;
	c->base.changed = tell_drive;
	call_work(c->base.m.call, change_run);
}
