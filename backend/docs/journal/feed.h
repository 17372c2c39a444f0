/*
 * feed: who waits for changes of which drive. Waiting holds no thread: a waiter is fired when its drive changes or its
 * time is over.
 *
 * So that no change falls between looking and waiting, a waiter is armed before it looks: feed_arm, read the journal,
 * and only when that had nothing feed_wait; a change in between fires at once. Woken by commits of this process, and by
 * the listener for those of other instances. A mount follows the journal mostly to hear of others: what it did itself
 * it knows from the answers. So its own changes do not fire its waiter at once but within FEED_OWN_MS, many together.
 * Any thread. fire runs without a lock of ours, on the thread that brought the change, waits, or closes, or on that of
 * the timer; it must not block.
 */
#ifndef NEPHOS_DOCS_FEED_H
#define NEPHOS_DOCS_FEED_H

#include "common/base/metrics.h"

#include <stdbool.h>
#include <stdint.h>

#define FEED_WAITERS_MAX 8192 /* polls of one process: more than the connections a server takes by default */

/* A mount at work makes a thousand changes a second: a poll for each few would cost it a tenth of its speed. Below the
 * patience of who waits for a page of them. */
#define FEED_OWN_MS 200
#define FEED_OWN_MAX \
	256 /* transactions that wait so: their entries are in the way of somebody else's, and fit into a page */

struct feed;
struct timer;

/* Embedded by who waits; belongs to the feed from feed_arm until it fired or was dropped. */
struct feed_waiter {
	void (*fire)(struct feed_waiter *waiter, bool changed); /* set before feed_arm */
	int64_t session; /* of the mount that waits, 0: none; set before feed_arm */
	/* The feed's own. */
	uint32_t drive;
	int64_t deadline_ns;
	int64_t own_ns; /* when it fires for changes of its own session; 0: there were none */
	unsigned own;	/* transactions of its own session since it was armed */
	enum { FEED_IDLE, FEED_ARMED, FEED_CHANGED, FEED_WAITING } state;
	struct feed_waiter *prev, *next;	 /* of its drive */
	struct feed_waiter *all_prev, *all_next; /* of all; also the list of those to fire */
};

/* timer: for the deadlines; waiting: gauge, may be NULL. -ENOMEM. */
int feed_new(struct timer *timer, struct metric *waiting, struct feed **ret);
void feed_free(struct feed *f); /* after its timer; nobody may be armed any more; NULL is fine */

/* From now on changes of the drive are noticed. -ERR_TOO_MANY. An armed waiter is armed again by this. */
int feed_arm(struct feed *f, struct feed_waiter *waiter, uint32_t drive);
/* Fires once: at the next change, at once if there was one since feed_arm, or at the deadline (clock_mono_ns). Only an
 * armed waiter. */
void feed_wait(struct feed *f, struct feed_waiter *waiter, int64_t deadline_ns);
/* Forgets an armed waiter, for the one who armed it. */
void feed_drop(struct feed *f, struct feed_waiter *waiter);
/* Takes one out that waits. true: it will not fire. false: it does not wait (yet, or any more). */
bool feed_cancel(struct feed *f, struct feed_waiter *waiter);
/* Who waits, and who will, fires at once, as at a deadline: the process is asked to end. */
void feed_close(struct feed *f);
bool feed_closed(struct feed *f);

/* session: whose changes they are, all of them; 0: somebody else's too, or nobody knows. */
void feed_changed(struct feed *f, uint32_t drive, int64_t session);
/* Changes may have been missed: everybody looks again. */
void feed_changed_all(struct feed *f);

#endif
