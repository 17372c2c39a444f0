/* What the parts of shared_locks share: the table with its requests, and the calls to the store. Private to them. */
#ifndef NEPHOS_FUSEFS_NAMES_SHARED_LOCKS_INTERNAL_H
#define NEPHOS_FUSEFS_NAMES_SHARED_LOCKS_INTERNAL_H

#include "fusefs/core/core.h"
#include "fusefs/names/shared_locks.h"

/* Where a request is. */
enum lock_request_state {
	LOCK_NEW,
	LOCK_QUEUED,  /* in table->queue, behind other requests */
	LOCK_CURRENT, /* is table->current: stores data, waits for the store, or for the kernel to be notified */
	LOCK_HERE,    /* in table->local.waiting: a process of this mount holds the lock */
	LOCK_AWAY,    /* in table->away: another mount holds the lock */
};

struct lock_request {
	struct lock_request *prev, *next;
	struct shared_locks *table;
	struct lock_want want; /* done is NULL once it was called */
	bool sync;	       /* requests no lock: it only sends the store what is held */
	bool given_up;	       /* its caller gave up while it was CURRENT: it must not get the lock */
	enum lock_request_state state;
	unsigned tries;
	/* While it is CURRENT: what the table would hold with it, and the union of that. */
	struct locks next_held;
	struct store_lock_range *ranges;
	size_t range_count;
};

/* All requests that wait for the same range, which other mounts hold. */
struct lock_away {
	struct lock_away *prev, *next;
	struct shared_locks *table;
	struct store_lock_range want;
	struct lock_request *requests; /* in order; none: only the end of the call is still awaited */
	store_ticket ticket;
};

struct shared_locks {
	struct shared_locks *prev, *next; /* in set->tables */
	struct shared_locks_set *set;
	struct inode *inode; /* with a reference */
	bool posix;
	struct locks local;		  /* granted locks, and requests that wait for a process of this mount */
	struct store_lock_range *granted; /* what the store has granted for this table */
	size_t granted_count;
	bool unsure; /* the store may have something else than `granted` */
	struct lock_request *queue, *current;
	struct lock_away *away;
	bool running; /* shared_locks_run is on the call stack */
};

/* shared_locks.c */
void shared_locks_run(struct shared_locks *t); /* continues with the queue; t may be freed by this */
void shared_locks_enqueue(struct shared_locks *t, struct lock_request *r, bool first);
/* Sends the store what is held: by a request without a lock of its own, or, without memory for it, after the
 * next poll. */
void shared_locks_sync(struct shared_locks *t);
/* Another mount holds what r requests. */
void shared_locks_refused(struct shared_locks *t, struct lock_request *r);
/* r is CURRENT: the table now holds what r asked for. */
void shared_locks_commit(struct shared_locks *t, struct lock_request *r);
void shared_locks_request_finish(struct lock_request *r, int error); /* frees */
void shared_locks_lost(struct shared_locks_set *set, uint64_t life);

/* shared_locks_store.c */
void shared_locks_ask(struct shared_locks *t, struct lock_request *r); /* r is CURRENT */
void shared_locks_wait(struct shared_locks *t, struct lock_request *r);
void shared_locks_away_leave(struct lock_request *r); /* r is AWAY */

#endif
