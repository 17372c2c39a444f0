/*
 * ask: a request of the kernel that waits for an answer: what it is about, what it waits for, and how that is taken
 * back.
 *
 * A handler (ops_*.c) that cannot answer at once makes an ask and begins to wait by one of the functions here: for a
 * call of the store, for a group in the op log, for a job of a file, for dirty data to be stored, for attributes. Its
 * thread goes back to the kernel. Later a callback of the handler comes, with the lock held; it takes the request out
 * of the ask (ask_take), answers it, and frees the ask.
 *
 * A request is answered exactly once, by whoever takes it first: the callback, a signal that may end the call, or the
 * thread that looks after those who wait for too long (ops_patience). What was asked for may then still be under way:
 * its callback comes all the same, finds that the request was taken, and only frees the ask. Guarded by the lock of the
 * core.
 */
#ifndef NEPHOS_FUSEFS_OPS_ASK_H
#define NEPHOS_FUSEFS_OPS_ASK_H

#define FUSE_USE_VERSION 314
#include <fuse_lowlevel.h>

#include "common/base/limits.h"
#include "fusefs/core/patience.h"
#include "fusefs/store/store.h"

#include <uthash.h>

struct flush_wait;
struct fs;
struct handle;
struct inode;
struct job;
struct extents_snapshot;

/*
 * A request of the kernel that is not answered at once. It is in fs->asks, where an INTERRUPT finds it, until it is
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
	bool away;		   /* the store was, when it said so of what it waits for, and it asked again */
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
	bool statx;			   /* the answer has the time of birth */
	struct extents_snapshot *snapshot; /* a reference */
	bool from_snapshot;
	bool refreshed;		  /* the attributes came for this request */
	struct inode *refreshing; /* whose, while it waits for them; one of its own */
	void (*on_refreshed)(void *cookie, int error);
	bool append;	 /* a write to the end, wherever that is */
	bool of_mapping; /* a write of pages that somebody changed in memory */
	unsigned rounds; /* of create, when the name came and went */
	void *extra;	 /* own memory */
	void *peer;	 /* somebody else's, who outlives the request */
	void (*then)(struct ask *ask);
	void (*learn)(struct ask *ask, const struct op_result *result); /* see ask_change */
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
/* Answers with the error, or with 0 for what has no other answer, if nobody did; frees. */
void ask_end(struct ask *ask, int error);

/* Ways of waiting: called with the lock held, each calls back with the lock held. A callback finds the request taken
 * when its caller was let go. */
int ask_ops(struct ask *ask, const struct op *ops, size_t count,
	void (*done)(void *cookie, int error, const struct op_result *results, size_t count));
/* Sends ask->op. When the store has it, learn is called; in any case the caller is answered with how that went. */
int ask_change(struct ask *ask, void (*learn)(struct ask *ask, const struct op_result *result));
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
 * again, until its own is. */
bool ask_is_early(struct ask *ask, int error);
/* The same of ask_stored, which failed with that error: true, it waits again, and done comes. Not for what is about to
 * be dropped. */
bool ask_stored_again(struct ask *ask, int error, void (*done)(void *cookie, int error));

#endif
