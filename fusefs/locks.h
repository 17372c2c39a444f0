/*
 * locks: flock and POSIX byte-range locks between the processes of one mount. One table per document and kind; POSIX ranges of one owner merge and split as fcntl(2) says.
 * A request that must wait is queued; whoever releases gets back the list of those whose turn came. flock is a lock of the whole range.
 * Embedded (init/fini). Pure. Not thread-safe.
 */
#ifndef NEPHOS_FUSEFS_LOCKS_H
#define NEPHOS_FUSEFS_LOCKS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define LOCKS_PER_FILE_MAX 65536u /* ranges and waiters of one document: -ENOLCK beyond it */

struct lock {
	struct lock *prev, *next;
	uint64_t owner;
	int64_t start, end; /* the last byte, included; INT64_MAX: to the end */
	bool exclusive;
	pid_t pid;
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
/* 0: got it. -EAGAIN: in the way is another. -ENOLCK, -ENOMEM. May free ranges (a write lock becomes a read lock): then locks_next has somebody. */
int locks_set(struct locks *l, const struct lock *wanted);
int locks_unset(struct locks *l, uint64_t owner, int64_t start, int64_t end); /* -ENOMEM, -ENOLCK */
/* Queues wanted->waiter. -EDEADLK (POSIX): its owner and those it waits for would wait for each other. flock: what the owner has is given up first, as flock(2) says:
 * then locks_next may have somebody. */
int locks_wait(struct locks *l, const struct lock *wanted);
/* A waiter whose lock is now held, taken out of the queue; NULL: nobody's turn came. */
void *locks_next(struct locks *l);
/* Takes a waiter out of the queue. False: it is not there. */
bool locks_cancel(struct locks *l, const void *waiter);

#endif
