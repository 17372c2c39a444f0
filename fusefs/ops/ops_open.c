#include "fusefs/ops/ops_internal.h"

#include "common/base/metrics.h"
#include "fusefs/content/file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>

/*
 * OPEN. Where no other mount uses the drive, the cached data is what is stored. Where another mount does, the LOOKUP
 * that led to this OPEN may have been answered from data that is older than what the other mount was answered. Then
 * the name is looked up at the store once more. When the name belongs to another document by now, or to none, the
 * answer is ESTALE. The kernel then looks the name up again, once, and creates the file where O_CREAT says so.
 * Without this check, a file that others had removed or renamed was opened, written and closed, and the written data
 * was found nowhere, or under the name that the others had given to the file.
 */

static void reply_open(struct ask *ask)
{
	fuse_req_t req;

	assert(!ask->handle);
	ask->handle = ops_open_handle(ask->fs, ask->inode, &ask->fi);
	if (!ask->handle) {
		ask_end(ask, -ENOMEM);
		return;
	}
	req = ask_take(ask);
	if (req && fuse_reply_open(req, &ask->fi) == 0)
		ask->handle = NULL;
	ask_free(ask);
}

static void on_truncated(void *cookie, int error, const struct op_result *result)
{
	struct ask *ask = cookie;

	(void)result;
	if (error < 0)
		ask_end(ask, error);
	else
		reply_open(ask);
}

/* Called when the document is the right one. The caller holds the lock. */
static void open_it(struct ask *ask)
{
	int r;

	if (!(ask->fi.flags & O_TRUNC)) {
		reply_open(ask);
		return;
	}
	ask->op = (struct op){.kind = OP_SETATTR,
		.fields = OP_HAS_SIZE | (ops_drops_setid(ask->req) ? OP_DROP_SETID : 0u),
		.id = ask->inode->id};
	r = ask_job(ask, ask->inode, on_truncated);
	if (r < 0)
		ask_end(ask, r);
}

static void on_checked(struct ask *ask, int error)
{
	if (error == 0)
		error = ops_check_open(ask->inode, ask->fi.flags);
	if (error < 0)
		ask_end(ask, error);
	else
		open_it(ask);
}

static void open_waiting(fuse_req_t req, fuse_ino_t node, const struct fuse_file_info *fi)
{
	struct ask *ask = ask_new_call(req, PATIENCE_OPEN);
	struct fs *fs;

	if (!ask)
		return;
	fs = ask->fs;
	ask->fi = *fi;
	core_lock(&fs->core);
	ask->inode = inodes_get(&fs->core.inodes, ops_id_of(fs, node));
	if (ask->inode)
		ops_check(ask, ask->inode, CHECK_NAME_OR_EXISTS, on_checked);
	else
		ask_end(ask, -ENOMEM);
	core_unlock(&fs->core);
}

void ops_open(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi)
{
	struct fs *fs = fs_of(req);
	struct handle *h = NULL;
	struct inode *inode;
	int r;

	metric_inc(fs->requests);
	core_lock(&fs->core);
	if ((fi->flags & O_TRUNC) || ops_wants_check(fs)) {
		core_unlock(&fs->core);
		open_waiting(req, node, fi);
		return;
	}
	inode = ops_inode(fs, node);
	r = inode ? ops_check_open(inode, fi->flags) : -ESTALE;
	if (r == 0) {
		h = ops_open_handle(fs, inode, fi);
		r = h ? 0 : -ENOMEM;
	}
	if (!h)
		ops_error(req, r);
	else if (fuse_reply_open(req, fi) < 0)
		handle_free(&fs->handles, h);
	core_unlock(&fs->core);
}
