#include "fusefs/ops/fs.h"

#include "common/base/log.h"
#include "fusefs/content/file.h"
#include "fusefs/names/shared_locks.h"
#include "fusefs/names/xattrs.h"
#include "fusefs/ops/ops_fs.h"

#include <utlist.h>

/*
 * Applies the changes that the journal reports (fs_on_changes, called by the follower after each poll) to what this
 * mount has cached.
 *
 * After a change by another client, nothing that the change may have touched is trusted any more: the name in its
 * folder, the attributes of the document and of its folders, its content, its xattrs. Nothing new is learned from the
 * journal, as a journal entry does not contain the new state: the mount asks the store when somebody needs it. The
 * threads of notify tell the kernel to drop the same things. Each change is also remembered for a while
 * (core/recent), so that an answer which was computed before the change and arrives after it is not cached.
 *
 * This mount's own changes are known from the results of its ops. Here they only invalidate what was seen before
 * them, in case the journal is faster than the answer. When the journal does not reach back to this mount's position,
 * or the drive has a new incarnation, everything cached is dropped.
 */

static bool kernel_knows(const struct inode *inode)
{
	return inode && inode->lookups > 0;
}

/* The kernel may still have names and attributes that this mount gave it. (The kernel keeps pages for longer than
 * that.) */
static bool kernel_keeps(const struct fs *fs)
{
	return fs->core.now_ns < fs->kernel_until_ns;
}

static struct inode *known(struct fs *fs, int64_t id)
{
	return id > 0 ? inodes_find(&fs->core.inodes, id) : NULL;
}

/* A change of only the document has the name in its journal entry as well. */
static bool changes_names(enum op_kind op)
{
	switch (op) {
	case OP_WRITE:
	case OP_SETATTR:
	case OP_SETXATTR:
	case OP_REMOVEXATTR:
	case OP_CLONE:
		return false;
	default:
		return true;
	}
}

static void name_changed(struct fs *fs, const struct store_change *c, int64_t folder, struct span name)
{
	struct inode *inode = known(fs, folder);

	if (folder <= 0 || name.size == 0)
		return;
	if (changes_names(c->op)) {
		recent_add_name(&fs->core.recent, c->seq, folder, name);
		names_changed(&fs->names, folder, name, c->seq);
		if (inode && !c->own)
			inode->foreign_ns = fs->core.now_ns;
	}
	/*
	 * The kernel is notified even of a name that did not change: the kernel may be looking the name up right now,
	 * with attributes from before the change, and have no node for the document yet about which it could be
	 * notified. This notice waits for that lookup.
	 */
	if (!c->own && kernel_keeps(fs) && (kernel_knows(inode) || folder == fs->root))
		notify_entry(fs->notify, ops_node_of(fs, folder), name);
}

static void attributes_changed(struct fs *fs, const struct store_change *c, int64_t id)
{
	struct inode *inode = known(fs, id);

	if (id <= 0)
		return;
	recent_add_document(&fs->core.recent, c->seq, id);
	if (!inode)
		return;
	inode_changed(inode, c->seq);
	if (!c->own && kernel_keeps(fs) && (kernel_knows(inode) || id == fs->root))
		notify_attributes(fs->notify, ops_node_of(fs, id));
}

static void content_changed(struct fs *fs, const struct store_change *c)
{
	struct inode *inode = known(fs, c->id);

	if (!inode || c->own)
		return;
	inode->pages_seq = 0;
	inode->foreign_ns = fs->core.now_ns;
	file_drop_content(&fs->core, inode->file);
	holds_release(&fs->holds, inode);
	if (kernel_knows(inode))
		notify_content(fs->notify, ops_node_of(fs, c->id));
}

static void xattrs_changed(struct fs *fs, const struct store_change *c)
{
	struct inode *inode = known(fs, c->id);

	ops_xattrs_changed(fs, c->seq);
	/* An own change advances only the position up to which own changes are included: a change by another client
	 * that precedes it may not have been reported yet. */
	if (!inode || !inode->xattrs || inode->xattrs->seen >= c->seq || (c->own && inode->xattrs->own >= c->seq))
		return;
	xattrs_keep(&fs->core.kept, inode, NULL);
}

static void lost_a_name(struct fs *fs, int64_t id)
{
	struct inode *inode = known(fs, id);

	if (inode)
		/* possibly: naming a document to the store that still has a name does no harm */
		inode->orphan = true;
}

static void apply(struct fs *fs, const struct store_change *c)
{
	if (!c->own)
		core_saw_foreign(&fs->core);
	name_changed(fs, c, c->parent, c->name);
	name_changed(fs, c, c->old_parent, c->old_name);
	attributes_changed(fs, c, c->id);
	if (c->name.size > 0 && changes_names(c->op))
		attributes_changed(fs, c, c->parent);
	if (c->old_name.size > 0 && c->old_parent != c->parent)
		attributes_changed(fs, c, c->old_parent);
	if (c->replaced > 0) {
		attributes_changed(fs, c, c->replaced);
		lost_a_name(fs, c->replaced);
	}
	if (c->op == OP_UNLINK || c->op == OP_RMDIR)
		lost_a_name(fs, c->id);
	if (c->content)
		content_changed(fs, c);
	if (c->xattrs)
		xattrs_changed(fs, c);
}

/* Nothing that was known is trusted. What the kernel has cached expires by its timeouts; for the names and inodes
 * that are in memory here, the kernel is notified at once. */
static void drop_everything(struct fs *fs, int64_t seq)
{
	struct inode *inode, *next;
	struct name *n;

	HASH_ITER(hh, fs->core.inodes.by_id, inode, next) {
		file_drop_content(&fs->core, inode->file);
		xattrs_keep(&fs->core.kept, inode, NULL);
		inode->pages_seq = 0;
		inode->seen = 0; /* the drive may be another incarnation, with lower positions */
		if (inode->file)
			inode->file->content.own_seq = 0;
		if (kernel_knows(inode))
			notify_content(fs->notify, ops_node_of(fs, inode->id));
	}
	DL_FOREACH(fs->names.recent, n) {
		n->seen = 0;
		notify_entry(fs->notify, ops_node_of(fs, n->folder), span_of(n->bytes, n->size));
	}
	recent_reset(&fs->core.recent, seq);
	fs->bare_at = -1;
	fs->xattrs_at = seq;
	fs->core.inodes.epoch++;
}

void fs_on_changes(struct fs *fs, const struct store_changes *changes, int64_t sent_ns)
{
	int64_t until = sent_ns > 0 && !changes->more ? sent_ns + FS_TRUST_MS * NS_PER_MS : 0;

	core_lock(&fs->core);
	if (changes->reset) {
		log_warning(NULL, "the journal does not reach back: everything known of the drive is dropped");
		drop_everything(fs, changes->last.seq);
	}
	for (size_t i = 0; i < changes->count; i++)
		apply(fs, &changes->list[i]);
	if (changes->counted)
		fs->core.others = changes->others > 0;
	if (changes->reset)
		fill_view_reset(&fs->core.view, changes->last.incarnation, changes->last.seq, until);
	else
		fill_view_follow(&fs->core.view, changes->last.seq, fs->core.now_ns, until);
	core_view_changed(&fs->core);
	shared_locks_reached(&fs->locks, changes->lock_life);
	core_unlock(&fs->core);
}

size_t fs_held(struct fs *fs, int64_t *ids, size_t max)
{
	struct inode *inode, *next;
	size_t count = 0;

	core_lock(&fs->core);
	HASH_ITER(hh, fs->core.inodes.by_id, inode, next) {
		if (inode->orphan && (inode->opens > 0 || file_is_dirty(inode->file)) && count < max)
			ids[count++] = inode->id;
	}
	core_unlock(&fs->core);
	return count;
}
