#include "fusefs/ops/fs_internal.h"

#include "common/base/clock.h"
#include "common/base/cond.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "fusefs/content/file.h"
#include "fusefs/ops/handle.h"
#include "fusefs/names/listing.h"
#include "fusefs/names/prefetch.h"
#include "fusefs/names/shared_locks.h"
#include "fusefs/ops/trim.h"
#include "fusefs/names/xattrs.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/sysmacros.h>
#include <utlist.h>

#define FUSE_USE_VERSION 314
#include <fuse_lowlevel.h>

void fs_lock(struct fs *fs)
{
	pthread_mutex_lock(&fs->lock);
	fs->now_ns = clock_boot_ns();
	fs_view_changed(fs);
}

void fs_view_changed(struct fs *fs)
{
	fs->inodes.trusted = fill_trusted(&fs->view, fs->now_ns);
	fs->inodes.needed = fill_needed(&fs->view, fs->now_ns);
}

void fs_saw(struct fs *fs, struct store_position at)
{
	fill_view_saw(&fs->view, at.incarnation, at.seq, fs->now_ns);
	fs_view_changed(fs);
	if (fs->now_ns - fs->settles_ns >= FS_CONTENDED_S * NS_PER_S) {
		fs->settled = fs->settles;
		fs->settles = at.seq;
		fs->settles_ns = fs->now_ns;
	}
}

void fs_used(struct fs *fs)
{
	fs->used_ns = fs->now_ns;
	if (!fs->inodes.trusted && fs->wake)
		fs->wake(fs->wake_cookie);
}

bool fs_in_use(struct fs *fs)
{
	bool in_use;

	fs_lock(fs);
	in_use = fs->used_ns > 0 && fs->now_ns - fs->used_ns < FS_IN_USE_MS * NS_PER_MS;
	fs_unlock(fs);
	return in_use;
}

void fs_set_waker(struct fs *fs, void (*wake)(void *cookie), void *cookie)
{
	fs_lock(fs);
	fs->wake = wake;
	fs->wake_cookie = cookie;
	fs_unlock(fs);
}

void fs_later(struct fs *fs, struct later *later)
{
	later->next = NULL;
	*fs->later_end = later;
	fs->later_end = &later->next;
}

void fs_unlock(struct fs *fs)
{
	struct later *later;

	trim(fs);
	later = fs->later;
	fs->later = NULL;
	fs->later_end = &fs->later;
	if (fs->calls == 0)
		pthread_cond_broadcast(&fs->quiet);
	pthread_mutex_unlock(&fs->lock);
	while (later) {
		struct later *next = later->next;

		later->run(later);
		later = next;
	}
}

uint64_t fs_node(const struct fs *fs, int64_t id)
{
	return id == fs->root ? FUSE_ROOT_ID : (uint64_t)id;
}

int64_t fs_id(const struct fs *fs, uint64_t node)
{
	return node == FUSE_ROOT_ID ? fs->root : (int64_t)node;
}

int fs_errno(int error)
{
	return error < 0 ? error_errno(error) : 0;
}

/* A mask hides what is stored, as it does for file systems that store no permissions: all bits but those of the mask
 * are shown. */
static mode_t shown_mode(const struct fs *fs, mode_t stored)
{
	int mask = S_ISDIR(stored) ? fs->folder_mask : fs->file_mask;

	stored &= ~(mode_t)ITEM_MODE_FLAGS;
	return mask < 0 || S_ISLNK(stored) ? stored : (stored & S_IFMT) | (0777 & ~(mode_t)mask);
}

#define STAT_BLOCK_BYTES 512 /* what st_blocks counts */

void fs_stat(struct fs *fs, struct inode *inode, struct stat *ret)
{
	const struct attributes *a = &inode->attr;
	int64_t mtime = a->mtime, ctime = a->ctime, allocated = a->allocated, size = a->size;

	if (file_is_dirty(inode->file)) {
		size = file_size(inode);
		mtime = inode->file->mtime;
		ctime = mtime > ctime ? mtime : ctime;
		allocated += (int64_t)(inode->file->dirty.bytes + inode->file->flushing.bytes);
		inode->file->ctime_shown = true;
	}
	if (size != inode->told)
		holds_release(&fs->holds, inode);
	inode->told = size;
	*ret = (struct stat){
		.st_ino = (ino_t)inode->id,
		.st_mode = shown_mode(fs, a->mode),
		.st_nlink = a->nlink,
		.st_uid = fs->root_mode ? a->uid : fs->uid,
		.st_gid = fs->root_mode ? a->gid : fs->gid,
		.st_rdev = makedev(a->rdev_major, a->rdev_minor),
		.st_size = size,
		.st_blksize = FS_IO_BYTES,
		.st_blocks = (allocated + STAT_BLOCK_BYTES - 1) / STAT_BLOCK_BYTES,
		.st_atim = clock_timespec(a->atime),
		.st_mtim = clock_timespec(mtime),
		.st_ctim = clock_timespec(ctime),
	};
}

bool fs_is_bare(const struct fs *fs)
{
	return fs->inodes.trusted && fs->inodes.needed == 0 && fs->bare_at >= 0 && fs->bare_at >= fs->xattrs_at;
}

void fs_xattrs_changed(struct fs *fs, int64_t seq)
{
	fs->xattrs_at = seq > fs->xattrs_at ? seq : fs->xattrs_at;
}

void fs_learn_usage(struct fs *fs, const struct store_drive *drive)
{
	fs->quota = drive->quota;
	fs->used = drive->used;
	fs->free = drive->free;
	fs->documents = drive->documents;
	fs->documents_max = drive->documents_max;
	fs->disk = drive->quota == 0 || drive->free < drive->quota - drive->used ? drive->free : INT64_MAX;
	fs->usage_at_ns = clock_mono_ns();
	if (drive->bare)
		fs->bare_at = drive->at.seq > fs->bare_at ? drive->at.seq : fs->bare_at;
	else
		fs_xattrs_changed(fs, drive->at.seq + 1);
}

void fs_learn_used(struct fs *fs, int64_t used, int64_t quota)
{
	if (fs->usage_at_ns == 0)
		return;
	if (fs->disk != INT64_MAX)
		fs->disk -= used - fs->used;
	fs->free = quota > 0 && quota - used < fs->disk ? quota - used : fs->disk;
	fs->free = fs->free > 0 ? fs->free : 0;
	fs->used = used;
	fs->quota = quota;
	if (quota == 0 && fs->disk == INT64_MAX)
		fs->usage_at_ns = 0; /* the quota went: what the disk has was never said */
}

int64_t fs_result_seq(const struct op_result *result)
{
	int64_t seq = result->has_item ? result->item.seq : 0;

	for (size_t i = 0; i < result->dir_count; i++)
		if (result->dirs[i].seq > seq)
			seq = result->dirs[i].seq;
	return seq;
}

/* The last change that the results are of; 0: they do not say. */
static int64_t last_seq(const struct store_batch_reply *reply)
{
	int64_t last = 0;

	for (size_t i = 0; reply->results && i < reply->count; i++) {
		int64_t seq = fs_result_seq(&reply->results[i]);

		last = seq > last ? seq : last;
	}
	return last;
}

static void on_batch(void *cookie, const struct store_batch_reply *reply)
{
	struct fs *fs = cookie;
	int64_t last = reply->at.seq;

	fs_lock(fs);
	if (reply->used >= 0)
		fs_learn_used(fs, reply->used, reply->quota);
	/* Each op is one change, and those of a batch follow on each other. An answer of a later position is not the
	 * first one. */
	if (last > 0 && last_seq(reply) == last)
		fill_view_own(&fs->view, last - (int64_t)reply->count + 1, last, fs->now_ns);
	fs_saw(fs, reply->at);
	fs_unlock(fs);
}

/* -- attributes -- */

static void learn_content(struct fs *fs, struct inode *inode, const struct item *item, int64_t seen)
{
	struct file *f;

	if (!item->has_inline || !S_ISREG(item->mode) || file_is_dirty(inode->file) ||
		(int64_t)item->inline_data.size != item->size)
		return;
	f = file_get(inode);
	if (!f || (f->content.any && f->content.content_seq == item->content_seq))
		return;
	if (content_learn_inline(&f->content, item->content_seq, seen, item->inline_data) < 0)
		content_drop(&f->content);
	file_count_content(fs, f);
}

/*
 * Whether others may have changed its content lately. The journal may not have told it yet, or told it before the
 * document was known here. It may also be an own change whose answer is on its way; but alone, it can be nobody else's.
 */
static bool is_foreign(const struct fs *fs, const struct inode *inode, const struct item *item)
{
	const bool is_new = inode->attr.content_seq == 0;

	if (!fs_is_shared(fs) || (is_new && !S_ISREG(item->mode)))
		return false;
	return item->content_seq > (is_new ? fs->settled : inode->attr.content_seq);
}

struct inode *fs_learn(struct fs *fs, const struct item *item, int64_t seen, bool *ret_fresh)
{
	struct inode *inode = inodes_get(&fs->inodes, item->id);
	bool fresh = recent_document_stands(&fs->recent, seen, item->id);

	if (!inode)
		return NULL;
	if (item->content_seq != inode->attr.content_seq)
		holds_release(&fs->holds, inode);
	if (is_foreign(fs, inode, item))
		inode->foreign_ns = fs->now_ns;
	if (inode_learn(inode, item, seen)) {
		if (file_place_tail(inode))
			flush_show_stored(fs, inode);
		if (!fresh)
			inode->epoch = 0;
		else
			learn_content(fs, inode, item, seen);
	}
	if (ret_fresh)
		*ret_fresh = fresh;
	return inode;
}

/* After an own op: nobody else's answer that is older may be kept. */
static struct inode *learn_changed(struct fs *fs, const struct item *item)
{
	struct inode *inode = inodes_get(&fs->inodes, item->id);

	recent_add_document(&fs->recent, item->seq, item->id);
	if (!inode)
		return NULL;
	/* An access ACL follows the mode. */
	if (inode->xattrs && !item->bare && inode->attr.mode != item->mode)
		trim_keep_xattrs(fs, inode, NULL);
	/* What an op does to the size, the kernel does to its own. */
	inode->told = item->size;
	holds_release(&fs->holds, inode);
	(void)inode_learn(inode, item, item->seq);
	return inode;
}

struct inode *fs_learn_own(struct fs *fs, const struct op_result *result)
{
	for (size_t i = 0; i < result->dir_count; i++)
		inode_unref(learn_changed(fs, &result->dirs[i]));
	fs->newest = result->has_item ? result->item.id : 0;
	fs->newest_ns = clock_mono_ns();
	return result->has_item ? learn_changed(fs, &result->item) : NULL;
}

bool fs_changed_now(const struct fs *fs, const struct inode *inode)
{
	return fs->newest == inode->id && clock_mono_ns() - fs->newest_ns < FS_TICK_NS;
}

static bool is_lately(const struct fs *fs, int64_t foreign_ns)
{
	return foreign_ns != 0 && fs->now_ns - foreign_ns < FS_FOREIGN_S * NS_PER_S;
}

bool fs_is_shared(const struct fs *fs)
{
	return fs->others || !fs->inodes.trusted || is_lately(fs, fs->foreign_ns);
}

bool fs_is_shared_folder(const struct fs *fs, const struct inode *folder)
{
	return folder && is_lately(fs, folder->foreign_ns);
}

bool fs_is_contended(const struct fs *fs, const struct inode *inode)
{
	return inode->foreign_ns != 0 && fs->now_ns - inode->foreign_ns < FS_CONTENDED_S * NS_PER_S;
}

struct refresh {
	struct fs *fs;
	struct inode *inode; /* with a reference */
};

static void on_item(void *cookie, int error, const struct item *item, struct store_position at);

static void send_refresh(struct refresh *refresh)
{
	struct fs *fs = refresh->fs;

	fs->calls++;
	(void)fs->store->ops->item(fs->store, refresh->inode->id, on_item, refresh);
}

static void on_item(void *cookie, int error, const struct item *item, struct store_position at)
{
	struct refresh *refresh = cookie;
	struct fs *fs = refresh->fs;
	struct inode *inode = refresh->inode;
	struct fill_wait *served;
	bool again;

	fs_lock(fs);
	fs->calls--;
	fs_saw(fs, at);
	if (error == 0)
		inode_unref(fs_learn(fs, item, at.seq, NULL));
	served = fill_waits_served(&inode->waits, error, at.seq);
	again = inode->waits != NULL;
	inode->refreshing = again;
	if (again)
		send_refresh(refresh); /* for those who came too late for this one */
	fill_waits_fire(served, error);
	if (!again)
		inode_unref(inode);
	fs_unlock(fs);
	if (!again)
		free(refresh);
}

int fs_refresh(struct fs *fs, struct inode *inode, void (*ready)(void *cookie, int error), void *cookie)
{
	const struct fill_wish wish = fill_wish_now(&fs->view, fs->now_ns);
	struct refresh *refresh = inode->refreshing ? NULL : malloc(sizeof(*refresh));
	int error;

	if (!inode->refreshing && !refresh)
		return -ENOMEM;
	error = fill_wait_add(&inode->waits, &wish, !inode->refreshing, ready, cookie);
	if (error < 0 || inode->refreshing) {
		free(refresh);
		return error;
	}
	*refresh = (struct refresh){fs, inode_ref(inode)};
	inode->refreshing = true;
	send_refresh(refresh);
	return 0;
}

/* -- life -- */

static void release_inode(void *cookie, struct inode *inode)
{
	listing_release(inode);
	prefetch_release(inode);
	shared_locks_free(inode->posix);
	shared_locks_free(inode->flock);
	file_free(cookie, inode->file);
	trim_keep_xattrs(cookie, inode, NULL);
}

struct root_answer {
	pthread_mutex_t lock;
	pthread_cond_t come;
	bool here;
	int error;
	struct store_drive drive;
};

static void on_drive(void *cookie, int error, const struct store_drive *drive)
{
	struct root_answer *a = cookie;

	pthread_mutex_lock(&a->lock);
	a->error = error;
	if (error == 0)
		a->drive = *drive;
	a->here = true;
	pthread_cond_signal(&a->come);
	pthread_mutex_unlock(&a->lock);
}

/* The store ends its calls by itself; the wait is as long as that takes. */
static int ask_root(struct fs *fs)
{
	struct root_answer a = {.lock = PTHREAD_MUTEX_INITIALIZER, .come = PTHREAD_COND_INITIALIZER};

	(void)fs->store->ops->drive(fs->store, on_drive, &a);
	pthread_mutex_lock(&a.lock);
	while (!a.here)
		pthread_cond_wait(&a.come, &a.lock);
	pthread_mutex_unlock(&a.lock);
	if (a.error < 0)
		return a.error;
	fs->root = a.drive.root;
	fs_learn_usage(fs, &a.drive);
	return 0;
}

static void init_state(struct fs *fs, const struct fs_options *options)
{
	fs->store = options->store;
	fs->oplog = options->oplog;
	fs->metrics = options->metrics;
	fs->root = options->root;
	fs->bare_at = options->bare_at;
	fs->root_mode = options->root_mode;
	fs->file_mask = options->has_masks ? options->file_mask : -1;
	fs->folder_mask = options->has_masks ? options->folder_mask : -1;
	fs->local_locks = options->local_locks;
	fs->others = options->shared;
	fs->uid = options->uid;
	fs->gid = options->gid;
	fs->later_end = &fs->later;
	fill_view_init(&fs->view, options->follows ? 0 : INT64_MAX, FS_GRACE_MS * NS_PER_MS);
	pthread_mutex_init(&fs->lock, NULL);
	cond_init(&fs->quiet);
	inodes_init(&fs->inodes, release_inode, fs);
	fs->kept_max = options->kept_bytes ? options->kept_bytes : KEPT_BYTES_MAX;
	names_init(&fs->names, &fs->inodes, fs->kept_max / KEPT_BYTES_PER_NAME);
	fs->names.gone = trim_name_gone;
	fs->names.cookie = fs;
	prune_init(&fs->prune);
	holds_init(&fs->holds, fs);
	blocks_init(&fs->blocks, fs, options->cache_bytes);
}

int fs_new(const struct fs_options *options, struct fs **ret)
{
	struct fs *fs = calloc(1, sizeof(*fs));
	struct inode *root;
	int r;

	if (!fs)
		return -ENOMEM;
	init_state(fs, options);
	oplog_set_listener(fs->oplog, on_batch, fs);
	r = notify_new(&fs->notify);
	if (r == 0)
		r = flusher_start(&fs->flusher, fs);
	if (r == 0)
		r = ops_patience_start(&fs->patience, fs);
	if (r == 0 && fs->root == 0)
		r = ask_root(fs);
	root = r == 0 ? inodes_get(&fs->inodes, fs->root) : NULL; /* its reference stays */
	if (r == 0 && !root)
		r = -ENOMEM;
	if (r == 0 && fs->metrics)
		r = metrics_add(fs->metrics, METRIC_COUNTER, "nephos_mount_requests_total", "",
			"Requests of the kernel", &fs->requests);
	if (r < 0) {
		fs_free(fs);
		return r;
	}
	*ret = fs;
	return 0;
}

static int tell_unused(void *cookie, const uint64_t *nodes, size_t count)
{
	return device_prune(cookie, nodes, count);
}

int fs_attach(struct fs *fs, struct fuse_session *session)
{
	notify_attach(fs->notify, session);
	fs_lock(fs);
	prune_attach(&fs->prune, tell_unused, session);
	fs_unlock(fs);
	return device_attach(session);
}

#define QUIET_S 40 /* longer than the store takes to give up */

void fs_free(struct fs *fs)
{
	int64_t until_ns = clock_mono_ns() + QUIET_S * NS_PER_S;
	int r = 0;

	if (!fs)
		return;
	notify_free(fs->notify);
	fs->notify = NULL; /* the kernel is gone: what is dropped below is shown to nobody */
	fs_lock(fs);
	prune_attach(&fs->prune, NULL, NULL);
	fs_unlock(fs);
	prune_fini(&fs->prune);
	fs_lock(fs);
	while (fs->calls > 0 && r == 0)
		r = cond_wait_until(&fs->quiet, &fs->lock, until_ns) ? 0 : -ETIMEDOUT;
	r = fs->calls > 0 ? -EBUSY : 0;
	fs_unlock(fs);
	if (r < 0) {
		/* Its callbacks would find nothing: better a leak at the end of the process than that. */
		log_error(NULL, "%u calls of the store did not end", fs->calls);
		return;
	}
	oplog_set_listener(fs->oplog, NULL, NULL);
	ops_patience_stop(&fs->patience);
	fs_lock(fs);
	shared_locks_end(fs);
	handles_end(fs);
	fs_unlock(fs);
	flusher_stop(&fs->flusher);
	holds_stop(&fs->holds);
	free(fs->looked);
	names_fini(&fs->names);
	inodes_fini(&fs->inodes);
	blocks_fini(&fs->blocks);
	pthread_cond_destroy(&fs->quiet);
	pthread_mutex_destroy(&fs->lock);
	free(fs);
}

/* -- storing everything -- */

struct flush_all {
	unsigned waiting;
	int error;
	pthread_cond_t over;
};

static void on_stored(void *cookie, int error)
{
	struct flush_all *all = cookie;

	all->waiting--;
	if (error < 0)
		all->error = error;
	pthread_cond_signal(&all->over);
}

static void take_back_of(struct file *f, struct flush_wait *list, const struct flush_all *all)
{
	struct flush_wait *w, *next;

	DL_FOREACH_SAFE(list, w, next) {
		if (w->cookie == all)
			flush_wait_cancel(f->inode, w);
	}
}

/* The waits of those that did not come in time are taken back: they point to this stack. */
static void take_back(struct fs *fs, struct flush_all *all)
{
	struct file *f;

	DL_FOREACH2(fs->flusher.due, f, due_next)
	{
		take_back_of(f, f->waits, all);
		take_back_of(f, f->flushing_waits, all);
	}
}

int fs_flush_all(struct fs *fs, unsigned deadline_ms)
{
	int64_t until_ns = clock_mono_ns() + deadline_ms * NS_PER_MS;
	struct flush_all all = {0};
	struct file *f, *next;
	int r = 0;

	cond_init(&all.over);
	fs_lock(fs);
	DL_FOREACH_SAFE2(fs->flusher.due, f, next, due_next)
	{
		int started = flush_until_stored(fs, f->inode, on_stored, &all, NULL);

		all.waiting += started == 0;
		if (started < 0)
			all.error = started;
	}
	while (all.waiting > 0 && r == 0)
		r = cond_wait_until(&all.over, &fs->lock, until_ns) ? 0 : -ETIMEDOUT;
	take_back(fs, &all);
	r = all.waiting > 0 ? -ETIMEDOUT : all.error;
	fs_unlock(fs);
	pthread_cond_destroy(&all.over);
	return r;
}
