/*
 * POSIX ACLs. They are xattrs like others, but the row has a copy of both, so that creating and chmod, which mostly
 * concern documents without an ACL, need not load xattrs. An ACL that cannot be parsed was stored before ACLs were
 * checked, and counts as none.
 */
#include "common/rules/tree_internal.h"

#include "common/proto/acl.h"

#include <errno.h>
#include <sys/stat.h>

#define MODE_FILE 0666u /* for a document made without a mode, below a default ACL, which replaces the umask */
#define MODE_FOLDER 0777u

static bool is_read(struct span bytes, struct acl *ret)
{
	return bytes.size > 0 && acl_parse(bytes, ret) == 0 && ret->count > 0;
}

/* acl NULL: removes the ACL. */
static int put(struct tree_call *c, struct tree_row *row, bool is_default, const struct acl *acl)
{
	const struct span name = span_str(is_default ? ACL_DEFAULT : ACL_ACCESS);
	struct span *at = is_default ? &row->now.node.default_acl : &row->now.node.access_acl;
	const int64_t was = at->size > 0 ? (int64_t)at->size : -1;
	char bytes[ACL_BYTES_MAX];
	struct span value = {0};
	int r;

	if (acl)
		value = span_of(bytes, acl_print(acl, bytes));
	if (!acl && was < 0)
		return 0;
	r = tree_xattr_set(c->tree, row->id, name, acl ? &value : NULL);
	if (r < 0)
		return r;
	*at = acl ? tree_xattr_find(c->tree, row->id, name)->value : (struct span){0};
	tree_xattr_count(c->tree, row, name, was, acl ? (int64_t)value.size : -1);
	return 0;
}

static void set_bits(struct item *item, uint32_t bits)
{
	item->mode = (item->mode & ~0777u) | bits;
}

int tree_acl_set(struct tree_call *c, struct tree_row *row, bool is_default)
{
	struct item *item = &row->now.node.item;
	struct acl acl;
	int r = S_ISLNK(item->mode) ? -EOPNOTSUPP : acl_parse(c->op->target, &acl);

	if (r == 0 && is_default && !tree_is_folder(row))
		r = acl.count > 0 ? -EACCES : 0;
	if (r < 0)
		return r;
	if (!is_default && acl.count > 0) {
		set_bits(item, acl_mode(&acl));
		if (c->op->fields & OP_XATTR_NO_SGID)
			item->mode &= ~(uint32_t)S_ISGID;
		c->change.what |= TREE_ATTRIBUTES;
	}
	return put(c, row, is_default, acl.count == 0 || (!is_default && acl_is_mode(&acl)) ? NULL : &acl);
}

int tree_acl_remove(struct tree_call *c, struct tree_row *row, bool is_default)
{
	return put(c, row, is_default, NULL);
}

int tree_acl_chmod(struct tree_call *c, struct tree_row *row)
{
	struct acl acl;

	if (!is_read(row->now.node.access_acl, &acl))
		return 0;
	acl_chmod(&acl, row->now.node.item.mode);
	c->change.what |= TREE_XATTRS;
	return put(c, row, false, &acl);
}

int tree_acl_inherit(struct tree_call *c, const struct tree_row *folder, struct tree_row *row)
{
	struct item *item = &row->now.node.item;
	struct acl acl;
	int r = 0;

	if (S_ISLNK(item->mode))
		return 0;
	if (!is_read(folder->now.node.default_acl, &acl)) {
		if (c->op->fields & OP_HAS_UMASK)
			item->mode &= ~(c->op->umask & 0777u);
		return 0;
	}
	if (!(c->op->fields & OP_HAS_MODE))
		set_bits(item, S_ISDIR(item->mode) ? MODE_FOLDER : MODE_FILE);
	if (S_ISDIR(item->mode))
		r = put(c, row, true, &acl);
	set_bits(item, acl_inherit(&acl, item->mode));
	return r < 0 || acl_is_mode(&acl) ? r : put(c, row, false, &acl);
}
