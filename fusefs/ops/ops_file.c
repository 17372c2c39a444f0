#include "fusefs/ops/ops_internal.h"

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/metrics.h"
#include "fusefs/content/file.h"
#include "fusefs/content/reader.h"
#include "fusefs/names/prefetch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

/*
 * Open files: READ, FLUSH (which comes with each close), FSYNC, RELEASE. OPEN and WRITE have files of their own.
 *
 * A reader (content/reader) does each read. When all the data it needs is in memory, the read is answered on the
 * thread that read the request, without an ask. Otherwise the request waits in an ask, and a signal may end it. The
 * data behind a sequential read, or around one of many random reads, is requested in addition (content/readahead).
 * Small files that are read one after the other are fetched together (names/prefetch).
 *
 * FLUSH and FSYNC wait until everything that was dirty when they came is stored. They report the first failure that
 * this handle has not reported yet, also one from before. FLUSH first releases the POSIX locks of the closing
 * process, then stores. A close of a file that has no name any more stores nothing: nobody will ever open the file
 * again.
 */

/* -- release -- */

void ops_release(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi)
{
	struct fs *fs = fs_of(req);
	struct handle *h = handle_of(fi->fh);

	(void)node;
	metric_inc(fs->requests);
	core_lock(&fs->core);
	ops_locks_released(fs, h);
	handle_free(&fs->handles, h);
	core_unlock(&fs->core);
	fuse_reply_err(req, 0);
}

/* -- flush and fsync -- */

/* The caller holds the core's lock. */
static void answer_stored(struct ask *ask, int error)
{
	struct handle *h = ask->peer;
	fuse_req_t req = ask_take(ask);

	/* Reports the failure that this handle has not reported yet, the current one or an earlier one. */
	if (req) {
		int earlier = flush_take_error(ask->inode->file, &h->error_seen);

		ops_error(req, error < 0 ? error : earlier);
	}
	ask_free(ask);
}

/* Runs on a thread of notify. */
static void on_settled(void *cookie)
{
	struct ask *ask = cookie;
	struct fs *fs = ask->fs;

	core_lock(&fs->core);
	core_call_over(&fs->core);
	answer_stored(ask, 0);
	core_unlock(&fs->core);
}

static void on_stored(void *cookie, int error)
{
	struct ask *ask = cookie;
	struct fs *fs = ask->fs;

	/* The data was already being stored, and for that attempt no gateway answered for the full time. A request
	 * that came later waits as long as other calls do, counted from its own start. */
	if (ask_stored_again(ask, error, on_stored))
		return;
	/* The store may have put appended bytes elsewhere: the kernel is told so before the caller goes on, see
	 * file_is_elsewhere. */
	if (error == 0 && ask->req && fs->notify &&
		notify_settles(fs->notify, ops_node_of(fs, ask->inode->id), on_settled, ask)) {
		core_call_begins(&fs->core);
		ask->cancel = ask_cancel_shared;
		return;
	}
	answer_stored(ask, error);
}

/* whole: the last append is certainly complete. */
static void store(fuse_req_t req, struct handle *h, bool whole)
{
	struct fs *fs = fs_of(req);
	struct inode *inode = h->inode;
	struct file *f;
	struct ask *ask;
	int r;

	core_lock(&fs->core);
	f = inode->file;
	if (f && whole)
		append_over(&f->append);
	if (!file_is_dirty(f)) {
		int error = flush_take_error(f, &h->error_seen);

		core_unlock(&fs->core);
		ops_error(req, error);
		return;
	}
	core_unlock(&fs->core);
	ask = ask_new_call(req, PATIENCE_STORE);
	if (!ask)
		return;
	core_lock(&fs->core);
	ask->peer = h; /* the handle lives until release, which comes after this answer */
	r = ask_stored(ask, inode, on_stored);
	if (r == 1)
		on_stored(ask, 0);
	else if (r < 0)
		on_stored(ask, r);
	core_unlock(&fs->core);
}

/* The locks are released; now the dirty data is stored. */
static void on_unlocked(void *cookie, int error)
{
	struct ask *ask = cookie;
	struct handle *h = ask->peer;
	int r;

	(void)error;
	r = ask->req ? ask_stored(ask, h->inode, on_stored) : 1;
	if (r != 0)
		on_stored(ask, r < 0 ? r : 0);
}

static void unlock_and_store(fuse_req_t req, struct handle *h, uint64_t owner)
{
	struct ask *ask = ask_new_call(req, PATIENCE_STORE);
	struct fs *fs;

	if (!ask)
		return;
	fs = ask->fs; /* the ask may be freed before this function ends */
	core_lock(&fs->core);
	ask->inode = inode_ref(h->inode);
	ask->peer = h;
	ask->cancel = ask_cancel_shared;
	if (!ops_locks_closed(ask, h, owner, on_unlocked))
		ask_end(ask, -ENOMEM);
	core_unlock(&fs->core);
}

void ops_flush(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi)
{
	struct fs *fs = fs_of(req);
	struct handle *h = handle_of(fi->fh);
	bool nameless, locked;

	(void)node;
	metric_inc(fs->requests);
	core_lock(&fs->core);
	if (h->inode->file)
		append_seen(&h->inode->file->append, fuse_req_ctx(req)->pid);
	locked = shared_locks_has_owner(h->inode->posix, fi->lock_owner);
	/* Nobody will ever open the file again, and processes that have it open see the data in this mount's
	 * memory. */
	nameless = inode_valid(h->inode) && h->inode->attr.nlink == 0;
	core_unlock(&fs->core);
	if (locked)
		unlock_and_store(req, h, fi->lock_owner);
	else if (nameless)
		fuse_reply_err(req, 0);
	else
		store(req, h, false);
}

void ops_fsync(fuse_req_t req, fuse_ino_t node, int datasync, struct fuse_file_info *fi)
{
	(void)node;
	(void)datasync; /* size and time are stored with the data anyway */
	metric_inc(fs_of(req)->requests);
	/* The kernel takes the lock of the file for an fsync, so no write() is in progress. */
	if (!ops_refuse_lost(req, handle_of(fi->fh)))
		store(req, handle_of(fi->fh), true);
}

/* -- read -- */

/* Longest time from the end of a READ to the next READ of the same read(2). */
#define READ_REPEAT_NS (100 * NS_PER_MS)

struct read {
	struct reader reader; /* first */
	struct fs *fs;
	struct handle *handle; /* valid until the request is answered */
	fuse_req_t req;
	struct ask *ask; /* set when the read waits */
};

static void reply_read(struct read *read, fuse_req_t req)
{
	struct reader *r = &read->reader;

	if (r->error < 0)
		ops_error(req, r->error);
	else if (r->size == 0)
		fuse_reply_buf(req, NULL, 0);
	else
		fuse_reply_iov(req, r->parts, (int)r->part_count);
}

/* Answers with the core's lock held, so that no reply with another size comes in between. */
static void answer_read(struct reader *r)
{
	struct read *read = (struct read *)r;
	fuse_req_t req = read->ask ? ask_take(read->ask) : read->req;

	read->req = NULL;
	if (req)
		reply_read(read, req);
}

/* The caller holds the core's lock; called before the request is answered. */
static void note_outage(const struct read *read, int error)
{
	const struct ask *ask = read->ask;

	if (ask->req && error == -ERR_NO_GATEWAY)
		read->handle->outage =
			(struct handle_outage){.tid = ask->tid, .began_ns = ask->began_ns, .ended_ns = clock_mono_ns()};
}

/* The kernel reads ahead. When that fails, the kernel asks once more for the page that it needs: for the caller, both
 * READs are one call, and one outage. */
static void goes_on(struct ask *ask, const struct handle_outage *before)
{
	if (before->tid == 0 || before->tid != ask->tid || ask->began_ns - before->ended_ns > READ_REPEAT_NS)
		return;
	ask->began_ns = before->began_ns;
	ask->away = true;
}

static void on_read(struct reader *r)
{
	struct read *read = (struct read *)r;
	struct fs *fs = read->fs;
	fuse_req_t req = read->req;

	if (read->ask) {
		core_lock(&fs->core);
		note_outage(read, r->error);
		req = ask_take(read->ask);
		ask_free(read->ask);
		core_unlock(&fs->core);
	}
	if (req)
		reply_read(read, req);
	reader_fini(r);
	free(read);
}

static void cancel_read(struct ask *ask)
{
	struct read *read = ask->peer;

	note_outage(read, ask->ends_with);
	ask_cancel_shared(ask);
	reader_cancel(&read->reader);
}

/* Up to which position in the document the data in *span reaches, which was found for position `at` in the block of
 * segment s. */
static int64_t block_end(const struct segment *s, int64_t at, const struct blocks_span *span)
{
	int64_t end = s->at + (int64_t)span->to - s->from;

	return end > at && end < s->at + s->len ? end : s->at + s->len;
}

/* True when all the data is in memory: the read is answered at once. */
static bool read_known(struct fs *fs, struct read *read)
{
	const struct inode *inode = read->reader.inode;
	const struct file *f = inode->file;
	int64_t at = read->reader.at, end = at + (int64_t)read->reader.asked, until;
	struct blocks_span span;

	if (!inode_valid(inode) || !f)
		return false;
	if (!read->reader.direct && file_size(inode) < inode->told && end > file_size(inode))
		return false; /* the kernel was told a larger size: the read may have to wait */
	if (at >= file_size(inode))
		return true;
	if (end > file_size(inode))
		end = file_size(inode);
	while (at < end) {
		const struct segment *s = content_at(&f->content, at, &until);
		size_t i = dirty_find(&f->dirty, at);

		if (i < f->dirty.count && f->dirty.list[i]->at <= at)
			at = f->dirty.list[i]->at + (int64_t)f->dirty.list[i]->len;
		else if (s && s->kind != SEGMENT_BLOCK)
			at = s->at + s->len;
		else if (s && blocks_find(&fs->blocks, s->sha256, s->from + (uint32_t)(at - s->at), &span))
			at = block_end(s, at, &span);
		else
			return false;
	}
	return true;
}

/* For a read that has to wait. */
static void read_waiting(struct fs *fs, struct read *read, struct readahead *ahead)
{
	struct inode *inode = read->reader.inode;
	int64_t at = read->reader.at;
	struct ask *ask = ask_new_call(read->req, PATIENCE_READ);

	if (!ask) {
		free(read);
		return;
	}
	read->ask = ask;
	core_lock(&fs->core);
	ask->peer = read;
	ask->cancel = cancel_read;
	goes_on(ask, &read->handle->outage);
	read->reader.began_ns = ask->began_ns;
	read->reader.away = &ask->away;
	reader_start(&read->reader);
	readahead_missed(&fs->blocks, inode, ahead, at);
	core_unlock(&fs->core);
}

void ops_read(fuse_req_t req, fuse_ino_t node, size_t size, off_t off, struct fuse_file_info *fi)
{
	struct fs *fs = fs_of(req);
	struct handle *h = handle_of(fi->fh);
	struct read *read = calloc(1, sizeof(*read));
	bool known;

	(void)node;
	metric_inc(fs->requests);
	if (read && ops_refuse_lost(req, h)) {
		free(read);
		return;
	}
	if (!read) {
		fuse_reply_err(req, ENOMEM);
		return;
	}
	if (off < 0 || (uint64_t)off >= FILE_BYTES_MAX) {
		free(read);
		/* past the largest file there is no data; checked here so that no sum of positions overflows */
		fuse_reply_buf(req, NULL, 0);
		return;
	}
	read->req = req;
	read->fs = fs;
	read->handle = h;
	read->reader.blocks = &fs->blocks;
	/* the handle holds a reference until release, which comes after this answer */
	read->reader.inode = h->inode;
	read->reader.at = off;
	read->reader.asked = size;
	read->reader.direct = h->ahead.direct;
	read->reader.answer = answer_read;
	read->reader.done = on_read;
	core_lock(&fs->core);
	readahead_read(&fs->blocks, h->inode, &h->ahead, off, size);
	read->reader.ahead = readahead_is_sequential(&h->ahead);
	known = read_known(fs, read);
	if (known) {
		prefetch_hit(&fs->core, h->inode);
		reader_start(&read->reader);
	} else {
		prefetch_missed(&fs->names, &fs->core, h->inode);
	}
	core_unlock(&fs->core);
	if (!known)
		read_waiting(fs, read, &h->ahead);
}
