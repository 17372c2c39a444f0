/*
 * ops_fs: one mounted drive, as the handlers and other code above the store seam share it. Not for other modules.
 *
 * The lock of the core guards everything (see core.h), except fields that are set once, when the fs is made. In this
 * file and in all files that include it, "the lock" is the lock of the core.
 */
#ifndef NEPHOS_FUSEFS_OPS_OPS_FS_H
#define NEPHOS_FUSEFS_OPS_OPS_FS_H

#include "fusefs/content/blocks.h"
#include "fusefs/core/attributes.h"
#include "fusefs/core/core.h"
#include "fusefs/core/holds.h"
#include "fusefs/log/flush.h"
#include "fusefs/names/looked.h"
#include "fusefs/names/names.h"
#include "fusefs/names/shared_locks.h"
#include "fusefs/ops/device.h"
#include "fusefs/ops/handle.h"
#include "fusefs/ops/notify.h"
#include "fusefs/ops/prune.h"

#include <pthread.h>
#include <sys/stat.h>

/* st_blksize, the size in which programs read and write: few requests, little to allocate */
#define FS_IO_BYTES (64 * 1024)
/* Counted from the sending of the last poll that was answered: how long a mount may show cached data when no further
 * answer comes. The same limit holds for names and attributes in the kernel. */
#define FS_TRUST_MS 3000
/* Counted from the last request that the mount answered: after this time the mount is idle. It still learns of
 * changes, but need not know at once whether there are any. */
#define FS_IN_USE_MS 10000
#define FS_ROOT_DEADLINE_S 15 /* fs_new: a drive that does not answer within this time is not mounted */

struct ask;

/* The requests that wait, and the state of the thread that watches them (ops_patience). */
struct asks {
	struct ask *by_req; /* by fuse_req_t */
	uint64_t begun;	    /* number of requests that had to wait so far; also the number of the last one */
	bool news;	    /* a signal for a request came since the last look */
	bool asleep;	    /* the thread sleeps until it is signalled: no request waits */
	bool running, stop;
	pthread_t thread;
	pthread_cond_t wake;
};

struct fs {
	struct device_init init; /* must be the first member: device finds it there */
	struct core core;
	struct oplog *oplog;
	struct metrics *metrics;
	int64_t root;
	bool root_mode;
	int file_mask, folder_mask; /* permission bits that are not shown; < 0: as stored */
	uid_t uid;
	gid_t gid;
	struct notify *notify;
	struct prune prune;
	struct names names;
	struct looked *looked; /* NULL until needed */
	struct blocks blocks;
	struct flusher flusher;
	struct handles handles;
	struct holds holds;
	struct asks asks;
	struct shared_locks_set locks;
	size_t kept_max; /* bytes, see kept.h */
	/* when the last timeout ends that the kernel was given for a name or for attributes */
	int64_t kernel_until_ns;
	int64_t used_ns;	    /* clock_boot_ns of the last request */
	void (*wake)(void *cookie); /* wakes the follower: a request needs to know what changed; may be NULL */
	void *wake_cookie;
	int64_t bare_at;     /* the last position at which no document is known to have had xattrs; < 0: none */
	int64_t xattrs_at;   /* the position of the last change of xattrs */
	int64_t usage_at_ns; /* when the store reported how full the drive is */
	bool usage_asked;
	int64_t quota, used, free;	  /* bytes; quota 0: none */
	int64_t documents, documents_max; /* as last reported by the store; documents_max 0: no limit */
	int64_t disk;			  /* free room of the block store; INT64_MAX: more than the quota leaves */
	struct metric *requests;
};

/* True when owners and permissions are shown as stored. Otherwise an ACL would name owners and permissions that are
 * not shown. */
static inline bool ops_has_acls(const struct fs *fs)
{
	return fs->root_mode && fs->file_mask < 0 && fs->folder_mask < 0;
}

/* The kernel's node number of a document, and the reverse. */
uint64_t ops_node_of(const struct fs *fs, int64_t id);
int64_t ops_id_of(const struct fs *fs, uint64_t node);
/* Called for each request. When no cached data may be shown, wakes the follower. */
void ops_used(struct fs *fs);
/* The result of stat(2) for an inode, including its dirty data. */
void ops_stat(struct fs *fs, struct inode *inode, struct stat *ret);
/* The positive errno that the kernel may be given for a failure; 0 for success. */
int ops_errno(int error);
/* True when no document of the drive has xattrs. */
bool ops_is_bare(const struct fs *fs);
void ops_xattrs_changed(struct fs *fs, int64_t seq);
/* Takes over what an answer reports about the drive: usage, and whether it is bare. */
void ops_learn_usage(struct fs *fs, const struct store_drive *drive);
/* The same from the answer to a batch, which reports nothing about the disk. */
void ops_learn_used(struct fs *fs, int64_t used, int64_t quota);

#endif
