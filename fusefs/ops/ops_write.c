#include "fusefs/ops/ops_internal.h"

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/metrics.h"
#include "fusefs/content/file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

/*
 * A write is answered when its bytes are in the mount's memory. Three kinds wait: a write by a handle that wants data
 * stored (O_SYNC, O_DSYNC, O_DIRECT); a write that finds no room, until other data is stored; and a write that may
 * not fit into the drive. As only the store can decide that, such a write is stored first, so that write() itself
 * returns EDQUOT or ENOSPC. A write that waits for the store never is among the dirty data: when the store refuses
 * it, it did not happen, and no other write is affected.
 */

/* Age from which the free room of the disk is asked for again while programs write. (Every batch's answer reports the
 * usage of the drive.) */
#define USAGE_MAX_AGE_NS (5 * NS_PER_S)
#define USAGE_MAX_AGE_TIGHT_NS (1 * NS_PER_S) /* the same when the disk is nearly full */

static void on_usage(void *cookie, int error, const struct store_drive *drive)
{
	struct fs *fs = cookie;

	core_lock(&fs->core);
	core_call_over(&fs->core);
	assert(fs->usage_asked);
	fs->usage_asked = false;
	if (error == 0)
		ops_learn_usage(fs, drive);
	core_unlock(&fs->core);
}

/* Whether these bytes may be more than the drive takes. */
static bool is_tight(struct fs *fs, const struct inode *inode, const struct flush_data *data)
{
	int64_t end = (data->append ? file_size(inode) : data->at) + (int64_t)data->size,
		age = clock_mono_ns() - fs->usage_at_ns;
	bool known = fs->usage_at_ns > 0, tight;

	/* Dirty data may overwrite bytes that the usage already includes: so an error of this estimate is on the side
	 * of asking the store. */
	tight = known && (end > inode->attr.size || inode->attr.allocated < inode->attr.size) &&
		(int64_t)(flusher_bytes(&fs->flusher) + data->size) > fs->free;
	if (!fs->usage_asked && (!known || age > (tight ? USAGE_MAX_AGE_TIGHT_NS : USAGE_MAX_AGE_NS))) {
		fs->usage_asked = true;
		core_call_begins(&fs->core);
		(void)fs->core.store->ops->drive(fs->core.store, on_usage, fs);
	}
	return tight;
}

/* Whether these bytes are stored before the write is answered. */
static bool goes_through(struct fs *fs, const struct handle *h, const struct flush_data *data)
{
	const struct file *f = h->inode->file;
	/* always called: it also asks for the free room when that is due */
	bool tight = is_tight(fs, h->inode, data);

	return tight || h->synchronous || flush_in_line(f) || flush_hits_tail(f, data);
}

/* The kernel keeps the page of a mapping that it could not write, and treats the page as written, so the kernel has
 * to drop its pages. */
static void mapping_failed(struct ask *ask)
{
	if (ask->of_mapping)
		core_drop_pages(&ask->fs->core, ask->inode);
}

static void fail(struct ask *ask, int error)
{
	struct handle *h = ask->peer;

	mapping_failed(ask);
	/* A caller that was let go may have closed the handle by now. An interrupted caller gets only EINTR, so a
	 * failure that the handle has not reported is left for a later call. */
	if (ask->req && !ask->of_mapping && error != -EINTR)
		(void)flush_take_error(ask->inode->file, &h->error_seen);
	ask_end(ask, error);
}

static void on_through(void *cookie, int error, const struct op_result *result)
{
	struct ask *ask = cookie;
	fuse_req_t req;

	(void)result;
	if (error < 0) {
		fail(ask, error);
		return;
	}
	req = ask_take(ask);
	if (req)
		fuse_reply_write(req, ask->size);
	ask_free(ask);
}

/* There is room. The caller holds the lock. from may be the ask's own buffer. */
static void write_now(struct ask *ask, const void *from)
{
	const struct flush_data data = {
		.at = ask->off, .from = from, .size = ask->size, .append = ask->append, .tid = ask->tid};
	struct fs *fs = ask->fs;
	int r;

	if (goes_through(fs, ask->peer, &data)) {
		r = ask_through(ask, from, on_through);
		if (r < 0)
			fail(ask, r);
		return;
	}
	r = flush_write(&fs->flusher, ask->inode, &data);
	on_through(ask, r, NULL);
}

/* -- no room -- */

struct waiting_write {
	struct room_wait room; /* first */
	struct ask *ask;
};

static void on_room(struct room_wait *room, int error)
{
	struct ask *ask = ((struct waiting_write *)room)->ask;

	assert(ask->req && ask->text); /* a request that is let go leaves the queue, see cancel_room */
	ask->cancel = NULL;
	if (error < 0)
		fail(ask, error);
	else
		write_now(ask, ask->text);
}

static void cancel_room(struct ask *ask)
{
	struct waiting_write *w = ask->extra;

	flush_room_cancel(&ask->fs->flusher, &w->room);
	ask_end(ask, ask->ends_with);
}

/* The caller holds the lock. The data is copied, because the buffer belongs to the session loop. */
static void wait_for_room(struct ask *ask, const char *data)
{
	struct waiting_write *w = calloc(1, sizeof(*w));

	assert(!ask->extra && !ask->text);
	ask->extra = w;
	ask->text = malloc(ask->size);
	if (!w || !ask->text) {
		ask_end(ask, -ENOMEM);
		return;
	}
	memcpy(ask->text, data, ask->size);
	w->ask = ask;
	w->room = (struct room_wait){.file = file_get(ask->inode),
		.size = ask->size,
		.append = ask->append,
		.tid = ask->tid,
		.ready = on_room};
	ask->cancel = cancel_room;
	flush_room_wait(&ask->fs->flusher, &w->room);
}

/* -- the request -- */

/* For writes that wait. Called without the lock. */
static void write_waiting(fuse_req_t req, struct handle *h, const struct flush_data *data, bool of_mapping)
{
	struct ask *ask = ask_new_call(req, PATIENCE_WRITE);
	struct fs *fs;

	if (!ask)
		return;
	fs = ask->fs;
	core_lock(&fs->core);
	ask->inode = inode_ref(h->inode);
	ask->peer = h;
	ask->size = data->size;
	ask->off = data->at;
	ask->append = data->append;
	ask->of_mapping = of_mapping;
	if (flush_room(&fs->flusher, h->inode->file, data->size))
		write_now(ask, data->from);
	else
		wait_for_room(ask, data->from);
	core_unlock(&fs->core);
}

/* A write by O_DIRECT does not pass the place where the kernel clears set-id bits and removes the capability. */
static void drop_privileges(fuse_req_t req, struct handle *h)
{
	struct inode *inode = h->inode;

	if (!h->ahead.direct)
		return;
	if ((inode->attr.mode & (S_ISUID | S_ISGID)) && ops_drops_setid(req) && file_get(inode))
		inode->file->drop_setid = true;
	ops_drop_capability(fs_of(req), h);
}

static size_t writable(off_t off, size_t size)
{
	const uint64_t room = off >= 0 && (uint64_t)off < FILE_BYTES_MAX ? FILE_BYTES_MAX - (uint64_t)off : 0;

	return size < room ? size : (size_t)room;
}

/* budget: the signature is libfuse's */
void ops_write(fuse_req_t req, fuse_ino_t node, const char *data, size_t size, off_t off, struct fuse_file_info *fi)
{
	struct fs *fs = fs_of(req);
	struct handle *h = handle_of(fi->fh);
	/*
	 * Mapped pages that were changed in memory have their position. Of a write that reaches beyond the largest
	 * file, the part that fits is written.
	 */
	const struct flush_data what = {.at = off,
		.from = data,
		.size = writable(off, size),
		.append = (fi->flags & O_APPEND) && !fi->writepage,
		.tid = fuse_req_ctx(req)->pid};
	bool waits;
	int r;

	(void)node;
	metric_inc(fs->requests);
	if (ops_refuse_lost(req, h))
		return;
	if (off < 0 || (uint64_t)off >= FILE_BYTES_MAX) {
		fuse_reply_err(req, EFBIG);
		return;
	}
	if (what.size == 0) {
		fuse_reply_write(req, 0);
		return;
	}
	core_lock(&fs->core);
	/* A write reports an earlier failure. A write of mapped pages has no caller that could get the error: fsync
	 * and close report it. */
	r = ops_check_write(h->inode, what.append ? INT64_MAX : off);
	if (r == 0 && !fi->writepage)
		r = flush_take_error(h->inode->file, &h->error_seen);
	if (r == 0)
		drop_privileges(req, h);
	waits = goes_through(fs, h, &what) || !flush_room(&fs->flusher, h->inode->file, what.size);
	if (r == 0 && !waits)
		r = flush_write(&fs->flusher, h->inode, &what);
	if (r < 0 && fi->writepage)
		core_drop_pages(&fs->core, h->inode); /* the kernel keeps the page, and treats it as written */
	core_unlock(&fs->core);
	if (r < 0)
		ops_error(req, r);
	else if (waits)
		write_waiting(req, h, &what, fi->writepage);
	else
		fuse_reply_write(req, what.size);
}
