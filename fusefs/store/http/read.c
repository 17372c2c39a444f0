#include "fusefs/store/http/store_http_internal.h"

#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/text.h"
#include "common/proto/extent.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>

#define ITEMS_TYPE "application/vnd.nephos.items"
#define EXTENTS_TYPE "application/vnd.nephos.extents"
#define ITEM_BYTES_MAX (INLINE_BYTES_MAX + 8 * 1024) /* one compact item with its names and content */

/*
 * Requests that change nothing in the store, except that ids are reserved: the drive, a name, a document, a page of
 * a folder, extents, and ids for new documents.
 *
 * Each request has two functions: one makes the request, the other reads the answer and calls back. Reads carry the
 * floor (CALL_FLAG_FLOOR): an answer must not be older than what this mount has seen already. Answers are checked
 * before they are used: documents belong to this drive; a page is in the order of its names and begins behind the
 * requested name; extents follow each other within the size of the file. An answer that fails the check is -EPROTO
 * and a line in the log, since something between the mount and the store is broken. The position of an answer is
 * noted before the callback.
 */

int store_http_nonsense(const struct store_http_call *call, int error)
{
	if (error == -EPROTO || error == -EBADMSG)
		log_error(NULL, "the answer to %s %s makes no sense", call->method,
			call->path.data ? call->path.data : "");
	return error == -EBADMSG ? -EPROTO : error;
}

static void note(struct store_http *s, struct store_position at)
{
	pthread_mutex_lock(&s->lock);
	store_http_note_position(s, at);
	pthread_mutex_unlock(&s->lock);
}

/* ---- the drive ---- */

static int drive_parse(const json_t *object, struct store_drive *ret)
{
	struct store_drive drive = {
		.quota = json_integer_value(json_object_get(object, "quota")),
		.used = json_integer_value(json_object_get(object, "used")),
		.free = json_integer_value(json_object_get(object, "free")),
		.documents = json_integer_value(json_object_get(object, "documents")),
		.documents_max = json_integer_value(json_object_get(object, "documents_max")),
		.bare = json_is_true(json_object_get(object, "bare")),
	};
	int r = item_json_get_id(object, "root", &drive.root);

	if (r == 0)
		r = item_json_get_id(object, "seq", &drive.at.seq);
	if (r == 0)
		r = item_json_get_id(object, "incarnation", &drive.at.incarnation);
	if (r < 0 || drive.quota < 0 || drive.used < 0 || drive.free < 0 || drive.documents < 0 ||
		drive.documents_max < 0 || drive.root <= 0 || ITEM_DRIVE(drive.root) == 0)
		return -EPROTO;
	*ret = drive;
	return 0;
}

/* Finds the drive of this name in the list of all drives. -ENOENT; -ENOTUNIQ: several drives have the name. */
static int drive_parse_named(const json_t *list, const char *name, struct store_drive *ret)
{
	const json_t *drives = json_object_get(list, "drives"), *found = NULL;
	size_t i;
	json_t *one;

	if (!json_is_array(drives))
		return -EPROTO;
	json_array_foreach(drives, i, one) {
		const char *its = json_string_value(json_object_get(one, "name"));

		if (!its || strcmp(its, name) != 0)
			continue;
		if (found)
			return -ENOTUNIQ;
		found = one;
	}
	return found ? drive_parse(found, ret) : -ENOENT;
}

/* From now on requests name the drive by its number, however it was given. */
static int learn_drive(struct store_http *s, const struct store_drive *drive)
{
	int r = 0;

	pthread_mutex_lock(&s->lock);
	if (s->drive_number == 0) {
		s->drive_number = ITEM_DRIVE(drive->root);
		(void)snprintf(s->drive, sizeof(s->drive), "%" PRIu32, s->drive_number);
	} else if (s->drive_number != ITEM_DRIVE(drive->root)) {
		r = -EPROTO;
	}
	if (r == 0)
		store_http_note_position(s, drive->at);
	pthread_mutex_unlock(&s->lock);
	return r;
}

static void on_drive(struct store_http_call *call, int error, struct http_response *response)
{
	struct store_drive drive = {0};

	if (error == 0) {
		json_t *root = json_loadb(response->body.data ? response->body.data : "", response->body.size, 0, NULL);

		if (call->flags & CALL_FLAG_OUTSIDE)
			error = drive_parse_named(root, call->s->drive_name, &drive);
		else
			error = drive_parse(root, &drive);
		json_decref(root);
	}
	if (error == 0)
		error = learn_drive(call->s, &drive);
	call->as.other.drive(call->cookie, store_http_nonsense(call, error), error == 0 ? &drive : NULL);
	store_http_call_over(call);
}

store_ticket store_http_drive(
	struct store *base, void (*done)(void *cookie, int error, const struct store_drive *drive), void *cookie)
{
	struct store_http *s = store_http_of(base);
	struct store_http_call *call = store_http_call_new(s, CALL_META, on_drive, cookie);

	call->flags = CALL_FLAG_FLOOR;
	if (s->drive_name && s->drive_number == 0) { /* written before other calls can be made */
		call->flags = CALL_FLAG_OUTSIDE;
		store_http_call_path(call, "/api/v2/docs/drives");
	}
	call->as.other.drive = done;
	return store_http_call_start(call);
}

/* ---- documents ---- */

/* Decodes and checks the items of a page; the caller frees ret_items. */
static int read_items(
	const struct store_http_call *call, struct span body, struct item_page *ret_page, struct item **ret_items)
{
	uint32_t max = call->as.item.limit;
	struct item *items;
	size_t at = 0;
	int r = item_page_read(body, ret_page, &at);

	if (r < 0 || ret_page->count > max)
		return r < 0 ? r : -EPROTO;
	items = calloc(ret_page->count > 0 ? ret_page->count : 1, sizeof(*items));
	if (!items)
		return -ENOMEM;
	for (uint32_t i = 0; i < ret_page->count && r == 0; i++) {
		r = item_page_next(body, &at, &items[i]);
		if (r == 0 && !store_http_item_ok(&items[i], call->s->drive_number))
			r = -EPROTO;
	}
	if (r < 0) {
		free(items);
		return r == -ENOENT ? -EPROTO : r;
	}
	*ret_items = items;
	return 0;
}

static void on_item(struct store_http_call *call, int error, struct http_response *response)
{
	struct item_call *i = &call->as.item;
	struct store_position at = {0, 0};
	struct item_page page = {0};
	struct item *items = NULL;

	if (error == 0)
		error = read_items(call, buf_span(&response->body), &page, &items);
	if (error == 0 && page.count != 1)
		error = -EPROTO;
	if (error == 0 && i->name_size > 0) {
		/* A document may have several names: the item gets the requested one. */
		items[0].parent = i->parent;
		items[0].name = span_of(i->name, i->name_size);
	} else if (error == 0 && items[0].id != i->parent) {
		error = -EPROTO;
	}
	if (error == 0) {
		at = (struct store_position){page.incarnation, page.seq};
		note(call->s, at);
	}
	i->done(call->cookie, store_http_nonsense(call, error), error == 0 ? items : NULL, at);
	free(items);
	store_http_call_over(call);
}

store_ticket store_http_lookup(struct store *base, int64_t parent, struct span name,
	void (*done)(void *cookie, int error, const struct item *item, struct store_position at), void *cookie)
{
	struct store_http_call *call = store_http_call_new(store_http_of(base), CALL_META, on_item, cookie);
	struct item_call *i = &call->as.item;

	call->flags = CALL_FLAG_FLOOR;
	call->accept = ITEMS_TYPE;
	call->response_max = ITEM_BYTES_MAX;
	i->parent = parent;
	i->limit = 1;
	i->done = done;
	i->name_size = name.size <= sizeof(i->name) ? name.size : 0;
	memcpy(i->name, name.data, i->name_size);
	store_http_call_path(call, "/items/%" PRId64 "/lookup?name=", parent);
	if (call->broken == 0)
		call->broken = i->name_size == 0 ? -ENAMETOOLONG : text_url_encode(name, &call->path);
	return store_http_call_start(call);
}

static struct store_http_call *item_call(struct store_http *s, int64_t id,
	void (*done)(void *cookie, int error, const struct item *item, struct store_position at), void *cookie)
{
	struct store_http_call *call = store_http_call_new(s, CALL_META, on_item, cookie);

	call->flags = CALL_FLAG_FLOOR | CALL_FLAG_BY_ID;
	call->accept = ITEMS_TYPE;
	call->response_max = ITEM_BYTES_MAX;
	call->as.item.parent = id;
	call->as.item.limit = 1;
	call->as.item.done = done;
	store_http_call_path(call, "/items/%" PRId64, id);
	return call;
}

store_ticket store_http_item(struct store *base, int64_t id,
	void (*done)(void *cookie, int error, const struct item *item, struct store_position at), void *cookie)
{
	return store_http_call_start(item_call(store_http_of(base), id, done, cookie));
}

store_ticket store_http_item_for(const struct store_http_call *whole, int64_t id,
	void (*done)(void *cookie, int error, const struct item *item, struct store_position at), void *cookie)
{
	struct store_http_call *call = item_call(whole->s, id, done, cookie);

	call->began_ns = whole->began_ns;
	return store_http_call_start(call);
}

/* In the order of their bytes, each name once, behind the requested start: otherwise a listing would never end. */
static bool in_order(const struct item_call *i, const struct item *items, uint32_t count)
{
	struct span before = span_of(i->name, i->name_size);

	for (uint32_t n = 0; n < count; n++) {
		struct span name = items[n].name;
		size_t common = name.size < before.size ? name.size : before.size;
		int order = common > 0 ? memcmp(before.data, name.data, common) : 0;

		if (name.size == 0 || order > 0 || (order == 0 && name.size <= before.size))
			return false;
		before = name;
	}
	return true;
}

static void on_children(struct store_http_call *call, int error, struct http_response *response)
{
	struct item_call *i = &call->as.item;
	struct item_page page = {0};
	struct item *items = NULL;
	struct store_page ret = {0};

	if (error == 0)
		error = read_items(call, buf_span(&response->body), &page, &items);
	if (error == 0 && (!in_order(i, items, page.count) || (page.more && page.count == 0)))
		error = -EPROTO;
	if (error == 0) {
		ret = (struct store_page){
			.items = items, .count = page.count, .more = page.more, .at = {page.incarnation, page.seq}};
		for (uint32_t n = 0; n < page.count; n++)
			items[n].parent = i->parent;
		note(call->s, ret.at);
	}
	i->page(call->cookie, store_http_nonsense(call, error), error == 0 ? &ret : NULL);
	free(items);
	store_http_call_over(call);
}

/* base64url without padding, as cursors are (PROTOCOL.md). */
static int add_cursor(struct buf *path, struct span name)
{
	size_t from = path->size;
	int r = text_base64(name, path);

	for (size_t i = from; r == 0 && i < path->size; i++) {
		char *c = &path->data[i];

		if (*c == '+')
			*c = '-';
		else if (*c == '/')
			*c = '_';
	}
	while (r == 0 && path->size > from && path->data[path->size - 1] == '=')
		path->data[--path->size] = '\0';
	return r;
}

/* budget: the seam's signature */
store_ticket store_http_children(struct store *base, int64_t folder, struct span after, uint32_t limit,
	bool with_inline, void (*done)(void *cookie, int error, const struct store_page *page), void *cookie)
{
	struct store_http_call *call = store_http_call_new(store_http_of(base), CALL_META, on_children, cookie);
	struct item_call *i = &call->as.item;
	size_t bytes = (size_t)limit * (with_inline ? ITEM_BYTES_MAX : 1024) + 64 * 1024;

	assert(limit > 0); /* with 0, each answer would be refused for bringing no progress */
	call->flags = CALL_FLAG_FLOOR;
	call->accept = ITEMS_TYPE;
	call->response_max = bytes < STORE_HTTP_PAGE_BYTES_MAX ? bytes : STORE_HTTP_PAGE_BYTES_MAX;
	i->parent = folder;
	i->limit = limit;
	i->page = done;
	i->name_size = after.size <= sizeof(i->name) ? after.size : 0;
	if (i->name_size > 0)
		memcpy(i->name, after.data, i->name_size);
	store_http_call_path(
		call, "/items/%" PRId64 "/children?limit=%" PRIu32 "%s", folder, limit, with_inline ? "&inline=1" : "");
	if (after.size > 0) {
		store_http_call_path(call, "&cursor=");
		if (call->broken == 0)
			call->broken = i->name_size == 0 ? -ENAMETOOLONG : add_cursor(&call->path, after);
	}
	return store_http_call_start(call);
}

/* ---- content ---- */

static int read_extents(struct span body, struct extent_page *ret_page, struct extent **ret_extents)
{
	struct extent *extents;
	int64_t from = 0;
	size_t at = 0;
	int r = extent_page_read(body, ret_page, &at);

	/* Each extent takes at least one byte: a larger count is wrong. */
	if (r == 0 && (ret_page->count > body.size || ret_page->size < 0 || (uint64_t)ret_page->size > FILE_BYTES_MAX))
		r = -EPROTO;
	if (r < 0)
		return r;
	extents = calloc(ret_page->count > 0 ? ret_page->count : 1, sizeof(*extents));
	if (!extents)
		return -ENOMEM;
	for (uint32_t i = 0; i < ret_page->count && r == 0; i++) {
		r = extent_page_next(body, &at, &extents[i]);
		if (r == 0 && !store_http_extent_ok(&extents[i], ret_page->size, from))
			r = -EPROTO;
		from = extents[i].at + extents[i].len;
	}
	if (r < 0) {
		free(extents);
		return r == -ENOENT ? -EPROTO : r;
	}
	*ret_extents = extents;
	return 0;
}

static void on_extents(struct store_http_call *call, int error, struct http_response *response)
{
	struct extent_page page = {0};
	struct extent *extents = NULL;
	struct store_extents ret = {0};

	if (error == 0)
		error = read_extents(buf_span(&response->body), &page, &extents);
	if (error == 0 && page.more && page.count == 0) {
		error = -EPROTO;
	} else if (error == 0) {
		ret = (struct store_extents){.extents = extents,
			.count = page.count,
			.more = page.more,
			.size = page.size,
			.content_seq = page.content_seq,
			.at = {page.incarnation, page.seq}};
		note(call->s, ret.at);
	}
	call->as.other.extents(call->cookie, store_http_nonsense(call, error), error == 0 ? &ret : NULL);
	free(extents);
	store_http_call_over(call);
}

/* budget: the seam's signature */
store_ticket store_http_extents(struct store *base, int64_t id, int64_t from, int64_t len,
	void (*done)(void *cookie, int error, const struct store_extents *extents), void *cookie)
{
	struct store_http_call *call = store_http_call_new(store_http_of(base), CALL_META, on_extents, cookie);

	call->flags = CALL_FLAG_FLOOR | CALL_FLAG_BY_ID;
	call->accept = EXTENTS_TYPE;
	call->as.other.extents = done;
	store_http_call_path(call, "/items/%" PRId64 "/extents?from=%" PRId64 "&len=%" PRId64, id, from, len);
	return store_http_call_start(call);
}

/* ---- ids for new documents ---- */

static int ids_parse(const struct store_http_call *call, const json_t *root, int64_t *ret)
{
	uint32_t count = call->as.other.count;
	int64_t first;
	int r = item_json_get_id(root, "first", &first);

	if (r < 0 || first <= 0 || json_integer_value(json_object_get(root, "count")) < count)
		return -EPROTO;
	if (ITEM_DRIVE(first) != call->s->drive_number || ITEM_NUMBER(first) > UINT32_MAX - count)
		return -EPROTO;
	*ret = first;
	return 0;
}

static void on_ids(struct store_http_call *call, int error, struct http_response *response)
{
	int64_t first = 0;

	if (error == 0) {
		json_t *root = json_loadb(response->body.data ? response->body.data : "", response->body.size, 0, NULL);

		error = ids_parse(call, root, &first);
		json_decref(root);
	}
	call->as.other.ids(call->cookie, store_http_nonsense(call, error), first);
	store_http_call_over(call);
}

store_ticket store_http_ids(
	struct store *base, uint32_t count, void (*done)(void *cookie, int error, int64_t first), void *cookie)
{
	struct store_http_call *call = store_http_call_new(store_http_of(base), CALL_META, on_ids, cookie);

	call->method = "POST";
	call->as.other.count = count;
	call->as.other.ids = done;
	store_http_call_path(call, "/ids");
	store_http_call_key(call);
	store_http_call_json_take(call, json_pack("{s:I}", "count", (json_int_t)count));
	return store_http_call_start(call);
}
