#include "fusefs/log/flush.h"

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "fusefs/log/flush_internal.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <utlist.h>

static void look_before(struct flusher *fl, int64_t ns)
{
	if (ns < fl->looks_ns)
		pthread_cond_signal(&fl->wake);
}

/* The file will be stored, or the attempt made, in after_ms at the latest. The file is in the list, or will be at the
 * next flush_step. */
void flush_schedule(struct flusher *fl, struct file *f, int64_t after_ms)
{
	f->due_ns = clock_mono_ns() + after_ms * NS_PER_MS;
	look_before(fl, f->due_ns);
}

/* -- consequences of a change -- */

static bool has_work(const struct file *f)
{
	return file_is_dirty(f) || f->jobs || f->round;
}

/* True: there are fewer unstored bytes than before, or some are stuck. */
static bool count(struct flusher *fl, struct file *f)
{
	const struct job *job;
	uint64_t waiting = 0;

	DL_FOREACH(f->jobs, job)
		waiting += job_is_write(job) ? job->bytes->used : 0;
	return file_count_dirty(&fl->sums, f, waiting);
}

static void list(struct flusher *fl, struct file *f)
{
	if (f->due_listed)
		return;
	inode_ref(f->inode);
	f->due_listed = true;
	DL_APPEND2(fl->due, f, due_prev, due_next);
}

static void unlist(struct flusher *fl, struct file *f)
{
	if (!f->due_listed)
		return;
	f->due_listed = false;
	/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): the analyzer does not know that f is in the list */
	DL_DELETE2(fl->due, f, due_prev, due_next);
	inode_unref(f->inode);
}

/* True when a caller waits for data from before the last append. */
static bool waits_for_older(const struct file *f)
{
	const struct flush_wait *w;

	DL_FOREACH(f->waits, w) {
		if (w->run != f->append.run)
			return true;
	}
	return false;
}

/* When the bytes that flush_stays reports stop being held back. */
static int64_t stays_until_ns(const struct flusher *fl, const struct file *f, bool waited)
{
	return flush_room_part_waits(fl, f) ? INT64_MAX : append_until_ns(&f->append, waited);
}

static uint64_t stays(const struct flusher *fl, const struct file *f, int64_t now_ns, bool waited)
{
	const struct dirty *d = &f->dirty;
	const uint64_t bytes = f->append.bytes;

	/* A job takes effect after all the data that is here, so nothing is held back then. */
	if (bytes == 0 || d->tail == DIRTY_NO_TAIL || f->jobs || f->state != FILE_DIRTY)
		return 0;
	/* Part of the write() may have been cut away. */
	if (bytes > (uint64_t)(dirty_end(d) - d->tail))
		return 0;
	return now_ns < stays_until_ns(fl, f, waited) ? bytes : 0;
}

uint64_t flush_stays(const struct flusher *fl, const struct file *f, int64_t now_ns)
{
	return stays(fl, f, now_ns, f->waits != NULL);
}

int64_t flush_due_ns(const struct flusher *fl, const struct file *f, int64_t now_ns)
{
	const bool waited = f->waits != NULL;
	const bool all = f->dirty.count > 0 && stays(fl, f, now_ns, waited) == f->dirty.bytes;
	const int64_t until = all ? stays_until_ns(fl, f, waited) : 0;

	return waited && all ? until : until > f->due_ns ? until : f->due_ns;
}

/* Whether a round has to begin now. */
static bool has_reason(const struct flusher *fl, const struct file *f)
{
	if (f->round)
		return false;
	if (f->jobs)
		return true;
	if (f->dirty.count == 0)
		return false;
	if (waits_for_older(f))
		return true;
	const int64_t now = clock_mono_ns();

	if (flush_stays(fl, f, now) == f->dirty.bytes)
		return false;
	if (f->waits || now >= f->due_ns)
		return true;
	return f->failures == 0 &&
		(f->dirty.bytes >= FLUSH_FILE_BYTES || f->dirty.count >= FLUSH_FILE_PIECES || fl->room);
}

static void check(const struct file *f)
{
	file_check(f);
	assert(f->flushing.count == 0 || (f->round && f->round->with_data));
}

void flush_step(struct flusher *fl, struct file *f)
{
	struct inode *inode = inode_ref(f->inode);
	bool less;

	if (!file_is_dirty(f))
		file_moves(f, FILE_EMPTIED);
	if (f->dirty.count == 0)
		append_over(&f->append);
	if (f->dirty.count == 0 && f->flushing.count > 0)
		flush_waits_move(&f->waits, &f->flushing_waits);
	else if (f->dirty.count == 0)
		flush_waits_over(&f->waits, 0);
	less = count(fl, f);
	if (has_work(f))
		list(fl, f);
	if (has_reason(fl, f))
		flush_round_begin(fl, f);
	if (!has_work(f))
		unlist(fl, f);
	check(f);
	if (fl->room)
		flush_room_look(fl, less);
	inode_unref(inode);
}

/* Starts the upload of full blocks at once. */
static void upload_full(struct flusher *fl, struct file *f, int64_t from, int64_t to)
{
	for (size_t i = dirty_find(&f->dirty, from); i < f->dirty.count && f->dirty.list[i]->at < to; i++) {
		struct dirty_piece *p = f->dirty.list[i];
		struct upload *u;

		if (p->len < FLUSH_BLOCK_BYTES || p->tag)
			continue;
		u = upload_start(fl, p->bytes, p->from, p->len);
		if (u)
			dirty_tag(p, &u->tag, 0);
	}
}

static int write_dirty(struct flusher *fl, struct file *f, const struct flush_data *data, int64_t *ret_at)
{
	int64_t end = file_size(f->inode);
	int r;

	if (!data->append) {
		append_over(&f->append);
		*ret_at = data->at;
		return dirty_write(&f->dirty, data->at, data->from, data->size);
	}
	if (data->size > FILE_BYTES_MAX - (uint64_t)end)
		return -EFBIG;
	r = dirty_append(&f->dirty, end, data->from, data->size);
	if (r < 0)
		return r;
	*ret_at = end;
	/* When no other mount uses the drive, no other append can come in between. */
	if (core_is_shared(fl->core))
		append_part(&f->append, data->tid, data->size, data->at + (int64_t)data->size, clock_mono_ns());
	/* The kernel puts the bytes into its pages at the position that it takes for the end. */
	if (end != data->at)
		file_is_elsewhere(f->inode);
	return 0;
}

int flush_write(struct flusher *fl, struct inode *inode, const struct flush_data *data)
{
	struct file *f = file_get(inode);
	bool was_dirty;
	int64_t at = 0;
	int r;

	if (!f)
		return -ENOMEM;
	assert(!flush_in_line(f) && !flush_hits_tail(f, data));
	was_dirty = file_is_dirty(f);
	r = write_dirty(fl, f, data, &at);
	if (r < 0)
		return r; /* nothing was changed */
	file_moves(f, FILE_WRITTEN);
	f->mtime = clock_real_ns();
	f->ctime_shown = false;
	if (!was_dirty)
		flush_schedule(fl, f, fl->after_ms);
	upload_full(fl, f, at, at + (int64_t)data->size);
	flush_step(fl, f);
	return 0;
}

bool flush_in_line(const struct file *f)
{
	const struct job *job;

	if (!f)
		return false;
	DL_FOREACH(f->jobs, job) {
		if (job_is_write(job))
			return true;
	}
	return !file_takes_more(f);
}

bool flush_hits_tail(const struct file *f, const struct flush_data *data)
{
	const int64_t end = data->at + (int64_t)data->size;

	return f && !data->append && (end > f->dirty.tail || end > f->flushing.tail);
}

int flush_through(struct flusher *fl, struct inode *inode, const struct flush_data *data, struct job **ret_job)
{
	struct file *f = file_get(inode);
	struct job *job = calloc(1, sizeof(*job));
	struct bytes *bytes = bytes_new(data->size);

	if (!f || !job || !bytes) {
		free(job);
		bytes_unref(bytes);
		return -ENOMEM;
	}
	memcpy(bytes->data, data->from, data->size);
	bytes->used = data->size;
	job->inode = inode_ref(inode);
	job->op = (struct op){.kind = OP_WRITE,
		.id = inode->id,
		.fields = data->append ? OP_APPEND : 0u,
		.at = data->at,
		.mtime = clock_real_ns()};
	job->bytes = bytes;
	job->done = data->done;
	job->cookie = data->cookie;
	job->behind = f->round != NULL;
	job->began_ns = clock_mono_ns();
	DL_APPEND(f->jobs, job);
	*ret_job = job;
	flush_step(fl, f);
	return 0;
}

void flush_waits_move(struct flush_wait **from, struct flush_wait **to)
{
	struct flush_wait *w;

	while ((w = *from)) {
		DL_DELETE(*from, w);
		w->list = to;
		DL_APPEND(*to, w);
	}
}

void flush_waits_over(struct flush_wait **list, int error)
{
	struct flush_wait *over = NULL, *w;

	/* A callback may do anything, even wait again. */
	flush_waits_move(list, &over);
	while ((w = over)) {
		DL_DELETE(over, w);
		w->done(w->cookie, error);
		free(w);
	}
}

void flush_hurry(struct flusher *fl, struct file *f)
{
	const int64_t until = stays_until_ns(fl, f, true);

	if (until < f->due_ns)
		f->due_ns = until;
	look_before(fl, f->due_ns);
}

/* A caller that comes while a write() is in progress waits until that write() is complete: a round that began for the
 * caller would split the write(). */
static void came_in_the_midst(struct flusher *fl, struct file *f, struct flush_wait *w)
{
	if (w->list != &f->waits || stays(fl, f, clock_mono_ns(), true) == 0)
		return;
	w->run = f->append.run;
	flush_hurry(fl, f);
}

int flush_until_stored(struct flusher *fl, struct inode *inode, void (*done)(void *cookie, int error), void *cookie,
	struct flush_wait **ret_wait)
{
	struct file *f = inode->file;
	struct flush_wait *w;

	if (!file_is_dirty(f))
		return 1;
	w = malloc(sizeof(*w));
	if (!w)
		return -ENOMEM;
	*w = (struct flush_wait){
		.list = f->dirty.count > 0 ? &f->waits : &f->flushing_waits, .done = done, .cookie = cookie};
	DL_APPEND(*w->list, w);
	if (ret_wait)
		*ret_wait = w;
	came_in_the_midst(fl, f, w);
	flush_step(fl, f);
	return 0;
}

void flush_wait_cancel(struct inode *inode, struct flush_wait *wait)
{
	(void)inode;
	DL_DELETE(*wait->list, wait);
	free(wait);
}

/* budget: what is sent, and how the end is reported */
int flush_job(struct flusher *fl, struct inode *inode, const struct op *op,
	void (*done)(void *cookie, int error, const struct op_result *result), void *cookie, struct job **ret_job)
{
	struct file *f = file_get(inode);
	struct job *job = calloc(1, sizeof(*job));

	if (!f || !job) {
		free(job);
		return -ENOMEM;
	}
	job->inode = inode_ref(inode);
	job->op = *op;
	if (op->extent_count > 0) {
		assert(op->extent_count <= JOB_EXTENTS_MAX);
		memcpy(job->extents, op->extents, op->extent_count * sizeof(*op->extents));
		job->op.extents = job->extents;
	}
	job->done = done;
	job->cookie = cookie;
	job->behind = f->round != NULL;
	job->began_ns = clock_mono_ns();
	DL_APPEND(f->jobs, job);
	*ret_job = job;
	flush_step(fl, f);
	return 0;
}

bool flush_job_withdraw(struct flusher *fl, struct job *job, int error)
{
	struct inode *inode = inode_ref(job->inode);
	struct file *f = inode->file;

	if (job->under_way) {
		inode_unref(inode);
		return false;
	}
	DL_DELETE(f->jobs, job);
	job_over(job, error, NULL);
	flush_step(fl, f);
	inode_unref(inode);
	return true;
}

void flush_discard(struct flusher *fl, struct file *f)
{
	log_error(NULL, "document %" PRId64 ": %" PRIu64 " bytes that could not be stored are dropped: %s",
		f->inode->id, f->dirty.bytes, strerror(error_errno(f->error)));
	dirty_fini(&f->dirty);
	core_drop_pages(fl->core, f->inode);
	flush_waits_over(&f->waits, f->error);
	flush_step(fl, f);
}

static void drop_jobs(struct file *f, int error)
{
	struct job *job, *next;

	DL_FOREACH_SAFE(f->jobs, job, next) {
		if (job->under_way || !job_is_write(job))
			continue;
		DL_DELETE(f->jobs, job);
		job_over(job, error, NULL);
	}
}

void flush_lost_over(struct flusher *fl, struct file *f)
{
	f->lost = false;
	fl->core->store->ops->lock_settled(fl->core->store, f->inode->id);
	if (f->dirty.count > 0)
		flush_discard(fl, f);
}

void flush_drop(struct flusher *fl, struct inode *inode, int error)
{
	struct file *f = inode->file;

	if (!f || !(file_is_dirty(f) || f->jobs)) {
		fl->core->store->ops->lock_settled(fl->core->store, inode->id);
		return;
	}
	inode_ref(inode);
	f->error = error;
	f->error_seq++;
	drop_jobs(f, error);
	if (f->round)
		f->lost = true;
	else
		flush_lost_over(fl, f);
	flush_step(fl, f);
	inode_unref(inode);
}

void flush_released(struct flusher *fl, struct inode *inode)
{
	struct file *f = inode->file;

	if (!f || inode->opens > 0 || f->round || f->dirty.count == 0)
		return;
	if (file_is_refused(f))
		flush_discard(fl, f);
}

int flush_take_error(struct file *f, uint32_t *seen)
{
	if (!f || f->error_seq == *seen)
		return 0;
	*seen = f->error_seq;
	return f->error;
}
