/*
 * ops_patience: one thread that looks at the requests which wait: those for which a signal came, and those that wait
 * behind others for a store that answers nobody. What is to be done with each is patience's to say. While nobody waits
 * it sleeps. What it goes by is fs->asks, guarded by the lock.
 */
#ifndef NEPHOS_FUSEFS_OPS_OPS_PATIENCE_H
#define NEPHOS_FUSEFS_OPS_OPS_PATIENCE_H

struct fs;

int ops_patience_start(struct fs *fs); /* -EAGAIN: no thread */
void ops_patience_stop(struct fs *fs); /* without the lock; nothing happens when it does not run */

#endif
