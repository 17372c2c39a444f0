/*
 * holders: who keeps a mount busy, so that "nephos umount" can say whom to ask. Any thread.
 *
 * A mount cannot be taken off while a process has something below it: its working directory, its root, its program, a
 * file that is open or mapped. For each process /proc tells where these lie, as links and lists of paths; a path that
 * begins with the directory of the mount makes the process a holder. It is named once, by the first thing that was
 * found. Only /proc is read, never the mount itself, which may answer nobody.
 *
 * A mount that is off here may live on in other mount namespaces (containers, services with a private /tmp). These are
 * found by the list of mounts of one process in each (holders_elsewhere). Processes of others cannot be looked at when
 * one is not root; then `hidden` says that there may be more than were found.
 */
#ifndef NEPHOS_CLI_HOLDERS_H
#define NEPHOS_CLI_HOLDERS_H

#include "common/base/buf.h"

#include <stdbool.h>
#include <sys/types.h>

#define HOLDERS_MAX 8u		 /* that are named; of the others, how many */
#define HOLDER_NAME_BYTES_MAX 64 /* the kernel's own limit is 15, of its threads 63 */
#define HOLDER_PATH_BYTES_MAX 256
#define HOLDER_MAPS_BYTES_MAX (4u * 1024 * 1024) /* mappings of one process that are looked through */
#define HOLDERS_NAMESPACES_MAX 256u /* that are remembered: of one beyond, each process is looked at and named */

struct holder {
	pid_t pid;
	char name[HOLDER_NAME_BYTES_MAX];
	const char *by;			  /* "cwd", "root", "program", "file", "mapped file", "namespace" */
	char path[HOLDER_PATH_BYTES_MAX]; /* below the directory; empty: the directory itself */
};

struct holders {
	struct holder list[HOLDERS_MAX];
	size_t count, more;
	bool hidden; /* some processes may not be looked at */
};

/* proc: "/proc". Each process once, but not this one and not `but`, which serves the mount. -errno: of proc itself. */
int holders_find(const char *proc, const char *directory, pid_t but, struct holders *ret);
/* Who is in another mount namespace where the mount with this connection still is: one process of each namespace. */
int holders_elsewhere(const char *proc, unsigned connection, struct holders *ret);
/* "bash (pid 123, cwd), vim (pid 9, file notes/a.txt) and 3 more". Nothing when none is known. -ENOMEM, -E2BIG. */
int holders_say(const struct holders *h, struct buf *ret);

#endif
