#include "backend/pg/pg.h"

#include "common/base/buf.h"

#include <arpa/inet.h>
#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <stdlib.h>

/*
 * The wire form (array_recv): int32 dimensions, int32 has-null flag, int32 element type; for each dimension int32
 * length and int32 lower bound; then for each element int32 length (-1: NULL) and its bytes. All big-endian. An empty
 * array has zero dimensions and ends after the element type. It has a buffer of its own (empty in struct pg_array).
 */
enum { EMPTY_BYTES = 12, HEAD_BYTES = 20 };

struct array_type {
	enum pg_kind element;
	uint32_t element_oid;
	unsigned array_oid;
	unsigned width; /* of a number; 0: bytes */
};

static const struct array_type ARRAY_TYPES[] = {
	{PG_I64, 20, 1016, 8},
	{PG_I32, 23, 1007, 4},
	{PG_I16, 21, 1005, 2},
	{PG_BOOL, 16, 1000, 1},
	{PG_TEXT, 25, 1009, 0},
	{PG_BYTEA, 17, 1001, 0},
};

struct pg_array {
	const struct array_type *type;
	size_t count;
	struct buf bytes; /* head and elements */
	uint32_t empty[3];
};

static int array_start(struct pg_array *a)
{
	const uint32_t head[] = {htonl(1), 0, htonl(a->type->element_oid), 0, htonl(1)};

	static_assert(sizeof(head) == HEAD_BYTES, "head of a one-dimensional array");
	a->count = 0;
	buf_reset(&a->bytes);
	return buf_append(&a->bytes, head, sizeof(head));
}

int pg_array_new(enum pg_kind element, struct pg_array **ret)
{
	const struct array_type *type = NULL;
	for (size_t i = 0; i < sizeof(ARRAY_TYPES) / sizeof(ARRAY_TYPES[0]); i++)
		if (ARRAY_TYPES[i].element == element)
			type = &ARRAY_TYPES[i];
	if (!type)
		return -EINVAL;
	struct pg_array *a = calloc(1, sizeof(*a));
	if (!a)
		return -ENOMEM;
	a->type = type;
	a->empty[2] = htonl(type->element_oid);
	buf_init(&a->bytes, PG_ARRAY_BYTES_MAX);
	int r = array_start(a);
	if (r < 0) {
		pg_array_free(a);
		return r;
	}
	*ret = a;
	return 0;
}

void pg_array_free(struct pg_array *a)
{
	if (!a)
		return;
	buf_fini(&a->bytes);
	free(a);
}

/* Appends one element; size -1 is NULL. On failure the array is unchanged. */
static int array_append(struct pg_array *a, const void *data, int64_t size)
{
	size_t body = size > 0 ? (size_t)size : 0;
	uint32_t length = htonl((uint32_t)size);

	if (size > (int64_t)PG_ARRAY_BYTES_MAX)
		return -E2BIG;
	int r = buf_reserve(&a->bytes, sizeof(length) + body);
	if (r < 0)
		return r;
	(void)buf_append(&a->bytes, &length, sizeof(length));
	if (body)
		(void)buf_append(&a->bytes, data, body);
	a->count++;
	uint32_t count = htonl((uint32_t)a->count);
	memcpy(a->bytes.data + EMPTY_BYTES, &count, sizeof(count));
	return 0;
}

int pg_array_add_number(struct pg_array *a, int64_t value)
{
	assert(a->type->width);
	uint64_t big = htobe64((uint64_t)value);

	return array_append(a, (const char *)&big + sizeof(big) - a->type->width, a->type->width);
}

int pg_array_add_bytes(struct pg_array *a, struct span value)
{
	assert(!a->type->width);
	return array_append(a, value.data, (int64_t)value.size);
}

int pg_array_add_null(struct pg_array *a)
{
	const uint32_t has_null = htonl(1);
	int r = array_append(a, NULL, -1);

	if (r < 0)
		return r;
	memcpy(a->bytes.data + sizeof(uint32_t), &has_null, sizeof(has_null));
	return 0;
}

size_t pg_array_count(const struct pg_array *a)
{
	return a->count;
}

void pg_array_clear(struct pg_array *a)
{
	/* Does not fail: array_start in pg_array_new has reserved room for the head. */
	(void)array_start(a);
}

struct pg_param pg_array_param(const struct pg_array *a)
{
	struct span bytes = a->count ? buf_span(&a->bytes) : span_of(a->empty, sizeof(a->empty));

	return (struct pg_param){.kind = PG_ARRAY, .bytes = bytes, .array_oid = a->type->array_oid};
}
