/* blocks: stores bytes as a block of a drive: identified by their hash, durable, and then recorded in the store's
 * rows. Blocking; on workers. */
#ifndef NEPHOS_DOCS_BLOCKS_H
#define NEPHOS_DOCS_BLOCKS_H

#include "backend/docs/core/docs.h"

/* Time allowed from getting a generation to writing its row. After that no row is written, as the file may be
 * collected once the grace is over. */
#define BLOCKS_ROW_S(file_grace_s) ((file_grace_s) / 2)

struct blocks_piece {
	uint8_t sha256[32]; /* SHA-256 of the bytes, computed by the caller */
	struct span bytes;
};

/* ret_new: the block that was made; its size is 0 when the block existed already. May be NULL. -ENOSPC, -EDQUOT,
 * -EIO. */
int blocks_keep(struct docs *docs, struct docs_store *store, const struct docs_scope *scope,
	const struct blocks_piece *piece, struct docs_block *ret_new);

/* Removes blocks that blocks_keep has made, in a later job, except those that something has come to refer to. For
 * uploads that failed. Takes ownership of the list. */
void blocks_drop_take(struct docs *docs, uint32_t drive, struct docs_block *blocks, size_t count);

/* The same, by their hashes, for the blocks that these ops of a refused batch name: those that no other upload has
 * brought as well are removed, later. */
void blocks_refused(struct docs *docs, uint32_t drive, const struct op_batch *batch, size_t first, size_t count);

/* Bytes still free for blocks on the disk, above the reserve that must stay free. -EIO. */
int blocks_disk_left(const struct docs *docs, int64_t *ret);

#endif
