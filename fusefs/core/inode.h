/*
 * inode: the documents that are in use here: by the kernel (lookups), by open files, cached names and work in
 * progress (refs). The kernel's node id is the document's id, except for the root. An inode is freed when it has no
 * user any more.
 *
 * Attributes are those that the store had at position `seen`; an answer with an older view never replaces them. They
 * are trusted while `known` is set and their epoch is the table's, which is raised when the journal was lost: then
 * everything has to be fetched again.
 *
 * Not thread-safe: guarded by the lock of the core, like everything that belongs to an inode.
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
	uint64_t lookups; /* references that the kernel holds */
	unsigned refs;
	unsigned opens, mappable; /* handles, and those of them through which a mapping may write */

	struct attributes attr;
	bool known;
	bool orphan;	 /* may have no name: is named to the store while it is open */
	bool complete;	 /* folder: all its names are cached */
	bool refreshing; /* a request for its attributes is in flight */
	uint8_t misses;	 /* folder: number of names that were looked up one by one */
	uint64_t epoch;	 /* the epoch in which the attributes were seen */
	uint64_t complete_epoch;
	/* when a change by others of the content, or of a name in the folder, became known; 0: never */
	int64_t foreign_ns;
	int64_t seen; /* position of the attributes */
	int64_t told; /* the size that the kernel was given last */
	/* content_seq of the pages that the kernel may keep; 0: its pages are not known to be right */
	int64_t pages_seq;
	int64_t parent;		   /* a folder that contains it, as last seen; only a hint */
	char *target;		   /* of a symlink */
	struct fill_wait *waits;   /* requests that wait for refreshed attributes */
	struct file *file;	   /* content; NULL until needed */
	struct listing *listing;   /* folder: cached listing */
	struct prefetch *prefetch; /* folder: small files whose content is fetched together */
	struct xattrs *xattrs;
	struct shared_locks *posix, *flock;
};

struct inodes {
	struct inode *by_id;
	size_t count;
	size_t target_bytes; /* bytes of symlink targets, including malloc's overhead */
	uint64_t epoch;	     /* starts at 1 */
	bool trusted;	     /* cached data may be shown, as far as time goes: a follower reports changes */
	int64_t needed;	     /* … and as far as positions go: data seen before this position may not; 0: all may */
	/* Frees the file, xattrs and locks of an inode that is being freed. */
	void (*release)(void *cookie, struct inode *inode);
	void *cookie;
};

#define INODE_BYTES (sizeof(struct inode) + 16) /* including malloc's overhead */
/* bytes per inode, an average over all: targets of symlinks differ */
size_t inodes_memory_of_one(const struct inodes *t);

void inodes_init(struct inodes *t, void (*release)(void *cookie, struct inode *inode), void *cookie);
void inodes_fini(struct inodes *t);			 /* frees all inodes, even those in use */
struct inode *inodes_find(struct inodes *t, int64_t id); /* without a reference; NULL: not there */
struct inode *inodes_get(struct inodes *t, int64_t id);	 /* found or new, with a reference; NULL: no memory */
struct inode *inode_ref(struct inode *inode);
void inode_unref(struct inode *inode); /* NULL is fine */
void inode_lookup(struct inode *inode);
void inode_forget(struct inode *inode, uint64_t count);

/* Takes the attributes from an answer of position seen. False: the known attributes are newer, and stay. The item's
 * names and content are not taken; its target is. */
bool inode_learn(struct inode *inode, const struct item *item, int64_t seen);
/* The attributes are known, and no change of the document since then is known. */
bool inode_stands(const struct inode *inode);
/* The same, and the attributes may be shown. */
bool inode_valid(const struct inode *inode);
/* The journal reported a change of position seq: attributes seen before it are not trusted any more. */
void inode_changed(struct inode *inode, int64_t seq);
/* All names in the folder are known, and may be shown. */
bool inode_is_complete(const struct inode *folder);
/* All names are known; they may be shown again as soon as cached data may be shown. */
bool inode_has_all_names(const struct inode *folder);

#endif
