/*
 * progress: how far a transfer is, in one line on a terminal that is written over: bytes, speed, time left. Nothing
 * is shown of what takes less than
 * a second, and the line is gone when the transfer ends. Pure: the time is passed in, what is to be shown goes to a
 * buffer. Used by one thread.
 *
 * The speed is that of the last PROGRESS_WINDOW_MS, so that a transfer that stands still is seen to stand still.
 */
#ifndef NEPHOS_CLI_PROGRESS_H
#define NEPHOS_CLI_PROGRESS_H

#include "common/base/buf.h"

#include <stdbool.h>
#include <stdint.h>

#define PROGRESS_QUIET_MS 1000	/* until it is shown: most transfers are over by then */
#define PROGRESS_EVERY_MS 200	/* between two lines: as fast as numbers can be read */
#define PROGRESS_WINDOW_MS 3000 /* that the speed is of, at least */
#define PROGRESS_NAME_COLUMNS 30

struct progress {
	const char *name;
	int64_t total; /* -1: not known */
	uint64_t done;
	int64_t began_ns, shown_ns;
	/* The beginning of the window, and that of the one before it. */
	int64_t mark_ns[2];
	uint64_t mark_done[2];
	bool visible; /* a line stands there */
};

/* name is borrowed. */
void progress_begin(struct progress *p, const char *name, int64_t total, int64_t now_ns);
/* Where it stands now, which may be behind where it stood. Appends a line to ret when it is time for one; true:
 * something was appended. */
bool progress_at(struct progress *p, uint64_t done, int64_t now_ns, struct buf *ret);
/* Appends what takes the line away, if there is one. */
void progress_end(struct progress *p, struct buf *ret);

#endif
