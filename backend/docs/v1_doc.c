#include "backend/docs/v1_doc.h"

#include "backend/docs/reader.h"
#include "backend/docs/target.h"
#include "common/base/error.h"
#include "common/base/text.h"

#include <errno.h>
#include <sys/stat.h>

bool v1_doc_may_be(const struct item *item)
{
	return S_ISREG(item->mode) && item->size <= V1_TEXT_MAX;
}

static int read_once(
	struct docs *docs, struct docs_store *store, const struct docs_scope *scope, int64_t id, struct buf *ret)
{
	struct reader_options options = {.docs = docs, .scope = *scope, .id = id};
	struct reader *reader = NULL;
	struct docs_position at;
	struct item item;
	struct target_copy copy = {.item = &item};
	int r = store->ops->item_get(store, scope, id, target_on_item, &copy, &at);

	if (r == 0 && !v1_doc_may_be(&item))
		r = -ERR_NOT_FOUND;
	if (r < 0)
		return r;
	options.size = item.size;
	options.content_seq = item.content_seq;
	r = reader_new(&options, &reader);
	if (r < 0)
		return r;
	reader_seek(reader, 0, item.size);
	r = reader_read(reader, store, V1_TEXT_MAX, ret);
	reader_free(reader);
	return r == 0 && !text_is_utf8(buf_span(ret)) ? -ERR_NOT_FOUND : r;
}

int v1_doc_text(
	struct docs *docs, struct docs_store *store, const struct docs_scope *scope, int64_t id, struct buf *ret)
{
	int r = -ESTALE;

	for (unsigned i = 0; i < V1_TRIES && r == -ESTALE; i++) {
		buf_reset(ret);
		r = read_once(docs, store, scope, id, ret);
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
