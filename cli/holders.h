/*
 * holders: which processes keep a mount busy, so that "nephos umount" can name them. Any thread.
 *
 * A mount cannot be taken off while a process uses something below it: as its working directory, its root, its
 * program, or a file that is open or mapped. /proc names these paths for each process, as links and lists; a path
 * that begins with the directory of the mount makes the process a holder. A holder is named once, by the first
 * such path that was found. Only /proc is read, never the mount itself, which may not answer.
 *
 * A mount that is off here may still exist in other mount namespaces (containers, services with a private /tmp).
 * These are found by the list of mounts of one process in each (holders_elsewhere). A user other than root may
 * not look at the processes of other users; then `hidden` says that there may be more holders than were found.
 */
#ifndef NEPHOS_CLI_HOLDERS_H
#define NEPHOS_CLI_HOLDERS_H

#include "common/base/buf.h"

#include <stdbool.h>
#include <sys/types.h>

#define HOLDERS_MAX 8u		 /* the most that are named; the others are only counted */
#define HOLDER_NAME_BYTES_MAX 64 /* the kernel's own limit is 15, for kernel threads 63 */
#define HOLDER_PATH_BYTES_MAX 256
#define HOLDER_MAPS_BYTES_MAX (4u * 1024 * 1024) /* of the mappings of one process, the most that is read */
#define HOLDERS_NAMESPACES_MAX 256u		 /* remembered; of a further one, each process is looked at and named */

struct holder {
	pid_t pid;
	char name[HOLDER_NAME_BYTES_MAX];
	const char *by;			  /* "cwd", "root", "program", "file", "mapped file", "namespace" */
	char path[HOLDER_PATH_BYTES_MAX]; /* below the directory; empty: the directory itself */
};

struct holders {
	struct holder list[HOLDERS_MAX];
	size_t count, more;
	bool hidden; /* some processes could not be looked at, for lack of permission */
};

/* proc: "/proc". Finds each holder once, except this process and `but`, which serves the mount. -errno of opening
 * proc. */
int holders_find(const char *proc, const char *directory, pid_t but, struct holders *ret);
/* Finds one process of each other mount namespace in which the mount with this connection still exists. */
int holders_elsewhere(const char *proc, unsigned connection, struct holders *ret);
/* Appends "bash (pid 123, cwd), vim (pid 9, file notes/a.txt) and 3 more"; nothing if no holder is known.
 * -ENOMEM, -E2BIG. */
int holders_say(const struct holders *h, struct buf *ret);

#endif
