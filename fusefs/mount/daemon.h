/*
 * daemon: goes to the background, where the one who started it learns how that went: the parent waits for the child's
 * word, and ends with it. Used once, at start, before there are threads.
 */
#ifndef NEPHOS_FUSEFS_MOUNT_DAEMON_H
#define NEPHOS_FUSEFS_MOUNT_DAEMON_H

/*
 * Forks. The child gets 0, and in ret_report what daemon_ready wants. The parent gets, when the child has spoken or
 * ended, or after deadline_ms (the child is killed then): 1 when it is ready; a negative failure otherwise, said on
 * stderr.
 */
int daemon_fork(unsigned deadline_ms, int *ret_report);
/* In the child: lets go of terminal and standard streams, and has the parent end well. report -1: there is no
 * parent. */
void daemon_ready(int report);
/* In the child: why there will be nothing. On stderr when there is no parent. */
void daemon_failed(int report, const char *why);

#endif
