#include "fusefs/log/flush_internal.h"

#include "common/base/error.h"
#include "common/base/log.h"
#include "fusefs/content/blocks.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <utlist.h>

/*
 * A round: dirty becomes flushing; pieces that have no upload get one, small ones together; when the last is stored,
 * the ops go. Whatever the answer, the round ends here and the next one, if there is a reason, begins.
 *
 * The data and the job share a group, so that they cost one answer. When such a group is refused, nobody says which of
 * the two it was: the job is then sent alone, and after it the data. Writes that are jobs go by themselves, behind the
 * data, as many as wait; when these are refused, one by one.
 */

enum next_job { NO_JOB, OTHER_JOB, WRITE_JOB, NEXT_JOBS };

struct takes {
	bool data, job;
};

/* What a round takes of a file that has data: the data are older than every job. Without data it takes the job. */
static const struct takes takes_of[][NEXT_JOBS] = {
	[FILE_DIRTY] =
		{
			[NO_JOB] = {.data = true},
			[OTHER_JOB] = {.data = true, .job = true},
			[WRITE_JOB] = {.data = true}, /* its refusal must not be the data's */
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
			[OTHER_JOB] = {.job = true}, /* it may be what makes the data fit */
			[WRITE_JOB] = {.job = true},
		},
};

static void round_upload(struct round *r);
static void round_over(struct round *r, int error, const struct op_result *results, size_t count);

/* Who is told when a round is over, and the file again what it is to be. */
struct news {
	struct flush_wait *waits;
	struct job *jobs;
	const struct op_result *result; /* of the jobs */
	int error;
	int data_error; /* for who waits for the data */
	bool no_room;
};

static void round_free(struct round *r)
{
	dirty_fini(&r->tried);
	inode_unref(r->file->inode);
	free(r);
}

/* The content that this round stores. Nothing, when it only has another job. */
static struct dirty *round_content(struct round *r)
{
	return r->with_data ? &r->file->flushing : &r->tried;
}

static void tell_failure(struct file *f, int error)
{
	f->error = error;
	f->error_seq++;
}

/* What was flushing is dirty again, below what came since. */
static void put_back(struct file *f)
{
	if (dirty_merge_under(&f->dirty, &f->flushing) < 0) {
		log_error(NULL, "document %" PRId64 ": no memory to keep %" PRIu64 " bytes that are not stored",
			f->inode->id, f->flushing.bytes);
		tell_failure(f, -ENOMEM);
	}
	dirty_fini(&f->flushing);
}

/* A failure of the way, not of the content: the same may succeed later. */
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
	case ERR_DRIVE_TRASHED: /* it may come back */
	case ESHUTDOWN:
		return true;
	default:
		return false;
	}
}

/* The jobs of the round are over. */
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

/* They stay, for another round. */
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

	/* Of an outage only who waits is told: nothing is dropped, and whoever asks later gets the answer of then. */
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

/* -- the answer -- */

/* at: where what was appended lies. */
static void learn_blocks(struct round *r, int64_t at)
{
	const struct dirty *d = round_content(r);
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

/* Somebody else's bytes lie where ours were taken to go: all that is known, and what the kernel has, is of another
 * file. */
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
	if (round_content(r)->tail != DIRTY_NO_TAIL && result->value != r->assumed) {
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
	bool content = round_content(r)->count > 0, extra = r->job && !job_is_write(r->job) && !r->merged;
	/* When somebody changed something before this that is not told yet, nobody knows what it was laid over. */
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

/* Of a round that had data and a job. The job is tried without the data; then the data goes by itself. */
static void separate(struct round *r)
{
	struct file *f = r->file;

	file_moves(f, FILE_SPLIT);
	flush_waits_move(&f->flushing_waits, &f->waits);
	leave_jobs(r);
	flush_schedule(r->flusher, f, 0);
}

/* Of a round with several writes: each gets an answer of its own. */
static void one_by_one(struct round *r)
{
	struct job *job = r->job;

	for (unsigned left = r->jobs; job && left > 0; job = job->next, left--)
		job->alone = true;
	leave_jobs(r);
}

/* Sent again it might be there twice: it is given up, and whoever wrote it is told. What has its place is written there
 * again, as often as need be. */
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
	/* What has its place goes again, whether it is there or not: to who waits for it that is an outage. */
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

static void round_over(struct round *r, int error, const struct op_result *results, size_t count)
{
	struct flusher *fl = r->flusher;
	struct file *f = r->file;
	struct inode *inode = inode_ref(f->inode);
	struct news news = {.error = error};

	/* Its ops name documents by their numbers, and those are open: what is not found is gone for good. */
	if (error == -ENOENT)
		news.error = error = -ESTALE;
	f->round = NULL;
	f->jobs_went = !r->with_data;
	if (error == 0)
		round_stored(r, results, count, &news);
	else
		round_refused(r, error, &news);
	if (file_place_tail(inode))
		core_drop_pages(fl->core, inode);
	tell(r, &news);
	round_free(r);
	if (f->lost)
		flush_lost_over(fl, f);
	flush_released(fl, inode);
	flush_step(fl, f);
	inode_unref(inode);
}

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
		/* Stored so long ago that it was collected before a batch named it. */
		forget_uploads(round_content(r));
		round_upload(r);
	} else {
		round_over(r, error, results, count);
	}
	core_unlock(fl->core);
}

/* -- the ops -- */

static void fill_extent(const struct dirty_piece *p, int64_t from, int64_t to, struct op_extent *e)
{
	const size_t skip = (size_t)(from - p->at);

	*e = (struct op_extent){.at = from, .len = to - from, .kind = OP_EXTENT_DATA};
	if (p->tag) {
		e->kind = OP_EXTENT_BLOCK;
		e->from = (uint32_t)(p->tag_from + skip);
		memcpy(e->sha256, upload_of(p->tag)->sha256, sizeof(e->sha256));
	} else {
		e->data = span_of(p->bytes->data + p->from + skip, (size_t)(to - from));
	}
}

/* What was appended, by how far it is from the first of it; or the rest. A piece may hold both. */
static size_t fill_extents(const struct dirty *d, bool appended, struct op_extent *extents)
{
	size_t count = 0;

	for (size_t i = 0; i < d->count; i++) {
		const struct dirty_piece *p = d->list[i];
		int64_t from = p->at, to = p->at + (int64_t)p->len;

		if (appended && from < d->tail)
			from = d->tail;
		if (!appended && to > d->tail)
			to = d->tail;
		if (from >= to)
			continue;
		fill_extent(p, from, to, &extents[count]);
		extents[count].at -= appended ? d->tail : 0;
		count++;
	}
	return count;
}

#define MERGEABLE (OP_HAS_MODE | OP_HAS_UID | OP_HAS_GID | OP_HAS_SIZE | OP_HAS_ATIME | OP_HAS_MTIME | OP_DROP_SETID)

/* What somebody saw as the time of change stays: that of the data, or that of a link, a rename or an xattr since. */
static struct op set_ctime(const struct round *r)
{
	const struct inode *inode = r->file->inode;

	return (struct op){.kind = OP_SETATTR,
		.fields = OP_HAS_CTIME,
		.id = inode->id,
		.ctime = r->mtime > inode->attr.ctime ? r->mtime : inode->attr.ctime};
}

/* What has its place, then what was appended: the other way round it might no longer be the end. */
static void fill_writes(struct round *r, struct op *ops, struct op_extent *extents)
{
	const struct dirty *content = round_content(r);
	struct file *f = r->file;
	size_t used = 0;

	r->writes = 0;
	r->drop_setid = content->count > 0 && f->drop_setid;
	for (int appended = 0; appended < 2; appended++) {
		struct op *write = &ops[r->writes];

		*write = (struct op){.kind = OP_WRITE,
			.fields = OP_HAS_MTIME | (r->drop_setid ? OP_DROP_SETID : 0u) | (appended ? OP_APPEND : 0u),
			.id = f->inode->id,
			.mtime = r->mtime,
			.extents = extents + used};
		write->extent_count = fill_extents(content, appended, write->extents);
		used += write->extent_count;
		r->writes += write->extent_count > 0;
	}
}

/* The job as a part of the write before it. False: it cannot be. */
static bool merge(struct op *write, const struct op *extra)
{
	if (extra->kind != OP_SETATTR || (extra->fields & ~MERGEABLE) != 0)
		return false;
	/* How long it is then, an append cannot say. */
	if ((write->fields & OP_APPEND) && (extra->fields & OP_HAS_SIZE))
		return false;
	if (extra->fields & OP_HAS_MTIME)
		write->mtime = extra->mtime;
	write->fields |= extra->fields;
	write->mode = extra->mode;
	write->uid = extra->uid;
	write->gid = extra->gid;
	write->size = extra->size;
	write->atime = extra->atime;
	return true;
}

#define ROUND_OPS_MAX 3 /* what has its place, what was appended, and one behind them */

/* The writes, and the job in the last or behind it. Returns how many ops. */
static size_t fill_ops(struct round *r, struct op *ops, struct op_extent *extents)
{
	struct file *f = r->file;
	const struct op *extra = r->job && !job_is_write(r->job) ? &r->job->op : NULL;

	fill_writes(r, ops, extents);
	assert(r->writes > 0 || extra); /* a round has one of them */
	r->merged = r->writes > 0 && extra && merge(&ops[r->writes - 1], extra);
	if (r->with_data)
		r->assumed = f->flushing.tail;
	r->sets_ctime = !extra && f->ctime_shown && r->with_data;
	if (r->sets_ctime)
		ops[r->writes] = set_ctime(r);
	else if (extra && !r->merged)
		ops[r->writes] = *extra;
	return r->writes + (r->sets_ctime || (extra && !r->merged));
}

/* Could not even begin. Soon again; nobody is told anything, as whoever asked may be on the stack. */
static void postpone(struct round *r)
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

static void round_send(struct round *r)
{
	struct flusher *fl = r->flusher;
	/* One more, should a piece be cut in two. */
	struct op_extent *extents = calloc(round_content(r)->count + 1, sizeof(*extents));
	const struct job *job = r->job;
	uint64_t group;
	struct op ops[ROUND_OPS_MAX];
	int error = -ENOMEM;

	if (extents) {
		core_call_begins(fl->core);
		error = oplog_append(fl->oplog, ops, fill_ops(r, ops, extents), on_round, r, &group);
		if (error < 0)
			core_call_over(fl->core);
		else if (job && job->behind)
			oplog_began(fl->oplog, group, job->began_ns);
	}
	free(extents);
	if (error < 0)
		postpone(r);
}

/* -- the uploads -- */

static void on_upload(void *cookie, int error)
{
	struct round *r = cookie;

	if (error < 0)
		r->error = error;
	if (--r->missing > 0)
		return;
	if (r->error == 0)
		round_send(r);
	else if (r->starting)
		postpone(r);
	else
		round_over(r, r->error, NULL, 0);
}

/* Pieces [from, to) share a block. */
static int pack(struct round *r, size_t from, size_t to)
{
	struct dirty *d = round_content(r);
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

/* Small pieces, in their order, into blocks of at most FLUSH_BLOCK_BYTES. */
static int pack_small(struct round *r)
{
	struct dirty *d = round_content(r);
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

/* Sees to it that every piece is inline or in an upload. */
static int prepare(struct round *r)
{
	struct dirty *d = round_content(r);
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
	struct dirty *d = round_content(r);
	const struct upload *last = NULL;

	for (size_t i = 0; i < d->count; i++) {
		struct upload *u = d->list[i]->tag ? upload_of(d->list[i]->tag) : NULL;
		int error;

		if (!u || u == last || u->state == UPLOAD_DONE)
			continue;
		error = wait_add(&u->waits, on_upload, r);
		if (error < 0)
			return error; /* those that were asked still come */
		r->missing++;
		last = u;
	}
	return 0;
}

static void round_upload(struct round *r)
{
	int error;

	r->error = 0;
	r->missing = 1; /* this function's own */
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
	/* However many jobs come, whoever waits for the data has his turn. */
	if (!file_takes_more(f) && f->waits && f->jobs_went)
		next = NO_JOB;
	assert(f->state != FILE_CLEAN);
	return takes_of[f->state][next];
}

/* The job, or as many writes as wait in a row. */
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
			return 0; /* they are to stay in their order */
		if (r->tried.bytes + next->bytes->used > FLUSH_FILE_BYTES || r->jobs == FLUSH_FILE_PIECES)
			return 0;
		error = append ? dirty_append(&r->tried, dirty_end(&r->tried), next->bytes->data, next->bytes->used)
			       : dirty_write(&r->tried, next->op.at, next->bytes->data, next->bytes->used);
		if (error < 0)
			return 0; /* it goes with the next round */
		job->next->under_way = true;
		r->mtime = next->op.mtime;
		r->jobs++;
	}
	return error;
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
	if (take.data) {
		f->flushing = f->dirty;
		dirty_init(&f->dirty);
		flush_waits_move(&f->waits, &f->flushing_waits);
	}
	if (error < 0)
		postpone(r);
	else
		round_upload(r);
}
