/*
 * locks: flock and POSIX byte-range locks between the processes of one mount. One table per document and kind; POSIX
 * ranges of one owner merge and split as fcntl(2) says. A request that must wait is queued; whoever releases gets back
 * those whom nobody is in the way of any more, and asks for them again. flock is a lock of the whole range. What the
 * table comes to, whoever has it, is a union of ranges: that is what the mount has to hold at the store (shared_locks).
 * Embedded (init/fini). Pure. Not thread-safe.
 */
#ifndef NEPHOS_FUSEFS_NAMES_LOCKS_H
#define NEPHOS_FUSEFS_NAMES_LOCKS_H

#include "fusefs/store/store.h"

#include <sys/types.h>

#define LOCKS_PER_FILE_MAX 65536u /* ranges and waiters of one document: -ENOLCK beyond it */

struct lock {
	struct lock *prev, *next;
	uint64_t owner;
	int64_t start, end; /* the last byte, included; INT64_MAX: to the end */
	bool exclusive;
	pid_t pid;
	uint64_t via; /* the open file that it was asked for with */
	void *waiter; /* of a waiting lock: whom to answer */
};

struct locks {
	struct lock *held, *waiting;
	unsigned count;
	bool posix;
};

void locks_init(struct locks *l, bool posix);
void locks_fini(struct locks *l); /* nobody waits */
bool locks_empty(const struct locks *l);
/* Of the locks in the way the one that lies first, not the one that was set first; NULL: none. */
const struct lock *locks_test(const struct locks *l, const struct lock *wanted);
/* 0: got it. -EAGAIN: in the way is another. -ENOLCK, -ENOMEM: nothing changed. May free ranges (a write lock becomes a
 * read lock): then locks_next has somebody. */
int locks_set(struct locks *l, const struct lock *wanted);
int locks_unset(struct locks *l, uint64_t owner, int64_t start, int64_t end); /* -ENOMEM, -ENOLCK */
/* All that was asked for with that open file. What is left of it when it is closed for good are locks that belong to it
 * (open file description locks). */
void locks_unset_via(struct locks *l, uint64_t via);
void locks_unset_all(struct locks *l);
bool locks_has_owner(const struct locks *l, uint64_t owner);
bool locks_has_via(const struct locks *l, uint64_t via);
/* Queues wanted->waiter. -EDEADLK (POSIX): its owner and those it waits for would wait for each other. flock: what the
 * owner has is given up first, as flock(2) says: then locks_next may have somebody. */
int locks_wait(struct locks *l, const struct lock *wanted);
/* A waiter whom nobody is in the way of, taken out of the queue; nothing is locked by this. NULL: there is none. */
void *locks_next(struct locks *l);
/* Any waiter, taken out of the queue. NULL: there is none. */
void *locks_take_waiter(struct locks *l);
/* What is held, without who waits. -ENOMEM: ret is as after locks_init. */
int locks_copy(const struct locks *l, struct locks *ret);
/* What l holds becomes what `from` holds, which is empty then. Who waits goes on waiting. */
void locks_take_held(struct locks *l, struct locks *from);
/* What is held by anybody: disjoint, sorted, as few as possible. The caller frees *ret. -ENOLCK: more than
 * LOCK_RANGES_MAX. -ENOMEM. */
int locks_union(const struct locks *l, struct store_lock_range **ret, size_t *ret_count);
/* Takes a waiter out of the queue. False: it is not there. */
bool locks_cancel(struct locks *l, const void *waiter);

#endif
