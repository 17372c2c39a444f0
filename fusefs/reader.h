/*
 * reader: bytes of a file as they are now: what is dirty, over what is stored. What is not here is asked for, and the reader tries again when it came, until it
 * has everything at once: an answer is never made of two states.
 * Nothing is copied: the answer points into the pieces, which it keeps.
 * Guarded by the lock of the fs; done comes without it.
 */
#ifndef NEPHOS_FUSEFS_READER_H
#define NEPHOS_FUSEFS_READER_H

#include "fusefs/file.h"
#include "fusefs/fs.h"

#include <sys/uio.h>

#define READER_ROUNDS_MAX 16u  /* somebody changes the file all the time, or the cache holds nothing: -EIO */
#define READER_PARTS_MAX 1000u /* parts of one answer: below IOV_MAX; more are copied together */
#define READER_EXTENTS_BYTES (64ll * 1024 * 1024) /* range whose extents are asked for at once: 128 blocks, 20 KiB */
#define READER_AHEAD_BYTES_MIN (1024ll * 1024)
#define READER_DENSE_MISSES 1 /* reads at random for each block of a file: then its blocks are worth having whole */
#define READER_AHEAD_BYTES_MAX \
	(16ll * 1024 * 1024) /* doubles up to here: of four blocks two come, one is checked, one is read */

struct reader {
	struct later later; /* first */
	struct fs *fs;
	struct inode *inode; /* with a reference, until done */
	int64_t at;
	size_t size;	  /* asked for; clipped to the file's when done */
	unsigned missing; /* answers */
	unsigned rounds;
	int error;
	bool ahead;	/* what follows will be read, too: blocks come whole */
	bool refreshed; /* the attributes came for this read */
	bool trying, over;
	int64_t began_ns; /* when the call came, if it waits; else 0 */
	struct iovec *parts;
	struct bytes **kept;
	size_t part_count, kept_count, room;
	void (*done)(struct reader *r); /* error, size and parts are set */
};

/* Read-ahead of one open file. */
struct ahead {
	int64_t next;	 /* where a sequential reader goes on */
	int64_t until;	 /* asked for up to here */
	int64_t window;	 /* 0: not sequential */
	uint32_t misses; /* of reads at random */
	int64_t spare;	 /* bytes of blocks that were fetched whole for them */
	int64_t passed;	 /* of a sequential reader: what lies before this it has passed, from where it began */
	bool direct;	 /* O_DIRECT: the kernel keeps no pages of what is read */
};

static inline bool ahead_is_sequential(const struct ahead *ahead)
{
	return ahead->window > 0;
}

/* at, size, fs, inode, done, ahead are set, the rest is zero. Everything is kept until done. */
void reader_start(struct reader *r);
/* An interrupt: done comes with -EINTR. */
void reader_cancel(struct reader *r);
/* Frees what the answer kept. Without the lock. */
void reader_fini(struct reader *r);
/* Asks for the extents at `at` of an inode that has its file; ready (may be NULL) with the lock held. */
int reader_ask(struct fs *fs, struct inode *inode, int64_t at, void (*ready)(void *cookie, int error), void *cookie);
/* A read of [at, at+size) is under way: what comes next is asked for. */
void reader_ahead(struct fs *fs, struct inode *inode, struct ahead *ahead, int64_t at, size_t size);
/* No more reads: all are answered. */
void reader_ends(struct fs *fs, struct inode *inode, struct ahead *ahead);
/* That read has to wait: when it is one of many at random all over the file, the block around it is asked for beside it. */
void reader_missed(struct fs *fs, struct inode *inode, struct ahead *ahead, int64_t at);

#endif
