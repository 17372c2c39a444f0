#include "backend/docs/journal/notifier.h"

#include "backend/docs/rows/pg/docs_pg.h"
#include "backend/docs/journal/feed.h"
#include "common/base/clock.h"
#include "common/base/cond.h"
#include "common/base/log.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

/*
 * Several instances of the docs service share one database. When one of them commits a change, polls that wait at the
 * others must wake, too. PostgreSQL carries the word: NOTIFY at the one, LISTEN at the others.
 *
 * The teller thread collects which drives have changed in `waiting`, one entry a drive with its highest position, and
 * tells all of them with one NOTIFY; then it rests for some milliseconds, since each NOTIFY is a commit of its own and
 * wakes every listener. What could not be told is told again. The listener thread waits on a second connection and
 * passes what it hears to the feeds of this process. What this process has told comes back as well, and is dropped.
 *
 * A word can be lost, with a connection or when too many drives wait. Nothing depends on it but speed: whoever listens
 * anew has everybody look, and a poll looks by itself at its deadline.
 */

struct notifier {
	struct feed *feed, *locks;
	struct pg *tell_pg, *hear_pg;
	struct docs_store *store; /* over tell_pg */
	pthread_t teller, listener;
	bool has_teller, has_listener;
	pthread_mutex_t lock; /* guards all below */
	pthread_cond_t wake;
	pthread_cond_t rest; /* of the teller: only the end cuts it short */
	struct docs_moved waiting[NOTIFIER_DRIVES_MAX];
	size_t count;
	bool stopping;
};

static bool is_stopping(struct notifier *h)
{
	bool stopping;

	pthread_mutex_lock(&h->lock);
	stopping = h->stopping;
	pthread_mutex_unlock(&h->lock);
	return stopping;
}

/* With the lock held. */
static void add(struct notifier *h, const struct docs_moved *moved)
{
	size_t i = 0;

	assert(h->count <= NOTIFIER_DRIVES_MAX);
	while (i < h->count && h->waiting[i].drive != moved->drive)
		i++;
	if (i == NOTIFIER_DRIVES_MAX)
		return;
	if (i == h->count)
		h->waiting[h->count++] = *moved;
	if (moved->seq > h->waiting[i].seq)
		h->waiting[i].seq = moved->seq;
	h->waiting[i].locks |= moved->locks;
}

static void tell(struct notifier *h, const struct docs_moved *moved)
{
	pthread_mutex_lock(&h->lock);
	add(h, moved);
	pthread_cond_signal(&h->wake);
	pthread_mutex_unlock(&h->lock);
}

void notifier_tell(struct notifier *h, uint32_t drive, int64_t seq)
{
	tell(h, &(struct docs_moved){.drive = drive, .seq = seq});
}

void notifier_tell_locks(struct notifier *h, uint32_t drive)
{
	tell(h, &(struct docs_moved){.drive = drive, .locks = true});
}

/* What could not be told is told again: with the connection a word is lost, and polls elsewhere would sleep over the
 * change. */
static void tell_again(struct notifier *h, const struct docs_moved *moved, size_t count)
{
	pthread_mutex_lock(&h->lock);
	for (size_t i = 0; i < count; i++)
		add(h, &moved[i]);
	pthread_mutex_unlock(&h->lock);
}

/* A NOTIFY is a transaction with a commit of its own, and wakes every listener: what moves meanwhile goes with the next
 * one. */
static void rest(struct notifier *h, unsigned ms)
{
	const int64_t until_ns = clock_mono_ns() + ms * NS_PER_MS;

	pthread_mutex_lock(&h->lock);
	while (!h->stopping && cond_wait_until(&h->rest, &h->lock, until_ns))
		;
	pthread_mutex_unlock(&h->lock);
}

static void *teller_main(void *cookie)
{
	struct notifier *h = cookie;
	struct docs_moved moved[NOTIFIER_DRIVES_MAX];
	bool failing = false;

	pthread_mutex_lock(&h->lock);
	while (!h->stopping) {
		size_t count = h->count;
		int r;

		if (count == 0) {
			pthread_cond_wait(&h->wake, &h->lock);
			continue;
		}
		memcpy(moved, h->waiting, count * sizeof(moved[0]));
		h->count = 0;
		pthread_mutex_unlock(&h->lock);
		r = docs_pg_notify(h->store, moved, count);
		if (r < 0 && !failing)
			log_warning(NULL,
				"op=notify error=%d text=\"%s\" outcome=\"polls of other instances wait until it is told\"",
				r, pg_error(h->tell_pg));
		/* The first failure may be no more than a connection that was lost while nobody used it. */
		const unsigned ms = r < 0 && failing ? NOTIFIER_RETRY_MS : NOTIFIER_REST_MS;
		if (r < 0)
			tell_again(h, moved, count);
		failing = r < 0;
		rest(h, ms);
		pthread_mutex_lock(&h->lock);
	}
	pthread_mutex_unlock(&h->lock);
	return NULL;
}

static void on_moved(const struct docs_moved *moved, void *cookie)
{
	struct notifier *h = cookie;

	/* What this process has said comes back, too; its own feed knew before. */
	if (moved->teller == pg_backend(h->tell_pg))
		return;
	if (moved->seq > 0)
		feed_changed(h->feed, moved->drive, 0);
	if (moved->locks)
		feed_changed(h->locks, moved->drive, 0);
}

static void pause_before_retry(struct notifier *h)
{
	pthread_mutex_lock(&h->lock);
	if (!h->stopping)
		cond_wait_until(&h->wake, &h->lock, clock_mono_ns() + NOTIFIER_RETRY_MS * NS_PER_MS);
	pthread_mutex_unlock(&h->lock);
}

/* Listening from scratch: what was said meanwhile is lost, so everybody looks. */
static int listen_again(struct notifier *h)
{
	int r = pg_connect(h->hear_pg);

	if (r == 0)
		r = docs_pg_listen(h->hear_pg);
	if (r == 0) {
		feed_changed_all(h->feed);
		feed_changed_all(h->locks);
	}
	return r;
}

static void *listener_main(void *cookie)
{
	struct notifier *h = cookie;
	bool listening = false;

	while (!is_stopping(h)) {
		if (!listening) {
			listening = listen_again(h) == 0;
			if (!listening)
				pause_before_retry(h);
		} else {
			listening = docs_pg_wait(h->hear_pg, NOTIFIER_WAIT_MS, on_moved, h) >= 0;
		}
	}
	return NULL;
}

static int start_threads(struct notifier *h)
{
	int r = -pthread_create(&h->teller, NULL, teller_main, h);

	h->has_teller = r == 0;
	if (r == 0)
		r = -pthread_create(&h->listener, NULL, listener_main, h);
	h->has_listener = r == 0;
	return r;
}

int notifier_start(const char *conninfo, struct feed *feed, struct feed *locks, struct notifier **ret)
{
	struct notifier *h = calloc(1, sizeof(*h));
	int r;

	if (!h)
		return -ENOMEM;
	h->feed = feed;
	h->locks = locks;
	pthread_mutex_init(&h->lock, NULL);
	cond_init(&h->wake);
	cond_init(&h->rest);
	r = pg_new(conninfo, &h->tell_pg);
	if (r == 0)
		r = pg_new(conninfo, &h->hear_pg);
	if (r == 0)
		r = docs_pg_new(h->tell_pg, NULL, &h->store);
	if (r == 0)
		r = start_threads(h);
	if (r < 0) {
		notifier_free(h);
		return r;
	}
	*ret = h;
	return 0;
}

void notifier_free(struct notifier *h)
{
	if (!h)
		return;
	pthread_mutex_lock(&h->lock);
	h->stopping = true;
	pthread_cond_broadcast(&h->wake);
	pthread_cond_broadcast(&h->rest);
	pthread_mutex_unlock(&h->lock);
	if (h->has_teller)
		pthread_join(h->teller, NULL);
	if (h->has_listener)
		pthread_join(h->listener, NULL);
	if (h->store)
		h->store->ops->free(h->store);
	pg_free(h->tell_pg);
	pg_free(h->hear_pg);
	pthread_cond_destroy(&h->wake);
	pthread_cond_destroy(&h->rest);
	pthread_mutex_destroy(&h->lock);
	free(h);
}
