/*
 * holds: readers that wait a moment for an event that may come: each until a given time, or until it is released. The
 * thread of this module starts with the first reader. Guarded by the lock of the core, which is held when `over` is
 * called, too.
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

void holds_init(struct holds *holds, struct core *core); /* sets core->holds */
void holds_stop(struct holds *holds);			 /* called without the lock, when nothing is held any more */
/* over is called later, on the thread. False: waiting is not possible. */
bool holds_add(struct holds *holds, struct hold *hold);
/* Something happened to the document: the readers that wait for it look again. */
void holds_release(struct holds *holds, const struct inode *inode);
void holds_drop(struct holds *holds, struct hold *hold); /* does nothing if the hold is not listed */

#endif
