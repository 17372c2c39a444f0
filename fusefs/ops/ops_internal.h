/* What the parts of ops share: a request that waits, and its answer. Not for others. */
#ifndef NEPHOS_FUSEFS_OPS_OPS_INTERNAL_H
#define NEPHOS_FUSEFS_OPS_OPS_INTERNAL_H

#define FUSE_USE_VERSION 314
#include <fuse_lowlevel.h>

#include "fusefs/ops/handle.h"
#include "fusefs/core/patience.h"
#include "fusefs/names/shared_locks.h"

/*
 * A request of the kernel that is not answered at once. It is in fs->pending, where an INTERRUPT finds it, until it is
 * answered; then it is `over`, and freed when nobody below knows it any more.
 *
 * An INTERRUPT comes with libfuse's lock of the request held, and is told by the fuse_req_t alone, which libfuse keeps
 * until its handler returns: so what it finds is looked up, never pointed to.
 */
struct ask {
	UT_hash_handle hh;
	struct fs *fs;
	fuse_req_t req; /* NULL: answered; its callback still comes, when what was asked for is under way */
	enum patience_call call;
	bool interrupted;	   /* a signal came: what follows from it is patience's to say */
	uint64_t number;	   /* no two have the same */
	pid_t tid;		   /* who waits; 0: nobody that can be seen from here */
	int64_t began_ns, look_ns; /* when it came, and when it is looked at again */
	int ends_with;		   /* what cancel tells */
	bool let_go;		   /* its caller is dying: what is not wanted any more need not be waited for */
	/* Takes back what was asked for, unless that is under way and would happen all the same: then nothing happens,
	 * and it may be tried again. With the lock held. Set while there is something to end. Either the callback comes
	 * soon, with ends_with, or it answers with that itself. */
	void (*cancel)(struct ask *ask);
	store_ticket ticket;
	uint64_t group;
	struct job *job;
	struct flush_wait *wait;

	struct inode *inode, *other; /* references, dropped with the ask */
	struct handle *handle;	     /* that open and create would hand out */
	struct fuse_file_info fi;
	struct op op;
	struct op_extent extents[2];
	char name[NAME_BYTES_MAX + 1], new_name[NAME_BYTES_MAX + 1];
	char *text; /* own memory: symlink target, xattr value */
	size_t size;
	off_t off;
	int64_t seen;
	int whence;
	bool plus;
	bool statx;		   /* the answer has the time of birth */
	struct snapshot *snapshot; /* a reference */
	bool apart;		   /* it looks at the snapshot */
	bool refreshed;		   /* the attributes came for this request */
	struct inode *refreshing;  /* whose, while it waits for them; one of its own */
	void (*on_refreshed)(void *cookie, int error);
	bool append;	 /* a write to the end, wherever that is */
	bool of_mapping; /* a write of pages that somebody changed in memory */
	unsigned rounds; /* of create, when the name came and went */
	void *extra;	 /* own memory */
	void *peer;	 /* somebody else's, who outlives the request */
	void (*then)(struct ask *ask);
};

static inline struct fs *fs_of(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

/* Without the lock. NULL: no memory, and the request was answered so. */
struct ask *ask_new(fuse_req_t req); /* of a call that a signal does not end while its caller lives */
struct ask *ask_new_call(fuse_req_t req, enum patience_call call);
/* With the lock. After the answer: nothing interrupts it any more. Frees. */
void ask_free(struct ask *ask);
/* With the lock: takes the request away, so that nobody else answers it. NULL: somebody did. */
fuse_req_t ask_take(struct ask *ask);
void ask_fail(struct ask *ask, int error); /* answers, if nobody did, and frees */

/* Ways of waiting: called with the lock held, each calls back with the lock held. A callback finds the request taken
 * when its caller was let go. */
int ask_ops(struct ask *ask, const struct op *ops, size_t count,
	void (*done)(void *cookie, int error, const struct op_result *results, size_t count));
int ask_job(
	struct ask *ask, struct inode *inode, void (*done)(void *cookie, int error, const struct op_result *result));
/* A write of ask->size bytes to ask->off of ask->inode. */
int ask_through(
	struct ask *ask, const void *data, void (*done)(void *cookie, int error, const struct op_result *result));
/* 1: nothing to wait for. */
int ask_stored(struct ask *ask, struct inode *inode, void (*done)(void *cookie, int error));
/* A wait for what changes nothing: the request is answered at once, the ask is freed when it is called back. */
void ask_cancel_shared(struct ask *ask);
int ask_attributes(struct ask *ask, struct inode *inode, void (*done)(void *cookie, int error));
void ask_cancel_ticket(struct ask *ask);
/* It joined the wait of somebody who began before it, for whom the outage is over: for this one it is not, and it asks
 * again. */
bool ask_is_early(const struct ask *ask, int error);

/* The inode of a node; NULL when the kernel made it up. Borrowed. */
struct inode *ops_inode(struct fs *fs, fuse_ino_t node);
/* For how long the kernel may keep it. With others at work not at all: LOOKUP and GETATTR cost little where they are
 * answered from memory, and no notice is late. */
double ops_timeout(struct fs *fs, bool fresh);
/* With the lock held. */
void ops_reply_entry(struct fs *fs, fuse_req_t req, struct inode *inode, bool fresh);
void ops_reply_absent(struct fs *fs, fuse_req_t req, bool fresh);
void ops_reply_attributes(struct fs *fs, fuse_req_t req, struct inode *inode);
void ops_fill_entry(struct fs *fs, struct inode *inode, bool fresh, struct fuse_entry_param *ret);
void ops_error(fuse_req_t req, int error);
/* 0, -ENAMETOOLONG, -EINVAL */
int ops_name(const char *name, struct span *ret);
/*
 * Whether what the caller writes clears the set-id bits (CAP_FSETID keeps them, which is root's here). Buffered writes
 * and truncate(2) are the kernel's to tell, by a SETATTR; not so O_TRUNC, which comes with OPEN, and O_DIRECT.
 */
static inline bool ops_drops_setid(fuse_req_t req)
{
	return fuse_req_ctx(req)->uid != 0;
}
bool ops_refuse_lost(fuse_req_t req, const struct handle *h); /* true: its file locks were lost, and answered so */
/* Lets a file be opened: fills fi. */
struct handle *ops_open_handle(struct fs *fs, struct inode *inode, struct fuse_file_info *fi);

/* ops_export.c */
bool ops_lookup_number(fuse_req_t req, fuse_ino_t node, const char *name); /* true: "." or "..", and answered */
/* ops_ioctl.c */
void ops_ioctl(fuse_req_t req, fuse_ino_t node, unsigned command, void *arg, struct fuse_file_info *fi, unsigned flags,
	const void *in, size_t in_size, size_t out_size);
/* With the lock held. -EPERM: it is immutable, or append-only and would be changed elsewhere. */
int ops_check_open(const struct inode *inode, int flags);
int ops_check_write(const struct inode *inode, int64_t at);
/* ops_check.c */
/*
 * Somebody else may have given the name to another document, or taken it away, and been answered: what goes by a name
 * asks first.
 */
static inline bool ops_wants_check(const struct fs *fs)
{
	return fs_is_shared(fs);
}
/* How a LOOKUP of the caller was answered. With the lock held, as all of these. */
void ops_looked_up(struct fs *fs, fuse_req_t req, const struct looked_answer *answer);
/*
 * What the name answer->folder, answer->name is, as the store said at that position; fills the rest of the answer.
 * The inode, with a reference; NULL: none, or no memory.
 */
struct inode *ops_learn_name(
	struct fs *fs, struct looked_answer *answer, int error, const struct item *item, struct store_position at);
enum ops_check_what {
	CHECK_NAME,	     /* where it is not known by which name the caller came, the store is not asked */
	CHECK_NAME_OR_EXISTS /* then it is asked whether the document still has a name */
};
/*
 * Whether the inode, one of the ask's own, still is what its caller looked up: then done comes with 0, with the lock
 * held, at once where nothing has to be asked. -ESTALE: it is not, and what the name is now is known; the kernel is to
 * look it up again. Uses ask->extra.
 */
void ops_check(
	struct ask *ask, struct inode *inode, enum ops_check_what what, void (*done)(struct ask *ask, int error));

/* ops_node.c */
void ops_lookup(fuse_req_t req, fuse_ino_t parent, const char *name);
void ops_forget(fuse_req_t req, fuse_ino_t node, uint64_t count);
void ops_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets);
void ops_getattr(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi);
void ops_setattr(fuse_req_t req, fuse_ino_t node, struct stat *attr, int to_set, struct fuse_file_info *fi);
void ops_readlink(fuse_req_t req, fuse_ino_t node);
void ops_statfs(fuse_req_t req, fuse_ino_t node);
/* ops_name.c */
void ops_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, struct fuse_file_info *fi);
void ops_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t rdev);
void ops_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode);
void ops_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name);
void ops_link(fuse_req_t req, fuse_ino_t node, fuse_ino_t parent, const char *name);
/* ops_remove.c */
void ops_unlink(fuse_req_t req, fuse_ino_t parent, const char *name);
void ops_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name);
void ops_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t new_parent, const char *new_name,
	unsigned flags);
/* ops_dir.c */
void ops_opendir(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi);
void ops_readdir(fuse_req_t req, fuse_ino_t node, size_t size, off_t off, struct fuse_file_info *fi);
void ops_readdirplus(fuse_req_t req, fuse_ino_t node, size_t size, off_t off, struct fuse_file_info *fi);
void ops_releasedir(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi);
/* ops_open.c */
void ops_open(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi);
/* ops_file.c */
void ops_release(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi);
void ops_flush(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi);
void ops_fsync(fuse_req_t req, fuse_ino_t node, int datasync, struct fuse_file_info *fi);
void ops_read(fuse_req_t req, fuse_ino_t node, size_t size, off_t off, struct fuse_file_info *fi);
/* ops_sync.c */
void ops_fsyncdir(fuse_req_t req, fuse_ino_t node, int datasync, struct fuse_file_info *fi);
/* ops_write.c */
void ops_write(fuse_req_t req, fuse_ino_t node, const char *data, size_t size, off_t off, struct fuse_file_info *fi);
/* ops_range.c */
void ops_fallocate(fuse_req_t req, fuse_ino_t node, int mode, off_t off, off_t len, struct fuse_file_info *fi);
void ops_lseek(fuse_req_t req, fuse_ino_t node, off_t off, int whence, struct fuse_file_info *fi);
void ops_copy_file_range(fuse_req_t req, fuse_ino_t from, off_t from_off, struct fuse_file_info *from_fi, fuse_ino_t to,
	off_t to_off, struct fuse_file_info *to_fi, size_t len, int flags);
/* ops_xattr.c */
void ops_setxattr(fuse_req_t req, fuse_ino_t node, const char *name, const char *value, size_t size, int flags);
void ops_getxattr(fuse_req_t req, fuse_ino_t node, const char *name, size_t size);
void ops_listxattr(fuse_req_t req, fuse_ino_t node, size_t size);
/* With the lock held, before what is written by O_DIRECT goes on: that passes the place where the kernel removes the
 * file's capability. */
void ops_drop_capability(struct fs *fs, struct handle *h);
void ops_removexattr(fuse_req_t req, fuse_ino_t node, const char *name);
/* ops_lock.c */
void ops_getlk(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi, struct flock *lk);
void ops_setlk(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi, struct flock *lk, int sleep);
void ops_flock(fuse_req_t req, fuse_ino_t node, struct fuse_file_info *fi, int op);
/* With the lock held: nobody will use this open file any more: what locks are its own go. */
void ops_locks_released(struct fs *fs, struct handle *h);
/* With the lock held: a process closes it: all its POSIX locks of the document go, then done comes. False: no memory,
 * and it does not. */
bool ops_locks_closed(struct ask *ask, struct handle *h, uint64_t owner, void (*done)(void *cookie, int error));

#endif
