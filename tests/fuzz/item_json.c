/* Any bytes as a document in JSON, as a mount or the command reads it: refused, or an item that is the same
 * after it is written and read again. */
#include "tests/fuzz/fuzz.h"

#include "common/base/limits.h"
#include "common/proto/item.h"

#include <errno.h>

#define STORAGE_BYTES_MAX (8u * 1024) /* a name and a target that are not UTF-8 */
#define TEXT_BYTES_MAX (1024u * 1024)

static int read_text(struct span text, struct buf *storage, json_t **ret_object, struct item *ret)
{
	*ret_object = json_loadb(text.data ? text.data : "", text.size, 0, NULL);
	FUZZ_CHECK(buf_reserve(storage, STORAGE_BYTES_MAX) == 0);
	return *ret_object ? item_from_json(*ret_object, ret, storage) : -EINVAL;
}

static void check_again(const struct item *item)
{
	struct buf text, storage;
	struct item again;
	json_t *object = NULL;
	char etag[ITEM_ETAG_SIZE];

	buf_init(&text, TEXT_BYTES_MAX);
	buf_init(&storage, STORAGE_BYTES_MAX);
	item_etag(item, etag);
	if (item_append_json(&text, item) == 0) {
		FUZZ_CHECK(read_text(buf_span(&text), &storage, &object, &again) == 0);
		FUZZ_CHECK(again.id == item->id && again.parent == item->parent && again.mode == item->mode);
		FUZZ_CHECK(again.size == item->size && again.nlink == item->nlink && again.seq == item->seq);
		FUZZ_CHECK(again.uid == item->uid && again.gid == item->gid && again.allocated == item->allocated);
		FUZZ_CHECK(again.atime == item->atime && again.mtime == item->mtime && again.ctime == item->ctime);
		FUZZ_CHECK(again.btime == item->btime && again.content_seq == item->content_seq);
		FUZZ_CHECK(again.rdev_major == item->rdev_major && again.rdev_minor == item->rdev_minor);
		FUZZ_CHECK(span_eq(again.name, item->name) && span_eq(again.target, item->target));
	}
	json_decref(object);
	buf_fini(&storage);
	buf_fini(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf storage;
	struct item item;
	json_t *object;

	buf_init(&storage, STORAGE_BYTES_MAX);
	if (read_text(span_of(data, size), &storage, &object, &item) == 0)
		check_again(&item);
	json_decref(object);
	buf_fini(&storage);
	return 0;
}
