/*
 * progress: shows how far a transfer is, in one line on a terminal that is overwritten: bytes, speed, time left.
 * Nothing is shown for a transfer of less than a second, and the line is removed when the transfer ends. Pure:
 * the time is passed in, and the output goes to a buffer. Used by one thread.
 *
 * The speed is that of the last PROGRESS_WINDOW_MS, so that a transfer that stalls is shown as stalled.
 */
#ifndef NEPHOS_CLI_PROGRESS_H
#define NEPHOS_CLI_PROGRESS_H

#include "common/base/buf.h"

#include <stdbool.h>
#include <stdint.h>

#define PROGRESS_QUIET_MS 1000	/* before the first line: most transfers are over by then */
#define PROGRESS_EVERY_MS 200	/* between two lines: faster ones could not be read */
#define PROGRESS_WINDOW_MS 3000 /* the least time over which the speed is measured */
#define PROGRESS_NAME_COLUMNS 30

struct progress {
	const char *name;
	int64_t total; /* -1: not known */
	uint64_t done;
	int64_t began_ns, shown_ns;
	/* The beginnings of this window and of the one before. */
	int64_t mark_ns[2];
	uint64_t mark_done[2];
	bool visible; /* a line is on the terminal */
};

/* name is borrowed. */
void progress_begin(struct progress *p, const char *name, int64_t total, int64_t now_ns);
/* Sets the bytes that are done, which may be fewer than before. Appends a line to ret if it is time for one;
 * true: a line was appended. */
bool progress_at(struct progress *p, uint64_t done, int64_t now_ns, struct buf *ret);
/* Appends the sequence that removes the line, if there is one. */
void progress_end(struct progress *p, struct buf *ret);

#endif
