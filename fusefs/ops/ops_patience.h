/*
 * ops_patience: one thread that watches the waiting requests: those for which a signal came, and those that wait
 * behind other requests for a store that answers nobody. patience decides what happens to each. While no request
 * waits the thread sleeps. Its input is fs->asks, guarded by the lock of the core.
 */
#ifndef NEPHOS_FUSEFS_OPS_OPS_PATIENCE_H
#define NEPHOS_FUSEFS_OPS_OPS_PATIENCE_H

struct fs;

int ops_patience_start(struct fs *fs); /* -EAGAIN: no thread */
/* called without the lock of the core; does nothing if the thread does not run */
void ops_patience_stop(struct fs *fs);

#endif
