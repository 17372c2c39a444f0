#include "fusefs/ops_private.h"

#include "common/base/clock.h"
#include "common/base/error.h"

#include <errno.h>
#include <stdlib.h>
#include <utlist.h>

/*
 * A write is answered when its bytes are in the mount. Three kinds wait: one of a handle that wants it stored (O_SYNC, O_DSYNC, O_DIRECT); one that finds no room, until
 * others are stored; and one that may not fit into the drive: as it is only the store that knows, it is stored first, so that EDQUOT or ENOSPC comes from write().
 */

#define USAGE_MAX_AGE_NS \
	(5 * NS_PER_S) /* how full the disk is (every batch's answer says it of the drive): asked for again after that, while somebody writes */
#define USAGE_MAX_AGE_TIGHT_NS (1 * NS_PER_S) /* and when it is nearly full */

static void on_usage(void *cookie, int error, const struct store_drive *drive)
{
	struct fs *fs = cookie;

	fs_lock(fs);
	fs->calls--;
	fs->usage_asked = false;
	if (error == 0)
		fs_learn_usage(fs, drive);
	fs_unlock(fs);
}

/* Whether these bytes may be more than the drive takes. */
static bool is_tight(struct fs *fs, const struct inode *inode, off_t off, size_t size)
{
	int64_t end = off + (int64_t)size, age = clock_mono_ns() - fs->usage_at_ns;
	bool known = fs->usage_at_ns > 0, tight;

	/* What is dirty may overwrite what is counted already: so this errs to the side of asking the store. */
	tight = known && end > inode->attr.size && (int64_t)(fs->flusher.bytes + size) > fs->free;
	if (!fs->usage_asked && (!known || age > (tight ? USAGE_MAX_AGE_TIGHT_NS : USAGE_MAX_AGE_NS))) {
		fs->usage_asked = true;
		fs->calls++;
		(void)fs->store->ops->drive(fs->store, on_usage, fs);
	}
	return tight;
}

static bool is_refusal(int error)
{
	return error == -EDQUOT || error == -ENOSPC || error == -EFBIG;
}

/* A write that is refused did not happen: otherwise its bytes would make every later one fail. */
static void take_back(struct ask *ask)
{
	struct fs *fs = ask->fs;
	struct file *f = ask->inode->file;
	uint64_t before = f->dirty.bytes;

	(void)dirty_cut(&f->dirty, ask->off, ask->off + (int64_t)ask->size);
	fs->flusher.bytes -= before - f->dirty.bytes;
	if (!file_is_dirty(f) && !f->round) {
		f->stored = f->written;
		f->failures = 0;
		f->refused = f->apart = false;
	}
}

static void on_stored(void *cookie, int error)
{
	struct ask *ask = cookie;
	struct handle *h = ask->peer;
	fuse_req_t req = ask_take(ask);

	if (is_refusal(error))
		take_back(ask);
	if (req && error == 0) {
		fuse_reply_write(req, ask->size);
	} else if (req) {
		(void)flush_take_error(ask->inode->file, &h->error_seen);
		ops_error(req, error);
	}
	ask_free(ask);
}

/* The bytes are in; the answer comes when they are stored. With the lock held. */
static void answer_when_stored(struct ask *ask, struct inode *inode)
{
	int r = ask_stored(ask, inode, on_stored);

	if (r != 0)
		on_stored(ask, r == 1 ? 0 : r);
}

/* -- no room -- */

struct waiting_write {
	struct room_wait room; /* first */
	struct ask *ask;
	bool stored_first;
};

static void on_room(struct room_wait *room, int error)
{
	struct waiting_write *w = (struct waiting_write *)room;
	struct ask *ask = w->ask;
	struct handle *h = ask->peer;

	ask->cancel = NULL;
	if (error == 0)
		error = flush_write(ask->fs, ask->inode, ask->off, ask->text, ask->size);
	if (error < 0) {
		(void)flush_take_error(ask->inode->file, &h->error_seen);
		ask_fail(ask, error);
	} else if (w->stored_first) {
		answer_when_stored(ask, ask->inode);
	} else {
		fuse_reply_write(ask_take(ask), ask->size);
		ask_free(ask);
	}
}

static void cancel_room(struct ask *ask)
{
	struct waiting_write *w = ask->extra;

	DL_DELETE(ask->fs->flusher.room, &w->room);
	ask_fail(ask, -EINTR);
}

/* With the lock held. data is copied: the buffer is the session loop's. */
static void wait_for_room(struct ask *ask, const char *data, bool stored_first)
{
	struct waiting_write *w = calloc(1, sizeof(*w));

	ask->extra = w;
	ask->text = malloc(ask->size);
	if (!w || !ask->text || ask->interrupted) {
		ask_fail(ask, ask->interrupted ? -EINTR : -ENOMEM);
		return;
	}
	memcpy(ask->text, data, ask->size);
	w->ask = ask;
	w->stored_first = stored_first;
	w->room = (struct room_wait){.file = file_get(ask->inode), .size = ask->size, .ready = on_room};
	ask->cancel = cancel_room;
	flush_room_wait(ask->fs, &w->room);
}

/* -- the request -- */

/* Those that wait. Called without the lock. */
static void write_waiting(fuse_req_t req, struct handle *h, const char *data, size_t size, off_t off)
{
	struct ask *ask = ask_new(req);
	struct fs *fs;
	bool first;
	int r;

	if (!ask)
		return;
	fs = ask->fs;
	fs_lock(fs);
	ask->inode = inode_ref(h->inode);
	ask->peer = h;
	ask->size = size;
	ask->off = off;
	first = h->synchronous || is_tight(fs, h->inode, off, size);
	if (!flush_room(fs, h->inode->file, size)) {
		wait_for_room(ask, data, first);
	} else {
		r = flush_write(fs, h->inode, off, data, size);
		if (r < 0)
			ask_fail(ask, r);
		else
			answer_when_stored(ask, h->inode);
	}
	fs_unlock(fs);
}

/* budget: the signature is libfuse's */
void ops_write(fuse_req_t req, fuse_ino_t node, const char *data, size_t size, off_t off, struct fuse_file_info *fi)
{
	struct fs *fs = fs_of(req);
	struct handle *h = handle_of(fi->fh);
	bool waits;
	int r;

	(void)node;
	metric_inc(fs->requests);
	if (off < 0 || (uint64_t)off + size > FILE_BYTES_MAX) {
		fuse_reply_err(req, EFBIG);
		return;
	}
	if (size == 0) {
		fuse_reply_write(req, 0);
		return;
	}
	fs_lock(fs);
	r = flush_take_error(h->inode->file, &h->error_seen);
	waits = h->synchronous || !flush_room(fs, h->inode->file, size) || is_tight(fs, h->inode, off, size);
	if (r == 0 && !waits)
		r = flush_write(fs, h->inode, off, data, size);
	fs_unlock(fs);
	if (r < 0)
		ops_error(req, r);
	else if (waits)
		write_waiting(req, h, data, size, off);
	else
		fuse_reply_write(req, size);
}
