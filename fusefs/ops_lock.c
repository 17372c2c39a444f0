#include "fusefs/ops_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

/* Locks between the processes of this mount: two tables for each inode, as flock and POSIX locks do not see each other. */

static struct locks **table_of(struct inode *inode, bool posix)
{
	return posix ? &inode->posix : &inode->flock;
}

static struct locks *table_get(struct inode *inode, bool posix)
{
	struct locks **table = table_of(inode, posix);

	if (!*table) {
		*table = malloc(sizeof(**table));
		if (*table)
			locks_init(*table, posix);
	}
	return *table;
}

/* An empty table is not kept. */
static void table_put(struct inode *inode, bool posix)
{
	struct locks **table = table_of(inode, posix);

	if (!*table || !locks_empty(*table))
		return;
	locks_fini(*table);
	free(*table);
	*table = NULL;
}

/* Those whose turn came. */
static void wake(struct locks *l)
{
	struct ask *ask;

	while ((ask = locks_next(l))) {
		fuse_reply_err(ask_take(ask), 0);
		ask_free(ask);
	}
}

void ops_locks_released(struct fs *fs, struct inode *inode, uint64_t owner, bool posix)
{
	struct locks *l = *table_of(inode, posix);

	(void)fs;
	if (!l)
		return;
	(void)locks_unset(l, owner, 0, INT64_MAX);
	wake(l);
	table_put(inode, posix);
}

static void cancel_lock(struct ask *ask)
{
	struct locks *l = *table_of(ask->inode, ask->plus);

	(void)locks_cancel(l, ask);
	table_put(ask->inode, ask->plus);
	ask_fail(ask, ask->ends_with);
}

/* 0, or why not; -EAGAIN: in the way is another. */
static int apply(struct inode *inode, const struct lock *wanted, bool unlock, bool posix)
{
	struct locks *l = table_get(inode, posix);
	int r;

	if (!l)
		return -ENOMEM;
	r = unlock ? locks_unset(l, wanted->owner, wanted->start, wanted->end) : locks_set(l, wanted);
	if (r == 0)
		wake(l);
	table_put(inode, posix);
	return r;
}

static void wait_for_lock(fuse_req_t req, struct handle *h, struct lock *wanted, bool posix)
{
	struct ask *ask = ask_new_call(req, PATIENCE_LOCK);
	struct fs *fs;
	int r;

	if (!ask)
		return;
	fs = ask->fs;
	fs_lock(fs);
	ask->inode = inode_ref(h->inode);
	ask->plus = posix;
	wanted->waiter = ask;
	r = ask->interrupted ? -EINTR : apply(h->inode, wanted, false, posix);
	if (r == -EAGAIN) {
		struct locks *l = table_get(h->inode, posix);

		r = l ? locks_wait(l, wanted) : -ENOMEM;
		if (r == 0) {
			ask->cancel = cancel_lock;
			wake(l);
			goto out;
		}
	}
	if (r < 0) {
		ask_fail(ask, r);
	} else {
		fuse_reply_err(ask_take(ask), 0);
		ask_free(ask);
	}
out:
	fs_unlock(fs);
}

/* sleep: wait for it. */
static void lock(fuse_req_t req, struct handle *h, struct lock *wanted, bool posix, bool sleep)
{
	struct fs *fs = fs_of(req);
	int r;

	fs_lock(fs);
	r = apply(h->inode, wanted, false, posix);
	fs_unlock(fs);
	if (r == -EAGAIN && sleep)
		wait_for_lock(req, h, wanted, posix);
	else
		ops_error(req, r);
}

static void unlock(fuse_req_t req, struct handle *h, const struct lock *wanted, bool posix)
{
	struct fs *fs = fs_of(req);
	int r;

	fs_lock(fs);
	r = apply(h->inode, wanted, true, posix);
	fs_unlock(fs);
	ops_error(req, r);
}

static struct lock lock_of(const struct flock *f, uint64_t owner)
{
	return (struct lock){.owner = owner,
		.start = f->l_start,
		.end = f->l_len == 0 ? INT64_MAX : f->l_start + f->l_len - 1,
		.exclusive = f->l_type == F_WRLCK,
		.pid = f->l_pid};
}

void ops_getlk(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi, struct flock *lk)
{
	struct fs *fs = fs_of(req);
	struct handle *h = handle_of(fi->fh);
	struct lock wanted = lock_of(lk, fi->lock_owner);
	struct flock found = {.l_type = F_UNLCK, .l_whence = SEEK_SET};
	const struct lock *other;

	(void)node;
	metric_inc(fs->requests);
	fs_lock(fs);
	other = h->inode->posix ? locks_test(h->inode->posix, &wanted) : NULL;
	if (other) {
		found.l_type = other->exclusive ? F_WRLCK : F_RDLCK;
		found.l_start = other->start;
		found.l_len = other->end == INT64_MAX ? 0 : other->end - other->start + 1;
		found.l_pid = other->pid;
	}
	fs_unlock(fs);
	fuse_reply_lock(req, &found);
}

void ops_setlk(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi, struct flock *lk, int sleep)
{
	struct handle *h = handle_of(fi->fh);
	struct lock wanted = lock_of(lk, fi->lock_owner);

	(void)node;
	metric_inc(fs_of(req)->requests);
	if (lk->l_type == F_UNLCK)
		unlock(req, h, &wanted, true);
	else
		lock(req, h, &wanted, true, sleep);
}

void ops_flock(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi, int op)
{
	struct handle *h = handle_of(fi->fh);
	struct lock wanted = {.owner = fi->lock_owner, .end = INT64_MAX, .exclusive = (op & LOCK_EX) != 0};

	(void)node;
	metric_inc(fs_of(req)->requests);
	if (op & LOCK_UN)
		unlock(req, h, &wanted, false);
	else
		lock(req, h, &wanted, false, !(op & LOCK_NB));
}
