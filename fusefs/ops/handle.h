/*
 * handle: what is open: a file with its flags, or a directory with its listing. The kernel keeps the pointer as fh from
 * open to release; it hands in nothing that it was not given, and a handle lives until release. What a lazy unmount
 * left open is never released: handles_end. Guarded by the lock of the fs.
 */
#ifndef NEPHOS_FUSEFS_OPS_HANDLE_H
#define NEPHOS_FUSEFS_OPS_HANDLE_H

#include "fusefs/names/listing.h"
#include "fusefs/content/reader.h"

#include <stdatomic.h>

struct handle {
	struct handle *prev, *next; /* all of the fs */
	struct inode *inode;	    /* with a reference, and counted in its opens */
	bool synchronous;	    /* O_SYNC, O_DSYNC, O_DIRECT: a write is stored before it is answered */
	bool writable, mappable;    /* mappable: a shared mapping of it can be written to, and keeps it open */
	atomic_bool locks_lost;	    /* file locks of the document were lost while it was open: EIO */
	bool capability_gone;	    /* its removal was sent: see ops_drop_capability */
	uint32_t error_seen;
	struct ahead ahead;	 /* its direct is true for O_DIRECT; who opens may make it so for others */
	struct listing *listing; /* of a directory */
};

struct handle *handle_new(struct fs *fs, struct inode *inode, int flags); /* NULL: no memory */
void handle_free(struct fs *fs, struct handle *h);
void handles_end(struct fs *fs); /* the kernel does not ask any more */
static inline struct handle *handle_of(uint64_t fh)
{
	return (struct handle *)(uintptr_t)fh;
}

#endif
