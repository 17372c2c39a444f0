/*
 * prune: tells the kernel which documents it need not remember any more. The kernel drops those that it does not use,
 * and then sends forget for them, so that their inodes here are freed, too. A document that is open, mapped, in use
 * as a folder, mounted upon, or that has such documents below it, stays as it is. Kernels before 6.18 do not support
 * this (device_can_prune); there, the kernel remembers a document until it forgets it by itself.
 *
 * Invalidating the names instead, as for changes by others, was rejected: the kernel would also drop names that are
 * in use, and what is mounted on them.
 *
 * Notices are sent in batches, from a thread of this module, which starts with the first notice: the call may wait
 * for requests about a document. Embedded in the fs, whose lock guards attach and add. Queueing never blocks. The
 * queue is bounded: a document that does not fit is not reported.
 */
#ifndef NEPHOS_FUSEFS_OPS_PRUNE_H
#define NEPHOS_FUSEFS_OPS_PRUNE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* documents that are queued before they are sent: the thread wakes up once for all of them */
#define PRUNE_BATCH 64u
#define PRUNE_QUEUE_MAX 8192u /* documents, 64 KiB: several pages of a listing */

struct prune {
	int (*tell)(void *cookie, const uint64_t *nodes, size_t count); /* blocks */
	void *cookie;
	pthread_mutex_t lock; /* guards all below, and tell and cookie */
	pthread_cond_t wake;
	pthread_t thread;
	bool running, stop;
	uint64_t *nodes; /* queued nodes; room for PRUNE_QUEUE_MAX */
	size_t count;
};

void prune_init(struct prune *p); /* nobody to call yet */
void prune_fini(struct prune *p); /* waits for the call in progress; tell must be NULL by then */
/* Sets the function to call; NULL: none. To be called before the first prune_add, and before prune_fini. */
void prune_attach(struct prune *p, int (*tell)(void *cookie, const uint64_t *nodes, size_t count), void *cookie);
void prune_add(struct prune *p, uint64_t node);

#endif
