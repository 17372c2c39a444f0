#include "fusefs/ops/ops_internal.h"

#include "common/base/metrics.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

/*
 * File locks: SETLK and SETLKW, FLOCK, GETLK, and the locks that are released when an open file is closed.
 *
 * flock and POSIX locks do not affect each other: a document has a table for each kind. A request is passed to
 * shared_locks, which decides between the processes of this mount and asks the store about other mounts; this file
 * only translates the request, and answers it at the end. A request for a lock that cannot be had at once waits in an
 * ask, without a thread. A signal ends that wait only while another owner is known to hold the lock. Before that the
 * request is in flight to the store and back, and far from the store a program with a timer would never complete a
 * call if signals ended it.
 *
 * When a process closes a file, all its POSIX locks of the document are released, whichever descriptor took them
 * (ops_locks_closed). When the last descriptor of an open file is closed, its flock and the other locks that belong
 * to it are released (ops_locks_released).
 */

static struct lock lock_of(const struct flock *f, const struct fuse_file_info *fi)
{
	return (struct lock){.owner = fi->lock_owner,
		.start = f->l_start,
		.end = f->l_len == 0 ? INT64_MAX : f->l_start + f->l_len - 1,
		.exclusive = f->l_type == F_WRLCK,
		.pid = f->l_pid,
		.via = fi->fh};
}

/* -- locking and unlocking -- */

static void on_lock(void *cookie, int error)
{
	struct ask *ask = cookie;

	ask_end(ask, error);
}

/* As long as no owner is known to hold the lock, a signal ends nothing: far from the store, a program with a timer
 * would never complete a call. */
static void cancel_lock(struct ask *ask)
{
	if (!ask->let_go && !shared_locks_request_waits(ask->peer))
		return;
	shared_locks_request_cancel(ask->peer, ask->ends_with);
}

static void request(fuse_req_t req, struct handle *h, bool posix, const struct lock_want *wanted)
{
	struct ask *ask = wanted->sleep ? ask_new_call(req, PATIENCE_LOCK) : ask_new(req);
	struct lock_want want = *wanted;
	struct lock_request *r;
	struct fs *fs;

	if (!ask)
		return;
	fs = ask->fs;
	want.done = on_lock;
	want.cookie = ask;
	core_lock(&fs->core);
	ask->inode = inode_ref(h->inode);
	r = shared_locks_request_new(&fs->locks, h->inode, posix, &want);
	if (!r) {
		ask_end(ask, -ENOMEM);
	} else {
		ask->peer = r;
		/* An unlock takes effect even if nobody waits for its answer. */
		ask->cancel = want.kind == LOCK_SET ? cancel_lock : ask_cancel_shared;
		shared_locks_request_start(r);
	}
	core_unlock(&fs->core);
}

void ops_setlk(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi, struct flock *lk, int sleep)
{
	struct handle *h = handle_of(fi->fh);
	const bool unlocks = lk->l_type == F_UNLCK;
	const struct lock_want want = {
		.kind = unlocks ? LOCK_CLEAR : LOCK_SET, .lock = lock_of(lk, fi), .sleep = sleep};

	(void)node;
	metric_inc(fs_of(req)->requests);
	if (!unlocks && ops_refuse_lost(req, h))
		return;
	request(req, h, true, &want);
}

void ops_flock(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi, int op)
{
	struct handle *h = handle_of(fi->fh);
	const struct lock lock = {
		.owner = fi->lock_owner, .end = INT64_MAX, .exclusive = (op & LOCK_EX) != 0, .via = fi->fh};
	const bool unlocks = (op & LOCK_UN) != 0;
	const struct lock_want want = {.kind = unlocks ? LOCK_CLEAR : LOCK_SET, .lock = lock, .sleep = !(op & LOCK_NB)};

	(void)node;
	metric_inc(fs_of(req)->requests);
	if (!unlocks && ops_refuse_lost(req, h))
		return;
	request(req, h, false, &want);
}

/* -- closing an open file -- */

static void clear_file(struct fs *fs, struct handle *h, bool posix)
{
	const struct shared_locks *t = posix ? h->inode->posix : h->inode->flock;
	const struct lock_want want = {.kind = LOCK_CLEAR_FILE, .lock = {.via = (uint64_t)(uintptr_t)h}};
	struct lock_request *r = shared_locks_has_file(t, want.lock.via)
		? shared_locks_request_new(&fs->locks, h->inode, posix, &want)
		: NULL;

	if (r)
		shared_locks_request_start(r);
}

void ops_locks_released(struct fs *fs, struct handle *h)
{
	clear_file(fs, h, false);
	clear_file(fs, h, true);
}

bool ops_locks_closed(struct ask *ask, struct handle *h, uint64_t owner, void (*done)(void *cookie, int error))
{
	const struct lock_want want = {.kind = LOCK_CLEAR,
		.lock = {.owner = owner, .end = INT64_MAX, .via = (uint64_t)(uintptr_t)h},
		.done = done,
		.cookie = ask};
	struct lock_request *r = shared_locks_request_new(&ask->fs->locks, h->inode, true, &want);

	if (!r)
		return false;
	shared_locks_request_start(r);
	return true;
}

/* -- testing for a lock -- */

static void reply_found(fuse_req_t req, const struct flock *found)
{
	struct flock lk = *found;

	fuse_reply_lock(req, &lk);
}

static struct flock flock_of(int64_t start, int64_t end, bool exclusive, pid_t pid)
{
	return (struct flock){.l_type = exclusive ? F_WRLCK : F_RDLCK,
		.l_whence = SEEK_SET,
		.l_start = start,
		.l_len = end == INT64_MAX ? 0 : end - start + 1,
		.l_pid = pid};
}

/* Of the two locks in the way, one here and one on another mount, the answer is the one that starts first. The owner
 * of a lock on another mount has no process here: its pid is 0, as with NFS. */
static void on_test(void *cookie, int error, const struct store_lock_range *other)
{
	struct ask *ask = cookie;
	struct fs *fs = ask->fs;
	struct flock *found = ask->extra;
	fuse_req_t req;

	core_lock(&fs->core);
	core_call_over(&fs->core);
	if (error == 0 && other && (found->l_type == F_UNLCK || other->from < found->l_start))
		*found = flock_of(other->from, other->to, other->exclusive, 0);
	req = ask_take(ask);
	if (req && error < 0 && found->l_type == F_UNLCK)
		ops_error(req, -ENOLCK);
	else if (req)
		reply_found(req, found);
	ask_free(ask);
	core_unlock(&fs->core);
}

void ops_getlk(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi, struct flock *lk)
{
	struct handle *h = handle_of(fi->fh);
	const struct lock wanted = lock_of(lk, fi);
	const struct store_lock_range range = {wanted.start, wanted.end, wanted.exclusive};
	struct fs *fs = fs_of(req);
	const struct lock *here;
	struct flock *found;
	struct ask *ask;

	(void)node;
	metric_inc(fs->requests);
	ask = ask_new(req);
	if (!ask)
		return;
	core_lock(&fs->core);
	ask->inode = inode_ref(h->inode);
	found = ask->extra = calloc(1, sizeof(*found));
	if (!found) {
		ask_end(ask, -ENOMEM);
	} else {
		const struct store_lock lock = {.id = h->inode->id, .queue = &range, .life = fs->locks.life};

		here = shared_locks_test(h->inode->posix, &wanted);
		*found = (struct flock){.l_type = F_UNLCK, .l_whence = SEEK_SET};
		if (here)
			*found = flock_of(here->start, here->end, here->exclusive, here->pid);
		if (fs->locks.local) {
			reply_found(ask_take(ask), found);
			ask_free(ask);
		} else {
			core_call_begins(&fs->core);
			ask->cancel = ask_cancel_ticket;
			ask->ticket = fs->core.store->ops->lock_test(fs->core.store, &lock, on_test, ask);
		}
	}
	core_unlock(&fs->core);
}
