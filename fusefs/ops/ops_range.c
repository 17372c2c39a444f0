#include "fusefs/ops/ops_internal.h"

#include "common/base/metrics.h"
#include "fusefs/content/extents.h"
#include "fusefs/content/file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdlib.h>
#include <unistd.h>

/*
 * Ranges of a file: FALLOCATE, LSEEK for data and holes, COPY_FILE_RANGE.
 *
 * FALLOCATE and COPY_FILE_RANGE are jobs of the file that they change: they take effect after everything that was
 * written to the file before. The store enforces the quota. Nothing reserves room on the disk below, so FALLOCATE
 * asks how much there is, and refuses a range that certainly does not fit. COPY_FILE_RANGE first has the source
 * stored. Then the store lets the target refer to the same blocks, and no byte goes through the mount.
 *
 * LSEEK searches the dirty data and the known part of the stored content, and fetches the extents that are missing,
 * until it has found a range of the kind that was asked for. For a file that others change faster than that it takes
 * a snapshot, as readers do. Only the kernel knows which bytes were stored through a mapping: where there may be a
 * mapping, the kernel is first notified to drop its pages, for which it writes them back.
 */

/* -- fallocate -- */

static void on_done(void *cookie, int error, const struct op_result *result)
{
	struct ask *ask = cookie;

	(void)result;
	ask_end(ask, error);
}

/* The meaning of a mode: whether bytes become zeros, whether room is reserved, and whether the size is kept. */
static const struct allocation {
	int mode;
	bool hole, reserve, keep;
} allocations[] = {
	{0, .reserve = true},
	{FALLOC_FL_KEEP_SIZE, .reserve = true, .keep = true},
	{FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, .hole = true, .keep = true},
	{FALLOC_FL_ZERO_RANGE, .hole = true, .reserve = true},
	{FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, .hole = true, .reserve = true, .keep = true},
};

static const struct allocation *allocation_of(int mode)
{
	for (size_t i = 0; i < sizeof(allocations) / sizeof(allocations[0]); i++)
		if (allocations[i].mode == mode)
			return &allocations[i];
	return NULL;
}

static void allocate_op(struct ask *ask, const struct allocation *a)
{
	struct op_extent extent = {.at = ask->off, .len = (int64_t)ask->size};
	size_t count = 0;

	if (a->hole) {
		ask->extents[count] = extent;
		ask->extents[count++].kind = OP_EXTENT_HOLE;
	}
	if (a->reserve) {
		ask->extents[count] = extent;
		ask->extents[count++].kind = OP_EXTENT_RESERVE;
	}
	ask->op = (struct op){.kind = OP_WRITE,
		.fields = a->keep ? OP_KEEP_SIZE : 0,
		.id = ask->inode->id,
		.extents = ask->extents,
		.extent_count = count};
}

/*
 * The store enforces the quota when it reserves room. Nothing reserves room on the disk below, so a range that
 * certainly does not fit there is refused at least. Part of the range may have its room already. How large that part
 * is is not known here, so all the room that the file has is taken for it.
 */
static bool exceeds_disk(const struct ask *ask)
{
	const struct inode *inode = ask->inode;
	int64_t has = inode_valid(inode) ? inode->attr.allocated : INT64_MAX;

	return ask->fs->disk != INT64_MAX && (int64_t)ask->size > has && (int64_t)ask->size - has > ask->fs->disk;
}

static void allocate(struct ask *ask)
{
	int r = ask_job(ask, ask->inode, on_done);

	if (r < 0)
		ask_end(ask, r);
}

static void on_drive(void *cookie, int error, const struct store_drive *drive)
{
	struct ask *ask = cookie;
	struct fs *fs = ask->fs;

	core_lock(&fs->core);
	core_call_over(&fs->core);
	ask->cancel = NULL;
	if (error == 0)
		ops_learn_usage(fs, drive);
	if (!ask->req)
		ask_free(ask);
	else if (error < 0 || exceeds_disk(ask))
		ask_end(ask, error < 0 ? error : -ENOSPC);
	else
		allocate(ask);
	core_unlock(&fs->core);
}

/* budget: the signature is libfuse's */
void ops_fallocate(fuse_req_t req, fuse_ino_t node, int mode, off_t off, off_t len, struct fuse_file_info *fi)
{
	struct fs *fs = fs_of(req);
	const struct allocation *allocation = allocation_of(mode);
	struct handle *h = handle_of(fi->fh);
	struct ask *ask;

	(void)node;
	metric_inc(fs->requests);
	if (ops_refuse_lost(req, h))
		return;
	if (!allocation) {
		fuse_reply_err(req, EOPNOTSUPP);
		return;
	}
	if (off < 0 || len <= 0 || (uint64_t)off + (uint64_t)len > FILE_BYTES_MAX) {
		fuse_reply_err(req, off < 0 || len <= 0 ? EINVAL : EFBIG);
		return;
	}
	ask = ask_new_call(req, PATIENCE_TRUNCATE);
	if (!ask)
		return;
	ask->off = off;
	ask->size = (size_t)len;
	core_lock(&fs->core);
	ask->inode = inode_ref(h->inode);
	allocate_op(ask, allocation);
	/* The known free room of the disk may be some seconds old: before a refusal, the store is asked for the
	 * current value. */
	if (allocation->reserve && (fs->usage_at_ns == 0 || exceeds_disk(ask))) {
		core_call_begins(&fs->core);
		ask->cancel = ask_cancel_ticket;
		ask->ticket = fs->core.store->ops->drive(fs->core.store, on_drive, ask);
	} else {
		allocate(ask);
	}
	core_unlock(&fs->core);
}

/* -- lseek -- */

static bool in_dirty(const struct dirty *d, int64_t at, int64_t *ret_until)
{
	size_t i = dirty_find(d, at);

	if (i == d->count)
		return false;
	if (d->list[i]->at > at) {
		if (d->list[i]->at < *ret_until)
			*ret_until = d->list[i]->at;
		return false;
	}
	*ret_until = d->list[i]->at + (int64_t)d->list[i]->len;
	return true;
}

/* The kind of the range at `at`, and where it ends: 1 data, 0 a hole, -EAGAIN: not known. */
static int kind_at(const struct file *f, const struct content *c, int64_t at, int64_t *ret_until)
{
	const struct segment *s;
	int64_t known;

	*ret_until = INT64_MAX;
	if (in_dirty(&f->dirty, at, ret_until) || in_dirty(&f->flushing, at, ret_until))
		return 1;
	s = content_at(c, at, &known);
	if (!s)
		return -EAGAIN;
	if (s->at + s->len < *ret_until)
		*ret_until = s->at + s->len;
	return s->kind != SEGMENT_HOLE;
}

static int64_t max_of(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static int64_t seek_size(const struct ask *ask)
{
	const struct file *f = ask->inode->file;

	if (!ask->snapshot)
		return file_size(ask->inode);
	return max_of(ask->snapshot->size, max_of(dirty_end(&f->dirty), dirty_end(&f->flushing)));
}

/* The position; -EAGAIN: the content is not known from *ret_missing on. */
static int64_t seek(const struct ask *ask, int64_t *ret_missing)
{
	const struct file *f = ask->inode->file;
	const struct content *c = ask->snapshot ? &ask->snapshot->content : &f->content;
	const int64_t off = ask->off, size = seek_size(ask);
	int64_t at = off;

	if (off < 0 || off >= size)
		return -ENXIO;
	while (at < size) {
		int64_t until;
		int kind = kind_at(f, c, at, &until);

		if (kind < 0) {
			*ret_missing = at;
			return kind;
		}
		if (kind == (ask->whence == SEEK_DATA))
			return at;
		at = until;
	}
	return ask->whence == SEEK_HOLE ? size : -ENXIO;
}

/* Whether the attributes are valid and the content is of the same version, or there is a snapshot. */
static bool is_seekable(struct ask *ask)
{
	struct inode *inode = ask->inode;
	struct file *f = inode->file;

	if (ask->snapshot)
		return true;
	if (!inode_valid(inode))
		return false;
	if (f->content.any && f->content.content_seq != inode->attr.content_seq)
		file_drop_content(&ask->fs->core, f);
	return true;
}

/* Takes a snapshot that came, or more of the current one. A part of another version replaces the current snapshot. */
static void take_snapshot(struct ask *ask)
{
	struct extents_snapshot *s = extents_offer(ask->inode->file);

	if (!s || !ask->from_snapshot) {
		extents_snapshot_unref(s);
	} else if (ask->snapshot && extents_snapshot_add(ask->snapshot, s)) {
		extents_snapshot_unref(s);
	} else {
		extents_snapshot_unref(ask->snapshot);
		ask->snapshot = s;
	}
}

#define SEEK_ROUNDS_MAX 100000u /* answers, of EXTENTS_BYTES each: 6 TiB of one kind */

static void on_seek(void *cookie, int error);

/* Fetches what is missing: first the attributes; a snapshot, when they do not stay valid until the rest has come. */
static int seek_ask(struct ask *ask, int64_t missing)
{
	ask->cancel = ask_cancel_shared;
	if (missing >= 0)
		return extents_ask(&ask->fs->core, ask->inode, missing, on_seek, ask);
	ask->from_snapshot = ask->from_snapshot || ask->refreshed || !ask->fs->core.inodes.trusted;
	if (ask->from_snapshot)
		return extents_ask(&ask->fs->core, ask->inode, ask->off, on_seek, ask);
	ask->refreshed = true;
	return ask_attributes(ask, ask->inode, on_seek);
}

static void on_seek(void *cookie, int error)
{
	struct ask *ask = cookie;
	int64_t missing = -1, at = error;
	int r = 0;

	if (!ask->req) {
		ask_free(ask);
		return;
	}
	if (at == 0 && (!file_get(ask->inode) || ask->size++ > SEEK_ROUNDS_MAX))
		at = -EIO;
	if (at == 0) {
		take_snapshot(ask);
		at = is_seekable(ask) ? seek(ask, &missing) : -EAGAIN;
	}
	if (at == -EAGAIN) {
		r = seek_ask(ask, missing);
		if (r < 0)
			ask_end(ask, r);
		return;
	}
	if (at < 0)
		ops_error(ask_take(ask), (int)at);
	else
		fuse_reply_lseek(ask_take(ask), at);
	ask_free(ask);
}

/* Runs on a thread of notify. */
static void on_written_back(void *cookie)
{
	struct ask *ask = cookie;
	struct fs *fs = ask->fs;

	core_lock(&fs->core);
	core_call_over(&fs->core);
	on_seek(ask, 0);
	core_unlock(&fs->core);
}

/*
 * Bytes that a program stored through a mapping are data, but only the kernel knows of them: it does not write them
 * back before an LSEEK. To drop the pages it has to. The kernel does not report whether there is a mapping, so the
 * possibility of one has to suffice.
 */
static void write_back_and_seek(struct ask *ask)
{
	struct fs *fs = ask->fs;

	if (ask->inode->mappable == 0 || !fs->notify) {
		on_seek(ask, 0);
		return;
	}
	core_call_begins(&fs->core);
	ask->cancel = ask_cancel_shared;
	notify_then(fs->notify, ops_node_of(fs, ask->inode->id), true, on_written_back, ask);
}

void ops_lseek(fuse_req_t req, fuse_ino_t node, off_t off, int whence, struct fuse_file_info *fi)
{
	struct fs *fs = fs_of(req);
	struct handle *h = handle_of(fi->fh);
	struct ask *ask;

	(void)node;
	metric_inc(fs->requests);
	if (whence != SEEK_DATA && whence != SEEK_HOLE) {
		fuse_reply_err(req, EINVAL);
		return;
	}
	ask = ask_new(req);
	if (!ask)
		return;
	ask->off = off;
	ask->whence = whence;
	core_lock(&fs->core);
	ask->inode = inode_ref(h->inode);
	write_back_and_seek(ask);
	core_unlock(&fs->core);
}

/* -- copy_file_range -- */

#define COPY_BYTES_MAX 0x7ffff000u /* the most that one read or write may transfer */

static void on_copied(void *cookie, int error, const struct op_result *result)
{
	struct ask *ask = cookie;
	fuse_req_t req = ask_take(ask);

	if (req && error == 0)
		fuse_reply_write(req, (size_t)result->value);
	else if (req)
		ops_error(req, error);
	ask_free(ask);
}

/* The source is stored. Dirty data of the target is stored together with the op, and before it. */
static void on_source_stored(void *cookie, int error)
{
	struct ask *ask = cookie;

	if (ask_stored_again(ask, error, on_source_stored))
		return;
	ask->cancel = NULL;
	if (error == 0)
		error = ask_job(ask, ask->other, on_copied);
	if (error < 0)
		ask_end(ask, error);
}

/* budget: the signature is libfuse's */
void ops_copy_file_range(fuse_req_t req, fuse_ino_t from, off_t from_off, struct fuse_file_info *from_fi, fuse_ino_t to,
	off_t to_off, struct fuse_file_info *to_fi, size_t len, int flags)
{
	struct fs *fs = fs_of(req);
	struct handle *source = handle_of(from_fi->fh), *target = handle_of(to_fi->fh);
	struct ask *ask;
	int r;

	(void)from;
	(void)to;
	metric_inc(fs->requests);
	if (ops_refuse_lost(req, source) || ops_refuse_lost(req, target))
		return;
	len = len < COPY_BYTES_MAX ? len : COPY_BYTES_MAX;
	if (to_off >= 0 && (uint64_t)to_off < FILE_BYTES_MAX && len > FILE_BYTES_MAX - (uint64_t)to_off)
		len = FILE_BYTES_MAX - (uint64_t)to_off; /* the part that fits, as for a write */
	if (flags != 0 || from_off < 0 || to_off < 0 || (uint64_t)to_off >= FILE_BYTES_MAX) {
		fuse_reply_err(req, flags != 0 ? EINVAL : EFBIG);
		return;
	}
	ask = ask_new(req);
	if (!ask)
		return;
	core_lock(&fs->core);
	ask->inode = inode_ref(source->inode);
	ask->other = inode_ref(target->inode);
	ask->op = (struct op){.kind = OP_CLONE,
		.id = source->inode->id,
		.to = target->inode->id,
		.from = from_off,
		.at = to_off,
		.len = (int64_t)len};
	r = ask_stored(ask, source->inode, on_source_stored);
	if (r != 0)
		on_source_stored(ask, r == 1 ? 0 : r);
	core_unlock(&fs->core);
}
