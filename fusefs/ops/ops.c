#include "fusefs/ops/fs.h"

#include "fusefs/ops/ops_internal.h"

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/text.h"
#include "fusefs/content/extents.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#define MAX_WRITE_BYTES (1024u * 1024) /* the most that the kernel takes in one request */
#define MAX_BACKGROUND 512u
#define CONGESTION 384u
static_assert(OPLOG_OPS_MAX > 64 * MAX_BACKGROUND, "what the kernel has under way never fills the op log");
static_assert(OPLOG_BYTES_MAX > 2 * FLUSH_BYTES_MAX, "nor does what is dirty");

/* -- requests that wait -- */

static void on_interrupt(fuse_req_t req, void *cookie)
{
	struct fs *fs = cookie;
	struct ask *ask;

	fs_lock(fs);
	HASH_FIND_PTR(fs->pending, &req, ask);
	if (ask && !ask->interrupted) {
		const struct patience_case now = {.interrupted = true};

		ask->interrupted = true;
		if (patience_of(ask->call, &now) == PATIENCE_INTERRUPT && ask->cancel)
			ask->cancel(ask);
		/* What this did not end is looked at by the thread, now and again. */
		fs->patience.news = true;
		pthread_cond_signal(&fs->patience.wake);
	}
	fs_unlock(fs);
}

/* It will wait. With the lock held. */
static void begins(struct ask *ask, enum patience_call call)
{
	struct fs *fs = ask->fs;

	ask->call = call;
	ask->number = ++fs->patience.asked;
	ask->tid = fuse_req_ctx(ask->req)->pid;
	ask->began_ns = clock_mono_ns();
	ask->ends_with = -EINTR;
	HASH_ADD_PTR(fs->pending, req, ask);
	if (fs->patience.asleep)
		pthread_cond_signal(&fs->patience.wake);
}

struct ask *ask_new(fuse_req_t req)
{
	return ask_new_call(req, PATIENCE_OTHER);
}

struct ask *ask_new_call(fuse_req_t req, enum patience_call call)
{
	struct fs *fs = fs_of(req);
	struct ask *ask = calloc(1, sizeof(*ask));

	if (!ask) {
		fuse_reply_err(req, ENOMEM);
		return NULL;
	}
	ask->fs = fs;
	ask->req = req;
	fs_lock(fs);
	begins(ask, call);
	fs_used(fs);
	fs_unlock(fs);
	/* Without our lock: libfuse calls back at once when the interrupt was there first. */
	fuse_req_interrupt_func(req, on_interrupt, fs);
	return ask;
}

fuse_req_t ask_take(struct ask *ask)
{
	fuse_req_t req = ask->req;

	if (!req)
		return NULL;
	HASH_DEL(ask->fs->pending, ask);
	ask->req = NULL;
	ask->cancel = NULL;
	return req;
}

void ask_free(struct ask *ask)
{
	(void)ask_take(ask);
	if (ask->handle)
		handle_free(ask->fs, ask->handle);
	inode_unref(ask->inode);
	inode_unref(ask->other);
	snapshot_unref(ask->snapshot);
	free(ask->text);
	free(ask->extra);
	free(ask);
}

void ask_fail(struct ask *ask, int error)
{
	fuse_req_t req = ask_take(ask);

	if (req)
		ops_error(req, error);
	ask_free(ask);
}

void ask_cancel_ticket(struct ask *ask)
{
	struct store *store = ask->fs->store;
	store_ticket ticket = ask->ticket;

	ask_cancel_shared(ask); /* what the store says of its end is not what the caller is to hear */
	store->ops->cancel(store, ticket);
}

static void cancel_group(struct ask *ask)
{
	if (oplog_withdraw(ask->fs->oplog, ask->group, ask->ends_with))
		ask->cancel = NULL;
}

static void cancel_job(struct ask *ask)
{
	(void)flush_job_withdraw(ask->fs, ask->job, ask->ends_with);
}

/* What was written stays, and goes on to be stored. A failure that the handle has not reported is left for the next who
 * asks. */
static void cancel_stored(struct ask *ask)
{
	flush_wait_cancel(ask->inode, ask->wait);
	ask_fail(ask, ask->ends_with);
}

void ask_cancel_shared(struct ask *ask)
{
	fuse_req_t req = ask_take(ask);

	if (req)
		ops_error(req, ask->ends_with);
}

int ask_ops(struct ask *ask, const struct op *ops, size_t count,
	void (*done)(void *cookie, int error, const struct op_result *results, size_t count))
{
	struct fs *fs = ask->fs;
	int r;

	r = oplog_append(fs->oplog, ops, count, done, ask, &ask->group);
	if (r < 0)
		return r;
	fs->calls++;
	ask->cancel = cancel_group;
	return 0;
}

int ask_job(struct ask *ask, struct inode *inode, void (*done)(void *cookie, int error, const struct op_result *result))
{
	int r;

	ask->cancel = cancel_job;
	r = flush_job(ask->fs, inode, &ask->op, done, ask, &ask->job);
	if (r < 0)
		ask->cancel = NULL;
	return r;
}

int ask_through(
	struct ask *ask, const void *data, void (*done)(void *cookie, int error, const struct op_result *result))
{
	struct flush_data through = {
		.at = ask->off, .from = data, .size = ask->size, .append = ask->append, .done = done, .cookie = ask};
	int r;

	ask->cancel = cancel_job;
	r = flush_through(ask->fs, ask->inode, &through, &ask->job);
	if (r < 0)
		ask->cancel = NULL;
	return r;
}

int ask_stored(struct ask *ask, struct inode *inode, void (*done)(void *cookie, int error))
{
	int r;

	if (ask->inode != inode) {
		inode_unref(ask->inode);
		ask->inode = inode_ref(inode);
	}
	ask->cancel = cancel_stored;
	r = flush_until_stored(ask->fs, inode, done, ask, &ask->wait);
	if (r != 0)
		ask->cancel = NULL;
	return r;
}

bool ask_is_early(const struct ask *ask, int error)
{
	return error == -ERR_NO_GATEWAY && ask->req && clock_mono_ns() - ask->began_ns < STORE_OUTAGE_NS;
}

static void on_refreshed(void *cookie, int error)
{
	struct ask *ask = cookie;

	if (!ask_is_early(ask, error) || fs_refresh(ask->fs, ask->refreshing, on_refreshed, ask) < 0)
		ask->on_refreshed(ask, error);
}

int ask_attributes(struct ask *ask, struct inode *inode, void (*done)(void *cookie, int error))
{
	ask->cancel = ask_cancel_shared;
	ask->refreshing = inode;
	ask->on_refreshed = done;
	return fs_refresh(ask->fs, inode, on_refreshed, ask);
}

/* -- answers -- */

void ops_error(fuse_req_t req, int error)
{
	fuse_reply_err(req, fs_errno(error));
}

struct inode *ops_inode(struct fs *fs, fuse_ino_t node)
{
	return inodes_find(&fs->inodes, fs_id(fs, node));
}

double ops_timeout(struct fs *fs, bool fresh)
{
	int64_t left = fill_trust_left_ns(&fs->view, fs->now_ns);

	fs_used(fs);
	if (!fresh || fs->inodes.needed > 0 || fs_is_shared(fs))
		return 0;
	left = left < FS_TRUST_MS * NS_PER_MS ? left : FS_TRUST_MS * NS_PER_MS;
	if (fs->now_ns + left > fs->kernel_until_ns)
		fs->kernel_until_ns = fs->now_ns + left;
	return (double)left / NS_PER_S;
}

/* What the store refused counts until it is dropped; then it is to be gone at once. */
static double attributes_timeout(struct fs *fs, const struct inode *inode)
{
	return ops_timeout(fs, inode_valid(inode) && !file_is_refused(inode->file));
}

void ops_fill_entry(struct fs *fs, struct inode *inode, bool fresh, struct fuse_entry_param *ret)
{
	*ret = (struct fuse_entry_param){
		.ino = fs_node(fs, inode->id),
		.generation = 1, /* ids are never used again */
		.attr_timeout = attributes_timeout(fs, inode),
		.entry_timeout = ops_timeout(fs, fresh),
	};
	fs_stat(fs, inode, &ret->attr);
}

void ops_reply_entry(struct fs *fs, fuse_req_t req, struct inode *inode, bool fresh)
{
	struct fuse_entry_param e;

	ops_fill_entry(fs, inode, fresh, &e);
	inode_lookup(inode);
	if (fuse_reply_entry(req, &e) < 0)
		inode_forget(inode, 1); /* the request was gone: the kernel did not count it */
}

void ops_reply_absent(struct fs *fs, fuse_req_t req, bool fresh)
{
	struct fuse_entry_param e = {.entry_timeout = ops_timeout(fs, fresh)};

	if (e.entry_timeout > 0)
		fuse_reply_entry(req, &e);
	else
		fuse_reply_err(req, ENOENT);
}

void ops_reply_attributes(struct fs *fs, fuse_req_t req, struct inode *inode)
{
	struct stat st;

	fs_stat(fs, inode, &st);
	fuse_reply_attr(req, &st, attributes_timeout(fs, inode));
}

int ops_name(const char *name, struct span *ret)
{
	*ret = span_str(name);
	return text_name_check(*ret);
}

bool ops_refuse_lost(fuse_req_t req, const struct handle *h)
{
	if (!atomic_load(&h->locks_lost))
		return false;
	fuse_reply_err(req, EIO);
	return true;
}

/*
 * Past the kernel's pages: who asked for it, and who reads what others may be changing. An older kernel would refuse to
 * map that.
 */
static bool goes_direct(const struct fs *fs, const struct inode *inode, int flags)
{
	if (flags & O_DIRECT)
		return true;
	return (flags & O_ACCMODE) != O_WRONLY && device_maps_direct(&fs->init) && fs_is_contended(fs, inode);
}

struct handle *ops_open_handle(struct fs *fs, struct inode *inode, struct fuse_file_info *fi)
{
	struct handle *h = handle_new(fs, inode, fi->flags);

	if (!h)
		return NULL;
	fi->fh = (uint64_t)(uintptr_t)h;
	fi->direct_io = goes_direct(fs, inode, fi->flags);
	h->ahead.direct = fi->direct_io;
	fi->keep_cache = inode_valid(inode) && inode->pages_seq != 0 && inode->pages_seq == inode->attr.content_seq;
	if (!fi->direct_io && !fi->keep_cache)
		inode->pages_seq = inode_valid(inode) ? inode->attr.content_seq : 0;
	return h;
}

/* -- the table -- */

static void ops_init(void *userdata, struct fuse_conn_info *conn)
{
	const unsigned wanted = FUSE_CAP_ASYNC_READ | FUSE_CAP_ATOMIC_O_TRUNC | FUSE_CAP_AUTO_INVAL_DATA |
		FUSE_CAP_READDIRPLUS | FUSE_CAP_READDIRPLUS_AUTO | FUSE_CAP_ASYNC_DIO | FUSE_CAP_PARALLEL_DIROPS |
		FUSE_CAP_FLOCK_LOCKS | FUSE_CAP_POSIX_LOCKS | FUSE_CAP_EXPORT_SUPPORT | FUSE_CAP_IOCTL_DIR;

	/* The kernel asks for ACLs where it checks permissions, and leaves umask to whoever knows what the folder
	 * says. */
	const unsigned owners = FUSE_CAP_POSIX_ACL | FUSE_CAP_DONT_MASK;
	const struct fs *fs = userdata;

	/* Everything is said: what libfuse turns on by itself differs between versions. HANDLE_KILLPRIV stays off: the
	 * kernel then clears set-id bits by SETATTR, as it does everywhere else. WRITEBACK_CACHE stays off: it reports
	 * success for pages that were never stored. */
	conn->want = (fs_has_acls(fs) ? wanted | owners : wanted) & conn->capable;
	conn->max_write = MAX_WRITE_BYTES;
	conn->max_readahead = MAX_WRITE_BYTES;
	conn->max_background = MAX_BACKGROUND;
	conn->congestion_threshold = CONGESTION;
	conn->time_gran = 1;
}

static const struct fuse_lowlevel_ops table = {
	.init = ops_init,
	.lookup = ops_lookup,
	.forget = ops_forget,
	.forget_multi = ops_forget_multi,
	.getattr = ops_getattr,
	.setattr = ops_setattr,
	.readlink = ops_readlink,
	.statfs = ops_statfs,
	.create = ops_create,
	.mknod = ops_mknod,
	.mkdir = ops_mkdir,
	.symlink = ops_symlink,
	.link = ops_link,
	.unlink = ops_unlink,
	.rmdir = ops_rmdir,
	.rename = ops_rename,
	.opendir = ops_opendir,
	.readdir = ops_readdir,
	.readdirplus = ops_readdirplus,
	.releasedir = ops_releasedir,
	.fsyncdir = ops_fsyncdir,
	.ioctl = ops_ioctl,
	.open = ops_open,
	.release = ops_release,
	.flush = ops_flush,
	.fsync = ops_fsync,
	.read = ops_read,
	.write = ops_write,
	.fallocate = ops_fallocate,
	.lseek = ops_lseek,
	.copy_file_range = ops_copy_file_range,
	.setxattr = ops_setxattr,
	.getxattr = ops_getxattr,
	.listxattr = ops_listxattr,
	.removexattr = ops_removexattr,
	.getlk = ops_getlk,
	.setlk = ops_setlk,
	.flock = ops_flock,
};

const struct fuse_lowlevel_ops *fs_operations(void)
{
	return &table;
}
