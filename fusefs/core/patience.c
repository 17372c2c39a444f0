#include "fusefs/core/patience.h"

/* When a signal ends a call whose caller lives on. */
enum ends { NEVER, WHEN_SILENT, AT_ONCE };

static const enum ends table[PATIENCE_CALLS] = {
	/* POSIX knows no EINTR of stat, access, readlink, readdir, mkdir, link, unlink, rename, chmod and their like; a
	 * lookup may be part of any of them. */
	[PATIENCE_OTHER] = NEVER,
	/* F_SETLKW and flock wait for another program, for as long as that likes: a signal is how one stops waiting,
	 * once that is what they do. */
	[PATIENCE_LOCK] = AT_ONCE,
	/* open(2) of a name that is to be made or a file that is to be emptied: EINTR says that there is no
	 * descriptor. */
	[PATIENCE_OPEN] = WHEN_SILENT,
	/* EINTR says that nothing was read. */
	[PATIENCE_READ] = WHEN_SILENT,
	/* EINTR says that nothing was written: so it is while a write waits for room, or for its turn at the store. */
	[PATIENCE_WRITE] = WHEN_SILENT,
	/* truncate, ftruncate, fallocate: POSIX lists EINTR for each. */
	[PATIENCE_TRUNCATE] = WHEN_SILENT,
	/* statvfs: the same. */
	[PATIENCE_STATFS] = WHEN_SILENT,
	/* close and fsync. POSIX would allow EINTR, but no program that matters copes with it: after close nobody knows
	 * whether the descriptor is gone, and after a failed fsync a database takes its data for lost. The data stays
	 * and goes on to be stored, so they wait for that, or for the end of the outage. */
	[PATIENCE_STORE] = NEVER,
};

enum patience_verdict patience_of(enum patience_call call, const struct patience_case *c)
{
	if (c->interrupted && c->dying)
		return PATIENCE_LET_GO;
	if (table[call] == AT_ONCE)
		return c->interrupted ? PATIENCE_INTERRUPT : PATIENCE_WAIT; /* it waits for no store */
	if (c->silent_ns >= PATIENCE_OUTAGE_NS)
		return PATIENCE_GIVE_UP;
	if (c->interrupted && table[call] == WHEN_SILENT && c->silent_ns >= PATIENCE_SILENCE_NS)
		return PATIENCE_INTERRUPT;
	return PATIENCE_WAIT;
}
