/*
 * fs: one mounted drive as the kernel sees it: what the parts above the store seam share.
 *
 * One lock guards everything here and all that hangs on it: the state is a few hash tables, every step on it takes
 * microseconds, and the order of what happens to an inode, its names and its dirty data is the order in which the lock
 * was taken. It is never held while a thread waits for anything. The store and the op log are called with it (they
 * never call back from inside a call). Small replies are sent with it, so that an answer that was found right cannot be
 * overtaken by the notice that it is not; large ones are left for fs_unlock.
 *
 * Lock order: a request's own lock (libfuse holds it when it tells of an interrupt), fs->lock, then the locks of
 * notify, op log and store, which are leaves.
 */
#ifndef NEPHOS_FUSEFS_OPS_FS_INTERNAL_H
#define NEPHOS_FUSEFS_OPS_FS_INTERNAL_H

#include "common/proto/fill.h"
#include "fusefs/content/blocks.h"
#include "fusefs/ops/device.h"
#include "fusefs/log/flush.h"
#include "fusefs/core/holds.h"
#include "fusefs/core/inode.h"
#include "fusefs/names/looked.h"
#include "fusefs/names/names.h"
#include "fusefs/ops/notify.h"
#include "fusefs/ops/fs.h"
#include "fusefs/ops/ops_patience.h"
#include "fusefs/ops/prune.h"
#include "fusefs/core/recent.h"

#include <pthread.h>
#include <sys/stat.h>

#define FS_IO_BYTES (64 * 1024) /* st_blksize, what programs read and write at once: few requests, little to allocate */
/* from the sending of the last poll that was answered: what a mount may show longest after nobody tells it what
 * changes; names and attributes in the kernel, too */
#define FS_TRUST_MS 3000
#define FS_GRACE_MS \
	20 /* for the journal to tell what another answer has shown to exist: a change is to be seen within 50 ms */
/* after the last request that the mount answered: then it is idle, and hears of changes, but need not know at once
 * whether there are any */
#define FS_IN_USE_MS 10000
/* How fine times of change are: what the clock that a local file system takes them from advances by (HZ = 250). */
#define FS_TICK_NS (4 * NS_PER_MS)
/* who changed the drive without being a mount is taken to be at work for so long: between two files of a script */
#define FS_FOREIGN_S 30
#define FS_CONTENDED_S \
	10 /* a file whose content others changed is read past the kernel's pages by who opens it so much later */
#define FS_ROOT_DEADLINE_S 15 /* fs_new: a drive that does not answer for so long is not mounted */

/* Work for whoever lets go of the lock. */
struct later {
	struct later *next;
	void (*run)(struct later *later); /* without the lock; may free it */
};

struct ask;
struct handle;
struct listing;
struct shared_locks;

struct fs {
	struct store *store;
	struct oplog *oplog;
	struct metrics *metrics;
	int64_t root;
	bool root_mode;
	int file_mask, folder_mask; /* permission bits that are not shown; < 0: as stored */
	uid_t uid;
	gid_t gid;
	struct notify *notify;
	struct prune prune;
	struct device_init init; /* the device's */

	pthread_mutex_t lock; /* guards all below */
	pthread_cond_t quiet; /* calls went down to 0 */
	struct later *later, **later_end;
	struct inodes inodes;
	struct names names;
	struct recent recent;
	struct looked *looked; /* NULL until needed */
	struct blocks blocks;
	struct flusher flusher;
	struct handle *handles; /* all that is open */
	struct holds holds;
	struct ask *pending; /* requests that wait, by fuse_req_t */
	struct ops_patience patience;
	struct shared_locks *lock_tables;
	bool local_locks;	  /* the store does not hear of them */
	uint64_t lock_life;	  /* for which file locks hold, see store.h */
	unsigned locks_away;	  /* requests that wait for another mount's */
	struct file *files;	  /* with known content, most recently used first */
	size_t content_bytes;	  /* of them */
	struct listing *listings; /* that are kept, most recently used first */
	size_t listing_bytes;	  /* of them */
	struct xattrs *xattrs;	  /* that are kept, most recently used first */
	size_t xattr_bytes;	  /* of them */
	size_t kept_max;	  /* bytes, see kept.h */
	unsigned calls;		  /* of the store and the op log that have not come back */
	int64_t newest;		  /* the document of the newest change that is known; 0: somebody else's */
	int64_t newest_ns;	  /* when it became known */
	bool others;		  /* there are other mounts of the drive, or nobody has said yet that there are none */
	int64_t foreign_ns;	  /* when a change that was made by others was last seen; 0: never */
	int64_t settled;	  /* a position that is at least FS_CONTENDED_S old; 0: the mount is not */
	int64_t settles;	  /* the next one, seen at settles_ns */
	int64_t settles_ns;
	struct fill_view view;	 /* what is known of the drive's positions */
	int64_t now_ns;		 /* clock_boot_ns when the lock was taken */
	int64_t kernel_until_ns; /* when the last timeout ends that the kernel was given for a name or for attributes */
	int64_t used_ns;	 /* the same, of the last request */
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

void fs_lock(struct fs *fs);   /* and looks at the clock: whether what is kept is trusted holds until fs_unlock */
void fs_unlock(struct fs *fs); /* then runs what was left for later */
void fs_later(struct fs *fs, struct later *later);

/* Owners and permissions are shown as they are stored: otherwise an ACL would speak of what is not shown. */
static inline bool fs_has_acls(const struct fs *fs)
{
	return fs->root_mode && fs->file_mask < 0 && fs->folder_mask < 0;
}

/* The kernel's number of a document, and back. */
uint64_t fs_node(const struct fs *fs, int64_t id);
int64_t fs_id(const struct fs *fs, uint64_t node);
/* An answer of the store saw that position. */
void fs_saw(struct fs *fs, struct store_position at);
/* What is known of the positions changed: so did what may be shown. */
void fs_view_changed(struct fs *fs);
/* A request is being answered. When nothing is trusted, the follower is asked to find out. */
void fs_used(struct fs *fs);
/* What stat(2) shows of an inode: its dirty data count. */
void fs_stat(struct fs *fs, struct inode *inode, struct stat *ret);
/* An answer about a document: the inode, with a reference; ret_fresh (may be NULL): the answer may be kept. NULL: no
 * memory. */
struct inode *fs_learn(struct fs *fs, const struct item *item, int64_t seen, bool *ret_fresh);
/* The same for what an own op changed, and for the folders it changed. */
struct inode *fs_learn_own(struct fs *fs, const struct op_result *result);
/*
 * The time of change that is stored of it is now, as far as times of change go: it is of the newest change that this
 * mount knows of, answered less than a tick ago. Then a change that would move nothing but that time has nothing to
 * store, as on a local file system.
 */
bool fs_changed_now(const struct fs *fs, const struct inode *inode);
/*
 * Somebody else may be changing the drive: another mount is there, or somebody's change was seen lately, or nobody
 * tells us. With the lock held. What is known may be older, then, than what was answered to them, by as much as the
 * journal takes to come here.
 */
bool fs_is_shared(const struct fs *fs);
/* The same of the names in one folder: somebody else has made or removed some there lately. */
bool fs_is_shared_folder(const struct fs *fs, const struct inode *folder);
/*
 * Others changed its content lately, and may be doing so now. With the lock held. The kernel keeps sizes and pages
 * apart,
 * and takes news of them one after the other: somebody who reads its pages meanwhile can be shown the size of one
 * version
 * with bytes of another, or zeros where that was shorter. Only who reads past them is shown one version.
 */
bool fs_is_contended(const struct fs *fs, const struct inode *inode);
/* Asks for the attributes, once for all who want them. ready with the lock held; the inode is kept meanwhile. */
int fs_refresh(struct fs *fs, struct inode *inode, void (*ready)(void *cookie, int error), void *cookie);
/* Of a failure, the positive errno that the kernel may be given; 0 of success. */
int fs_errno(int error);
/* The change that an own op is. */
int64_t fs_result_seq(const struct op_result *result);
/* No document of the drive has xattrs. */
bool fs_is_bare(const struct fs *fs);
void fs_xattrs_changed(struct fs *fs, int64_t seq);
/* What an answer said of the drive: usage, and whether it is bare. */
void fs_learn_usage(struct fs *fs, const struct store_drive *drive);
/* The same from the answer to a batch, which says nothing of the disk. */
void fs_learn_used(struct fs *fs, int64_t used, int64_t quota);

#endif
