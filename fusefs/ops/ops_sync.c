#include "fusefs/ops/ops_internal.h"

#include "common/base/metrics.h"

#include <errno.h>
#include <stdlib.h>

/*
 * Storing everything: fsync(2) of the folder that is the root of the mount (which is what sync(1) does with a DIR), and
 * SYNCFS, which the kernel sends to some mounts when syncfs(2) or sync(2) is called (docs/adr says to which). What was
 * written before the call began is waited for. Any other folder has nothing to wait for: the op log keeps nothing that
 * was answered. Whatever changed its names or attributes before the call began was stored when its own call returned;
 * what is still under way belongs to calls that have not returned, and those fsync(2) promises nothing about.
 */

struct everything {
	size_t waiting; /* files */
	int error;	/* the first */
	bool again;	/* what failed was an outage that began before this call: it is asked for once more */
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

	all->waiting = 1; /* this function's own */
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
