#include "fusefs/log/flush_internal.h"

#include "common/base/error.h"
#include "common/base/log.h"
#include "fusefs/content/blocks.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <utlist.h>

/*
 * How a round ends, and what follows for the file and for the callers that wait:
 *
 * - Stored: the flushed data becomes known stored content, its blocks are kept, and the attributes are those of the
 *   answer. The callers that waited for the data or for a job are notified.
 * - Data and job were refused together: no caller is notified. The file is FILE_SEPARATE, and each is sent by
 *   itself. Several writes in one round are treated the same way: each is then sent alone.
 * - Refused alone, or not answered: the caller of a job gets the error. Data is dirty again, below what was written
 *   since, and is tried again after a pause that doubles. The callers that wait for the data get the error, and
 *   every open handle reports it.
 * - Not sent at all (no memory, or the op log is full): everything is as before, and the round is tried again soon.
 *
 * First the whole state of the file is updated, then the callbacks are called, as they may queue more work.
 */

/* The callbacks to call when a round is over and the state of the file is consistent again. */
struct news {
	struct flush_wait *waits;
	struct job *jobs;
	const struct op_result *result; /* for the jobs */
	int error;
	int data_error; /* for callers that wait for the data */
	bool no_room;
};

static void round_free(struct round *r)
{
	dirty_fini(&r->tried);
	inode_unref(r->file->inode);
	free(r);
}

static void tell_failure(struct file *f, int error)
{
	f->error = error;
	f->error_seq++;
}

/* The flushed data is dirty again, below what was written since. */
static void put_back(struct file *f)
{
	if (dirty_merge_under(&f->dirty, &f->flushing) < 0) {
		log_error(NULL, "document %" PRId64 ": no memory to keep %" PRIu64 " bytes that are not stored",
			f->inode->id, f->flushing.bytes);
		tell_failure(f, -ENOMEM);
	}
	dirty_fini(&f->flushing);
}

/* True for a failure of the transport, not of the content: the same may succeed later. */
static bool is_passing(int error)
{
	switch (-error) {
	case EIO:
	case EAGAIN:
	case EINTR:
	case ENOMEM:
	case ECANCELED:
	case ETIMEDOUT:
	case EBADMSG:
	case ERR_BEHIND:
	case ERR_UNAVAILABLE:
	case ERR_NO_GATEWAY:
	case ERR_UNKNOWN_OUTCOME:
	case ERR_IN_DOUBT:
	case ERR_OUT_OF_ORDER:
	case ERR_SESSION_GONE:
	case ERR_TOO_MANY:
	case ERR_BLOCK_MISSING:
	case ERR_DRIVE_TRASHED: /* the drive may be restored */
	case ESHUTDOWN:
		return true;
	default:
		return false;
	}
}

/* Takes the jobs of the round out of the file: they are over. */
static void take_jobs(struct round *r, struct news *news)
{
	struct file *f = r->file;

	while (r->jobs > 0) {
		struct job *job = f->jobs;

		assert(job);
		DL_DELETE(f->jobs, job);
		DL_APPEND(news->jobs, job);
		r->jobs--;
	}
}

/* Leaves the jobs in the file, for another round. */
static void leave_jobs(struct round *r)
{
	struct job *job = r->job;

	for (; job && r->jobs > 0; job = job->next) {
		job->under_way = false;
		r->jobs--;
	}
}

static int64_t retry_ms(unsigned failures)
{
	int64_t ms = FLUSH_RETRY_MS_MIN;

	while (failures-- > 1 && ms < FLUSH_RETRY_MS_MAX)
		ms *= 2;
	return ms < FLUSH_RETRY_MS_MAX ? ms : FLUSH_RETRY_MS_MAX;
}

static void data_failed(struct round *r, int error, struct news *news)
{
	struct flusher *fl = r->flusher;
	struct file *f = r->file;

	/* Only the callers that wait get the error of an outage: nothing is dropped, and a caller that asks later
	 * gets the result of its own attempt. */
	if (error == -ERR_NO_GATEWAY)
		f->error = error;
	else
		tell_failure(f, error);
	file_moves(f, is_passing(error) ? FILE_FAILED : FILE_REJECTED);
	log_warning(NULL, "document %" PRId64 ": %" PRIu64 " bytes are not stored yet: %s", f->inode->id,
		f->dirty.bytes, error_lookup(error)->title);
	flush_schedule(fl, f, retry_ms(f->failures));
	flush_waits_move(&f->flushing_waits, &news->waits);
	news->no_room = true;
}

/* -- processing the answer -- */

/* at: the position at which the appended data is stored. */
static void learn_blocks(struct round *r, int64_t at)
{
	const struct dirty *d = flush_round_content(r);
	struct file *f = r->file;
	int error = 0;

	for (size_t i = 0; i < d->count && error == 0; i++) {
		const struct dirty_piece *p = d->list[i];
		struct segment s = {.at = p->at + (p->at >= d->tail ? at - d->tail : 0),
			.len = (int64_t)p->len,
			.kind = SEGMENT_INLINE};

		if (p->tag) {
			struct upload *u = upload_of(p->tag);

			s.kind = SEGMENT_BLOCK;
			s.from = (uint32_t)p->tag_from;
			s.block_size = (uint32_t)u->size;
			memcpy(s.sha256, u->sha256, sizeof(s.sha256));
			if (u->from == 0)
				blocks_put(r->flusher->blocks, u->sha256, u->bytes);
		} else {
			s.from = (uint32_t)p->from;
			s.bytes = p->bytes;
		}
		error = content_own_part(&f->content, &s);
	}
	if (error < 0)
		content_drop(&f->content);
	file_count_content(r->flusher->core, f);
}

/* Another client's bytes are stored at the place that was assumed for ours: the cached content and the kernel's pages
 * do not match the file. */
static void place_was_another(struct round *r)
{
	file_drop_content(r->flusher->core, r->file);
	core_drop_pages(r->flusher->core, r->file->inode);
}

static void content_stored(struct round *r, const struct op_result *result, int64_t before)
{
	struct inode *inode = r->file->inode;

	inode_unref(attributes_learn_own(r->flusher->core, result));
	if (!result->has_item)
		return;
	if (r->drop_setid)
		r->file->drop_setid = false;
	content_own(&r->file->content, before, result->item.content_seq, result->item.seq);
	if (flush_round_content(r)->tail != DIRTY_NO_TAIL && result->value != r->assumed) {
		place_was_another(r);
		return;
	}
	learn_blocks(r, result->value);
	if (inode->pages_seq == before)
		inode->pages_seq = result->item.content_seq;
}

static void data_stored(struct round *r, struct news *news)
{
	struct file *f = r->file;

	dirty_fini(&f->flushing);
	file_moves(f, FILE_STORED);
	flush_waits_move(&f->flushing_waits, &news->waits);
}

static void round_stored(struct round *r, const struct op_result *results, size_t count, struct news *news)
{
	struct file *f = r->file;
	bool content = flush_round_content(r)->count > 0, extra = r->job && !job_is_write(r->job) && !r->merged;
	/* When another client made an earlier change that the journal has not reported yet, it is not known to which
	 * content this round was applied. */
	int64_t before = fill_behind(&r->flusher->core->view) ? CONTENT_OF_OTHERS : f->inode->attr.content_seq;
	struct job *job;

	news->result = &results[r->writes > 0 && !extra ? r->writes - 1 : r->writes];
	assert(news->result < results + count);
	if (content)
		content_stored(r, &results[r->writes - 1], before);
	if (r->sets_ctime)
		inode_unref(attributes_learn_own(r->flusher->core, &results[r->writes]));
	if (r->with_data)
		data_stored(r, news);
	if (r->job && !job_is_write(r->job)) {
		inode_unref(attributes_learn_own(r->flusher->core, news->result));
		job_apply(r->flusher->core, r->job, content ? results[r->writes - 1].item.content_seq : before,
			news->result);
	}
	take_jobs(r, news);
	DL_FOREACH(news->jobs, job)
		job_hides_dirty(job, news->result);
}

/* For a round with data and a job: the job is tried without the data, then the data by itself. */
static void separate(struct round *r)
{
	struct file *f = r->file;

	file_moves(f, FILE_SPLIT);
	flush_waits_move(&f->flushing_waits, &f->waits);
	leave_jobs(r);
	flush_schedule(r->flusher, f, 0);
}

/* For a round with several writes: each will get an answer of its own. */
static void one_by_one(struct round *r)
{
	struct job *job = r->job;

	for (unsigned left = r->jobs; job && left > 0; job = job->next, left--)
		job->alone = true;
	leave_jobs(r);
}

/* Appended data that is sent again might be stored twice: it is given up, and its writer gets an error. Data with a
 * fixed place can be written there again any number of times. */
static bool give_up_tail(struct round *r)
{
	struct dirty *d = &r->file->flushing;

	if (d->tail == DIRTY_NO_TAIL)
		return false;
	log_error(NULL,
		"document %" PRId64 ": %" PRId64 " bytes that were appended are stored or not: they are dropped here",
		r->file->inode->id, dirty_end(d) - d->tail);
	(void)dirty_cut(d, d->tail, INT64_MAX);
	core_drop_pages(r->flusher->core, r->file->inode);
	return true;
}

static void round_refused(struct round *r, int error, struct news *news)
{
	news->data_error = error;
	/* Data with a fixed place is sent again, whether it was stored or not: for the callers that wait for it this
	 * is an outage. */
	if (r->with_data && error == -ERR_IN_DOUBT && !give_up_tail(r))
		news->data_error = -ERR_NO_GATEWAY;
	if (r->with_data)
		put_back(r->file);
	if (r->with_data && r->job && !is_passing(error)) {
		separate(r);
		return;
	}
	if (r->jobs > 1 && !is_passing(error)) {
		one_by_one(r);
		return;
	}
	take_jobs(r, news);
	if (r->with_data)
		data_failed(r, news->data_error, news);
}

static void tell(struct round *r, struct news *news)
{
	struct job *job, *next;

	flush_waits_over(&news->waits, news->data_error);
	DL_FOREACH_SAFE(news->jobs, job, next) {
		DL_DELETE(news->jobs, job);
		job_over(job, news->error, news->error == 0 ? news->result : NULL);
	}
	if (news->no_room)
		flush_room_failed(r->flusher, r->file, news->error);
}

/* The kernel has bytes elsewhere: those that have just been stored, or those that come behind what others have
 * stored. */
static void drop_pages(const struct round *r, int error)
{
	struct file *f = r->file;
	const bool stored = r->with_data && error == 0;

	if (!file_place_tail(f->inode) && !(f->elsewhere && stored))
		return;
	f->elsewhere = false;
	core_drop_pages(r->flusher->core, f->inode);
}

void flush_round_end(struct round *r, int error, const struct op_result *results, size_t count)
{
	struct flusher *fl = r->flusher;
	struct file *f = r->file;
	struct inode *inode = inode_ref(f->inode);
	struct news news = {.error = error};

	/* The ops of the round name documents by their numbers, and these documents are open: a document that is not
	 * found is gone for good. */
	if (error == -ENOENT)
		news.error = error = -ESTALE;
	assert(f->round == r && r->missing == 0);
	f->round = NULL;
	f->jobs_went = !r->with_data;
	if (error == 0)
		round_stored(r, results, count, &news);
	else
		round_refused(r, error, &news);
	drop_pages(r, error);
	tell(r, &news);
	round_free(r);
	if (f->lost)
		flush_lost_over(fl, f);
	flush_released(fl, inode);
	flush_step(fl, f);
	inode_unref(inode);
}

void flush_round_end_unsent(struct round *r)
{
	struct file *f = r->file;

	f->round = NULL;
	if (r->with_data)
		put_back(f);
	flush_waits_move(&f->flushing_waits, &f->waits);
	leave_jobs(r);
	flush_schedule(r->flusher, f, FLUSH_FULL_MS);
	round_free(r);
}
