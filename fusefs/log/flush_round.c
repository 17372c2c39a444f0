#include "fusefs/log/flush_internal.h"

#include "common/base/clock.h"
#include "common/base/error.h"

#include <assert.h>
#include <errno.h>
#include <utlist.h>

/*
 * A round brings the dirty data of one file, or the jobs that wait there, to the store. Each file has at most one
 * round at a time. A round has four steps:
 *
 * 1. It begins: a table says what it takes, the data, the next job, or both. The data moves from dirty to flushing,
 *    except the end of it when that belongs to a write() that may go on (flush_stays).
 * 2. Pieces that have no upload get one, small pieces together. Content that is small enough as a whole is sent
 *    inside the ops.
 * 3. When the last upload is stored, the ops go into the op log as one group (flush_round_ops.c).
 * 4. Whatever the answer, the round ends (flush_round_end.c), and the next one begins if there is a reason.
 *
 * The data and the job share a group, so that they need only one answer. When such a group is refused, the answer
 * does not say which of the two was refused: the job is then sent alone, and after it the data. Writes that are jobs
 * have rounds of their own, behind the data, and one round takes as many as wait; when these are refused, they are
 * sent one by one.
 */

enum next_job { NO_JOB, OTHER_JOB, WRITE_JOB, NEXT_JOBS };

struct takes {
	bool data, job;
};

/* What a round takes from a file that has dirty data, which is older than every job. From a file without dirty data,
 * a round takes the job. */
static const struct takes takes_of[][NEXT_JOBS] = {
	[FILE_DIRTY] =
		{
			[NO_JOB] = {.data = true},
			[OTHER_JOB] = {.data = true, .job = true},
			[WRITE_JOB] = {.data = true}, /* its refusal must not affect the data */
		},
	[FILE_SEPARATE] =
		{
			[NO_JOB] = {.data = true},
			[OTHER_JOB] = {.job = true},
			[WRITE_JOB] = {.job = true},
		},
	[FILE_REFUSED] =
		{
			[NO_JOB] = {.data = true},
			[OTHER_JOB] = {.job = true}, /* the job may make the data fit */
			[WRITE_JOB] = {.job = true},
		},
};

static void upload(struct round *r);

static void forget_uploads(struct dirty *d)
{
	for (size_t i = 0; i < d->count; i++)
		dirty_tag(d->list[i], NULL, 0);
}

static void on_round(void *cookie, int error, const struct op_result *results, size_t count)
{
	struct round *r = cookie;
	struct flusher *fl = r->flusher;

	core_lock(fl->core);
	core_call_over(fl->core);
	if (error == -ERR_BLOCK_MISSING && ++r->attempts < FLUSH_ATTEMPTS_MAX) {
		/* A block was stored so long ago that it was garbage-collected before a batch named it. */
		forget_uploads(flush_round_content(r));
		upload(r);
	} else {
		flush_round_end(r, error, results, count);
	}
	core_unlock(fl->core);
}

static void send_ops(struct round *r)
{
	struct flusher *fl = r->flusher;
	/* One more, in case a piece is cut in two. */
	struct op_extent *extents = calloc(flush_round_content(r)->count + 1, sizeof(*extents));
	const struct job *job = r->job;
	uint64_t group;
	struct op ops[FLUSH_ROUND_OPS_MAX];
	int error = -ENOMEM;

	if (extents) {
		core_call_begins(fl->core);
		error = oplog_append(fl->oplog, ops, flush_round_ops(r, ops, extents), on_round, r, &group);
		if (error < 0)
			core_call_over(fl->core);
		else if (job && job->behind)
			oplog_began(fl->oplog, group, job->began_ns);
	}
	free(extents);
	if (error < 0)
		flush_round_end_unsent(r);
}

/* -- the uploads -- */

static void on_upload(void *cookie, int error)
{
	struct round *r = cookie;

	assert(r->missing > 0);
	if (error < 0)
		r->error = error;
	if (--r->missing > 0)
		return;
	if (r->error == 0)
		send_ops(r);
	else if (r->starting)
		flush_round_end_unsent(r);
	else
		flush_round_end(r, r->error, NULL, 0);
}

/* The pieces [from, to) share one block. */
static int pack(struct round *r, size_t from, size_t to)
{
	struct dirty *d = flush_round_content(r);
	struct bytes *bytes;
	struct upload *u;
	size_t size = 0;

	for (size_t i = from; i < to; i++)
		size += d->list[i]->len;
	bytes = bytes_new(size);
	if (!bytes)
		return -ENOMEM;
	for (size_t i = from; i < to; i++) {
		const struct dirty_piece *p = d->list[i];

		memcpy(bytes->data + bytes->used, p->bytes->data + p->from, p->len);
		bytes->used += p->len;
	}
	u = upload_start(r->flusher, bytes, 0, size);
	bytes_unref(bytes);
	if (!u)
		return -ENOMEM;
	size = 0;
	for (size_t i = from; i < to; i++) {
		u->tag.refs++;
		dirty_tag(d->list[i], &u->tag, size);
		size += d->list[i]->len;
	}
	dirty_tag_unref(&u->tag);
	return 0;
}

static bool is_small(const struct dirty_piece *p)
{
	return !p->tag && p->len < FLUSH_PACK_BYTES_MAX;
}

/* Puts small pieces, in their order, into blocks of at most FLUSH_BLOCK_BYTES. */
static int pack_small(struct round *r)
{
	struct dirty *d = flush_round_content(r);
	size_t i = 0;

	while (i < d->count) {
		size_t from = i, size = 0;
		int error;

		while (i < d->count && is_small(d->list[i]) && size + d->list[i]->len <= FLUSH_BLOCK_BYTES)
			size += d->list[i++]->len;
		if (i == from) {
			i++;
			continue;
		}
		error = pack(r, from, i);
		if (error < 0)
			return error;
	}
	return 0;
}

static int upload_large(struct round *r, struct dirty_piece *p)
{
	struct upload *u = p->tag ? upload_of(p->tag) : NULL;

	if (u && u->state != UPLOAD_FAILED)
		return 0;
	u = upload_start(r->flusher, p->bytes, p->from, p->len);
	if (!u)
		return -ENOMEM;
	dirty_tag(p, &u->tag, 0);
	return 0;
}

/* Makes sure that every piece is inline or in an upload. */
static int prepare(struct round *r)
{
	struct dirty *d = flush_round_content(r);
	uint64_t small = 0;
	int error = 0;

	for (size_t i = 0; i < d->count && error == 0; i++) {
		struct dirty_piece *p = d->list[i];

		if (p->tag && upload_of(p->tag)->state == UPLOAD_FAILED)
			dirty_tag(p, NULL, 0);
		if (is_small(p))
			small += p->len;
	}
	if (small > INLINE_BYTES_MAX)
		error = pack_small(r);
	for (size_t i = 0; i < d->count && error == 0; i++)
		if (!is_small(d->list[i]))
			error = upload_large(r, d->list[i]);
	return error;
}

static int wait_for(struct round *r)
{
	struct dirty *d = flush_round_content(r);
	const struct upload *last = NULL;

	for (size_t i = 0; i < d->count; i++) {
		struct upload *u = d->list[i]->tag ? upload_of(d->list[i]->tag) : NULL;
		int error;

		if (!u || u == last || u->state == UPLOAD_DONE)
			continue;
		error = wait_add(&u->waits, on_upload, r);
		if (error < 0)
			return error; /* the waits that were added already still call back */
		r->missing++;
		last = u;
	}
	return 0;
}

static void upload(struct round *r)
{
	int error;

	r->error = 0;
	r->missing = 1; /* counts this function itself */
	r->starting = true;
	error = prepare(r);
	if (error == 0)
		error = wait_for(r);
	r->starting = r->missing == 1;
	on_upload(r, error);
}

static struct takes takes(const struct file *f)
{
	enum next_job next = !f->jobs ? NO_JOB : job_is_write(f->jobs) ? WRITE_JOB : OTHER_JOB;

	if (f->dirty.count == 0)
		return (struct takes){.job = next != NO_JOB};
	/* However many jobs arrive, the data that a caller waits for gets its turn. */
	if (!file_takes_more(f) && f->waits && f->jobs_went)
		next = NO_JOB;
	assert(f->state != FILE_CLEAN);
	return takes_of[f->state][next];
}

/* Takes the job, or as many writes as wait in a row. */
static int take_along(struct round *r, struct job *job)
{
	bool append;
	int error = 0;

	r->job = job;
	r->jobs = 1;
	job->under_way = true;
	if (!job_is_write(job))
		return 0;
	r->mtime = job->op.mtime;
	r->assumed = job->op.at;
	append = job_is_append(job);
	error = dirty_lay(&r->tried, append ? 0 : job->op.at, job->bytes);
	r->tried.tail = append ? 0 : DIRTY_NO_TAIL;
	for (; error == 0 && !job->alone && job_is_write(job->next) && !job->next->alone; job = job->next) {
		const struct job *next = job->next;

		if (job_is_append(next) != append)
			return 0; /* the writes must stay in their order */
		if (r->tried.bytes + next->bytes->used > FLUSH_FILE_BYTES || r->jobs == FLUSH_FILE_PIECES)
			return 0;
		error = append ? dirty_append(&r->tried, dirty_end(&r->tried), next->bytes->data, next->bytes->used)
			       : dirty_write(&r->tried, next->op.at, next->bytes->data, next->bytes->used);
		if (error < 0)
			return 0; /* the write goes with the next round */
		job->next->under_way = true;
		r->mtime = next->op.mtime;
		r->jobs++;
	}
	return error;
}

/* A caller that came during the write() whose end stays here waits for the next round. */
static void move_waits(struct file *f)
{
	struct flush_wait *w, *next;

	DL_FOREACH_SAFE(f->waits, w, next) {
		if (f->append.bytes > 0 && w->run == f->append.run)
			continue;
		DL_DELETE(f->waits, w);
		w->list = &f->flushing_waits;
		DL_APPEND(f->flushing_waits, w);
	}
}

static void take_data(struct round *r)
{
	struct flusher *fl = r->flusher;
	struct file *f = r->file;
	const uint64_t stays = flush_stays(fl, f, clock_mono_ns());

	f->flushing = f->dirty;
	dirty_init(&f->dirty);
	/* Without memory for the split, the round takes all of it. */
	if (stays > 0 && stays < f->flushing.bytes &&
		dirty_split(&f->flushing, dirty_end(&f->flushing) - (int64_t)stays, &f->dirty) == 0)
		flush_schedule(fl, f, fl->after_ms);
	else
		append_over(&f->append);
	move_waits(f);
	if (f->waits)
		flush_hurry(fl, f);
}

void flush_round_begin(struct flusher *fl, struct file *f)
{
	struct takes take = takes(f);
	struct round *r = calloc(1, sizeof(*r));
	int error = 0;

	assert(!f->round && (take.data || take.job));
	if (!r) {
		flush_schedule(fl, f, FLUSH_RETRY_MS_MIN);
		return;
	}
	inode_ref(f->inode);
	r->flusher = fl;
	r->file = f;
	r->mtime = f->mtime;
	r->with_data = take.data;
	dirty_init(&r->tried);
	f->round = r;
	if (take.job)
		error = take_along(r, f->jobs);
	if (take.data)
		take_data(r);
	if (error < 0)
		flush_round_end_unsent(r);
	else
		upload(r);
}
