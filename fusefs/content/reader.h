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
 * keeps. Guarded by the lock of the core; done comes without it.
 */
#ifndef NEPHOS_FUSEFS_CONTENT_READER_H
#define NEPHOS_FUSEFS_CONTENT_READER_H

#include "fusefs/content/blocks.h"
#include "fusefs/content/extents.h"
#include "fusefs/content/file.h"
#include "fusefs/core/holds.h"

#include <sys/uio.h>

#define READER_ROUNDS_MAX 64u /* blocks go as fast as they come, or capabilities end: -EIO */
#define READER_HOLD_MS 100 /* for what a READ found too short: a file that is written anew has its bytes long before */
#define READER_PARTS_MAX 1000u /* parts of one answer: below IOV_MAX; more are copied together */

struct reader {
	struct later later; /* first */
	struct blocks *blocks;
	struct core *core;   /* of the blocks; set by reader_start */
	struct inode *inode; /* with a reference, until done */
	int64_t at;
	size_t asked;
	size_t size;	  /* what it came to: less than asked at the end of the file */
	unsigned missing; /* answers */
	unsigned rounds, refreshes;
	int error;
	bool direct; /* past the kernel's pages: what is short is the end */
	bool ahead;  /* what follows will be read, too: blocks come whole */
	bool from_snapshot;
	struct extents_snapshot *snapshot;
	struct content own; /* with it: what was dirty here when it was asked for, and may be stored when it comes */
	struct hold hold;
	int64_t hold_until_ns; /* 0: it was not held yet */
	bool trying, over;
	int64_t began_ns; /* when the call came, if it waits; else 0 */
	bool *away;	  /* if it waits: set when the store was away, and it asks again */
	struct iovec *parts;
	struct bytes **kept;
	size_t part_count, kept_count, room;
	/* Of a read that brings less than was asked for, with the lock held: error, size and parts are set. Then done,
	 * as always. */
	void (*answer)(struct reader *r);
	void (*done)(struct reader *r); /* error, size and parts are set; without the lock */
};

/* at, asked, direct, blocks, inode, answer, done, ahead are set, the rest is zero. Everything is kept until done. */
void reader_start(struct reader *r);
/* An interrupt: done comes with -EINTR. */
void reader_cancel(struct reader *r);
/* Frees what the answer kept. Without the lock. */
void reader_fini(struct reader *r);
#endif
