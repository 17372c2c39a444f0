/*
 * Names: create, unlink, rmdir, link; and the parts that they and rename have in common.
 *
 * A folder has 2 links, and one more for each folder in it. A document other than a folder that loses its last name
 * stays as an orphan: programs that have it open go on, and the store collects it later. A file may also be made
 * without a name (O_TMPFILE): an orphan that may get its first name by link. A folder is never an orphan: its row
 * goes with its name, and nothing can be made in it any more.
 */
#include "common/rules/tree_internal.h"
#include "common/base/error.h"

#include <errno.h>
#include <sys/stat.h>

#define MODE_FILE 0644u
#define MODE_FOLDER 0755u
#define MODE_SYMLINK 0777u

/* ---- common to all ops ---- */

int tree_check_match(const struct tree_call *c, const struct tree_row *row)
{
	if (!(c->op->fields & OP_IF_MATCH) || row->now.node.item.content_seq == c->op->if_content_seq)
		return 0;
	return -ERR_PRECONDITION;
}

int tree_op_document(struct tree_call *c, struct tree_row **ret)
{
	struct tree_row *row = tree_row_find(c->tree, c->op->id);

	if (!row)
		return -ENOENT;
	*ret = row;
	return tree_check_match(c, row);
}

int tree_touch(struct tree_call *c, struct tree_row *row)
{
	int r = tree_row_edit(c->tree, row);

	if (r < 0)
		return r;
	row->now.node.item.seq = c->seq;
	row->now.node.item.ctime = c->tree->now;
	return 0;
}

int tree_touch_folder(struct tree_call *c, struct tree_row *folder)
{
	struct item *item = &folder->now.node.item;
	int r = tree_touch(c, folder);

	if (r < 0)
		return r;
	item->mtime = c->tree->now;
	item->content_seq = c->seq;
	return 0;
}

/* Called after all other changes of the op, as the result shows the folder as it is now. */
static void result_dir(struct tree_call *c, const struct tree_row *folder)
{
	c->result->dirs[c->result->dir_count++] = folder->now.node.item;
}

void tree_result_item(struct tree_call *c, const struct tree_row *row)
{
	c->result->item = row->now.node.item;
	c->result->has_item = true;
	c->result->id = row->id;
}

void tree_result_link(struct tree_call *c, const struct tree_row *row, const struct tree_row *folder, struct span name)
{
	tree_result_item(c, row);
	c->result->item.parent = folder->id;
	c->result->item.name = name;
}

void tree_result_document(struct tree_call *c, const struct tree_row *row)
{
	c->change.id = row->id;
	c->change.parent = row->now.node.item.parent;
	c->change.name = row->now.node.item.name;
	tree_result_item(c, row);
}

void tree_charge(struct tree *t, struct tree_row *row, int64_t change)
{
	struct tree_node *node = &row->now.node;
	int64_t before = node->charged;

	/* An orphan is charged only for its growth since it lost its name: shrinking gives back no more than that. */
	node->charged += change;
	if (node->charged < 0)
		node->charged = 0;
	t->drive.used += node->charged - before;
}

void tree_charge_content(struct tree *t, struct tree_row *row, int64_t allocated_change)
{
	row->now.node.item.allocated += allocated_change;
	tree_charge(t, row, allocated_change);
}

void tree_uncharge(struct tree *t, struct tree_row *row)
{
	t->drive.used -= row->now.node.charged;
	row->now.node.charged = 0;
}

int tree_target_folder(struct tree_call *c, int64_t id, struct tree_row **ret)
{
	struct tree_row *row;

	if (ITEM_DRIVE(id) != c->tree->drive.id)
		return -EXDEV;
	row = tree_row_find(c->tree, id);
	if (!row)
		return -ERR_PARENT_MISSING;
	if (!tree_is_folder(row))
		return -ENOTDIR;
	*ret = row;
	return 0;
}

int tree_entry_take(struct tree_call *c, struct tree_row **ret_folder, struct tree_row **ret_child)
{
	struct tree_row *folder = tree_row_find(c->tree, c->op->parent), *child;

	if (!folder)
		return -ENOENT;
	if (!tree_is_folder(folder))
		return -ENOTDIR;
	child = tree_row_find(c->tree, tree_child(c->tree, folder->id, c->op->name));
	if (!child)
		return -ENOENT;
	if ((c->op->fields & OP_HAS_ID) && child->id != c->op->id)
		return -ESTALE;
	*ret_folder = folder;
	*ret_child = child;
	return tree_check_match(c, child);
}

int tree_lose_name(struct tree_call *c, struct tree_row *folder, struct tree_row *child, struct span name)
{
	struct item *item = &child->now.node.item;
	int r;

	if (tree_is_folder(child) && child->now.node.children > 0)
		return -ENOTEMPTY;
	r = tree_touch(c, child);
	if (r < 0)
		return r;
	folder->now.node.children--;
	if (tree_is_folder(child)) {
		folder->now.node.item.nlink--;
		item->nlink = 0;
		child->now.exists = false;
		tree_uncharge(c->tree, child);
		c->tree->drive.documents--;
		return 0;
	}
	item->nlink--;
	if (item->nlink > 0)
		c->tree->drive.documents--;
	if (item->nlink == 0) {
		child->now.node.orphan = true;
		child->now.node.nameless_at = c->seq;
		tree_uncharge(c->tree, child);
	} else if (item->parent == folder->id && span_eq(item->name, name)) {
		item->parent = 0;
		item->name = (struct span){0};
	}
	return 0;
}

/* ---- create ---- */

static int new_id(struct tree_call *c, int64_t *ret)
{
	struct tree_drive *drive = &c->tree->drive;
	int64_t id = c->op->id;

	if (!(c->op->fields & OP_HAS_ID)) {
		if (drive->next_number > UINT32_MAX)
			return -ENOSPC;
		*ret = ITEM_ID(drive->id, drive->next_number++);
		return 0;
	}
	/* Number 1 is the root. Numbers that nobody reserved are assigned by the drive itself. */
	if (ITEM_DRIVE(id) != drive->id || ITEM_NUMBER(id) < 2 || ITEM_NUMBER(id) >= drive->next_number)
		return -ERR_UNPROCESSABLE;
	*ret = id;
	return 0;
}

static uint32_t new_mode(const struct op *op, const struct item *folder)
{
	uint32_t type = op->mode & S_IFMT;
	uint32_t bits = type == S_IFDIR ? MODE_FOLDER : type == S_IFLNK ? MODE_SYMLINK : MODE_FILE;

	if (op->fields & OP_HAS_MODE)
		bits = op->mode & 07777;
	if (type == S_IFDIR && (folder->mode & S_ISGID))
		bits |= S_ISGID;
	return type | bits;
}

/* Sets the owner: as the op says, else the owner of the root; below a set-group-id folder the group is the
 * folder's. */
static void new_owner(struct tree_call *c, const struct item *folder, struct item *item)
{
	const struct tree_row *root = tree_row_find(c->tree, ITEM_ROOT(c->tree->drive.id));
	const struct item *owner = root ? &root->now.node.item : folder;

	item->uid = c->op->fields & OP_HAS_UID ? c->op->uid : owner->uid;
	item->gid = c->op->fields & OP_HAS_GID ? c->op->gid : owner->gid;
	if (folder->mode & S_ISGID)
		item->gid = folder->gid;
}

static int new_node(struct tree_call *c, const struct tree_row *folder, struct tree_row *row)
{
	const struct op *op = c->op;
	struct item item = {
		.id = row->id, .parent = folder->id, .nlink = 1, .seq = c->seq, .content_seq = c->seq, .bare = true};
	int r;

	item.mode = new_mode(op, &folder->now.node.item);
	if (op->fields & OP_NAMELESS) {
		item.parent = item.nlink = 0;
		item.mode |= ITEM_LINKABLE;
	}
	new_owner(c, &folder->now.node.item, &item);
	item.atime = item.mtime = item.ctime = item.btime = c->tree->now;
	if (op->fields & OP_HAS_MTIME)
		item.atime = item.mtime = op->mtime;
	if (S_ISDIR(item.mode))
		item.nlink = 2;
	item.rdev_major = op->rdev_major;
	item.rdev_minor = op->rdev_minor;
	item.size = (int64_t)op->target.size;
	r = tree_copy(c->tree, op->name, &item.name);
	r = r < 0 ? r : tree_copy(c->tree, op->target, &item.target);
	if (r < 0)
		return r;
	row->now.node = (struct tree_node){
		.item = item, .orphan = item.nlink == 0, .nameless_at = item.nlink == 0 ? c->seq : 0};
	row->now.exists = true;
	row->now.xattr_bytes = 0;
	c->tree->drive.documents++;
	tree_charge(c->tree, row, (int64_t)op->target.size);
	return tree_acl_inherit(c, folder, row);
}

/* The folder does not change: it has no new entry. Later writes to the file are charged, as for any orphan. */
static int create_nameless(struct tree_call *c, const struct tree_row *folder)
{
	struct tree_row *row;
	int64_t id;
	int r = new_id(c, &id);

	if (r < 0)
		return r;
	r = tree_row_new(c->tree, id, &row);
	if (r < 0)
		return r == -EEXIST ? -ERR_UNPROCESSABLE : r;
	r = new_node(c, folder, row);
	if (r < 0)
		return r;
	c->change.id = id;
	tree_result_item(c, row);
	return 0;
}

int tree_op_create(struct tree_call *c)
{
	struct tree *t = c->tree;
	struct tree_row *folder, *row;
	int64_t id;
	int r = tree_target_folder(c, c->op->parent, &folder);

	if (r < 0)
		return r == -EXDEV ? -ERR_PARENT_MISSING : r;
	if (c->op->fields & OP_NAMELESS)
		return create_nameless(c, folder);
	if (tree_child(t, folder->id, c->op->name) != 0)
		return -EEXIST;
	r = new_id(c, &id);
	if (r < 0)
		return r;
	r = tree_row_new(t, id, &row);
	if (r < 0)
		return r == -EEXIST ? -ERR_UNPROCESSABLE : r; /* the name is free, but the id is not */
	r = new_node(c, folder, row);
	r = r < 0 ? r : tree_touch_folder(c, folder);
	r = r < 0 ? r : tree_entry_set(t, folder->id, row->now.node.item.name, id);
	if (r < 0)
		return r;
	folder->now.node.children++;
	folder->now.node.item.nlink += tree_is_folder(row);
	c->change.id = id;
	c->change.parent = folder->id;
	c->change.name = row->now.node.item.name;
	tree_result_item(c, row);
	result_dir(c, folder);
	return 0;
}

/* ---- unlink, rmdir ---- */

static int remove_name(struct tree_call *c, struct tree_row *folder, struct tree_row *child)
{
	struct span name;
	int r = tree_copy(c->tree, c->op->name, &name);

	r = r < 0 ? r : tree_touch_folder(c, folder);
	r = r < 0 ? r : tree_lose_name(c, folder, child, name);
	r = r < 0 ? r : tree_entry_set(c->tree, folder->id, name, 0);
	if (r < 0)
		return r;
	c->change.id = child->id;
	c->change.parent = folder->id;
	c->change.name = name;
	c->result->id = child->id;
	result_dir(c, folder);
	return 0;
}

int tree_op_unlink(struct tree_call *c)
{
	struct tree_row *folder, *child;
	int r = tree_entry_take(c, &folder, &child);

	if (r == 0 && tree_is_folder(child))
		r = -EISDIR;
	r = r < 0 ? r : remove_name(c, folder, child);
	if (r == 0)
		tree_result_item(c, child);
	return r;
}

int tree_op_rmdir(struct tree_call *c)
{
	struct tree_row *folder, *child;
	int r = tree_entry_take(c, &folder, &child);

	if (r == 0 && !tree_is_folder(child))
		r = -ENOTDIR;
	return r < 0 ? r : remove_name(c, folder, child);
}

/* ---- link ---- */

static int check_link(const struct tree_call *c, const struct tree_row *row)
{
	if (tree_is_folder(row))
		return -EPERM;
	if (row->now.node.item.nlink == 0 && !(row->now.node.item.mode & ITEM_LINKABLE))
		return -ENOENT; /* linkat(2): a document that lost its last name gets no new one */
	return row->now.node.item.nlink >= LINKS_MAX ? -EMLINK : tree_check_match(c, row);
}

/* A file that was made without a name is a document like any other from now on. */
static void first_name(struct tree_row *row)
{
	row->now.node.item.mode &= ~ITEM_LINKABLE;
	row->now.node.orphan = false; /* all of it was charged from the start */
}

int tree_op_link(struct tree_call *c)
{
	struct tree *t = c->tree;
	struct tree_row *folder, *row = NULL;
	struct span name;
	int r = ITEM_DRIVE(c->op->id) == t->drive.id ? 0 : -EXDEV;

	if (r == 0) {
		row = tree_row_find(t, c->op->id);
		r = row ? tree_target_folder(c, c->op->parent, &folder) : -ENOENT;
	}
	if (r < 0)
		return r;
	if (tree_child(t, folder->id, c->op->name) != 0)
		return -EEXIST;
	r = check_link(c, row);
	r = r < 0 ? r : tree_copy(t, c->op->name, &name);
	r = r < 0 ? r : tree_touch(c, row);
	r = r < 0 ? r : tree_touch_folder(c, folder);
	r = r < 0 ? r : tree_entry_set(t, folder->id, name, row->id);
	if (r < 0)
		return r;
	if (row->now.node.item.nlink++ == 0)
		first_name(row);
	else
		t->drive.documents++;
	c->change.old_parent = row->now.node.item.parent; /* listings there show its number of links, which grows */
	/* The row keeps the name that it has: the store marks all other links. */
	if (row->now.node.item.parent == 0) {
		row->now.node.item.parent = folder->id;
		row->now.node.item.name = name;
	}
	folder->now.node.children++;
	c->change.id = row->id;
	c->change.parent = folder->id;
	c->change.name = name;
	tree_result_link(c, row, folder, name);
	result_dir(c, folder);
	return 0;
}
