/* trim: what is kept of a drive counts, and is let go when it is too much (kept.h). Guarded by the lock of the fs. */
#ifndef NEPHOS_FUSEFS_OPS_TRIM_H
#define NEPHOS_FUSEFS_OPS_TRIM_H

#include "fusefs/core/inode.h"
#include "fusefs/core/kept.h"
#include "fusefs/names/xattrs.h"

struct fs;
struct name;

/* Before the lock is let go of, when nobody holds what is borrowed. */
void trim(struct fs *fs);
size_t trim_bytes(const struct fs *fs, enum kept_kind kind);
/* The bound for all kinds together: what is left of fs->kept_max beside inodes that have to stay. */
size_t trim_max(const struct fs *fs);
/* x (which is taken) is what is known of the inode's xattrs from now on; NULL: nothing. */
void trim_keep_xattrs(struct fs *fs, struct inode *inode, struct xattrs *x);
/* Those that are kept changed, or were of use. */
void trim_use_xattrs(struct fs *fs, struct inode *inode);
/* Of names: one went for lack of room, so the kernel need not remember its document either. */
void trim_name_gone(void *cookie, const struct inode *inode, int64_t emptied);

#endif
