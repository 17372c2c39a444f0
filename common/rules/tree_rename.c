/*
 * Rename, with the checks in the order of Linux: both folders, the source, the demands of NOREPLACE and EXCHANGE on
 * the target, folders below themselves, two names of one document, kinds, emptiness.
 *
 * A folder must not go below itself. lies_below walks up from the target folder, by the folders of the working set
 * (which have their place after earlier ops of the transaction) and, for folders that were not loaded, by the steps
 * that tree_wants asked for.
 */
#include "common/rules/tree_internal.h"
#include "common/base/error.h"

#include <errno.h>
#include <sys/stat.h>

#define DEPTH_MAX 65536u /* depth of folders: more than any path has; ends the walk if the stored tree has a cycle */

struct rename {
	struct tree_row *from, *to;	 /* folders */
	struct tree_row *moved, *target; /* target: NULL when the new name is free */
	struct span name, new_name;
};

/* Whether `above` is the folder itself, or contains it: 1 or 0. -ERR_UNAVAILABLE: a part of the chain is not known.
 * -ELOOP. */
static int lies_below(struct tree *t, int64_t folder, const struct tree_row *above)
{
	int64_t root = ITEM_ROOT(t->drive.id);

	for (size_t depth = 0; folder != root; depth++) {
		const struct tree_row *row = tree_row_find(t, folder);

		if (folder == above->id)
			return 1;
		folder = row ? row->now.node.item.parent : tree_step_find(t, folder);
		if (folder == 0 || depth >= DEPTH_MAX)
			return folder == 0 ? -ERR_UNAVAILABLE : -ELOOP;
	}
	return folder == above->id;
}

static int check_below(struct tree *t, const struct tree_row *folder, const struct tree_row *moved)
{
	int r;

	if (!tree_is_folder(moved))
		return 0;
	r = lies_below(t, folder->id, moved);
	return r > 0 ? -EINVAL : r;
}

static int check_flags(const struct tree_call *c, const struct rename *rn)
{
	if (rn->target)
		return c->op->fields & OP_NOREPLACE ? -EEXIST : 0;
	return c->op->fields & OP_EXCHANGE ? -ENOENT : 0;
}

static int check_kinds(const struct tree_call *c, const struct rename *rn)
{
	bool folder = tree_is_folder(rn->moved);

	if (!rn->target || (c->op->fields & OP_EXCHANGE) || folder == tree_is_folder(rn->target))
		return 0;
	return folder ? -ENOTDIR : -EISDIR;
}

static int rename_prepare(struct tree_call *c, struct rename *rn)
{
	struct tree *t = c->tree;
	int r = tree_target_folder(c, c->op->new_parent, &rn->to);

	r = r < 0 ? r : tree_entry_take(c, &rn->from, &rn->moved);
	if (r < 0)
		return r;
	rn->target = tree_row_find(t, tree_child(t, rn->to->id, c->op->new_name));
	r = check_flags(c, rn);
	if (r == 0 && rn->from != rn->to)
		r = check_below(t, rn->to, rn->moved);
	if (r == 0 && rn->from != rn->to && rn->target && (c->op->fields & OP_EXCHANGE))
		r = check_below(t, rn->from, rn->target);
	/* If both are names of one document, they are left as they are, and the other checks do not matter. */
	if (r == 0 && rn->target != rn->moved)
		r = check_kinds(c, rn);
	r = r < 0 ? r : tree_copy(t, c->op->name, &rn->name);
	return r < 0 ? r : tree_copy(t, c->op->new_name, &rn->new_name);
}

struct place {
	struct tree_row *folder;
	struct span name;
};

/* Gives a document the name `to` in place of `from`. The caller updates the counts of the folders, except their
 * links. */
static int take_place(struct tree_call *c, struct tree_row *row, const struct place *from, const struct place *to)
{
	struct item *item = &row->now.node.item;
	int r = tree_touch(c, row);

	r = r < 0 ? r : tree_entry_set(c->tree, to->folder->id, to->name, row->id);
	if (r < 0)
		return r;
	if (tree_is_folder(row)) {
		from->folder->now.node.item.nlink--;
		to->folder->now.node.item.nlink++;
	}
	/* If the document has several links, the row keeps the name that it has. */
	if (item->parent == 0 || (item->parent == from->folder->id && span_eq(item->name, from->name))) {
		item->parent = to->folder->id;
		item->name = to->name;
	}
	return 0;
}

static int exchange(struct tree_call *c, const struct rename *rn)
{
	struct place from = {rn->from, rn->name}, to = {rn->to, rn->new_name};
	int r = take_place(c, rn->moved, &from, &to);

	return r < 0 ? r : take_place(c, rn->target, &to, &from);
}

static int move(struct tree_call *c, const struct rename *rn)
{
	struct place from = {rn->from, rn->name}, to = {rn->to, rn->new_name};
	int r = 0;

	if (rn->target) {
		r = tree_lose_name(c, rn->to, rn->target, rn->new_name);
		c->result->replaced = rn->target->id;
	}
	r = r < 0 ? r : tree_entry_set(c->tree, rn->from->id, rn->name, 0);
	r = r < 0 ? r : take_place(c, rn->moved, &from, &to);
	if (r < 0)
		return r;
	rn->from->now.node.children--;
	rn->to->now.node.children++;
	return 0;
}

/* Puts the file by which overlayfs marks a removed name at the old name, in the same op. */
static int put_whiteout(struct tree_call *c, const struct rename *rn)
{
	const struct op *op = c->op;
	struct tree_drive *drive = &c->tree->drive;
	const struct item *owner = &rn->moved->now.node.item;
	struct tree_row *row;
	int r;

	if (drive->next_number > UINT32_MAX)
		return -ENOSPC;
	r = tree_row_new(c->tree, ITEM_ID(drive->id, drive->next_number++), &row);
	if (r < 0)
		return r;
	row->now.node = (struct tree_node){
		.item = {.id = row->id,
			.parent = rn->from->id,
			.nlink = 1,
			.mode = S_IFCHR,
			.uid = op->fields & OP_HAS_UID ? op->uid : owner->uid,
			.gid = op->fields & OP_HAS_GID ? op->gid : owner->gid,
			.seq = c->seq,
			.content_seq = c->seq,
			.bare = true,
			.name = rn->name},
	};
	row->now.node.item.atime = row->now.node.item.mtime = c->tree->now;
	row->now.node.item.ctime = row->now.node.item.btime = c->tree->now;
	row->now.exists = true;
	rn->from->now.node.children++;
	drive->documents++;
	return tree_entry_set(c->tree, rn->from->id, rn->name, row->id);
}

int tree_op_rename(struct tree_call *c)
{
	struct rename rn = {0};
	int r = rename_prepare(c, &rn);

	if (r < 0)
		return r;
	if (rn.target != rn.moved) {
		r = tree_touch_folder(c, rn.from);
		r = r < 0 ? r : tree_touch_folder(c, rn.to);
		r = r < 0 ? r : c->op->fields & OP_EXCHANGE ? exchange(c, &rn) : move(c, &rn);
		if (r == 0 && (c->op->fields & OP_WHITEOUT))
			r = put_whiteout(c, &rn);
	}
	if (r < 0)
		return r;
	c->change.id = rn.moved->id;
	c->change.parent = rn.to->id;
	c->change.name = rn.new_name;
	c->change.old_parent = rn.from->id;
	c->change.old_name = rn.name;
	c->change.replaced = rn.target && rn.target != rn.moved ? rn.target->id : 0;
	tree_result_link(c, rn.moved, rn.to, rn.new_name);
	c->result->dirs[c->result->dir_count++] = rn.from->now.node.item;
	if (rn.to != rn.from)
		c->result->dirs[c->result->dir_count++] = rn.to->now.node.item;
	return 0;
}
