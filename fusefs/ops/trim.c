#include "fusefs/ops/trim.h"

#include "fusefs/content/file.h"
#include "fusefs/ops/fs_internal.h"
#include "fusefs/names/listing.h"

#include <assert.h>
#include <utlist.h>

static void uncount_xattrs(struct fs *fs, struct xattrs *x)
{
	if (x->counted == 0)
		return;
	DL_DELETE(fs->xattrs, x);
	fs->xattr_bytes -= x->counted;
	x->counted = 0;
}

void trim_keep_xattrs(struct fs *fs, struct inode *inode, struct xattrs *x)
{
	if (inode->xattrs) {
		uncount_xattrs(fs, inode->xattrs);
		xattrs_free(inode->xattrs);
	}
	inode->xattrs = x;
	if (!x)
		return;
	x->inode = inode;
	trim_use_xattrs(fs, inode);
}

void trim_use_xattrs(struct fs *fs, struct inode *inode)
{
	struct xattrs *x = inode->xattrs;

	uncount_xattrs(fs, x);
	x->counted = xattrs_memory(x);
	fs->xattr_bytes += x->counted;
	DL_PREPEND(fs->xattrs, x);
}

#define CLIMB_MAX 16 /* folders that are told of at once when the lowest has lost its last name */

static bool is_told(const struct fs *fs, const struct inode *inode)
{
	return inode && inode->lookups > 0 && inode->id != fs->root;
}

void trim_name_gone(void *cookie, const struct inode *inode, int64_t emptied)
{
	struct fs *fs = cookie;

	if (!device_can_prune(&fs->init))
		return;
	if (is_told(fs, inode))
		prune_add(&fs->prune, fs_node(fs, inode->id));
	/* A folder whose own name went before those in it was still in use in the kernel, because of them. */
	inode = emptied ? inodes_find(&fs->inodes, emptied) : NULL;
	for (int i = 0; i < CLIMB_MAX && is_told(fs, inode) && !names_any(&fs->names, inode->id); i++) {
		prune_add(&fs->prune, fs_node(fs, inode->id));
		inode = inode->parent > 0 ? inodes_find(&fs->inodes, inode->parent) : NULL;
	}
}

/* With their inodes, however many names each has. */
static size_t names_memory(const struct fs *fs)
{
	size_t named = fs->names.with_inode < fs->inodes.count ? fs->names.with_inode : fs->inodes.count;

	return fs->names.bytes + named * inodes_memory_of_one(&fs->inodes);
}

/* What the kernel, open files or work under way keep: nobody here can give it. */
static size_t held_memory(const struct fs *fs)
{
	size_t count = fs->inodes.count;

	return count > fs->names.with_inode ? (count - fs->names.with_inode) * inodes_memory_of_one(&fs->inodes) : 0;
}

size_t trim_bytes(const struct fs *fs, enum kept_kind kind)
{
	switch (kind) {
	case KEPT_CONTENT:
		return fs->content_bytes;
	case KEPT_NAMES:
		return names_memory(fs);
	case KEPT_LISTINGS:
		return fs->listing_bytes;
	default:
		return fs->xattr_bytes;
	}
}

size_t trim_max(const struct fs *fs)
{
	size_t held = held_memory(fs), most = fs->kept_max - fs->kept_max / KEPT_LEAST_PARTS;

	return fs->kept_max - (held < most ? held : most);
}

/* Whether there is one beside the most recently used, which somebody is about to look at. */
static bool can_give(const struct fs *fs, enum kept_kind kind)
{
	switch (kind) {
	case KEPT_CONTENT:
		return fs->files && fs->files->next;
	case KEPT_NAMES:
		return fs->names.recent && fs->names.recent->next;
	case KEPT_LISTINGS:
		return listing_can_give(fs);
	default:
		return fs->xattrs && fs->xattrs->next;
	}
}

static void give(struct fs *fs, enum kept_kind kind)
{
	switch (kind) {
	case KEPT_CONTENT:
		file_let_go(fs, fs->files->prev);
		break;
	case KEPT_NAMES:
		names_let_go(&fs->names);
		break;
	case KEPT_LISTINGS:
		listing_give(fs);
		break;
	default:
		trim_keep_xattrs(fs, fs->xattrs->prev->inode, NULL);
	}
}

static int pick(const struct fs *fs, size_t max)
{
	size_t bytes[KEPT_KINDS], total = 0;
	bool can[KEPT_KINDS];

	for (int kind = 0; kind < KEPT_KINDS; kind++)
		total += bytes[kind] = trim_bytes(fs, (enum kept_kind)kind);
	if (total <= max)
		return -1;
	for (int kind = 0; kind < KEPT_KINDS; kind++)
		can[kind] = can_give(fs, (enum kept_kind)kind);
	return kept_pick(bytes, can);
}

void trim(struct fs *fs)
{
	size_t max = trim_max(fs);
	int kind;

	/*
	 * The bound is looked at once: what is held grows as names go, until the kernel has let go of their inodes, and
	 * that is no reason for more to go.
	 */
	while ((kind = pick(fs, max)) >= 0)
		give(fs, (enum kept_kind)kind);
}
