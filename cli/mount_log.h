/*
 * mount_log: reads what the process of a mount writes to its log from now on. A command that ends the process
 * finds there what was lost. The log file is found among the files that the process has open, so that nobody has
 * to name it. Any thread.
 */
#ifndef NEPHOS_CLI_MOUNT_LOG_H
#define NEPHOS_CLI_MOUNT_LOG_H

#include "common/base/buf.h"

#include <sys/types.h>

#define MOUNT_LOG_BYTES_MAX (256u * 1024) /* the most that is read */
#define MOUNT_LOG_LINES_MAX 20u		  /* the most that are reported; the others are only counted */

/* Returns a descriptor at the end of the log. -ENOENT: the process has no log file, or we have no right to look. */
int mount_log_open(pid_t pid);
/* Appends the errors that were logged since, one per line. */
int mount_log_errors(int fd, struct buf *ret);

#endif
