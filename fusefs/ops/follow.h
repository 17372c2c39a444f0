/*
 * follow: keeps one long poll of the drive's journal in flight, and passes on the changes after each answer, also
 * after an empty one, which says that nothing changed. The first poll, and the first after a failure, is answered at
 * once. The polls also tell the store which documents the mount holds open without a name.
 *
 * When the journal does not reach back to the poll's position, or the drive has another incarnation, the changes have
 * `reset`, with the position from which they go on.
 *
 * An answer proves that everything is known that had happened when its poll was sent, and no more. So cached data may
 * be shown for some time, counted from the sending of the poll. While the mount is in use, polls are therefore short,
 * so that the next one is answered before that time is over. While the mount is idle nobody asks for cached data, and
 * polls are long. The first request after that finds no cached data that may be shown, and wakes the follower.
 * Threads: on_changes runs on a thread of the store, the other callbacks on the follower's own thread. Callbacks must
 * not block for long: the next poll waits for them.
 */
#ifndef NEPHOS_FUSEFS_OPS_FOLLOW_H
#define NEPHOS_FUSEFS_OPS_FOLLOW_H

#include "fusefs/store/store.h"

/* length of a poll: an idle mount costs three requests a minute, and a connection through proxies stays alive */
#define FOLLOW_WAIT_S 20
/* length while the mount is in use: a request a second, and two seconds of trust are left for its answer to come */
#define FOLLOW_USED_WAIT_S 1
#define FOLLOW_LOST_MS 3000 /* after so long without an answer a warning is logged */
/* pause after a poll that brought only this mount's own changes: a mount that works alone asks a hundred times a
 * second, not after each change */
#define FOLLOW_OWN_MS 10
#define FOLLOW_PAUSE_MIN_MS 20 /* pause between polls that failed; doubled each time … */
#define FOLLOW_PAUSE_MAX_MS 1000
#define FOLLOW_HELD_MAX 32768 /* documents named in one poll: 720 KiB, which fits JSON_BYTES_MAX */
/* a poll in flight is not ended more often than this to name new documents: the store keeps documents for 120 s
 * anyway */
#define FOLLOW_HELD_MS 1000

struct follow;

struct follow_options {
	struct store *store;
	struct store_position since;
	unsigned wait_s;									/* 0: FOLLOW_WAIT_S */
	void (*on_changes)(void *cookie, const struct store_changes *changes, int64_t sent_ns); /* clock_boot_ns */
	bool (*in_use)(void *cookie);				/* may be NULL: not in use */
	size_t (*held)(void *cookie, int64_t *ids, size_t max); /* may be NULL: none */
	void *cookie;
};

int follow_new(const struct follow_options *options, struct follow **ret); /* starts the thread */
void follow_held_changed(struct follow *f); /* a new document is to be named; any thread */
/* A request needs to know now whether anything changed: a long poll in flight is ended. Any thread; never blocks. */
void follow_wake(struct follow *f);
/* How long polls have been failing, in ms, counted from the sending of the first one that failed. 0: the last poll
 * succeeded. */
int64_t follow_silent_ms(struct follow *f);
void follow_free(struct follow *f); /* ends the poll, waits for callbacks; NULL is fine */

#endif
