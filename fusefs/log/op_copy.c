#include "fusefs/log/op_copy.h"

#include <stdlib.h>
#include <string.h>

/* Extents follow right behind the ops, and bytes right behind the extents: so only the ops and the extents need
 * alignment. */
static_assert(_Alignof(struct op_extent) <= _Alignof(struct op), "extents may follow ops without a gap");

static size_t extents_of(const struct op *ops, size_t count)
{
	size_t total = 0;

	for (size_t i = 0; i < count; i++)
		total += ops[i].extent_count;
	return total;
}

static size_t bytes_of(const struct op *op)
{
	size_t total = op->name.size + op->new_name.size + op->target.size;

	for (size_t i = 0; i < op->extent_count; i++)
		if (op->extents[i].kind == OP_EXTENT_DATA)
			total += op->extents[i].data.size;
	return total;
}

size_t op_copy_data_size(const struct op *ops, size_t count)
{
	size_t total = 0;

	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; k < ops[i].extent_count; k++)
			if (ops[i].extents[k].kind == OP_EXTENT_DATA)
				total += ops[i].extents[k].data.size;
	return total;
}

size_t op_copy_bytes(const struct op *ops, size_t count)
{
	size_t total = 0;

	for (size_t i = 0; i < count; i++)
		total += bytes_of(&ops[i]);
	return total;
}

static struct span take(char **at, struct span from)
{
	struct span copy = span_of(*at, from.size);

	if (from.size > 0)
		memcpy(*at, from.data, from.size);
	*at += from.size;
	return copy;
}

static void copy_one(struct op *to, const struct op *from, struct op_extent *extents, char **at)
{
	*to = *from;
	to->name = take(at, from->name);
	to->new_name = take(at, from->new_name);
	to->target = take(at, from->target);
	to->extents = from->extent_count > 0 ? extents : NULL;
	for (size_t i = 0; i < from->extent_count; i++) {
		extents[i] = from->extents[i];
		if (extents[i].kind == OP_EXTENT_DATA)
			extents[i].data = take(at, from->extents[i].data);
	}
}

struct op *op_copy(const struct op *ops, size_t count)
{
	size_t extent_count = extents_of(ops, count);
	size_t size = count * sizeof(struct op) + extent_count * sizeof(struct op_extent);
	struct op_extent *extents;
	struct op *copy;
	char *at;

	size += op_copy_bytes(ops, count);
	copy = malloc(size > 0 ? size : 1);
	if (!copy)
		return NULL;
	extents = (struct op_extent *)(copy + count);
	at = (char *)(extents + extent_count);
	for (size_t i = 0; i < count; i++) {
		copy_one(&copy[i], &ops[i], extents, &at);
		extents += ops[i].extent_count;
	}
	return copy;
}
