/* trim: what is kept of a drive counts, and is let go when it is too much (kept.h). Guarded by the lock of the core. */
#ifndef NEPHOS_FUSEFS_OPS_TRIM_H
#define NEPHOS_FUSEFS_OPS_TRIM_H

#include "fusefs/core/inode.h"
#include "fusefs/core/kept.h"

struct fs;

/* Before the lock is let go of, when nobody holds what is borrowed. */
void trim(struct fs *fs);
size_t trim_bytes(const struct fs *fs, enum kept_kind kind);
/* The bound for all kinds together: what is left of fs->kept_max beside inodes that have to stay. */
size_t trim_max(const struct fs *fs);
/* Of names: one went for lack of room, so the kernel need not remember its document either. */
void trim_name_gone(void *cookie, const struct inode *inode, int64_t emptied);

#endif
