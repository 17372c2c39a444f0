#include "backend/docs/api/v1_page.h"

#include "backend/docs/api/v1_doc.h"
#include "backend/docs/request/reader.h"
#include "backend/docs/request/tagging.h"
#include "common/base/error.h"
#include "common/proto/headers.h"
#include "common/proto/text_page.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool is_wanted(const struct target *t, struct span json)
{
	const struct http_request *req = t->call->req;
	const char *wanted = http_request_header(req, HEADER_CONTENT);

	return json.size > TAGGING_BYTES_MAX && strcmp(http_request_method(req), "GET") == 0 && wanted &&
		strcmp(wanted, HEADER_CONTENT_WANTED) == 0;
}

static int read_extents(const struct target *t, struct docs_store *store, struct buf *ret)
{
	const struct reader_options options = {.docs = t->call->docs,
		.scope = t->call->scope,
		.id = t->item.id,
		.size = t->item.size,
		.content_seq = t->item.content_seq};
	struct reader *reader = NULL;
	int r = reader_new(&options, &reader);

	if (r == 0)
		r = reader_look(reader, store, 0, t->item.size);
	if (r == 0)
		r = reader_page(reader, &t->at, ret);
	reader_free(reader);
	return r;
}

/* Splits a document with an empty text where the text would be. No name contains the mark, as its quotes would be
 * escaped. */
static int split(struct span frame, struct text_page *ret)
{
	static const char MARK[] = ",\"text\":\"";
	const char *at = memmem(frame.data, frame.size, MARK, sizeof(MARK) - 1);

	if (!at)
		return -EBADMSG;
	ret->before = span_of(frame.data, (size_t)(at - frame.data) + sizeof(MARK) - 1);
	ret->after = span_of(frame.data + ret->before.size, frame.size - ret->before.size);
	return 0;
}

static int write_page(const struct target *t, struct docs_store *store, struct span json, struct buf *ret)
{
	json_t *empty = v1_doc_json(t->item.id, t->item.name, span_of("", 0), t->call->scope.user);
	char *frame = empty ? json_dumps(empty, JSON_COMPACT) : NULL;
	struct text_page page = {.length = (int64_t)json.size};
	struct buf extents;
	int r = frame ? split(span_str(frame), &page) : -ENOMEM;

	json_decref(empty);
	buf_init(&extents, TAGGING_BYTES_MAX);
	if (r == 0)
		r = read_extents(t, store, &extents);
	page.extents = buf_span(&extents);
	if (r == 0)
		r = text_page_write(ret, &page);
	buf_fini(&extents);
	free(frame);
	return r;
}

bool v1_page_respond(const struct target *t, struct docs_store *store, struct http_headers *headers, struct span json)
{
	struct buf page;
	size_t size;

	if (!is_wanted(t, json))
		return false;
	buf_init(&page, TAGGING_BYTES_MAX);
	int r = write_page(t, store, json, &page);
	if (r == 0)
		r = http_headers_add(headers, HEADER_CONTENT, "application/json");
	if (r == 0)
		r = http_headers_set(headers, "Content-Type", TEXT_PAGE_TYPE);
	if (r == 0) {
		char *bytes = buf_take(&page, &size);

		http_respond_take(t->call->req, 200, headers, bytes, size);
	} else {
		http_headers_remove(headers, HEADER_CONTENT);
	}
	buf_fini(&page);
	return r == 0;
}
