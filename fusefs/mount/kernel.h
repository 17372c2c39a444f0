/*
 * kernel: what a mount asks of the machine other than by FUSE requests: unmounting, read-ahead, whether it is
 * mounted. The functions block.
 *
 * fuse_fd: the session's descriptor, or -1. A process that accesses a mount which it serves itself could become
 * unkillable: the kernel waits for an answer, and the connection stays open because the waiting process itself holds
 * its descriptor. So a child process that has closed the descriptor does the access.
 */
#ifndef NEPHOS_FUSEFS_MOUNT_KERNEL_H
#define NEPHOS_FUSEFS_MOUNT_KERNEL_H

#include <stdbool.h>

#define KERNEL_READ_AHEAD_KB 1024 /* otherwise the kernel's limit is 128 KiB, whatever FUSE negotiated */

/* Returns the absolute path of a folder to mount on; a mount whose process died is unmounted first. The caller
 * frees it. -EBUSY: a drive is mounted there, and its process lives. -ENOENT, -ENOTDIR … */
int kernel_mount_point(const char *directory, char **ret);
/* Whether a drive is mounted there, and whether it is mounted read-only. They read the list of mounts, which
 * sends no request to any file system. */
bool kernel_is_mounted(const char *path);
bool kernel_is_read_only(const char *path);
/* Unmounts as umount(8) does: -EBUSY. lazy: the mount leaves the tree now, and ends when the last file is closed. */
int kernel_unmount(const char *directory, bool lazy, int fuse_fd);
/* Sends a request through the kernel to this mount and waits for the answer. -ENODEV: something else is mounted
 * there. */
int kernel_check(const char *directory, int fuse_fd);
/* For root only; other users get -EACCES, and keep the kernel's default. */
int kernel_set_read_ahead(const char *directory, int fuse_fd);

#endif
