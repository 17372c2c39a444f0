/*
 * remount: "mount -o remount,ro DIR" and its like: other flags for a mount that is there. The process that serves it is
 * not asked: the kernel itself refuses what a flag forbids. Flags that are not named stay as they are. For root only,
 * as the kernel has it. Used by one thread, at start.
 */
#ifndef NEPHOS_FUSEFS_MOUNT_REMOUNT_H
#define NEPHOS_FUSEFS_MOUNT_REMOUNT_H

#include "fusefs/mount/options.h"

/* The flags for mount(2): what statvfs says of it now (ST_…), changed by what the options name. Pure. */
unsigned long remount_flags(unsigned long now, const struct mount_options *o);
/* -EBUSY: files are open for writing; -ENODEV: no drive is mounted there; -EPERM. Why in ret_why. */
int remount(const struct mount_options *o, struct buf *ret_why);

#endif
