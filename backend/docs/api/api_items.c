/*
 * What can be read of a document besides its bytes: its attributes (by id, by path, by name in a folder), the
 * children of a folder, the extents of a file.
 *
 * Each route is one job on a worker and one statement, so that an answer shows one moment; `Nephos-Seq` names the
 * position of the drive at that moment. Rows are added to the answer one by one as they arrive (the on_
 * functions), as JSON or, when the client accepts it, in the compact form that mounts ask for.
 *
 * Lists come in pages. The statement asks for one row more than a page has, which shows whether there is another
 * page; a cursor names the begin of that page, by the name or the position, and so remains valid while the folder
 * changes. An extent of a block comes with a capability: a signature that allows reading the block without asking
 * the database again. A page is bounded by its rows and by its bytes.
 */
#include "backend/docs/api/api.h"
#include "backend/docs/request/cursor.h"
#include "backend/docs/request/reply.h"
#include "backend/docs/request/tagging.h"
#include "backend/docs/request/target.h"
#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/text.h"
#include "common/proto/extent.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define CHILDREN_INLINE_MAX 512 /* items in a page with contents: 16 MiB of rows in a worker at most */
#define EXTENTS_MAX \
	512 /* extents in a page: 2 GiB of a file written in one go; 16 MiB of inline rows in a worker at most */
#define EXTENTS_INLINE_SOFT (4u * 1024 * 1024)
#define EXTENTS_KEPT_S \
	(CAP_ROUND_S / 2) /* limit for answers with capabilities, which are valid for CAP_ROUND_S when they are new */

/* On a worker: the first step of every read. */
static int begin(struct call *call, struct docs_store *store)
{
	int r = call_drive(call, store);

	if (r == 0)
		tagging_begin(call);
	return r;
}

/* ---- one item ---- */

static void send_item(struct call *call, int r, struct reply_items *items, struct docs_position at)
{
	if (r < 0)
		tagging_fail(call, r);
	else
		reply_items_send(call, items, at);
	reply_items_fini(items);
}

/* For a lookup by name: "there is no such name" is an answer that may be kept, too. */
static void send_named(struct call *call, int r, struct reply_items *items, struct docs_position at)
{
	if (r != -ERR_NOT_FOUND) {
		send_item(call, r, items, at);
		return;
	}
	tagging_not_found(call, at);
	reply_items_fini(items);
}

static void item_get_job(struct call *call, struct docs_store *store)
{
	struct docs_position at = {0};
	struct reply_items items;
	int64_t id = 0;
	int r = begin(call, store);

	reply_items_init(&items, call);
	if (r == 0)
		r = call_id(call, "id", &id);
	if (r == 0)
		r = store->ops->item_get(store, &call->scope, id, reply_items_on_item, &items, &at);
	send_item(call, r, &items, at);
}

void api_item_get(struct http_request *req, void *cookie)
{
	call_start(req, cookie, item_get_job);
}

static void path_fini_kept(void *p)
{
	path_fini(p);
}

static void item_by_path_job(struct call *call, struct docs_store *store)
{
	struct path *path = call->data;
	struct docs_walk walk = {.names = path->names, .count = path->count};
	int64_t folders[TAGGING_STEPS_MAX];
	struct docs_position at = {0};
	struct reply_items items;
	int r = begin(call, store);

	reply_items_init(&items, call);
	if (r == 0) {
		tagging_begin_walk(call, &walk, folders);
		r = store->ops->item_path(store, &call->scope, &walk, reply_items_on_item, &items, &at);
	}
	if (at.incarnation != 0)
		tagging_add_walk(call, &walk);
	send_named(call, r, &items, at);
}

void api_item_by_path(struct http_request *req, void *cookie)
{
	struct call *call = call_new(req, cookie);
	struct path *path = call ? call_alloc(call, sizeof(*path)) : NULL;
	int r;

	if (!path)
		return;
	path_init(path);
	call->data = path;
	r = call_keep(call, path, path_fini_kept);
	if (r == 0)
		r = path_split_query(path, http_request_query(req, "path"));
	if (r == -ERR_BAD_PATH)
		r = call_blame_path(call);
	if (r < 0)
		call_fail(call, r, NULL);
	else
		call_work(call, item_by_path_job);
}

/* ---- one name in a folder ---- */

struct one_name {
	struct buf name;
};

static void one_name_fini(void *p)
{
	buf_fini(&((struct one_name *)p)->name);
}

static struct one_name *one_name_new(struct call *call)
{
	struct one_name *n = call_alloc(call, sizeof(*n));

	if (!n)
		return NULL;
	buf_init(&n->name, NAME_BYTES_MAX);
	if (call_keep(call, n, one_name_fini) < 0) {
		call_fail(call, -ENOMEM, NULL);
		return NULL;
	}
	call->data = n;
	return n;
}

static void lookup_job(struct call *call, struct docs_store *store)
{
	struct one_name *n = call->data;
	struct docs_position at = {0};
	struct reply_items items;
	int64_t folder = 0;
	int r = begin(call, store);

	reply_items_init(&items, call);
	items.with_inline = true;
	if (r == 0)
		r = call_id(call, "id", &folder);
	if (r == 0) {
		tagging_add(call, tag_name(folder, buf_span(&n->name)));
		r = store->ops->item_lookup(
			store, &call->scope, folder, buf_span(&n->name), reply_items_on_item, &items, &at);
	}
	send_named(call, r, &items, at);
}

void api_item_lookup(struct http_request *req, void *cookie)
{
	struct call *call = call_new(req, cookie);
	struct one_name *n = call ? one_name_new(call) : NULL;
	const char *name = n ? http_request_query(req, "name") : NULL;
	int r;

	if (!n)
		return;
	r = name ? path_take_name(span_str(name), &n->name) : -ERR_BAD_REQUEST;
	if (r < 0)
		call_fail(call, r, NULL);
	else
		call_work(call, lookup_job);
}

/* ---- children ---- */

static void children_job(struct call *call, struct docs_store *store)
{
	struct one_name *after = call->data;
	bool with_inline = false;
	struct docs_children what = {.after = buf_span(&after->name)};
	struct docs_position at = {0};
	struct reply_items items;
	int64_t limit = PAGE_ITEMS_DEFAULT;
	int r = begin(call, store);

	reply_items_init(&items, call);
	items.page = true;
	if (r == 0)
		r = http_request_query_bool(call->req, "inline", &with_inline);
	items.with_inline = items.compact && with_inline;
	if (r == 0)
		r = call_id(call, "id", &what.folder);
	if (r == 0)
		r = http_request_query_number(
			call->req, "limit", 1, items.compact ? COMPACT_PAGE_ITEMS_MAX : PAGE_ITEMS_MAX, &limit);
	if (items.with_inline && limit > CHILDREN_INLINE_MAX)
		limit = CHILDREN_INLINE_MAX;
	items.limit = (uint32_t)limit;
	what.limit = items.limit + 1; /* one more than the page has shows whether there is a next page */
	what.with_inline = items.with_inline;
	if (r == 0) {
		tagging_add(call, tag_of(TAG_LISTING, what.folder));
		r = store->ops->children(store, &call->scope, &what, reply_items_on_item, &items, &at);
	}
	send_item(call, r, &items, at);
}

void api_item_children(struct http_request *req, void *cookie)
{
	struct call *call = call_new(req, cookie);
	struct one_name *after = call ? one_name_new(call) : NULL;
	const char *cursor = after ? http_request_query(req, "cursor") : NULL;
	int r = cursor ? cursor_parse(cursor, &after->name) : 0;

	if (!after)
		return;
	if (r < 0)
		call_fail(call, r, "cursor must be one that a page of this listing gave: leave it out to begin anew");
	else
		call_work(call, children_job);
}

/* ---- extents ---- */

struct extents_page {
	struct call *call;
	bool compact;
	int64_t from, end;
	int64_t now_s;
	struct item item;
	struct buf bytes;
	json_t *list;
	uint32_t count;
	size_t inline_bytes;
	bool more;
	int64_t next; /* where the next page begins */
};

static int extents_on_item(const struct item *item, void *cookie)
{
	struct extents_page *page = cookie;
	struct target_copy copy = {.item = &page->item};

	return target_on_item(item, &copy);
}

static json_t *extent_json(const struct extent *e)
{
	json_t *o = json_pack("{s:I, s:I}", "at", (json_int_t)e->at, "len", (json_int_t)e->len);
	struct buf text;
	char hex[65];

	if (!o)
		return NULL;
	if (e->kind == EXTENT_BLOCK) {
		text_hex(e->sha256, sizeof(e->sha256), hex);
		(void)json_object_set_new(o, "block", json_string(hex));
		(void)json_object_set_new(o, "from", json_integer(e->from));
		(void)json_object_set_new(o, "block_size", json_integer(e->block_size));
		(void)json_object_set_new(o, "cap", json_stringn(e->cap.data, e->cap.size));
		return o;
	}
	buf_init(&text, 2 * (size_t)INLINE_BYTES_MAX);
	if (text_base64(e->data, &text) < 0 ||
		json_object_set_new(o, "data_b64", json_stringn(text.size ? text.data : "", text.size)) < 0) {
		json_decref(o);
		o = NULL;
	}
	buf_fini(&text);
	return o;
}

static int extents_on_extent(const struct tree_extent *found, void *cookie)
{
	struct extents_page *page = cookie;
	struct call *call = page->call;
	char cap[CAP_TEXT_SIZE] = "";
	struct extent e = {.at = found->at,
		.len = found->len,
		.kind = found->kind,
		.generation = found->generation,
		.from = found->from,
		.block_size = found->block_size,
		.data = found->data};

	if (page->count == EXTENTS_MAX || page->inline_bytes > EXTENTS_INLINE_SOFT) {
		page->more = true;
		return 0;
	}
	memcpy(e.sha256, found->sha256, sizeof(e.sha256));
	if (e.kind == EXTENT_BLOCK) {
		tagging_ends(call, EXTENTS_KEPT_S);
		docs_cap_sign(call->docs, call->scope.drive, &e, page->now_s, cap);
		e.cap = span_str(cap);
	} else {
		page->inline_bytes += e.data.size;
		metric_add(call->docs->metrics.inline_bytes_out, (int64_t)e.data.size);
	}
	page->count++;
	page->next = e.at + e.len;
	if (page->compact)
		return extent_page_add(&page->bytes, &e);
	return json_array_append_new(page->list, extent_json(&e)) < 0 ? -ENOMEM : 0;
}

static void send_extents_compact(struct extents_page *page, struct http_headers *headers, struct docs_position at)
{
	struct extent_page head = {.incarnation = at.incarnation,
		.seq = at.seq,
		.size = page->item.size,
		.content_seq = page->item.content_seq};
	size_t count_at = 0, size;
	struct buf body;
	char *bytes;
	int r;

	buf_init(&body, REPLY_PAGE_BYTES_MAX + 1024);
	r = extent_page_begin(&body, &head, &count_at);
	if (r == 0)
		r = buf_append_span(&body, buf_span(&page->bytes));
	if (r < 0) {
		call_fail(page->call, r, NULL);
	} else {
		extent_page_end(&body, count_at, page->count, page->more);
		(void)http_headers_set(headers, "Content-Type", REPLY_EXTENTS_TYPE);
		bytes = buf_take(&body, &size);
		http_respond_take(page->call->req, 200, headers, bytes, size);
	}
	buf_fini(&body);
}

static void send_extents(struct extents_page *page, struct docs_position at)
{
	struct http_headers headers;
	char etag[ITEM_ETAG_SIZE];
	json_t *object;

	http_headers_init(&headers);
	reply_position(&headers, at);
	tagging_say(page->call, &headers);
	(void)http_headers_add(&headers, "Vary", "Accept");
	item_etag(&page->item, etag);
	if (page->compact) {
		send_extents_compact(page, &headers, at);
	} else {
		object = json_pack("{s:O, s:I, s:s, s:n}", "items", page->list, "size", (json_int_t)page->item.size,
			"etag", etag, "next");
		if (object && page->more)
			(void)json_object_set_new(object, "next", json_integer(page->next));
		reply_json_take(page->call, 200, &headers, object);
	}
	http_headers_fini(&headers);
}

static void extents_job(struct call *call, struct docs_store *store)
{
	struct extents_page page = {.call = call, .now_s = clock_real_ns() / NS_PER_S};
	int64_t id = 0, from = 0, len = INT64_MAX;
	struct docs_position at = {0};
	int r = begin(call, store);

	page.compact = call_accepts(call, REPLY_EXTENTS_TYPE);
	page.list = json_array();
	buf_init(&page.bytes, REPLY_PAGE_BYTES_MAX);
	if (r == 0)
		r = call_id(call, "id", &id);
	if (r == 0)
		r = http_request_query_number(call->req, "from", 0, FILE_BYTES_MAX, &from);
	if (r == 0)
		r = http_request_query_number(call->req, "len", 1, INT64_MAX, &len);
	if (len > INT64_MAX - from)
		len = INT64_MAX - from;
	if (r == 0) {
		tagging_add(call, tag_of(TAG_CONTENT, id));
		r = store->ops->extents(store, &call->scope, id, from, len, EXTENTS_MAX + 1, extents_on_item,
			extents_on_extent, &page, &at);
	}
	if (r == 0 && !S_ISREG(page.item.mode))
		r = S_ISDIR(page.item.mode) ? -EISDIR : -EINVAL;
	if (r < 0)
		tagging_fail(call, r);
	else
		send_extents(&page, at);
	json_decref(page.list);
	buf_fini(&page.bytes);
}

void api_item_extents(struct http_request *req, void *cookie)
{
	call_start(req, cookie, extents_job);
}
