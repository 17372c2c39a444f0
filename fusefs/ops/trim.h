/* trim: counts the cached data of a drive, and frees some of it when it is too much (kept.h). Guarded by the lock of
 * the core. */
#ifndef NEPHOS_FUSEFS_OPS_TRIM_H
#define NEPHOS_FUSEFS_OPS_TRIM_H

#include "fusefs/core/inode.h"
#include "fusefs/core/kept.h"

struct fs;

/* Called before the lock is released, when no borrowed pointer is in use. */
void trim(struct fs *fs);
size_t trim_bytes(const struct fs *fs, enum kept_kind kind);
/* The bound for all kinds together: fs->kept_max minus the inodes that have to stay. */
size_t trim_max(const struct fs *fs);
/* A callback of names: a name was dropped for lack of room, so the kernel need not remember its document either. */
void trim_name_gone(void *cookie, const struct inode *inode, int64_t emptied);

#endif
