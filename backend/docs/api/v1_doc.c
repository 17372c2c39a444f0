#include "backend/docs/api/v1_doc.h"

#include "backend/docs/request/reader.h"
#include "backend/docs/request/target.h"
#include "common/base/error.h"
#include "common/base/text.h"

#include <errno.h>
#include <sys/stat.h>

bool v1_doc_may_be(const struct item *item)
{
	return S_ISREG(item->mode) && item->size <= V1_TEXT_MAX;
}

int v1_doc_read(struct docs *docs, struct docs_store *store, const struct docs_scope *scope, const struct item *item,
	struct buf *ret)
{
	const struct reader_options options = {
		.docs = docs, .scope = *scope, .id = item->id, .size = item->size, .content_seq = item->content_seq};
	struct reader *reader = NULL;
	int r = v1_doc_may_be(item) ? reader_new(&options, &reader) : -ERR_NOT_FOUND;

	if (r == 0)
		r = reader_look(reader, store, 0, item->size);
	if (r == 0) {
		reader_seek(reader, 0, item->size);
		r = reader_read(reader, store, V1_TEXT_MAX, ret);
	}
	reader_free(reader);
	return r == 0 && !text_is_utf8(buf_span(ret)) ? -ERR_NOT_FOUND : r;
}

int v1_doc_text(
	struct docs *docs, struct docs_store *store, const struct docs_scope *scope, int64_t id, struct buf *ret)
{
	struct docs_position at;
	struct item item;
	struct target_copy copy = {.item = &item};
	int r = -ESTALE;

	for (unsigned i = 0; i < V1_TRIES && r == -ESTALE; i++) {
		buf_reset(ret);
		r = store->ops->item_get(store, scope, id, target_on_item, &copy, &at);
		if (r == 0)
			r = v1_doc_read(docs, store, scope, &item, ret);
	}
	return r == -ESTALE ? -ERR_UNAVAILABLE : r;
}

json_t *v1_doc_json(int64_t id, struct span name, struct span text, int64_t owner)
{
	json_t *o = json_object();
	int r = o ? json_object_set_new(o, "id", json_integer(id)) : -1;

	if (r == 0)
		r = item_json_set_bytes(o, "title", name);
	if (r == 0)
		r = json_object_set_new(o, "text", json_stringn(text.size ? text.data : "", text.size));
	if (r == 0)
		r = json_object_set_new(o, "user_id", json_pack("[I]", (json_int_t)owner));
	if (r < 0) {
		json_decref(o);
		return NULL;
	}
	return o;
}
