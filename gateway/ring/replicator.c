/*
 * One batch: the thread takes marks from the queue, or from the walk over the cache, and adds the drives of which
 * something was touched. Each drive gets its place. Then each successor is offered its part, and is sent the
 * entries of it that it lacks. What a failed call was to carry is lost, and goes again in the next round over the
 * cache.
 */
#include "gateway/ring/replicator.h"

#include "common/base/clock.h"
#include "common/base/cond.h"
#include "gateway/ring/replica_batch.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

static_assert(
	REPLICATOR_BYTES_MAX < REPLICA_BYTES_MAX / 2, "a message has room for them, and what they are wrapped in");

struct kept {
	struct cache_mark mark;
	int64_t since_ns;
};

/* What was touched in a drive and was not sent yet. */
struct pending {
	uint32_t drive;
	int64_t since_ns;
	struct touched touched;
	UT_hash_handle hh;
};

struct replicator {
	struct replicator_options with;
	pthread_t thread;
	bool started;
	struct metric *offered, *sent, *bytes, *rounds, *dropped, *failures, *lag;

	pthread_mutex_t lock; /* guards all up to the next comment */
	pthread_cond_t wake;
	struct kept *queue; /* REPLICATOR_QUEUE_MAX, as a ring */
	size_t first, count;
	struct pending *pending;
	bool alone;	      /* there is no gateway to copy to */
	bool lost;	      /* something was lost that only a round can repeat */
	bool hurry;	      /* a thread waits in replicator_flush */
	uint64_t rounds_done; /* rounds that are complete */
	bool stopping;

	/* Used by the thread alone. */
	struct replica_batch *batch;
	struct http_headers headers;
	struct buf message;
	int64_t epoch;
	bool walking;
	struct cache_walk walk;
	struct cache_mark marks[REPLICA_ENTRIES_MAX]; /* found by the walk, waiting for a batch */
	size_t mark_at, mark_count;
	int64_t next_round_ns;
	int64_t next_call_ns; /* delayed by the bytes of the last call */
	char silent_boot[MEMBERSHIP_BOOT_SIZE];
	int64_t silent_until_ns;
};

/* ---- input ---- */

/* The caller holds r->lock. */
static void wake_first(struct replicator *r)
{
	if (r->count + HASH_COUNT(r->pending) == 1)
		pthread_cond_broadcast(&r->wake);
}

void replicator_kept(void *cookie, const struct cache_mark *mark)
{
	struct replicator *r = cookie;

	pthread_mutex_lock(&r->lock);
	const bool full = r->count == REPLICATOR_QUEUE_MAX;
	if (full && !r->alone) {
		r->lost = true;
		metric_inc(r->dropped);
	} else if (!r->alone) {
		r->queue[(r->first + r->count++) % REPLICATOR_QUEUE_MAX] =
			(struct kept){.mark = *mark, .since_ns = clock_mono_ns()};
		wake_first(r);
	}
	pthread_mutex_unlock(&r->lock);
}

/* The caller holds r->lock. If the new stretch does not follow the noted one, it replaces that one: the replica
 * notices the gap, and closes it by the journal. */
static void note_touched(struct replicator *r, uint32_t drive, const struct touched *touched)
{
	struct pending *p;

	HASH_FIND(hh, r->pending, &drive, sizeof(drive), p);
	if (p) {
		if (!touched_join(&p->touched, touched))
			p->touched = *touched;
		return;
	}
	p = HASH_COUNT(r->pending) < REPLICATOR_DRIVES_MAX ? malloc(sizeof(*p)) : NULL;
	if (!p) {
		metric_inc(r->dropped);
		return;
	}
	p->drive = drive;
	p->since_ns = clock_mono_ns();
	p->touched = *touched;
	HASH_ADD(hh, r->pending, drive, sizeof(p->drive), p);
	wake_first(r);
}

void replicator_touched(void *cookie, uint32_t drive, const struct touched *touched)
{
	struct replicator *r = cookie;

	pthread_mutex_lock(&r->lock);
	if (!r->alone)
		note_touched(r, drive, touched);
	pthread_mutex_unlock(&r->lock);
}

/* The caller holds r->lock. */
static void forget_all(struct replicator *r)
{
	struct pending *p, *next;

	HASH_ITER(hh, r->pending, p, next) {
		HASH_DEL(r->pending, p);
		free(p);
	}
	r->count = 0;
}

/* ---- places ---- */

struct taking {
	struct replicator *r;
	struct replica_section *section;
};

/* Takes what was touched up to the position of the drive along with the section. */
static void take_touched(void *cookie, uint32_t drive)
{
	const struct taking *taking = cookie;
	struct replicator *r = taking->r;
	struct pending *p;

	pthread_mutex_lock(&r->lock);
	HASH_FIND(hh, r->pending, &drive, sizeof(drive), p);
	if (p)
		HASH_DEL(r->pending, p);
	pthread_mutex_unlock(&r->lock);
	if (!p)
		return;
	taking->section->touched = p->touched;
	taking->section->has_touched = true;
	free(p);
}

static bool place(void *cookie, struct replica_section *section, struct membership_gateway *ret_peer)
{
	struct replicator *r = cookie;
	struct taking taking = {.r = r, .section = section};
	struct home_stand stand;

	bool placed = ring_successor(r->with.ring, section->drive, ret_peer) &&
		keeper_stand_at(r->with.keeper, section->drive, &stand, take_touched, &taking);
	if (!placed) {
		take_touched(&taking, section->drive); /* no gateway needs it */
		return false;
	}
	section->stand = stand;
	if (section->has_touched && section->touched.incarnation != stand.incarnation)
		section->has_touched = false; /* of an earlier incarnation */
	return clock_mono_ns() >= r->silent_until_ns || strcmp(r->silent_boot, ret_peer->boot) != 0;
}

/* ---- calls ---- */

/* 0: the answer has a status of success. The caller frees ret in any case. */
static int call(
	struct replicator *r, const struct membership_gateway *peer, const char *target, struct http_response *ret)
{
	char url[MEMBERSHIP_URL_SIZE + 64], name[HTTP_PEER_SIZE];
	const struct http_call_options options = {
		.method = "POST",
		.url = url,
		.peer = name,
		.headers = &r->headers,
		.body = buf_span(&r->message),
		.response_max = 4096,
		.connect_ms = REPLICATOR_CONNECT_MS,
		.deadline_ms = REPLICATOR_CALL_MS,
	};

	(void)snprintf(url, sizeof(url), "%s%s", peer->hop_url, target);
	(void)snprintf(name, sizeof(name), "gateway/%s/%s", peer->name, peer->boot);
	int error = http_client_perform(r->with.client, &options, NULL, ret);
	metric_add(r->bytes, (int64_t)r->message.size);
	r->next_call_ns =
		clock_mono_ns() + (int64_t)r->message.size * (NS_PER_S / 1000) / (REPLICATOR_BYTES_PER_S / 1000);
	return error == 0 && ret->status / 100 != 2 ? -EPROTO : error;
}

/* false: the thread is to stop. A gateway that leaves ignores the limit on bytes per second. */
static bool wait_for_turn(struct replicator *r)
{
	pthread_mutex_lock(&r->lock);
	while (!r->stopping && !r->hurry && clock_mono_ns() < r->next_call_ns)
		(void)cond_wait_until(&r->wake, &r->lock, r->next_call_ns);
	const bool go = !r->stopping;
	pthread_mutex_unlock(&r->lock);
	return go;
}

static int offer(struct replicator *r, size_t peer, struct replica_ticket *ret_ticket)
{
	struct http_response response;

	buf_reset(&r->message);
	int error = replica_batch_write_offer(r->batch, peer, &r->message);
	if (error < 0)
		return error;
	error = call(r, &r->batch->peers[peer], "/internal/v1/replicas/offer", &response);
	if (error == 0)
		error = replica_batch_read_ticket(r->batch, peer, buf_span(&response.body), ret_ticket);
	http_response_fini(&response);
	return error;
}

static int send_entries(struct replicator *r, size_t peer, const struct replica_ticket *ticket, size_t *ret_count)
{
	const struct replica_batch_entries what = {
		.peer = peer, .ticket = ticket, .now_ns = clock_boot_ns(), .bytes_max = REPLICATOR_BYTES_MAX};
	struct http_response response;

	buf_reset(&r->message);
	int error = replica_batch_write_entries(r->batch, &what, &r->message, ret_count);
	if (error < 0 || *ret_count == 0)
		return error;
	error = call(r, &r->batch->peers[peer], "/internal/v1/replicas/entries", &response);
	http_response_fini(&response);
	if (error == 0)
		metric_add(r->sent, (int64_t)*ret_count);
	return error;
}

static void exchange(struct replicator *r, size_t peer)
{
	struct replica_ticket ticket;
	size_t count = 1;
	int error = offer(r, peer, &ticket);

	while (error == 0 && count > 0 && wait_for_turn(r))
		error = send_entries(r, peer, &ticket, &count);
	if (error == 0)
		return;
	metric_inc(r->failures);
	(void)snprintf(r->silent_boot, sizeof(r->silent_boot), "%s", r->batch->peers[peer].boot);
	r->silent_until_ns = clock_mono_ns() + REPLICATOR_PAUSE_MS * NS_PER_MS;
	pthread_mutex_lock(&r->lock);
	r->lost = true;
	pthread_mutex_unlock(&r->lock);
}

/* ---- the thread ---- */

/* The caller holds r->lock. */
static void collect_queue(struct replicator *r)
{
	struct pending *p, *next;
	bool room = true;

	HASH_ITER(hh, r->pending, p, next) {
		if (room)
			room = replica_batch_add_drive(r->batch, p->drive);
	}
	while (r->count > 0 && replica_batch_add(r->batch, &r->queue[r->first].mark)) {
		r->first = (r->first + 1) % REPLICATOR_QUEUE_MAX;
		r->count--;
	}
}

static void collect_walk(struct replicator *r)
{
	bool end = false;

	while (r->walking) {
		while (r->mark_at < r->mark_count && replica_batch_add(r->batch, &r->marks[r->mark_at]))
			r->mark_at++;
		if (r->mark_at < r->mark_count)
			return; /* the batch is full */
		if (end || r->walk.shard == SIZE_MAX) {
			r->walking = false;
			return;
		}
		r->mark_at = 0;
		r->mark_count = cache_walk(r->with.cache, &r->walk, r->marks, REPLICA_ENTRIES_MAX, &end);
		if (end)
			r->walk.shard = SIZE_MAX; /* the marks found by this last call still go */
	}
}

static void run_batch(struct replicator *r)
{
	struct replica_batch *b = r->batch;

	replica_batch_place(b, place, r);
	replica_batch_load(b, r->with.cache);
	metric_add(r->offered, (int64_t)b->part_count);
	for (size_t peer = 0; peer < b->peer_count && wait_for_turn(r); peer++)
		exchange(r, peer);
	replica_batch_clear(b);
}

/* The caller holds r->lock. */
static void begin_round(struct replicator *r, int64_t epoch)
{
	r->epoch = epoch;
	r->lost = false;
	r->walking = true;
	r->walk = (struct cache_walk){0};
	r->mark_at = r->mark_count = 0;
}

/* The caller holds r->lock. */
static void end_round(struct replicator *r)
{
	r->next_round_ns = clock_mono_ns() + REPLICATOR_ROUND_MS * NS_PER_MS;
	r->rounds_done++;
	metric_inc(r->rounds);
	pthread_cond_broadcast(&r->wake);
}

/* The caller holds r->lock; it is released meanwhile. */
static void work(struct replicator *r)
{
	const bool walked = r->walking;

	collect_queue(r);
	pthread_mutex_unlock(&r->lock);
	if (walked)
		collect_walk(r);
	run_batch(r);
	pthread_mutex_lock(&r->lock);
	if (walked && !r->walking)
		end_round(r);
}

/* The caller holds r->lock. true: there is something to do. */
static bool look(struct replicator *r, int64_t epoch)
{
	const int64_t now_ns = clock_mono_ns();
	const bool again = r->lost && now_ns >= r->silent_until_ns;

	r->alone = epoch == 0;
	if (r->alone) {
		pthread_cond_broadcast(&r->wake); /* ends the wait in replicator_flush */
		forget_all(r);
		r->walking = false;
		r->epoch = 0;
		return false;
	}
	if (epoch != r->epoch || (!r->walking && (again || now_ns >= r->next_round_ns)))
		begin_round(r, epoch);
	return r->walking || r->count > 0 || r->pending;
}

/* The caller holds r->lock. What comes within a tick goes together. While nothing comes, the wait ends from time
 * to time, for a look at the members. */
static void pause_for_more(struct replicator *r, bool works)
{
	const bool idle = r->count == 0 && !r->pending && !r->walking;
	const int64_t tick_ns = REPLICATOR_TICK_MS * NS_PER_MS;

	if (idle && !r->stopping && !r->hurry)
		(void)cond_wait_until(&r->wake, &r->lock, clock_mono_ns() + REPLICATOR_LOOK_MS * NS_PER_MS);
	const int64_t until_ns = clock_mono_ns() + tick_ns;
	/* Even when replicator_flush waits, the thread pauses for a tick if nothing can be done: the successor
	 * does not answer. */
	while (!r->stopping && (!r->hurry || !works) && cond_wait_until(&r->wake, &r->lock, until_ns))
		;
}

static void *replicator_main(void *cookie)
{
	struct replicator *r = cookie;

	pthread_mutex_lock(&r->lock);
	while (!r->stopping) {
		const bool was_walking = r->walking;

		pthread_mutex_unlock(&r->lock);
		const int64_t epoch = ring_company(r->with.ring); /* without r->lock: the ring's lock comes first */
		pthread_mutex_lock(&r->lock);
		const bool works = look(r, epoch);
		if (works)
			work(r);
		if (!was_walking || !r->walking)
			pause_for_more(r, works);
	}
	pthread_mutex_unlock(&r->lock);
	return NULL;
}

/* ---- life ---- */

void replicator_flush(struct replicator *r, unsigned deadline_ms)
{
	const int64_t until_ns = clock_mono_ns() + deadline_ms * NS_PER_MS;

	if (!r || !r->started)
		return;
	pthread_mutex_lock(&r->lock);
	/* Waits for one round from its beginning to its end: the round in progress may already have passed new
	 * entries. */
	const uint64_t wanted = r->rounds_done + 1 + r->walking;
	r->hurry = true;
	r->lost = true;
	pthread_cond_broadcast(&r->wake);
	while (!r->alone && r->rounds_done < wanted && cond_wait_until(&r->wake, &r->lock, until_ns))
		r->lost = r->lost || !r->walking;
	r->hurry = false;
	pthread_mutex_unlock(&r->lock);
}

static int add_metrics(struct replicator *r, struct metrics *m)
{
	const struct {
		struct metric **metric;
		enum metric_kind kind;
		const char *name, *help;
	} ALL[] = {
		{&r->offered, METRIC_COUNTER, "nephos_gateway_replication_offered_total",
			"Answers offered to the next gateway on the ring"},
		{&r->sent, METRIC_COUNTER, "nephos_gateway_replication_sent_total",
			"Answers that the next gateway lacked and was sent"},
		{&r->bytes, METRIC_COUNTER, "nephos_gateway_replication_bytes_total", "Bytes sent for these copies"},
		{&r->rounds, METRIC_COUNTER, "nephos_gateway_replication_rounds_total",
			"Full rounds in which everything cached was offered"},
		{&r->dropped, METRIC_COUNTER, "nephos_gateway_replication_dropped_total",
			"Answers and changes that did not fit into the replication queue; a full round or the journal brings them later"},
		{&r->failures, METRIC_COUNTER, "nephos_gateway_replication_failures_total",
			"Failed calls to the next gateway on the ring"},
		{&r->lag, METRIC_GAUGE, "nephos_gateway_replication_lag_ms",
			"Milliseconds that the oldest answer or change has been waiting to be sent to the next gateway"},
	};
	int error = 0;

	for (size_t i = 0; i < sizeof(ALL) / sizeof(ALL[0]) && error == 0; i++)
		error = metrics_add(m, ALL[i].kind, ALL[i].name, "", ALL[i].help, ALL[i].metric);
	return error;
}

int replicator_new(struct metrics *metrics, struct replicator **ret)
{
	struct replicator *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	pthread_mutex_init(&r->lock, NULL);
	cond_init(&r->wake);
	r->alone = true; /* until the ring has been looked at */
	http_headers_init(&r->headers);
	buf_init(&r->message, REPLICA_BYTES_MAX);
	r->batch = calloc(1, sizeof(*r->batch));
	r->queue = calloc(REPLICATOR_QUEUE_MAX, sizeof(*r->queue));
	int error = r->batch && r->queue ? 0 : -ENOMEM;
	if (error == 0)
		error = http_headers_add(&r->headers, "Content-Type", "application/octet-stream");
	if (error == 0)
		error = add_metrics(r, metrics);
	if (error < 0)
		replicator_free(r);
	else
		*ret = r;
	return error;
}

int replicator_start(struct replicator *r, const struct replicator_options *options)
{
	assert(!r->started);
	r->with = *options;
	r->started = true;
	int error = -pthread_create(&r->thread, NULL, replicator_main, r);
	if (error < 0)
		r->started = false;
	return error;
}

void replicator_stop(struct replicator *r)
{
	if (!r || !r->started)
		return;
	pthread_mutex_lock(&r->lock);
	r->stopping = true;
	r->alone = true; /* nothing new is taken any more */
	pthread_cond_broadcast(&r->wake);
	pthread_mutex_unlock(&r->lock);
	pthread_join(r->thread, NULL);
	r->started = false;
}

void replicator_free(struct replicator *r)
{
	if (!r)
		return;
	replicator_stop(r);
	forget_all(r);
	if (r->batch)
		replica_batch_clear(r->batch);
	free(r->batch);
	free(r->queue);
	buf_fini(&r->message);
	http_headers_fini(&r->headers);
	pthread_cond_destroy(&r->wake);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

/* ---- status ---- */

/* The caller holds r->lock. */
static int64_t lag_ms(const struct replicator *r)
{
	int64_t since_ns = r->count > 0 ? r->queue[r->first].since_ns : INT64_MAX;

	for (const struct pending *p = r->pending; p; p = p->hh.next)
		if (p->since_ns < since_ns)
			since_ns = p->since_ns;
	return since_ns == INT64_MAX ? 0 : (clock_mono_ns() - since_ns) / NS_PER_MS;
}

void replicator_refresh(struct replicator *r)
{
	pthread_mutex_lock(&r->lock);
	const int64_t lag = lag_ms(r);
	pthread_mutex_unlock(&r->lock);
	metric_set(r->lag, lag);
}

json_t *replicator_status(struct replicator *r)
{
	pthread_mutex_lock(&r->lock);
	const size_t queued = r->count + HASH_COUNT(r->pending);
	const int64_t lag = lag_ms(r);
	pthread_mutex_unlock(&r->lock);
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "queued", (json_int_t)queued, "lag_ms",
		(json_int_t)lag, "offered", (json_int_t)metric_value(r->offered), "sent",
		(json_int_t)metric_value(r->sent), "bytes", (json_int_t)metric_value(r->bytes), "rounds",
		(json_int_t)metric_value(r->rounds), "dropped", (json_int_t)metric_value(r->dropped), "failures",
		(json_int_t)metric_value(r->failures));
}
