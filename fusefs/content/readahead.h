/*
 * readahead: asks for data before anybody reads it. For an open file that is read from one end to the other it asks
 * for the extents and blocks ahead of the reader, in a window that doubles; for a file that is read at random all
 * over it asks for whole blocks, once that is cheaper than their pieces. It also reports which blocks a reader has
 * passed, so that they are evicted first. Guarded by the lock of the core.
 */
#ifndef NEPHOS_FUSEFS_CONTENT_READAHEAD_H
#define NEPHOS_FUSEFS_CONTENT_READAHEAD_H

#include "fusefs/content/blocks.h"
#include "fusefs/core/inode.h"

#define READAHEAD_BYTES_MIN (1024ll * 1024)
/* The window doubles up to here: of four blocks two are in flight, one is verified, one is read. */
#define READAHEAD_BYTES_MAX (16ll * 1024 * 1024)
/* Reads at random for each block of a file, from which on its blocks are worth fetching whole. */
#define READAHEAD_DENSE_MISSES 1

/* Read-ahead of one open file. */
struct readahead {
	int64_t next;	 /* where a sequential reader goes on */
	int64_t until;	 /* everything before this was asked for */
	int64_t window;	 /* 0: not sequential */
	uint32_t misses; /* reads at random that had to wait */
	int64_t spare;	 /* bytes of blocks that were fetched whole for such reads */
	int64_t passed;	 /* of a sequential reader: it has passed everything between where it began and this offset */
	bool direct;	 /* O_DIRECT: the kernel keeps no pages of what is read */
};

static inline bool readahead_is_sequential(const struct readahead *ahead)
{
	return ahead->window > 0;
}

/* A read of [at, at+size) has begun: asks for what comes next. */
void readahead_read(struct blocks *blocks, struct inode *inode, struct readahead *ahead, int64_t at, size_t size);
/* There are no more reads: all are answered. */
void readahead_end(struct blocks *blocks, struct inode *inode, struct readahead *ahead);
/* The read at `at` has to wait. When it is one of many at random all over the file, the whole block around `at`
 * is asked for as well. */
void readahead_missed(struct blocks *blocks, struct inode *inode, struct readahead *ahead, int64_t at);

#endif
