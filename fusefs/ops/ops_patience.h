/*
 * ops_patience: one thread that looks at the requests which wait: those for which a signal came, and those that wait
 * behind others for a store that answers nobody. What is to be done with each is patience's to say. While nobody waits
 * it sleeps. Embedded in the fs (start/stop); guarded by its lock.
 */
#ifndef NEPHOS_FUSEFS_OPS_OPS_PATIENCE_H
#define NEPHOS_FUSEFS_OPS_OPS_PATIENCE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct fs;

struct ops_patience {
	struct fs *fs;
	pthread_t thread;
	pthread_cond_t wake;
	bool running, stop;
	bool asleep;	/* until it is woken: nobody waits */
	bool news;	/* a signal came since the last look */
	uint64_t asked; /* requests that had to wait, so far */
};

int ops_patience_start(struct ops_patience *p, struct fs *fs);
void ops_patience_stop(struct ops_patience *p); /* without the lock; nothing happens when it does not run */

#endif
