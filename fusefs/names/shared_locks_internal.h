/* What the parts of shared_locks share: the table with its requests, and the ways to the store. Not for others. */
#ifndef NEPHOS_FUSEFS_NAMES_SHARED_LOCKS_INTERNAL_H
#define NEPHOS_FUSEFS_NAMES_SHARED_LOCKS_INTERNAL_H

#include "fusefs/core/core.h"
#include "fusefs/names/shared_locks.h"

/* Where a request is. */
enum lock_request_state {
	LOCK_NEW,
	LOCK_QUEUED,  /* in table->queue: others are before it */
	LOCK_CURRENT, /* table->current: data is being stored, or the store asked, or the kernel told */
	LOCK_HERE,    /* in table->local.waiting: a process of this mount has it */
	LOCK_AWAY,    /* in table->away: another mount has it */
};

struct lock_request {
	struct lock_request *prev, *next;
	struct shared_locks *table;
	struct lock_want want; /* done is NULL when it was told */
	bool sync;	       /* wants nothing: the store is to hear what is held */
	bool given_up;	       /* its caller went while it was CURRENT: it must not get the lock */
	enum lock_request_state state;
	unsigned tries;
	/* While it is CURRENT: what the table would hold, and what that comes to. */
	struct locks next_held;
	struct store_lock_range *ranges;
	size_t range_count;
};

/* Who waits for one thing that other mounts have. */
struct lock_away {
	struct lock_away *prev, *next;
	struct shared_locks *table;
	struct store_lock_range want;
	struct lock_request *requests; /* in their order; none: it is only waited for its end */
	store_ticket ticket;
};

struct shared_locks {
	struct shared_locks *prev, *next; /* in set->tables */
	struct shared_locks_set *set;
	struct inode *inode; /* with a reference */
	bool posix;
	struct locks local;		  /* what is granted, and who waits for somebody here */
	struct store_lock_range *granted; /* what the store has granted of it */
	size_t granted_count;
	bool unsure; /* the store may have something else */
	struct lock_request *queue, *current;
	struct lock_away *away;
	bool running; /* a call of shared_locks_run is on the stack */
};

/* shared_locks.c */
void shared_locks_run(struct shared_locks *t); /* goes on with what is queued; t may be gone afterwards */
void shared_locks_enqueue(struct shared_locks *t, struct lock_request *r, bool first);
/* The store is to hear what is held: by a request that wants nothing, or, without memory for one, after the next
 * poll. */
void shared_locks_sync(struct shared_locks *t);
/* Another mount has what r wants. */
void shared_locks_refused(struct shared_locks *t, struct lock_request *r);
/* r is CURRENT: the table holds what it asked for. */
void shared_locks_commit(struct shared_locks *t, struct lock_request *r);
void shared_locks_request_finish(struct lock_request *r, int error); /* frees */
void shared_locks_lost(struct shared_locks_set *set, uint64_t life);

/* shared_locks_store.c */
void shared_locks_ask(struct shared_locks *t, struct lock_request *r); /* r is CURRENT */
void shared_locks_wait(struct shared_locks *t, struct lock_request *r);
void shared_locks_away_leave(struct lock_request *r); /* r is AWAY */

#endif
