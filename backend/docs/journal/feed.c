#include "backend/docs/journal/feed.h"

#include "common/base/clock.h"
#include "common/base/cond.h"
#include "common/base/error.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <uthash.h>
#include <utlist.h>

struct feed_drive {
	uint32_t id;
	struct feed_waiter *waiters; /* armed or waiting */
	UT_hash_handle hh;
};

struct feed {
	struct metric *waiting;
	pthread_t timer;
	pthread_cond_t sooner; /* next_ns was moved forward, or stopping */
	pthread_mutex_t lock;  /* guards all below, and the waiters */
	struct feed_drive *drives;
	struct feed_waiter *all; /* those in state FEED_WAITING */
	size_t count;
	int64_t next_ns; /* the earliest deadline; COND_FOREVER: none */
	bool closed;	 /* every deadline has passed */
	bool stopping;
};

static void unlink_waiter(struct feed *f, struct feed_waiter *waiter)
{
	struct feed_drive *drive;

	HASH_FIND(hh, f->drives, &waiter->drive, sizeof(waiter->drive), drive);
	assert(drive);
	DL_DELETE(drive->waiters, waiter);
	if (!drive->waiters) {
		HASH_DEL(f->drives, drive);
		free(drive);
	}
	if (waiter->state == FEED_WAITING) {
		DL_DELETE2(f->all, waiter, all_prev, all_next);
		metric_add(f->waiting, -1);
	}
	waiter->state = FEED_IDLE;
	assert(f->count > 0);
	f->count--;
}

/* Takes a waiting one out, onto a list of those to fire once the lock is released. */
static void collect(struct feed *f, struct feed_waiter *waiter, struct feed_waiter **list)
{
	assert(waiter->state == FEED_WAITING);
	unlink_waiter(f, waiter);
	waiter->all_next = *list;
	*list = waiter;
}

static void fire_all(struct feed_waiter *list, bool changed)
{
	while (list) {
		struct feed_waiter *waiter = list;

		list = waiter->all_next; /* before it fires: it may be gone afterwards */
		waiter->fire(waiter, changed || waiter->own > 0);
	}
}

static int64_t due_ns(const struct feed_waiter *waiter)
{
	return waiter->own_ns && waiter->own_ns < waiter->deadline_ns ? waiter->own_ns : waiter->deadline_ns;
}

static void notice(struct feed *f, int64_t due)
{
	if (!f->closed && due >= f->next_ns)
		return;
	f->next_ns = due;
	pthread_cond_signal(&f->sooner);
}

/* Those whose time is over, and the earliest deadline of the rest. */
static struct feed_waiter *collect_expired(struct feed *f, int64_t now_ns)
{
	struct feed_waiter *waiter, *next, *list = NULL;

	f->next_ns = COND_FOREVER;
	DL_FOREACH_SAFE2(f->all, waiter, next, all_next)
	{
		if (f->closed || due_ns(waiter) <= now_ns)
			collect(f, waiter, &list);
		else if (due_ns(waiter) < f->next_ns)
			f->next_ns = due_ns(waiter);
	}
	return list;
}

static void *timer_main(void *cookie)
{
	struct feed *f = cookie;

	pthread_mutex_lock(&f->lock);
	while (!f->stopping) {
		struct feed_waiter *list = collect_expired(f, clock_mono_ns());

		if (list) {
			pthread_mutex_unlock(&f->lock);
			fire_all(list, false);
			pthread_mutex_lock(&f->lock);
		} else {
			cond_wait_until(&f->sooner, &f->lock, f->next_ns);
		}
	}
	pthread_mutex_unlock(&f->lock);
	return NULL;
}

int feed_new(struct metric *waiting, struct feed **ret)
{
	struct feed *f = calloc(1, sizeof(*f));
	int r;

	if (!f)
		return -ENOMEM;
	f->waiting = waiting;
	f->next_ns = COND_FOREVER;
	pthread_mutex_init(&f->lock, NULL);
	cond_init(&f->sooner);
	r = pthread_create(&f->timer, NULL, timer_main, f);
	if (r != 0) {
		pthread_cond_destroy(&f->sooner);
		pthread_mutex_destroy(&f->lock);
		free(f);
		return -r;
	}
	*ret = f;
	return 0;
}

void feed_free(struct feed *f)
{
	if (!f)
		return;
	pthread_mutex_lock(&f->lock);
	f->stopping = true;
	pthread_cond_signal(&f->sooner);
	pthread_mutex_unlock(&f->lock);
	pthread_join(f->timer, NULL);
	assert(!f->drives && !f->all);
	assert(f->count == 0);
	pthread_cond_destroy(&f->sooner);
	pthread_mutex_destroy(&f->lock);
	free(f);
}

static int add_waiter(struct feed *f, struct feed_waiter *waiter, uint32_t id)
{
	struct feed_drive *drive;

	if (f->count >= FEED_WAITERS_MAX)
		return -ERR_TOO_MANY;
	HASH_FIND(hh, f->drives, &id, sizeof(id), drive);
	if (!drive) {
		drive = calloc(1, sizeof(*drive));
		if (!drive)
			return -ENOMEM;
		drive->id = id;
		HASH_ADD(hh, f->drives, id, sizeof(drive->id), drive);
	}
	waiter->drive = id;
	waiter->state = FEED_ARMED;
	waiter->own_ns = 0;
	waiter->own = 0;
	DL_APPEND(drive->waiters, waiter);
	f->count++;
	return 0;
}

int feed_arm(struct feed *f, struct feed_waiter *waiter, uint32_t drive)
{
	int r;

	pthread_mutex_lock(&f->lock);
	if (waiter->state != FEED_IDLE)
		unlink_waiter(f, waiter);
	r = add_waiter(f, waiter, drive);
	pthread_mutex_unlock(&f->lock);
	return r;
}

void feed_wait(struct feed *f, struct feed_waiter *waiter, int64_t deadline_ns)
{
	bool changed;

	pthread_mutex_lock(&f->lock);
	assert(waiter->state == FEED_ARMED || waiter->state == FEED_CHANGED);
	changed = waiter->state == FEED_CHANGED;
	if (changed) {
		unlink_waiter(f, waiter);
	} else {
		waiter->state = FEED_WAITING;
		waiter->deadline_ns = deadline_ns;
		DL_APPEND2(f->all, waiter, all_prev, all_next);
		metric_add(f->waiting, 1);
		notice(f, due_ns(waiter));
	}
	pthread_mutex_unlock(&f->lock);
	if (changed)
		waiter->fire(waiter, true);
}

void feed_drop(struct feed *f, struct feed_waiter *waiter)
{
	pthread_mutex_lock(&f->lock);
	if (waiter->state != FEED_IDLE)
		unlink_waiter(f, waiter);
	pthread_mutex_unlock(&f->lock);
}

bool feed_cancel(struct feed *f, struct feed_waiter *waiter)
{
	bool waits;

	pthread_mutex_lock(&f->lock);
	waits = waiter->state == FEED_WAITING;
	if (waits)
		unlink_waiter(f, waiter);
	pthread_mutex_unlock(&f->lock);
	return waits;
}

void feed_close(struct feed *f)
{
	pthread_mutex_lock(&f->lock);
	f->closed = true;
	pthread_cond_signal(&f->sooner);
	pthread_mutex_unlock(&f->lock);
}

bool feed_closed(struct feed *f)
{
	bool closed;

	pthread_mutex_lock(&f->lock);
	closed = f->closed;
	pthread_mutex_unlock(&f->lock);
	return closed;
}

/* Its own change: true, it can wait for more of them. */
static bool can_wait(struct feed *f, struct feed_waiter *waiter, int64_t session)
{
	if (session == 0 || waiter->session != session || ++waiter->own >= FEED_OWN_MAX)
		return false;
	if (!waiter->own_ns) {
		waiter->own_ns = clock_mono_ns() + FEED_OWN_MS * NS_PER_MS;
		if (waiter->state == FEED_WAITING)
			notice(f, due_ns(waiter));
	}
	return true;
}

static void wake_drive(struct feed *f, struct feed_drive *drive, int64_t session, struct feed_waiter **list)
{
	struct feed_waiter *waiter = drive->waiters, *next;

	/* The drive goes with its last waiter, so it is not looked at after one was taken. */
	for (; waiter; waiter = next) {
		next = waiter->next;
		assert(waiter->state != FEED_IDLE);
		if (can_wait(f, waiter, session))
			continue;
		if (waiter->state == FEED_WAITING)
			collect(f, waiter, list);
		else
			waiter->state = FEED_CHANGED;
	}
}

void feed_changed(struct feed *f, uint32_t drive, int64_t session)
{
	struct feed_waiter *list = NULL;
	struct feed_drive *found;

	pthread_mutex_lock(&f->lock);
	HASH_FIND(hh, f->drives, &drive, sizeof(drive), found);
	if (found)
		wake_drive(f, found, session, &list);
	pthread_mutex_unlock(&f->lock);
	fire_all(list, true);
}

void feed_changed_all(struct feed *f)
{
	struct feed_drive *drive, *next;
	struct feed_waiter *list = NULL;

	pthread_mutex_lock(&f->lock);
	HASH_ITER(hh, f->drives, drive, next)
		wake_drive(f, drive, 0, &list);
	pthread_mutex_unlock(&f->lock);
	fire_all(list, true);
}
