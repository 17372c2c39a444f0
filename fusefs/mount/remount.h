/*
 * remount: "mount -o remount,ro DIR" and the like: changes flags of an existing mount. The process that serves the
 * mount is not involved: the kernel itself refuses what a flag forbids. Flags that are not named stay as they are.
 * The kernel allows it to root only. Used by one thread, at start.
 */
#ifndef NEPHOS_FUSEFS_MOUNT_REMOUNT_H
#define NEPHOS_FUSEFS_MOUNT_REMOUNT_H

#include "fusefs/mount/options.h"

/* The flags for mount(2): the present flags as statvfs gives them (ST_…), changed by the options. Pure. */
unsigned long remount_flags(unsigned long now, const struct mount_options *o);
/* -EBUSY: files are open for writing; -ENODEV: no drive is mounted there; -EPERM. Why in ret_why. */
int remount(const struct mount_options *o, struct buf *ret_why);

#endif
