/*
 * block_packed: a store over another one (block_store.h) that keeps blocks in their short form (packing.h) where that
 * is an eighth shorter, and gives their plain bytes. Blocking, any thread.
 *
 * It remembers the plain bytes of some blocks: a short form has to be read whole for any part of it. Over a store that
 * is far (a question costs more than what it brings) blocks are read whole in any case, unless a small part is wanted,
 * so that who goes through a block in pieces asks once.
 */
#ifndef NEPHOS_DOCS_BLOCK_PACKED_H
#define NEPHOS_DOCS_BLOCK_PACKED_H

#include "backend/docs/blocks/block_store.h"

#define BLOCK_PACKED_SMALL_BYTES (64u * 1024) /* less than that is a small part */
#define BLOCK_PACKED_KEPT_MAX 4096	      /* blocks; their bytes are bounded by options */
#define BLOCK_PACKED_PLAIN_MAX 1024	      /* names of blocks that are known to be plain: 48 KiB */

struct block_packed_options {
	size_t memory; /* bytes of blocks that are remembered; one block more while it comes */
	bool far;
};

/* Takes the other store, which is freed with this one; not on failure: -ENOMEM. */
int block_packed_new(struct block_store *below, const struct block_packed_options *options, struct block_store **ret);

#endif
