/*
 * timer: calls functions at given times, for any number of waiting objects, on one thread of its own.
 *
 * A `timer_entry` is embedded in the object that waits. So setting it cannot fail for want of memory, and the
 * owners of these objects bound the number of entries. The entry belongs to the timer from timer_set until it has
 * fired or was cancelled. It fires at most once for each timer_set: at its time, or at once when the timer is
 * closed. fire runs without a lock of the timer, so it may set this or another entry, or free the object that
 * contains it. All other entries wait for it, so it must not block.
 *
 * Threads: any, for all functions but timer_new and timer_free. Times are those of clock_mono_ns. Setting an entry
 * costs a walk past the entries with a later time: none where all wait equally long, which is how the timer is
 * used.
 */
#ifndef NEPHOS_BASE_TIMER_H
#define NEPHOS_BASE_TIMER_H

#include <stdbool.h>
#include <stdint.h>

struct timer;

struct timer_entry {
	void (*fire)(struct timer_entry *entry); /* set before timer_set */
	/* For the timer only. */
	int64_t due_ns;
	bool set;
	struct timer_entry *prev, *next;
};

int timer_new(struct timer **ret); /* -ENOMEM; -EAGAIN: no thread */
/* Closes the timer, and returns when every entry that was set has fired. Accepts NULL. Not from within fire. */
void timer_free(struct timer *t);

/* The entry fires at due_ns, or soon if that time is over. An entry that is set already gets the new time. false:
 * the timer is closed, and fire will not be called. */
bool timer_set(struct timer *t, struct timer_entry *entry, int64_t due_ns);
/* true: the entry was set, and will not fire. false: the entry is not set, or it fires at this very moment. */
bool timer_cancel(struct timer *t, struct timer_entry *entry);
/* All entries that are set fire at once, and no entry can be set any more. Called when the process is asked to end. */
void timer_close(struct timer *t);

#endif
