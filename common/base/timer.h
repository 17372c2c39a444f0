/*
 * timer: calls a function at a given time, for many who wait, on one thread of its own.
 *
 * A `timer_entry` is embedded in what waits, so that setting it cannot fail for want of memory, and how many there may
 * be is bounded by their owners. It is the timer's from timer_set until it has fired or was cancelled. It fires at most
 * once for each timer_set: at its time, or at once when the timer is closed. fire runs without a lock of the timer's,
 * so it may set this or another entry, or free what it is embedded in; all others wait for it, so it must not block.
 *
 * Threads: any, for all but timer_new and timer_free. Times are those of clock_mono_ns. Setting an entry costs a walk
 * past those with a later time: nothing where all wait equally long, which is how it is used.
 */
#ifndef NEPHOS_BASE_TIMER_H
#define NEPHOS_BASE_TIMER_H

#include <stdbool.h>
#include <stdint.h>

struct timer;

struct timer_entry {
	void (*fire)(struct timer_entry *entry); /* set before timer_set */
	/* The timer's own. */
	int64_t due_ns;
	bool set;
	struct timer_entry *prev, *next;
};

int timer_new(struct timer **ret); /* -ENOMEM, -EAGAIN: no thread */
/* Closes it, and returns when everything that was set has fired. NULL is fine. Not from within fire. */
void timer_free(struct timer *t);

/* It fires at due_ns, or soon if that is over. One that is set already is moved. false: the timer is closed, and
 * nothing will come. */
bool timer_set(struct timer *t, struct timer_entry *entry, int64_t due_ns);
/* true: it was set, and will not fire. false: it is not set, or it fires at this very moment. */
bool timer_cancel(struct timer *t, struct timer_entry *entry);
/* Everything that is set fires at once, and nothing can be set any more: the process is asked to end. */
void timer_close(struct timer *t);

#endif
