#include "fusefs/ops/ops_internal.h"

#include "common/base/metrics.h"

#include <errno.h>
#include <stdlib.h>

/*
 * Storing everything: fsync(2) of the folder that is the root of the mount (which is what sync(1) does with a
 * directory), and SYNCFS, which the kernel sends to some mounts when syncfs(2) or sync(2) is called (docs/adr says to
 * which). The request waits for everything that was written before the call began. For any other folder there is
 * nothing to wait for, because the op log holds only ops whose calls were not answered. A change of the folder's
 * names or attributes before the call began was stored when its own call returned. An op that is still in flight
 * belongs to a call that has not returned, and fsync(2) promises nothing about it.
 */

struct everything {
	size_t waiting; /* number of files */
	int error;	/* the first error */
	/* an outage that began before this call caused a failure: the files are to be stored once more */
	bool again;
};

static void store_everything(struct ask *ask);

static void on_stored(void *cookie, int error)
{
	struct ask *ask = cookie;
	struct everything *all = ask->extra;

	if (ask_is_early(ask, error))
		all->again = true;
	else if (error < 0 && all->error == 0)
		all->error = error;
	if (--all->waiting > 0)
		return;
	if (all->again && all->error == 0 && ask->req) {
		store_everything(ask);
		return;
	}
	ask_end(ask, all->error);
}

static void store_everything(struct ask *ask)
{
	struct everything *all = ask->extra;
	int r;

	all->waiting = 1; /* counts this function itself */
	all->again = false;
	ask->cancel = ask_cancel_shared;
	r = flusher_until_stored(&ask->fs->flusher, &all->waiting, on_stored, ask);
	if (r < 0 && all->error == 0)
		all->error = r;
	on_stored(ask, 0);
}

void ops_fsyncdir(fuse_req_t req, fuse_ino_t node, int datasync, struct fuse_file_info *fi)
{
	struct fs *fs = fs_of(req);
	struct ask *ask;

	(void)datasync;
	metric_inc(fs->requests);
	if (node != FUSE_ROOT_ID && fi->fh != DEVICE_SYNCFS) {
		fuse_reply_err(req, 0);
		return;
	}
	ask = ask_new_call(req, PATIENCE_STORE);
	if (!ask)
		return;
	core_lock(&fs->core);
	ask->extra = calloc(1, sizeof(struct everything));
	if (ask->extra)
		store_everything(ask);
	else
		ask_end(ask, -ENOMEM);
	core_unlock(&fs->core);
}
