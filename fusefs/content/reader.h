/*
 * reader: reads the present bytes of a file: dirty bytes over stored ones. It asks for what is missing, and tries
 * again when that has arrived, until it has everything at once: an answer is never made of two states. When others
 * change a file faster than the reader can ask, it takes a snapshot: one answer of the store, which was right when
 * it was given.
 *
 * When a READ returns fewer bytes than the size that the kernel was given, the kernel fills the rest with zeros,
 * unless it has been given a new size of the file meanwhile; only then it takes the short answer as the end. So a
 * reader that finds less than that, because the file became shorter since, waits a moment for the next version, or
 * until the kernel is notified. A short answer is sent with the lock held, as notices of sizes are. Nothing is
 * copied: the answer points into the pieces, and keeps references to them. Guarded by the lock of the core; done is
 * called without it.
 */
#ifndef NEPHOS_FUSEFS_CONTENT_READER_H
#define NEPHOS_FUSEFS_CONTENT_READER_H

#include "fusefs/content/blocks.h"
#include "fusefs/content/extents.h"
#include "fusefs/content/file.h"
#include "fusefs/core/holds.h"

#include <sys/uio.h>

#define READER_ROUNDS_MAX 64u /* blocks are evicted as fast as they arrive, or capabilities expire: -EIO */
#define READER_HOLD_MS 100    /* for a READ that found too little; a file that is rewritten has its bytes long before */
#define READER_PARTS_MAX 1000u /* parts of one answer: below IOV_MAX; with more, all are copied into one */

struct reader {
	struct later later; /* must be the first field */
	struct blocks *blocks;
	struct core *core;   /* taken from blocks by reader_start */
	struct inode *inode; /* with a reference, until done */
	int64_t at;
	size_t asked;
	size_t size;	  /* bytes of the answer: less than asked at the end of the file */
	unsigned missing; /* answers to wait for */
	unsigned rounds, refreshes;
	int error;
	bool direct; /* bypasses the kernel's page cache: a short answer means the end of the file */
	bool ahead;  /* the reader reads on: blocks are fetched whole */
	bool from_snapshot;
	struct extents_snapshot *snapshot;
	struct content own; /* beside snapshot: what was dirty when that was asked for, and may be stored since */
	struct hold hold;
	int64_t hold_until_ns; /* 0: not held yet */
	bool trying, over;
	int64_t began_ns; /* when the call came, if it waits through outages; else 0 */
	bool *away;	  /* if it waits: set when the store was unreachable, and the reader asks again */
	struct iovec *parts;
	struct bytes **kept;
	size_t part_count, kept_count, room;
	/* Called for a read that returns less than was asked for, with the lock of the core held: error, size
	 * and parts are set. done is called afterwards, as always. */
	void (*answer)(struct reader *r);
	void (*done)(struct reader *r); /* error, size and parts are set; called without the lock of the core */
};

/* The caller sets at, asked, direct, blocks, inode, answer, done and ahead; the rest is zero. Everything stays
 * valid until done. */
void reader_start(struct reader *r);
/* For an interrupt: done is called with -EINTR. */
void reader_cancel(struct reader *r);
/* Frees what the answer references. Called without the lock of the core. */
void reader_fini(struct reader *r);
#endif
