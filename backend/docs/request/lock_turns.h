/*
 * lock_turns: the order in which requests wait for file locks, so that the first waiter is not overtaken for
 * ever. The waiters are in a list. When a lock is released, all waiters are called. Until they have looked, and
 * for a moment after a waiter was answered that it is its turn, requests behind them that want a conflicting lock
 * stand back: other waiters, and requests that will wait if they are refused. A request that only tries is not
 * held up. A turn lasts LOCK_TURN_MS, so a client that does not come for its lock holds up nobody for long. The
 * list is for fairness alone: the database decides who gets a lock. There is one list per process. Times are
 * passed in (clock_mono_ns). Any thread.
 */
#ifndef NEPHOS_DOCS_LOCK_TURNS_H
#define NEPHOS_DOCS_LOCK_TURNS_H

#include "backend/docs/rows/docs_store.h"

#define LOCK_TURN_MS 2000 /* a mount that is alive answers within milliseconds */
/* Each is a suspended request: a hundred mounts that each wait for ten files which other mounts have locked. */
#define LOCK_WAITERS_PER_DRIVE_MAX 1024u

struct lock_turns;

struct lock_wait { /* who waits, and for which lock */
	uint32_t drive;
	int64_t session, id;
	enum docs_lock_kind kind;
	struct docs_lock_range range;
};

int lock_turns_new(struct lock_turns **ret);
void lock_turns_free(struct lock_turns *t); /* NULL is fine */
/* Adds `who` to the list; if it is in the list already, it keeps its place. -ERR_TOO_MANY, -ENOMEM. */
int lock_turns_join(struct lock_turns *t, const struct lock_wait *who, int64_t now_ns);
/* A lock was released: `who` is going to look. */
void lock_turns_called(struct lock_turns *t, const struct lock_wait *who, int64_t now_ns);
/* `who` has looked and continues to wait. */
void lock_turns_stays(struct lock_turns *t, const struct lock_wait *who);
/* Whether `who` must stand back for a waiter before it. */
bool lock_turns_stands_back(struct lock_turns *t, const struct lock_wait *who, int64_t now_ns);
/* `who` does not wait any more: it was answered that it is its turn (turn), or that it must ask again. Either way
 * it keeps its place for LOCK_TURN_MS. */
void lock_turns_leaves(struct lock_turns *t, const struct lock_wait *who, bool turn, int64_t now_ns);
/* `who` got the lock, or does not want it any more. */
void lock_turns_over(struct lock_turns *t, const struct lock_wait *who);

#endif
