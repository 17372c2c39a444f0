/*
 * locks: flock and POSIX byte-range locks between the processes of one mount. There is one table per document and
 * kind; POSIX ranges of one owner merge and split as fcntl(2) says. A request that must wait is queued. After each
 * release the caller takes out the waiters that nothing blocks any more, and requests their locks again. A flock is
 * a lock of the whole range. The union of all held ranges, whoever the owner, is what the mount has to hold at the
 * store (shared_locks). Embedded (init/fini). Pure. Not thread-safe.
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
	uint64_t via; /* the open file through which the lock was requested */
	void *waiter; /* of a queued lock: the request to answer */
};

struct locks {
	struct lock *held, *waiting;
	unsigned count;
	bool posix;
};

void locks_init(struct locks *l, bool posix);
void locks_fini(struct locks *l); /* nothing may be queued */
bool locks_empty(const struct locks *l);
/* Of all conflicting locks the one with the lowest start, not the one that was set first; NULL: none. */
const struct lock *locks_test(const struct locks *l, const struct lock *wanted);
/* 0: the lock is set. -EAGAIN: another lock conflicts. -ENOLCK, -ENOMEM: nothing changed. May free ranges (a
 * write lock becomes a read lock): then locks_next may return a waiter. */
int locks_set(struct locks *l, const struct lock *wanted);
int locks_unset(struct locks *l, uint64_t owner, int64_t start, int64_t end); /* -ENOMEM, -ENOLCK */
/* Releases all locks that were requested through that open file. When a file is closed for good, the locks of it
 * that are left belong to the open file itself (open file description locks). */
void locks_unset_via(struct locks *l, uint64_t via);
void locks_unset_all(struct locks *l);
bool locks_has_owner(const struct locks *l, uint64_t owner);
bool locks_has_via(const struct locks *l, uint64_t via);
/* Queues wanted->waiter. -EDEADLK (POSIX): the owner and the owners it waits for would wait for each other.
 * flock: the owner's present lock is released first, as flock(2) says: then locks_next may return a waiter. */
int locks_wait(struct locks *l, const struct lock *wanted);
/* Takes a waiter that nothing blocks any more out of the queue; this sets no lock. NULL: there is none. */
void *locks_next(struct locks *l);
/* Takes any waiter out of the queue. NULL: there is none. */
void *locks_take_waiter(struct locks *l);
/* Copies the held locks, without the waiters. -ENOMEM: ret is as after locks_init. */
int locks_copy(const struct locks *l, struct locks *ret);
/* Replaces the held locks of l by those of `from`, which is empty then. The waiters of l stay queued. */
void locks_take_held(struct locks *l, struct locks *from);
/* The union of all held ranges: disjoint, sorted, as few as possible. The caller frees *ret. -ENOLCK: more than
 * LOCK_RANGES_MAX. -ENOMEM. */
int locks_union(const struct locks *l, struct store_lock_range **ret, size_t *ret_count);
/* Takes a waiter out of the queue. False: it is not there. */
bool locks_cancel(struct locks *l, const void *waiter);

#endif
