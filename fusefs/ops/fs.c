#include "fusefs/ops/fs.h"

#include "common/base/clock.h"
#include "common/base/cond.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "fusefs/content/file.h"
#include "fusefs/names/listing.h"
#include "fusefs/names/prefetch.h"
#include "fusefs/ops/ops_fs.h"
#include "fusefs/ops/ops_patience.h"
#include "fusefs/ops/trim.h"
#include "fusefs/names/xattrs.h"

#include <assert.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#define FUSE_USE_VERSION 314
#include <fuse_lowlevel.h>

bool fs_in_use(struct fs *fs)
{
	bool in_use;

	core_lock(&fs->core);
	in_use = fs->used_ns > 0 && fs->core.now_ns - fs->used_ns < FS_IN_USE_MS * NS_PER_MS;
	core_unlock(&fs->core);
	return in_use;
}

void fs_set_waker(struct fs *fs, void (*wake)(void *cookie), void *cookie)
{
	core_lock(&fs->core);
	assert(!fs->wake || !wake); /* one follower at a time */
	fs->wake = wake;
	fs->wake_cookie = cookie;
	core_unlock(&fs->core);
}

static_assert(offsetof(struct fs, init) == 0, "device finds it at the begin of the session's userdata");

/* The position of the last change among the results; 0: the results do not say. */
static int64_t last_seq(const struct store_batch_reply *reply)
{
	int64_t last = 0;

	for (size_t i = 0; reply->results && i < reply->count; i++) {
		int64_t seq = attributes_seq_of(&reply->results[i]);

		last = seq > last ? seq : last;
	}
	return last;
}

static void on_batch(void *cookie, const struct store_batch_reply *reply)
{
	struct fs *fs = cookie;
	int64_t last = reply->at.seq;

	assert(reply->results || reply->count == 0);
	core_lock(&fs->core);
	if (reply->used >= 0)
		ops_learn_used(fs, reply->used, reply->quota);
	/* Each op is one change, and the changes of one batch have consecutive positions. The answer of a repeated
	 * call may have a later position than the batch; such an answer proves nothing here. */
	if (last > 0 && last_seq(reply) == last)
		fill_view_own(&fs->core.view, last - (int64_t)reply->count + 1, last, fs->core.now_ns);
	core_saw(&fs->core, reply->at);
	core_unlock(&fs->core);
}

/* -- callbacks of the layers below -- */

static void on_leaving(void *cookie)
{
	trim(cookie);
}

static void on_pages_gone(void *cookie, struct inode *inode)
{
	struct fs *fs = cookie;

	if (fs->notify && inode->lookups > 0)
		notify_content(fs->notify, ops_node_of(fs, inode->id));
}

static void on_learnt(void *cookie, struct inode *inode, const struct item *item, int64_t seen, bool fresh)
{
	struct fs *fs = cookie;

	if (file_place_tail(inode))
		file_is_elsewhere(inode);
	if (fresh)
		file_learn_inline(&fs->core, inode, item, seen);
}

static void on_mode_changes(void *cookie, struct inode *inode, const struct item *item)
{
	struct fs *fs = cookie;

	/* A change of the mode changes the access ACL as well. */
	if (inode->xattrs && !item->bare)
		xattrs_keep(&fs->core.kept, inode, NULL);
}

static void on_release(void *cookie, struct inode *inode)
{
	struct fs *fs = cookie;

	assert(inode->opens == 0 && inode->mappable == 0); /* a handle has a reference */
	listing_release(inode);
	prefetch_release(inode);
	shared_locks_free(inode->posix);
	shared_locks_free(inode->flock);
	file_free(&fs->core, inode->file);
	xattrs_keep(&fs->core.kept, inode, NULL);
}

static const struct core_hooks core_hooks = {
	.leaving = on_leaving,
	.pages_gone = on_pages_gone,
	.learnt = on_learnt,
	.mode_changes = on_mode_changes,
	.release = on_release,
};

static int store_dirty(void *cookie, struct inode *inode, void (*done)(void *cookie, int error), void *done_cookie)
{
	struct fs *fs = cookie;

	return flush_until_stored(&fs->flusher, inode, done, done_cookie, NULL);
}

static bool tell_kernel(void *cookie, struct inode *inode, bool pages, void (*told)(void *cookie), void *told_cookie)
{
	struct fs *fs = cookie;

	if (inode->lookups == 0 || !fs->notify)
		return false;
	notify_then(fs->notify, ops_node_of(fs, inode->id), pages, told, told_cookie);
	return true;
}

static void on_locks_lost(void *cookie, struct inode *inode)
{
	struct fs *fs = cookie;

	handles_lost_locks(&fs->handles, inode);
	flush_drop(&fs->flusher, inode, -EIO);
}

static const struct shared_locks_hooks locks_hooks = {
	.store_dirty = store_dirty,
	.tell_kernel = tell_kernel,
	.lost = on_locks_lost,
};

/* -- life -- */

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

/* The store ends its calls after a time of its own, so this wait is bounded by that time. */
static int ask_root(struct fs *fs)
{
	struct root_answer a = {.lock = PTHREAD_MUTEX_INITIALIZER, .come = PTHREAD_COND_INITIALIZER};

	(void)fs->core.store->ops->drive(fs->core.store, on_drive, &a);
	pthread_mutex_lock(&a.lock);
	while (!a.here)
		pthread_cond_wait(&a.come, &a.lock);
	pthread_mutex_unlock(&a.lock);
	if (a.error < 0)
		return a.error;
	fs->root = a.drive.root;
	ops_learn_usage(fs, &a.drive);
	return 0;
}

static void init_state(struct fs *fs, const struct fs_options *options)
{
	const struct core_options core = {.store = options->store,
		.follows = options->follows,
		.shared = options->shared,
		.hooks = &core_hooks,
		.cookie = fs};
	const struct shared_locks_options locks = {
		.core = &fs->core, .local = options->local_locks, .hooks = &locks_hooks, .cookie = fs};

	fs->oplog = options->oplog;
	fs->metrics = options->metrics;
	fs->root = options->root;
	fs->bare_at = options->bare_at;
	fs->root_mode = options->root_mode;
	fs->file_mask = options->has_masks ? options->file_mask : -1;
	fs->folder_mask = options->has_masks ? options->folder_mask : -1;
	fs->uid = options->uid;
	fs->gid = options->gid;
	core_init(&fs->core, &core);
	cond_init(&fs->asks.wake);
	fs->kept_max = options->kept_bytes ? options->kept_bytes : KEPT_BYTES_MAX;
	names_init(&fs->names, &fs->core.inodes, fs->kept_max / KEPT_BYTES_PER_NAME);
	fs->names.gone = trim_name_gone;
	fs->names.cookie = fs;
	prune_init(&fs->prune);
	holds_init(&fs->holds, &fs->core);
	blocks_init(&fs->blocks, &fs->core, options->cache_bytes);
	handles_init(&fs->handles, &fs->core, &fs->blocks, &fs->flusher);
	shared_locks_set_init(&fs->locks, &locks);
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
		r = flusher_start(&fs->flusher, &fs->core, fs->oplog, &fs->blocks);
	if (r == 0)
		r = ops_patience_start(fs);
	if (r == 0 && fs->root == 0)
		r = ask_root(fs);
	root = r == 0 ? inodes_get(&fs->core.inodes, fs->root) : NULL; /* the reference is kept */
	if (r == 0 && !root)
		r = -ENOMEM;
	if (r == 0 && fs->metrics)
		r = metrics_add(fs->metrics, METRIC_COUNTER, "nephos_mount_requests_total", "",
			"Requests from the kernel", &fs->requests);
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
	core_lock(&fs->core);
	prune_attach(&fs->prune, tell_unused, session);
	core_unlock(&fs->core);
	return device_attach(session);
}

#define QUIET_S 40 /* longer than the store takes to give up a call */

void fs_free(struct fs *fs)
{
	if (!fs)
		return;
	notify_free(fs->notify);
	fs->notify = NULL; /* the kernel is gone: nothing that is dropped below needs a notice */
	core_lock(&fs->core);
	prune_attach(&fs->prune, NULL, NULL);
	core_unlock(&fs->core);
	prune_fini(&fs->prune);
	if (!core_wait_quiet(&fs->core, clock_mono_ns() + QUIET_S * NS_PER_S)) {
		/* The callbacks of those calls would access freed memory: a leak at the end of the process is
		 * better. */
		log_error(NULL, "calls of the store did not end within %d s", QUIET_S);
		return;
	}
	oplog_set_listener(fs->oplog, NULL, NULL);
	ops_patience_stop(fs);
	core_lock(&fs->core);
	shared_locks_end(&fs->locks);
	handles_end(&fs->handles);
	core_unlock(&fs->core);
	flusher_stop(&fs->flusher);
	holds_stop(&fs->holds);
	free(fs->looked);
	names_fini(&fs->names);
	core_fini(&fs->core);
	blocks_fini(&fs->blocks);
	pthread_cond_destroy(&fs->asks.wake);
	free(fs);
}

int fs_flush_all(struct fs *fs, unsigned deadline_ms)
{
	return flusher_store_all(&fs->flusher, deadline_ms);
}
