#include "fusefs/log/oplog.h"

#include "common/base/clock.h"
#include "common/base/cond.h"
#include "common/base/error.h"
#include "fusefs/log/op_copy.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <utlist.h>

/*
 * Groups wait in `queue`; those of the batch in flight are in `sent`. A thread that appends while no batch is in
 * flight takes a batch and calls the store itself: a single writer pays for no hand-over to another thread. When the
 * answer comes, the next batch is sent before the callbacks of the old one are called.
 *
 * A refusal ends the group it belongs to, and the other groups are sent again, from the head of the queue, so that
 * their order stays. Where the store does not say which op it refused, each group is sent alone, and the refused one
 * gets its own answer.
 *
 * No callback is called from inside append or withdraw, because the caller may hold the lock that its callback takes.
 * A group that ends without an answer (withdrawn, no memory) is reported by the keeper, a thread that otherwise
 * sleeps.
 *
 * `lock` guards everything. It is never held while the store or a callback is called.
 */

struct group {
	struct group *prev, *next;
	uint64_t id;
	struct op *ops;
	size_t count;
	size_t bytes;	  /* of the data that the ops point to */
	int64_t began_ns; /* when the call began that the group belongs to */
	bool alone;	  /* must have a batch of its own, so that a refusal is certainly for this group */
	bool refused;	  /* the store refused one of its ops */
	int error;	  /* the error for its callback */
	void (*done)(void *cookie, int error, const struct op_result *results, size_t count);
	void *cookie;
};

struct oplog {
	struct store *store;
	pthread_mutex_t lock;
	pthread_cond_t work; /* wakes the keeper */
	pthread_cond_t idle; /* wakes drain; not signalled before drain began */
	pthread_t keeper;
	struct group *queue, *sent, *over; /* over: groups whose callbacks the keeper will call */
	size_t waiting;			   /* ops in queue */
	size_t waiting_bytes;		   /* bytes that these ops point to */
	size_t sent_ops;
	struct op *flat; /* the ops of `sent` in one piece, when there are several groups */
	bool under_way;
	bool given_up; /* the time of the batch in flight is over, and the store was asked to give it up */
	/* the last batch had no answer: the next batch is a single group, so that an unknown outcome concerns only
	 * that group */
	bool probing;
	int64_t answered_ns; /* when the store last answered a batch */
	store_ticket ticket; /* of the batch; 0: the store was not called yet */
	unsigned telling;    /* number of threads that are calling callbacks */
	uint64_t next_id, batches;
	bool closed; /* no more appends */
	bool stop;   /* the keeper has to end */
	void (*on_reply)(void *cookie, const struct store_batch_reply *reply);
	void *reply_cookie;
};

static void on_answer(void *cookie, int error, const struct store_batch_reply *reply);

static void group_free(struct group *g)
{
	if (g)
		free(g->ops);
	free(g);
}

/* To be called for every group that enters the queue, or leaves it. */
static void waits(struct oplog *log, const struct group *g)
{
	log->waiting += g->count;
	log->waiting_bytes += g->bytes;
}

static void waits_no_more(struct oplog *log, const struct group *g)
{
	assert(log->waiting >= g->count && log->waiting_bytes >= g->bytes);
	log->waiting -= g->count;
	log->waiting_bytes -= g->bytes;
	assert(log->queue || (log->waiting == 0 && log->waiting_bytes == 0));
}

/* Moves groups from the queue to `sent`, as many as fit into a batch. */
static void fill(struct oplog *log)
{
	size_t bytes = 0, groups = 0;
	struct group *g, *next;

	log->sent_ops = 0;
	DL_FOREACH_SAFE(log->queue, g, next) {
		bool fits =
			log->sent_ops + g->count <= OPLOG_BATCH_OPS_MAX && bytes + g->bytes <= STORE_BATCH_BYTES_MAX;

		if (groups > 0 && (!fits || g->alone))
			return;
		DL_DELETE(log->queue, g);
		DL_APPEND(log->sent, g);
		waits_no_more(log, g);
		log->sent_ops += g->count;
		bytes += g->bytes;
		groups++;
		if (g->alone || log->probing)
			return;
	}
}

/* The ops of `sent` in one array, for the store. NULL: no memory. */
static const struct op *flatten(struct oplog *log)
{
	struct group *g;
	size_t at = 0;

	if (!log->sent->next)
		return log->sent->ops;
	log->flat = malloc(log->sent_ops * sizeof(*log->flat));
	if (!log->flat)
		return NULL;
	DL_FOREACH(log->sent, g) {
		memcpy(log->flat + at, g->ops, g->count * sizeof(*g->ops));
		at += g->count;
	}
	return log->flat;
}

static void give_to_keeper(struct oplog *log, struct group *g, int error)
{
	g->error = error;
	DL_APPEND(log->over, g);
	pthread_cond_signal(&log->work);
}

/* To be called after callbacks. The caller holds log->lock. */
static void told_some(struct oplog *log)
{
	assert(log->telling > 0);
	log->telling--;
	if (log->closed)
		pthread_cond_broadcast(&log->idle);
}

/* The caller holds log->lock, which is released while the store is called. */
static void send_next(struct oplog *log)
{
	const struct op *ops;
	store_ticket ticket;
	uint64_t batch;
	size_t count;

	if (log->under_way || !log->queue)
		return;
	assert(!log->sent && !log->flat);
	fill(log);
	assert(log->sent && log->sent_ops > 0);
	ops = flatten(log);
	if (!ops) {
		while (log->sent) {
			struct group *g = log->sent;

			DL_DELETE(log->sent, g);
			give_to_keeper(log, g, -ENOMEM);
		}
		return;
	}
	log->under_way = true;
	log->given_up = false;
	log->ticket = 0;
	batch = ++log->batches;
	count = log->sent_ops;
	pthread_mutex_unlock(&log->lock);
	ticket = log->store->ops->batch(log->store, ops, count, on_answer, log);
	pthread_mutex_lock(&log->lock);
	/* The answer may have come already, and the next batch may have been sent. */
	if (log->batches == batch)
		log->ticket = ticket;
}

/* The group whose op the refusal names; NULL: it names none. */
static struct group *guilty(struct group *groups, int index)
{
	struct group *g;
	size_t at = 0;

	if (index < 0)
		return NULL;
	DL_FOREACH(groups, g) {
		if ((size_t)index < at + g->count)
			return g;
		at += g->count;
	}
	return NULL;
}

/* Puts groups back at the head of the queue, in their order, except those that were refused. Returns the refused
 * ones: they are over. */
static struct group *send_again(struct oplog *log, struct group *groups)
{
	struct group *over = NULL, *g;

	while (groups) {
		g = groups->prev; /* the last one */
		DL_DELETE(groups, g);
		if (g->refused) {
			DL_PREPEND(over, g);
			continue;
		}
		DL_PREPEND(log->queue, g);
		waits(log, g);
	}
	return over;
}

/* Returns the groups that are over after this answer; the others go back to the queue. */
static struct group *settle(struct oplog *log, int error, const struct store_batch_reply *reply)
{
	struct group *groups = log->sent, *bad, *g;

	log->sent = NULL;
	free(log->flat);
	log->flat = NULL;
	DL_FOREACH(groups, g)
		g->error = error;
	/* Without a reply nothing was refused: the store was not reached, for any of the groups. */
	if (error == 0 || !reply || !groups->next)
		return groups;
	bad = guilty(groups, reply->index);
	if (!bad) {
		DL_FOREACH(groups, g)
			g->alone = true;
		return send_again(log, groups);
	}
	bad->refused = true;
	return send_again(log, groups);
}

/* Called without the lock. */
static void tell(struct group *over, const struct store_batch_reply *reply)
{
	const struct op_result *results = reply ? reply->results : NULL;
	struct group *g, *next;

	DL_FOREACH_SAFE(over, g, next) {
		DL_DELETE(over, g);
		g->done(g->cookie, g->error, g->error == 0 ? results : NULL, g->error == 0 ? g->count : 0);
		if (results)
			results += g->count;
		group_free(g);
	}
}

static void on_answer(void *cookie, int error, const struct store_batch_reply *reply)
{
	struct oplog *log = cookie;
	void (*on_reply)(void *cookie, const struct store_batch_reply *reply);
	void *reply_cookie;
	struct group *over;

	if (error == 0)
		assert(reply && reply->results && reply->count == log->sent_ops);
	pthread_mutex_lock(&log->lock);
	assert(log->under_way && log->sent);
	if (log->given_up && !reply && error != -ERR_IN_DOUBT)
		error = -ERR_NO_GATEWAY;
	log->probing = !reply;
	if (reply)
		log->answered_ns = clock_mono_ns();
	over = settle(log, error, reply);
	log->under_way = false;
	log->telling++;
	on_reply = log->on_reply;
	reply_cookie = log->reply_cookie;
	send_next(log);
	pthread_mutex_unlock(&log->lock);

	if (on_reply && reply)
		on_reply(reply_cookie, reply);
	tell(over, error == 0 ? reply : NULL);

	pthread_mutex_lock(&log->lock);
	told_some(log);
	pthread_mutex_unlock(&log->lock);
}

static void *keeper_main(void *cookie)
{
	struct oplog *log = cookie;

	pthread_mutex_lock(&log->lock);
	while (!log->stop || log->over) {
		struct group *over = log->over;

		log->over = NULL;
		if (over) {
			log->telling++;
			pthread_mutex_unlock(&log->lock);
			tell(over, NULL);
			pthread_mutex_lock(&log->lock);
			told_some(log);
		} else if (!log->stop) {
			pthread_cond_wait(&log->work, &log->lock);
		}
	}
	pthread_mutex_unlock(&log->lock);
	return NULL;
}

int oplog_new(struct store *store, struct oplog **ret)
{
	struct oplog *log = calloc(1, sizeof(*log));
	int r;

	if (!log)
		return -ENOMEM;
	log->store = store;
	pthread_mutex_init(&log->lock, NULL);
	cond_init(&log->work);
	cond_init(&log->idle);
	r = pthread_create(&log->keeper, NULL, keeper_main, log);
	if (r != 0) {
		pthread_cond_destroy(&log->work);
		pthread_cond_destroy(&log->idle);
		pthread_mutex_destroy(&log->lock);
		free(log);
		return -r;
	}
	*ret = log;
	return 0;
}

void oplog_set_listener(
	struct oplog *log, void (*on_reply)(void *cookie, const struct store_batch_reply *reply), void *cookie)
{
	pthread_mutex_lock(&log->lock);
	log->on_reply = on_reply;
	log->reply_cookie = cookie;
	pthread_mutex_unlock(&log->lock);
}

void oplog_free(struct oplog *log)
{
	if (!log)
		return;
	pthread_mutex_lock(&log->lock);
	assert(!log->queue && !log->under_way);
	log->stop = true;
	pthread_cond_signal(&log->work);
	pthread_mutex_unlock(&log->lock);
	pthread_join(log->keeper, NULL);
	pthread_cond_destroy(&log->work);
	pthread_cond_destroy(&log->idle);
	pthread_mutex_destroy(&log->lock);
	free(log);
}

/* budget: the contract's signature */
int oplog_append(struct oplog *log, const struct op *ops, size_t count,
	void (*done)(void *cookie, int error, const struct op_result *results, size_t count), void *cookie,
	uint64_t *ret_group)
{
	struct group *g;
	int r = 0;

	if (count == 0 || count > OPS_PER_BATCH_MAX || op_copy_data_size(ops, count) > BATCH_DATA_BYTES_MAX)
		return -E2BIG;
	g = calloc(1, sizeof(*g));
	if (!g)
		return -ENOMEM;
	g->ops = op_copy(ops, count);
	if (!g->ops) {
		free(g);
		return -ENOMEM;
	}
	g->count = count;
	g->bytes = op_copy_bytes(ops, count);
	g->done = done;
	g->cookie = cookie;
	g->began_ns = clock_mono_ns();

	pthread_mutex_lock(&log->lock);
	if (log->closed)
		r = -ESHUTDOWN;
	else if (log->waiting + count > OPLOG_OPS_MAX || log->waiting_bytes + g->bytes > OPLOG_BYTES_MAX)
		r = -EAGAIN;
	if (r < 0) {
		pthread_mutex_unlock(&log->lock);
		group_free(g);
		return r;
	}
	g->id = ++log->next_id;
	if (ret_group)
		*ret_group = g->id;
	DL_APPEND(log->queue, g);
	waits(log, g);
	send_next(log);
	pthread_mutex_unlock(&log->lock);
	return 0;
}

bool oplog_withdraw(struct oplog *log, uint64_t group, int error)
{
	struct group *g;

	pthread_mutex_lock(&log->lock);
	DL_FOREACH(log->queue, g) {
		if (g->id == group)
			break;
	}
	if (g) {
		DL_DELETE(log->queue, g);
		waits_no_more(log, g);
		give_to_keeper(log, g, error);
	}
	pthread_mutex_unlock(&log->lock);
	return g != NULL;
}

static void began(struct group *list, uint64_t group, int64_t began_ns)
{
	struct group *g;

	DL_FOREACH(list, g) {
		if (g->id == group && began_ns < g->began_ns)
			g->began_ns = began_ns;
	}
}

void oplog_began(struct oplog *log, uint64_t group, int64_t began_ns)
{
	pthread_mutex_lock(&log->lock);
	began(log->queue, group, began_ns);
	began(log->sent, group, began_ns);
	pthread_mutex_unlock(&log->lock);
}

static bool is_late(const struct oplog *log, const struct group *g, int64_t now_ns)
{
	return now_ns - (g->began_ns > log->answered_ns ? g->began_ns : log->answered_ns) >= STORE_OUTAGE_NS;
}

void oplog_look(struct oplog *log, int64_t now_ns)
{
	store_ticket late = 0;
	struct group *g, *next;

	pthread_mutex_lock(&log->lock);
	DL_FOREACH(log->sent, g) {
		if (log->ticket != 0 && !log->given_up && is_late(log, g, now_ns)) {
			log->given_up = true;
			late = log->ticket;
		}
	}
	DL_FOREACH_SAFE(log->queue, g, next) {
		if (!is_late(log, g, now_ns))
			continue;
		DL_DELETE(log->queue, g);
		waits_no_more(log, g);
		give_to_keeper(log, g, -ERR_NO_GATEWAY);
	}
	pthread_mutex_unlock(&log->lock);
	if (late != 0)
		log->store->ops->cancel(log->store, late);
}

int oplog_drain(struct oplog *log, unsigned deadline_ms, size_t *ret_left)
{
	int64_t until_ns = clock_mono_ns() + deadline_ms * NS_PER_MS;
	int r = 0;

	pthread_mutex_lock(&log->lock);
	log->closed = true;
	while (r == 0 && (log->queue || log->under_way || log->over || log->telling > 0))
		r = cond_wait_until(&log->idle, &log->lock, until_ns) ? 0 : -ETIMEDOUT;
	if (ret_left)
		*ret_left = log->waiting + (log->under_way ? log->sent_ops : 0);
	if (!log->queue && !log->under_way && !log->over && log->telling == 0)
		r = 0;
	pthread_mutex_unlock(&log->lock);
	return r;
}
