/*
 * block_packed: a store on top of another one (block_store.h). It stores blocks in their short form (packing.h)
 * where that is at least an eighth shorter, and returns their plain bytes. Calls block; any thread.
 *
 * It caches the plain bytes of some blocks, because a short form has to be read whole for any part of it. From a
 * store that is far (a request costs more than the transfer) blocks are read whole in any case, unless a small
 * part is wanted, so that a client that reads a block in pieces causes one request.
 */
#ifndef NEPHOS_DOCS_BLOCK_PACKED_H
#define NEPHOS_DOCS_BLOCK_PACKED_H

#include "backend/docs/blocks/block_store.h"

#define BLOCK_PACKED_SMALL_BYTES (64u * 1024) /* a part with fewer bytes is small */
#define BLOCK_PACKED_KEPT_MAX 4096	      /* blocks; their bytes are bounded by options */
#define BLOCK_PACKED_PLAIN_MAX 1024	      /* names of blocks that are known to be stored plain: 48 KiB */

struct block_packed_options {
	size_t memory; /* bytes of cached blocks; while a block is read, that block comes on top */
	bool far;
};

/* Takes over the other store, and frees it at its end; not on failure: -ENOMEM. */
int block_packed_new(struct block_store *below, const struct block_packed_options *options, struct block_store **ret);

#endif
