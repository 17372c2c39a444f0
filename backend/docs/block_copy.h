/*
 * block_copy: blocks to and from a backup, for scripts/backup and scripts/restore. A list says which: one a line, with
 * drive, generation, size and SHA-256 in hex. In a backup a block lies once, plain, under its hash alone:
 * blocks/ab/HASH, where ab begins the hash.
 *
 * Every byte that is copied is checked against its hash, in both directions. Saving leaves alone what is there already
 * in the right size, so a second backup copies what is new. What was saved is durable when the call returns; it goes on
 * after a block that is missing or damaged, and names each on the standard error. Several threads copy; a list whose
 * hashes are in order costs the least.
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
	uint64_t blocks, bytes; /* that were copied, or checked */
	uint64_t there;		/* that were there already */
	uint64_t missing;	/* that the source does not have */
	uint64_t damaged;	/* whose bytes in the source are others */
};

/* 0: all of the list is there afterwards. -ENOENT: some are missing; -EIO: some are damaged, or cannot be read.
 * -EINVAL: no such list. What else the vault or the store says ends it. ret has what was done in every case. */
int block_copy_save(const struct block_copy *from, struct block_copied *ret);
int block_copy_load(const struct block_copy *from, struct block_copied *ret);
/* Reads what the backup has of the list, and changes nothing. */
int block_copy_check(const struct block_copy *from, struct block_copied *ret);

#endif
