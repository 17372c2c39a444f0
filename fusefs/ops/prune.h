/*
 * prune: tells the kernel which documents it need not remember any more. What it has no use for it drops, and then says
 * so (forget), so that their inodes here go, too; what is open, mapped, somebody's folder, mounted upon, or has such
 * things below it stays as it is. Kernels before 6.18 do not know this (device_can_prune); there, what the kernel
 * remembers stays until it forgets by itself.
 *
 * To take the names away instead, as for changes of others, was rejected: the kernel would do it to names in use as
 * well, and to what is mounted on them.
 *
 * In batches, from a thread of its own, which begins with the first of them: to drop a document may wait for requests
 * about it.
 * Embedded in the fs, whose lock guards attach and add. Queueing never blocks. Bounded: what does not fit is not told.
 */
#ifndef NEPHOS_FUSEFS_OPS_PRUNE_H
#define NEPHOS_FUSEFS_OPS_PRUNE_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PRUNE_BATCH 64u	      /* documents, from which on they are told: a thread wakes up once for all of them */
#define PRUNE_QUEUE_MAX 8192u /* documents, 64 KiB: several pages of a listing */

struct prune {
	int (*tell)(void *cookie, const uint64_t *nodes, size_t count); /* blocks */
	void *cookie;
	pthread_mutex_t lock; /* guards all below */
	pthread_cond_t wake;
	pthread_t thread;
	bool running, stop;
	uint64_t *nodes; /* that wait, of PRUNE_QUEUE_MAX */
	size_t count;
};

void prune_init(struct prune *p); /* there is nobody to tell yet */
void prune_fini(struct prune *p); /* waits for the call under way; there is nobody to tell any more */
/* Whom to tell; NULL: nobody. Before the first prune_add, and before prune_fini. */
void prune_attach(struct prune *p, int (*tell)(void *cookie, const uint64_t *nodes, size_t count), void *cookie);
void prune_add(struct prune *p, uint64_t node);

#endif
