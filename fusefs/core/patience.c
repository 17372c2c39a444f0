#include "fusefs/core/patience.h"

/* When a signal ends a call whose caller is not dying. */
enum ends { NEVER, WHEN_SILENT, AT_ONCE };

static const enum ends table[PATIENCE_CALLS] = {
	/* POSIX lists no EINTR for stat, access, readlink, readdir, mkdir, link, unlink, rename, chmod and the like,
	 * and a lookup may be part of any of them. */
	[PATIENCE_OTHER] = NEVER,
	/* F_SETLKW and flock wait for another program, without a limit: a signal is the way to end that wait, once
	 * another program is known to hold the lock. */
	[PATIENCE_LOCK] = AT_ONCE,
	/* open(2) that creates or truncates a file: EINTR says that there is no descriptor. */
	[PATIENCE_OPEN] = WHEN_SILENT,
	/* EINTR says that nothing was read. */
	[PATIENCE_READ] = WHEN_SILENT,
	/* EINTR says that nothing was written: this is true while a write waits for room, or for its turn at the
	 * store. */
	[PATIENCE_WRITE] = WHEN_SILENT,
	/* truncate, ftruncate, fallocate: POSIX lists EINTR for each. */
	[PATIENCE_TRUNCATE] = WHEN_SILENT,
	/* statvfs: the same. */
	[PATIENCE_STATFS] = WHEN_SILENT,
	/* close and fsync. POSIX would allow EINTR, but no program that matters handles it: after close it is unknown
	 * whether the descriptor is closed, and after a failed fsync a database considers its data lost. The data
	 * stays and goes on to be stored, so these calls wait for that, or for the end of the outage. */
	[PATIENCE_STORE] = NEVER,
};

enum patience_verdict patience_of(enum patience_call call, const struct patience_case *c)
{
	if (c->interrupted && c->dying)
		return PATIENCE_LET_GO;
	if (table[call] == AT_ONCE)
		return c->interrupted ? PATIENCE_INTERRUPT : PATIENCE_WAIT; /* it does not wait for the store */
	if (c->silent_ns >= PATIENCE_OUTAGE_NS)
		return PATIENCE_GIVE_UP;
	if (c->interrupted && table[call] == WHEN_SILENT && c->silent_ns >= PATIENCE_SILENCE_NS)
		return PATIENCE_INTERRUPT;
	return PATIENCE_WAIT;
}
