/*
 * fs: one mounted drive as the kernel sees it: inodes, open files, names, content, what is not stored yet. It asks the
 * store seam and the op log, and answers each request exactly once, from the store's threads; no FUSE thread waits for
 * the network.
 *
 * Order of life: fs_new, fuse_session_new(ops_table(), userdata = fs), fuse_session_mount, fs_attach, the session
 * loop and the follower, then fs_flush_all, the follower stopped, fuse_session_unmount, oplog_drain, fs_free,
 * fuse_session_destroy. Threads: everything may be called from any thread; fs_free when no request, callback or
 * follower is left.
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
	struct store *store; /* both are the caller's, and outlive the fs */
	struct oplog *oplog;
	int64_t bare_at; /* position at which no document of the drive had xattrs; < 0: not known */
	int64_t root;	 /* the document that is the root of the mount; 0: asked from the store when first needed */
	bool root_mode;	 /* stored uid, gid, mode are shown; otherwise everything belongs to uid, gid */
	uid_t uid;
	gid_t gid;
	bool has_masks;		    /* else permissions are shown as they are stored */
	int file_mask, folder_mask; /* permission bits that are not shown; < 0: as stored */
	bool local_locks;	    /* file locks are between processes here only */
	size_t cache_bytes;	    /* content kept in memory */
	size_t kept_bytes;	    /* what else is kept, see kept.h; 0: KEPT_BYTES_MAX */
	/* a follower tells what changes: before it has, nothing that is kept is shown. False: nobody else changes
	 * anything */
	bool follows;
	bool shared; /* others may be at work on the drive as long as no poll has said that there are none */
	struct metrics *metrics; /* may be NULL */
};

/* -ENOMEM, or what starting a thread gives. */
int fs_new(const struct fs_options *options, struct fs **ret);
/* After fuse_session_mount, before the first request is read. From now on the kernel is told what changed. The session
 * must outlive the fs. -ENOMEM. */
int fs_attach(struct fs *fs, struct fuse_session *session);

/*
 * What the follower learnt: called after every answered poll, also an empty one, which was sent at sent_ns
 * (clock_boot_ns). What is kept may be shown for FS_TRUST_MS from then on; 0: the answer proves nothing about when.
 */
void fs_on_changes(struct fs *fs, const struct store_changes *changes, int64_t sent_ns);
/* Whether the kernel asked lately. */
bool fs_in_use(struct fs *fs);
/* wake: somebody asks, and nothing that is kept may be shown; with the lock of the core held. NULL: nobody. */
void fs_set_waker(struct fs *fs, void (*wake)(void *cookie), void *cookie);
/* Documents that are open here and may have no name any more; returns how many were written to ids. */
size_t fs_held(struct fs *fs, int64_t *ids, size_t max);

/* Stores what is dirty. Blocks. -ETIMEDOUT, or the error of a file that could not be stored (it stays dirty). */
int fs_flush_all(struct fs *fs, unsigned deadline_ms);
/* Data that is still dirty is lost, and logged. NULL is fine. */
void fs_free(struct fs *fs);

#endif
