#include "gateway/blocks/block_repair.h"

#include "common/base/error.h"
#include "common/base/text.h"
#include "gateway/upstream/upstream.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <utlist.h>

#define TARGET_SIZE 256

struct job {
	struct block_repair *repair;
	struct block *block;
	struct block_name name;
	struct ring_owners owners;
	size_t owner; /* index of the owner that is asked */
	bool brings;  /* this owner does not have the block, which is sent to it */
	bool failed;  /* an owner could not be asked, or did not take the block */
	char target[TARGET_SIZE];
	struct job *prev, *next;
};

struct block_repair {
	struct block_repair_options with;
	struct http_headers headers;
	struct metric *brought, *failures;
	pthread_mutex_t lock; /* guards the rest */
	struct job *queue;
	size_t waiting, under_way;
	bool stopping;
};

static void go_on(struct job *j);

static void job_free(struct job *j)
{
	block_unref(j->block);
	free(j);
}

static struct job *next_turn(struct block_repair *r)
{
	struct job *j = r->queue;

	if (!j || r->stopping || r->under_way >= BLOCK_REPAIRS_MAX)
		return NULL;
	DL_DELETE(r->queue, j);
	assert(r->waiting > 0);
	r->waiting--;
	r->under_way++;
	return j;
}

/* If an owner failed, the block is marked as not settled, so that its next reader offers it again. */
static void finish(struct job *j)
{
	struct block_repair *r = j->repair;

	if (j->failed) {
		metric_inc(r->failures);
		block_settle(j->block, 0);
	}
	job_free(j);
	pthread_mutex_lock(&r->lock);
	assert(r->under_way > 0);
	r->under_way--;
	struct job *next = next_turn(r);
	pthread_mutex_unlock(&r->lock);
	if (next)
		go_on(next);
}

static void on_done(void *cookie, int error, struct http_response *response)
{
	struct job *j = cookie;
	const int status = error == 0 ? response->status : 0;

	if (!j->brings && status == 404) {
		j->brings = true;
		go_on(j);
		return;
	}
	if (j->brings && status == 204)
		metric_inc(j->repair->brought);
	else
		j->failed |= status != 200;
	j->brings = false;
	j->owner++;
	go_on(j);
}

static int make_target(struct job *j)
{
	char cap[CAP_TEXT_SIZE], hex[SHA256_HEX_SIZE];
	int r = block_caps_sign(j->repair->with.caps, &j->name, cap);

	if (r < 0)
		return r;
	text_hex(j->name.sha256, sizeof(j->name.sha256), hex);
	(void)snprintf(j->target, sizeof(j->target), "/internal/v1/blocks/%s?drive=%" PRIu32 "&cap=%s", hex,
		j->name.drive, cap);
	return 0;
}

static int call(struct job *j, const struct membership_gateway *owner)
{
	struct block_repair *r = j->repair;
	struct upstream_call *started;
	char peer[HTTP_PEER_SIZE];
	const struct upstream_fixed fixed = {.url = owner->hop_url, .peer = peer};
	const struct upstream_options options = {
		.client = r->with.client,
		.registry = r->with.registry,
		.kind = REGISTRY_DOCS,
		.fixed = &fixed,
		.method = j->brings ? "PUT" : "HEAD",
		.target = j->target,
		.headers = &r->headers,
		.body = j->brings ? block_bytes(j->block) : span_of(NULL, 0),
		.repeatable = true,
		.reads = !j->brings,
		.response_max = 4096,
		.deadline_ms = BLOCK_REPAIR_CALL_MS,
		.stall_ms = BLOCK_REPAIR_CALL_MS,
		.cookie = j,
		.done = on_done,
	};

	(void)snprintf(peer, sizeof(peer), "gateway/%s/%s", owner->name, owner->boot);
	if (!owner->hop_url[0])
		return -ERR_UNAVAILABLE;
	int error = make_target(j);
	return error < 0 ? error : upstream_start(&options, &started);
}

static bool is_stopping(struct block_repair *r)
{
	pthread_mutex_lock(&r->lock);
	const bool stopping = r->stopping;
	pthread_mutex_unlock(&r->lock);
	return stopping;
}

static void go_on(struct job *j)
{
	while (j->owner < j->owners.count && !is_stopping(j->repair)) {
		if (call(j, &j->owners.list[j->owner]) == 0)
			return;
		j->failed = true;
		j->brings = false;
		j->owner++;
	}
	finish(j);
}

/* Queues a job, and returns the job that has to begin now; NULL: none. The block is marked as settled at once, so
 * that other readers do not offer it again. */
static struct job *take_in(struct block_repair *r, const struct job *what)
{
	struct job *j = malloc(sizeof(*j));

	if (!j)
		return NULL;
	*j = *what;
	pthread_mutex_lock(&r->lock);
	const bool fits = !r->stopping && r->waiting < BLOCK_REPAIRS_WAITING;
	if (fits) {
		block_settle(j->block, j->owners.epoch);
		(void)block_ref(j->block);
		DL_APPEND(r->queue, j);
		r->waiting++;
	}
	struct job *next = next_turn(r);
	pthread_mutex_unlock(&r->lock);
	if (!fits)
		free(j);
	return next;
}

void block_repair_offer(struct block_repair *r, struct block *block, const struct block_name *name)
{
	struct job what = {.repair = r, .block = block, .name = *name};

	if (!r->with.ring || ring_epoch(r->with.ring) == block_settled(block))
		return;
	ring_owners(r->with.ring, span_of(name->sha256, sizeof(name->sha256)), BLOCK_OWNERS, &what.owners);
	if (what.owners.count == 0) {
		block_settle(block, what.owners.epoch);
		return;
	}
	struct job *next = take_in(r, &what);
	if (next)
		go_on(next);
}

int block_repair_new(const struct block_repair_options *options, struct block_repair **ret)
{
	struct block_repair *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	r->with = *options;
	pthread_mutex_init(&r->lock, NULL);
	http_headers_init(&r->headers);
	int error = metrics_add(options->metrics, METRIC_COUNTER, "nephos_gateway_blocks_brought_total", "",
		"Blocks copied to a gateway that owns them and lacked them", &r->brought);
	if (error == 0)
		error = metrics_add(options->metrics, METRIC_COUNTER, "nephos_gateway_block_repair_failures_total", "",
			"Blocks that could not be copied to all of their owners; the next read tries again",
			&r->failures);
	if (error == 0)
		error = http_headers_add(&r->headers, "Content-Type", "application/octet-stream");
	if (error < 0)
		block_repair_free(r);
	else
		*ret = r;
	return error;
}

void block_repair_stop(struct block_repair *r)
{
	struct job *j, *more;

	if (!r)
		return;
	pthread_mutex_lock(&r->lock);
	r->stopping = true;
	struct job *queue = r->queue;
	r->queue = NULL;
	r->waiting = 0;
	pthread_mutex_unlock(&r->lock);
	DL_FOREACH_SAFE(queue, j, more) {
		DL_DELETE(queue, j);
		job_free(j);
	}
}

void block_repair_free(struct block_repair *r)
{
	if (!r)
		return;
	assert(r->under_way == 0 && !r->queue);
	http_headers_fini(&r->headers);
	pthread_mutex_destroy(&r->lock);
	free(r);
}
