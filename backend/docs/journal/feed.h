/*
 * feed: the waiters for changes of drives. A waiter holds no thread: its callback fires when its drive changes
 * or its time is over.
 *
 * So that no change is missed between looking and waiting, a waiter is armed before it looks: call feed_arm,
 * read the journal, and call feed_wait only when the journal had nothing; a change in between fires at once.
 * Commits of this process fire waiters, and the listener fires them for commits of other instances. A mount
 * follows the journal mostly to learn of changes by others: its own changes it knows from their answers. So its
 * own changes do not fire its waiter at once but within FEED_OWN_MS, many together.
 *
 * Any thread. fire is called without a lock of this module, on the thread that reports the change, calls
 * feed_wait or closes the feed, or on the thread of the timer; it must not block.
 */
#ifndef NEPHOS_DOCS_FEED_H
#define NEPHOS_DOCS_FEED_H

#include "common/base/metrics.h"

#include <stdbool.h>
#include <stdint.h>

#define FEED_WAITERS_MAX 8192 /* polls in one process: more than the connections that a server accepts by default */

/* A busy mount makes a thousand changes a second: a poll for every few of them would cost a tenth of its speed.
 * The delay is shorter than clients are willing to wait for a page of changes. */
#define FEED_OWN_MS 200
/* Own transactions that may wait: their entries lie before those of other writers, and must fit into a page. */
#define FEED_OWN_MAX 256

struct feed;
struct timer;

/* Embedded in the waiter's object; belongs to the feed from feed_arm until it has fired or was dropped. */
struct feed_waiter {
	void (*fire)(struct feed_waiter *waiter, bool changed); /* set it before feed_arm */
	int64_t session; /* session of the mount that waits; 0: none; set it before feed_arm */
	/* The rest is used by the feed only. */
	uint32_t drive;
	int64_t deadline_ns;
	int64_t own_ns; /* when it fires for changes of its own session; 0: none were made */
	unsigned own;	/* transactions of its own session since it was armed */
	enum { FEED_IDLE, FEED_ARMED, FEED_CHANGED, FEED_WAITING } state;
	struct feed_waiter *prev, *next; /* list of the waiters of its drive */
	/* list of all waiters in state FEED_WAITING; also the list of those to fire */
	struct feed_waiter *all_prev, *all_next;
};

/* timer: used for the deadlines; waiting: a gauge, may be NULL. -ENOMEM. */
int feed_new(struct timer *timer, struct metric *waiting, struct feed **ret);
void feed_free(struct feed *f); /* call it after timer_free, with no waiter armed; NULL is fine */

/* From now on changes of the drive are noticed. Arms a waiter that is armed already anew. -ERR_TOO_MANY. */
int feed_arm(struct feed *f, struct feed_waiter *waiter, uint32_t drive);
/* Fires once: at the next change, at once if there was one since feed_arm, or at the deadline (clock_mono_ns).
 * The waiter must be armed. */
void feed_wait(struct feed *f, struct feed_waiter *waiter, int64_t deadline_ns);
/* Drops an armed waiter; for the code that armed it. */
void feed_drop(struct feed *f, struct feed_waiter *waiter);
/* Takes a waiter out if it waits. true: it will not fire. false: it does not wait yet, or not any more. */
bool feed_cancel(struct feed *f, struct feed_waiter *waiter);
/* The process is about to end: all waiters fire at once, as at a deadline, and so does each later feed_wait. */
void feed_close(struct feed *f);
bool feed_closed(struct feed *f);

/* session: the session that made all these changes; 0: others made some, or it is not known. */
void feed_changed(struct feed *f, uint32_t drive, int64_t session);
/* Changes may have been missed: all waiters fire, so that they look again. */
void feed_changed_all(struct feed *f);

#endif
