#include "fusefs/ops/trim.h"

#include "fusefs/content/file.h"
#include "fusefs/ops/ops_fs.h"
#include "fusefs/names/listing.h"
#include "fusefs/names/xattrs.h"

/*
 * Frees memory that is used only because its content may be asked for again: content of files, names that were looked
 * up with inodes that have no other users, extended attributes, listings. Each kind has its own list in the order of
 * use. Objects that the kernel, open files or work in progress hold are in none of these lists.
 *
 * All kinds share one bound, so that a mount which needs much of one kind may have it. Beyond the bound, the kind
 * that kept_pick chooses evicts its least recently used object, again and again until the sum fits. The most recently
 * used object stays, as a request is about to use it.
 */

#define CLIMB_MAX 16 /* folders that are reported at once when the lowest one has lost its last name */

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
		prune_add(&fs->prune, ops_node_of(fs, inode->id));
	/* A folder whose own name was dropped before the names in it was still in use in the kernel, because of those
	 * names. */
	inode = emptied ? inodes_find(&fs->core.inodes, emptied) : NULL;
	for (int i = 0; i < CLIMB_MAX && is_told(fs, inode) && !names_any(&fs->names, inode->id); i++) {
		prune_add(&fs->prune, ops_node_of(fs, inode->id));
		inode = inode->parent > 0 ? inodes_find(&fs->core.inodes, inode->parent) : NULL;
	}
}

/* Names and their inodes; an inode counts once, however many names it has. */
static size_t names_memory(const struct fs *fs)
{
	size_t named = fs->names.with_inode < fs->core.inodes.count ? fs->names.with_inode : fs->core.inodes.count;

	return fs->names.bytes + named * inodes_memory_of_one(&fs->core.inodes);
}

/* Inodes that the kernel, open files or work in progress hold: trim cannot free them. */
static size_t held_memory(const struct fs *fs)
{
	size_t count = fs->core.inodes.count;

	return count > fs->names.with_inode ? (count - fs->names.with_inode) * inodes_memory_of_one(&fs->core.inodes)
					    : 0;
}

size_t trim_bytes(const struct fs *fs, enum kept_kind kind)
{
	return kind == KEPT_NAMES ? names_memory(fs) : kept_bytes(&fs->core.kept, kind);
}

size_t trim_max(const struct fs *fs)
{
	size_t held = held_memory(fs), most = fs->kept_max - fs->kept_max / KEPT_LEAST_PARTS;

	return fs->kept_max - (held < most ? held : most);
}

/* Whether there is an object beside the most recently used one, which a request is about to use. */
static bool can_give(const struct fs *fs, enum kept_kind kind)
{
	if (kind == KEPT_NAMES)
		return fs->names.recent && fs->names.recent->next;
	return kept_oldest(&fs->core.kept, kind) != NULL;
}

static void give(struct fs *fs, enum kept_kind kind)
{
	switch (kind) {
	case KEPT_CONTENT:
		file_give(&fs->core);
		break;
	case KEPT_NAMES:
		names_let_go(&fs->names);
		break;
	case KEPT_LISTINGS:
		listing_give(&fs->core);
		break;
	default:
		xattrs_give(&fs->core.kept);
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
	 * The bound is computed once: the held inodes become more as names are dropped, until the kernel has
	 * forgotten them, and that is no reason to drop more.
	 */
	while ((kind = pick(fs, max)) >= 0)
		give(fs, (enum kept_kind)kind);
}
