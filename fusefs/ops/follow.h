/*
 * follow: keeps one long poll of the drive's journal under way, and hands on what changed: after each answer, also an
 * empty one, which says that nothing did. The first poll, and the first after a failure, is answered at once. It also
 * tells the store which documents the mount holds open without a name.
 *
 * When the journal does not reach back, or the drive has another incarnation, the changes have `reset`, with the
 * position from which they go on.
 *
 * An answer proves that everything is known that had happened when its poll was sent, and no more: what is kept may be
 * shown for some time from then on. While the mount is in use, polls are therefore short, so that the next is answered
 * before that time is over. While it is idle nobody asks what is kept: polls are long, and whoever comes first finds
 * nothing that may be shown, and wakes the follower. Threads: on_changes comes on a thread of the store's, the rest on
 * the follower's own. They must not block for long: the next poll waits for them.
 */
#ifndef NEPHOS_FUSEFS_OPS_FOLLOW_H
#define NEPHOS_FUSEFS_OPS_FOLLOW_H

#include "fusefs/store/store.h"

#define FOLLOW_WAIT_S \
	20 /* a poll: an idle mount costs three requests a minute, and a connection through proxies stays alive */
#define FOLLOW_USED_WAIT_S \
	1 /* while it is in use: a request a second, and two seconds of trust are left for its answer to come */
#define FOLLOW_LOST_MS 3000 /* without an answer: people are told */
/* after a poll that brought only what this mount did itself: at work alone, it asks a hundred times a second, not after
 * each change */
#define FOLLOW_OWN_MS 10
#define FOLLOW_PAUSE_MIN_MS 20 /* between polls that failed; doubled each time … */
#define FOLLOW_PAUSE_MAX_MS 1000
#define FOLLOW_HELD_MAX 32768 /* documents named in one poll: 720 KiB, which fits JSON_BYTES_MAX */
#define FOLLOW_HELD_MS \
	1000 /* a poll is not ended more often than this to name new ones: the store keeps them for 120 s anyway */

struct follow;

struct follow_options {
	struct store *store;
	struct store_position since;
	unsigned wait_s;									/* 0: FOLLOW_WAIT_S */
	void (*on_changes)(void *cookie, const struct store_changes *changes, int64_t sent_ns); /* clock_boot_ns */
	bool (*in_use)(void *cookie);				/* may be NULL: it is not */
	size_t (*held)(void *cookie, int64_t *ids, size_t max); /* may be NULL: none */
	void *cookie;
};

int follow_new(const struct follow_options *options, struct follow **ret); /* the thread runs from now on */
void follow_held_changed(struct follow *f); /* there is a new one to be named; any thread */
/* Somebody needs to know now that nothing changed: a long poll is ended for it. Any thread; never blocks. */
void follow_wake(struct follow *f);
/* Since when polls have been failing, in ms: from the sending of the first of them. 0: the last one got through. */
int64_t follow_silent_ms(struct follow *f);
void follow_free(struct follow *f); /* ends the poll, waits for callbacks; NULL is fine */

#endif
