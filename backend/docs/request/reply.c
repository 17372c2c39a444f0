#include "backend/docs/request/reply.h"

#include "backend/docs/request/cursor.h"
#include "backend/docs/request/tagging.h"
#include "common/base/error.h"
#include "common/base/limits.h"
#include "common/base/text.h"
#include "common/proto/headers.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

void reply_position(struct http_headers *headers, struct docs_position at)
{
	char text[HEADERS_VALUE_SIZE];

	headers_position_print(at.incarnation, at.seq, text);
	(void)http_headers_add(headers, HEADER_SEQ, text);
}

void reply_usage(struct http_headers *headers, int64_t used, int64_t quota)
{
	char text[HEADERS_VALUE_SIZE];

	headers_usage_print(used, quota, text);
	(void)http_headers_add(headers, HEADER_USAGE, text);
}

static void respond_take(struct call *call, int status, struct http_headers *headers, json_t *object, const char *type)
{
	char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;
	struct http_headers own;

	json_decref(object);
	if (!text) {
		call_fail(call, -ENOMEM, NULL);
		return;
	}
	http_headers_init(&own);
	if (!headers)
		headers = &own;
	(void)http_headers_set(headers, "Content-Type", type);
	http_respond_take(call->req, status, headers, text, strlen(text));
	http_headers_fini(&own);
}

void reply_json_take(struct call *call, int status, struct http_headers *headers, json_t *object)
{
	respond_take(call, status, headers, object, "application/json");
}

void reply_problem_take(struct call *call, int status, struct http_headers *headers, json_t *problem)
{
	respond_take(call, status, headers, problem, "application/problem+json");
}

void reply_items_init(struct reply_items *items, struct call *call)
{
	memset(items, 0, sizeof(*items));
	items->call = call;
	items->compact = call_accepts(call, REPLY_ITEMS_TYPE);
	items->limit = 1;
	if (!items->compact)
		items->list = json_array();
	buf_init(&items->bytes, REPLY_PAGE_BYTES_MAX);
	buf_init(&items->last_name, NAME_BYTES_MAX);
}

void reply_items_fini(struct reply_items *items)
{
	json_decref(items->list);
	buf_fini(&items->bytes);
	buf_fini(&items->last_name);
}

int reply_items_on_item(const struct item *found, void *cookie)
{
	struct reply_items *items = cookie;
	struct item item = *found;
	int r;

	if (items->count == items->limit) {
		items->more = true;
		return 0;
	}
	if (items->page)
		tagging_add_child(items->call, found);
	else
		tagging_add(items->call, tag_of(TAG_ATTRIBUTES, found->id));
	if (!items->with_inline || items->bytes.size > REPLY_INLINE_BYTES_SOFT)
		item.has_inline = false;
	if (items->compact)
		r = item_page_add(&items->bytes, &item);
	else
		r = json_array_append_new(items->list, item_to_json(&item)) < 0 ? -ENOMEM : 0;
	if (r < 0)
		return r;
	items->count++;
	buf_reset(&items->last_name);
	return buf_append_span(&items->last_name, item.name);
}

static void send_compact(
	struct call *call, struct reply_items *items, struct http_headers *headers, struct docs_position at)
{
	struct item_page page = {.incarnation = at.incarnation, .seq = at.seq};
	struct buf cursor, body;
	size_t count_at = 0, size;
	char *bytes;
	int r;

	buf_init(&cursor, 2 * NAME_BYTES_MAX);
	buf_init(&body, REPLY_PAGE_BYTES_MAX + 1024);
	r = items->more ? cursor_make(buf_span(&items->last_name), &cursor) : 0;
	page.cursor = buf_span(&cursor);
	if (r == 0)
		r = item_page_begin(&body, &page, &count_at);
	if (r == 0)
		r = buf_append_span(&body, buf_span(&items->bytes));
	if (r < 0) {
		call_fail(call, r, NULL);
	} else {
		item_page_end(&body, count_at, items->count, items->more);
		bytes = buf_take(&body, &size);
		(void)http_headers_set(headers, "Content-Type", REPLY_ITEMS_TYPE);
		http_respond_take(call->req, 200, headers, bytes, size);
	}
	buf_fini(&cursor);
	buf_fini(&body);
}

json_t *reply_page(const char *name, json_t *list, const struct span *last)
{
	struct buf cursor;
	json_t *page = NULL;

	buf_init(&cursor, CURSOR_BYTES_MAX);
	if (!last || cursor_make(*last, &cursor) == 0)
		page = json_pack("{s:O, s:s?}", name, list, "next", last ? cursor.data : NULL);
	buf_fini(&cursor);
	return page;
}

static void send_json(struct call *call, struct reply_items *items, struct http_headers *headers)
{
	const struct span last = buf_span(&items->last_name);

	if (!items->page) {
		reply_json_take(call, 200, headers, json_incref(json_array_get(items->list, 0)));
		return;
	}
	reply_json_take(call, 200, headers, reply_page("items", items->list, items->more ? &last : NULL));
}

/* No ETag field: this answer changes with attributes too, and the document's etag, which is in the answer, does
 * not. */
void reply_items_send(struct call *call, struct reply_items *items, struct docs_position at)
{
	struct http_headers headers;

	http_headers_init(&headers);
	reply_position(&headers, at);
	tagging_say(call, &headers);
	(void)http_headers_add(&headers, "Vary", "Accept");
	if (items->compact)
		send_compact(call, items, &headers, at);
	else
		send_json(call, items, &headers);
	http_headers_fini(&headers);
}
