#include "fusefs/ops/refusal.h"

#include "fusefs/names/listing.h"

#include <errno.h>

/* The name is not what it is cached as. */
static void contradicted(struct fs *fs, int64_t folder, struct span name, enum name_state known)
{
	struct inode *inode = NULL;

	if (names_find(&fs->names, folder, name, &inode) == known)
		names_contradicted(&fs->names, folder, name, fs->core.view.followed);
}

static void has_entries(struct fs *fs, int64_t folder, struct span name)
{
	struct inode *inode = NULL;

	if (names_find(&fs->names, folder, name, &inode) != NAME_PRESENT)
		return;
	if (!names_is_empty(&fs->names, inode->id))
		return;
	inode->complete = false;
	listing_release(inode);
}

/* The name that op would have made or replaced. */
static void target(const struct op *op, int64_t *ret_folder, struct span *ret_name)
{
	const bool moves = op->kind == OP_RENAME;

	*ret_folder = moves ? op->new_parent : op->parent;
	*ret_name = moves ? op->new_name : op->name;
}

void refusal_learn(struct fs *fs, const struct op *op, int error)
{
	const bool removes = op->kind == OP_UNLINK || op->kind == OP_RMDIR || op->kind == OP_RENAME;
	struct span name;
	int64_t folder;

	if (!removes && op->kind != OP_CREATE && op->kind != OP_LINK)
		return;
	target(op, &folder, &name);
	if (error == -EEXIST)
		contradicted(fs, folder, name, NAME_ABSENT);
	else if (error == -ENOTEMPTY)
		has_entries(fs, folder, name);
	else if (removes && (error == -ENOENT || error == -ENOTDIR || error == -EISDIR)) {
		contradicted(fs, op->parent, op->name, NAME_PRESENT);
		if (op->kind == OP_RENAME)
			contradicted(fs, folder, name, NAME_PRESENT);
	}
}
