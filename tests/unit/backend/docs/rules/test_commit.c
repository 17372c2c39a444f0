#include "backend/docs/rules/commit.h"
#include "backend/docs/rows/docs_mem.h"
#include "common/base/error.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <cmocka.h>

#define OWNER 7
#define JOBS_MAX 64

/* A pool that runs its jobs when the test says so, or on threads. */
struct pool {
	pthread_mutex_t mutex;
	pthread_cond_t wake;
	struct job {
		void (*fn)(struct docs_store *store, void *cookie);
		void *cookie;
	} jobs[JOBS_MAX];
	size_t first, count, room;
	bool stop;
};

struct fixture {
	struct docs_mem *mem;
	struct docs_store *store;
	struct commit *commit;
	struct pool pool;
	uint32_t drive;
	struct docs_position told; /* by on_committed */
	int64_t told_session;
	unsigned told_times;
};

/* A request and its outcome. */
struct sent {
	struct commit_request request; /* first */
	struct op_batch *batch;
	char body[64];
	unsigned answered, done;
	int refused, error, status, index;
	bool repeat, not_kept;
	struct tree_drive drive;
	char said[64]; /* the body that done got */
};

static int pool_run(void (*job)(struct docs_store *store, void *cookie), void *cookie, void *pool, int64_t party)
{
	(void)party;
	struct pool *p = pool;
	int r = -EAGAIN;

	(void)pthread_mutex_lock(&p->mutex);
	if (p->count < p->room) {
		p->jobs[(p->first + p->count++) % JOBS_MAX] = (struct job){.fn = job, .cookie = cookie};
		(void)pthread_cond_signal(&p->wake);
		r = 0;
	}
	(void)pthread_mutex_unlock(&p->mutex);
	return r;
}

static void pool_drain(struct fixture *f)
{
	while (f->pool.count > 0) {
		struct job job = f->pool.jobs[f->pool.first];
		f->pool.first = (f->pool.first + 1) % JOBS_MAX;
		f->pool.count--;
		job.fn(f->store, job.cookie);
	}
}

static void on_committed(uint32_t drive, struct docs_position at, int64_t session, void *cookie)
{
	struct fixture *f = cookie;

	if (drive != f->drive)
		return;
	f->told = at;
	f->told_session = session;
	f->told_times++;
}

static int setup(void **state)
{
	static struct fixture f;
	struct commit_options options = {
		.run_on_worker = pool_run, .pool = &f.pool, .on_committed = on_committed, .on_committed_cookie = &f};
	struct docs_drive drive;

	memset(&f, 0, sizeof(f));
	(void)pthread_mutex_init(&f.pool.mutex, NULL);
	(void)pthread_cond_init(&f.pool.wake, NULL);
	f.pool.room = JOBS_MAX;
	assert_int_equal(docs_mem_new(&f.mem), 0);
	assert_int_equal(docs_mem_open(f.mem, &f.store), 0);
	assert_int_equal(f.store->ops->drive_create(f.store, OWNER, SPAN_LITERAL("home"), 0, &drive), 0);
	f.drive = drive.row.id;
	assert_int_equal(commit_new(&options, &f.commit), 0);
	*state = &f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(docs_mem_check(f->mem, f->drive), 0);
	commit_free(f->commit);
	f->store->ops->free(f->store);
	docs_mem_free(f->mem);
	(void)pthread_mutex_destroy(&f->pool.mutex);
	(void)pthread_cond_destroy(&f->pool.wake);
	return 0;
}

/* budget: the signature is commit's */
static void on_answer(struct commit_request *request, int error, int index, const struct op_result *results,
	struct docs_position at, struct docs_answer *ret)
{
	struct sent *s = (struct sent *)request;

	s->answered++;
	s->refused = error;
	s->index = index;
	(void)snprintf(s->body, sizeof(s->body), "%d id %lld seq %lld", error, results ? (long long)results[0].id : 0,
		(long long)at.seq);
	ret->status = error < 0 ? 409 : 200;
	if (error < 0 && s->not_kept)
		ret->status = 0;
	ret->headers = SPAN_LITERAL("A: b\n");
	ret->body = span_str(s->body);
}

static void on_done(struct commit_request *request, int error, const struct docs_answer *answer, bool repeat,
	const struct tree_drive *drive)
{
	struct sent *s = (struct sent *)request;

	s->done++;
	s->error = error;
	s->repeat = repeat;
	assert_true((error == 0) == (answer != NULL));
	if (!answer)
		return;
	s->status = answer->status;
	s->drive = *drive;
	assert_true(span_eq_str(answer->headers, "A: b\n"));
	(void)snprintf(s->said, sizeof(s->said), "%.*s", (int)answer->body.size, answer->body.data);
}

static void sent_init(struct sent *s, uint32_t drive, const struct op *ops, size_t count)
{
	*s = (struct sent){.index = -2};
	s->request = (struct commit_request){
		.drive = drive, .user = OWNER, .epoch = -1, .lease_epoch = -1, .answer = on_answer, .done = on_done};
	assert_int_equal(op_batch_new(ops, count, &s->batch), 0);
	s->request.batch = s->batch;
}

static void sent_create(struct sent *s, uint32_t drive, const char *name)
{
	struct op op = {.kind = OP_CREATE, .parent = ITEM_ROOT(drive), .name = span_str(name), .mode = S_IFREG};

	sent_init(s, drive, &op, 1);
}

static void sent_fini(struct sent *s)
{
	op_batch_free(s->batch);
}

static void with_key(struct sent *s, const char *key, uint8_t fingerprint)
{
	s->request.key = (struct docs_key){
		.kind = DOCS_KEY_USER, .user = s->request.user, .key = span_str(key), .fingerprint = {fingerprint}};
}

static void keyed_create(struct sent *s, uint32_t drive, const char *name, const char *key, uint8_t fingerprint)
{
	sent_create(s, drive, name);
	with_key(s, key, fingerprint);
}

static void with_session(struct sent *s, int64_t session, int64_t number, uint8_t fingerprint)
{
	s->request.key = (struct docs_key){.kind = DOCS_KEY_SESSION,
		.user = s->request.user,
		.session = session,
		.number = number,
		.fingerprint = {fingerprint}};
}

static void submit(struct fixture *f, struct sent *s)
{
	assert_int_equal(commit_submit(f->commit, &s->request), 0);
}

/* Runs one request alone, from submit to done. */
static void run(struct fixture *f, struct sent *s)
{
	submit(f, s);
	pool_drain(f);
	assert_int_equal(s->done, 1);
}

static int64_t new_session(struct fixture *f)
{
	struct docs_scope scope = {.user = OWNER, .drive = f->drive};
	int64_t session = 0;

	assert_int_equal(f->store->ops->session_create(f->store, &scope, SPAN_LITERAL("mount"), 0, &session), 0);
	return session;
}

static int64_t seq_of(struct fixture *f)
{
	return docs_mem_get_drive(f->mem, f->drive).seq;
}

static void waiting_batches_share_one_transaction(void **state)
{
	struct fixture *f = *state;
	struct sent sent[10];
	char name[10][8];

	for (int i = 0; i < 10; i++) {
		(void)snprintf(name[i], sizeof(name[i]), "n%d", i == 9 ? 3 : i); /* the last name is taken by then */
		sent_create(&sent[i], f->drive, name[i]);
		submit(f, &sent[i]);
	}
	assert_int_equal(f->pool.count, 1);
	pool_drain(f);
	assert_int_equal(docs_mem_count(f->mem).committed, 1);
	for (int i = 0; i < 10; i++) {
		assert_int_equal(sent[i].done, 1);
		assert_int_equal(sent[i].answered, 1);
		assert_int_equal(sent[i].error, 0);
		assert_int_equal(sent[i].refused, i == 9 ? -EEXIST : 0);
		assert_int_equal(sent[i].drive.seq, 9);
		sent_fini(&sent[i]);
	}
	assert_string_equal(sent[4].said, "0 id 4294967302 seq 5");
	assert_int_equal(f->told_times, 1);
	assert_int_equal(f->told.seq, 9);
	assert_int_equal(f->told.incarnation, 1);
}

static void a_transaction_is_limited_in_batches_and_in_ops(void **state)
{
	struct fixture *f = *state;
	static struct sent sent[COMMIT_BATCHES_MAX + 2];
	struct op *ops = calloc(3000, sizeof(*ops));
	char name[8];

	for (int i = 0; i < COMMIT_BATCHES_MAX + 2; i++) {
		(void)snprintf(name, sizeof(name), "n%d", i);
		sent_create(&sent[i], f->drive, name);
		submit(f, &sent[i]);
	}
	pool_drain(f);
	assert_int_equal(docs_mem_count(f->mem).committed, 2);
	for (int i = 0; i < COMMIT_BATCHES_MAX + 2; i++)
		sent_fini(&sent[i]);
	for (int i = 0; i < 3000; i++)
		ops[i] = (struct op){.kind = OP_SETATTR, .id = ITEM_ROOT(f->drive)};
	for (int i = 0; i < 2; i++) {
		sent_init(&sent[i], f->drive, ops, 3000);
		submit(f, &sent[i]);
	}
	pool_drain(f);
	assert_int_equal(docs_mem_count(f->mem).committed, 4);
	sent_fini(&sent[0]);
	sent_fini(&sent[1]);
	free(ops);
}

static void two_requests_with_one_key_are_applied_once_and_both_answered(void **state)
{
	struct fixture *f = *state;
	struct sent a, b;

	keyed_create(&a, f->drive, "x", "k", 1);
	keyed_create(&b, f->drive, "x", "k", 1);
	submit(f, &a);
	submit(f, &b);
	pool_drain(f);
	assert_true(!a.repeat && b.repeat);
	assert_int_equal(b.error, 0);
	assert_int_equal(b.answered, 0);
	assert_int_equal(b.status, 200);
	assert_string_equal(b.said, a.said);
	assert_int_equal(seq_of(f), 1);
	assert_int_equal(docs_mem_count(f->mem).committed, 2); /* the transaction of the repeat is committed, too */
	assert_int_equal(docs_mem_count(f->mem).repeats, 1);
	sent_fini(&a);
	sent_fini(&b);
}

static void a_key_that_is_reused_for_another_request_is_refused(void **state)
{
	struct fixture *f = *state;
	struct sent a, b;

	keyed_create(&a, f->drive, "x", "k", 1);
	keyed_create(&b, f->drive, "y", "k", 2);
	run(f, &a);
	run(f, &b);
	assert_int_equal(b.error, -ERR_KEY_REUSED);
	assert_int_equal(seq_of(f), 1);
	sent_fini(&a);
	sent_fini(&b);
}

static void the_feed_gets_the_session_only_if_it_made_all_batches(void **state)
{
	struct fixture *f = *state;
	int64_t session = new_session(f);
	struct sent alone, with[2];

	sent_create(&alone, f->drive, "alone");
	with_session(&alone, session, 1, 1);
	run(f, &alone);
	assert_int_equal(f->told_session, session);
	sent_create(&with[0], f->drive, "mount's");
	with_session(&with[0], session, 2, 2);
	keyed_create(&with[1], f->drive, "another's", "key", 1);
	for (size_t i = 0; i < 2; i++)
		submit(f, &with[i]);
	pool_drain(f);
	assert_int_equal(f->told_times, 2);
	assert_int_equal(f->told_session, 0);
	sent_fini(&alone);
	for (size_t i = 0; i < 2; i++)
		sent_fini(&with[i]);
}

static void session_batches_are_applied_in_order_of_their_numbers(void **state)
{
	struct fixture *f = *state;
	struct docs_scope scope = {.user = OWNER, .drive = f->drive};
	static const char *const names[] = {"a", "b", "c", "d", "e", "f"};
	/* The number of each batch, and its outcome. */
	static const struct {
		int64_t number;
		uint8_t fingerprint;
		int error;
		bool repeat;
	} cases[] = {
		{1, 1, 0, false},
		{2, 2, 0, false},
		{2, 2, 0, true},
		{2, 9, -ERR_KEY_REUSED, false},
		{1, 1, -ERR_OUT_OF_ORDER, false},
		{4, 4, -ERR_OUT_OF_ORDER, false},
	};
	int64_t session = new_session(f);
	struct sent sent[6], last;

	for (int i = 0; i < 6; i++) {
		sent_create(&sent[i], f->drive, names[i]);
		with_session(&sent[i], session, cases[i].number, cases[i].fingerprint);
		submit(f, &sent[i]);
	}
	pool_drain(f);
	for (int i = 0; i < 6; i++) {
		assert_int_equal(sent[i].error, cases[i].error);
		assert_int_equal(sent[i].repeat, cases[i].repeat);
		sent_fini(&sent[i]);
	}
	assert_int_equal(seq_of(f), 2);
	assert_int_equal(f->store->ops->session_end(f->store, &scope, session), 0);
	sent_create(&last, f->drive, "z");
	with_session(&last, session, 3, 3);
	run(f, &last);
	assert_int_equal(last.error, -ERR_SESSION_GONE);
	sent_fini(&last);
}

static void another_users_drive_is_not_found_even_with_a_known_key(void **state)
{
	struct fixture *f = *state;
	struct tree_drive drive;
	struct sent a, b, c, d;

	keyed_create(&a, f->drive, "x", "k", 1);
	sent_create(&b, f->drive, "y");
	keyed_create(&c, f->drive, "x", "k", 1);
	sent_create(&d, f->drive + 1, "x");
	b.request.user = OWNER + 1;
	submit(f, &a);
	submit(f, &b);
	pool_drain(f);
	assert_int_equal(a.error, 0);
	assert_int_equal(b.error, -ERR_NOT_FOUND);
	assert_int_equal(b.answered, 0);
	drive = docs_mem_get_drive(f->mem, f->drive);
	drive.owner = OWNER + 1;
	docs_mem_set_drive(f->mem, &drive);
	run(f, &c);
	assert_int_equal(c.error, -ERR_NOT_FOUND);
	run(f, &d);
	assert_int_equal(d.error, -ERR_NOT_FOUND);
	for (size_t i = 0; i < 4; i++)
		sent_fini((struct sent *[]){&a, &b, &c, &d}[i]);
}

static void set_epochs(struct fixture *f, int64_t epoch, int64_t lease)
{
	struct tree_drive drive = docs_mem_get_drive(f->mem, f->drive);

	drive.epoch = epoch;
	drive.lease_epoch = lease;
	docs_mem_set_drive(f->mem, &drive);
}

static void batches_with_a_wrong_epoch_are_refused_and_others_are_applied(void **state)
{
	struct fixture *f = *state;
	static const struct {
		int64_t epoch, lease;
		int error;
	} cases[] = {{-1, -1, -ERR_EPOCH}, {3, 4, 0}, {2, -1, -ERR_EPOCH}, {3, 5, -ERR_EPOCH}, {3, -1, 0}};
	static const char *const names[] = {"a", "b", "c", "d", "e"};
	struct sent sent[5];

	set_epochs(f, 3, 4);
	for (int i = 0; i < 5; i++) {
		sent_create(&sent[i], f->drive, names[i]);
		sent[i].request.epoch = cases[i].epoch;
		sent[i].request.lease_epoch = cases[i].lease;
		submit(f, &sent[i]);
	}
	pool_drain(f);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(sent[i].error, cases[i].error);
		sent_fini(&sent[i]);
	}
	assert_int_equal(seq_of(f), 2);
}

static void a_refusal_without_a_key_writes_nothing(void **state)
{
	struct fixture *f = *state;
	struct op ops[2] = {
		{.kind = OP_SETATTR, .id = ITEM_ROOT(f->drive)}, {.kind = OP_SETATTR, .id = ITEM_ID(f->drive, 99)}};
	struct sent a;

	sent_init(&a, f->drive, ops, 2);
	run(f, &a);
	assert_int_equal(a.error, 0);
	assert_int_equal(a.refused, -ENOENT);
	assert_int_equal(a.index, 1);
	assert_int_equal(a.status, 409);
	assert_string_equal(a.said, "-2 id 0 seq 0");
	assert_int_equal(docs_mem_count(f->mem).committed, 0);
	assert_int_equal(docs_mem_count(f->mem).aborted, 1);
	assert_int_equal(f->told_times, 0);
	sent_fini(&a);
}

/* What was done stays done, and its sender has to learn of it, whoever has the lease by now. But only the
 * home of the drive gets the answer. */
static void a_repeat_is_answered_after_a_new_lease_but_not_after_a_new_epoch(void **state)
{
	struct fixture *f = *state;
	struct sent sent;

	for (int i = 0; i < 3; i++) {
		set_epochs(f, i < 2 ? 3 : 5, 4 + i);
		keyed_create(&sent, f->drive, "x", "k", 1);
		sent.request.epoch = 3;
		sent.request.lease_epoch = 4;
		run(f, &sent);
		assert_int_equal(sent.error, i < 2 ? 0 : -ERR_EPOCH);
		assert_int_equal(sent.repeat, i == 1);
		sent_fini(&sent);
	}
}

static void a_refusal_with_a_key_is_repeated_even_if_its_cause_is_gone(void **state)
{
	struct fixture *f = *state;
	struct sent first, refused, again;
	struct op gone = {.kind = OP_UNLINK, .parent = ITEM_ROOT(f->drive), .name = SPAN_LITERAL("x")};

	sent_create(&first, f->drive, "x");
	keyed_create(&refused, f->drive, "x", "k", 1);
	run(f, &first);
	run(f, &refused);
	sent_fini(&first);
	assert_int_equal(refused.refused, -EEXIST);
	sent_init(&first, f->drive, &gone, 1);
	run(f, &first);
	keyed_create(&again, f->drive, "x", "k", 1);
	run(f, &again);
	assert_true(again.repeat);
	assert_string_equal(again.said, refused.said);
	assert_int_equal(seq_of(f), 2);
	sent_fini(&first);
	sent_fini(&refused);
	sent_fini(&again);
}

static void a_refusal_that_is_not_kept_leaves_its_key_unused(void **state)
{
	struct fixture *f = *state;
	struct op bad = {.kind = OP_SETATTR, .id = ITEM_ID(f->drive, 99)};
	struct sent a, b;

	sent_init(&a, f->drive, &bad, 1);
	a.not_kept = true;
	with_key(&a, "k", 1);
	run(f, &a);
	assert_int_equal(a.error | a.status, 0);
	assert_int_equal(docs_mem_count(f->mem).committed, 0);
	keyed_create(&b, f->drive, "x", "k", 2);
	run(f, &b);
	assert_int_equal(b.error, 0);
	assert_false(b.repeat);
	sent_fini(&a);
	sent_fini(&b);
}

static void a_batch_is_retried_after_a_connection_lost_before_commit(void **state)
{
	static const enum docs_mem_call calls[] = {DOCS_MEM_BEGIN, DOCS_MEM_COMMIT};
	static const char *const names[] = {"a", "b"};
	struct fixture *f = *state;

	for (int i = 0; i < 2; i++) {
		struct sent a;

		sent_create(&a, f->drive, names[i]);
		with_key(&a, names[i], 1);
		docs_mem_fail(f->mem, calls[i], -ENOTCONN, 1);
		run(f, &a);
		assert_int_equal(a.error, 0);
		assert_int_equal(a.refused, 0);
		assert_int_equal(a.answered, i + 1);
		assert_int_equal(seq_of(f), i + 1);
		sent_fini(&a);
	}
}

static void all_batches_fail_and_write_nothing_if_each_try_loses_the_connection(void **state)
{
	struct fixture *f = *state;
	struct sent a, b, stranger;

	sent_create(&a, f->drive, "a");
	sent_create(&b, f->drive, "b");
	sent_create(&stranger, f->drive, "c");
	stranger.request.user = OWNER + 1;
	docs_mem_fail(f->mem, DOCS_MEM_COMMIT, -ENOTCONN, 3);
	submit(f, &a);
	submit(f, &b);
	submit(f, &stranger);
	pool_drain(f);
	assert_int_equal(a.error, -ENOTCONN);
	assert_int_equal(b.error, -ENOTCONN);
	assert_int_equal(stranger.error, -ERR_NOT_FOUND);
	assert_int_equal(seq_of(f), 0);
	assert_int_equal(f->told_times, 0);
	sent_fini(&a);
	sent_fini(&b);
	sent_fini(&stranger);
}

static void a_lost_commit_answer_is_an_unknown_outcome_that_the_key_resolves(void **state)
{
	struct fixture *f = *state;
	struct sent a, b;

	keyed_create(&a, f->drive, "a", "k", 1);
	docs_mem_fail(f->mem, DOCS_MEM_COMMITTED, -ERR_UNKNOWN_OUTCOME, 1);
	run(f, &a);
	assert_int_equal(a.error, -ERR_UNKNOWN_OUTCOME);
	assert_int_equal(a.answered, 1);
	assert_int_equal(f->told_times, 1); /* the feed is told, since it may have been committed … */
	keyed_create(&b, f->drive, "a", "k", 1);
	run(f, &b);
	assert_int_equal(b.error, 0);
	assert_true(b.repeat);
	assert_string_equal(b.said, a.body);
	assert_int_equal(seq_of(f), 1);
	assert_int_equal(f->told_times, 2); /* … and of a repeat: its first process may have died before that */
	sent_fini(&a);
	sent_fini(&b);
}

static void a_timeout_of_the_store_is_not_retried(void **state)
{
	struct fixture *f = *state;
	struct sent a;

	sent_create(&a, f->drive, "a");
	docs_mem_fail(f->mem, DOCS_MEM_BEGIN, -ETIMEDOUT, 1);
	run(f, &a);
	assert_int_equal(a.error, -ETIMEDOUT);
	assert_int_equal(docs_mem_count(f->mem).begun, 1);
	sent_fini(&a);
}

static void commit_submit_refuses_when_the_pool_is_full_or_the_user_has_his_share(void **state)
{
	enum { SHARE = COMMIT_QUEUE_MAX / 2 };
	struct fixture *f = *state;
	static struct sent sent[SHARE + 1], other;
	sent_create(&other, f->drive, "x");
	f->pool.room = 0;
	assert_int_equal(commit_submit(f->commit, &other.request), -ERR_TOO_MANY);
	f->pool.room = JOBS_MAX;
	for (int i = 0; i <= SHARE; i++) {
		sent_create(&sent[i], f->drive, "x");
		assert_int_equal(commit_submit(f->commit, &sent[i].request), i < SHARE ? 0 : -ERR_TOO_MANY);
	}
	other.request.user++;
	submit(f, &other);
	pool_drain(f);
	assert_int_equal(other.done, 1);
	for (int i = 0; i <= SHARE; i++) {
		assert_int_equal(sent[i].done, i < SHARE);
		sent_fini(&sent[i]);
	}
	sent_fini(&other);
}

/* ---- threads ---- */

#define WORKERS 4
#define WRITERS 6
#define PER_WRITER 60
#define DRIVES 3

static void *work(void *cookie)
{
	struct fixture *f = cookie;
	struct pool *p = &f->pool;
	struct docs_store *store;

	assert_int_equal(docs_mem_open(f->mem, &store), 0);
	(void)pthread_mutex_lock(&p->mutex);
	for (;;) {
		struct job job;

		while (p->count == 0 && !p->stop)
			(void)pthread_cond_wait(&p->wake, &p->mutex);
		if (p->count == 0)
			break;
		job = p->jobs[p->first];
		p->first = (p->first + 1) % JOBS_MAX;
		p->count--;
		(void)pthread_mutex_unlock(&p->mutex);
		job.fn(store, job.cookie);
		(void)pthread_mutex_lock(&p->mutex);
	}
	(void)pthread_mutex_unlock(&p->mutex);
	store->ops->free(store);
	return NULL;
}

struct writer {
	struct fixture *f;
	unsigned number;
	unsigned fresh; /* answers that were no repeats */
	pthread_mutex_t mutex;
	pthread_cond_t wake;
};

struct waited {
	struct sent sent; /* first */
	struct writer *writer;
	bool over;
};

static void waited_on_done(struct commit_request *request, int error, const struct docs_answer *answer, bool repeat,
	const struct tree_drive *drive)
{
	struct waited *w = (struct waited *)request;
	struct writer *writer = w->writer;

	on_done(request, error, answer, repeat, drive);
	(void)pthread_mutex_lock(&writer->mutex);
	w->over = true;
	(void)pthread_cond_signal(&writer->wake);
	(void)pthread_mutex_unlock(&writer->mutex);
}

/* Sends one batch with a key until it is answered, and then once more, to see that the answer is the same. */
static void write_one(struct writer *writer, unsigned n)
{
	char name[32], said[64] = "";
	unsigned answers = 0;

	(void)snprintf(name, sizeof(name), "w%u-%u", writer->number, n);
	while (answers < 2) {
		struct waited w = {.writer = writer};

		sent_create(&w.sent, 1 + (writer->number + n) % DRIVES, name);
		with_key(&w.sent, name, 1);
		w.sent.request.done = waited_on_done;
		assert_int_equal(commit_submit(writer->f->commit, &w.sent.request), 0);
		(void)pthread_mutex_lock(&writer->mutex);
		while (!w.over)
			(void)pthread_cond_wait(&writer->wake, &writer->mutex);
		(void)pthread_mutex_unlock(&writer->mutex);
		if (w.sent.error == 0) {
			assert_true(answers == 0 || strcmp(said, w.sent.said) == 0);
			(void)snprintf(said, sizeof(said), "%s", w.sent.said);
			answers++;
			writer->fresh += !w.sent.repeat;
		}
		sent_fini(&w.sent);
	}
}

static void *write_all(void *cookie)
{
	struct writer *writer = cookie;

	for (unsigned n = 0; n < PER_WRITER; n++) {
		static const int errors[] = {-ENOTCONN, -ERR_UNKNOWN_OUTCOME, -ETIMEDOUT};

		if (n % 7 == 0)
			docs_mem_fail(writer->f->mem, n % 2 ? DOCS_MEM_BEGIN : DOCS_MEM_COMMIT, -ENOTCONN, 1 + n % 3);
		if (n % 11 == 0)
			docs_mem_fail(writer->f->mem, DOCS_MEM_COMMITTED, errors[1 + n % 2], 1);
		write_one(writer, n);
	}
	return NULL;
}

static void concurrent_writers_on_failing_connections_apply_each_batch_once(void **state)
{
	struct fixture *f = *state;
	pthread_t workers[WORKERS], threads[WRITERS];
	struct writer writers[WRITERS];
	struct docs_drive drive;
	int64_t seqs = 0;

	for (unsigned i = 1; i < DRIVES; i++)
		assert_int_equal(f->store->ops->drive_create(f->store, OWNER, SPAN_LITERAL("more"), 0, &drive), 0);
	for (unsigned i = 0; i < WORKERS; i++)
		assert_int_equal(pthread_create(&workers[i], NULL, work, f), 0);
	for (unsigned i = 0; i < WRITERS; i++) {
		writers[i] = (struct writer){.f = f, .number = i};
		(void)pthread_mutex_init(&writers[i].mutex, NULL);
		(void)pthread_cond_init(&writers[i].wake, NULL);
		assert_int_equal(pthread_create(&threads[i], NULL, write_all, &writers[i]), 0);
	}
	for (unsigned i = 0; i < WRITERS; i++) {
		(void)pthread_join(threads[i], NULL);
		(void)pthread_cond_destroy(&writers[i].wake);
		(void)pthread_mutex_destroy(&writers[i].mutex);
	}
	(void)pthread_mutex_lock(&f->pool.mutex);
	f->pool.stop = true;
	(void)pthread_cond_broadcast(&f->pool.wake);
	(void)pthread_mutex_unlock(&f->pool.mutex);
	for (unsigned i = 0; i < WORKERS; i++)
		(void)pthread_join(workers[i], NULL);
	for (uint32_t id = 1; id <= DRIVES; id++) {
		assert_int_equal(docs_mem_check(f->mem, id), 0);
		seqs += docs_mem_get_drive(f->mem, id).seq;
	}
	assert_int_equal(seqs, WRITERS * PER_WRITER);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(waiting_batches_share_one_transaction),
		CASE(a_transaction_is_limited_in_batches_and_in_ops),
		CASE(two_requests_with_one_key_are_applied_once_and_both_answered),
		CASE(a_key_that_is_reused_for_another_request_is_refused),
		CASE(the_feed_gets_the_session_only_if_it_made_all_batches),
		CASE(session_batches_are_applied_in_order_of_their_numbers),
		CASE(another_users_drive_is_not_found_even_with_a_known_key),
		CASE(batches_with_a_wrong_epoch_are_refused_and_others_are_applied),
		CASE(a_repeat_is_answered_after_a_new_lease_but_not_after_a_new_epoch),
		CASE(a_refusal_without_a_key_writes_nothing),
		CASE(a_refusal_with_a_key_is_repeated_even_if_its_cause_is_gone),
		CASE(a_refusal_that_is_not_kept_leaves_its_key_unused),
		CASE(a_batch_is_retried_after_a_connection_lost_before_commit),
		CASE(all_batches_fail_and_write_nothing_if_each_try_loses_the_connection),
		CASE(a_lost_commit_answer_is_an_unknown_outcome_that_the_key_resolves),
		CASE(a_timeout_of_the_store_is_not_retried),
		CASE(commit_submit_refuses_when_the_pool_is_full_or_the_user_has_his_share),
		CASE(concurrent_writers_on_failing_connections_apply_each_batch_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
