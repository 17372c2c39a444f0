#include "backend/docs/blocks.h"

#include "backend/docs/failpoint.h"
#include "common/base/error.h"

#include <errno.h>

/* Puts the bytes under a generation of their own and tells the store; removes them when somebody else was faster. */
static int keep_new(struct docs *docs, struct docs_store *store, const struct docs_scope *scope,
	struct docs_block *block, struct span bytes)
{
	struct block_name name = {.drive = scope->drive};
	struct docs_block known;
	int r = store->ops->block_generation(store, block);

	if (r < 0)
		return r;
	memcpy(name.sha256, block->sha256, sizeof(name.sha256));
	name.generation = block->generation;
	r = docs->blocks->ops->put(docs->blocks, &name, bytes);
	if (r < 0)
		return r;
	failpoint_after_change(&docs->failpoint, "block-file");
	metric_add(docs->metrics.block_bytes_in, (int64_t)bytes.size);
	block->within_s = BLOCKS_ROW_S(docs->file_grace_s);
	r = store->ops->block_stored(store, scope, block, &known);
	/* Nobody can name it. When its outcome is not known the bytes stay, and are collected if there is no row. */
	if (r == -ENOTCONN || r == -ENOENT || r == -ERR_NOT_FOUND || (r == 0 && known.generation != block->generation))
		(void)docs->blocks->ops->remove(docs->blocks, &name);
	return r == -ENOENT ? -ERR_UNAVAILABLE : r;
}

int blocks_keep(struct docs *docs, struct docs_store *store, const struct docs_scope *scope,
	const struct blocks_piece *piece, bool *ret_new)
{
	struct docs_block block = {.size = (uint32_t)piece->bytes.size, .uploader = scope->user};
	struct docs_block known;
	int r;

	memcpy(block.sha256, piece->sha256, sizeof(block.sha256));
	r = store->ops->block_find(store, scope, piece->sha256, &known);
	if (r == -ENOENT) {
		r = keep_new(docs, store, scope, &block, piece->bytes);
		if (r == 0 && ret_new)
			*ret_new = true;
		return r;
	}
	if (r == 0 && ret_new)
		*ret_new = false;
	return r;
}
