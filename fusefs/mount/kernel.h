/*
 * kernel: what a mount does to the machine outside of FUSE's conversation: unmounting, read-ahead, is it there at all.
 * Blocks.
 *
 * fuse_fd: the session's descriptor, or -1. Whoever looks at a mount that his own process serves cannot be killed: the
 * kernel waits for an answer, whose only other end is held open by the one who waits. So this is done by a child that
 * has let go of it.
 */
#ifndef NEPHOS_FUSEFS_MOUNT_KERNEL_H
#define NEPHOS_FUSEFS_MOUNT_KERNEL_H

#include <stdbool.h>

#define KERNEL_READ_AHEAD_KB 1024 /* otherwise the kernel stops at 128 KiB, whatever FUSE negotiated */

/* Absolute path of a folder to mount on; a mount whose process died is taken off first. free() it. -EBUSY: a drive is
 * mounted there, and its mount lives. -ENOENT, -ENOTDIR … */
int kernel_mount_point(const char *directory, char **ret);
/* As the list of mounts says, which asks no file system anything: a drive is mounted there; and nothing may be written
 * to it. */
bool kernel_is_mounted(const char *path);
bool kernel_is_read_only(const char *path);
/* Regularly, as umount(8): -EBUSY. lazy: it goes from the tree now, and ends when the last file is closed. */
int kernel_unmount(const char *directory, bool lazy, int fuse_fd);
/* A request goes through the kernel to us and back. -ENODEV: something else is mounted there. */
int kernel_check(const char *directory, int fuse_fd);
/* For root; others get -EACCES, and live with less. */
int kernel_set_read_ahead(const char *directory, int fuse_fd);

#endif
