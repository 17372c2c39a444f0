/*
 * lock_turns: the order of those who wait for file locks, so that whoever came first is not passed by for ever. Who
 * waits is in a list. When something was let go of, all who waited are called; until they have looked, and for a moment
 * after one was told that it is its turn, those behind them that want the same stand back: those who wait, and those
 * who will wait if refused. Who only tries is not held up. Turns last for LOCK_TURN_MS, so one who does not come for it
 * holds up nobody for long. It is for fairness alone: who may have what is decided in the database. One list for a
 * process. Times are passed in (clock_mono_ns). Threads: any.
 */
#ifndef NEPHOS_DOCS_LOCK_TURNS_H
#define NEPHOS_DOCS_LOCK_TURNS_H

#include "backend/docs/rows/docs_store.h"

#define LOCK_TURN_MS 2000 /* a mount answers in milliseconds when it is there */
#define LOCK_WAITERS_PER_DRIVE_MAX \
	1024u /* each is a suspended request: a hundred mounts with ten files each that somebody else has */

struct lock_turns;

struct lock_wait { /* who waits for what */
	uint32_t drive;
	int64_t session, id;
	enum docs_lock_kind kind;
	struct docs_lock_range range;
};

int lock_turns_new(struct lock_turns **ret);
void lock_turns_free(struct lock_turns *t); /* NULL is fine */
/* Waits from now on; one who was there keeps its place. -ERR_TOO_MANY, -ENOMEM. */
int lock_turns_join(struct lock_turns *t, const struct lock_wait *who, int64_t now_ns);
/* Something was let go of: it will look. */
void lock_turns_called(struct lock_turns *t, const struct lock_wait *who, int64_t now_ns);
/* It looked, and waits on. */
void lock_turns_stays(struct lock_turns *t, const struct lock_wait *who);
/* Must it stand back for another one before it? */
bool lock_turns_stands_back(struct lock_turns *t, const struct lock_wait *who, int64_t now_ns);
/* It does not wait any more: it was told that it is its turn (turn), or will ask again; either way it has its place for
 * LOCK_TURN_MS. */
void lock_turns_leaves(struct lock_turns *t, const struct lock_wait *who, bool turn, int64_t now_ns);
/* It got the lock, or does not want it any more. */
void lock_turns_over(struct lock_turns *t, const struct lock_wait *who);

#endif
