/*
 * Content: write, clone, and the size of files.
 *
 * A write is a number of cuts and pieces (tree_pieces.c), and then a size. Bytes below the size that no piece
 * covers are zeros. No piece with bytes ever lies beyond the size, so that a file that grows again shows zeros.
 * Usage counts what can be read and what is reserved: pieces without bytes, which a write replaces at no charge.
 */
#include "common/rules/tree_internal.h"
#include "common/base/error.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

static int check_file(const struct tree_row *row)
{
	if (tree_is_file(row))
		return 0;
	return tree_is_folder(row) ? -EISDIR : -EINVAL;
}

/* The journal entry has one range, which covers everything that changed. */
static void note_range(struct tree_call *c, int64_t from, int64_t to, uint32_t what)
{
	struct tree_change *change = &c->change;
	int64_t end = change->from < 0 ? to : change->from + change->len;

	change->what |= what;
	change->from = change->from < 0 || from < change->from ? from : change->from;
	change->len = (to > end ? to : end) - change->from;
}

static void content_changed(struct tree_call *c, struct tree_row *row)
{
	row->now.node.item.content_seq = c->seq;
	row->now.node.item.mtime = c->tree->now;
}

static int64_t further(int64_t extents)
{
	return extents > 1 ? extents - 1 : 0;
}

/* Notes a change of the pieces: so many bytes more (or less), and the new number of extents. */
static void pieces_changed(struct tree_call *c, struct tree_row *row, int64_t bytes, int64_t extents)
{
	struct tree_node *node = &row->now.node;

	tree_charge_content(c->tree, row, bytes);
	c->tree->drive.extents += further(extents) - further(node->extents);
	node->extents = extents;
}

/* -ERR_FRAGMENTED: more extents than a document may have. A document that had more before may keep as many, or lose
 * some. */
static int check_extents(const struct tree_row *row, int64_t before)
{
	const int64_t extents = row->now.node.extents;

	return extents > EXTENTS_PER_DOCUMENT_MAX && extents > before ? -ERR_FRAGMENTED : 0;
}

/* Removes all pieces, loaded or not. */
static int drop_all(struct tree_call *c, struct tree_row *row)
{
	int r;

	if (row->now.node.item.allocated == 0 && row->pieces.count == 0)
		return 0;
	r = tree_pieces_edit(c->tree, row);
	if (r < 0)
		return r;
	tree_pieces_clear(c->tree, row);
	pieces_changed(c, row, -row->now.node.item.allocated, 0);
	return 0;
}

static int cut(struct tree_call *c, struct tree_row *row, int64_t from, int64_t to)
{
	int64_t change;
	int r = tree_pieces_edit(c->tree, row);
	/* Extents that are not loaded stay: only the number of loaded ones changes. */
	const int64_t others = row->now.node.extents - (int64_t)row->pieces.count;

	r = r < 0 ? r : tree_pieces_cut(c->tree, row, from, to, &change);
	if (r == 0)
		pieces_changed(c, row, change, others + (int64_t)row->pieces.count);
	return r;
}

static int put(struct tree_call *c, struct tree_row *row, const struct tree_extent *extent)
{
	int64_t change;
	int r = tree_pieces_edit(c->tree, row);
	const int64_t others = row->now.node.extents - (int64_t)row->pieces.count;

	r = r < 0 ? r : tree_pieces_put(c->tree, row, extent, &change);
	if (r == 0)
		pieces_changed(c, row, change, others + (int64_t)row->pieces.count);
	return r;
}

/* The extents that the op cuts away were only counted; just the pieces at both ends were loaded. */
static int sweep(struct tree_call *c, struct tree_row *row)
{
	struct tree_sweep *s = &c->tree->sweep;
	int r;

	if (s->range.node != row->id || s->done || row->now.cleared)
		return 0;
	r = cut(c, row, s->range.from, s->range.to);
	if (r < 0)
		return r;
	pieces_changed(c, row, -s->bytes, row->now.node.extents - s->extents);
	s->done = true;
	return 0;
}

/* Gaps between pieces become pieces without bytes. */
static int reserve(struct tree_call *c, struct tree_row *row, int64_t from, int64_t to)
{
	struct tree_extent gap = {.node = row->id, .at = from, .kind = EXTENT_RESERVED};
	int r = tree_pieces_edit(c->tree, row);

	while (r == 0 && gap.at < to) {
		size_t index = tree_pieces_at(row, gap.at);
		const struct tree_extent *next = index < row->pieces.count ? &row->pieces.list[index]->extent : NULL;
		int64_t end = next && next->at < to ? next->at : to;

		if (next && next->at <= gap.at) {
			gap.at = next->at + next->len;
			continue;
		}
		gap.len = end - gap.at;
		r = put(c, row, &gap);
		gap.at = end;
	}
	return r;
}

int tree_resize(struct tree_call *c, struct tree_row *row, int64_t size)
{
	struct item *item = &row->now.node.item;
	int64_t old = item->size;
	int r = check_file(row);

	if (r < 0)
		return r;
	if (size < old && size > 0)
		r = sweep(c, row);
	if (r == 0 && size < old)
		r = size == 0 ? drop_all(c, row) : cut(c, row, size, INT64_MAX);
	if (r < 0)
		return r;
	item->size = size;
	if (size != old) {
		content_changed(c, row);
		note_range(c, size < old ? size : old, size < old ? old : size, TREE_SIZE);
	}
	return 0;
}

/* ---- write ---- */

static int block_extent(struct tree *t, const struct op_extent *e, struct tree_extent *ret)
{
	struct tree_block *block;

	HASH_FIND(hh, t->blocks, e->sha256, sizeof(block->sha256), block);
	if (!block)
		return -ERR_BLOCK_MISSING;
	if (e->from > block->size || e->len > (int64_t)(block->size - e->from))
		return -ERR_UNPROCESSABLE;
	ret->kind = EXTENT_BLOCK;
	memcpy(ret->sha256, block->sha256, sizeof(ret->sha256));
	ret->generation = block->generation;
	ret->from = e->from;
	ret->block_size = block->size;
	return 0;
}

static int write_extent(struct tree_call *c, struct tree_row *row, const struct op_extent *e)
{
	struct tree_extent extent = {.node = row->id, .at = e->at, .len = e->len, .kind = EXTENT_INLINE};
	int r = 0;

	note_range(c, e->at, e->at + e->len, TREE_CONTENT);
	switch (e->kind) {
	case OP_EXTENT_HOLE:
		return cut(c, row, e->at, e->at + e->len);
	case OP_EXTENT_RESERVE:
		return reserve(c, row, e->at, e->at + e->len);
	case OP_EXTENT_BLOCK:
		r = block_extent(c->tree, e, &extent);
		break;
	case OP_EXTENT_DATA:
		extent.data = e->data;
		break;
	}
	return r < 0 ? r : put(c, row, &extent);
}

/* The offset that the op's extents count from. */
static int write_base(struct tree_call *c, const struct tree_row *row, int64_t *ret)
{
	int64_t size = row->now.node.item.size;

	*ret = c->op->fields & OP_APPEND ? size : 0;
	for (size_t i = 0; *ret > 0 && i < c->op->extent_count; i++) {
		const struct op_extent *e = &c->op->extents[i];

		if (e->at + e->len > (int64_t)FILE_BYTES_MAX - size)
			return -EFBIG;
	}
	return 0;
}

/* Writes the op's extents; afterwards the size includes them all. */
static int write_content(struct tree_call *c, struct tree_row *row)
{
	struct item *item = &row->now.node.item;
	const int64_t extents = row->now.node.extents;
	int64_t old = item->size, end = c->op->fields & OP_REPLACE ? 0 : old, base;
	int r = write_base(c, row, &base);

	if (r < 0)
		return r;

	if (c->op->fields & OP_REPLACE) {
		r = drop_all(c, row);
		note_range(c, 0, old, TREE_CONTENT);
	} else if (c->op->extent_count > 0) {
		r = sweep(c, row);
	}
	for (size_t i = 0; r == 0 && i < c->op->extent_count; i++) {
		struct op_extent e = c->op->extents[i];

		e.at += base;
		r = write_extent(c, row, &e);
		if (!(c->op->fields & OP_KEEP_SIZE))
			end = e.at + e.len > end ? e.at + e.len : end;
	}
	r = r < 0 ? r : check_extents(row, extents);
	if (r < 0)
		return r;
	if (c->op->extent_count > 0 || (c->op->fields & OP_REPLACE))
		content_changed(c, row);
	if (c->op->fields & OP_APPEND)
		c->result->value = old;
	/* Only this op can have put something beyond the final size. */
	item->size = end;
	if (end != old)
		note_range(c, end < old ? end : old, end < old ? old : end, TREE_SIZE);
	return 0;
}

int tree_op_write(struct tree_call *c)
{
	struct tree_row *row;
	int r = tree_op_document(c, &row);

	r = r < 0 ? r : check_file(row);
	r = r < 0 ? r : tree_touch(c, row);
	r = r < 0 ? r : write_content(c, row);
	if (r == 0 && (c->op->fields & OP_HAS_SIZE))
		r = tree_resize(c, row, c->op->size);
	r = r < 0 ? r : tree_set_attributes(c, row);
	if (r == 0)
		tree_result_document(c, row);
	return r;
}

/* ---- clone ---- */

struct clone {
	struct tree_row *source, *target;
	int64_t len;
	struct tree_piece **parts;
	size_t count;
};

/* Sets how many bytes are cloned: at most up to the end of the source, and what one op may take. */
static int clone_length(const struct op *op, struct clone *clone)
{
	int64_t size = clone->source->now.node.item.size;
	int64_t len = op->from >= size ? 0 : size - op->from;

	len = op->len < len ? op->len : len;
	if (clone->source == clone->target && op->from < op->at + len && op->at < op->from + len)
		return -EINVAL;
	len = len > TREE_CLONE_BYTES_MAX ? TREE_CLONE_BYTES_MAX : len;
	clone->len = len;
	return op->at > (int64_t)FILE_BYTES_MAX - len ? -EFBIG : 0;
}

/* Counts inline content, which is copied into memory and then into rows. */
static int clone_count(struct tree *t, const struct tree_piece *piece, int64_t len)
{
	int r = tree_piece_need(t, piece);

	if (r < 0 || piece->extent.kind != EXTENT_INLINE)
		return r;
	t->bytes_cloned += (size_t)len;
	if (t->bytes_cloned <= BATCH_CLONED_BYTES_MAX)
		return 0;
	t->overfull = true;
	return -E2BIG;
}

/* Copies the pieces of the source, with their new offsets: putting a piece may move the pieces that it was copied
 * from. Ranges that are only reserved become holes. */
static int clone_collect(struct tree_call *c, struct clone *clone)
{
	struct tree_pieces *p = &clone->source->pieces;
	int64_t from = c->op->from, to = from + clone->len, shift = c->op->at - from;
	size_t first, last, capacity = 0;
	int r = 0;

	tree_pieces_sort(c->tree, clone->source);
	first = tree_pieces_at(clone->source, from);
	for (last = first; r == 0 && last < p->count && p->list[last]->extent.at < to; last++) {
		struct tree_extent part = p->list[last]->extent;
		int64_t begin = part.at > from ? part.at : from,
			end = part.at + part.len < to ? part.at + part.len : to;

		if (part.kind == EXTENT_RESERVED)
			continue;
		r = clone_count(c->tree, p->list[last], end - begin);
		if (r < 0)
			return r;
		if (part.kind == EXTENT_INLINE)
			part.data = span_of(part.data.data + (begin - part.at), (size_t)(end - begin));
		else
			part.from += (uint32_t)(begin - part.at);
		part.at = begin + shift;
		part.len = end - begin;
		r = tree_grow((void **)&clone->parts, &capacity, clone->count, TREE_POINTER_BYTES);
		r = r < 0 ? r : tree_piece_new(c->tree, &part, &clone->parts[clone->count]);
		clone->count += r == 0;
	}
	return r;
}

static int clone_put(struct tree_call *c, struct clone *clone)
{
	struct item *item = &clone->target->now.node.item;
	const int64_t extents = clone->target->now.node.extents;
	int64_t end = c->op->at + clone->len, old = item->size;
	int r = clone_collect(c, clone);

	r = r < 0 ? r : cut(c, clone->target, c->op->at, end);
	for (size_t i = 0; r == 0 && i < clone->count; i++)
		r = put(c, clone->target, &clone->parts[i]->extent);
	r = r < 0 ? r : check_extents(clone->target, extents);
	if (r < 0)
		return r;
	note_range(c, c->op->at, end, TREE_CONTENT);
	if (end > old) {
		item->size = end;
		note_range(c, old, end, TREE_SIZE);
	}
	content_changed(c, clone->target);
	return 0;
}

int tree_op_clone(struct tree_call *c)
{
	struct clone clone = {0};
	int r = tree_op_document(c, &clone.source);

	if (r == 0 && ITEM_DRIVE(c->op->to) != c->tree->drive.id)
		r = -EXDEV;
	if (r < 0)
		return r;
	clone.target = tree_row_find(c->tree, c->op->to);
	r = clone.target ? check_file(clone.source) : -ENOENT;
	r = r < 0 ? r : check_file(clone.target);
	r = r < 0 ? r : clone_length(c->op, &clone);
	r = r < 0 ? r : tree_touch(c, clone.target);
	if (r == 0 && clone.len > 0)
		r = clone_put(c, &clone);
	for (size_t i = 0; i < clone.count; i++)
		tree_piece_free(c->tree, clone.parts[i]);
	free(clone.parts);
	r = r < 0 ? r : tree_set_attributes(c, clone.target);
	if (r < 0)
		return r;
	tree_result_document(c, clone.target);
	c->result->value = clone.len;
	return 0;
}
