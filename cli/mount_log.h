/*
 * mount_log: what the process of a mount says in its log from now on, for whoever ends it: what it lost stands there.
 * The file is found among those that the process has open, so that it need not be named. Any thread.
 */
#ifndef NEPHOS_CLI_MOUNT_LOG_H
#define NEPHOS_CLI_MOUNT_LOG_H

#include "common/base/buf.h"

#include <sys/types.h>

#define MOUNT_LOG_BYTES_MAX (256u * 1024) /* that are looked through */
#define MOUNT_LOG_LINES_MAX 20u		  /* that are told; of the others, how many */

/* A descriptor at its end. -ENOENT: it has no file, or it may not be looked at. */
int mount_log_open(pid_t pid);
/* Appends what came since as an error, a line each. */
int mount_log_errors(int fd, struct buf *ret);

#endif
