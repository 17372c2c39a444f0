#include "common/proto/op_answer.h"

#include "common/proto/compact.h"
#include "common/proto/op_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#define ANSWER_MAGIC "NPR1"
#define HAS_ITEM 1u

struct decoded {
	struct op_answer answer; /* first: callers have a pointer to it */
	json_t *root;
	struct buf names; /* bytes that came in base64: fewer than the body has */
	struct op_result results[];
};

static bool numbers_ok(const struct op_result *result)
{
	return result->id >= 0 && result->replaced >= 0 && result->value >= 0;
}

/* ---- JSON ---- */

static int append_dirs(struct buf *b, const struct op_result *result)
{
	int r = buf_append_str(b, "\"dirs\":[");

	for (size_t i = 0; r == 0 && i < result->dir_count; i++) {
		if (i > 0)
			r = buf_append_u8(b, ',');
		if (r == 0)
			r = item_append_json(b, &result->dirs[i]);
	}
	return r < 0 ? r : buf_append_str(b, "]}");
}

static int append_result(struct buf *b, const struct op *op, const struct op_result *result)
{
	int r = buf_append_u8(b, '{');

	if (r == 0 && result->id)
		r = buf_printf(b, "\"id\":\"%" PRId64 "\",", result->id);
	if (r == 0 && result->has_item) {
		r = buf_append_str(b, "\"item\":");
		r = r < 0 ? r : item_append_json(b, &result->item);
		r = r < 0 ? r : buf_append_u8(b, ',');
	}
	if (r == 0 && result->replaced)
		r = buf_printf(b, "\"replaced\":\"%" PRId64 "\",", result->replaced);
	if (r == 0 && op->kind == OP_CLONE)
		r = buf_printf(b, "\"len\":%" PRId64 ",", result->value);
	if (r == 0 && (op->fields & OP_APPEND))
		r = buf_printf(b, "\"at\":%" PRId64 ",", result->value);
	return r < 0 ? r : append_dirs(b, result);
}

/* Writes text without a tree: see item_text.c. */
int op_answer_append_json(struct buf *b, const struct op_answer *answer, const struct op_batch *batch)
{
	int r = buf_append_str(b, "{\"results\":[");

	for (size_t i = 0; r == 0 && i < answer->count; i++) {
		if (i > 0)
			r = buf_append_u8(b, ',');
		if (r == 0)
			r = append_result(b, op_batch_at(batch, i), &answer->results[i]);
	}
	return r < 0 ? r : buf_printf(b, "],\"last\":\"%" PRId64 "\"}", answer->last);
}

/* If the key is absent, returns 0 and leaves ret unchanged. */
static int get_id(const json_t *object, const char *key, int64_t *ret)
{
	int r = item_json_get_id(object, key, ret);

	return r == -ENOENT ? 0 : r;
}

static int get_result(const json_t *object, struct op_result *ret, struct buf *names)
{
	const json_t *item = json_object_get(object, "item"), *dirs = json_object_get(object, "dirs");
	const json_t *len = json_object_get(object, "len"), *at = json_object_get(object, "at");
	int r = json_is_object(object) && json_array_size(dirs) <= OP_RESULT_DIRS_MAX ? 0 : -EBADMSG;

	if (r == 0 && item) {
		r = item_from_json(item, &ret->item, names);
		ret->has_item = true;
		ret->id = ret->item.id;
	}
	for (size_t i = 0; r == 0 && i < json_array_size(dirs); i++)
		r = item_from_json(json_array_get(dirs, i), &ret->dirs[ret->dir_count++], names);
	if (r == 0)
		r = get_id(object, "id", &ret->id);
	if (r == 0)
		r = get_id(object, "replaced", &ret->replaced);
	if (r == 0 && (json_is_integer(len) || json_is_integer(at)))
		ret->value = json_integer_value(json_is_integer(len) ? len : at);
	return r == 0 && !numbers_ok(ret) ? -EBADMSG : r;
}

static int decode_json(struct span body, struct decoded *ret)
{
	const json_t *list;
	int r;

	ret->root = json_loadb(body.data ? body.data : "", body.size, 0, NULL);
	list = json_object_get(ret->root, "results");
	if (!json_is_array(list) || json_array_size(list) != ret->answer.count)
		return -EBADMSG;
	r = buf_reserve(&ret->names, body.size);
	if (r == 0)
		r = item_json_get_id(ret->root, "last", &ret->answer.last);
	for (size_t i = 0; r == 0 && i < ret->answer.count; i++)
		r = get_result(json_array_get(list, i), &ret->results[i], &ret->names);
	return r < 0 && r != -ENOMEM ? -EBADMSG : r;
}

/* ---- compact ---- */

/* Items have the form of a listing, but never content. */
static int put_item(struct buf *b, const struct item *item)
{
	struct item bare = *item;

	bare.has_inline = false;
	return item_page_add(b, &bare);
}

static int put_result(struct buf *b, const struct op_result *result)
{
	int r = buf_append_u8(b, result->has_item ? HAS_ITEM : 0);

	r = r < 0 ? r : buf_append_u8(b, (uint8_t)result->dir_count);
	r = r < 0 ? r : buf_append_u64(b, (uint64_t)result->id);
	r = r < 0 ? r : buf_append_u64(b, (uint64_t)result->replaced);
	r = r < 0 ? r : buf_append_u64(b, (uint64_t)result->value);
	if (r == 0 && result->has_item)
		r = put_item(b, &result->item);
	for (size_t i = 0; r == 0 && i < result->dir_count; i++)
		r = put_item(b, &result->dirs[i]);
	return r;
}

int op_answer_append_compact(struct buf *b, const struct op_answer *answer)
{
	const int64_t numbers[] = {answer->incarnation, answer->last};
	const size_t start = b->size;
	int r = compact_head_begin(b, ANSWER_MAGIC, numbers, 2);

	if (r == 0)
		compact_head_end(b, start + COMPACT_COUNT_AT, (uint32_t)answer->count, false);
	for (size_t i = 0; r == 0 && i < answer->count; i++)
		r = put_result(b, &answer->results[i]);
	return r;
}

static int take_item(struct span body, size_t *at, struct item *ret)
{
	return item_page_next(body, at, ret) == 0 && !ret->has_inline ? 0 : -EBADMSG;
}

static int take_result(struct span body, size_t *at, struct op_result *ret)
{
	struct compact_reader r = compact_reader_at(body, *at);
	const uint64_t has = compact_take_int(&r, 1);
	int error;

	ret->has_item = has == HAS_ITEM;
	ret->dir_count = compact_take_int(&r, 1);
	ret->id = compact_take_i64(&r);
	ret->replaced = compact_take_i64(&r);
	ret->value = compact_take_i64(&r);
	if (has > HAS_ITEM || ret->dir_count > OP_RESULT_DIRS_MAX || !numbers_ok(ret))
		r.bad = true;
	error = compact_reader_step(&r, body, at);
	if (error == 0 && ret->has_item)
		error = take_item(body, at, &ret->item);
	for (size_t i = 0; error == 0 && i < ret->dir_count; i++)
		error = take_item(body, at, &ret->dirs[i]);
	return error;
}

static int decode_compact(struct span body, struct decoded *ret)
{
	struct compact_reader r = compact_reader_at(body, 0);
	uint32_t count;
	size_t at = 0;
	int error;

	/* An answer has no further pages. */
	if (compact_take_head(&r, ANSWER_MAGIC, &count) || count != ret->answer.count)
		return -EBADMSG;
	ret->answer.incarnation = compact_take_i64(&r);
	ret->answer.last = compact_take_i64(&r);
	error = compact_reader_step(&r, body, &at);
	for (size_t i = 0; error == 0 && i < count; i++)
		error = take_result(body, &at, &ret->results[i]);
	return error == 0 && at != body.size ? -EBADMSG : error;
}

/* ---- either ---- */

int op_answer_decode(const char *content_type, struct span body, size_t count, struct op_answer **ret)
{
	struct decoded *d;
	int r;

	if (count > OPS_PER_BATCH_MAX)
		return -EBADMSG;
	d = calloc(1, sizeof(*d) + count * sizeof(d->results[0]));
	if (!d)
		return -ENOMEM;
	d->answer.count = count;
	d->answer.results = d->results;
	buf_init(&d->names, body.size);
	r = op_media_is(content_type, OP_ANSWER_COMPACT) ? decode_compact(body, d) : decode_json(body, d);
	if (r < 0)
		op_answer_free(&d->answer);
	else
		*ret = &d->answer;
	return r;
}

void op_answer_free(struct op_answer *answer)
{
	struct decoded *d = (struct decoded *)answer;

	if (!d)
		return;
	json_decref(d->root);
	buf_fini(&d->names);
	free(d);
}
