#include "fusefs/log/flush_internal.h"

#include "common/base/clock.h"

#include <assert.h>
#include <utlist.h>

/*
 * Room for written data: the bounds of a file and of the mount, and the writes that wait until other data is stored.
 *
 * While a write waits, all dirty data is sent to the store, except the beginning of a write() that is still in
 * progress (flush_stays): a later part that waits here must not split the write(). The bound of a file leaves more
 * room free than such a beginning takes, but the beginnings in many files may fill the mount. So when nothing else is
 * in flight, one of them is sent all the same.
 */

bool flush_room(const struct flusher *fl, const struct file *f, size_t size)
{
	uint64_t stuck = fl->sums.stuck < FLUSH_STUCK_BYTES_MAX ? fl->sums.stuck : FLUSH_STUCK_BYTES_MAX;
	uint64_t all = fl->sums.bytes - stuck;

	/* A write that the store answers (flush_through) needs room in the mount, but not in the file. */
	if (f && !flush_in_line(f) &&
		(f->counted + size > FLUSH_FILE_BYTES_MAX ||
			f->dirty.count + f->flushing.count >= FLUSH_FILE_PIECES_MAX))
		return false;
	return all + size <= FLUSH_BYTES_MAX || all == 0;
}

bool flush_room_part_waits(const struct flusher *fl, const struct file *f)
{
	const struct room_wait *w;

	if (f->append.bytes == 0 || f->append.bytes > APPEND_BYTES_MAX)
		return false;
	DL_FOREACH(fl->room, w) {
		if (w->file == f && w->append && w->tid == f->append.tid)
			return true;
	}
	return false;
}

/* When nothing is in flight, begins a round for the file with the most dirty data, complete or not. A file that
 * failed is left to its own retry time. */
static void store_part(struct flusher *fl)
{
	struct file *f, *most = NULL;

	DL_FOREACH2(fl->due, f, due_next)
	{
		if (f->round)
			return;
		if (f->dirty.count > 0 && f->failures == 0 && (!most || f->dirty.bytes > most->dirty.bytes))
			most = f;
	}
	if (most)
		flush_round_begin(fl, most);
}

static void room_came(struct flusher *fl)
{
	struct room_wait *w = fl->room;

	while (w) {
		if (!flush_room(fl, w->file, w->size)) {
			w = w->next;
			continue;
		}
		DL_DELETE(fl->room, w);
		w->ready(w, 0);
		w = fl->room; /* the list may have changed */
	}
}

void flush_room_look(struct flusher *fl, bool less)
{
	if (less)
		room_came(fl);
	if (fl->room)
		store_part(fl);
}

void flush_room_wait(struct flusher *fl, struct room_wait *wait)
{
	const int64_t now = clock_mono_ns();
	struct file *f, *next;

	wait->deadline_ns = now + FLUSH_ROOM_WAIT_S * NS_PER_S;
	DL_APPEND(fl->room, wait);
	/* This includes files that failed before: either the new round makes room, or the waiting writes get its
	 * error. */
	DL_FOREACH_SAFE2(fl->due, f, next, due_next)
	{
		if (!f->round && f->dirty.count > 0 && flush_stays(fl, f, now) < f->dirty.bytes)
			flush_round_begin(fl, f);
	}
	store_part(fl);
}

void flush_room_cancel(struct flusher *fl, struct room_wait *wait)
{
	assert(fl->room);
	DL_DELETE(fl->room, wait);
}

/* True when a round in flight, or one that will begin, may make room. */
static bool room_may_come(const struct flusher *fl)
{
	const struct file *f;

	DL_FOREACH2(fl->due, f, due_next)
	{
		if (f->round || (f->dirty.count > 0 && f->failures == 0))
			return true;
	}
	return false;
}

void flush_room_failed(struct flusher *fl, struct file *f, int error)
{
	struct room_wait *w = fl->room;
	bool hopeless = !room_may_come(fl);

	while (w) {
		if (w->file != f && !hopeless) {
			w = w->next;
			continue;
		}
		DL_DELETE(fl->room, w);
		w->ready(w, error);
		w = fl->room; /* the list may have changed */
	}
}
