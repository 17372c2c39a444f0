/* file: small whole files. Any thread; blocks on the disk. */
#ifndef NEPHOS_BASE_FILE_H
#define NEPHOS_BASE_FILE_H

#include "common/base/buf.h"

#include <stdbool.h>
#include <sys/types.h>

/*
 * Appends the content of a regular file to ret, up to max bytes. secret: a file that group or others may read, write
 * or execute is refused; but one that nobody may write or execute, and that belongs to root or to the caller, may be
 * read by all: that is how container engines hand out secrets (0444), and whoever could read it there is inside.
 * -ENOENT, -EACCES …: from open. -EINVAL: not a regular file. -EPERM: a secret that others can
 * reach. -EFBIG: over max. -E2BIG, -ENOMEM: from ret, which is unchanged after any failure.
 */
int file_read(const char *path, size_t max, bool secret, struct buf *ret);
/* Whether group or others may read it, so that its reader can say a word about a secret. */
bool file_is_shared(const char *path);

/* Writes all of it where fd stands, however little is taken at a time. What write says; a part may be there then. */
int file_write_all(int fd, struct span s);

/*
 * Replaces path by a file of this content and exactly this mode, or leaves it as it was: a temporary file beside it,
 * fsync, rename, fsync of the folder. A symlink at path is replaced, not followed. When the last step fails the new
 * content is visible, but may not survive a crash.
 */
int file_write_atomic(const char *path, mode_t mode, struct span content);

#endif
