/*
 * Group commit. Each drive with waiting requests has a queue. The first request of a queue starts a job; while
 * that job waits for the database, the queue fills, and the next transaction of the job takes all of it. So a
 * single writer pays for one commit, and many writers share one. A job gives its worker back after
 * COMMIT_ROUNDS, so that a drive that is always busy does not keep others waiting.
 *
 * Two requests with the same key, or of one session, never share a transaction: the second must see what the
 * first left (its answer, its number). A transaction takes requests only up to the second one, so that a drive's
 * requests are applied in the order of their arrival.
 *
 * Locking: one mutex for all queues. A queue is in the table exactly as long as a job works on it, and only that
 * job takes requests from it.
 */
#include "backend/docs/rules/commit.h"

#include "backend/docs/rules/access.h"
#include "backend/docs/rules/touches.h"
#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/proto/batch_key.h"

#include <assert.h>
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#define COMMIT_ROUNDS 8 /* transactions of one job: some 10 ms */
/* tries of a transaction that did not happen: the connection was lost before COMMIT was sent, or a guess was wrong */
#define COMMIT_TRIES 3

struct queue {
	uint32_t drive;
	int64_t user; /* who made the queue: the owner, as nobody else changes the drive */
	struct commit *commit;
	struct commit_request *first, *last;
	size_t count; /* of these */
	UT_hash_handle hh;
};

struct commit {
	struct commit_options options;
	pthread_mutex_t mutex;
	struct queue *queues; /* guarded by mutex, as are the lists of all queues */
	size_t waiting;	      /* requests in all queues; guarded by mutex */
};

/* One request in its transaction. */
struct slot {
	struct commit_request *request;
	int error; /* reported instead of an answer */
	bool applied, repeat;
	/* ops whose blocks nobody will name: the rules have refused the batch, and would refuse it again */
	size_t refused_first, refused_count;
	struct docs_answer answer;
	char *copy; /* of a repeated answer, because the store's answer is valid only until the transaction ends */
};

struct round {
	struct commit *commit;
	struct docs_store *store;
	uint32_t drive;
	struct slot slots[COMMIT_BATCHES_MAX];
	struct docs_key keys[COMMIT_BATCHES_MAX];
	size_t count;
	/* for a single batch: extents that it cuts away whole are only counted, see tree_wants_sweep_new */
	bool sweep;
	struct tree_drive before, after;
	struct touched touched; /* filled when a home is told of it */
};

/* A job that was just submitted takes the mutex that its submitter is about to release: spinning a moment is
 * cheaper than sleeping. */
static int init_mutex(pthread_mutex_t *mutex)
{
	pthread_mutexattr_t attributes;
	int r;

	(void)pthread_mutexattr_init(&attributes);
	(void)pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_ADAPTIVE_NP);
	r = pthread_mutex_init(mutex, &attributes);
	(void)pthread_mutexattr_destroy(&attributes);
	return r == 0 ? 0 : -ENOMEM;
}

int commit_new(const struct commit_options *options, struct commit **ret)
{
	struct commit *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->options = *options;
	if (init_mutex(&c->mutex) < 0) {
		free(c);
		return -ENOMEM;
	}
	*ret = c;
	return 0;
}

void commit_free(struct commit *c)
{
	if (!c)
		return;
	assert(!c->queues);
	assert(c->waiting == 0);
	(void)pthread_mutex_destroy(&c->mutex);
	free(c);
}

/* ---- which requests share a transaction ---- */

static bool keys_clash(const struct docs_key *a, const struct docs_key *b)
{
	if (a->kind != b->kind)
		return false;
	if (a->kind == DOCS_KEY_SESSION)
		return a->session == b->session;
	return a->kind == DOCS_KEY_USER && a->user == b->user && span_eq(a->key, b->key);
}

/* A batch's part of COMMIT_OPS_MAX. A clone may be of any size, and runs alone. */
static size_t weight_of(const struct op_batch *batch)
{
	size_t weight = op_batch_count(batch), bytes = 0;

	for (size_t i = 0; i < op_batch_count(batch); i++) {
		const struct op *op = op_batch_at(batch, i);

		weight += op->extent_count + (op->kind == OP_CLONE ? COMMIT_OPS_MAX : 0);
		for (size_t e = 0; e < op->extent_count; e++)
			bytes += op->extents[e].data.size;
	}
	return weight + bytes / COMMIT_DATA_BYTES;
}

static bool fits(const struct round *r, const struct commit_request *request, size_t weight)
{
	if (r->count == COMMIT_BATCHES_MAX || (r->count > 0 && weight + request->weight > COMMIT_OPS_MAX))
		return false;
	for (size_t i = 0; i < r->count; i++)
		if (keys_clash(&r->keys[i], &request->key))
			return false;
	return true;
}

/* Moves requests that can share a transaction from the queue into the round. */
static void take(struct queue *q, struct round *r)
{
	size_t weight = 0;

	(void)pthread_mutex_lock(&q->commit->mutex);
	while (q->first && fits(r, q->first, weight)) {
		struct commit_request *request = q->first;

		q->first = request->next;
		request->next = NULL;
		weight += request->weight;
		r->keys[r->count] = request->key;
		r->slots[r->count++] = (struct slot){.request = request};
	}
	if (!q->first)
		q->last = NULL;
	/* A queue has a job only while requests wait in it, and the first request always fits. */
	assert(r->count > 0);
	assert(q->commit->waiting >= r->count);
	q->commit->waiting -= r->count;
	q->count -= r->count;
	(void)pthread_mutex_unlock(&q->commit->mutex);
}

/* ---- one transaction ---- */

static struct docs_position position(const struct tree_drive *drive)
{
	return (struct docs_position){.incarnation = drive->incarnation, .seq = drive->seq};
}

/* The key in the journal: a client's own key, or which batch of which session. */
static struct span journal_key(const struct docs_key *key, char text[BATCH_KEY_SIZE])
{
	if (key->kind == DOCS_KEY_USER)
		return key->key;
	if (key->kind == DOCS_KEY_NONE)
		return (struct span){0};
	batch_key_print(key->session, key->number, text);
	return span_str(text);
}

static int slot_repeat(struct slot *s, const struct docs_answer *old)
{
	size_t size = old->headers.size + old->body.size;

	s->copy = malloc(size ? size : 1);
	if (!s->copy)
		return -ENOMEM;
	if (old->headers.size > 0)
		memcpy(s->copy, old->headers.data, old->headers.size);
	if (old->body.size > 0)
		memcpy(s->copy + old->headers.size, old->body.data, old->body.size);
	s->answer.status = old->status;
	s->answer.headers = span_of(s->copy, old->headers.size);
	s->answer.body = span_of(s->copy + old->headers.size, old->body.size);
	s->repeat = true;
	return 0;
}

/* Refusals after which the same content may well be sent again: in parts, with the missing blocks, or for
 * another version. */
static bool is_to_come_again(int error)
{
	return error == -E2BIG || error == -ERR_BLOCK_MISSING || error == -ERR_PRECONDITION;
}

/* A refusal that may be different next time is no answer: it is not kept. */
static bool is_passing(int error)
{
	return error_lookup(error)->http_status == 503 || error_lookup(error)->http_status == 500;
}

/* -ENOSPC of no op: the disk is full, which is not the fault of the batch, and is temporary, too. */
static bool is_disk_full(int error, int index)
{
	return error == -ENOSPC && index < 0;
}

/* Notes of which ops the blocks are no longer needed. A mount sends the ops that were not refused again, in another
 * batch (oplog). Everybody else has a batch that came to nothing. A request without an answer comes again itself. */
static void note_refusal(struct slot *s, int error, int index)
{
	const struct commit_request *request = s->request;
	const bool mount = request->key.kind == DOCS_KEY_SESSION;

	if (error == 0 || index < 0 || is_to_come_again(error) || s->answer.status == 0)
		return;
	s->refused_first = mount ? (size_t)index : 0;
	s->refused_count = mount ? 1 : op_batch_count(request->batch);
}

static int slot_apply(struct slot *s, struct tree *tree, int64_t began)
{
	struct commit_request *request = s->request;
	const bool mount = request->key.kind == DOCS_KEY_SESSION;
	const struct tree_writer writer = {.session = mount ? request->key.session : 0, .began = began};
	const struct op_result *results = NULL;
	char text[BATCH_KEY_SIZE];
	int index = -1;
	int r;

	tree_by(tree, &writer);
	r = tree_apply(tree, request->batch, journal_key(&request->key, text), &results, &index);

	if (r < 0 && (is_passing(r) || is_disk_full(r, index)))
		return r;
	s->applied = r == 0;
	request->answer(request, r, index, results, position(tree_peek_drive(tree)), &s->answer);
	note_refusal(s, r, index);
	return 0;
}

static int slot_run(struct slot *s, struct tree *tree, const struct docs_seen *seen)
{
	const struct tree_drive *drive = tree_peek_drive(tree);
	const struct commit_request *request = s->request;

	/* First of all, also for a repeat: is the drive (still) the caller's, and did its home send the request? */
	const struct access_who who = {.user = request->user};
	int r = request->user == 0 ? 0 : access_check(&who, ACCESS_DRIVE, drive->owner);
	if (r == 0)
		r = commit_check_home(request, drive);
	if (r < 0)
		return r;
	if (seen->state == DOCS_REPEAT)
		return slot_repeat(s, &seen->answer);
	r = docs_seen_error(seen);
	if (r == 0)
		r = commit_check_lease(request, drive);
	return r < 0 ? r : slot_apply(s, tree, seen->began);
}

/* Is there anything to write: changes, an answer to keep, a repeat to count? */
static bool must_write(const struct round *r, const struct docs_answer *answers)
{
	for (size_t i = 0; i < r->count; i++)
		if (r->slots[i].applied || r->slots[i].repeat || answers[i].status != 0)
			return true;
	return false;
}

/* Whether a home is told what the transaction has touched. The home drops all of it before it passes on the
 * first answer of the transaction, so it need not wait for the other answers. */
static bool tells_home(const struct round *r)
{
	for (size_t i = 0; i < r->count; i++)
		if (r->slots[i].request->epoch >= 0)
			return true;
	return false;
}

static int round_commit(struct round *r, struct tree *tree)
{
	struct docs_answer answers[COMMIT_BATCHES_MAX];
	const struct tree_delta *delta;
	int error;

	memset(answers, 0, sizeof(answers));
	for (size_t i = 0; i < r->count; i++)
		if (r->slots[i].error == 0 && !r->slots[i].repeat && r->keys[i].kind != DOCS_KEY_NONE)
			answers[i] = r->slots[i].answer;
	if (!must_write(r, answers)) {
		r->store->ops->txn_abort(r->store);
		return 0;
	}
	error = tree_delta(tree, &delta);
	if (error == 0)
		error = r->store->ops->txn_commit(r->store, delta, answers);
	if (error < 0)
		r->store->ops->txn_abort(r->store);
	else if (tells_home(r))
		for (size_t i = 0; i < delta->change_count; i++)
			touches_add(&r->touched, &delta->changes[i]);
	return error;
}

static int round_wants(const struct round *r, struct tree_wants **ret)
{
	const struct op_batch *batches[COMMIT_BATCHES_MAX];

	if (r->sweep)
		return tree_wants_sweep_new(r->slots[0].request->batch, r->drive, ret);
	for (size_t i = 0; i < r->count; i++)
		batches[i] = r->slots[i].request->batch;
	return tree_wants_new(batches, r->count, r->drive, ret);
}

static void round_reset(struct round *r)
{
	for (size_t i = 0; i < r->count; i++) {
		free(r->slots[i].copy);
		r->slots[i] = (struct slot){.request = r->slots[i].request};
	}
}

/* Whether a refusal is based on a guessed row that the database has not confirmed. */
static bool is_unfounded(const struct round *r, const struct docs_seen *seen)
{
	for (size_t i = 0; i < r->count; i++)
		if (seen[i].guessed && r->slots[i].error < 0)
			return true;
	return false;
}

/* Whether the batches together are too much for one transaction. Each gets a new answer when they run one by one. */
static bool is_to_be_split(const struct round *r, const struct tree *tree)
{
	return r->count > 1 && tree_is_overfull(tree);
}

/* Whether the answer to an applied batch is too large. A single batch fails with that; several batches run one
 * by one, so that the others are committed all the same. */
static bool is_untold(const struct round *r)
{
	for (size_t i = 0; i < r->count; i++)
		if (r->slots[i].applied && r->slots[i].answer.status == -E2BIG)
			return true;
	return false;
}

/* Whether a single batch is too much, but can be tried again without reading the extents that it cuts away whole. */
static bool is_to_be_swept(struct round *r, const struct tree *tree)
{
	const struct slot *s = r->slots;
	struct tree_wants *wants = NULL;

	if (r->count > 1 || r->sweep || !tree_is_overfull(tree) || s->error < 0 || s->repeat)
		return false;
	r->sweep = tree_wants_sweep_new(s->request->batch, r->drive, &wants) == 0;
	tree_wants_free(wants);
	return r->sweep;
}

static bool is_full(const struct commit *c)
{
	return c->options.is_full && c->options.is_full(c->options.is_full_cookie);
}

/* Tries the whole transaction once. A failure that is returned applies to all requests; the failure of a single
 * request is in its slot. */
static int round_try(struct round *r)
{
	const struct docs_seen *seen;
	struct tree_wants *wants = NULL;
	struct tree *tree = NULL;
	bool large;
	int error;

	round_reset(r);
	error = round_wants(r, &wants);
	if (error < 0)
		return error;
	error = r->store->ops->txn_begin(r->store, r->drive, r->keys, r->count, wants, clock_real_ns(), &tree, &seen);
	if (error < 0) {
		r->store->ops->txn_abort(r->store);
		goto out;
	}
	r->before = *tree_peek_drive(tree);
	if (is_full(r->commit))
		tree_no_growth(tree);
	for (size_t i = 0; i < r->count; i++)
		r->slots[i].error = slot_run(&r->slots[i], tree, &seen[i]);
	r->after = *tree_peek_drive(tree);
	touched_init(&r->touched, r->drive, r->before.incarnation, r->before.seq);
	error = is_to_be_split(r, tree) || is_to_be_swept(r, tree) || is_untold(r) ? -E2BIG
		: is_unfounded(r, seen)						   ? -ENOTCONN
										   : 0;
	if (error < 0)
		r->store->ops->txn_abort(r->store);
	else
		error = round_commit(r, tree);
out:
	large = tree && tree_rows(tree) > COMMIT_OPS_MAX;
	tree_free(tree);
	tree_wants_free(wants);
	if (large)
		(void)malloc_trim(0); /* without it, the process would keep the memory that one batch needed */
	return error;
}

/* The session of all these batches; 0: several took part. */
static int64_t round_session(const struct round *r)
{
	return r->count == 1 && r->keys[0].kind == DOCS_KEY_SESSION ? r->keys[0].session : 0;
}

/* Whether others may have something to see. A repeat counts, too: its first try may have changed the drive in a
 * process that died before it could notify anybody. So does a transaction whose outcome is unknown. */
static bool is_news(const struct round *r, int error)
{
	bool repeat = false;

	for (size_t i = 0; i < r->count; i++)
		repeat = repeat || r->slots[i].repeat;
	return error == -ERR_UNKNOWN_OUTCOME || (error == 0 && (repeat || r->after.seq != r->before.seq));
}

static void round_tell(struct round *r, int error)
{
	const struct commit_options *options = &r->commit->options;
	const bool news = is_news(r, error);

	for (size_t i = 0; i < r->count; i++) {
		struct slot *s = &r->slots[i];
		struct commit_request *request = s->request;

		/* A request that failed by itself reports that, not the connection that all of them lost. */
		s->error = s->error < 0 ? s->error : error;
		if (s->refused_count > 0 && s->error == 0 && options->on_refused)
			options->on_refused(r->drive, request->batch, s->refused_first, s->refused_count,
				options->on_refused_cookie);
		request->touched = s->error == 0 && request->epoch >= 0 ? &r->touched : NULL;
		request->done(request, s->error, s->error < 0 ? NULL : &s->answer, s->repeat,
			s->error < 0 ? NULL : &r->after);
		free(s->copy);
	}
	if (news && options->on_committed)
		options->on_committed(r->drive, position(&r->after), round_session(r), options->on_committed_cookie);
}

static int round_tries(struct round *r)
{
	int error = -ENOTCONN;

	for (unsigned try = 0; try < COMMIT_TRIES && error == -ENOTCONN; try++)
		error = round_try(r);
	return error;
}

/* For a single batch, or for batches that fit one transaction. */
static int round_all(struct round *r)
{
	const int error = round_tries(r);

	return error == -E2BIG && r->sweep ? round_tries(r) : error;
}

static void round_one_by_one(struct round *r)
{
	round_reset(r);
	for (size_t i = 0; i < r->count; i++) {
		struct round one = {.commit = r->commit,
			.store = r->store,
			.drive = r->drive,
			.slots = {{.request = r->slots[i].request}},
			.keys = {r->keys[i]},
			.count = 1};

		round_tell(&one, round_all(&one));
	}
}

static void round_run(struct round *r)
{
	const int error = round_all(r);

	/* -ERR_NOT_FOUND: only the drive's owner may learn why the drive is gone, so each request runs alone. */
	if ((error == -E2BIG || error == -ERR_NOT_FOUND) && r->count > 1)
		round_one_by_one(r);
	else
		round_tell(r, error);
}

/* ---- jobs ---- */

/* When nothing waits, the queue is freed, and the next request makes a new one. */
static bool queue_end(struct queue *q)
{
	struct commit *c = q->commit;
	bool empty;

	(void)pthread_mutex_lock(&c->mutex);
	empty = !q->first;
	if (empty)
		HASH_DEL(c->queues, q);
	(void)pthread_mutex_unlock(&c->mutex);
	if (empty)
		free(q);
	return empty;
}

static void queue_on_worker(struct docs_store *store, void *cookie)
{
	struct queue *q = cookie;
	struct commit *c = q->commit;

	for (;;) {
		for (unsigned n = 0; n < COMMIT_ROUNDS; n++) {
			struct round r = {.commit = c, .store = store, .drive = q->drive};

			take(q, &r);
			round_run(&r);
			if (queue_end(q))
				return;
		}
		/* If the pool is full, this job goes on: nobody waits longer because of that. */
		if (c->options.run_on_worker(queue_on_worker, q, c->options.pool, q->user) == 0)
			return;
	}
}

/* The caller holds c->mutex. ret_new: the queue has no job yet. */
static struct queue *queue_get(struct commit *c, const struct commit_request *request, bool *ret_new)
{
	struct queue *q;

	HASH_FIND(hh, c->queues, &request->drive, sizeof(request->drive), q);
	*ret_new = !q;
	if (q)
		return q;
	q = calloc(1, sizeof(*q));
	if (!q)
		return NULL;
	q->drive = request->drive;
	q->user = request->user;
	q->commit = c;
	HASH_ADD(hh, c->queues, drive, sizeof(q->drive), q);
	if (q->hh.tbl)
		return q;
	free(q);
	return NULL;
}

static void queue_append(struct queue *q, struct commit_request *request)
{
	request->next = NULL;
	assert(!q->first == !q->last);
	if (q->last)
		q->last->next = request;
	else
		q->first = request;
	q->last = request;
	q->count++;
	q->commit->waiting++;
}

/* A user may have as many requests waiting as are left free for the others, so that nobody is refused because of what
 * another user sends. Only a user who has most of all that wait can have more. */
static bool has_room(const struct commit *c, int64_t user)
{
	const size_t left = COMMIT_QUEUE_MAX - c->waiting;
	size_t his = 0;

	if (c->waiting < left)
		return true;
	for (const struct queue *q = c->queues; q; q = q->hh.next)
		his += q->user == user ? q->count : 0;
	return his < left;
}

int commit_submit(struct commit *c, struct commit_request *request)
{
	struct queue *q = NULL;
	bool fresh = false;
	int r = 0;

	request->weight = weight_of(request->batch);

	(void)pthread_mutex_lock(&c->mutex);
	assert(c->waiting <= COMMIT_QUEUE_MAX);
	if (!has_room(c, request->user))
		r = -ERR_TOO_MANY;
	if (r == 0) {
		q = queue_get(c, request, &fresh);
		r = q ? 0 : -ENOMEM;
	}
	if (r == 0)
		queue_append(q, request);
	/* With the mutex held, so that no request is appended to a queue that gets no job. run_on_worker only
	 * stores the job. */
	if (fresh && r == 0 && c->options.run_on_worker(queue_on_worker, q, c->options.pool, q->user) < 0) {
		assert(c->waiting > 0);
		c->waiting--;
		HASH_DEL(c->queues, q);
		free(q);
		r = -ERR_TOO_MANY;
	}
	(void)pthread_mutex_unlock(&c->mutex);
	return r;
}
