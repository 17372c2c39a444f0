/*
 * handle: what is open: a file with its flags, or a directory with its listing. The kernel keeps the pointer as fh from
 * open to release; it hands in nothing that it was not given, and a handle lives until release. What a lazy unmount
 * left open is never released: handles_end. Guarded by the lock of the core.
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

/* A READ that an outage ended. */
struct handle_outage {
	pid_t tid; /* of its caller; 0: there was none, or nobody that can be seen from here */
	int64_t began_ns, ended_ns;
};

struct handle {
	struct handle *prev, *next; /* all of the mount */
	struct inode *inode;	    /* with a reference, and counted in its opens */
	bool synchronous;	    /* O_SYNC, O_DSYNC, O_DIRECT: a write is stored before it is answered */
	bool writable, mappable;    /* mappable: a shared mapping of it can be written to, and keeps it open */
	atomic_bool locks_lost;	    /* file locks of the document were lost while it was open: EIO */
	bool capability_gone;	    /* its removal was sent: see ops_drop_capability */
	uint32_t error_seen;
	struct handle_outage outage; /* the last one */
	struct readahead ahead;	     /* its direct is true for O_DIRECT; who opens may make it so for others */
	struct listing *listing;     /* of a directory */
};

/* All that is open. Embedded. */
struct handles {
	struct core *core;
	struct blocks *blocks;
	struct flusher *flusher;
	struct handle *list;
};

void handles_init(struct handles *handles, struct core *core, struct blocks *blocks, struct flusher *flusher);
struct handle *handle_new(struct handles *handles, struct inode *inode, int flags); /* NULL: no memory */
void handle_free(struct handles *handles, struct handle *h);
/* File locks of the document were lost: whoever has it open gets -EIO from now on. */
void handles_lost_locks(struct handles *handles, const struct inode *inode);
void handles_end(struct handles *handles); /* the kernel does not ask any more */
static inline struct handle *handle_of(uint64_t fh)
{
	return (struct handle *)(uintptr_t)fh;
}

#endif
