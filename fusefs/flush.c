#include "fusefs/flush.h"

#include "common/base/clock.h"
#include "common/base/log.h"
#include "fusefs/flush_private.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <utlist.h>

static uint64_t dirty_bytes(const struct file *f)
{
	return f->dirty.bytes + f->flushing.bytes;
}

/* Is dirty from now on, and will be stored in so many ms at the latest. */
void flush_schedule(struct fs *fs, struct file *f, int64_t after_ms)
{
	f->due_ns = clock_mono_ns() + after_ms * NS_PER_MS;
	if (!f->due_listed) {
		inode_ref(f->inode);
		f->due_listed = true;
		DL_APPEND2(fs->flusher.due, f, due_prev, due_next);
	}
	if (f->due_ns < fs->flusher.looks_ns)
		pthread_cond_signal(&fs->flusher.wake);
}

void flush_settle(struct fs *fs, struct file *f)
{
	if (!f->due_listed || file_is_dirty(f) || f->round || f->jobs)
		return;
	f->due_listed = false;
	DL_DELETE2(fs->flusher.due, f, due_prev, due_next);
	inode_unref(f->inode); /* f may be gone */
}

/* Blocks that are full go off at once. */
static void upload_full(struct fs *fs, struct file *f, int64_t from, int64_t to)
{
	for (size_t i = dirty_find(&f->dirty, from); i < f->dirty.count && f->dirty.list[i]->at < to; i++) {
		struct dirty_piece *p = f->dirty.list[i];
		struct upload *u;

		if (p->len < FLUSH_BLOCK_BYTES || p->tag)
			continue;
		u = upload_start(fs, p->bytes, p->from, p->len);
		if (u)
			dirty_tag(p, &u->tag, 0);
	}
}

int flush_write(struct fs *fs, struct inode *inode, int64_t at, const void *data, size_t size)
{
	struct file *f = file_get(inode);
	uint64_t before;
	bool was_dirty;
	int r;

	if (!f)
		return -ENOMEM;
	before = f->dirty.bytes;
	was_dirty = file_is_dirty(f);
	r = dirty_write(&f->dirty, at, data, size);
	fs->flusher.bytes += f->dirty.bytes - before; /* may be less than before after a failure: modulo 2^64 */
	if (r < 0)
		return r;
	f->written++;
	f->mtime = clock_real_ns();
	f->ctime_shown = false;
	if (!was_dirty || !f->due_listed)
		flush_schedule(fs, f, FLUSH_AFTER_MS);
	upload_full(fs, f, at, at + (int64_t)size);
	if (f->dirty.bytes >= FLUSH_FILE_BYTES || f->dirty.count >= FLUSH_FILE_PIECES)
		flush_kick(fs, f);
	return 0;
}

bool flush_room(const struct fs *fs, const struct file *f, size_t size)
{
	uint64_t all = fs->flusher.bytes;

	if (f &&
		(dirty_bytes(f) + size > FLUSH_FILE_BYTES_MAX ||
			f->dirty.count + f->flushing.count >= FLUSH_FILE_PIECES_MAX))
		return false;
	return all + size <= FLUSH_BYTES_MAX || all == 0;
}

void flush_room_wait(struct fs *fs, struct room_wait *wait)
{
	struct file *f, *next;

	wait->deadline_ns = clock_mono_ns() + FLUSH_ROOM_WAIT_S * NS_PER_S;
	DL_APPEND(fs->flusher.room, wait);
	DL_FOREACH_SAFE2(fs->flusher.due, f, next, due_next)
	{
		if (!f->round && f->dirty.count > 0 && f->failures == 0)
			round_begin(fs, f);
	}
}

void flush_room_came(struct fs *fs)
{
	struct room_wait *w, *next;

	DL_FOREACH_SAFE(fs->flusher.room, w, next) {
		if (!flush_room(fs, w->file, w->size))
			continue;
		DL_DELETE(fs->flusher.room, w);
		w->ready(w, 0);
	}
}

void flush_room_failed(struct fs *fs, struct file *f, int error)
{
	struct room_wait *w, *next;

	DL_FOREACH_SAFE(fs->flusher.room, w, next) {
		if (w->file != f)
			continue;
		DL_DELETE(fs->flusher.room, w);
		w->ready(w, error);
	}
}

void flush_waits_over(struct file *f, uint64_t upto, int error)
{
	struct flush_wait *w, *next;

	DL_FOREACH_SAFE(f->waits, w, next) {
		if (w->upto > upto)
			continue;
		DL_DELETE(f->waits, w);
		w->done(w->cookie, error);
		free(w);
	}
}

void flush_kick(struct fs *fs, struct file *f)
{
	bool data = f->dirty.count > 0;
	bool wanted = f->waits || (f->dirty.bytes >= FLUSH_FILE_BYTES && f->failures == 0) ||
		(f->dirty.count >= FLUSH_FILE_PIECES && f->failures == 0) || (fs->flusher.room && f->failures == 0);

	if (f->round)
		return;
	if (f->jobs || (data && (wanted || clock_mono_ns() >= f->due_ns)))
		round_begin(fs, f);
	else
		flush_settle(fs, f);
}

int flush_until_stored(struct fs *fs, struct inode *inode, void (*done)(void *cookie, int error), void *cookie,
	struct flush_wait **ret_wait)
{
	struct file *f = inode->file;
	struct flush_wait *w;

	if (!f || f->stored == f->written)
		return 1;
	w = malloc(sizeof(*w));
	if (!w)
		return -ENOMEM;
	*w = (struct flush_wait){.upto = f->written, .done = done, .cookie = cookie};
	DL_APPEND(f->waits, w);
	if (ret_wait)
		*ret_wait = w;
	flush_kick(fs, f);
	return 0;
}

void flush_wait_cancel(struct inode *inode, struct flush_wait *wait)
{
	DL_DELETE(inode->file->waits, wait);
	free(wait);
}

/* budget: what is sent, and how its end is told */
int flush_job(struct fs *fs, struct inode *inode, const struct op *op,
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
		assert(op->extent_count == 1 && op->extents[0].kind == OP_EXTENT_HOLE);
		job->extent = op->extents[0];
		job->op.extents = &job->extent;
	}
	job->done = done;
	job->cookie = cookie;
	DL_APPEND(f->jobs, job);
	*ret_job = job;
	flush_kick(fs, f);
	return 0;
}

void flush_job_cancel(struct fs *fs, struct job *job)
{
	struct file *f = job->inode->file;

	if (f->round && f->round->job == job) {
		job->cancelled = true;
		round_cancel(f->round);
		return;
	}
	DL_DELETE(f->jobs, job);
	job_over(job, -EINTR, NULL);
	(void)fs;
}

static void discard(struct fs *fs, struct file *f)
{
	log_error(NULL, "document %" PRId64 ": %" PRIu64 " bytes that could not be stored are dropped: %s",
		f->inode->id, f->dirty.bytes, strerror(fs_errno(f->error)));
	fs->flusher.bytes -= f->dirty.bytes;
	dirty_fini(&f->dirty);
	f->stored = f->written;
	f->failures = 0;
	f->refused = f->apart = false;
	flush_waits_over(f, f->stored, f->error);
	flush_room_came(fs);
	flush_settle(fs, f);
}

void flush_released(struct fs *fs, struct inode *inode)
{
	struct file *f = inode->file;

	if (!f || inode->opens > 0 || f->round || f->dirty.count == 0)
		return;
	if (f->refused)
		discard(fs, f);
}

int flush_take_error(struct file *f, uint32_t *seen)
{
	if (!f || f->error_seq == *seen)
		return 0;
	*seen = f->error_seq;
	return f->error;
}

/* Begins the rounds whose time has come. Returns when the next one is due. */
static int64_t look_through(struct fs *fs, int64_t now)
{
	int64_t next_ns = now + NS_PER_S;
	struct room_wait *w, *next_wait;
	struct file *f, *next;

	DL_FOREACH_SAFE2(fs->flusher.due, f, next, due_next)
	{
		if (f->round)
			continue;
		if (f->due_ns <= now)
			flush_kick(fs, f);
		else if (f->due_ns < next_ns)
			next_ns = f->due_ns;
	}
	DL_FOREACH_SAFE(fs->flusher.room, w, next_wait) {
		if (w->deadline_ns > now)
			continue;
		DL_DELETE(fs->flusher.room, w);
		w->ready(w, -EIO);
	}
	return next_ns;
}

static void wait_for_dirt(struct flusher *fl, int64_t look_ns)
{
	struct timespec until = clock_timespec(look_ns);

	fl->looks_ns = look_ns;
	if (look_ns == INT64_MAX)
		pthread_cond_wait(&fl->wake, &fl->fs->lock);
	else
		pthread_cond_timedwait(&fl->wake, &fl->fs->lock, &until);
}

static void *flusher_main(void *cookie)
{
	struct flusher *fl = cookie;
	struct fs *fs = fl->fs;
	int64_t busy_ns = 0;

	fs_lock(fs);
	while (!fl->stop) {
		const int64_t now = clock_mono_ns();
		const int64_t look_ns = look_through(fs, now);

		/* What look_through left for later is not left lying. */
		if (fs->later) {
			fs_unlock(fs);
			fs_lock(fs);
			continue;
		}
		if (fl->due || fl->room)
			busy_ns = now;
		wait_for_dirt(fl, now - busy_ns < FLUSH_ATTENTIVE_NS ? look_ns : INT64_MAX);
	}
	fs_unlock(fs);
	return NULL;
}

int flusher_start(struct flusher *fl, struct fs *fs)
{
	pthread_condattr_t attributes;
	int r;

	fl->fs = fs;
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&fl->wake, &attributes);
	pthread_condattr_destroy(&attributes);
	r = worker_new(FLUSH_HASHERS, &fl->hashers);
	if (r == 0)
		r = -pthread_create(&fl->thread, NULL, flusher_main, fl);
	if (r < 0) {
		worker_free(fl->hashers);
		pthread_cond_destroy(&fl->wake);
		return r;
	}
	fl->running = true;
	return 0;
}

void flusher_stop(struct flusher *fl)
{
	struct file *f, *next;

	if (!fl->running)
		return;
	fs_lock(fl->fs);
	fl->stop = true;
	pthread_cond_signal(&fl->wake);
	fs_unlock(fl->fs);
	pthread_join(fl->thread, NULL);
	worker_free(fl->hashers);
	DL_FOREACH_SAFE2(fl->due, f, next, due_next)
	{
		if (f->dirty.count > 0)
			discard(fl->fs, f);
	}
	pthread_cond_destroy(&fl->wake);
}
