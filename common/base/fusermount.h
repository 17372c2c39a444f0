/*
 * fusermount: unmounts a FUSE mount for ordinary users, by the privileged helper program fusermount3. Privileged
 * callers use umount2(2) instead. Blocks until the program has ended. Any thread.
 */
#ifndef NEPHOS_BASE_FUSERMOUNT_H
#define NEPHOS_BASE_FUSERMOUNT_H

#include <stdbool.h>

/* lazy: the mount leaves the tree now, and ends when its last file is closed. -EBUSY: the unmount was refused,
 * mostly because the mount is in use. Other errors are those of starting the program. */
int fusermount_unmount(const char *directory, bool lazy);

#endif
