/* file: small files, read and written as a whole. Any thread; calls block on the disk. */
#ifndef NEPHOS_BASE_FILE_H
#define NEPHOS_BASE_FILE_H

#include "common/base/buf.h"

#include <stdbool.h>
#include <sys/types.h>

/*
 * Appends the content of a regular file to ret, up to max bytes. secret: a file that group or others may read,
 * write or execute is refused. There is one exception: all may read a file that nobody may write or execute, and
 * that belongs to root or the caller. Container engines provide secrets in this form (0444), and only processes
 * inside the container can reach them. -ENOENT, -EACCES …: from open. -EINVAL: not a regular file. -EPERM: a secret
 * that others can reach. -EFBIG: over max. -E2BIG, -ENOMEM: from ret, which is unchanged after any failure.
 */
int file_read(const char *path, size_t max, bool secret, struct buf *ret);
/* Who can read a secret besides its owner, for a warning; a literal, or NULL: nobody. */
const char *file_readers(const char *path);
/* Why file_read refused a secret with -EPERM, and what to do; a literal to follow the name of the file. */
const char *file_secret_fault(const char *path);

/* Writes all of s at fd's position, in as many write calls as it takes. Errors are those of write; a part may be
 * written then. */
int file_write_all(int fd, struct span s);

/*
 * Replaces path by a file with this content and exactly this mode, or leaves path as it was. The steps: a temporary
 * file beside path, fsync, rename, fsync of the folder. A symlink at path is replaced, not followed. If the last
 * step fails, the new content is visible, but may not survive a crash.
 */
int file_write_atomic(const char *path, mode_t mode, struct span content);

#endif
