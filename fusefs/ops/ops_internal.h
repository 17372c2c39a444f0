/* What the handlers share: helpers for answers, and the functions of the table. Not for other modules. */
#ifndef NEPHOS_FUSEFS_OPS_OPS_INTERNAL_H
#define NEPHOS_FUSEFS_OPS_OPS_INTERNAL_H

#include "fusefs/ops/ask.h"
#include "fusefs/ops/ops_fs.h"

/* The inode of a node; NULL when the kernel passed an unknown number. Borrowed. */
struct inode *ops_inode(struct fs *fs, fuse_ino_t node);
/* For how long, in seconds, the kernel may cache an answer. While other mounts use the drive this is 0: LOOKUP and
 * GETATTR cost little where they are answered from memory, and no notice can come too late. */
double ops_timeout(struct fs *fs, bool fresh);
/* The caller holds the lock, for all replies below. */
void ops_reply_entry(struct fs *fs, fuse_req_t req, struct inode *inode, bool fresh);
void ops_reply_absent(struct fs *fs, fuse_req_t req, bool fresh);
void ops_reply_attributes(struct fs *fs, fuse_req_t req, struct inode *inode);
void ops_fill_entry(struct fs *fs, struct inode *inode, bool fresh, struct fuse_entry_param *ret);
void ops_error(fuse_req_t req, int error);
/* 0, -ENAMETOOLONG, -EINVAL */
int ops_name(const char *name, struct span *ret);
/* An ask for a request about a name. The name is checked, copied, and put into ask->op; the request is counted. NULL:
 * the request was already answered. Called without the lock. */
struct ask *ops_ask_name(fuse_req_t req, const char *name, enum patience_call call);
/*
 * Whether a write of this caller clears the set-id bits (CAP_FSETID keeps them, which here means root). For buffered
 * writes and truncate(2) the kernel itself requests this by a SETATTR, but not for O_TRUNC, which comes with OPEN,
 * and for O_DIRECT.
 */
static inline bool ops_drops_setid(fuse_req_t req)
{
	return fuse_req_ctx(req)->uid != 0;
}
/* true: the handle's file locks were lost, and the request was answered with EIO */
bool ops_refuse_lost(fuse_req_t req, const struct handle *h);
/* Makes a handle for an open file, and fills fi. */
struct handle *ops_open_handle(struct fs *fs, struct inode *inode, struct fuse_file_info *fi);

/* ops_export.c */
/* true: the name is "." or "..", and the request was answered */
bool ops_lookup_number(fuse_req_t req, fuse_ino_t node, const char *name);
/* ops_ioctl.c */
void ops_ioctl(fuse_req_t req, fuse_ino_t node, unsigned command, void *arg, struct fuse_file_info *fi, unsigned flags,
	const void *in, size_t in_size, size_t out_size);
/* The caller holds the lock. -EPERM: the document is immutable, or it is append-only and would be changed elsewhere
 * than at its end. */
int ops_check_open(const struct inode *inode, int flags);
int ops_check_write(const struct inode *inode, int64_t at);
/* ops_check.c */
/*
 * Another mount may have given the name to another document or removed it, and its call may have returned already. So
 * a request that follows a LOOKUP by name checks the name with the store first.
 */
static inline bool ops_wants_check(const struct fs *fs)
{
	return core_is_shared(&fs->core);
}
/* Notes how a LOOKUP of the caller was answered. The caller holds the lock, as for all functions of ops_check.c. */
void ops_looked_up(struct fs *fs, fuse_req_t req, const struct looked_answer *answer);
/*
 * Takes over the store's answer about the name answer->folder, answer->name, as of that position, and fills the rest
 * of *answer. Returns the inode, with a reference; NULL: no such name, or no memory.
 */
struct inode *ops_learn_name(
	struct fs *fs, struct looked_answer *answer, int error, const struct item *item, struct store_position at);
enum ops_check_what {
	CHECK_NAME,	     /* when the name that led to this request is not known, nothing is checked */
	CHECK_NAME_OR_EXISTS /* in that case the store is asked whether the document still has a name */
};
/*
 * Checks whether the inode, one of the ask's own, still is what its caller looked up. If so, done is called with 0
 * and with the lock held; at once where the store need not be asked. -ESTALE: it is not, and what the name is now has
 * been learned; the kernel has to look the name up again. Uses ask->extra.
 */
void ops_check(
	struct ask *ask, struct inode *inode, enum ops_check_what what, void (*done)(struct ask *ask, int error));

/* ops_node.c */
void ops_lookup(fuse_req_t req, fuse_ino_t parent, const char *name);
void ops_forget(fuse_req_t req, fuse_ino_t node, uint64_t count);
void ops_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets);
void ops_getattr(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi);
void ops_setattr(fuse_req_t req, fuse_ino_t node, struct stat *attr, int to_set, struct fuse_file_info *fi);
void ops_readlink(fuse_req_t req, fuse_ino_t node);
void ops_statfs(fuse_req_t req, fuse_ino_t node);
/* ops_name.c */
void ops_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, struct fuse_file_info *fi);
void ops_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev);
void ops_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode);
void ops_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name);
void ops_link(fuse_req_t req, fuse_ino_t node, fuse_ino_t parent, const char *name);
/* ops_remove.c */
void ops_unlink(fuse_req_t req, fuse_ino_t parent, const char *name);
void ops_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name);
void ops_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t new_parent, const char *new_name,
	unsigned flags);
/* ops_dir.c */
void ops_opendir(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi);
void ops_readdir(fuse_req_t req, fuse_ino_t node, size_t size, off_t off, struct fuse_file_info *fi);
void ops_readdirplus(fuse_req_t req, fuse_ino_t node, size_t size, off_t off, struct fuse_file_info *fi);
void ops_releasedir(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi);
/* ops_open.c */
void ops_open(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi);
/* ops_file.c */
void ops_release(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi);
void ops_flush(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi);
void ops_fsync(fuse_req_t req, fuse_ino_t node, int datasync, struct fuse_file_info *fi);
void ops_read(fuse_req_t req, fuse_ino_t node, size_t size, off_t off, struct fuse_file_info *fi);
/* ops_sync.c */
void ops_fsyncdir(fuse_req_t req, fuse_ino_t node, int datasync, struct fuse_file_info *fi);
/* ops_write.c */
void ops_write(fuse_req_t req, fuse_ino_t node, const char *data, size_t size, off_t off, struct fuse_file_info *fi);
/* ops_range.c */
void ops_fallocate(fuse_req_t req, fuse_ino_t node, int mode, off_t off, off_t len, struct fuse_file_info *fi);
void ops_lseek(fuse_req_t req, fuse_ino_t node, off_t off, int whence, struct fuse_file_info *fi);
void ops_copy_file_range(fuse_req_t req, fuse_ino_t from, off_t from_off, struct fuse_file_info *from_fi, fuse_ino_t to,
	off_t to_off, struct fuse_file_info *to_fi, size_t len, int flags);
/* ops_xattr.c */
void ops_setxattr(fuse_req_t req, fuse_ino_t node, const char *name, const char *value, size_t size, int flags);
void ops_getxattr(fuse_req_t req, fuse_ino_t node, const char *name, size_t size);
void ops_listxattr(fuse_req_t req, fuse_ino_t node, size_t size);
/* The caller holds the lock. Called before a write by O_DIRECT goes on: such a write does not pass the place where
 * the kernel removes the file's capability. */
void ops_drop_capability(struct fs *fs, struct handle *h);
void ops_removexattr(fuse_req_t req, fuse_ino_t node, const char *name);
/* ops_lock.c */
void ops_getlk(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi, struct flock *lk);
void ops_setlk(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi, struct flock *lk, int sleep);
void ops_flock(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi, int op);
/* The caller holds the lock. This open file will not be used any more: the locks that belong to it are released. */
void ops_locks_released(struct fs *fs, struct handle *h);
/* The caller holds the lock. A process closes the file: all its POSIX locks of the document are released, then done
 * is called. False: no memory, and done is not called. */
bool ops_locks_closed(struct ask *ask, struct handle *h, uint64_t owner, void (*done)(void *cookie, int error));

#endif
