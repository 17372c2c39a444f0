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
 * A write is answered when its bytes are in the mount. Three kinds wait: one of a handle that wants it stored (O_SYNC,
 * O_DSYNC, O_DIRECT); one that finds no room, until others are stored; and one that may not fit into the drive: as it
 * is only the store that knows, it is stored first, so that EDQUOT or ENOSPC comes from write(). What waits for the
 * store never was among the dirty data: when it is refused, it did not happen, and nothing else is the worse for it.
 */

/* how full the disk is (every batch's answer says it of the drive): asked for again after that, while somebody
 * writes */
#define USAGE_MAX_AGE_NS (5 * NS_PER_S)
#define USAGE_MAX_AGE_TIGHT_NS (1 * NS_PER_S) /* and when it is nearly full */

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

	/* What is dirty may overwrite what is counted already: so this errs to the side of asking the store. */
	tight = known && (end > inode->attr.size || inode->attr.allocated < inode->attr.size) &&
		(int64_t)(flusher_bytes(&fs->flusher) + data->size) > fs->free;
	if (!fs->usage_asked && (!known || age > (tight ? USAGE_MAX_AGE_TIGHT_NS : USAGE_MAX_AGE_NS))) {
		fs->usage_asked = true;
		core_call_begins(&fs->core);
		(void)fs->core.store->ops->drive(fs->core.store, on_usage, fs);
	}
	return tight;
}

/* Whether these bytes go to the store before they are answered. */
static bool goes_through(struct fs *fs, const struct handle *h, const struct flush_data *data)
{
	const struct file *f = h->inode->file;
	bool tight = is_tight(fs, h->inode, data); /* asks how full it is, too */

	return tight || h->synchronous || flush_in_line(f) || flush_hits_tail(f, data);
}

/* The kernel keeps the page of a mapping that it could not write, and takes it for stored. */
static void mapping_failed(struct ask *ask)
{
	if (ask->of_mapping)
		core_drop_pages(&ask->fs->core, ask->inode);
}

static void fail(struct ask *ask, int error)
{
	struct handle *h = ask->peer;

	mapping_failed(ask);
	/* Who was let go may have closed it by now; who was interrupted hears of nothing else. */
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

/* There is room. With the lock held; data may be the ask's own. */
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

	assert(ask->req && ask->text); /* who is let go leaves the line, see cancel_room */
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

/* With the lock held. data is copied: the buffer is the session loop's. */
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

/* Those that wait. Called without the lock. */
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

/* O_DIRECT goes past the place where the kernel clears set-id bits and removes the capability. */
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
	 * Pages that were changed in memory have their place. Of what reaches beyond the largest file, what fits is
	 * written.
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
	/* Who writes is told what failed before. The bytes of a mapping have nobody to tell: fsync and close will. */
	r = ops_check_write(h->inode, what.append ? INT64_MAX : off);
	if (r == 0 && !fi->writepage)
		r = flush_take_error(h->inode->file, &h->error_seen);
	if (r == 0)
		drop_privileges(req, h);
	waits = goes_through(fs, h, &what) || !flush_room(&fs->flusher, h->inode->file, what.size);
	if (r == 0 && !waits)
		r = flush_write(&fs->flusher, h->inode, &what);
	if (r < 0 && fi->writepage)
		core_drop_pages(&fs->core, h->inode); /* the kernel keeps the page, and takes it for stored */
	core_unlock(&fs->core);
	if (r < 0)
		ops_error(req, r);
	else if (waits)
		write_waiting(req, h, &what, fi->writepage);
	else
		fuse_reply_write(req, what.size);
}
