/*
 * mounts: the mounts of nephos on this machine, as the kernel lists them, and the process that serves each. Any
 * thread.
 *
 * The kernel's list (/proc/self/mountinfo) has a line for each mount, with its type, directory and source; mounts
 * of our type are ours. Nothing else is asked: a mount whose store is gone, or whose process hangs, is listed
 * like any other, and finding it does not block.
 *
 * The list does not say which process serves a mount. That process has /dev/fuse open, and newer kernels say in
 * its fdinfo which connection this is: then the match is certain. With older kernels its command line is compared
 * with the directory, as both end in the same words. Several mounts may lie on one directory, each hiding the one
 * before; the topmost counts.
 */
#ifndef NEPHOS_CLI_MOUNTS_H
#define NEPHOS_CLI_MOUNTS_H

#include "common/base/span.h"

#include <stdbool.h>
#include <sys/types.h>

#define MOUNTS_TEXT_BYTES_MAX (16u * 1024 * 1024) /* /proc/self/mountinfo of a machine with 100,000 mounts */

struct mounts_entry {
	char *directory;
	char *source;	     /* URL of the store */
	unsigned connection; /* the kernel's number of the mount's connection */
};

struct mounts {
	struct mounts_entry *list; /* in the order of mounting */
	size_t count;
};

int mounts_read(struct mounts *ret);
/* The mounts that a process sees; path: its mountinfo. -errno of opening that. */
int mounts_read_from(const char *path, struct mounts *ret);
/* Parses the text of a mountinfo, and skips lines that it does not understand. -ENOMEM. */
int mounts_parse(struct span text, struct mounts *ret);
void mounts_fini(struct mounts *m);
/* The topmost mount on this directory, or NULL. */
const struct mounts_entry *mounts_find(const struct mounts *m, const char *directory);
/* The process that serves the mount. -ESRCH: none was found, perhaps because it is another user's. */
int mounts_process(const struct mounts_entry *entry, pid_t *ret);

#endif
