/*
 * inode: the documents that somebody here knows: the kernel (lookups), open files, cached names, work under way (refs).
 * The node id of the kernel is the document's id, except for the root. An inode goes when nobody knows it any more.
 *
 * Attributes are as the store had them at position `seen`; an answer with an older view never replaces them. They are
 * trusted while `known` and of the table's epoch, which is raised when the journal was lost: then everything has to be
 * asked for again.
 *
 * Not thread-safe: guarded by the lock of the core, as everything that hangs on it.
 */
#ifndef NEPHOS_FUSEFS_CORE_INODE_H
#define NEPHOS_FUSEFS_CORE_INODE_H

#include "common/proto/item.h"
#include "fusefs/core/fill_wait.h"

#include <stdbool.h>
#include <stdint.h>
#include <uthash.h>

struct file;
struct listing;
struct prefetch;
struct shared_locks;
struct xattrs;
struct inodes;

struct attributes {
	int64_t size, allocated;
	uint32_t mode, uid, gid, nlink, rdev_major, rdev_minor;
	int64_t atime, mtime, ctime, btime;
	int64_t seq, content_seq;
	bool bare; /* no xattrs at all */
};

struct inode {
	struct inodes *table;
	int64_t id;
	UT_hash_handle hh;
	uint64_t lookups; /* the kernel's */
	unsigned refs;
	unsigned opens, mappable; /* handles, and those of them that a mapping may write through */

	struct attributes attr;
	bool known;
	bool orphan;	 /* may be without a name: named to the store while it is open */
	bool complete;	 /* folder: every name in it is among the cached ones */
	bool refreshing; /* its attributes are asked for */
	uint8_t misses;	 /* folder: names that were asked for one by one */
	uint64_t epoch;	 /* in which the attributes were seen */
	uint64_t complete_epoch;
	/* somebody else's change of its content, or of a name in the folder, became known; 0: never */
	int64_t foreign_ns;
	int64_t seen;	   /* position */
	int64_t told;	   /* size that the kernel was told last */
	int64_t pages_seq; /* content_seq of the pages that the kernel may keep; 0: none that are known to be right */
	int64_t parent;	   /* a folder it lies in, as last seen; only a hint */
	char *target;	   /* symlink */
	struct fill_wait *waits;   /* for refreshed attributes */
	struct file *file;	   /* content; NULL until needed */
	struct listing *listing;   /* folder: kept */
	struct prefetch *prefetch; /* folder: small files that come along */
	struct xattrs *xattrs;
	struct shared_locks *posix, *flock;
};

struct inodes {
	struct inode *by_id;
	size_t count;
	size_t target_bytes; /* of symlinks, with what malloc adds */
	uint64_t epoch;	     /* 1 at first */
	bool trusted;	     /* what is known may be shown, as far as time goes: somebody tells what changes */
	int64_t needed;	     /* … and as far as positions go: what was seen before it may not; 0: all may */
	/* Frees file, xattrs and locks of an inode that goes. */
	void (*release)(void *cookie, struct inode *inode);
	void *cookie;
};

#define INODE_BYTES (sizeof(struct inode) + 16)	     /* with what malloc adds */
size_t inodes_memory_of_one(const struct inodes *t); /* bytes, as an average over all: targets of symlinks differ */

void inodes_init(struct inodes *t, void (*release)(void *cookie, struct inode *inode), void *cookie);
void inodes_fini(struct inodes *t);			 /* drops everything, whoever knows it */
struct inode *inodes_find(struct inodes *t, int64_t id); /* no reference; NULL */
struct inode *inodes_get(struct inodes *t, int64_t id);	 /* found or new, with a reference; NULL: no memory */
struct inode *inode_ref(struct inode *inode);
void inode_unref(struct inode *inode); /* NULL is fine */
void inode_lookup(struct inode *inode);
void inode_forget(struct inode *inode, uint64_t count);

/* Takes what an answer of position seen says. False: what is known is newer, and stays. The item's names and content
 * are not taken, its target is. */
bool inode_learn(struct inode *inode, const struct item *item, int64_t seen);
/* Its attributes are known, and no change of them since. */
bool inode_stands(const struct inode *inode);
/* And they may be shown. */
bool inode_valid(const struct inode *inode);
/* A change of position seq was announced: what was seen before it is not trusted any more. */
void inode_changed(struct inode *inode, int64_t seq);
/* Every name in it is known, and may be shown. */
bool inode_is_complete(const struct inode *folder);
/* The first alone: true again as soon as what is known may be shown. */
bool inode_has_all_names(const struct inode *folder);

#endif
