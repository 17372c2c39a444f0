/*
 * holds: readers that wait a moment for something that may come: each until a time, or until it is let go. Their thread
 * begins with the first of them. Guarded by the lock of the core, with which `over` is called as well.
 */
#ifndef NEPHOS_FUSEFS_CORE_HOLDS_H
#define NEPHOS_FUSEFS_CORE_HOLDS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct core;
struct inode;

struct hold {
	struct hold *prev, *next;
	bool listed;
	struct inode *inode; /* the owner's reference */
	int64_t due_ns;	     /* clock_mono_ns */
	void (*over)(struct hold *hold);
};

struct holds {
	struct core *core;
	struct hold *list;
	pthread_t thread;
	pthread_cond_t wake;
	bool running, stop;
};

void holds_init(struct holds *holds, struct core *core); /* core->holds from then on */
void holds_stop(struct holds *holds);			 /* without the lock; nothing is held any more */
/* over comes later, on the thread. False: it cannot be waited for. */
bool holds_add(struct holds *holds, struct hold *hold);
/* Something happened to the document: those who wait for it look again. */
void holds_release(struct holds *holds, const struct inode *inode);
void holds_drop(struct holds *holds, struct hold *hold); /* one that is not there is fine */

#endif
