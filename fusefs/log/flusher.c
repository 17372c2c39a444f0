#include "fusefs/log/flush_internal.h"

#include "common/base/clock.h"
#include "common/base/cond.h"

#include <errno.h>
#include <utlist.h>

/*
 * The functions that concern all files of a mount: the thread that watches them, and storing everything at the end of
 * the mount or for syncfs.
 *
 * A file is in the flusher's list while it has any work to do. The thread begins rounds that are due: FLUSH_AFTER_MS
 * after the first byte became dirty, or after a pause when a round failed. While files become dirty now and then, the
 * thread looks by itself once a second, so that a program that writes need not wake it. When nothing was dirty for
 * FLUSH_ATTENTIVE_NS, the thread sleeps until it is woken. It also ends the wait of writes that found no room for too
 * long.
 */

/* -- the thread -- */

/* Begins the rounds that are due. Returns when the next one is due. */
static int64_t look_through(struct flusher *fl, int64_t now)
{
	int64_t next_ns = now + NS_PER_S;
	struct room_wait *w, *next_wait;
	struct file *f, *next;

	DL_FOREACH_SAFE2(fl->due, f, next, due_next)
	{
		if (f->round)
			continue;
		const int64_t due = flush_due_ns(fl, f, now);

		if (due <= now)
			flush_step(fl, f);
		else if (due < next_ns)
			next_ns = due;
	}
	DL_FOREACH_SAFE(fl->room, w, next_wait) {
		if (w->deadline_ns > now)
			continue;
		DL_DELETE(fl->room, w);
		w->ready(w, -EIO);
	}
	return next_ns;
}

static void *flusher_main(void *cookie)
{
	struct flusher *fl = cookie;
	int64_t busy_ns = 0;

	core_lock(fl->core);
	while (!fl->stop) {
		const int64_t now = clock_mono_ns();
		const int64_t look_ns = look_through(fl, now);

		/* Run what look_through left for later. */
		if (core_run_later(fl->core))
			continue;
		if (fl->due || fl->room)
			busy_ns = now;
		fl->looks_ns = now - busy_ns < FLUSH_ATTENTIVE_NS ? look_ns : INT64_MAX;
		core_wait(fl->core, &fl->wake, fl->looks_ns);
	}
	core_unlock(fl->core);
	return NULL;
}

int flusher_start(struct flusher *fl, struct core *core, struct oplog *oplog, struct blocks *blocks)
{
	int r;

	fl->core = core;
	fl->oplog = oplog;
	fl->blocks = blocks;
	fl->after_ms = FLUSH_AFTER_MS;
	cond_init(&fl->wake);
	r = worker_new(FLUSH_HASHERS, &fl->hashers);
	if (r == 0)
		r = -pthread_create(&fl->thread, NULL, flusher_main, fl);
	if (r < 0) {
		worker_free(fl->hashers);
		pthread_cond_destroy(&fl->wake);
		return r;
	}
	fl->running = true;
	return 0;
}

void flusher_stop(struct flusher *fl)
{
	struct file *f, *next;

	if (!fl->running)
		return;
	core_lock(fl->core);
	fl->stop = true;
	pthread_cond_signal(&fl->wake);
	core_unlock(fl->core);
	pthread_join(fl->thread, NULL);
	worker_free(fl->hashers);
	DL_FOREACH_SAFE2(fl->due, f, next, due_next)
	{
		if (f->dirty.count > 0)
			flush_discard(fl, f);
	}
	pthread_cond_destroy(&fl->wake);
}

/* -- everything at once -- */

struct store_all {
	size_t waiting;
	int error;
	pthread_cond_t over;
};

static void on_stored(void *cookie, int error)
{
	struct store_all *all = cookie;

	all->waiting--;
	if (error < 0)
		all->error = error;
	pthread_cond_signal(&all->over);
}

static void take_back_of(struct file *f, struct flush_wait *list, const struct store_all *all)
{
	struct flush_wait *w, *next;

	DL_FOREACH_SAFE(list, w, next) {
		if (w->cookie == all)
			flush_wait_cancel(f->inode, w);
	}
}

/* Cancels the waits that did not end in time, because they point to the caller's stack. */
static void take_back(struct flusher *fl, struct store_all *all)
{
	struct file *f;

	DL_FOREACH2(fl->due, f, due_next)
	{
		take_back_of(f, f->waits, all);
		take_back_of(f, f->flushing_waits, all);
	}
}

int flusher_until_stored(struct flusher *fl, size_t *waiting, void (*done)(void *cookie, int error), void *cookie)
{
	struct file *f, *next;
	int error = 0;

	DL_FOREACH_SAFE2(fl->due, f, next, due_next)
	{
		int r;

		(*waiting)++;
		r = flush_until_stored(fl, f->inode, done, cookie, NULL);
		if (r == 0)
			continue;
		(*waiting)--;
		error = r < 0 ? r : error;
	}
	return error;
}

int flusher_store_all(struct flusher *fl, unsigned deadline_ms)
{
	const int64_t until_ns = clock_mono_ns() + deadline_ms * NS_PER_MS;
	struct store_all all = {0};
	int r;

	cond_init(&all.over);
	core_lock(fl->core);
	r = flusher_until_stored(fl, &all.waiting, on_stored, &all);
	if (r < 0)
		all.error = r;
	while (all.waiting > 0 && clock_mono_ns() < until_ns)
		core_wait(fl->core, &all.over, until_ns);
	take_back(fl, &all);
	r = all.waiting > 0 ? -ETIMEDOUT : all.error;
	core_unlock(fl->core);
	pthread_cond_destroy(&all.over);
	return r;
}
