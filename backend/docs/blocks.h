/* blocks: bytes become a block of a drive: known by their hash, durable, and then in the store's rows. Blocking; on workers. */
#ifndef NEPHOS_DOCS_BLOCKS_H
#define NEPHOS_DOCS_BLOCKS_H

#include "backend/docs/docs.h"

#define BLOCKS_ROW_S(file_grace_s) \
	((file_grace_s) /          \
		2) /* from a generation to its row, or there is none: its file may be collected after the grace */

struct blocks_piece {
	uint8_t sha256[32]; /* of the bytes, computed by the caller */
	struct span bytes;
};

/* ret_new: whether it was not there before; may be NULL. -ENOSPC, -EIO. */
int blocks_keep(struct docs *docs, struct docs_store *store, const struct docs_scope *scope,
	const struct blocks_piece *piece, bool *ret_new);

#endif
