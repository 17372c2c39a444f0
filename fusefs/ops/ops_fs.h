/*
 * ops_fs: one mounted drive, as the handlers and what else lies above the store seam share it. Not for others.
 *
 * Everything is guarded by the lock of the core (core.h says how), but for what is set once, when the fs is made. In
 * this file and all that include it, "the lock" is that one.
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

#define FS_IO_BYTES (64 * 1024) /* st_blksize, what programs read and write at once: few requests, little to allocate */
/* From the sending of the last poll that was answered: what a mount may show longest after nobody tells it what
 * changes; names and attributes in the kernel, too. */
#define FS_TRUST_MS 3000
/* After the last request that the mount answered: then it is idle, and hears of changes, but need not know at once
 * whether there are any. */
#define FS_IN_USE_MS 10000
#define FS_ROOT_DEADLINE_S 15 /* fs_new: a drive that does not answer for so long is not mounted */

struct ask;

/* The requests that wait, and what the thread that looks at them (ops_patience) sleeps by. */
struct asks {
	struct ask *by_req; /* by fuse_req_t */
	uint64_t begun;	    /* requests that had to wait, so far; the number of the last */
	bool news;	    /* a signal came since the last look */
	bool asleep;	    /* the thread sleeps until it is woken: nobody waits */
	bool running, stop;
	pthread_t thread;
	pthread_cond_t wake;
};

struct fs {
	struct device_init init; /* the device's, which finds it here: first */
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
	size_t kept_max;	 /* bytes, see kept.h */
	int64_t kernel_until_ns; /* when the last timeout ends that the kernel was given for a name or for attributes */
	int64_t used_ns;	 /* clock_boot_ns of the last request */
	void (*wake)(void *cookie); /* the follower: somebody wants to know; may be NULL */
	void *wake_cookie;
	int64_t bare_at;     /* the last position of which it is known that no document had xattrs; < 0: none */
	int64_t xattrs_at;   /* that of the last change of xattrs */
	int64_t usage_at_ns; /* when the store said how full the drive is */
	bool usage_asked;
	int64_t quota, used, free;	  /* bytes; quota 0: none */
	int64_t documents, documents_max; /* as the store last said; max 0: none */
	int64_t disk;			  /* what the block store has; INT64_MAX: more than the quota leaves */
	struct metric *requests;
};

/* Owners and permissions are shown as they are stored: otherwise an ACL would speak of what is not shown. */
static inline bool ops_has_acls(const struct fs *fs)
{
	return fs->root_mode && fs->file_mask < 0 && fs->folder_mask < 0;
}

/* The kernel's number of a document, and back. */
uint64_t ops_node_of(const struct fs *fs, int64_t id);
int64_t ops_id_of(const struct fs *fs, uint64_t node);
/* A request is being answered. When nothing is trusted, the follower is asked to find out. */
void ops_used(struct fs *fs);
/* What stat(2) shows of an inode: its dirty data count. */
void ops_stat(struct fs *fs, struct inode *inode, struct stat *ret);
/* Of a failure, the positive errno that the kernel may be given; 0 of success. */
int ops_errno(int error);
/* No document of the drive has xattrs. */
bool ops_is_bare(const struct fs *fs);
void ops_xattrs_changed(struct fs *fs, int64_t seq);
/* What an answer said of the drive: usage, and whether it is bare. */
void ops_learn_usage(struct fs *fs, const struct store_drive *drive);
/* The same from the answer to a batch, which says nothing of the disk. */
void ops_learn_used(struct fs *fs, int64_t used, int64_t quota);

#endif
