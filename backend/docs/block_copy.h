/*
 * block_copy: copies blocks to and from a backup, for scripts/backup and scripts/restore. A list says which
 * blocks, one in a line: drive, generation, size and SHA-256 in hex. In a backup a block lies once, plain, under
 * its hash alone: blocks/ab/HASH, where ab begins the hash.
 *
 * Every byte that is copied is checked against its hash, in both directions. Saving skips blocks that the backup
 * has already in the right size, so a second backup copies only new blocks. Saved blocks are durable when the
 * call returns. The copy goes on after a missing or damaged block, and prints each to the standard error.
 * Several threads copy; a list sorted by hash is the cheapest.
 */
#ifndef NEPHOS_DOCS_BLOCK_COPY_H
#define NEPHOS_DOCS_BLOCK_COPY_H

#include "backend/docs/blocks/block_store.h"
#include "backend/docs/vault/vault.h"

#include <stdio.h>

#define BLOCK_COPY_THREADS_MAX 64 /* each has a block in memory */

struct block_copy {
	struct block_store *blocks; /* not needed to check a backup */
	struct vault *vault;
	FILE *list;
	unsigned threads;
};

struct block_copied {
	uint64_t blocks, bytes; /* copied, or checked */
	uint64_t there;		/* existed already */
	uint64_t missing;	/* missing in the source */
	uint64_t damaged;	/* whose bytes in the source are wrong */
};

/* 0: the target has the whole list now. -ENOENT: some blocks are missing; -EIO: some are damaged, or cannot be
 * read. -EINVAL: the list is malformed. Any other failure of the vault or the store ends the copy. ret is set in
 * every case. */
int block_copy_save(const struct block_copy *from, struct block_copied *ret);
int block_copy_load(const struct block_copy *from, struct block_copied *ret);
/* Reads the blocks of the list from the backup, and changes nothing. */
int block_copy_check(const struct block_copy *from, struct block_copied *ret);

#endif
