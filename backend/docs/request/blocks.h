/* blocks: bytes become a block of a drive: known by their hash, durable, and then in the store's rows. Blocking; on
 * workers. */
#ifndef NEPHOS_DOCS_BLOCKS_H
#define NEPHOS_DOCS_BLOCKS_H

#include "backend/docs/core/docs.h"

#define BLOCKS_ROW_S(file_grace_s) \
	((file_grace_s) /          \
		2) /* from a generation to its row, or there is none: its file may be collected after the grace */

struct blocks_piece {
	uint8_t sha256[32]; /* of the bytes, computed by the caller */
	struct span bytes;
};

/* ret_new: what was made, of size 0 when it was there already; may be NULL. -ENOSPC, -EDQUOT, -EIO. */
int blocks_keep(struct docs *docs, struct docs_store *store, const struct docs_scope *scope,
	const struct blocks_piece *piece, struct docs_block *ret_new);

/* Blocks that blocks_keep has made go again, later, unless something came to refer to them: their upload came to
 * nothing. The list is taken. */
void blocks_drop_take(struct docs *docs, uint32_t drive, struct docs_block *blocks, size_t count);

/* The same for the blocks that an op names which was refused, later: of those that no other upload has brought, too. */
void blocks_refused(struct docs *docs, uint32_t drive, const struct op *op);

/* Bytes that the disk still has for blocks, beyond what they leave free. -EIO. */
int blocks_disk_left(const struct docs *docs, int64_t *ret);

#endif
