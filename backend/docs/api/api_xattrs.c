/*
 * The extended attributes of a document, in pages that are bounded in number and in bytes. For usual documents
 * one page has all attributes.
 *
 * A page that does not have all of them names the change of the document at which it was true: pages with the
 * same change are of the same version. So such a page also gets the tag of the document's attributes, and is not
 * kept when these change; an answer with all xattrs has the tag of the xattrs alone.
 */
#include "backend/docs/api/api.h"
#include "backend/docs/request/cursor.h"
#include "backend/docs/request/reply.h"
#include "backend/docs/request/tagging.h"
#include "common/base/error.h"
#include "common/base/text.h"

#include <errno.h>

struct xattrs_page {
	struct buf after, last; /* names: the one before the page, and the last one of it */
	json_t *list;
	int64_t limit;
	uint32_t count;
	size_t bytes;
	bool more;
};

static void page_fini(void *p)
{
	struct xattrs_page *page = p;

	buf_fini(&page->after);
	buf_fini(&page->last);
	json_decref(page->list);
}

static struct xattrs_page *page_new(struct call *call)
{
	struct xattrs_page *page = call_alloc(call, sizeof(*page));

	if (!page)
		return NULL;
	*page = (struct xattrs_page){.list = json_array(), .limit = PAGE_ITEMS_MAX};
	buf_init(&page->after, XATTR_NAME_BYTES_MAX);
	buf_init(&page->last, XATTR_NAME_BYTES_MAX);
	if (call_keep(call, page, page_fini) < 0) {
		call_fail(call, -ENOMEM, NULL);
		return NULL;
	}
	call->data = page;
	return page;
}

static int append(json_t *list, struct span name, struct span value)
{
	struct buf text;
	json_t *o = json_object();
	int r;

	buf_init(&text, 2 * (size_t)XATTR_VALUE_BYTES_MAX);
	r = o ? item_json_set_bytes(o, "name", name) : -ENOMEM;
	if (r == 0)
		r = text_base64(value, &text);
	if (r == 0 && json_object_set_new(o, "value_b64", json_stringn(text.size ? text.data : "", text.size)) < 0)
		r = -ENOMEM;
	buf_fini(&text);
	if (r < 0) {
		json_decref(o);
		return r;
	}
	return json_array_append_new(list, o) < 0 ? -ENOMEM : 0;
}

static int on_xattr(struct span name, struct span value, void *cookie)
{
	struct xattrs_page *page = cookie;
	int r;

	page->bytes += name.size + value.size;
	if (page->count == page->limit || (page->count > 0 && page->bytes > XATTRS_PAGE_BYTES_MAX)) {
		page->more = true;
		return 0;
	}
	page->count++;
	buf_reset(&page->last);
	r = buf_append_span(&page->last, name);
	return r < 0 ? r : append(page->list, name, value);
}

static json_t *page_json(const struct xattrs_page *page, int64_t seq, bool is_part)
{
	const struct span last = buf_span(&page->last);
	json_t *object = reply_page("xattrs", page->list, page->more ? &last : NULL);

	if (object && is_part && item_json_set_id(object, "seq", seq) < 0) {
		json_decref(object);
		return NULL;
	}
	return object;
}

static void send_page(
	struct call *call, const struct xattrs_page *page, const struct docs_xattrs *what, struct docs_position at)
{
	const bool is_part = page->more || what->after.size > 0;
	struct http_headers headers;

	if (is_part)
		tagging_add(call, tag_of(TAG_ATTRIBUTES, what->id));
	http_headers_init(&headers);
	reply_position(&headers, at);
	tagging_say(call, &headers);
	reply_json_take(call, 200, &headers, page_json(page, what->seq, is_part));
	http_headers_fini(&headers);
}

static void xattrs_job(struct call *call, struct docs_store *store)
{
	struct xattrs_page *page = call->data;
	struct docs_xattrs what = {.after = buf_span(&page->after), .bytes = XATTRS_PAGE_BYTES_MAX};
	struct docs_position at = {0};
	int r = call_drive(call, store);

	if (r == 0) {
		tagging_begin(call);
		r = call_id(call, "id", &what.id);
	}
	if (r == 0)
		r = http_request_query_number(call->req, "limit", 1, PAGE_ITEMS_MAX, &page->limit);
	what.limit = (uint32_t)page->limit + 1; /* one more than the page has shows whether there is a next page */
	if (r == 0) {
		tagging_add(call, tag_of(TAG_XATTRS, what.id));
		r = store->ops->xattrs(store, &call->scope, &what, on_xattr, page, &at);
	}
	if (r < 0)
		tagging_fail(call, r);
	else
		send_page(call, page, &what, at);
}

void api_item_xattrs(struct http_request *req, void *cookie)
{
	struct call *call = call_new(req, cookie);
	struct xattrs_page *page = call ? page_new(call) : NULL;
	const char *cursor = page ? http_request_query(req, "cursor") : NULL;
	int r = cursor ? cursor_parse(cursor, &page->after) : 0;

	if (!page)
		return;
	if (r < 0)
		call_fail(call, r, "cursor must be one that a page of these xattrs gave: leave it out to begin anew");
	else
		call_work(call, xattrs_job);
}
