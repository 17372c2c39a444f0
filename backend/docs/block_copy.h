/*
 * block_copy: blocks to and from a backup, for scripts/backup and scripts/restore (nephos-docs --blocks-save DIR and
 * --blocks-load DIR). A list says which: one a line, with drive, generation, size and SHA-256 in hex. In a backup a
 * block lies once, plain, under its hash alone: DIR/ab/HASH, where ab begins the hash.
 *
 * Every byte that is copied is checked against its hash, in both directions. Saving leaves alone what is there already
 * in the right size, so a second backup copies what is new. What was saved is durable when the call returns; it goes on
 * after a block that is missing or damaged, and names each on the standard error.
 */
#ifndef NEPHOS_DOCS_BLOCK_COPY_H
#define NEPHOS_DOCS_BLOCK_COPY_H

#include "backend/docs/blocks/block_store.h"

#include <stdio.h>

struct block_copied {
	uint64_t blocks, bytes; /* that were copied */
	uint64_t there;		/* that were there already */
	uint64_t missing;	/* that the source does not have */
	uint64_t damaged;	/* whose bytes in the source are others */
};

/* 0: all of the list is there afterwards. -ENOENT: some are missing; -EIO: some are damaged, or cannot be read.
 * -EINVAL: no such list. What else a file or the store says. */
int block_copy_save(struct block_store *blocks, FILE *list, const char *folder, struct block_copied *ret);
int block_copy_load(struct block_store *blocks, FILE *list, const char *folder, struct block_copied *ret);

#endif
