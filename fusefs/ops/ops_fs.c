#include "fusefs/ops/ops_fs.h"

#include "common/base/clock.h"
#include "common/base/error.h"
#include "fusefs/content/file.h"

#include <sys/sysmacros.h>

#define FUSE_USE_VERSION 314
#include <fuse_lowlevel.h>

void ops_used(struct fs *fs)
{
	fs->used_ns = fs->core.now_ns;
	if (!fs->core.inodes.trusted && fs->wake)
		fs->wake(fs->wake_cookie);
}

uint64_t ops_node_of(const struct fs *fs, int64_t id)
{
	return id == fs->root ? FUSE_ROOT_ID : (uint64_t)id;
}

int64_t ops_id_of(const struct fs *fs, uint64_t node)
{
	return node == FUSE_ROOT_ID ? fs->root : (int64_t)node;
}

int ops_errno(int error)
{
	return error < 0 ? error_errno(error) : 0;
}

/* A mask hides the stored permissions, as it does for file systems that store none: all bits but those of the mask
 * are shown. */
static mode_t shown_mode(const struct fs *fs, mode_t stored)
{
	int mask = S_ISDIR(stored) ? fs->folder_mask : fs->file_mask;

	stored &= ~(mode_t)ITEM_MODE_FLAGS;
	return mask < 0 || S_ISLNK(stored) ? stored : (stored & S_IFMT) | (0777 & ~(mode_t)mask);
}

#define STAT_BLOCK_BYTES 512 /* the unit of st_blocks */

void ops_stat(struct fs *fs, struct inode *inode, struct stat *ret)
{
	const struct attributes *a = &inode->attr;
	int64_t mtime = a->mtime, ctime = a->ctime, allocated = a->allocated, size = a->size;

	if (file_is_dirty(inode->file)) {
		size = file_size(inode);
		mtime = inode->file->mtime;
		ctime = mtime > ctime ? mtime : ctime;
		allocated += (int64_t)(inode->file->dirty.bytes + inode->file->flushing.bytes);
		inode->file->ctime_shown = true;
	}
	if (size != inode->told)
		holds_release(&fs->holds, inode);
	inode->told = size;
	*ret = (struct stat){
		.st_ino = (ino_t)inode->id,
		.st_mode = shown_mode(fs, a->mode),
		.st_nlink = a->nlink,
		.st_uid = fs->root_mode ? a->uid : fs->uid,
		.st_gid = fs->root_mode ? a->gid : fs->gid,
		.st_rdev = makedev(a->rdev_major, a->rdev_minor),
		.st_size = size,
		.st_blksize = FS_IO_BYTES,
		.st_blocks = (allocated + STAT_BLOCK_BYTES - 1) / STAT_BLOCK_BYTES,
		.st_atim = clock_timespec(a->atime),
		.st_mtim = clock_timespec(mtime),
		.st_ctim = clock_timespec(ctime),
	};
}

bool ops_is_bare(const struct fs *fs)
{
	return fs->core.inodes.trusted && fs->core.inodes.needed == 0 && fs->bare_at >= 0 &&
		fs->bare_at >= fs->xattrs_at;
}

void ops_xattrs_changed(struct fs *fs, int64_t seq)
{
	fs->xattrs_at = seq > fs->xattrs_at ? seq : fs->xattrs_at;
}

void ops_learn_usage(struct fs *fs, const struct store_drive *drive)
{
	fs->quota = drive->quota;
	fs->used = drive->used;
	fs->free = drive->free;
	fs->documents = drive->documents;
	fs->documents_max = drive->documents_max;
	fs->disk = drive->quota == 0 || drive->free < drive->quota - drive->used ? drive->free : INT64_MAX;
	fs->usage_at_ns = clock_mono_ns();
	if (drive->bare)
		fs->bare_at = drive->at.seq > fs->bare_at ? drive->at.seq : fs->bare_at;
	else
		ops_xattrs_changed(fs, drive->at.seq + 1);
}

void ops_learn_used(struct fs *fs, int64_t used, int64_t quota)
{
	if (fs->usage_at_ns == 0)
		return;
	if (fs->disk != INT64_MAX)
		fs->disk -= used - fs->used;
	fs->free = quota > 0 && quota - used < fs->disk ? quota - used : fs->disk;
	fs->free = fs->free > 0 ? fs->free : 0;
	fs->used = used;
	fs->quota = quota;
	if (quota == 0 && fs->disk == INT64_MAX)
		fs->usage_at_ns = 0; /* the quota was removed, and the free room of the disk was never reported */
}
