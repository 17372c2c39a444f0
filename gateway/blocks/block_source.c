/*
 * A fetch has steps: each owner except this gateway, then a docs service, and another docs service if the first
 * one is killed while it answers. A step is one call. Its answer is collected into a block and verified when it
 * is complete. If the step does not bring the block, the next step follows; after the last one has failed, the
 * waiters get an error. Fetches lie in a table by the name of the block, so that a caller that asks for the same
 * block joins the fetch. A fetch leaves the table before its waiters are called.
 */
#include "gateway/blocks/block_source.h"

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/base/text.h"
#include "common/base/worker.h"
#include "gateway/blocks/block_repair.h"
#include "gateway/upstream/suspects.h"
#include "gateway/upstream/upstream.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include <utlist.h>

#define VERIFIERS 1u /* threads; each verifies 1 GB/s */
#define TARGET_SIZE 256

struct block_fetch {
	struct block_source *source;
	struct block_name name; /* the key of the table: all its bytes are set, padding too */
	UT_hash_handle hh;
	struct block_fetch *prev, *next; /* in the queue of fetches that wait for their turn */
	struct block_waiter *waiters;
	bool begun;
	bool out; /* of the table: no waiter joins it any more */
	/* Used only by the thread that works on the fetch. */
	struct ring_owners owners;
	size_t step; /* index of the source: owners, then a service, then another one */
	bool again;  /* a further step is allowed: the first service has cut its answer off */
	char target[TARGET_SIZE];
	struct block *block;
	int status;
	int error;
	struct worker_job job;
};

struct block_source {
	struct block_source_options with;
	struct http_headers headers;
	struct worker *verifier;
	struct block_repair *repair;
	struct suspects *suspects; /* owners that did not answer: they are not asked for the next block */
	struct metric *from_owners, *from_services, *failures, *wrong;
	pthread_mutex_t lock; /* guards the rest, and of each fetch the fields above `owners` */
	struct block_fetch *fetches;
	struct block_fetch *queue;
	size_t under_way;
	bool stopping;
};

static struct block_fetch *take_step(struct block_fetch *f);

/* ---- the end of a fetch ---- */

static struct block_fetch *next_turn(struct block_source *s)
{
	struct block_fetch *f = s->queue;

	if (!f || s->stopping || s->under_way >= BLOCK_FETCHES_MAX)
		return NULL;
	DL_DELETE(s->queue, f);
	f->begun = true;
	s->under_way++;
	return f;
}

/* NULL: does nothing. If no source can be called, each fetch ends at once and returns the next one. They are
 * handled in a loop, because so many may wait that recursion would overflow the stack. */
static void begin(struct block_fetch *f)
{
	while (f) {
		if (f->source->with.ring)
			ring_owners(f->source->with.ring, span_of(f->name.sha256, sizeof(f->name.sha256)), BLOCK_OWNERS,
				&f->owners);
		f = take_step(f);
	}
}

static struct block_fetch *fetch_new(struct block_source *s, const struct block_name *key)
{
	struct block_fetch *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->source = s;
	memcpy(&f->name, key, sizeof(*key));
	f->error = -ERR_UNAVAILABLE;
	HASH_ADD(hh, s->fetches, name, sizeof(f->name), f);
	DL_APPEND(s->queue, f);
	return f;
}

/* The caller holds s->lock; the fetch has failed. Waiters that joined it while it was in flight are moved to a
 * new fetch: the call that failed may have been over before they came. */
static void move_latecomers(struct block_fetch *f)
{
	struct block_source *s = f->source;
	struct block_fetch *again = NULL;
	struct block_waiter *waiter, *next;

	DL_FOREACH_SAFE(f->waiters, waiter, next) {
		if (!waiter->late)
			continue;
		if (!again)
			HASH_FIND(hh, s->fetches, &f->name, sizeof(f->name), again);
		if (!again)
			again = fetch_new(s, &f->name);
		if (!again)
			return;
		DL_DELETE(f->waiters, waiter);
		waiter->late = false;
		waiter->fetch = again;
		DL_APPEND(again->waiters, waiter);
	}
}

/* Calls the waiters and frees the fetch. Returns the fetch whose turn it is now, which the caller has to begin. */
static struct block_fetch *finish(struct block_fetch *f, int error)
{
	struct block_source *s = f->source;
	struct block_waiter *waiter;

	pthread_mutex_lock(&s->lock);
	if (!f->out)
		HASH_DEL(s->fetches, f);
	assert(s->under_way > 0);
	s->under_way--;
	error = s->stopping ? -ECANCELED : error;
	if (error < 0 && !s->stopping)
		move_latecomers(f);
	struct block_waiter *waiters = f->waiters;
	DL_FOREACH(waiters, waiter)
		waiter->fetch = NULL;
	struct block_fetch *next = next_turn(s);
	pthread_mutex_unlock(&s->lock);
	if (error < 0)
		metric_inc(s->failures);
	while (waiters) {
		waiter = waiters;
		DL_DELETE(waiters, waiter);
		waiter->done(waiter, error, error == 0 ? f->block : NULL);
	}
	block_unref(f->block);
	free(f);
	return next;
}

static void fail_step(struct block_fetch *f, int error)
{
	block_unref(f->block);
	f->block = NULL;
	/* Only the error of the last step is reported: an owner without the block proves nothing. */
	f->error = error;
	f->step++;
	begin(take_step(f));
}

/* ---- verifying ---- */

static void verify(struct worker_job *job)
{
	struct block_fetch *f = (struct block_fetch *)((char *)job - offsetof(struct block_fetch, job));
	struct block_source *s = f->source;
	const bool from_owner = f->step < f->owners.count;

	if (!block_is_right(f->block)) {
		metric_inc(s->wrong);
		log_warning(NULL, "op=block from=%s outcome=\"it has other bytes than its name says: passed by\"",
			from_owner ? f->owners.list[f->step].name : "docs");
		fail_step(f, -ERR_BAD_DIGEST);
		return;
	}
	metric_inc(from_owner ? s->from_owners : s->from_services);
	block_cache_put(s->with.cache, f->block);
	block_repair_offer(s->repair, f->block, &f->name);
	begin(finish(f, 0));
}

/* false: the block_source is stopping, and its verifier, too. */
static bool hand_over(struct block_source *s, struct worker_job *job)
{
	pthread_mutex_lock(&s->lock);
	const bool runs = !s->stopping;
	if (runs)
		worker_run(s->verifier, job);
	pthread_mutex_unlock(&s->lock);
	return runs;
}

/* ---- one call ---- */

static int on_head(void *cookie, const struct http_response *head, unsigned attempts)
{
	struct block_fetch *f = cookie;
	const char *text = http_headers_get(&head->headers, "Content-Length");
	uint64_t size = 0;

	(void)attempts;
	block_unref(f->block);
	f->block = NULL;
	f->status = head->status;
	if (head->status != 200)
		return 0; /* the body is read and thrown away, so that the connection can be kept */
	if (!text || text_parse_u64(span_str(text), BLOCK_BYTES_MAX, &size) < 0 || size == 0)
		return -EBADMSG;
	f->block = block_new(f->name.sha256, (size_t)size);
	return f->block ? 0 : -ENOMEM;
}

static int on_data(void *cookie, const void *data, size_t size)
{
	struct block_fetch *f = cookie;

	return f->block ? block_append(f->block, span_of(data, size)) : 0;
}

/* Whether a docs service has cut its answer off; another service may still have the block. */
static bool is_cut(const struct block_fetch *f, const struct http_response *response)
{
	return f->step == f->owners.count && response && !response->ours && response->first_byte &&
		(response->error == -ECONNRESET || response->error == -ETIMEDOUT);
}

static void on_done(void *cookie, int error, struct http_response *response)
{
	struct block_fetch *f = cookie;

	if (error < 0 && response && response->ours)
		error = response->error;
	if (f->step < f->owners.count && response && response->error < 0 && !response->ours && !response->first_byte)
		suspects_add(f->source->suspects, f->owners.list[f->step].boot, clock_mono_ns());
	if (error == 0 && !f->block)
		error = f->status == 404 ? -ERR_NOT_FOUND : -ERR_UNAVAILABLE;
	if (error < 0) {
		f->again = is_cut(f, response);
		fail_step(f, error);
		return;
	}
	f->job.run = verify;
	if (!hand_over(f->source, &f->job))
		fail_step(f, -ERR_UNAVAILABLE);
}

static int make_target(struct block_fetch *f)
{
	char cap[CAP_TEXT_SIZE], hex[SHA256_HEX_SIZE];
	int r = block_caps_sign(f->source->with.caps, &f->name, cap);

	if (r < 0)
		return r;
	text_hex(f->name.sha256, sizeof(f->name.sha256), hex);
	(void)snprintf(f->target, sizeof(f->target), "/internal/v1/blocks/%s?drive=%" PRIu32 "&cap=%s", hex,
		f->name.drive, cap);
	return 0;
}

static int call(struct block_fetch *f, const struct upstream_fixed *owner)
{
	struct block_source *s = f->source;
	struct upstream_call *started;
	const unsigned stall_ms = owner ? BLOCK_PEER_MS : BLOCK_SERVICE_MS;
	const struct upstream_options options = {
		.client = s->with.client,
		.registry = s->with.registry,
		.kind = REGISTRY_DOCS,
		.fixed = owner,
		.method = "GET",
		.target = f->target,
		.headers = &s->headers,
		.on_head = on_head,
		.on_data = on_data,
		.repeatable = true,
		.reads = true,
		.stall_ms = stall_ms,
		.first_byte_ms = owner ? BLOCK_PEER_MS : BLOCK_SERVICE_MS / 4,
		.cookie = f,
		.done = on_done,
	};
	int r = make_target(f);

	return r < 0 ? r : upstream_start(&options, &started);
}

static bool is_stopping(struct block_source *s)
{
	pthread_mutex_lock(&s->lock);
	const bool stopping = s->stopping;
	pthread_mutex_unlock(&s->lock);
	return stopping;
}

/* Whether the fetch still has waiters. If not, it leaves the table, so that no new waiter joins it, and is not
 * continued. */
static bool is_wanted(struct block_fetch *f)
{
	pthread_mutex_lock(&f->source->lock);
	f->out = !f->waiters;
	if (f->out)
		HASH_DEL(f->source->fetches, f);
	pthread_mutex_unlock(&f->source->lock);
	return !f->out;
}

/* Calls the next source that may have the block. If none is left, ends the fetch and returns the fetch that the
 * caller has to begin. */
static struct block_fetch *take_step(struct block_fetch *f)
{
	while (f->step <= f->owners.count + f->again && is_wanted(f) && !is_stopping(f->source)) {
		const bool at_owner = f->step < f->owners.count;
		const struct membership_gateway *owner = at_owner ? &f->owners.list[f->step] : NULL;
		char peer[HTTP_PEER_SIZE];
		struct upstream_fixed fixed = {.peer = peer};
		int r = -ERR_UNAVAILABLE;

		if (owner) {
			fixed.url = owner->hop_url;
			(void)snprintf(peer, sizeof(peer), "gateway/%s/%s", owner->name, owner->boot);
		}
		if (!owner || (owner->hop_url[0] && !suspects_has(f->source->suspects, owner->boot, clock_mono_ns())))
			r = call(f, owner ? &fixed : NULL);
		if (r == 0)
			return NULL;
		f->error = r;
		f->step++;
	}
	return finish(f, f->error == -ERR_NOT_FOUND ? -ERR_NOT_FOUND : -ERR_UNAVAILABLE);
}

/* ---- asking ---- */

struct block *block_source_find(struct block_source *s, const struct block_name *name)
{
	struct block *block = block_cache_get(s->with.cache, name->sha256);

	if (block)
		block_repair_offer(s->repair, block, name);
	return block;
}

struct block *block_source_peek(struct block_source *s, const uint8_t sha256[SHA256_BYTES])
{
	return block_cache_peek(s->with.cache, sha256);
}

int block_source_ask(struct block_source *s, const struct block_name *name, struct block_waiter *waiter)
{
	struct block_fetch *f = NULL, *next = NULL;
	struct block_name key;
	int r = -ERR_UNAVAILABLE;

	memset(&key, 0, sizeof(key));
	key.drive = name->drive;
	key.generation = name->generation;
	memcpy(key.sha256, name->sha256, sizeof(key.sha256));
	pthread_mutex_lock(&s->lock);
	if (!s->stopping) {
		HASH_FIND(hh, s->fetches, &key, sizeof(key), f);
		if (!f)
			f = fetch_new(s, &key);
		r = f ? 0 : -ENOMEM;
	}
	if (r == 0) {
		waiter->fetch = f;
		waiter->late = f->begun;
		DL_APPEND(f->waiters, waiter);
		next = next_turn(s);
	}
	pthread_mutex_unlock(&s->lock);
	begin(next);
	return r;
}

bool block_source_leave(struct block_source *s, struct block_waiter *waiter)
{
	pthread_mutex_lock(&s->lock);
	struct block_fetch *f = waiter->fetch;
	bool left = f != NULL, over = false;
	if (left) {
		DL_DELETE(f->waiters, waiter);
		waiter->fetch = NULL;
		over = !f->waiters && !f->begun;
	}
	if (over) {
		HASH_DEL(s->fetches, f);
		DL_DELETE(s->queue, f);
	}
	pthread_mutex_unlock(&s->lock);
	if (over)
		free(f);
	return left;
}

/* ---- what another gateway brings ---- */

struct arrival {
	struct block_source *source;
	struct block *block;
	void (*done)(void *cookie, int error);
	void *cookie;
	struct worker_job job;
};

static void verify_arrival(struct worker_job *job)
{
	struct arrival *a = (struct arrival *)((char *)job - offsetof(struct arrival, job));
	const bool right = block_is_right(a->block);

	if (right)
		block_cache_put(a->source->with.cache, a->block);
	else
		metric_inc(a->source->wrong);
	a->done(a->cookie, right ? 0 : -ERR_BAD_DIGEST);
	block_unref(a->block);
	free(a);
}

int block_source_take(struct block_source *s, struct block *block, void (*done)(void *cookie, int error), void *cookie)
{
	struct arrival *a = malloc(sizeof(*a));

	if (!a) {
		block_unref(block);
		return -ENOMEM;
	}
	*a = (struct arrival){.source = s, .block = block, .done = done, .cookie = cookie};
	a->job.run = verify_arrival;
	if (hand_over(s, &a->job))
		return 0;
	block_unref(block);
	free(a);
	return -ENOMEM;
}

bool block_source_keeps(const struct block_source *s)
{
	return block_cache_keeps(s->with.cache);
}

struct block_cache *block_source_cache(struct block_source *s)
{
	return s->with.cache;
}

/* ---- life ---- */

static int add_metrics(struct block_source *s, struct metrics *m)
{
	static const char HELP[] = "Blocks that came from elsewhere, were verified and kept";
	int r = metrics_add(
		m, METRIC_COUNTER, "nephos_gateway_blocks_fetched_total", "from=\"gateway\"", HELP, &s->from_owners);

	if (r == 0)
		r = metrics_add(m, METRIC_COUNTER, "nephos_gateway_blocks_fetched_total", "from=\"docs\"", HELP,
			&s->from_services);
	if (r == 0)
		r = metrics_add(m, METRIC_COUNTER, "nephos_gateway_block_failures_total", "",
			"Blocks that were requested, and that no gateway or service delivered", &s->failures);
	if (r == 0)
		r = metrics_add(m, METRIC_COUNTER, "nephos_gateway_blocks_wrong_total", "",
			"Blocks refused because their bytes do not match their hash", &s->wrong);
	return r;
}

int block_source_new(const struct block_source_options *options, struct block_source **ret)
{
	struct block_source *s = calloc(1, sizeof(*s));
	const struct block_repair_options repair = {
		.client = options->client,
		.registry = options->registry,
		.ring = options->ring,
		.caps = options->caps,
		.metrics = options->metrics,
	};

	if (!s)
		return -ENOMEM;
	s->with = *options;
	pthread_mutex_init(&s->lock, NULL);
	http_headers_init(&s->headers);
	int r = worker_new(VERIFIERS, &s->verifier);
	if (r == 0)
		r = suspects_new(&s->suspects);
	if (r == 0)
		r = add_metrics(s, options->metrics);
	if (r == 0)
		r = block_repair_new(&repair, &s->repair);
	if (r < 0)
		block_source_free(s);
	else
		*ret = s;
	return r;
}

/* Fetches in flight end with the HTTP client; those that have not begun end here. */
void block_source_stop(struct block_source *s)
{
	struct block_fetch *f, *more;

	if (!s)
		return;
	block_repair_stop(s->repair);
	pthread_mutex_lock(&s->lock);
	s->stopping = true;
	struct block_fetch *queue = s->queue;
	s->queue = NULL;
	DL_FOREACH(queue, f) {
		f->begun = true;
		s->under_way++;
	}
	pthread_mutex_unlock(&s->lock);
	DL_FOREACH_SAFE(queue, f, more) {
		DL_DELETE(queue, f);
		(void)finish(f, -ERR_UNAVAILABLE);
	}
	/* The verifier ends here, before the HTTP client does: after a wrong block it might use the client for
	 * another call. */
	worker_free(s->verifier);
	s->verifier = NULL;
}

void block_source_free(struct block_source *s)
{
	if (!s)
		return;
	worker_free(s->verifier); /* finishes the block that is being verified */
	assert(!s->fetches && s->under_way == 0);
	block_repair_free(s->repair);
	suspects_free(s->suspects);
	http_headers_fini(&s->headers);
	pthread_mutex_destroy(&s->lock);
	free(s);
}
