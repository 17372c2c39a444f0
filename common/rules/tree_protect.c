/*
 * Immutable and append-only documents (chattr +i, +a), by the rules of Linux. Of an immutable document nothing
 * changes, nor do its names. An append-only file grows only at its end, an append-only folder only gets new names,
 * and their times may change. The check runs before each op, but only when the transaction has such a document at
 * all.
 *
 * A client that may change a drive over HTTP is its owner, who may also remove the protection: it guards against
 * accidents and against programs. On a mount only root may remove it (the kernel checks that).
 */
#include "common/rules/tree_internal.h"

#include <errno.h>

#define TIMES (OP_HAS_ATIME | OP_HAS_MTIME | OP_HAS_CTIME)
/* Fields that only say which document is meant. */
#define MEANT (OP_HAS_ID | OP_IF_MATCH)
/* Fields that belong to any write. */
#define WITH_BYTES (MEANT | OP_HAS_MTIME | OP_HAS_SIZE | OP_KEEP_SIZE | OP_APPEND)

static uint32_t protection(const struct tree_row *row)
{
	return row ? row->now.node.item.mode & ITEM_PROTECTED : 0;
}

static bool is_protected(struct tree *t, int64_t id)
{
	return protection(tree_row_find(t, id)) != 0;
}

static bool is_immutable(struct tree *t, int64_t id)
{
	return (protection(tree_row_find(t, id)) & ITEM_IMMUTABLE) != 0;
}

/* Whether the folder of a name, or the document that has the name, is protected. */
static bool name_is_protected(struct tree *t, int64_t folder, struct span name)
{
	return is_protected(t, folder) || is_protected(t, tree_child(t, folder, name));
}

/* Whether a write to an append-only file does anything but append. */
static bool writes_below_the_end(const struct op *op, int64_t size)
{
	if ((op->fields & ~(uint32_t)WITH_BYTES) || ((op->fields & OP_HAS_SIZE) && op->size < size))
		return true;
	for (size_t i = 0; i < op->extent_count && !(op->fields & OP_APPEND); i++)
		if (op->extents[i].at < size)
			return true;
	return false;
}

static bool write_is_refused(const struct tree_row *row, const struct op *op)
{
	if (!protection(row))
		return false;
	return (protection(row) & ITEM_IMMUTABLE) || writes_below_the_end(op, row->now.node.item.size);
}

static bool setattr_is_refused(const struct tree_row *row, const struct op *op)
{
	uint32_t changes = op->fields & ~(uint32_t)(OP_HAS_PROTECT | MEANT);

	/* A time set to "now" cannot be told from any other time here: the mount can tell, and refuses other times. */
	if (!(protection(row) & ITEM_IMMUTABLE))
		changes &= ~(uint32_t)TIMES;
	return protection(row) && changes != 0;
}

static bool clone_is_refused(const struct tree_row *row, const struct op *op)
{
	return protection(row) && ((protection(row) & ITEM_IMMUTABLE) || op->at < row->now.node.item.size);
}

static bool rename_is_refused(struct tree *t, const struct op *op)
{
	if (name_is_protected(t, op->parent, op->name) || is_protected(t, tree_child(t, op->new_parent, op->new_name)))
		return true;
	return op->fields & OP_EXCHANGE ? is_protected(t, op->new_parent) : is_immutable(t, op->new_parent);
}

static bool is_refused(struct tree *t, const struct op *op)
{
	switch (op->kind) {
	case OP_CREATE:
		return is_immutable(t, op->parent);
	case OP_LINK:
		return is_immutable(t, op->parent) || is_protected(t, op->id);
	case OP_UNLINK:
	case OP_RMDIR:
		return name_is_protected(t, op->parent, op->name);
	case OP_RENAME:
		return rename_is_refused(t, op);
	case OP_WRITE:
		return write_is_refused(tree_row_find(t, op->id), op);
	case OP_SETATTR:
		return setattr_is_refused(tree_row_find(t, op->id), op);
	case OP_CLONE:
		return clone_is_refused(tree_row_find(t, op->to), op);
	default:
		return is_protected(t, op->id);
	}
}

int tree_check_protection(const struct tree_call *c)
{
	return c->tree->any_protected && is_refused(c->tree, c->op) ? -EPERM : 0;
}
