/*
 * fs: one mounted drive as the kernel sees it: inodes, open files, names, content, data that is not stored yet. It
 * uses the store seam and the op log, and answers each request exactly once, from the store's threads. No FUSE thread
 * waits for the network.
 *
 * Order of life: fs_new, fuse_session_new(ops_table(), userdata = fs), fuse_session_mount, fs_attach, the session
 * loop and the follower, then fs_flush_all, the follower stopped, fuse_session_unmount, oplog_drain, fs_free,
 * fuse_session_destroy. Threads: any thread may call any function; fs_free only when no request, callback or follower
 * is left.
 */
#ifndef NEPHOS_FUSEFS_OPS_FS_H
#define NEPHOS_FUSEFS_OPS_FS_H

#include "common/base/metrics.h"
#include "fusefs/log/oplog.h"
#include "fusefs/store/store.h"

#include <stdbool.h>
#include <sys/types.h>

struct fs;
struct fuse_session;

struct fs_options {
	struct store *store; /* store and oplog belong to the caller, and outlive the fs */
	struct oplog *oplog;
	int64_t bare_at; /* a position at which no document of the drive had xattrs; < 0: not known */
	/* the document that is the root of the mount; 0: the fs asks the store when it first needs it */
	int64_t root;
	/* stored uid, gid and mode are shown; otherwise everything belongs to the uid and gid below */
	bool root_mode;
	uid_t uid;
	gid_t gid;
	bool has_masks;		    /* else permissions are shown as stored */
	int file_mask, folder_mask; /* permission bits that are not shown; < 0: as stored */
	bool local_locks;	    /* file locks work only between processes of this machine */
	size_t cache_bytes;	    /* content kept in memory */
	size_t kept_bytes;	    /* other cached data, see kept.h; 0: KEPT_BYTES_MAX */
	/* A follower reports changes: until its first report, no cached data is shown. False: nobody else changes
	 * anything. */
	bool follows;
	bool shared; /* other mounts may be using the drive as long as no poll has said that there are none */
	struct metrics *metrics; /* may be NULL */
};

/* -ENOMEM, or the error of starting a thread. */
int fs_new(const struct fs_options *options, struct fs **ret);
/* Called after fuse_session_mount, before the first request is read. From now on the kernel is notified of changes.
 * The session must outlive the fs. -ENOMEM. */
int fs_attach(struct fs *fs, struct fuse_session *session);

/*
 * Called by the follower after every answered poll, also an empty one, with the time at which the poll was sent,
 * sent_ns (clock_boot_ns). Cached data may be shown for FS_TRUST_MS from then on. sent_ns 0: the answer does not
 * prove anything about a time.
 */
void fs_on_changes(struct fs *fs, const struct store_changes *changes, int64_t sent_ns);
/* Whether the kernel sent requests lately. */
bool fs_in_use(struct fs *fs);
/* wake: a request came while no cached data may be shown; called with the lock of the core held. NULL: none. */
void fs_set_waker(struct fs *fs, void (*wake)(void *cookie), void *cookie);
/* Fills ids with the documents that are open or dirty here and may have no name any more; returns how many. */
size_t fs_held(struct fs *fs, int64_t *ids, size_t max);

/* Stores all dirty data. Blocks. -ETIMEDOUT, or the error of a file that could not be stored (it stays dirty). */
int fs_flush_all(struct fs *fs, unsigned deadline_ms);
/* Data that is still dirty is lost, and the loss is logged. NULL is fine. */
void fs_free(struct fs *fs);

#endif
