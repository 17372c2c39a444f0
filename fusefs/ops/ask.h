/*
 * ask: a request of the kernel that is not answered at once: what the request is about, what it waits for, and how
 * that wait is cancelled.
 *
 * A handler (ops_*.c) that cannot answer at once makes an ask and starts to wait with one of the functions below: for
 * a call of the store, for a group in the op log, for a job of a file, for dirty data to be stored, for attributes.
 * The handler's thread then returns to the kernel. Later a callback of the handler runs with the core's lock held.
 * The callback takes the request out of the ask (ask_take), answers the request, and frees the ask.
 *
 * A request is answered exactly once, by the first of these to take it: the callback, a signal that may end the call,
 * or the thread that watches requests which wait too long (ops_patience). The operation that the request waited for
 * may still be in flight then. Its callback still runs, finds the request taken, and only frees the ask. The lock of
 * the core guards all asks.
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
 * A request of the kernel that is not answered at once. The ask is in fs->asks, where an INTERRUPT finds it, until
 * the request is answered. From then on req is NULL, and the ask is freed when no layer below refers to it any more.
 *
 * libfuse delivers an INTERRUPT with its own lock of the request held, and names the request only by the fuse_req_t,
 * which libfuse keeps until the interrupt function returns. So on_interrupt looks the ask up by that key and never
 * has a pointer to it.
 */
struct ask {
	UT_hash_handle hh;
	struct fs *fs;
	/* NULL: the request was answered; the callback of the ask still comes if the operation is in flight */
	fuse_req_t req;
	enum patience_call call;
	bool interrupted;	   /* a signal came for the request; patience decides what follows */
	uint64_t number;	   /* unique among all asks */
	pid_t tid;		   /* the thread that waits; 0: none that this mount can see */
	int64_t began_ns, look_ns; /* when the request came, and when it is looked at next */
	int ends_with;		   /* the error that cancel answers with */
	/* an outage of the store ended what this ask waited for, and the ask tried again */
	bool away;
	/* the caller is dying: the ask need not wait for anything that only the caller would want */
	bool let_go;
	/* Cancels the operation that the ask waits for, unless that operation is in flight and would happen all the
	 * same; then cancel does nothing and may be called again. The caller holds the core's lock. Set while there
	 * is something to cancel. After a successful cancel, either the callback comes soon with ends_with, or cancel
	 * itself has answered with ends_with. */
	void (*cancel)(struct ask *ask);
	store_ticket ticket;
	uint64_t group;
	struct job *job;
	struct flush_wait *wait;

	struct inode *inode, *other; /* references, dropped with the ask */
	struct handle *handle;	     /* the handle that open and create will return */
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
	bool statx;			   /* the answer includes the time of birth */
	struct extents_snapshot *snapshot; /* a reference */
	bool from_snapshot;
	bool refreshed;		  /* the attributes were fetched for this request */
	struct inode *refreshing; /* the inode whose attributes the ask waits for; inode or other */
	void (*on_refreshed)(void *cookie, int error);
	bool append;	 /* a write to the end, wherever the end is */
	bool of_mapping; /* a write of mapped pages that a program changed in memory */
	unsigned rounds; /* of create: how often the name appeared and disappeared meanwhile */
	void *extra;	 /* own memory */
	void *peer;	 /* belongs to another module, and outlives the request */
	void (*then)(struct ask *ask);
	void (*learn)(struct ask *ask, const struct op_result *result); /* see ask_change */
};

static inline struct fs *fs_of(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

/* Called without the core's lock. NULL: no memory, and the request was answered with ENOMEM. */
struct ask *ask_new(fuse_req_t req); /* for a call that a signal does not end while its caller lives */
struct ask *ask_new_call(fuse_req_t req, enum patience_call call);
/* The caller holds the core's lock. Frees the ask after the answer: nothing can interrupt it any more. */
void ask_free(struct ask *ask);
/* The caller holds the core's lock. Takes the request out of the ask, so that nothing else answers it. NULL: it was
 * already taken. */
fuse_req_t ask_take(struct ask *ask);
/* Answers with the error, or with success (0) where the answer carries nothing else, unless the request was already
 * taken. Frees the ask. */
void ask_end(struct ask *ask, int error);

/* Ways of waiting. The caller holds the core's lock, and the callbacks run with it held. A callback may find that the
 * request was already taken, because its caller was let go. */
int ask_ops(struct ask *ask, const struct op *ops, size_t count,
	void (*done)(void *cookie, int error, const struct op_result *results, size_t count));
/* Sends ask->op. When the store has applied the op, learn is called. In either case the request is then answered with
 * the result. */
int ask_change(struct ask *ask, void (*learn)(struct ask *ask, const struct op_result *result));
int ask_job(
	struct ask *ask, struct inode *inode, void (*done)(void *cookie, int error, const struct op_result *result));
/* A write of ask->size bytes to ask->off of ask->inode. */
int ask_through(
	struct ask *ask, const void *data, void (*done)(void *cookie, int error, const struct op_result *result));
/* 1: there is nothing to wait for. */
int ask_stored(struct ask *ask, struct inode *inode, void (*done)(void *cookie, int error));
/* Cancels a wait for something that changes nothing: answers the request at once. The ask is freed when its callback
 * comes. */
void ask_cancel_shared(struct ask *ask);
int ask_attributes(struct ask *ask, struct inode *inode, void (*done)(void *cookie, int error));
void ask_cancel_ticket(struct ask *ask);
/* True when the ask joined a wait that an earlier request began: for that request the outage has lasted its full
 * time, for this ask it has not. The caller then tries again, until this ask's own time is over. */
bool ask_is_early(struct ask *ask, int error);
/* The same for ask_stored, which failed with that error. True: the ask waits again, and done will come. False, too,
 * for data that is about to be dropped. */
bool ask_stored_again(struct ask *ask, int error, void (*done)(void *cookie, int error));

#endif
