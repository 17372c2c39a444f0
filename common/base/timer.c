#include "common/base/timer.h"

#include "common/base/clock.h"
#include "common/base/cond.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <utlist.h>

struct timer {
	pthread_t thread;
	pthread_cond_t sooner;	     /* signalled for a new first entry, and for closed */
	pthread_mutex_t lock;	     /* guards all fields below, and the entries */
	struct timer_entry *entries; /* ordered by time, the earliest first */
	bool closed;
};

/* The caller holds t->lock, here and in the functions below up to is_due. */
static void take_out(struct timer *t, struct timer_entry *entry)
{
	assert(entry->set);
	DL_DELETE(t->entries, entry);
	entry->set = false;
}

/* Searches from the end, because a new entry mostly has the latest time. Among entries of the same time, the one
 * that was set first stays first. */
static void put_in(struct timer *t, struct timer_entry *entry)
{
	struct timer_entry *before = t->entries ? t->entries->prev : NULL;

	while (before && before->due_ns > entry->due_ns)
		before = before == t->entries ? NULL : before->prev;
	DL_APPEND_ELEM(t->entries, before, entry);
	entry->set = true;
}

static bool is_due(const struct timer *t, const struct timer_entry *entry)
{
	return t->closed || entry->due_ns <= clock_mono_ns();
}

static void *timer_main(void *cookie)
{
	struct timer *t = cookie;

	pthread_mutex_lock(&t->lock);
	while (t->entries || !t->closed) {
		struct timer_entry *first = t->entries;

		if (first && is_due(t, first)) {
			take_out(t, first);
			pthread_mutex_unlock(&t->lock);
			first->fire(first); /* first may be freed afterwards */
			pthread_mutex_lock(&t->lock);
		} else {
			cond_wait_until(&t->sooner, &t->lock, first ? first->due_ns : COND_FOREVER);
		}
	}
	pthread_mutex_unlock(&t->lock);
	return NULL;
}

int timer_new(struct timer **ret)
{
	struct timer *t = calloc(1, sizeof(*t));
	int r;

	if (!t)
		return -ENOMEM;
	pthread_mutex_init(&t->lock, NULL);
	cond_init(&t->sooner);
	r = pthread_create(&t->thread, NULL, timer_main, t);
	if (r != 0) {
		pthread_cond_destroy(&t->sooner);
		pthread_mutex_destroy(&t->lock);
		free(t);
		return -r;
	}
	*ret = t;
	return 0;
}

void timer_free(struct timer *t)
{
	if (!t)
		return;
	timer_close(t);
	pthread_join(t->thread, NULL);
	assert(!t->entries);
	pthread_cond_destroy(&t->sooner);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

bool timer_set(struct timer *t, struct timer_entry *entry, int64_t due_ns)
{
	bool open;

	pthread_mutex_lock(&t->lock);
	open = !t->closed;
	if (open) {
		if (entry->set)
			take_out(t, entry);
		entry->due_ns = due_ns;
		put_in(t, entry);
		if (t->entries == entry)
			pthread_cond_signal(&t->sooner);
	}
	pthread_mutex_unlock(&t->lock);
	return open;
}

bool timer_cancel(struct timer *t, struct timer_entry *entry)
{
	bool was_set;

	/* If the entry was the first one, the thread wakes at its time for nothing. That is cheaper than waking it
	 * now. */
	pthread_mutex_lock(&t->lock);
	was_set = entry->set;
	if (was_set)
		take_out(t, entry);
	pthread_mutex_unlock(&t->lock);
	return was_set;
}

void timer_close(struct timer *t)
{
	pthread_mutex_lock(&t->lock);
	t->closed = true;
	pthread_cond_signal(&t->sooner);
	pthread_mutex_unlock(&t->lock);
}
