#include "cli/folders.h"

#include "common/base/error.h"
#include "common/proto/item.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <uthash.h>

#define ITEM_STORAGE_BYTES (8u * 1024) /* for a name and a target that are not UTF-8, as item.h requires */

struct folder {
	int64_t id, parent;
	UT_hash_handle hh;
	size_t size;
	char name[];
};

struct folders {
	struct api *api;
	int64_t top;
	struct folder *by_id;
};

int folders_new(struct api *api, int64_t top, struct folders **ret)
{
	struct folders *f = calloc(1, sizeof(*f));

	if (!f)
		return -ENOMEM;
	f->api = api;
	f->top = top;
	*ret = f;
	return 0;
}

static void forget_all(struct folders *f)
{
	struct folder *one, *next;

	HASH_ITER(hh, f->by_id, one, next) {
		HASH_DEL(f->by_id, one);
		free(one);
	}
}

void folders_free(struct folders *f)
{
	if (!f)
		return;
	forget_all(f);
	free(f);
}

void folders_forget(struct folders *f, int64_t id)
{
	struct folder *one;

	HASH_FIND(hh, f->by_id, &id, sizeof(id), one);
	if (!one)
		return;
	HASH_DEL(f->by_id, one);
	free(one);
}

static int keep(struct folders *f, int64_t id, int64_t parent, struct span name, struct folder **ret)
{
	struct folder *one = malloc(sizeof(*one) + name.size + 1);

	if (!one)
		return -ENOMEM;
	*one = (struct folder){.id = id, .parent = parent, .size = name.size};
	memcpy(one->name, name.data, name.size);
	HASH_ADD(hh, f->by_id, id, sizeof(one->id), one);
	*ret = one;
	return 0;
}

static int ask(struct folders *f, int64_t id, struct folder **ret)
{
	struct api_request request = {.method = "GET"};
	struct api_answer answer;
	struct buf storage;
	struct item item;
	char path[96];
	int r;

	(void)snprintf(
		path, sizeof(path), "/api/v2/docs/drives/%" PRId64 "/items/%" PRId64, (int64_t)ITEM_DRIVE(id), id);
	request.path = path;
	buf_init(&storage, ITEM_STORAGE_BYTES);
	r = api_call(f->api, &request, &answer);
	if (r == -ERR_NOT_FOUND)
		r = -ENOENT;
	if (r == 0)
		r = buf_reserve(&storage, ITEM_STORAGE_BYTES);
	if (r == 0 && item_from_json(answer.json, &item, &storage) < 0)
		r = -EPROTO;
	if (r == 0)
		r = keep(f, id, item.parent, item.name, ret);
	api_answer_fini(&answer);
	buf_fini(&storage);
	return r;
}

int folders_path(struct folders *f, int64_t id, struct buf *ret)
{
	const struct folder *chain[FOLDERS_DEPTH_MAX];
	size_t depth = 0;
	int r = 0;

	/* Makes room for all folders that may be asked for here, because those in the chain must not be forgotten
	 * meanwhile. */
	if (HASH_COUNT(f->by_id) + FOLDERS_DEPTH_MAX > FOLDERS_MAX)
		forget_all(f);
	while (id != f->top && r == 0) {
		struct folder *one;

		HASH_FIND(hh, f->by_id, &id, sizeof(id), one);
		if (!one)
			r = ask(f, id, &one);
		if (r == 0 && (one->parent == id || depth == FOLDERS_DEPTH_MAX))
			r = -ENOENT; /* the root of the drive was reached: the folder is not below the top */
		if (r < 0)
			break;
		chain[depth++] = one;
		id = one->parent;
	}
	while (depth > 0 && r == 0) {
		depth--;
		r = buf_printf(ret, "/%.*s", (int)chain[depth]->size, chain[depth]->name);
	}
	return r;
}
