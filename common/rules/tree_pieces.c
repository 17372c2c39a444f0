/*
 * The extents of one document: a sorted array of pieces that never overlap. A piece that an earlier batch made, or
 * that was loaded, is never changed, since the undo log may point to it: a function that changes a piece first
 * makes a copy for this batch. Pieces of the running batch are changed in place, so that many small writes into one
 * inline piece stay linear. They are freed as soon as they are not needed any more, so that memory stays near the
 * real content.
 */
#include "common/rules/tree_internal.h"

#include <errno.h>
#include <stdlib.h>

int tree_piece_new(struct tree *t, const struct tree_extent *extent, struct tree_piece **ret)
{
	size_t size = extent->kind == EXTENT_INLINE ? extent->data.size : 0;
	struct tree_piece *piece;
	int r = t->batch > 0 ? tree_count_row(t, &t->rows_made) : 0;

	if (r < 0)
		return r;
	piece = calloc(1, sizeof(*piece));
	if (!piece)
		return -ENOMEM;
	piece->extent = *extent;
	piece->extent.data = (struct span){0};
	piece->born = t->batch;
	if (size > 0) {
		piece->bytes = malloc(size);
		if (!piece->bytes) {
			free(piece);
			return -ENOMEM;
		}
		memcpy(piece->bytes, extent->data.data, size);
		piece->capacity = size;
		piece->extent.data = span_of(piece->bytes, size);
	}
	piece->next = t->pieces;
	if (piece->next)
		piece->next->previous = piece;
	t->pieces = piece;
	*ret = piece;
	return 0;
}

void tree_piece_free(struct tree *t, struct tree_piece *piece)
{
	if (piece->next)
		piece->next->previous = piece->previous;
	if (piece->previous)
		piece->previous->next = piece->next;
	else
		t->pieces = piece->next;
	free(piece->bytes);
	free(piece);
}

int tree_piece_need(struct tree *t, const struct tree_piece *piece)
{
	if (piece->extent.kind != EXTENT_INLINE || (int64_t)piece->extent.data.size == piece->extent.len)
		return 0;
	t->overfull = true;
	return -E2BIG;
}

/* The piece is no longer in the array. A piece of an older batch is kept: undo and tree_delta need it. */
static void piece_drop(struct tree *t, struct tree_piece *piece)
{
	if (piece->born == t->batch)
		tree_piece_free(t, piece);
}

static int64_t piece_end(const struct tree_piece *piece)
{
	return piece->extent.at + piece->extent.len;
}

static int piece_order(const void *a, const void *b)
{
	const struct tree_piece *x = *(struct tree_piece *const *)a, *y = *(struct tree_piece *const *)b;

	return (x->extent.at > y->extent.at) - (x->extent.at < y->extent.at);
}

void tree_pieces_sort(struct tree *t, struct tree_row *row)
{
	struct tree_pieces *p = &row->pieces;
	size_t kept = 0;

	if (p->sorted)
		return;
	qsort(p->list, p->count, TREE_POINTER_BYTES, piece_order);
	for (size_t i = 0; i < p->count; i++) {
		if (kept > 0 && p->list[kept - 1]->extent.at == p->list[i]->extent.at)
			tree_piece_free(t, p->list[i]); /* loaded twice, for two ranges that it touches */
		else
			p->list[kept++] = p->list[i];
	}
	p->count = kept;
	p->sorted = true;
}

size_t tree_pieces_at(struct tree_row *row, int64_t at)
{
	size_t low = 0, high = row->pieces.count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (piece_end(row->pieces.list[middle]) > at)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

/* The piece at index, copied if this batch must not change it. */
static int piece_own(struct tree *t, struct tree_row *row, size_t index, struct tree_piece **ret)
{
	struct tree_piece *piece = row->pieces.list[index];
	int r = tree_piece_need(t, piece);

	if (r < 0)
		return r;
	if (piece->born != t->batch) {
		r = tree_piece_new(t, &piece->extent, &piece);
		if (r < 0)
			return r;
		row->pieces.list[index] = piece;
	}
	*ret = piece;
	return 0;
}

static int pieces_insert(struct tree_row *row, size_t index, struct tree_piece *piece)
{
	struct tree_pieces *p = &row->pieces;
	int r = tree_grow((void **)&p->list, &p->capacity, p->count, TREE_POINTER_BYTES);

	if (r < 0)
		return r;
	memmove(&p->list[index + 1], &p->list[index], (p->count - index) * TREE_POINTER_BYTES);
	p->list[index] = piece;
	p->count++;
	return 0;
}

static void pieces_remove(struct tree_row *row, size_t index, size_t count)
{
	struct tree_pieces *p = &row->pieces;

	if (count == 0)
		return;
	memmove(&p->list[index], &p->list[index + count], (p->count - index - count) * TREE_POINTER_BYTES);
	p->count -= count;
}

/* The part [from, to) of an extent, given as offsets in the document. Borrows the data. */
static struct tree_extent extent_part(const struct tree_extent *extent, int64_t from, int64_t to)
{
	struct tree_extent part = *extent;
	int64_t skip = from - extent->at;

	part.at = from;
	part.len = to - from;
	if (part.kind == EXTENT_BLOCK)
		part.from += (uint32_t)skip;
	else if (part.kind == EXTENT_INLINE)
		part.data = span_of(extent->data.data + skip, (size_t)part.len);
	return part;
}

/* Splits the piece at index so that one begins at `at`, which lies inside it. */
static int piece_split(struct tree *t, struct tree_row *row, size_t index, int64_t at)
{
	struct tree_piece *head, *rest, *piece = row->pieces.list[index];
	struct tree_extent tail;
	int r = tree_piece_need(t, piece);

	if (r < 0)
		return r;
	tail = extent_part(&piece->extent, at, piece_end(piece));
	r = tree_piece_new(t, &tail, &rest);
	if (r < 0)
		return r;
	r = pieces_insert(row, index + 1, rest);
	if (r < 0) {
		tree_piece_free(t, rest);
		return r;
	}
	r = piece_own(t, row, index, &head);
	if (r < 0)
		return r;
	head->extent = extent_part(&head->extent, head->extent.at, at);
	return 0;
}

int tree_pieces_cut(struct tree *t, struct tree_row *row, int64_t from, int64_t to, int64_t *ret_change)
{
	size_t first = tree_pieces_at(row, from), last;
	int64_t change = 0;
	int r;

	*ret_change = 0;
	if (first < row->pieces.count && row->pieces.list[first]->extent.at < from) {
		r = piece_split(t, row, first, from);
		if (r < 0)
			return r;
		first++;
	}
	for (last = first; last < row->pieces.count && row->pieces.list[last]->extent.at < to; last++) {
		if (piece_end(row->pieces.list[last]) > to) {
			r = piece_split(t, row, last, to);
			if (r < 0)
				return r;
		}
		change -= row->pieces.list[last]->extent.len;
	}
	for (size_t i = first; i < last; i++)
		piece_drop(t, row->pieces.list[i]);
	pieces_remove(row, first, last - first);
	*ret_change = change;
	return 0;
}

void tree_pieces_clear(struct tree *t, struct tree_row *row)
{
	for (size_t i = 0; i < row->pieces.count; i++)
		piece_drop(t, row->pieces.list[i]);
	row->pieces.count = 0;
	row->now.cleared = true;
}

static bool extents_merge(const struct tree_extent *a, const struct tree_extent *b)
{
	if (a->kind != b->kind || a->at + a->len != b->at)
		return false;
	if (a->kind == EXTENT_INLINE) /* an extent without its bytes is not merged */
		return a->len + b->len <= (int64_t)INLINE_BYTES_MAX &&
			(int64_t)(a->data.size + b->data.size) == a->len + b->len;
	if (a->kind == EXTENT_RESERVED)
		return true;
	return a->generation == b->generation && a->from + a->len == b->from &&
		memcmp(a->sha256, b->sha256, sizeof(a->sha256)) == 0;
}

static int piece_append(struct tree_piece *piece, struct span data)
{
	size_t size = piece->extent.data.size, need = size + data.size;
	char *bytes;

	if (!piece->bytes || need > piece->capacity) {
		/* Doubles the room, so that a file that grows by small writes is not copied at each write. */
		bytes = realloc(piece->bytes, 2 * need);
		if (!bytes)
			return -ENOMEM;
		piece->bytes = bytes;
		piece->capacity = 2 * need;
	}
	if (data.size > 0)
		memcpy(piece->bytes + size, data.data, data.size);
	piece->extent.data = span_of(piece->bytes, need);
	return 0;
}

/* Joins the pieces at index and index + 1 if that is possible. */
static int pieces_merge(struct tree *t, struct tree_row *row, size_t index)
{
	struct tree_piece *a, *b;
	int r;

	if (index + 1 >= row->pieces.count)
		return 0;
	b = row->pieces.list[index + 1];
	if (!extents_merge(&row->pieces.list[index]->extent, &b->extent))
		return 0;
	r = piece_own(t, row, index, &a);
	if (r == 0 && a->extent.kind == EXTENT_INLINE)
		r = piece_append(a, b->extent.data);
	if (r < 0)
		return r;
	a->extent.len += b->extent.len;
	piece_drop(t, b);
	pieces_remove(row, index + 1, 1);
	return 0;
}

/* Overwrites bytes in place if they lie entirely in one inline piece. -ENOENT: they do not. */
static int overwrite_inline(struct tree *t, struct tree_row *row, const struct tree_extent *extent)
{
	size_t index = tree_pieces_at(row, extent->at);
	struct tree_piece *piece;
	int r;

	if (extent->kind != EXTENT_INLINE || index >= row->pieces.count)
		return -ENOENT;
	piece = row->pieces.list[index];
	if (piece->extent.kind != EXTENT_INLINE || piece->extent.at > extent->at ||
		piece_end(piece) < extent->at + extent->len)
		return -ENOENT;
	r = piece_own(t, row, index, &piece);
	if (r < 0)
		return r;
	memcpy(piece->bytes + (extent->at - piece->extent.at), extent->data.data, extent->data.size);
	return 0;
}

int tree_pieces_put(struct tree *t, struct tree_row *row, const struct tree_extent *extent, int64_t *ret_change)
{
	struct tree_piece *piece;
	int64_t change = 0;
	size_t index;
	int r = overwrite_inline(t, row, extent);

	*ret_change = 0;
	if (r != -ENOENT)
		return r;
	r = tree_pieces_cut(t, row, extent->at, extent->at + extent->len, &change);
	r = r < 0 ? r : tree_piece_new(t, extent, &piece);
	if (r < 0)
		return r;
	piece->extent.node = row->id;
	index = tree_pieces_at(row, extent->at);
	r = pieces_insert(row, index, piece);
	if (r < 0) {
		tree_piece_free(t, piece);
		return r;
	}
	r = pieces_merge(t, row, index);
	r = r < 0 || index == 0 ? r : pieces_merge(t, row, index - 1);
	*ret_change = change + extent->len;
	return r;
}
