/*
 * POST …/folders makes a folder: the request names its parent (by id or path) and its name, or its own path
 * alone.
 *
 * The request is a friendlier way to send one op. The body is parsed on the server's thread; a job then finds the
 * parent, takes an id for the folder (id_ranges), and passes an op "create" to `mutate`, which puts it into a
 * batch, has the batch committed with whatever else waits for the drive, and keeps the answer under the request's
 * key. The rules (common/rules/tree) decide whether the folder can be made there; this file only decides what the
 * request means.
 *
 * The folder gets the owner and the group of the drive's root, since a request over HTTP has no user and group of
 * its own. Its mode is 0755 unless the body has another one.
 */
#include "backend/docs/api/api.h"
#include "backend/docs/request/body.h"
#include "backend/docs/request/mutate.h"
#include "backend/docs/request/id_ranges.h"
#include "backend/docs/request/target.h"
#include "common/base/error.h"
#include "common/base/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

#define NEW_FOLDER_MODE 0755

struct folder {
	struct mutate m;
	struct path path; /* of the parent */
	int64_t parent;	  /* 0: named by path */
	struct buf name;
	uint32_t mode;
};

static void folder_fini(void *p)
{
	struct folder *f = p;

	path_fini(&f->path);
	buf_fini(&f->name);
}

static int folder_answer(struct mutate *m, const struct op_result *results, struct docs_position at)
{
	char location[96];
	int r = mutate_body_item(m, &results[0].item);

	(void)at;
	snprintf(location, sizeof(location), "/api/v2/docs/drives/%" PRIu32 "/items/%" PRId64,
		ITEM_DRIVE(results[0].item.id), results[0].item.id);
	if (r == 0)
		r = mutate_header(m, "Location", location);
	return r < 0 ? r : 201;
}

static int find_parent(struct folder *f, struct docs_store *store, struct item *ret)
{
	struct target_copy copy = {.item = ret};
	struct docs_scope *scope = &f->m.call->scope;
	struct docs_position at;
	struct docs_walk walk = {.names = f->path.names, .count = f->path.count};
	int r;

	if (f->parent && ITEM_DRIVE(f->parent) != scope->drive)
		return -ERR_PARENT_MISSING;
	if (f->parent)
		r = store->ops->item_get(store, scope, f->parent, target_on_item, &copy, &at);
	else
		r = store->ops->item_path(store, scope, &walk, target_on_item, &copy, &at);
	if (r == -ERR_NOT_FOUND && (f->parent || f->path.count))
		return -ERR_PARENT_MISSING;
	return r;
}

static void folder_job(struct call *call, struct docs_store *store)
{
	struct folder *f = call->data;
	struct op op = {.kind = OP_CREATE,
		.fields = OP_HAS_ID | OP_HAS_MODE | OP_HAS_UID | OP_HAS_GID,
		.name = buf_span(&f->name),
		.mode = S_IFDIR | f->mode};
	struct item parent = {0}, root = {0};
	struct target_copy copy = {.item = &root};
	struct docs_position at;
	int r = call_drive(call, store);

	if (r == 0)
		r = find_parent(f, store, &parent);
	if (r == 0)
		r = store->ops->item_get(store, &call->scope, ITEM_ROOT(call->scope.drive), target_on_item, &copy, &at);
	if (r == 0)
		r = id_ranges_take(call->docs->id_ranges, store, &call->scope, 1, &op.id);
	if (r < 0) {
		mutate_refuse(&f->m, r, NULL);
		return;
	}
	op.parent = parent.id;
	op.uid = root.uid;
	op.gid = root.gid;
	mutate_ops(&f->m, &op, 1);
}

static int parse_name(struct folder *f, const json_t *object)
{
	int r = item_json_get_bytes(object, "name", &f->name);

	if (r == -ENOENT && f->path.count > 0) /* the path is that of the folder itself */
		r = buf_append_span(&f->name, f->path.names[--f->path.count]);
	if (r == -E2BIG)
		return -ENAMETOOLONG;
	if (r == 0)
		r = text_name_check(buf_span(&f->name));
	return r == -EINVAL || r == -ENOENT ? -ERR_UNPROCESSABLE : r;
}

static int parse_folder(struct folder *f, const json_t *object)
{
	const json_t *path = json_object_get(object, "path"), *mode = json_object_get(object, "mode");
	int r = item_json_get_id(object, "parent", &f->parent);

	if (r < 0 && r != -ENOENT)
		return -ERR_UNPROCESSABLE;
	if ((r == 0) == (path != NULL))
		return -ERR_UNPROCESSABLE; /* exactly one of the two is required */
	if (path && !json_is_string(path))
		return -ERR_UNPROCESSABLE;
	if (path && (r = path_split_text(&f->path, span_of(json_string_value(path), json_string_length(path)))) < 0)
		return r;
	f->mode = NEW_FOLDER_MODE;
	if (mode && (!json_is_integer(mode) || json_integer_value(mode) < 0 || json_integer_value(mode) > 07777))
		return -ERR_UNPROCESSABLE;
	if (mode)
		f->mode = (uint32_t)json_integer_value(mode);
	return parse_name(f, object);
}

void api_folder_create(struct http_request *req, void *cookie)
{
	struct call *call = call_new(req, cookie);
	struct folder *f = call ? call_alloc(call, sizeof(*f)) : NULL;
	json_t *object = NULL;
	int r;

	if (!f)
		return;
	call->data = f;
	path_init(&f->path);
	buf_init(&f->name, NAME_BYTES_MAX);
	r = call_keep(call, f, folder_fini);
	if (r == 0)
		r = mutate_init_whole(&f->m, call);
	f->m.answer = folder_answer;
	if (r == 0)
		r = body_object(call, &object);
	if (r == 0)
		r = parse_folder(f, object);
	if (r == -ERR_BAD_PATH)
		r = call_blame_path(call);
	json_decref(object);
	if (r < 0)
		call_fail(call, r,
			r == -ERR_UNPROCESSABLE
				? "the body must be {parent or path, name, mode?}: where the folder is to be made, what it is called, its permissions"
				: NULL);
	else
		call_work(call, folder_job);
}
