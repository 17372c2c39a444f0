/*
 * Attributes and xattrs of one document: setattr, setxattr, removexattr, and the attributes that come with a write.
 *
 * The set-id bits come as the caller wants them: mostly the kernel clears them when others write or chown. A caller
 * that writes without the kernel's help sets drop_setid. A mode in the same op counts as given after the bytes, so
 * it is set last, and the access ACL follows it.
 *
 * Xattrs count against the quota with their names, and all xattrs of one document are bounded, so that one answer
 * can hold them all. The two POSIX ACLs go another way (tree_acl.c), because an ACL and the mode say the same thing
 * twice and are kept in step. A change that does not make a document's xattrs larger is always allowed: otherwise
 * nobody could remove anything from a document that is over a bound which was introduced later.
 */
#include "common/rules/tree_internal.h"

#include "common/base/error.h"
#include "common/proto/acl.h"

#include <errno.h>
#include <sys/stat.h>

#define FIELDS (OP_HAS_MODE | OP_HAS_UID | OP_HAS_GID | OP_HAS_ATIME | OP_HAS_MTIME | OP_HAS_CTIME)

static int remove_plain(struct tree_call *c, struct tree_row *row, struct span name);

/*
 * As Linux does when an unprivileged process writes a file: set-group-id without execution by the group has another
 * meaning, and stays. The capabilities of the file (security.capability), which hold whoever runs it, were granted
 * for other bytes.
 */
static int drop_setid(struct tree_call *c, struct tree_row *row)
{
	struct item *item = &row->now.node.item;
	uint32_t bits = S_ISUID | (item->mode & S_IXGRP ? S_ISGID : 0);

	if (!S_ISREG(item->mode))
		return 0;
	if (item->mode & bits) {
		item->mode &= ~bits;
		c->change.what |= TREE_ATTRIBUTES;
	}
	if (!tree_xattr_find(c->tree, row->id, SPAN_LITERAL(TREE_CAPABILITY)))
		return 0;
	c->change.what |= TREE_XATTRS;
	return remove_plain(c, row, SPAN_LITERAL(TREE_CAPABILITY));
}

int tree_set_attributes(struct tree_call *c, struct tree_row *row)
{
	struct item *item = &row->now.node.item;
	const struct op *op = c->op;
	int r = 0;

	if (op->fields & OP_HAS_PROTECT) {
		item->mode = (item->mode & ~ITEM_PROTECTED) | op->protect;
		c->tree->any_protected = true;
	}
	if (op->fields & FIELDS)
		c->change.what |= TREE_ATTRIBUTES;
	/* Applies to the former mode: a mode in the same op was given after the bytes. */
	if (op->fields & OP_DROP_SETID)
		r = drop_setid(c, row);
	if (op->fields & OP_HAS_MODE)
		item->mode = (item->mode & ~07777u) | (op->mode & 07777);
	if (op->fields & OP_HAS_UID)
		item->uid = op->uid;
	if (op->fields & OP_HAS_GID)
		item->gid = op->gid;
	if (op->fields & OP_HAS_ATIME)
		item->atime = op->atime;
	if (op->fields & OP_HAS_MTIME)
		item->mtime = op->mtime;
	if (op->fields & OP_HAS_CTIME)
		item->ctime = op->ctime;
	return r == 0 && (op->fields & OP_HAS_MODE) ? tree_acl_chmod(c, row) : r;
}

int tree_op_setattr(struct tree_call *c)
{
	struct tree_row *row;
	int r = tree_op_document(c, &row);

	if (r == 0 && c->op->protect && !tree_is_file(row) && !tree_is_folder(row))
		r = -EINVAL;
	r = r < 0 ? r : tree_touch(c, row);
	if (r == 0 && (c->op->fields & OP_HAS_SIZE)) {
		r = tree_resize(c, row, c->op->size);
		row->now.node.item.mtime = c->tree->now; /* ftruncate(2): even to the size it has */
	}
	if (r < 0)
		return r;
	c->change.what |= TREE_ATTRIBUTES; /* at least the time of change */
	r = tree_set_attributes(c, row);
	if (r == 0)
		tree_result_document(c, row);
	return r;
}

void tree_xattr_count(struct tree *t, struct tree_row *row, struct span name, int64_t before, int64_t after)
{
	struct tree_row_state *now = &row->now;
	const size_t gone = before < 0 ? 0 : name.size + (size_t)before;

	now->xattr_total -= gone < now->xattr_total ? gone : now->xattr_total;
	now->xattr_total += after < 0 ? 0 : name.size + (size_t)after;
	tree_charge(t, row, (after < 0 ? 0 : (int64_t)name.size + after) - (int64_t)gone);
	if ((before < 0) == (after < 0))
		return; /* none was added or removed: the state of the other xattrs need not be known */
	if (before < 0)
		now->xattr_bytes += name.size + 1;
	else
		now->xattr_bytes -= name.size + 1 < now->xattr_bytes ? name.size + 1 : now->xattr_bytes;
	now->node.item.bare = now->xattr_bytes == 0;
}

static int check_room(const struct tree_call *c, const struct tree_row *row, const struct tree_attr *old)
{
	const size_t name = c->op->name.size;
	const size_t total = row->now.xattr_total + name + c->op->target.size - (old ? name + old->value.size : 0);

	if (old && (c->op->fields & OP_XATTR_CREATE))
		return -EEXIST;
	if (!old && (c->op->fields & OP_XATTR_REPLACE))
		return -ENODATA;
	if (!old && row->now.xattr_bytes + name + 1 > XATTRS_PER_ITEM_BYTES_MAX)
		return -ENOSPC;
	/* A change that makes nothing larger is allowed in any case. */
	return total > XATTRS_PER_ITEM_TOTAL_MAX && total > row->now.xattr_total ? -ENOSPC : 0;
}

static int xattr_done(struct tree_call *c, struct tree_row *row)
{
	c->change.what |= TREE_XATTRS;
	tree_result_document(c, row);
	return 0;
}

static int set_plain(struct tree_call *c, struct tree_row *row, const struct tree_attr *old)
{
	tree_xattr_count(c->tree, row, c->op->name, old ? (int64_t)old->value.size : -1, (int64_t)c->op->target.size);
	return tree_xattr_set(c->tree, row->id, c->op->name, &c->op->target);
}

static int remove_plain(struct tree_call *c, struct tree_row *row, struct span name)
{
	const struct tree_attr *old = tree_xattr_find(c->tree, row->id, name);

	tree_xattr_count(c->tree, row, name, old ? (int64_t)old->value.size : 0, -1);
	return tree_xattr_set(c->tree, row->id, name, NULL);
}

int tree_op_setxattr(struct tree_call *c)
{
	const struct tree_attr *old = NULL;
	struct tree_row *row;
	bool is_default;
	int r = tree_op_document(c, &row);

	if (r == 0) {
		old = tree_xattr_find(c->tree, row->id, c->op->name);
		r = check_room(c, row, old);
	}
	r = r < 0 ? r : tree_touch(c, row);
	if (r == 0)
		r = acl_is_name(c->op->name, &is_default) ? tree_acl_set(c, row, is_default) : set_plain(c, row, old);
	return r < 0 ? r : xattr_done(c, row);
}

int tree_op_removexattr(struct tree_call *c)
{
	struct tree_row *row;
	bool is_default, is_acl = acl_is_name(c->op->name, &is_default);
	int r = tree_op_document(c, &row);

	if (r == 0 && !is_acl && !tree_xattr_find(c->tree, row->id, c->op->name))
		r = -ENODATA;
	r = r < 0 ? r : tree_touch(c, row);
	if (r == 0)
		r = is_acl ? tree_acl_remove(c, row, is_default) : remove_plain(c, row, c->op->name);
	return r < 0 ? r : xattr_done(c, row);
}
