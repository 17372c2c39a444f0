/*
 * reader: bytes of a file as they are now: what is dirty, over what is stored. What is not here is asked for, and the
 * reader tries again when it came, until it has everything at once: an answer is never made of two states. Of a file
 * that others change faster than one can ask it takes a snapshot: one answer of the store, which was right when it was
 * given.
 *
 * The kernel fills with zeros what a READ does not bring of the size that it was told, unless nothing was told of the
 * file meanwhile; only then does it take the short answer for the end. So who finds less than it was told, because the
 * file was made shorter since, waits a moment for the next version, or for the kernel to be told; and a short answer
 * leaves under the lock, as what is told of sizes does. Nothing is copied: the answer points into the pieces, which it
 * keeps. Guarded by the lock of the fs; done comes without it.
 */
#ifndef NEPHOS_FUSEFS_CONTENT_READER_H
#define NEPHOS_FUSEFS_CONTENT_READER_H

#include "fusefs/content/extents.h"
#include "fusefs/content/file.h"
#include "fusefs/ops/fs_internal.h"
#include "fusefs/core/holds.h"

#include <sys/uio.h>

#define READER_ROUNDS_MAX 64u /* blocks go as fast as they come, or capabilities end: -EIO */
#define READER_HOLD_MS 100 /* for what a READ found too short: a file that is written anew has its bytes long before */
#define READER_PARTS_MAX 1000u /* parts of one answer: below IOV_MAX; more are copied together */
#define READER_AHEAD_BYTES_MIN (1024ll * 1024)
#define READER_DENSE_MISSES 1 /* reads at random for each block of a file: then its blocks are worth having whole */
#define READER_AHEAD_BYTES_MAX \
	(16ll * 1024 * 1024) /* doubles up to here: of four blocks two come, one is checked, one is read */

struct reader {
	struct later later; /* first */
	struct fs *fs;
	struct inode *inode; /* with a reference, until done */
	int64_t at;
	size_t asked;
	size_t size;	  /* what it came to: less than asked at the end of the file */
	unsigned missing; /* answers */
	unsigned rounds, refreshes;
	int error;
	bool direct; /* past the kernel's pages: what is short is the end */
	bool ahead;  /* what follows will be read, too: blocks come whole */
	bool apart;  /* it reads a snapshot */
	struct snapshot *snapshot;
	struct content own; /* with it: what was dirty here when it was asked for, and may be stored when it comes */
	struct hold hold;
	int64_t hold_until_ns; /* 0: it was not held yet */
	bool trying, over;
	int64_t began_ns; /* when the call came, if it waits; else 0 */
	struct iovec *parts;
	struct bytes **kept;
	size_t part_count, kept_count, room;
	/* Of a read that brings less than was asked for, with the lock held: error, size and parts are set. Then done,
	 * as always. */
	void (*answer)(struct reader *r);
	void (*done)(struct reader *r); /* error, size and parts are set; without the lock */
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

/* at, asked, direct, fs, inode, answer, done, ahead are set, the rest is zero. Everything is kept until done. */
void reader_start(struct reader *r);
/* An interrupt: done comes with -EINTR. */
void reader_cancel(struct reader *r);
/* Frees what the answer kept. Without the lock. */
void reader_fini(struct reader *r);
/* A read of [at, at+size) is under way: what comes next is asked for. */
void reader_ahead(struct fs *fs, struct inode *inode, struct ahead *ahead, int64_t at, size_t size);
/* No more reads: all are answered. */
void reader_ends(struct fs *fs, struct inode *inode, struct ahead *ahead);
/* That read has to wait: when it is one of many at random all over the file, the block around it is asked for beside
 * it. */
void reader_missed(struct fs *fs, struct inode *inode, struct ahead *ahead, int64_t at);

#endif
