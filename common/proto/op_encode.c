#include "common/proto/op_internal.h"

#include "common/base/clock.h"
#include "common/base/text.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

/*
 * Encodes a batch as a sender writes it. Each op becomes a JSON object by the table `op_wire` (op_internal.h),
 * which the decoder uses, too. A row gives a field's name, the kinds of op that have it, its place in struct op,
 * and the kind of its value. So a field cannot be written in one way and read in another.
 *
 * Bytes of content follow the JSON unchanged, and the extent in the JSON says where: base64 would cost a third
 * more, and a copy. A batch without such bytes that is short enough is plain JSON, which people can read on the
 * wire.
 */

#define LENGTH_BYTES 4u

struct encoder {
	struct buf data;
};

static int set_new(json_t *object, const char *key, json_t *value)
{
	return json_object_set_new(object, key, value) < 0 ? -ENOMEM : 0;
}

static int set_base64(json_t *object, const char *key, struct span bytes)
{
	struct buf b;
	int r;

	buf_init(&b, 2 * bytes.size + 4);
	r = text_base64(bytes, &b);
	r = r < 0 ? r : set_new(object, key, json_stringn_nocheck(b.data, b.size));
	buf_fini(&b);
	return r;
}

/* One flag is written as a text, several as a list: the usual case stays short. */
static int set_flags(json_t *object, const struct op *op)
{
	json_t *flags = NULL;

	for (size_t i = 0; i < OP_FLAG_COUNT; i++) {
		json_t *name;

		if (op_flags[i].kind != op->kind || !(op->fields & op_flags[i].bit))
			continue;
		name = json_string(op_flags[i].name);
		if (!flags) {
			flags = name;
			continue;
		}
		if (json_is_string(flags))
			flags = json_pack("[o]", flags);
		if (json_array_append_new(flags, name) < 0) {
			json_decref(flags);
			return -ENOMEM;
		}
	}
	return flags ? set_new(object, "flags", flags) : 0;
}

static int set_rdev(json_t *object, const struct op *op)
{
	json_t *rdev;

	if (!S_ISCHR(op->mode) && !S_ISBLK(op->mode))
		return 0;
	rdev = json_pack("{s:I,s:I}", "major", (json_int_t)op->rdev_major, "minor", (json_int_t)op->rdev_minor);
	return set_new(object, "rdev", rdev);
}

static json_t *encode_extent(struct encoder *e, const struct op_extent *extent)
{
	json_t *o = json_pack("{s:I,s:I}", "at", (json_int_t)extent->at, "len", (json_int_t)extent->len);
	char hex[2 * sizeof(extent->sha256) + 1];
	int r = o ? 0 : -ENOMEM;

	switch (extent->kind) {
	case OP_EXTENT_BLOCK:
		text_hex(extent->sha256, sizeof(extent->sha256), hex);
		r = r < 0 ? r : set_new(o, "block", json_string_nocheck(hex));
		r = r < 0 ? r : set_new(o, "from", json_integer(extent->from));
		break;
	case OP_EXTENT_DATA:
		r = r < 0 ? r : set_new(o, "data", json_integer((json_int_t)e->data.size));
		r = r < 0 ? r : buf_append_span(&e->data, extent->data);
		break;
	case OP_EXTENT_HOLE:
		r = r < 0 ? r : set_new(o, "hole", json_true());
		break;
	case OP_EXTENT_RESERVE:
		r = r < 0 ? r : set_new(o, "reserve", json_true());
		break;
	}
	if (r == 0)
		return o;
	json_decref(o);
	return NULL;
}

static int set_extents(struct encoder *e, json_t *object, const struct op *op)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < op->extent_count; i++) {
		if (json_array_append_new(list, encode_extent(e, &op->extents[i])) < 0) {
			json_decref(list);
			return e->data.size + INLINE_BYTES_MAX > BATCH_DATA_BYTES_MAX ? -E2BIG : -ENOMEM;
		}
	}
	return set_new(object, "extents", list);
}

static int set_etag(json_t *object, const struct op *op)
{
	struct item item = {.id = op->id, .content_seq = op->if_content_seq};
	char etag[ITEM_ETAG_SIZE] = "\"\"";

	if (op->if_content_seq >= 0)
		item_etag(&item, etag);
	return set_new(object, "if_match", json_string(etag));
}

static bool is_set(const struct op_wire *row, const struct op *op)
{
	unsigned kind = 1u << op->kind;

	if (!(row->ops & kind))
		return false;
	if (row->value == OP_VALUE_EXTENTS)
		return op->extent_count > 0;
	if (row->offset == offsetof(struct op, target))
		return op->kind == OP_SETXATTR || S_ISLNK(op->mode);
	return (row->required & kind) || row->bit == 0 || (op->fields & row->bit);
}

/* budget: a plain switch over the kinds of values */
static int encode_value(struct encoder *e, json_t *object, const struct op_wire *row, const struct op *op)
{
	const char *member = (const char *)op + row->offset;
	const void *value = member;
	uint32_t word;

	switch (row->value) {
	case OP_VALUE_KIND:
		return set_new(object, row->name, json_string(op_kind_name(op->kind)));
	case OP_VALUE_ID:
		return item_json_set_id(object, row->name, *(const int64_t *)value);
	case OP_VALUE_BYTES:
		return item_json_set_bytes(object, row->name, *(const struct span *)value);
	case OP_VALUE_B64:
		return set_base64(object, row->name, *(const struct span *)value);
	case OP_VALUE_U32:
		word = *(const uint32_t *)value;
		return set_new(object, row->name,
			json_integer(row->offset == offsetof(struct op, mode) ? word & 07777 : word));
	case OP_VALUE_NUMBER:
		return set_new(object, row->name, json_integer(*(const int64_t *)value));
	case OP_VALUE_TIME:
		return item_json_set_time(object, row->name, *(const int64_t *)value);
	case OP_VALUE_BOOL:
		return set_new(object, row->name, json_true());
	case OP_VALUE_FLAGS:
		return set_flags(object, op);
	case OP_VALUE_TYPE:
		return set_new(object, row->name, json_string(item_type_name(op->mode)));
	case OP_VALUE_RDEV:
		return set_rdev(object, op);
	case OP_VALUE_EXTENTS:
		return set_extents(e, object, op);
	case OP_VALUE_ETAG:
		return set_etag(object, op);
	case OP_VALUE_PROTECT:
		return set_new(object, row->name, item_protect_to_json(op->protect));
	}
	return -EINVAL;
}

static int encode_op(struct encoder *e, json_t *list, const struct op *op)
{
	json_t *object = json_object();
	int r = object ? 0 : -ENOMEM;

	for (size_t i = 0; r == 0 && i < OP_WIRE_COUNT; i++)
		if (is_set(&op_wire[i], op))
			r = encode_value(e, object, &op_wire[i], op);
	if (r < 0) {
		json_decref(object);
		return r;
	}
	return json_array_append_new(list, object) < 0 ? -ENOMEM : 0;
}

static int put(struct encoder *e, const char *json, struct buf *ret, const char **ret_content_type)
{
	size_t size = strlen(json), start = ret->size;
	bool plain = e->data.size == 0 && size <= JSON_BYTES_MAX;
	int r = 0;

	if (size > BATCH_HEAD_BYTES_MAX)
		return -E2BIG;
	if (!plain)
		r = buf_append_u32(ret, (uint32_t)size);
	r = r < 0 ? r : buf_append(ret, json, size);
	r = r < 0 ? r : buf_append_span(ret, buf_span(&e->data));
	if (r < 0) {
		ret->size = start;
		return r;
	}
	*ret_content_type = plain ? OP_CONTENT_JSON : OP_CONTENT_OPS;
	return 0;
}

int op_batch_encode(const struct op *ops, size_t count, struct buf *ret, const char **ret_content_type)
{
	json_t *root = json_object(), *list = json_array();
	struct encoder e;
	char *json = NULL;
	int r;

	buf_init(&e.data, BATCH_DATA_BYTES_MAX);
	r = root ? set_new(root, "ops", list) : -ENOMEM;
	if (!root)
		json_decref(list);
	for (size_t i = 0; r == 0 && i < count; i++)
		r = encode_op(&e, list, &ops[i]);
	if (r < 0)
		goto out;
	json = json_dumps(root, JSON_COMPACT);
	r = json ? put(&e, json, ret, ret_content_type) : -ENOMEM;
out:
	free(json);
	json_decref(root);
	buf_fini(&e.data);
	return r;
}
