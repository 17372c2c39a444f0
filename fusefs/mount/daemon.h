/*
 * daemon: moves the process to the background, and reports the outcome to the process that started it: the parent
 * waits for the child's report, and exits accordingly. Used once, at start, before there are threads.
 */
#ifndef NEPHOS_FUSEFS_MOUNT_DAEMON_H
#define NEPHOS_FUSEFS_MOUNT_DAEMON_H

/*
 * Forks. The child gets 0, and in ret_report the descriptor that daemon_ready and daemon_failed take. The parent
 * returns when the child has reported or ended, or after deadline_ms (then it kills the child): 1 when the mount is
 * ready, else a negative failure, which was printed on stderr.
 */
int daemon_fork(unsigned deadline_ms, int *ret_report);
/* For the child: detaches from the terminal and the standard streams, and reports success to the parent. report
 * -1: there is no parent. */
void daemon_ready(int report);
/* For the child: reports why there will be no mount; on stderr when there is no parent. */
void daemon_failed(int report, const char *why);

#endif
