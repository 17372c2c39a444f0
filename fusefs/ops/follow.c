#include "fusefs/ops/follow.h"

#include "common/base/clock.h"
#include "common/base/cond.h"
#include "common/base/error.h"
#include "common/base/log.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

/* The follower's thread starts polls and waits for them. The callback of a poll passes its changes on, because they
 * are valid only during the callback. */

struct follow {
	struct follow_options options;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	pthread_t thread;
	/* The lock guards all below, except where noted. */
	struct store_position since;
	store_ticket ticket;
	bool under_way, stop, held_changed, wanted;
	bool is_long;  /* the poll in flight is long */
	bool only_own; /* the last poll brought changes, and all of them were this mount's own */
	bool in_touch; /* a poll was answered, and none failed since: the next one may wait for news */
	int error;     /* of the last poll */
	/* everything must be dropped, but the answer did not say where the drive stands now */
	bool reset_blind;
	int64_t silent_since_ns; /* when the first poll was sent that failed after a success; 0: none has failed */
	bool lost;
	unsigned failures;
	int64_t poll_started_ns;       /* clock_mono_ns, for waits */
	int64_t sent_ns;	       /* clock_boot_ns, for trust */
	int64_t proven_ns;	       /* sent_ns of the last poll that was answered */
	int64_t held[FOLLOW_HELD_MAX]; /* only the thread writes to it, and not while a poll is in flight */
};

static void call_is_over(struct follow *f, int error)
{
	assert(f->under_way);
	f->under_way = false;
	f->in_touch = error == 0 || (error == -EINTR && f->in_touch);
	f->error = error;
	pthread_cond_signal(&f->wake);
}

static void on_poll(void *cookie, int error, const struct store_changes *changes)
{
	struct follow *f = cookie;
	bool blind = error == 0 && changes->reset && changes->last.seq == 0;
	bool only_own = error == 0 && changes->count > 0;

	for (size_t i = 0; only_own && i < changes->count; i++)
		only_own = changes->list[i].own;
	/* Pass the changes on before the next poll tells the store that the mount has them. */
	if (error == 0 && !blind)
		f->options.on_changes(f->options.cookie, changes, f->sent_ns);
	pthread_mutex_lock(&f->lock);
	if (error == 0 && !blind) {
		assert(changes->reset || changes->last.seq >= f->since.seq);
		f->since = changes->last;
		f->proven_ns = f->sent_ns;
	}
	f->reset_blind = blind;
	f->only_own = only_own;
	call_is_over(f, error);
	pthread_mutex_unlock(&f->lock);
}

/* First ask for the position of the drive, then drop everything: data that is read in between is at least as new as
 * that position. */
static void on_drive(void *cookie, int error, const struct store_drive *drive)
{
	struct follow *f = cookie;
	struct store_changes changes = {.reset = true};

	if (error == 0) {
		changes.last = drive->at;
		f->options.on_changes(f->options.cookie, &changes, f->sent_ns);
	}
	pthread_mutex_lock(&f->lock);
	if (error == 0) {
		f->since = drive->at;
		f->reset_blind = false;
	}
	call_is_over(f, error);
	pthread_mutex_unlock(&f->lock);
}

#define PROVEN_NS (2 * FOLLOW_USED_WAIT_S * NS_PER_S) /* since the last proof: short polls follow on each other */

/* How long the next poll may wait for news, in seconds. A mount in use needs an answer soon; after a long poll or a
 * failure it needs one at once. */
static unsigned wait_for_news(const struct follow *f, bool in_use)
{
	if (!f->in_touch || (in_use && f->sent_ns - f->proven_ns > PROVEN_NS))
		return 0;
	return in_use && f->options.wait_s > FOLLOW_USED_WAIT_S ? FOLLOW_USED_WAIT_S : f->options.wait_s;
}

/* The caller holds f->lock, which is released and taken again in between. */
static void start(struct follow *f)
{
	struct store *store = f->options.store;
	struct store_position since = f->since;
	bool in_use;
	unsigned wait_s;
	bool blind = f->reset_blind;
	store_ticket ticket;
	size_t held = 0;

	assert(!f->under_way); /* the thread waits for each call before it starts the next */
	f->under_way = true;
	f->held_changed = false;
	f->wanted = false;
	f->ticket = 0;
	pthread_mutex_unlock(&f->lock);
	in_use = f->options.in_use && f->options.in_use(f->options.cookie);
	pthread_mutex_lock(&f->lock);
	f->poll_started_ns = clock_mono_ns();
	f->sent_ns = clock_boot_ns();
	wait_s = wait_for_news(f, in_use || f->wanted);
	f->is_long = wait_s > FOLLOW_USED_WAIT_S;
	pthread_mutex_unlock(&f->lock);
	if (blind) {
		ticket = store->ops->drive(store, on_drive, f);
	} else {
		if (f->options.held)
			held = f->options.held(f->options.cookie, f->held, FOLLOW_HELD_MAX);
		assert(held <= FOLLOW_HELD_MAX);
		ticket = store->ops->poll(store, since, wait_s, f->held, held, on_poll, f);
	}
	pthread_mutex_lock(&f->lock);
	f->ticket = ticket;
}

/* Waits until the call is over. A request that needs news ends a long poll at once. A new document to name ends any
 * poll, but no earlier than FOLLOW_HELD_MS after its start. */
static void wait_for_answer(struct follow *f)
{
	bool cancelled = false;

	while (f->under_way) {
		int64_t due = f->poll_started_ns + FOLLOW_HELD_MS * NS_PER_MS;
		bool early = f->held_changed && !cancelled;
		bool now = f->stop || (f->wanted && f->is_long) || (early && clock_mono_ns() >= due);

		if (!cancelled && now) {
			cancelled = true;
			f->options.store->ops->cancel(f->options.store, f->ticket);
		} else {
			cond_wait_until(&f->wake, &f->lock, early ? due : COND_FOREVER);
		}
	}
	/* A poll that the follower itself ended is no failure. */
	if (cancelled && f->error == -EINTR)
		f->error = 0;
}

static void rest(struct follow *f, int64_t due)
{
	while (!f->stop && clock_mono_ns() < due)
		cond_wait_until(&f->wake, &f->lock, due);
}

static void after_failure(struct follow *f)
{
	int64_t now = clock_mono_ns(), pause = FOLLOW_PAUSE_MIN_MS, due;

	if (f->silent_since_ns == 0) {
		f->silent_since_ns = f->poll_started_ns;
		if (f->error == -ERR_DRIVE_TRASHED)
			log_warning(NULL,
				"the drive was put into the trash: calls on the mount fail (No medium found) until it is restored");
		else
			log_info(NULL, "poll: %s", error_lookup(f->error)->title);
	}
	for (unsigned i = 0; i < f->failures && pause < FOLLOW_PAUSE_MAX_MS; i++)
		pause *= 2;
	f->failures++;
	due = now + (pause < FOLLOW_PAUSE_MAX_MS ? pause : FOLLOW_PAUSE_MAX_MS) * NS_PER_MS;
	if (!f->lost && now - f->silent_since_ns >= FOLLOW_LOST_MS * NS_PER_MS) {
		f->lost = true;
		log_warning(NULL, "no news of the drive for %d ms: everything is asked for", FOLLOW_LOST_MS);
	}
	rest(f, due);
}

static void after_success(struct follow *f)
{
	assert(f->failures > 0 || !f->lost); /* only a failure sets lost */
	if (f->lost)
		log_info(NULL, "following the drive again");
	f->silent_since_ns = 0;
	f->failures = 0;
	f->lost = false;
	if (f->only_own)
		rest(f, clock_mono_ns() + FOLLOW_OWN_MS * NS_PER_MS);
}

static void *follow_main(void *cookie)
{
	struct follow *f = cookie;

	pthread_mutex_lock(&f->lock);
	while (!f->stop) {
		start(f);
		wait_for_answer(f);
		if (f->error < 0)
			after_failure(f);
		else
			after_success(f);
	}
	pthread_mutex_unlock(&f->lock);
	return NULL;
}

int follow_new(const struct follow_options *options, struct follow **ret)
{
	struct follow *f = calloc(1, sizeof(*f));
	int r;

	if (!f)
		return -ENOMEM;
	f->options = *options;
	if (f->options.wait_s == 0)
		f->options.wait_s = FOLLOW_WAIT_S;
	f->since = options->since;
	pthread_mutex_init(&f->lock, NULL);
	cond_init(&f->wake);
	r = pthread_create(&f->thread, NULL, follow_main, f);
	if (r != 0) {
		pthread_cond_destroy(&f->wake);
		pthread_mutex_destroy(&f->lock);
		free(f);
		return -r;
	}
	*ret = f;
	return 0;
}

void follow_held_changed(struct follow *f)
{
	pthread_mutex_lock(&f->lock);
	f->held_changed = true;
	pthread_cond_signal(&f->wake);
	pthread_mutex_unlock(&f->lock);
}

void follow_wake(struct follow *f)
{
	pthread_mutex_lock(&f->lock);
	if (!f->wanted) {
		f->wanted = true;
		pthread_cond_signal(&f->wake);
	}
	pthread_mutex_unlock(&f->lock);
}

int64_t follow_silent_ms(struct follow *f)
{
	int64_t ms = 0;

	pthread_mutex_lock(&f->lock);
	if (f->silent_since_ns != 0)
		ms = (clock_mono_ns() - f->silent_since_ns) / NS_PER_MS;
	pthread_mutex_unlock(&f->lock);
	return ms;
}

void follow_free(struct follow *f)
{
	if (!f)
		return;
	pthread_mutex_lock(&f->lock);
	f->stop = true;
	pthread_cond_signal(&f->wake);
	pthread_mutex_unlock(&f->lock);
	pthread_join(f->thread, NULL);
	assert(!f->under_way);
	pthread_cond_destroy(&f->wake);
	pthread_mutex_destroy(&f->lock);
	free(f);
}
