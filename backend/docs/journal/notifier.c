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
 * Several instances of the docs service share one database. When one of them commits a change, polls that wait
 * at the others must wake, too. PostgreSQL carries these messages: one instance sends NOTIFY, the others LISTEN.
 *
 * The teller thread collects in `waiting` which drives have changed, one entry for each drive with its highest
 * position, and sends all of them with one NOTIFY. Then it rests for some milliseconds, because each NOTIFY is a
 * commit of its own and wakes every listener. Entries that could not be sent are sent again. The listener thread
 * waits on a second connection and passes notifications to the feeds of this process. Notifications that this
 * process has sent come back as well, and are dropped.
 *
 * A notification can be lost, with a connection or when too many drives wait. That costs only time: after each
 * new LISTEN all waiters look, and a poll looks by itself at its deadline.
 */

struct notifier {
	struct feed *feed, *locks;
	struct pg *tell_pg, *hear_pg;
	struct docs_store *store; /* uses tell_pg */
	pthread_t teller, listener;
	bool has_teller, has_listener;
	pthread_mutex_t lock; /* guards all below */
	pthread_cond_t wake;
	pthread_cond_t rest; /* for the teller's rest, which only the end of the process cuts short */
	struct docs_moved waiting[NOTIFIER_DRIVES_MAX];
	size_t count;
	bool stopping;
};

static bool is_stopping(struct notifier *n)
{
	bool stopping;

	pthread_mutex_lock(&n->lock);
	stopping = n->stopping;
	pthread_mutex_unlock(&n->lock);
	return stopping;
}

/* The caller holds n->lock. */
static void add(struct notifier *n, const struct docs_moved *moved)
{
	size_t i = 0;

	assert(n->count <= NOTIFIER_DRIVES_MAX);
	while (i < n->count && n->waiting[i].drive != moved->drive)
		i++;
	if (i == NOTIFIER_DRIVES_MAX)
		return;
	if (i == n->count)
		n->waiting[n->count++] = *moved;
	if (moved->seq > n->waiting[i].seq)
		n->waiting[i].seq = moved->seq;
	n->waiting[i].locks |= moved->locks;
}

static void tell(struct notifier *n, const struct docs_moved *moved)
{
	pthread_mutex_lock(&n->lock);
	add(n, moved);
	pthread_cond_signal(&n->wake);
	pthread_mutex_unlock(&n->lock);
}

void notifier_tell(struct notifier *n, uint32_t drive, int64_t seq)
{
	tell(n, &(struct docs_moved){.drive = drive, .seq = seq});
}

void notifier_tell_locks(struct notifier *n, uint32_t drive)
{
	tell(n, &(struct docs_moved){.drive = drive, .locks = true});
}

/* Puts back the entries that could not be sent: a notification is lost with its connection, and polls at other
 * instances would wait past the change. */
static void tell_again(struct notifier *n, const struct docs_moved *moved, size_t count)
{
	pthread_mutex_lock(&n->lock);
	for (size_t i = 0; i < count; i++)
		add(n, &moved[i]);
	pthread_mutex_unlock(&n->lock);
}

/* A NOTIFY is a transaction with a commit of its own, and wakes every listener: changes during the rest are sent
 * with the next one. */
static void rest(struct notifier *n, unsigned ms)
{
	const int64_t until_ns = clock_mono_ns() + ms * NS_PER_MS;

	pthread_mutex_lock(&n->lock);
	while (!n->stopping && cond_wait_until(&n->rest, &n->lock, until_ns))
		;
	pthread_mutex_unlock(&n->lock);
}

static void *teller_main(void *cookie)
{
	struct notifier *n = cookie;
	struct docs_moved moved[NOTIFIER_DRIVES_MAX];
	bool failing = false;

	pthread_mutex_lock(&n->lock);
	while (!n->stopping) {
		size_t count = n->count;
		int r;

		if (count == 0) {
			pthread_cond_wait(&n->wake, &n->lock);
			continue;
		}
		memcpy(moved, n->waiting, count * sizeof(moved[0]));
		n->count = 0;
		pthread_mutex_unlock(&n->lock);
		r = docs_pg_notify(n->store, moved, count);
		if (r < 0 && !failing)
			log_warning(NULL,
				"op=notify error=%d text=\"%s\" outcome=\"polls of other instances wait until it is told\"",
				r, pg_error(n->tell_pg));
		/* A first failure may only mean that the connection was lost while it was idle. */
		const unsigned ms = r < 0 && failing ? NOTIFIER_RETRY_MS : NOTIFIER_REST_MS;
		if (r < 0)
			tell_again(n, moved, count);
		failing = r < 0;
		rest(n, ms);
		pthread_mutex_lock(&n->lock);
	}
	pthread_mutex_unlock(&n->lock);
	return NULL;
}

static void on_moved(const struct docs_moved *moved, void *cookie)
{
	struct notifier *n = cookie;

	/* Notifications of this process come back, too; its own feeds were notified before. */
	if (moved->teller == pg_backend(n->tell_pg))
		return;
	if (moved->seq > 0)
		feed_changed(n->feed, moved->drive, 0);
	if (moved->locks)
		feed_changed(n->locks, moved->drive, 0);
}

static void pause_before_retry(struct notifier *n)
{
	pthread_mutex_lock(&n->lock);
	if (!n->stopping)
		cond_wait_until(&n->wake, &n->lock, clock_mono_ns() + NOTIFIER_RETRY_MS * NS_PER_MS);
	pthread_mutex_unlock(&n->lock);
}

/* Connects and listens anew. Notifications were lost meanwhile, so all waiters look. */
static int listen_again(struct notifier *n)
{
	int r = pg_connect(n->hear_pg);

	if (r == 0)
		r = docs_pg_listen(n->hear_pg);
	if (r == 0) {
		feed_changed_all(n->feed);
		feed_changed_all(n->locks);
	}
	return r;
}

static void *listener_main(void *cookie)
{
	struct notifier *n = cookie;
	bool listening = false;

	while (!is_stopping(n)) {
		if (!listening) {
			listening = listen_again(n) == 0;
			if (!listening)
				pause_before_retry(n);
		} else {
			listening = docs_pg_wait(n->hear_pg, NOTIFIER_WAIT_MS, on_moved, n) >= 0;
		}
	}
	return NULL;
}

static int start_threads(struct notifier *n)
{
	int r = -pthread_create(&n->teller, NULL, teller_main, n);

	n->has_teller = r == 0;
	if (r == 0)
		r = -pthread_create(&n->listener, NULL, listener_main, n);
	n->has_listener = r == 0;
	return r;
}

int notifier_start(const char *conninfo, struct feed *feed, struct feed *locks, struct notifier **ret)
{
	struct notifier *n = calloc(1, sizeof(*n));
	int r;

	if (!n)
		return -ENOMEM;
	n->feed = feed;
	n->locks = locks;
	pthread_mutex_init(&n->lock, NULL);
	cond_init(&n->wake);
	cond_init(&n->rest);
	r = pg_new(conninfo, &n->tell_pg);
	if (r == 0)
		r = pg_new(conninfo, &n->hear_pg);
	if (r == 0)
		r = docs_pg_new(n->tell_pg, NULL, &n->store);
	if (r == 0)
		r = start_threads(n);
	if (r < 0) {
		notifier_free(n);
		return r;
	}
	*ret = n;
	return 0;
}

void notifier_free(struct notifier *n)
{
	if (!n)
		return;
	pthread_mutex_lock(&n->lock);
	n->stopping = true;
	pthread_cond_broadcast(&n->wake);
	pthread_cond_broadcast(&n->rest);
	pthread_mutex_unlock(&n->lock);
	if (n->has_teller)
		pthread_join(n->teller, NULL);
	if (n->has_listener)
		pthread_join(n->listener, NULL);
	if (n->store)
		n->store->ops->free(n->store);
	pg_free(n->tell_pg);
	pg_free(n->hear_pg);
	pthread_cond_destroy(&n->wake);
	pthread_cond_destroy(&n->rest);
	pthread_mutex_destroy(&n->lock);
	free(n);
}
