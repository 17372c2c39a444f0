/*
 * fusermount: ordinary users take a FUSE mount off by the help of a program that may, fusermount3. For those who may by
 * themselves there is umount2(2). Blocks until the program has ended. Any thread.
 */
#ifndef NEPHOS_BASE_FUSERMOUNT_H
#define NEPHOS_BASE_FUSERMOUNT_H

#include <stdbool.h>

/* lazy: it goes from the tree now, and ends when the last file is closed. -EBUSY: it was refused, mostly because the
 * mount is in use; or what starting a program gives. */
int fusermount_unmount(const char *directory, bool lazy);

#endif
