/*
 * readahead: what comes after a read is asked for before anybody reads it: of one open file that is read from one end
 * to the other, the extents and blocks ahead of the reader, in a window that doubles; of one that is read at random all
 * over, whole blocks, once that is cheaper than their pieces. It also says which blocks a reader has passed, so that
 * they are the first to go. Guarded by the lock of the core.
 */
#ifndef NEPHOS_FUSEFS_CONTENT_READAHEAD_H
#define NEPHOS_FUSEFS_CONTENT_READAHEAD_H

#include "fusefs/content/blocks.h"
#include "fusefs/core/inode.h"

#define READAHEAD_BYTES_MIN (1024ll * 1024)
/* Doubles up to here: of four blocks two come, one is checked, one is read. */
#define READAHEAD_BYTES_MAX (16ll * 1024 * 1024)
/* Reads at random for each block of a file: then its blocks are worth having whole. */
#define READAHEAD_DENSE_MISSES 1

/* Read-ahead of one open file. */
struct readahead {
	int64_t next;	 /* where a sequential reader goes on */
	int64_t until;	 /* asked for up to here */
	int64_t window;	 /* 0: not sequential */
	uint32_t misses; /* of reads at random */
	int64_t spare;	 /* bytes of blocks that were fetched whole for them */
	int64_t passed;	 /* of a sequential reader: what lies before this it has passed, from where it began */
	bool direct;	 /* O_DIRECT: the kernel keeps no pages of what is read */
};

static inline bool readahead_is_sequential(const struct readahead *ahead)
{
	return ahead->window > 0;
}

/* A read of [at, at+size) is under way: what comes next is asked for. */
void readahead_read(struct blocks *blocks, struct inode *inode, struct readahead *ahead, int64_t at, size_t size);
/* No more reads: all are answered. */
void readahead_end(struct blocks *blocks, struct inode *inode, struct readahead *ahead);
/* That read has to wait: when it is one of many at random all over the file, the block around it is asked for beside
 * it. */
void readahead_missed(struct blocks *blocks, struct inode *inode, struct readahead *ahead, int64_t at);

#endif
