#include "fusefs/ops/ops_internal.h"

#include <errno.h>
#include <string.h>

/*
 * Documents by their number: LOOKUP of "." in a node that the kernel forgot, or never saw since the mount was
 * started, and LOOKUP of ".." in a folder. So file handles (open_by_handle_at, NFS servers) outlive dentries,
 * remounts and reboots. A number is never reused, so there are no generations. A document that has no name and is not
 * open here is stale, as on a local file system.
 */

static bool is_there(const struct inode *inode)
{
	return inode->attr.nlink > 0 || inode->opens > 0;
}

static void reply(struct ask *ask, struct inode *inode)
{
	fuse_req_t req = ask_take(ask);

	if (req && is_there(inode))
		ops_reply_entry(ask->fs, req, inode, true);
	else if (req)
		ops_error(req, -ENOENT); /* the kernel turns this into ESTALE */
	ask_free(ask);
}

static void on_document(void *cookie, int error)
{
	struct ask *ask = cookie;

	if (error < 0)
		ask_end(ask, error);
	else
		reply(ask, ask->other);
}

/* Answers with the document ask->other, whose attributes are fetched first if they are not valid. */
static void answer_with(struct ask *ask)
{
	int r;

	if (inode_valid(ask->other)) {
		reply(ask, ask->other);
		return;
	}
	r = ask_attributes(ask, ask->other, on_document);
	if (r < 0)
		ask_end(ask, r);
}

/* Answers with the folder that ask->inode lies in. */
static void answer_with_parent(struct ask *ask)
{
	struct inode *folder = ask->inode;

	ask->cancel = NULL;
	if (!S_ISDIR(folder->attr.mode) || !is_there(folder)) {
		ask_end(ask, -ENOENT);
		return;
	}
	ask->other = inodes_get(&ask->fs->core.inodes, folder->parent);
	if (ask->other)
		answer_with(ask);
	else
		ask_end(ask, -ENOMEM);
}

static void on_child(void *cookie, int error)
{
	struct ask *ask = cookie;

	if (error < 0 || !ask->req)
		ask_end(ask, error);
	else
		answer_with_parent(ask);
}

static void find_parent(struct ask *ask, int64_t id)
{
	int r = 0;

	ask->inode = inodes_get(&ask->fs->core.inodes, id);
	if (!ask->inode)
		r = -ENOMEM;
	else if (inode_valid(ask->inode))
		answer_with_parent(ask);
	else
		r = ask_attributes(ask, ask->inode, on_child);
	if (r < 0)
		ask_end(ask, r);
}

bool ops_lookup_number(fuse_req_t req, fuse_ino_t node, const char *name)
{
	const bool itself = strcmp(name, ".") == 0;
	struct fs *fs = fs_of(req);
	int64_t id = ops_id_of(fs, node);
	struct ask *ask;

	if (!itself && strcmp(name, "..") != 0)
		return false;
	/* A program that may open files by handle can invent a number. */
	if (id <= 0 || ITEM_DRIVE(id) != ITEM_DRIVE(fs->root)) {
		ops_error(req, -ENOENT);
		return true;
	}
	ask = ask_new(req);
	if (!ask)
		return true;
	core_lock(&fs->core);
	if (!itself) {
		find_parent(ask, id);
	} else {
		ask->other = inodes_get(&fs->core.inodes, id);
		if (ask->other)
			answer_with(ask);
		else
			ask_end(ask, -ENOMEM);
	}
	core_unlock(&fs->core);
	return true;
}
