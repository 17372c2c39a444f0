/*
 * caller: whether the thread that waits for an answer will ever see it. A thread with a fatal signal pending dies on
 * its way back to user space, whatever it is told. Pure but for caller_is_dying, which reads /proc. Any thread.
 */
#ifndef NEPHOS_FUSEFS_CORE_CALLER_H
#define NEPHOS_FUSEFS_CORE_CALLER_H

#include "common/base/span.h"

#include <stdbool.h>
#include <sys/types.h>

#define CALLER_STATUS_BYTES_MAX 8192 /* of /proc/TID/status: it has some 1,500, and what is looked for comes early */

/* From the text of /proc/TID/status. What makes no sense is a caller that lives: it then waits like everybody else. */
bool caller_status_is_dying(struct span status);
/* tid 0, of a caller that the mount cannot see (another PID namespace): false. */
bool caller_is_dying(pid_t tid);

#endif
