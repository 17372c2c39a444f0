#include "backend/docs/journal/feed.h"

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/timer.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <uthash.h>
#include <utlist.h>

/*
 * A waiter is in the list of its drive from feed_arm on, and from feed_wait on also in the list of all waiting
 * ones, which is walked at each deadline. All deadlines share one timer entry, set to the earliest of them. One
 * entry for each waiter was rejected: waits have different lengths (a poll's minute, a mount's own changes in a
 * fifth of a second), and the timer would walk past the long ones for each short one. Waiters to fire are
 * collected with the lock held, and fired without it.
 */

#define NEVER_NS INT64_MAX

struct feed_drive {
	uint32_t id;
	struct feed_waiter *waiters; /* armed or waiting */
	UT_hash_handle hh;
};

struct feed {
	struct timer_entry tick; /* must be the first member; set to next_ns, unless that is NEVER_NS */
	struct timer *timer;	 /* the timer's lock is taken while `lock` is held, never the other way round */
	struct metric *waiting;
	pthread_mutex_t lock; /* guards all below, and the waiters */
	struct feed_drive *drives;
	struct feed_waiter *all; /* those in state FEED_WAITING */
	size_t count;
	int64_t next_ns; /* the earliest deadline, or an earlier time; NEVER_NS: no deadline */
	bool closed;	 /* every deadline has passed */
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

/* Moves a waiter to a list of those to fire once the lock is released. */
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

		list = waiter->all_next; /* read it before the call: the waiter may be freed by then */
		waiter->fire(waiter, changed || waiter->own > 0);
	}
}

static int64_t due_ns(const struct feed_waiter *waiter)
{
	return waiter->own_ns && waiter->own_ns < waiter->deadline_ns ? waiter->own_ns : waiter->deadline_ns;
}

/* The caller holds f->lock. A closed timer does not tick any more; then the process ends, and the feed is
 * closed, too. */
static void notice(struct feed *f, int64_t due)
{
	if (due >= f->next_ns)
		return;
	f->next_ns = due;
	(void)timer_set(f->timer, &f->tick, due);
}

/* Collects the waiters whose time is over, and sets the tick to the earliest deadline of the rest. */
static struct feed_waiter *collect_expired(struct feed *f, int64_t now_ns)
{
	struct feed_waiter *waiter, *next, *list = NULL;
	int64_t earliest_ns = NEVER_NS;

	DL_FOREACH_SAFE2(f->all, waiter, next, all_next)
	{
		if (due_ns(waiter) <= now_ns)
			collect(f, waiter, &list);
		else if (due_ns(waiter) < earliest_ns)
			earliest_ns = due_ns(waiter);
	}
	f->next_ns = NEVER_NS;
	notice(f, earliest_ns);
	return list;
}

static void on_tick(struct timer_entry *entry)
{
	struct feed *f = (struct feed *)entry;
	struct feed_waiter *list;

	pthread_mutex_lock(&f->lock);
	list = collect_expired(f, clock_mono_ns());
	pthread_mutex_unlock(&f->lock);
	fire_all(list, false);
}

int feed_new(struct timer *timer, struct metric *waiting, struct feed **ret)
{
	struct feed *f = calloc(1, sizeof(*f));

	if (!f)
		return -ENOMEM;
	f->tick.fire = on_tick;
	f->timer = timer;
	f->waiting = waiting;
	f->next_ns = NEVER_NS;
	pthread_mutex_init(&f->lock, NULL);
	*ret = f;
	return 0;
}

void feed_free(struct feed *f)
{
	if (!f)
		return;
	assert(!f->drives && !f->all);
	assert(f->count == 0);
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
	bool changed, now;

	pthread_mutex_lock(&f->lock);
	assert(waiter->state == FEED_ARMED || waiter->state == FEED_CHANGED);
	changed = waiter->state == FEED_CHANGED;
	now = changed || f->closed;
	if (now) {
		unlink_waiter(f, waiter);
	} else {
		waiter->state = FEED_WAITING;
		waiter->deadline_ns = deadline_ns;
		DL_APPEND2(f->all, waiter, all_prev, all_next);
		metric_add(f->waiting, 1);
		notice(f, due_ns(waiter));
	}
	pthread_mutex_unlock(&f->lock);
	if (now)
		waiter->fire(waiter, changed || waiter->own > 0);
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
	struct feed_waiter *list = NULL;

	pthread_mutex_lock(&f->lock);
	f->closed = true;
	while (f->all)
		collect(f, f->all, &list);
	pthread_mutex_unlock(&f->lock);
	fire_all(list, false);
}

bool feed_closed(struct feed *f)
{
	bool closed;

	pthread_mutex_lock(&f->lock);
	closed = f->closed;
	pthread_mutex_unlock(&f->lock);
	return closed;
}

/* true: the change is one of the waiter's own session, and the waiter can wait for more of them. */
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

	/* unlink_waiter frees the drive with its last waiter, so the drive is not used after a waiter was
	 * collected. */
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
