/*
 * handle: an open file with its flags, or an open directory with its listing. The kernel keeps the pointer as fh from
 * open to release. The kernel passes in only pointers that it was given, and a handle lives until release. Files that
 * a lazy unmount left open are never released: handles_end frees their handles. Guarded by the lock of the core.
 */
#ifndef NEPHOS_FUSEFS_OPS_HANDLE_H
#define NEPHOS_FUSEFS_OPS_HANDLE_H

#include "fusefs/content/readahead.h"
#include "fusefs/core/inode.h"

#include <stdatomic.h>
#include <sys/types.h>

struct blocks;
struct core;
struct flusher;
struct listing;

/* A READ that failed because of an outage. */
struct handle_outage {
	pid_t tid; /* the thread of its caller; 0: there was none, or none that this mount can see */
	int64_t began_ns, ended_ns;
};

struct handle {
	struct handle *prev, *next; /* all handles of the mount */
	struct inode *inode;	    /* with a reference, and counted in its opens */
	bool synchronous;	    /* O_SYNC, O_DSYNC, O_DIRECT: a write is stored before it is answered */
	/* mappable: a shared mapping of the file can be written to, and keeps the handle open */
	bool writable, mappable;
	atomic_bool locks_lost; /* file locks of the document were lost while the handle was open: EIO */
	bool capability_gone;	/* the removal of the capability was sent: see ops_drop_capability */
	uint32_t error_seen;
	struct handle_outage outage; /* the last one */
	struct readahead ahead;	     /* ahead.direct is true for O_DIRECT; open may set it in other cases */
	struct listing *listing;     /* of a directory */
};

/* All open handles of a mount. Embedded. */
struct handles {
	struct core *core;
	struct blocks *blocks;
	struct flusher *flusher;
	struct handle *list;
};

void handles_init(struct handles *handles, struct core *core, struct blocks *blocks, struct flusher *flusher);
struct handle *handle_new(struct handles *handles, struct inode *inode, int flags); /* NULL: no memory */
void handle_free(struct handles *handles, struct handle *h);
/* File locks of the document were lost: every handle of the document that is open now fails with -EIO from now on. */
void handles_lost_locks(struct handles *handles, const struct inode *inode);
void handles_end(struct handles *handles); /* frees all handles; the kernel sends no requests any more */
static inline struct handle *handle_of(uint64_t fh)
{
	return (struct handle *)(uintptr_t)fh;
}

#endif
