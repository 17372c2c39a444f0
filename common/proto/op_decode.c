/*
 * Decodes batches from the wire. First the text is walked without building anything: limits on depth and number of
 * containers bound what the parser may allocate. Then each op is read by the table of fields (op.c). A field that
 * the op's kind does not have is refused, and so is an op without a required field. op_check checks the values.
 */
#include "common/proto/op_internal.h"

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/text.h"

#include <errno.h>
#include <stdlib.h>
#include <strings.h>

/* Each op has an object, a list of extents, a list of flags and a device; two more containers are around all ops. */
#define CONTAINERS_MAX (2 + 4 * OPS_PER_BATCH_MAX + OP_EXTENTS_PER_BATCH_MAX)
#define LENGTH_BYTES 4u /* the length of the head, in front of it */

struct decoder {
	struct op_batch *batch;
	struct op *op;
	uint32_t seen;	/* rows of op_wire that the op has */
	uint32_t exact; /* rows that came in base64, which takes precedence */
	int64_t etag_id;
};

bool op_media_is(const char *content_type, const char *media)
{
	size_t size = strlen(media);

	if (!content_type || strncasecmp(content_type, media, size) != 0)
		return false;
	return content_type[size] == '\0' || content_type[size] == ';' || content_type[size] == ' ';
}

/* -ERR_TOO_LARGE: deeper, or with more containers, than any batch can be. The parser checks whether it is JSON at
 * all. */
static int check_shape(struct span json)
{
	size_t depth = 0, containers = 0;
	bool in_string = false;

	for (size_t i = 0; i < json.size; i++) {
		char c = json.data[i];

		if (in_string && c == '\\')
			i++;
		else if (c == '"')
			in_string = !in_string;
		if (in_string)
			continue;
		if (c == '{' || c == '[') {
			if (++depth > JSON_DEPTH_MAX || ++containers > CONTAINERS_MAX)
				return -ERR_TOO_LARGE;
		} else if ((c == '}' || c == ']') && depth > 0) {
			depth--;
		}
	}
	return 0;
}

static int split(const char *content_type, struct span body, struct span *ret_json, struct span *ret_data)
{
	const unsigned char *raw = (const unsigned char *)body.data;
	size_t head;

	*ret_data = (struct span){0};
	*ret_json = body;
	if (op_media_is(content_type, OP_CONTENT_JSON))
		return body.size > JSON_BYTES_MAX ? -ERR_TOO_LARGE : 0;
	if (!op_media_is(content_type, OP_CONTENT_OPS) || body.size < LENGTH_BYTES)
		return -ERR_BAD_REQUEST;
	head = (size_t)raw[0] | (size_t)raw[1] << 8 | (size_t)raw[2] << 16 | (size_t)raw[3] << 24;
	if (head > BATCH_HEAD_BYTES_MAX || body.size > BATCH_BYTES_MAX)
		return -ERR_TOO_LARGE;
	if (head > body.size - LENGTH_BYTES)
		return -ERR_BAD_REQUEST;
	*ret_json = span_of(body.data + LENGTH_BYTES, head);
	*ret_data = span_of(body.data + LENGTH_BYTES + head, body.size - LENGTH_BYTES - head);
	return ret_data->size > BATCH_DATA_BYTES_MAX ? -ERR_TOO_LARGE : 0;
}

/* ---- values ---- */

static struct span json_span(const json_t *string)
{
	return span_of(json_string_value(string), json_string_length(string));
}

static int read_number(const json_t *value, int64_t *ret)
{
	if (!json_is_integer(value))
		return -ERR_BAD_REQUEST;
	*ret = json_integer_value(value);
	return 0;
}

static int read_u32(const json_t *value, uint32_t *ret)
{
	int64_t number;
	int r = read_number(value, &number);

	if (r < 0)
		return r;
	if (number < 0 || number > UINT32_MAX)
		return -ERR_UNPROCESSABLE;
	*ret = (uint32_t)number;
	return 0;
}

static int read_id(const json_t *value, int64_t *ret)
{
	if (json_is_integer(value))
		return read_number(value, ret);
	return json_is_string(value) && text_parse_i64(json_span(value), ret) == 0 ? 0 : -ERR_BAD_REQUEST;
}

static int read_base64(struct decoder *d, const json_t *value, struct span *ret)
{
	struct span text = json_span(value);
	struct buf b;
	char *bytes;
	int r;

	if (!json_is_string(value))
		return -ERR_BAD_REQUEST;
	buf_init(&b, text.size);
	r = text_unbase64(text, &b);
	bytes = r == 0 ? op_batch_alloc(d->batch, b.size) : NULL;
	if (bytes) {
		if (b.size > 0)
			memcpy(bytes, b.data, b.size);
		*ret = span_of(bytes, b.size);
	} else if (r == 0) {
		r = -ENOMEM;
	}
	buf_fini(&b);
	return r == -EINVAL ? -ERR_BAD_REQUEST : r;
}

static int read_time(const json_t *value, int64_t *ret)
{
	return json_is_string(value) && clock_parse(json_string_value(value), ret) == 0 ? 0 : -ERR_BAD_REQUEST;
}

static int read_flag(struct op *op, const json_t *value)
{
	const char *name = json_string_value(value);

	if (!name)
		return -ERR_BAD_REQUEST;
	for (size_t i = 0; i < OP_FLAG_COUNT; i++) {
		if (op_flags[i].kind != op->kind || strcmp(op_flags[i].name, name) != 0)
			continue;
		op->fields |= op_flags[i].bit;
		return 0;
	}
	return -ERR_UNPROCESSABLE;
}

/* One name, or a list of them. */
static int read_flags(struct op *op, const json_t *value)
{
	int r = 0;

	if (json_is_string(value))
		return read_flag(op, value);
	if (!json_is_array(value))
		return -ERR_BAD_REQUEST;
	for (size_t i = 0; r == 0 && i < json_array_size(value); i++)
		r = read_flag(op, json_array_get(value, i));
	return r;
}

static int read_protect(const json_t *value, uint32_t *ret)
{
	int r = item_protect_from_json(value, ret);

	return r == -ENOENT ? -ERR_UNPROCESSABLE : r < 0 ? -ERR_BAD_REQUEST : 0;
}

static int read_type(struct op *op, const json_t *value)
{
	uint32_t type;

	if (!json_is_string(value))
		return -ERR_BAD_REQUEST;
	if (item_type_parse(json_string_value(value), &type) < 0)
		return -ERR_UNPROCESSABLE;
	op->mode |= type;
	return 0;
}

static int read_mode(struct op *op, const json_t *value)
{
	uint32_t bits;
	int r = read_u32(value, &bits);

	if (r < 0)
		return r;
	if (bits & ~07777u)
		return -ERR_UNPROCESSABLE;
	op->mode |= bits; /* mode may have the type bits already */
	return 0;
}

static int read_rdev(struct op *op, const json_t *value)
{
	int r;

	if (!json_is_object(value) || json_object_size(value) != 2)
		return -ERR_BAD_REQUEST;
	r = read_u32(json_object_get(value, "major"), &op->rdev_major);
	return r < 0 ? r : read_u32(json_object_get(value, "minor"), &op->rdev_minor);
}

/* An etag that is not one of ours matches nothing. */
static int read_etag(struct decoder *d, const json_t *value)
{
	if (!json_is_string(value))
		return -ERR_BAD_REQUEST;
	if (item_etag_parse(json_span(value), &d->etag_id, &d->op->if_content_seq) < 0)
		d->op->if_content_seq = -1;
	return 0;
}

/* ---- extents ---- */

static int read_data(struct decoder *d, const json_t *value, struct op_extent *e)
{
	int64_t at;
	int r = read_number(value, &at);

	if (r < 0)
		return r;
	if (at < 0 || (uint64_t)at > d->batch->data_size || e->len < 0 ||
		(uint64_t)e->len > d->batch->data_size - (uint64_t)at)
		return -ERR_UNPROCESSABLE;
	e->kind = OP_EXTENT_DATA;
	e->data = span_of(d->batch->data + at, (size_t)e->len);
	return 0;
}

static int read_block(const json_t *object, const json_t *value, struct op_extent *e)
{
	const json_t *from = json_object_get(object, "from");

	if (!json_is_string(value) || text_unhex(json_span(value), e->sha256, sizeof(e->sha256)) < 0)
		return -ERR_BAD_REQUEST;
	e->kind = OP_EXTENT_BLOCK;
	return from ? read_u32(from, &e->from) : 0;
}

static int read_extent(struct decoder *d, const json_t *object, struct op_extent *e)
{
	const json_t *block = json_object_get(object, "block"), *data = json_object_get(object, "data");
	const json_t *hole = json_object_get(object, "hole"), *reserve = json_object_get(object, "reserve");
	size_t known = 3 + (block && json_object_get(object, "from") ? 1 : 0);
	int r;

	if (!json_is_object(object) || json_object_size(object) != known ||
		(!!block + !!data + !!hole + !!reserve) != 1)
		return -ERR_BAD_REQUEST;
	r = read_number(json_object_get(object, "at"), &e->at);
	r = r < 0 ? r : read_number(json_object_get(object, "len"), &e->len);
	if (r < 0)
		return r;
	if (block)
		return read_block(object, block, e);
	if (data)
		return read_data(d, data, e);
	e->kind = hole ? OP_EXTENT_HOLE : OP_EXTENT_RESERVE;
	return json_is_true(hole ? hole : reserve) ? 0 : -ERR_BAD_REQUEST;
}

static int read_extents(struct decoder *d, const json_t *value)
{
	size_t count = json_array_size(value);
	int r = 0;

	if (!json_is_array(value))
		return -ERR_BAD_REQUEST;
	if (count == 0)
		return 0;
	d->batch->extent_count += count;
	if (d->batch->extent_count > OP_EXTENTS_PER_BATCH_MAX)
		return -ERR_TOO_LARGE;
	d->op->extents = op_batch_alloc(d->batch, count * sizeof(*d->op->extents));
	if (!d->op->extents)
		return -ENOMEM;
	memset(d->op->extents, 0, count * sizeof(*d->op->extents));
	for (size_t i = 0; r == 0 && i < count; i++)
		r = read_extent(d, json_array_get(value, i), &d->op->extents[i]);
	d->op->extent_count = count;
	return r;
}

/* ---- ops ---- */

static int read_bytes(const json_t *value, struct span *ret)
{
	if (!json_is_string(value))
		return -ERR_BAD_REQUEST;
	*ret = json_span(value);
	return 0;
}

/* budget: a plain switch over the kinds of values */
static int read_value(struct decoder *d, const struct op_wire *row, const json_t *value)
{
	struct op *op = d->op;
	char *member = (char *)op + row->offset;

	op->fields |= row->value == OP_VALUE_BOOL ? 0 : row->bit;
	switch (row->value) {
	case OP_VALUE_KIND:
		return 0; /* already read: the kind decides which fields are allowed */
	case OP_VALUE_ID:
		return read_id(value, (int64_t *)(void *)member);
	case OP_VALUE_BYTES:
		return read_bytes(value, (struct span *)(void *)member);
	case OP_VALUE_B64:
		return read_base64(d, value, (struct span *)(void *)member);
	case OP_VALUE_U32:
		return row->offset == offsetof(struct op, mode) ? read_mode(op, value)
								: read_u32(value, (uint32_t *)(void *)member);
	case OP_VALUE_NUMBER:
		return read_number(value, (int64_t *)(void *)member);
	case OP_VALUE_TIME:
		return read_time(value, (int64_t *)(void *)member);
	case OP_VALUE_BOOL:
		op->fields |= json_is_true(value) ? row->bit : 0;
		return json_is_boolean(value) ? 0 : -ERR_BAD_REQUEST;
	case OP_VALUE_FLAGS:
		return read_flags(op, value);
	case OP_VALUE_TYPE:
		return read_type(op, value);
	case OP_VALUE_RDEV:
		return read_rdev(op, value);
	case OP_VALUE_EXTENTS:
		return read_extents(d, value);
	case OP_VALUE_ETAG:
		return read_etag(d, value);
	case OP_VALUE_PROTECT:
		return read_protect(value, &op->protect);
	}
	return -ERR_BAD_REQUEST;
}

/* The row of a key. ret_exact: the key is that of the base64 form of a text. */
static const struct op_wire *find_row(const char *key, bool *ret_exact)
{
	for (size_t i = 0; i < OP_WIRE_COUNT; i++) {
		size_t size = strlen(op_wire[i].name);

		*ret_exact = false;
		if (strcmp(key, op_wire[i].name) == 0)
			return &op_wire[i];
		*ret_exact = op_wire[i].value == OP_VALUE_BYTES;
		if (*ret_exact && strncmp(key, op_wire[i].name, size) == 0 && strcmp(key + size, "_b64") == 0)
			return &op_wire[i];
	}
	return NULL;
}

static int read_field(struct decoder *d, const char *key, const json_t *value)
{
	const struct op_wire *row;
	uint32_t bit;
	bool exact;

	row = find_row(key, &exact);
	if (!row || !(row->ops & 1u << d->op->kind))
		return -ERR_BAD_REQUEST;
	bit = 1u << (row - op_wire);
	d->seen |= bit;
	if (exact) {
		d->exact |= bit;
		return read_base64(d, value, (struct span *)(void *)((char *)d->op + row->offset));
	}
	if (d->exact & bit)
		return json_is_string(value) ? 0 : -ERR_BAD_REQUEST;
	return read_value(d, row, value);
}

static int read_op(struct op_batch *b, json_t *object, struct op *op)
{
	const char *kind = json_string_value(json_object_get(object, "op"));
	struct decoder d = {.batch = b, .op = op};
	const char *key;
	json_t *value;
	int r = 0;

	if (!kind)
		return -ERR_BAD_REQUEST;
	if (op_kind_parse(kind, &op->kind) < 0)
		return -ERR_UNPROCESSABLE;
	json_object_foreach(object, key, value) {
		r = read_field(&d, key, value);
		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < OP_WIRE_COUNT; i++)
		if ((op_wire[i].required & 1u << op->kind) && !(d.seen & 1u << i))
			return -ERR_BAD_REQUEST;
	if (d.etag_id != op->id)
		op->if_content_seq = -1; /* the etag of another document */
	return op_check(op);
}

static int read_ops(struct op_batch *b, int *ret_index)
{
	json_t *ops = json_object_get(b->root, "ops");
	size_t count = json_array_size(ops);
	int r = 0;

	if (!json_is_array(ops) || json_object_size(b->root) != 1)
		return -ERR_BAD_REQUEST;
	if (count == 0)
		return -ERR_UNPROCESSABLE;
	if (count > OPS_PER_BATCH_MAX)
		return -ERR_TOO_LARGE;
	b->ops = calloc(count, sizeof(*b->ops));
	if (!b->ops)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		r = read_op(b, json_array_get(ops, i), &b->ops[i]);
		if (r < 0) {
			*ret_index = (int)i;
			return r;
		}
	}
	b->count = count;
	return 0;
}

static int parse(struct op_batch *b, struct span json, struct span data)
{
	json_error_t error;

	b->root = json_loadb(json.data ? json.data : "", json.size, JSON_REJECT_DUPLICATES, &error);
	if (!b->root)
		return json_error_code(&error) == json_error_out_of_memory ? -ENOMEM : -ERR_BAD_JSON;
	if (data.size == 0)
		return 0;
	b->data = malloc(data.size);
	if (!b->data)
		return -ENOMEM;
	memcpy(b->data, data.data, data.size);
	b->data_size = data.size;
	return 0;
}

int op_batch_decode(const char *content_type, struct span body, struct op_batch **ret, int *ret_index)
{
	struct op_batch *b = NULL;
	struct span json, data;
	int index = -1, r;

	r = split(content_type, body, &json, &data);
	r = r < 0 ? r : check_shape(json);
	if (r < 0)
		goto out;
	b = calloc(1, sizeof(*b));
	r = b ? parse(b, json, data) : -ENOMEM;
	r = r < 0 ? r : read_ops(b, &index);
	if (r < 0)
		goto out;
	*ret = b;
	b = NULL;
out:
	if (r < 0 && ret_index)
		*ret_index = index;
	op_batch_free(b);
	return r;
}
