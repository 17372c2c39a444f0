/*
 * The first version of the API, which shows documents as JSON: a title, a text, an owner. It is kept on top of
 * the current model. A document is a file in the root of a drive: its title is the file's name, its text the
 * content, its owner the drive's. So changes become ops as everywhere else, files written by a mount appear here,
 * and a file that is no text, or too long for one, is not listed.
 *
 * A change is read on the server's thread (change_new) into a `struct v1_change`. A job on a worker looks up the
 * document, turns the difference into one or two ops (create and write; rename and write), and passes them to
 * `mutate`. The ops are bound to what was found, so they are refused if another request was faster; then the job
 * looks up the document again, a limited number of times. A text is sent inline when it is small, and as a block
 * otherwise.
 *
 * Ids here are the numbers of documents, which contain their drive, so a request needs no drive in its path.
 * Except for administrators, other users appear not to exist.
 */
#include "backend/docs/api/api.h"
#include "backend/docs/request/blocks.h"
#include "backend/docs/request/body.h"
#include "backend/docs/request/mutate.h"
#include "backend/docs/request/id_ranges.h"
#include "backend/docs/request/reply.h"
#include "backend/docs/request/tagging.h"
#include "backend/docs/request/target.h"
#include "backend/docs/request/users.h"
#include "backend/docs/api/v1_doc.h"
#include "backend/docs/api/v1_list.h"
#include "backend/docs/api/v1_page.h"
#include "common/base/error.h"
#include "common/base/limits.h"
#include "common/base/sha256.h"
#include "common/base/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define NEW_FILE_MODE 0644
#define USERS_MAX 64 /* entries of a user_id list that are looked up */

/* ---- list, get ---- */

static void list_job(struct call *call, struct docs_store *store)
{
	int r;

	call->home = true;
	r = call_drive(call, store);
	if (r < 0) {
		call_fail(call, r, NULL);
		return;
	}
	tagging_begin(call);
	v1_list_respond(call, store);
}

void api_v1_list(struct http_request *req, void *cookie)
{
	call_start_slow(req, cookie, list_job);
}

/* Sets scope.drive, which is a part of the id. */
static int find_id(struct call *call, int64_t *ret)
{
	if (text_parse_id(http_request_param(call->req, "id"), INT64_MAX, ret) < 0)
		return -ERR_NOT_FOUND;
	call->scope.drive = ITEM_DRIVE(*ret);
	return call->scope.drive ? 0 : -ERR_NOT_FOUND;
}

/* Reads one version, so that the headers and the text belong together. */
static int get_version(struct target *t, struct docs_store *store, struct buf *text)
{
	int r = -ESTALE;

	for (unsigned i = 0; i < V1_TRIES && r == -ESTALE; i++) {
		buf_reset(text);
		tagging_begin(t->call);
		r = target_find(t, store);
		if (r == 0)
			r = target_check(t, true);
		if (r == 0)
			r = v1_doc_read(t->call->docs, store, &t->call->scope, &t->item, text);
	}
	return r == -ESTALE ? -ERR_UNAVAILABLE : r;
}

static void get_respond(
	const struct target *t, struct docs_store *store, struct http_headers *headers, struct span text)
{
	struct call *call = t->call;
	json_t *document = v1_doc_json(t->item.id, t->item.name, text, call->scope.user);
	char *json = document ? json_dumps(document, JSON_COMPACT) : NULL;

	json_decref(document);
	if (!json) {
		call_fail(call, -ENOMEM, NULL);
	} else if (v1_page_respond(t, store, headers, span_str(json))) {
		free(json);
	} else {
		(void)http_headers_set(headers, "Content-Type", "application/json");
		http_respond_take(call->req, 200, headers, json, strlen(json));
	}
}

static void get_job(struct call *call, struct docs_store *store)
{
	struct target *t = call->data;
	struct http_headers headers;
	struct buf text;
	int64_t id = 0;
	int r = find_id(call, &id);

	buf_init(&text, V1_TEXT_MAX);
	if (r == 0)
		r = get_version(t, store, &text);
	http_headers_init(&headers);
	(void)http_headers_add(&headers, "ETag", t->etag);
	if (r == 0 || r == PRECONDITION_NOT_MODIFIED) {
		reply_position(&headers, t->at);
		tagging_say(call, &headers);
	}
	if (r == PRECONDITION_NOT_MODIFIED) {
		http_respond(call->req, 304, &headers, span_of(NULL, 0));
	} else if (r < 0) {
		tagging_fail(call, r);
	} else {
		get_respond(t, store, &headers, buf_span(&text));
	}
	http_headers_fini(&headers);
	buf_fini(&text);
}

void api_v1_get(struct http_request *req, void *cookie)
{
	struct call *call = call_new(req, cookie);
	struct target *t = call ? call_alloc(call, sizeof(*t)) : NULL;
	int r;

	if (!t)
		return;
	call->data = t;
	r = target_init(t, call);
	if (r < 0)
		call_fail(call, r, NULL);
	else
		call_work(call, get_job);
}

/* ---- changes ---- */

struct v1_change {
	struct mutate m;
	struct target target; /* PUT, DELETE */
	json_t *object;	      /* the body */
	bool has_title, has_text, has_users;
	struct span title, text; /* point into `object` */
	int64_t users[USERS_MAX];
	size_t user_count;
	int64_t owner;
	struct buf old_text; /* for a PUT without text */
	struct op_extent extent;
	bool stored;		 /* the text is a block by now, also for the next try */
	struct docs_block fresh; /* the block, if this request made it and no document has it yet; else size 0 */
	const char *why;	 /* detail of the problem */
	unsigned tries;
};

/* Drops the block of a text that came to nothing, whatever the reason was. */
static void drop_text(struct v1_change *c)
{
	const struct call *call = c->m.call;
	struct docs_block *list = c->fresh.size > 0 ? malloc(sizeof(*list)) : NULL;

	if (!list)
		return;
	*list = c->fresh;
	blocks_drop_take(call->docs, call->scope.drive, list, 1);
}

static void change_fini(void *p)
{
	struct v1_change *c = p;

	drop_text(c);
	json_decref(c->object);
	buf_fini(&c->old_text);
}

static int unacceptable(struct v1_change *c, const char *why)
{
	c->why = why;
	return -ERR_UNPROCESSABLE;
}

static struct span string_span(const json_t *string)
{
	return span_of(json_string_value(string), json_string_length(string));
}

static int parse_title(struct v1_change *c)
{
	const json_t *title = json_object_get(c->object, "title");

	c->has_title = title != NULL;
	if (!title)
		return 0;
	if (!json_is_string(title))
		return unacceptable(c, "title must be a string");
	c->title = string_span(title);
	return text_name_check(c->title) < 0
		? unacceptable(
			  c, "title must have 1 to 255 bytes, without / and NUL, and may be neither \".\" nor \"..\"")
		: 0;
}

static int parse_text(struct v1_change *c)
{
	const json_t *text = json_object_get(c->object, "text");

	c->has_text = text != NULL;
	if (text && !json_is_string(text))
		return unacceptable(c, "text must be a string");
	if (text)
		c->text = string_span(text);
	return c->text.size > V1_TEXT_MAX ? -ERR_TOO_LARGE : 0;
}

static int parse_users(struct v1_change *c)
{
	const json_t *list = json_object_get(c->object, "user_id");
	size_t count = json_array_size(list);

	c->has_users = list != NULL;
	if (!list)
		return 0;
	if (!json_is_array(list) || count == 0 || count > USERS_MAX)
		return unacceptable(c, "user_id must be a list with the id of one user");
	for (size_t i = 0; i < count; i++) {
		if (!json_is_integer(json_array_get(list, i)))
			return unacceptable(c, "user_id must be a list of ids, which are whole numbers");
		c->users[c->user_count++] = json_integer_value(json_array_get(list, i));
	}
	return 0;
}

/* Makes the change from the request; NULL: the request has been answered. */
static struct v1_change *change_new(struct http_request *req, void *cookie, bool with_body)
{
	struct call *call = call_new(req, cookie);
	struct v1_change *c = call ? call_alloc(call, sizeof(*c)) : NULL;
	int r;

	if (!c)
		return NULL;
	call->data = c;
	buf_init(&c->old_text, V1_TEXT_MAX);
	r = call_keep(call, c, change_fini);
	if (r == 0)
		r = mutate_init_whole(&c->m, call);
	c->m.cookie = c;
	if (r == 0 && with_body)
		r = body_object(call, &c->object);
	if (r == 0)
		r = parse_title(c);
	if (r == 0)
		r = parse_text(c);
	if (r == 0)
		r = parse_users(c);
	if (r < 0) {
		call_fail(call, r, c->why);
		return NULL;
	}
	return c;
}

static int refuse_user(struct v1_change *c, int64_t id)
{
	char *detail = call_try_alloc(c->m.call, 64);

	if (detail)
		snprintf(detail, 64, "User with id:%" PRId64 " not found", id);
	c->why = detail;
	return -ERR_USER_NOT_FOUND;
}

/* Only an administrator may learn which users exist: for everybody else another user counts as not existing,
 * without asking the user service. */
static int check_user(struct v1_change *c, int64_t id)
{
	const struct call *call = c->m.call;
	int r = call_may(call, ACCESS_DOCUMENT_FOR, id);

	if (r == 0)
		r = users_check(call->docs->users, id, http_request_trace(call->req));
	return r == -ERR_USER_NOT_FOUND ? refuse_user(c, id) : r;
}

/* Finds the owner of the document: the caller, or a user whom an administrator names. The caller must be allowed
 * to name each of the users. */
static int find_owner(struct v1_change *c)
{
	struct call *call = c->m.call;
	bool others = false;
	int r = 0;

	if (!c->has_users) {
		c->users[0] = call->user;
		c->user_count = 1;
	}
	for (size_t i = 0; r == 0 && i < c->user_count; i++) {
		r = check_user(c, c->users[i]);
		others = others || c->users[i] != c->users[0];
	}
	if (r < 0)
		return r;
	if (others)
		return unacceptable(c, "user_id names several users, but a document belongs to one: name one");
	c->owner = c->users[0];
	return 0;
}

/* Stores the text as a block, once for all tries. */
static int store_text(struct v1_change *c, struct docs_store *store)
{
	struct blocks_piece piece = {.bytes = c->text};
	const struct call *call = c->m.call;
	int r = c->stored ? 0 : sha256_of(c->text, piece.sha256);

	if (r < 0 || c->stored)
		return r;
	r = blocks_keep(call->docs, store, &call->scope, &piece, &c->fresh);
	if (r < 0)
		return r;
	c->stored = true;
	memcpy(c->extent.sha256, piece.sha256, sizeof(piece.sha256));
	return 0;
}

/* Turns the text into content: inline, or a block. */
static int add_text(struct v1_change *c, struct docs_store *store, struct op *op)
{
	int r = 0;

	op->size = (int64_t)c->text.size;
	op->fields |= OP_REPLACE | OP_HAS_SIZE | OP_DROP_SETID;
	if (c->text.size == 0)
		return 0;
	c->extent.len = (int64_t)c->text.size;
	if (c->text.size > INLINE_BYTES_MAX) {
		c->extent.kind = OP_EXTENT_BLOCK;
		r = store_text(c, store);
	} else {
		c->extent.kind = OP_EXTENT_DATA;
		c->extent.data = c->text;
		metric_add(c->m.call->docs->metrics.inline_bytes_in, (int64_t)c->text.size);
	}
	op->extents = &c->extent;
	op->extent_count = 1;
	return r;
}

/* ---- POST ---- */

static int create_answer(struct mutate *m, const struct op_result *results, struct docs_position at)
{
	struct v1_change *c = m->cookie;
	const struct item *item = &results[1].item;
	char location[64], etag[ITEM_ETAG_SIZE];
	int r = mutate_body_take(m, v1_doc_json(item->id, c->title, c->text, c->owner));

	(void)at;
	c->fresh.size = 0;
	snprintf(location, sizeof(location), "/api/v1/docs/%" PRId64 "/", item->id);
	item_etag(item, etag);
	r = r < 0 ? r : mutate_header(m, "Location", location);
	r = r < 0 ? r : mutate_header(m, "ETag", etag);
	return r < 0 ? r : 201;
}

static int create_ops(struct v1_change *c, struct docs_store *store, struct op ops[2])
{
	struct call *call = c->m.call;
	struct item root;
	struct target_copy copy = {.item = &root};
	struct docs_position at;
	int64_t id = 0;
	int r = store->ops->item_get(store, &call->scope, ITEM_ROOT(call->scope.drive), target_on_item, &copy, &at);

	if (r == 0)
		r = id_ranges_take(call->docs->id_ranges, store, &call->scope, 1, &id);
	if (r < 0)
		return r;
	ops[0] = (struct op){.kind = OP_CREATE,
		.fields = OP_HAS_ID | OP_HAS_MODE | OP_HAS_UID | OP_HAS_GID,
		.id = id,
		.parent = ITEM_ROOT(call->scope.drive),
		.name = c->title,
		.mode = S_IFREG | NEW_FILE_MODE,
		.uid = root.uid,
		.gid = root.gid};
	ops[1] = (struct op){.kind = OP_WRITE, .id = id};
	return add_text(c, store, &ops[1]);
}

static void create_job(struct call *call, struct docs_store *store)
{
	struct v1_change *c = call->data;
	struct op ops[2];
	int r = find_owner(c);

	if (r == 0) {
		call->home = true;
		call->scope.user = c->owner;
		r = call_drive(call, store);
	}
	if (r == 0)
		r = create_ops(c, store, ops);
	if (r < 0)
		call_fail(call, r, c->why);
	else
		mutate_ops(&c->m, ops, 2);
}

void api_v1_create(struct http_request *req, void *cookie)
{
	struct v1_change *c = change_new(req, cookie, true);

	if (!c)
		return;
	c->m.answer = create_answer;
	if (!c->has_title)
		call_fail(c->m.call, -ERR_UNPROCESSABLE, "title is missing: the body must have it");
	else
		call_work(c->m.call, create_job);
}

/* ---- PUT ---- */

static int change_answer(struct mutate *m, const struct op_result *results, struct docs_position at)
{
	struct v1_change *c = m->cookie;
	const struct item *item = &results[op_batch_count(m->batch) - 1].item;
	char etag[ITEM_ETAG_SIZE];
	int r = mutate_body_take(m, v1_doc_json(item->id, c->title, c->text, c->m.call->scope.user));

	(void)at;
	c->fresh.size = 0;
	item_etag(item, etag);
	r = r < 0 ? r : mutate_header(m, "ETag", etag);
	return r < 0 ? r : 200;
}

/* Reads the current document, as members that the body does not have stay. */
static int find_old(struct v1_change *c, struct docs_store *store)
{
	struct call *call = c->m.call;
	int64_t id = 0;
	int r = find_id(call, &id);

	if (r == 0)
		r = target_find(&c->target, store);
	if (r == 0)
		r = v1_doc_text(call->docs, store, &call->scope, id, &c->old_text);
	if (r == 0)
		r = target_check(&c->target, false);
	if (!c->has_title)
		c->title = c->target.item.name;
	if (!c->has_text)
		c->text = buf_span(&c->old_text);
	return r;
}

static size_t change_ops(struct v1_change *c, struct op ops[2])
{
	const struct item *item = &c->target.item;
	size_t count = 0;

	if (!span_eq(c->title, item->name))
		ops[count++] = (struct op){.kind = OP_RENAME,
			.fields = OP_NOREPLACE,
			.parent = item->parent,
			.name = item->name,
			.new_parent = item->parent,
			.new_name = c->title};
	if (c->has_text)
		ops[count++] = (struct op){.kind = OP_WRITE, .id = item->id};
	/* Nothing changes: sends an op without effect, so that conditions and keys count here as well. */
	if (count == 0)
		ops[count++] = (struct op){.kind = OP_SETATTR, .id = item->id};
	return count;
}

static void change_job(struct call *call, struct docs_store *store)
{
	struct v1_change *c = call->data;
	struct op ops[2], *last;
	size_t count;
	int r = find_old(c, store);

	if (r == 0 && c->has_users)
		r = find_owner(c);
	if (r == 0 && c->has_users && c->owner != call->user)
		r = unacceptable(c,
			"user_id names another user, but a document stays with its owner: make a new one for that user");
	if (r < 0) {
		mutate_refuse(&c->m, r, c->why);
		return;
	}
	count = change_ops(c, ops);
	last = &ops[count - 1];
	if (c->has_text)
		r = add_text(c, store, last);
	target_bind(&c->target, last);
	if (last->kind == OP_RENAME)
		last->id = c->target.item.id;
	if (r < 0)
		call_fail(call, r, c->why);
	else
		mutate_ops(&c->m, ops, count);
}

static bool change_may_retry(struct mutate *m, int error)
{
	struct v1_change *c = m->cookie;

	return ++c->tries < V1_TRIES && (error == -ENOENT || error == -ESTALE);
}

static void change_retry(struct mutate *m)
{
	call_work(m->call, change_job);
}

static bool change_start(struct v1_change *c)
{
	int r = target_init(&c->target, c->m.call);

	if (r < 0)
		call_fail(c->m.call, r, NULL);
	return r == 0;
}

void api_v1_change(struct http_request *req, void *cookie)
{
	struct v1_change *c = change_new(req, cookie, true);

	if (!c || !change_start(c))
		return;
	c->m.answer = change_answer;
	c->m.may_retry = change_may_retry;
	c->m.retry = change_retry;
	call_work(c->m.call, change_job);
}

/* ---- DELETE ---- */

static int delete_answer(struct mutate *m, const struct op_result *results, struct docs_position at)
{
	(void)m;
	(void)results;
	(void)at;
	return 204;
}

static void delete_job(struct call *call, struct docs_store *store)
{
	struct v1_change *c = call->data;
	const struct item *item = &c->target.item;
	struct op op = {.kind = OP_UNLINK, .fields = OP_HAS_ID};
	int64_t id;
	int r = find_id(call, &id);

	if (r == 0)
		r = target_find(&c->target, store);
	if (r == 0 && item->nlink == 0)
		r = -ERR_NOT_FOUND;
	/* A file that GET does not show, because it is too long or no text, is not deleted either. One whose text
	 * cannot be read is. */
	if (r == 0 && v1_doc_text(call->docs, store, &call->scope, id, &c->old_text) == -ERR_NOT_FOUND)
		r = -ERR_NOT_FOUND;
	if (r == 0)
		r = target_check(&c->target, false);
	if (r < 0) {
		mutate_refuse(&c->m, r, NULL);
		return;
	}
	op.id = item->id;
	op.parent = item->parent;
	op.name = item->name;
	target_bind(&c->target, &op);
	mutate_ops(&c->m, &op, 1);
}

static void delete_retry(struct mutate *m)
{
	call_work(m->call, delete_job);
}

void api_v1_delete(struct http_request *req, void *cookie)
{
	struct v1_change *c = change_new(req, cookie, false);

	if (!c || !change_start(c))
		return;
	c->m.answer = delete_answer;
	c->m.may_retry = change_may_retry;
	c->m.retry = delete_retry;
	call_work(c->m.call, delete_job);
}
