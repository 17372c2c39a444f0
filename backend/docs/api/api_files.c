/*
 * Content of documents by path and by id.
 *
 * A PUT first checks whether the change is allowed (before it asks for a byte of the body), receives the body
 * (upload), checks again when that took long, and then submits one batch: the missing folders, the document if it
 * is new, its content. The conditions of the request are bound into the batch; without conditions, a change by
 * another request in between makes the PUT check again. A refusal is sent before the body, with a key too, unless
 * an answer may be kept under the key: then the request may be a repeat, which gets the kept answer if its body
 * is the same, so the body is hashed but not stored.
 */
#include "backend/docs/api/api.h"
#include "backend/docs/request/content.h"
#include "backend/docs/request/mutate.h"
#include "backend/docs/request/id_ranges.h"
#include "backend/docs/request/reply.h"
#include "backend/docs/request/tagging.h"
#include "backend/docs/request/target.h"
#include "backend/docs/request/upload.h"
#include "common/base/error.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/stat.h>

#define TRIES_MAX 4 /* if another request was faster each time, the client gets the error */
#define NEW_FILE_MODE 0644
#define NEW_FOLDER_MODE 0755

/* ---- GET, HEAD ---- */

#define GET_TRIES_MAX 16 /* for a document that changes each time: a lookup takes less than a millisecond */

struct get {
	struct target target;
	unsigned tries;
};

static void get_job(struct call *call, struct docs_store *store);

/* The detail of a refusal of a document that has no content, and is no folder; otherwise NULL. */
static const char *why_no_content(const struct target *t)
{
	if (!t->exists || S_ISREG(t->item.mode) || S_ISDIR(t->item.mode))
		return NULL;
	return S_ISLNK(t->item.mode) ? "this is a symbolic link, which has no content: name the file that it points to"
				     : "this is a special file, which has no content";
}

static int check_readable(const struct target *t)
{
	if (!t->exists)
		return -ERR_NOT_FOUND;
	if (S_ISDIR(t->item.mode))
		return -EISDIR;
	return S_ISREG(t->item.mode) ? target_check(t, true) : -EINVAL;
}

static void respond_not_modified(struct call *call, const struct target *t)
{
	struct http_headers headers;

	http_headers_init(&headers);
	(void)http_headers_add(&headers, "ETag", t->etag);
	(void)http_headers_add(&headers, "Cache-Control", CONTENT_CACHE_CONTROL);
	reply_position(&headers, t->at);
	tagging_say(call, &headers);
	/* The length in a 304 is that of the content, which is not sent. */
	http_respond_length(call->req, 304, &headers, (uint64_t)t->item.size);
	http_headers_fini(&headers);
}

static void get_send(struct call *call, struct docs_store *store)
{
	struct get *g = call->data;
	const struct target *t = &g->target;
	struct content c = {.call = call,
		.etag = t->etag,
		.at = t->at,
		.size = t->item.size,
		.mtime_ns = t->item.mtime,
		.document = t->item.id,
		.content_seq = t->item.content_seq};

	c.type = content_type_of(t->item.name, &c.attachment);
	if (content_respond(&c, store) == 0)
		return;
	/* Another request has written the document between the two lookups. */
	if (++g->tries < GET_TRIES_MAX)
		call_work(call, get_job);
	else
		call_fail(call, -ERR_UNAVAILABLE, NULL);
}

static void get_job(struct call *call, struct docs_store *store)
{
	struct target *t = &((struct get *)call->data)->target;
	int r = call_drive(call, store);

	if (r == 0) {
		tagging_begin(call);
		r = target_find(t, store);
	}
	if (r == 0)
		r = check_readable(t);
	if (r == PRECONDITION_NOT_MODIFIED) {
		respond_not_modified(call, t);
		return;
	}
	if (r == -ERR_NOT_FOUND && t->by_path)
		tagging_not_found(call, t->at);
	else if (r == -EINVAL)
		call_fail(call, r, why_no_content(t));
	else if (r < 0)
		tagging_fail(call, r);
	else if (t->item.size > INLINE_BYTES_MAX)
		call_work_slow(call, get_send);
	else
		get_send(call, store);
}

void api_file_get(struct http_request *req, void *cookie)
{
	struct call *call = call_new(req, cookie);
	struct get *g = call ? call_alloc(call, sizeof(*g)) : NULL;
	int r;

	if (!g)
		return;
	call->data = g;
	r = target_init(&g->target, call);
	if (r < 0)
		call_fail(call, r, NULL);
	else
		call_work(call, get_job);
}

/* ---- PUT ---- */

struct put {
	struct mutate m;
	struct target target;
	struct call *call;
	struct upload *upload;
	struct digest digest;
	bool parents;  /* make missing folders */
	bool uploaded; /* the body has been received */
	bool looked;   /* the lookup in `target` is recent */
	int refusal;   /* error of a request that may be a repeat; 0: none */
	unsigned tries;
	struct item root;	       /* new documents get its owner and group */
	int64_t document, content_seq; /* result of the ops */
};

/* Looks up the target and checks whether the request is allowed on it. */
static int put_judge(struct put *p, struct docs_store *store)
{
	struct target *t = &p->target;
	size_t missing;
	int r = target_find(t, store);

	if (r < 0)
		return r;
	if (t->by_path && t->path.count == 0)
		return -EISDIR;
	if (t->exists && !S_ISREG(t->item.mode))
		return S_ISDIR(t->item.mode) ? -EISDIR : -EINVAL;
	r = target_check(t, false);
	if (r < 0 || t->exists)
		return r;
	missing = t->path.count - t->depth - 1;
	if (!S_ISDIR(t->folder.mode))
		return -ENOTDIR;
	return missing > 0 && !p->parents ? -ERR_PARENT_MISSING : 0;
}

/* Keeps the digest of content in several places: for content in one place the digest is available anyway. If
 * keeping it fails, none is known. */
static void put_keep_digest(struct call *call, struct docs_store *store)
{
	struct put *p = call->data;

	(void)store->ops->digest_keep(
		store, p->document, p->content_seq, (const uint8_t *)upload_digest(p->upload).data);
	mutate_answer(&p->m);
}

static int put_answer(struct mutate *m, const struct op_result *results, struct docs_position at)
{
	struct put *p = m->cookie;
	const struct item *item = &results[op_batch_count(m->batch) - 1].item;
	bool created = op_batch_count(m->batch) > 1;
	size_t places;
	char location[96];
	int r = mutate_body_item(m, item);

	(void)at;
	upload_keep(p->upload);
	p->document = item->id;
	p->content_seq = item->content_seq;
	(void)upload_extents(p->upload, &places);
	m->afterwards = places > 1 && upload_is_hashed(p->upload) ? put_keep_digest : NULL;
	if (r == 0 && created) {
		snprintf(location, sizeof(location), "/api/v2/docs/drives/%" PRIu32 "/items/%" PRId64,
			p->call->scope.drive, item->id);
		r = mutate_header(m, "Location", location);
	}
	return r < 0 ? r : created ? 201 : 200;
}

static bool put_may_retry(struct mutate *m, int error)
{
	struct put *p = m->cookie;

	/* With conditions -ERR_PRECONDITION is the answer; these errors mean that names have changed since the
	 * lookup. */
	return p->tries < TRIES_MAX &&
		(error == -EEXIST || error == -ENOENT || error == -ENOTDIR || error == -EISDIR ||
			error == -ERR_NOT_FOUND || error == -ERR_PARENT_MISSING || error == -ESTALE);
}

static void put_apply(struct call *call, struct docs_store *store);

static void put_retry(struct mutate *m)
{
	struct put *p = m->cookie;

	p->looked = false;
	call_work(p->call, put_apply);
}

static struct op write_op(const struct put *p, int64_t id)
{
	struct op op = {.kind = OP_WRITE,
		.fields = OP_REPLACE | OP_HAS_SIZE | OP_DROP_SETID,
		.id = id,
		.size = upload_size(p->upload)};

	op.extents = upload_extents(p->upload, &op.extent_count);
	return op;
}

/* The document is new: creates the folders on the way to it, the document, and its content. */
static int put_new(struct put *p, struct docs_store *store)
{
	struct target *t = &p->target;
	size_t count = t->path.count - t->depth;
	struct op *ops = calloc(count + 1, sizeof(*ops));
	struct target_copy root = {.item = &p->root};
	struct docs_position at;
	int64_t id = 0, parent = t->folder.id;
	int r = ops ? 0 : -ENOMEM;

	if (r == 0)
		r = id_ranges_take(p->call->docs->id_ranges, store, &p->call->scope, (uint32_t)count, &id);
	if (r == 0)
		r = store->ops->item_get(
			store, &p->call->scope, ITEM_ROOT(p->call->scope.drive), target_on_item, &root, &at);
	for (size_t i = 0; r == 0 && i < count; i++) {
		bool last = i + 1 == count;

		ops[i] = (struct op){.kind = OP_CREATE,
			.fields = OP_HAS_ID | OP_HAS_MODE | OP_HAS_UID | OP_HAS_GID,
			.id = id + (int64_t)i,
			.parent = parent,
			.name = t->path.names[t->depth + i],
			.mode = last ? S_IFREG | NEW_FILE_MODE : S_IFDIR | NEW_FOLDER_MODE,
			.uid = p->root.uid,
			.gid = p->root.gid};
		parent = ops[i].id;
	}
	if (r == 0) {
		ops[count] = write_op(p, parent);
		mutate_ops(&p->m, ops, count + 1);
	}
	free(ops);
	return r;
}

static void put_apply(struct call *call, struct docs_store *store)
{
	struct put *p = call->data;
	struct op op;
	int r = 0;

	if (p->refusal) {
		mutate_refuse(&p->m, p->refusal, why_no_content(&p->target));
		return;
	}
	if (!p->looked)
		r = put_judge(p, store);
	p->tries++;
	if (r == 0 && p->target.exists) {
		op = write_op(p, p->target.item.id);
		target_bind(&p->target, &op);
		mutate_ops(&p->m, &op, 1);
		return;
	}
	if (r == 0)
		r = put_new(p, store);
	if (r < 0)
		mutate_refuse(&p->m, r, r == -EINVAL ? why_no_content(&p->target) : NULL);
}

static void put_on_uploaded(void *cookie, int error, struct docs_store *store)
{
	struct put *p = cookie;

	if (error == 0)
		error = mutate_fingerprint(&p->m, upload_digest(p->upload));
	if (error < 0) {
		call_fail(p->call, error, NULL);
		return;
	}
	/* Storing blocks takes time: the lookup from before is outdated. */
	p->looked = p->looked && !upload_has_blocks(p->upload);
	put_apply(p->call, store);
}

/* Checks whether a body of announced length fits into the drive. Inline content is checked by the transaction. */
static int put_room(struct put *p, struct docs_store *store)
{
	int64_t length = http_request_length(p->call->req), room = 0;
	int r;

	if (length <= (int64_t)INLINE_BYTES_MAX)
		return 0;
	r = upload_room(p->call, store, p->target.exists ? p->target.item.allocated : 0, &room);
	return r < 0 ? r : length > room ? -EDQUOT : 0;
}

static void put_job(struct call *call, struct docs_store *store)
{
	struct put *p = call->data;
	struct upload_options options = {
		.what = UPLOAD_CONTENT, .digest = p->digest, .done = put_on_uploaded, .cookie = p};
	int r = put_judge(p, store);

	if (r == 0)
		r = put_room(p, store);
	if (r < 0 && (call->scope.drive == 0 || !mutate_may_be_repeat(&p->m, store))) {
		call_fail(call, r, why_no_content(&p->target));
		return;
	}
	p->looked = r == 0;
	p->refusal = r;
	options.look_only = r < 0;
	options.hash = mutate_has_key(&p->m) || http_request_header(call->req, "Want-Repr-Digest");
	options.replaces = p->target.exists ? p->target.item.allocated : 0;
	upload_start(call, &options, &p->upload);
}

static int put_init(struct put *p, struct call *call)
{
	int r = mutate_init(&p->m, call);

	p->call = call;
	p->m.cookie = p;
	p->m.answer = put_answer;
	p->m.may_retry = put_may_retry;
	p->m.retry = put_retry;
	if (r == 0)
		r = http_request_query_bool(call->req, "parents", &p->parents);
	if (r == 0)
		r = target_init(&p->target, call);
	if (r == 0)
		r = digest_parse(http_request_header(call->req, "Repr-Digest"),
			http_request_header(call->req, "Content-Digest"), &p->digest);
	return r;
}

/* A form stored as it is would be the file between lines of the form. */
static bool is_form(const char *type)
{
	static const char form[] = "multipart/form-data";

	return type && strncasecmp(type, form, sizeof(form) - 1) == 0;
}

void api_file_put(struct http_request *req, void *cookie)
{
	struct call *call = call_new(req, cookie);
	struct put *p = call ? call_alloc(call, sizeof(*p)) : NULL;
	int r;

	if (!p)
		return;
	call->data = p;
	r = put_init(p, call);
	if (r == 0 && is_form(http_request_header(req, "Content-Type"))) {
		call_fail(call, -ERR_MEDIA_TYPE,
			"a form is not taken for a file's content: send the bytes themselves as the body (curl -T FILE URL, in a page fetch(url, {method: 'PUT', body: file}))");
		return;
	}
	/* A part of a document cannot be put: it would replace the whole document. */
	if (r == 0 && http_request_header(req, "Content-Range"))
		r = http_request_blame(req, -ERR_BAD_REQUEST,
			"Content-Range: a part of a file cannot be put, as it would replace the whole file");
	if (r < 0)
		call_fail(call, r, NULL);
	else
		call_work(call, put_job);
}

/* ---- DELETE ---- */

struct removal {
	struct mutate m;
	struct target target;
	unsigned tries;
};

static int removal_answer(struct mutate *m, const struct op_result *results, struct docs_position at)
{
	(void)m;
	(void)results;
	(void)at;
	return 204;
}

static void removal_job(struct call *call, struct docs_store *store)
{
	struct removal *d = call->data;
	struct target *t = &d->target;
	struct op op = {.kind = OP_UNLINK, .parent = 0};
	int r = target_find(t, store);

	d->tries++;
	if (r == 0 && !t->exists)
		r = -ERR_NOT_FOUND;
	if (r == 0 && t->item.id == ITEM_ROOT(call->scope.drive))
		r = -EBUSY;
	if (r == 0 && t->item.nlink == 0)
		r = -ERR_NOT_FOUND;
	if (r == 0)
		r = target_check(t, false);
	if (r < 0) {
		mutate_refuse(&d->m, r, NULL);
		return;
	}
	op.kind = S_ISDIR(t->item.mode) ? OP_RMDIR : OP_UNLINK;
	op.parent = t->item.parent;
	op.name = t->item.name;
	/* By id: removes this document and no other, whatever its name is by now. */
	op.fields = t->by_path ? 0 : OP_HAS_ID;
	op.id = t->item.id;
	target_bind(t, &op);
	mutate_ops(&d->m, &op, 1);
}

static bool removal_may_retry(struct mutate *m, int error)
{
	struct removal *d = m->cookie;

	return d->tries < TRIES_MAX && (error == -ENOENT || error == -ENOTDIR || error == -EISDIR || error == -ESTALE);
}

static void removal_retry(struct mutate *m)
{
	call_work(m->call, removal_job);
}

void api_file_delete(struct http_request *req, void *cookie)
{
	struct call *call = call_new(req, cookie);
	struct removal *d = call ? call_alloc(call, sizeof(*d)) : NULL;
	int r;

	if (!d)
		return;
	call->data = d;
	r = mutate_init(&d->m, call);
	d->m.cookie = d;
	d->m.answer = removal_answer;
	d->m.may_retry = removal_may_retry;
	d->m.retry = removal_retry;
	if (r == 0)
		r = target_init(&d->target, call);
	if (r == 0)
		r = mutate_fingerprint(&d->m, span_of(NULL, 0));
	if (r < 0)
		call_fail(call, r, NULL);
	else
		call_work(call, removal_job);
}

/* The same handler serves requests by id. */
void api_item_delete(struct http_request *req, void *cookie)
{
	api_file_delete(req, cookie);
}
