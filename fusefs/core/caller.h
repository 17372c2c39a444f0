/*
 * caller: whether the thread that waits for an answer will ever see it. A thread with a fatal signal pending dies on
 * its way back to user space, whatever the answer is. Pure except for caller_is_dying, which reads /proc. Any thread.
 */
#ifndef NEPHOS_FUSEFS_CORE_CALLER_H
#define NEPHOS_FUSEFS_CORE_CALLER_H

#include "common/base/span.h"

#include <stdbool.h>
#include <sys/types.h>

/* of /proc/TID/status: the file has some 1,500, and the fields needed here come early */
#define CALLER_STATUS_BYTES_MAX 8192

/* Takes the text of /proc/TID/status. A text that makes no sense counts as a caller that lives, and then waits like
 * every other one. */
bool caller_status_is_dying(struct span status);
/* False for tid 0, a caller that the mount cannot see (another PID namespace). */
bool caller_is_dying(pid_t tid);

#endif
