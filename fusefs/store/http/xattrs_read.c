/*
 * GET of the extended attributes of a document, page after page, in one call. Each page that is not the whole answer
 * says which change of the document it belongs to (seq). When the pages of one answer differ in this, the call
 * begins again at the first page, so that the caller gets one version. A store that has no pages sends all
 * attributes at once.
 *
 * Pages are kept until the last one has come, since attributes that were passed to the caller cannot be taken back.
 * They are no larger than what a document may have.
 */
#include "fusefs/store/http/store_http_internal.h"

#include "common/base/text.h"

#include <errno.h>
#include <inttypes.h>

#define CURSOR_BYTES_MAX 512					/* base64url of a name, with room */
#define PAGES_MAX 64						/* of one version: a document has at most sixteen */
#define PAGES_BYTES_MAX (4 * (size_t)XATTRS_PER_ITEM_TOTAL_MAX) /* of all pages as received */
#define ANEW_MAX 16 /* versions that are begun: so many changes within some milliseconds are no coincidence */

static int each_xattr(const struct store_http_call *call, const json_t *list)
{
	struct buf name, value;
	int r = json_is_array(list) ? 0 : -EPROTO;

	buf_init(&name, 2 * XATTR_NAME_BYTES_MAX);
	buf_init(&value, XATTR_VALUE_BYTES_MAX + 4);
	for (size_t i = 0; i < json_array_size(list) && r == 0; i++) {
		const json_t *object = json_array_get(list, i);
		const char *text = json_string_value(json_object_get(object, "value_b64"));

		buf_reset(&name);
		buf_reset(&value);
		if (!text || item_json_get_bytes(object, "name", &name) < 0 ||
			text_unbase64(span_str(text), &value) < 0 || name.size == 0 ||
			name.size > XATTR_NAME_BYTES_MAX || memchr(name.data, '\0', name.size))
			r = -EPROTO;
		else
			r = call->as.xattrs.each(call->cookie, buf_span(&name), buf_span(&value));
	}
	buf_fini(&name);
	buf_fini(&value);
	return r;
}

static int each_page(const struct store_http_call *call)
{
	int r = 0;

	for (size_t i = 0; i < json_array_size(call->as.xattrs.pages) && r == 0; i++)
		r = each_xattr(call, json_array_get(call->as.xattrs.pages, i));
	return r;
}

static void make_path(struct store_http_call *call, const char *cursor)
{
	buf_reset(&call->path);
	store_http_call_path(call, "/items/%" PRId64 "/xattrs", call->as.xattrs.id);
	if (cursor)
		store_http_call_path(call, "?cursor=");
	if (cursor && call->broken == 0)
		call->broken = text_url_encode(span_str(cursor), &call->path);
}

/* 0: this was the last page; 1: the next request is prepared, for the next page or for the first; or an error. */
static int take_page(struct store_http_call *call, const json_t *page, size_t bytes)
{
	struct xattrs_call *x = &call->as.xattrs;
	const char *cursor = json_string_value(json_object_get(page, "next"));
	const bool is_first = json_array_size(x->pages) == 0;
	int64_t seq = 0;

	if (item_json_get_id(page, "seq", &seq) < 0 && (cursor || !is_first))
		return -EPROTO; /* the version of the page is unknown */
	if (!is_first && seq != x->seq) {
		(void)json_array_clear(x->pages);
		x->bytes = 0;
		make_path(call, NULL);
		return ++x->anew > ANEW_MAX ? -EBUSY : 1;
	}
	x->seq = seq;
	x->bytes += bytes;
	if (x->bytes > PAGES_BYTES_MAX)
		return -E2BIG;
	if (json_array_append(x->pages, json_object_get(page, "xattrs")) < 0)
		return json_object_get(page, "xattrs") ? -ENOMEM : -EPROTO;
	if (!cursor)
		return 0;
	if (strlen(cursor) > CURSOR_BYTES_MAX || json_array_size(x->pages) == PAGES_MAX)
		return -EPROTO;
	make_path(call, cursor);
	return 1;
}

static void on_xattrs(struct store_http_call *call, int error, struct http_response *response)
{
	if (error == 0) {
		json_t *page = json_loadb(response->body.data ? response->body.data : "", response->body.size, 0, NULL);

		error = page ? take_page(call, page, response->body.size) : -EPROTO;
		json_decref(page);
	}
	if (error == 1) {
		store_http_call_again(call, false);
		return;
	}
	if (error == 0)
		error = each_page(call);
	json_decref(call->as.xattrs.pages);
	call->as.xattrs.done(call->cookie, store_http_nonsense(call, error));
	store_http_call_over(call);
}

store_ticket store_http_xattrs(struct store *base, int64_t id,
	int (*each)(void *cookie, struct span name, struct span value), void (*done)(void *cookie, int error),
	void *cookie)
{
	struct store_http_call *call = store_http_call_new(store_http_of(base), CALL_META, on_xattrs, cookie);

	call->flags = CALL_FLAG_FLOOR | CALL_FLAG_BY_ID;
	call->as.xattrs = (struct xattrs_call){.id = id, .pages = json_array(), .each = each, .done = done};
	if (!call->as.xattrs.pages)
		call->broken = -ENOMEM;
	make_path(call, NULL);
	return store_http_call_start(call);
}
