/*
 * What must be loaded for a set of batches before the rules can be applied to it. The tree (tree.c) never asks a
 * database: everything that it may look at is loaded first, by a few statements for all batches together. This
 * module reads the ops and lists that: documents by id, entries by folder and name, ranges of files, chains of
 * folders up to the root (a folder must not be moved into itself), xattrs, blocks.
 *
 * Each op adds what it names; then every list is sorted, and duplicates are removed. Nothing of the store is known
 * at this point: a name may turn out to be a folder, a file, or nothing. So the wants cover every possible outcome,
 * at the price of loading more than the ops then use. Folders that the batches themselves make are followed in
 * memory, since the store does not have them yet.
 */
#include "common/rules/tree_internal.h"

#include <errno.h>
#include <stdlib.h>

struct list {
	void *data;
	size_t count, capacity, element;
};

struct making {
	uint32_t drive;
	struct list nodes, names, ranges, ancestors, xattrs, blocks;
	struct list made; /* created documents whose op has an id */
};

struct made {
	int64_t id, parent;
	bool used; /* already in a chain: ends the walk if ids name each other as parents */
};

static void *list_at(const struct list *l, size_t n)
{
	return (char *)l->data + n * l->element;
}

static int list_add(struct list *l, const void *element)
{
	int r = tree_grow(&l->data, &l->capacity, l->count, l->element);

	if (r == 0)
		memcpy(list_at(l, l->count++), element, l->element);
	return r;
}

/* Sorts the list, and removes duplicates. */
static void list_unique(struct list *l, int (*order)(const void *a, const void *b))
{
	size_t kept = 0;

	if (l->count == 0)
		return;
	qsort(l->data, l->count, l->element, order);
	for (size_t i = 0; i < l->count; i++) {
		if (kept > 0 && order(list_at(l, kept - 1), list_at(l, i)) == 0)
			continue;
		if (kept != i)
			memcpy(list_at(l, kept), list_at(l, i), l->element);
		kept++;
	}
	l->count = kept;
}

static int compare(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

static int id_order(const void *a, const void *b)
{
	return compare(*(const int64_t *)a, *(const int64_t *)b);
}

static int name_order(const void *a, const void *b)
{
	const struct tree_name *x = a, *y = b;
	size_t size = x->name.size < y->name.size ? x->name.size : y->name.size;
	int r = compare(x->parent, y->parent);

	r = r != 0 || size == 0 ? r : memcmp(x->name.data, y->name.data, size);
	return r != 0 ? r : compare((int64_t)x->name.size, (int64_t)y->name.size);
}

static int range_order(const void *a, const void *b)
{
	const struct tree_range *x = a, *y = b;
	int r = compare(x->node, y->node);

	r = r != 0 ? r : compare(x->from, y->from);
	return r != 0 ? r : compare(x->to, y->to);
}

static int block_order(const void *a, const void *b)
{
	return memcmp(a, b, 32);
}

static int made_order(const void *a, const void *b)
{
	return compare(((const struct made *)a)->id, ((const struct made *)b)->id);
}

/* ---- what each op names ---- */

static int want_node(struct making *m, int64_t id)
{
	/* A document of another drive does not exist here. */
	return ITEM_DRIVE(id) == m->drive ? list_add(&m->nodes, &id) : 0;
}

static int want_name(struct making *m, int64_t parent, struct span name, bool fresh)
{
	struct tree_name want = {.parent = parent, .name = name, .fresh = fresh};
	int r = want_node(m, parent);

	return r < 0 || ITEM_DRIVE(parent) != m->drive ? r : list_add(&m->names, &want);
}

static int want_range(struct making *m, int64_t node, int64_t from, int64_t to)
{
	struct tree_range want = {.node = node, .from = from < 0 ? 0 : from, .to = to};

	return ITEM_DRIVE(node) == m->drive && want.from < to ? list_add(&m->ranges, &want) : 0;
}

/* Includes one byte on each side, where a neighbour may lie that the new extent merges with. */
static int want_written(struct making *m, int64_t node, int64_t at, int64_t len)
{
	return want_range(m, node, at - 1, at + len + 1);
}

static int want_create(struct making *m, const struct op *op)
{
	struct made made = {.id = op->id, .parent = op->parent};
	int r = op->fields & OP_NAMELESS ? want_node(m, op->parent) : want_name(m, op->parent, op->name, true);

	if (r == 0 && !((op->fields & OP_HAS_UID) && (op->fields & OP_HAS_GID)))
		r = want_node(m, ITEM_ROOT(m->drive));
	if (r < 0 || !(op->fields & OP_HAS_ID))
		return r;
	r = want_node(m, op->id);
	return r < 0 ? r : list_add(&m->made, &made);
}

static int want_xattr(struct making *m, int64_t id, struct span name)
{
	struct tree_name want = {.parent = id, .name = name};
	int r = want_node(m, id);

	return r < 0 || ITEM_DRIVE(id) != m->drive ? r : list_add(&m->xattrs, &want);
}

/* The xattr that is removed together with the set-id bits. */
static int want_dropped(struct making *m, const struct op *op)
{
	return op->fields & OP_DROP_SETID ? want_xattr(m, op->id, SPAN_LITERAL(TREE_CAPABILITY)) : 0;
}

static int want_setattr(struct making *m, const struct op *op)
{
	int r = want_node(m, op->id);

	r = r < 0 ? r : want_dropped(m, op);
	return r == 0 && (op->fields & OP_HAS_SIZE) && op->size > 0 ? want_range(m, op->id, op->size, INT64_MAX) : r;
}

static int want_write(struct making *m, const struct op *op)
{
	int r = want_node(m, op->id);

	r = r < 0 ? r : want_dropped(m, op);
	if (r == 0 && (op->fields & OP_APPEND))
		r = want_range(m, op->id, TREE_TAIL, INT64_MAX);
	/* Replaced content is removed without loading it. An append finds the end of the file in the transaction. */
	for (size_t i = 0; r == 0 && i < op->extent_count; i++) {
		const struct op_extent *e = &op->extents[i];

		if (!(op->fields & (OP_REPLACE | OP_APPEND)))
			r = want_written(m, op->id, e->at, e->len);
		if (r == 0 && e->kind == OP_EXTENT_BLOCK)
			r = list_add(&m->blocks, e->sha256);
	}
	if (r == 0 && (op->fields & OP_HAS_SIZE) && op->size > 0 && !(op->fields & OP_REPLACE))
		r = want_range(m, op->id, op->size, INT64_MAX);
	return r;
}

static int want_rename(struct making *m, const struct op *op)
{
	int r = want_name(m, op->parent, op->name, false);

	r = r < 0 ? r : want_name(m, op->new_parent, op->new_name, !(op->fields & OP_EXCHANGE));
	if (r < 0 || op->parent == op->new_parent)
		return r;
	r = list_add(&m->ancestors, &op->new_parent);
	return r < 0 || !(op->fields & OP_EXCHANGE) ? r : list_add(&m->ancestors, &op->parent);
}

static int want_clone(struct making *m, const struct op *op)
{
	int64_t len = op->len < TREE_CLONE_BYTES_MAX ? op->len : TREE_CLONE_BYTES_MAX;
	int r = want_node(m, op->id);

	r = r < 0 ? r : want_node(m, op->to);
	r = r < 0 || len == 0 ? r : want_range(m, op->id, op->from, op->from + len);
	return r < 0 || len == 0 ? r : want_written(m, op->to, op->at, len);
}

static int want_op(struct making *m, const struct op *op)
{
	int r;

	switch (op->kind) {
	case OP_CREATE:
		return want_create(m, op);
	case OP_WRITE:
		return want_write(m, op);
	case OP_SETATTR:
		return want_setattr(m, op);
	case OP_UNLINK:
	case OP_RMDIR:
		return want_name(m, op->parent, op->name, false);
	case OP_RENAME:
		return want_rename(m, op);
	case OP_LINK:
		r = want_node(m, op->id);
		return r < 0 ? r : want_name(m, op->parent, op->name, true);
	case OP_SETXATTR:
	case OP_REMOVEXATTR:
		return want_xattr(m, op->id, op->name);
	case OP_CLONE:
		return want_clone(m, op);
	case OP_KINDS:
		break;
	}
	return -EINVAL;
}

/* ---- combining the wants of all ops ---- */

/* A chain that begins in a folder which the batches themselves make goes on at that folder's parent. */
static int follow_made(struct making *m)
{
	size_t given = m->ancestors.count;
	int r = 0;

	list_unique(&m->made, made_order);
	for (size_t i = 0; r == 0 && i < given; i++) {
		struct made key = {.id = *(int64_t *)list_at(&m->ancestors, i)}, *found;

		while (r == 0 && m->made.count > 0) {
			found = bsearch(&key, m->made.data, m->made.count, sizeof(key), made_order);
			if (!found || found->used)
				break;
			found->used = true;
			key.id = found->parent;
			r = list_add(&m->ancestors, &key.id);
		}
	}
	return r;
}

/* Joins ranges of one node that touch. */
static void join_ranges(struct list *ranges)
{
	struct tree_range *list = ranges->data;
	size_t kept = 0;

	list_unique(ranges, range_order);
	for (size_t i = 0; list && i < ranges->count; i++) {
		if (kept > 0 && list[kept - 1].node == list[i].node && list[kept - 1].to >= list[i].from &&
			list[i].from != TREE_TAIL) {
			if (list[i].to > list[kept - 1].to)
				list[kept - 1].to = list[i].to;
		} else {
			list[kept++] = list[i];
		}
	}
	ranges->count = kept;
}

static void drop_other_drives(struct making *m)
{
	int64_t *ids = m->ancestors.data;
	size_t kept = 0;

	for (size_t i = 0; i < m->ancestors.count; i++)
		if (ITEM_DRIVE(ids[i]) == m->drive)
			ids[kept++] = ids[i];
	m->ancestors.count = kept;
}

/* Whether the ranges may hold more inline content than is loaded. Pieces may reach beyond both ends of a range. */
static bool is_wide(const struct list *ranges)
{
	const struct tree_range *list = ranges->data;
	int64_t left = BATCH_LOADED_BYTES_MAX;

	for (size_t i = 0; left >= 0 && i < ranges->count; i++) {
		const int64_t len = list[i].from == TREE_TAIL ? 0 : list[i].to - list[i].from;

		left -= (len < BATCH_LOADED_BYTES_MAX ? len : BATCH_LOADED_BYTES_MAX) + 2 * (int64_t)INLINE_BYTES_MAX;
	}
	return left < 0;
}

static void finish(struct making *m, struct tree_wants *w)
{
	drop_other_drives(m);
	list_unique(&m->nodes, id_order);
	list_unique(&m->names, name_order);
	list_unique(&m->ancestors, id_order);
	list_unique(&m->xattrs, name_order);
	list_unique(&m->blocks, block_order);
	join_ranges(&m->ranges);
	*w = (struct tree_wants){
		.nodes = m->nodes.data,
		.node_count = m->nodes.count,
		.names = m->names.data,
		.name_count = m->names.count,
		.ranges = m->ranges.data,
		.range_count = m->ranges.count,
		.ancestors = m->ancestors.data,
		.ancestor_count = m->ancestors.count,
		.xattrs = m->xattrs.data,
		.xattr_count = m->xattrs.count,
		.blocks = m->blocks.data,
		.block_count = m->blocks.count,
		.wide = is_wide(&m->ranges),
	};
}

static void wants_fini(struct tree_wants *w)
{
	free(w->nodes);
	free(w->names);
	free(w->ranges);
	free(w->ancestors);
	free(w->xattrs);
	free(w->blocks);
}

static struct making making_of(uint32_t drive)
{
	return (struct making){
		.drive = drive,
		.nodes.element = sizeof(int64_t),
		.names.element = sizeof(struct tree_name),
		.ranges.element = sizeof(struct tree_range),
		.ancestors.element = sizeof(int64_t),
		.xattrs.element = sizeof(struct tree_name),
		.blocks.element = 32,
		.made.element = sizeof(struct made),
	};
}

/* Takes all lists, or frees them after a failure. */
static int make(struct making *m, int error, struct tree_wants **ret)
{
	int r = error < 0 ? error : follow_made(m);
	struct tree_wants all, *w = r == 0 ? malloc(sizeof(*w)) : NULL;

	free(m->made.data);
	finish(m, &all);
	if (!w) {
		wants_fini(&all);
		return r < 0 ? r : -ENOMEM;
	}
	*w = all;
	*ret = w;
	return 0;
}

int tree_wants_new(const struct op_batch *const *batches, size_t count, uint32_t drive, struct tree_wants **ret)
{
	struct making m = making_of(drive);
	int r = 0;

	for (size_t b = 0; r == 0 && b < count; b++)
		for (size_t i = 0; r == 0 && i < op_batch_count(batches[b]); i++)
			r = want_op(&m, op_batch_at(batches[b], i));
	return make(&m, r, ret);
}

/* The range in which an op cuts away everything that is there and reads nothing. */
static bool sweep_of(const struct op *op, struct tree_range *ret)
{
	const struct op_extent *e = op->extents;

	*ret = (struct tree_range){.node = op->id, .from = op->size, .to = INT64_MAX};
	if (op->kind == OP_SETATTR)
		return (op->fields & OP_HAS_SIZE) && op->size > 0;
	if (op->kind != OP_WRITE || op->extent_count == 0 || (op->fields & (OP_REPLACE | OP_APPEND)))
		return false;
	ret->from = ret->to = e->at;
	for (size_t i = 0; i < op->extent_count; i++, e++) {
		if (e->at != ret->to || e->kind == OP_EXTENT_RESERVE)
			return false;
		ret->to += e->len;
	}
	return !(op->fields & OP_HAS_SIZE) || op->size == 0 || op->size >= ret->to;
}

/* Replaces the op's ranges: wants extents that reach over the ends of the sweep or touch it, and those that a size
 * cuts behind it. */
static int want_around(struct making *m, const struct op *op, const struct tree_range *sweep)
{
	int r = want_range(m, op->id, sweep->from - 1, sweep->from);

	if (r == 0 && sweep->to < INT64_MAX)
		r = want_range(m, op->id, sweep->to, sweep->to + 1);
	if (r == 0 && op->kind == OP_WRITE && (op->fields & OP_HAS_SIZE) && op->size > 0)
		r = want_range(m, op->id, op->size, INT64_MAX);
	return r;
}

int tree_wants_sweep_new(const struct op_batch *batch, uint32_t drive, struct tree_wants **ret)
{
	struct making m = making_of(drive);
	struct tree_range sweep = {0};
	int r = 0;

	for (size_t i = 0; r == 0 && i < op_batch_count(batch); i++) {
		const struct op *op = op_batch_at(batch, i);
		const size_t ranges = m.ranges.count;

		r = want_op(&m, op);
		if (r < 0 || m.ranges.count == ranges)
			continue;
		m.ranges.count = ranges;
		r = sweep.node == 0 && sweep_of(op, &sweep) ? want_around(&m, op, &sweep) : -EINVAL;
	}
	if (r == 0 && sweep.node == 0)
		r = -EINVAL;
	r = make(&m, r, ret);
	if (r == 0)
		(*ret)->sweep = sweep;
	return r;
}

void tree_wants_free(struct tree_wants *w)
{
	if (!w)
		return;
	wants_fini(w);
	free(w);
}
