#include "cli/pages.h"

#include "cli/remote.h"
#include "common/base/limits.h"
#include "common/base/text.h"

#include <errno.h>

static int page_path(struct buf *ret, const char *path, const char *cursor)
{
	int r;

	buf_reset(ret);
	r = buf_printf(ret, "%s?limit=%u", path, PAGE_ITEMS_MAX);
	if (r == 0 && cursor)
		r = buf_append_str(ret, "&cursor=");
	return r == 0 && cursor ? text_url_encode(span_str(cursor), ret) : r;
}

static int each_of(const json_t *page, void *cookie, int (*on_item)(void *cookie, json_t *item))
{
	const json_t *items = json_object_get(page, "items");
	int r = json_is_array(items) ? 0 : -EPROTO;

	for (size_t i = 0; r == 0 && i < json_array_size(items); i++)
		r = on_item(cookie, json_array_get(items, i));
	return r;
}

int pages_each(struct api *api, const char *path, void *cookie, int (*on_item)(void *cookie, json_t *item),
	struct api_answer *ret_answer)
{
	struct api_request request = {.method = "GET"};
	const char *cursor = NULL;
	struct buf url, before;
	int r;

	buf_init(&url, REMOTE_URL_BYTES_MAX);
	buf_init(&before, REMOTE_URL_BYTES_MAX);
	memset(ret_answer, 0, sizeof(*ret_answer));
	do {
		buf_reset(&before);
		r = buf_append_span(&before, buf_span(&url));
		if (r == 0)
			r = page_path(&url, path, cursor);
		/* A page that names itself as the next one would lead to an endless loop. */
		if (r == 0 && span_eq(buf_span(&url), buf_span(&before)))
			r = -EPROTO;
		if (r < 0)
			break;
		api_answer_fini(ret_answer);
		request.path = url.data;
		r = api_call(api, &request, ret_answer);
		if (r == 0)
			r = each_of(ret_answer->json, cookie, on_item);
		cursor = r == 0 ? json_string_value(json_object_get(ret_answer->json, "next")) : NULL;
	} while (cursor);
	buf_fini(&before);
	buf_fini(&url);
	return r;
}
