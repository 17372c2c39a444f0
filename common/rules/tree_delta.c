/* The net effect of all batches: for each thing of the working set, its state when loaded is compared with its
 * state now. Things that were added and removed within the transaction are never written. */
#include "common/rules/tree_internal.h"

#include <errno.h>

/* Everything is counted first, so that each array is allocated once, large enough for all that can go into it. */
struct bounds {
	size_t rows, links, attrs, loaded_pieces, pieces;
};

static struct bounds count_all(const struct tree *t)
{
	struct bounds n = {.rows = HASH_COUNT(t->rows), .links = HASH_COUNT(t->links), .attrs = HASH_COUNT(t->attrs)};

	for (const struct tree_piece *p = t->pieces; p; p = p->next) {
		n.pieces += p->born > 0;
		n.loaded_pieces += p->born == 0;
	}
	return n;
}

static void *array(struct tree *t, size_t count, size_t element)
{
	return tree_alloc(t, (count ? count : 1) * element);
}

static int delta_alloc(struct tree *t, struct tree_delta *d, const struct bounds *n)
{
	d->created = array(t, n->rows, TREE_POINTER_BYTES);
	d->changed = array(t, n->rows, TREE_POINTER_BYTES);
	d->removed_nodes = array(t, n->rows, sizeof(*d->removed_nodes));
	d->cleared_nodes = array(t, n->rows, sizeof(*d->cleared_nodes));
	d->removed_entries = array(t, n->links, sizeof(*d->removed_entries));
	d->added_entries = array(t, n->links, sizeof(*d->added_entries));
	d->removed_extents = array(t, n->loaded_pieces, TREE_POINTER_BYTES);
	d->added_extents = array(t, n->pieces, TREE_POINTER_BYTES);
	d->xattrs = array(t, n->attrs, sizeof(*d->xattrs));
	return d->created && d->changed && d->removed_nodes && d->cleared_nodes && d->removed_entries &&
			d->added_entries && d->removed_extents && d->added_extents && d->xattrs
		? 0
		: -ENOMEM;
}

static void delta_rows(struct tree *t, struct tree_delta *d)
{
	for (const struct tree_row *row = t->rows; row; row = row->hh.next) {
		if (row->now.exists && !row->loaded)
			d->created[d->created_count++] = &row->now.node;
		else if (row->now.exists && row->now.dirty)
			d->changed[d->changed_count++] = &row->now.node;
		else if (!row->now.exists && row->loaded)
			((int64_t *)d->removed_nodes)[d->removed_node_count++] = row->id;
		if (row->loaded && row->now.exists && row->now.cleared)
			((int64_t *)d->cleared_nodes)[d->cleared_node_count++] = row->id;
	}
}

static void delta_links(struct tree *t, struct tree_delta *d)
{
	for (const struct tree_link *link = t->links; link; link = link->hh.next) {
		struct tree_entry entry = {.parent = link->key.parent, .child = link->loaded, .name = link->name};

		if (link->child == link->loaded)
			continue;
		if (link->loaded != 0)
			((struct tree_entry *)d->removed_entries)[d->removed_entry_count++] = entry;
		entry.child = link->child;
		if (link->child != 0)
			((struct tree_entry *)d->added_entries)[d->added_entry_count++] = entry;
	}
}

static void delta_attrs(struct tree *t, struct tree_delta *d)
{
	for (const struct tree_attr *attr = t->attrs; attr; attr = attr->hh.next) {
		struct tree_xattr xattr = {.node = attr->key.parent, .name = attr->name, .value = attr->value};

		xattr.removed = !attr->exists;
		if (attr->dirty && (attr->exists || attr->loaded) && tree_row_find(t, attr->key.parent))
			((struct tree_xattr *)d->xattrs)[d->xattr_count++] = xattr;
	}
}

/* A loaded piece that no document has any more is listed as removed, unless its document was cleared or is gone. */
static void delta_pieces(struct tree *t, struct tree_delta *d)
{
	for (struct tree_row *row = t->rows; row; row = row->hh.next) {
		for (size_t i = 0; i < row->pieces.count; i++) {
			struct tree_piece *piece = row->pieces.list[i];

			piece->kept = true;
			if (piece->born > 0 && row->now.exists)
				d->added_extents[d->added_extent_count++] = &piece->extent;
		}
	}
	for (const struct tree_piece *piece = t->pieces; piece; piece = piece->next) {
		const struct tree_row *row;

		if (piece->born > 0 || piece->kept)
			continue;
		row = tree_row_find(t, piece->extent.node);
		if (row && !row->now.cleared)
			d->removed_extents[d->removed_extent_count++] = &piece->extent;
	}
}

int tree_delta(struct tree *t, const struct tree_delta **ret)
{
	struct bounds n = count_all(t);
	struct tree_delta *d = &t->delta;
	int r;

	for (struct tree_piece *piece = t->pieces; piece; piece = piece->next)
		piece->kept = false;
	*d = (struct tree_delta){.drive = t->drive,
		.changes = t->changes,
		.change_count = t->change_count,
		.swept = t->sweep.done ? t->sweep.range : (struct tree_range){0}};
	r = delta_alloc(t, d, &n);
	if (r < 0)
		return r;
	delta_rows(t, d);
	delta_links(t, d);
	delta_attrs(t, d);
	delta_pieces(t, d);
	*ret = d;
	return 0;
}
