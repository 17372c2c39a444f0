#include "fusefs/log/flush_internal.h"

#include "common/base/clock.h"
#include "common/base/cond.h"

#include <errno.h>
#include <utlist.h>

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

/* The waits of those that did not come in time are taken back: they point to this stack. */
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
