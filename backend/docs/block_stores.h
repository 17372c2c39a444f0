/* block_stores: the stores of blocks that the settings say how to reach, and which of them has the blocks. Used
 * at start. */
#ifndef NEPHOS_DOCS_BLOCK_STORES_H
#define NEPHOS_DOCS_BLOCK_STORES_H

#include "backend/docs/blocks/block_moving.h"

struct config;

/* Checks that the setting `blocks`, and the settings that it needs, are there; errors are logged. -EINVAL. */
int block_stores_check(const struct config *config);
/* Opens each store by itself; NULL where the settings do not say how to reach it. If one fails, all are closed,
 * and its failure is logged and returned. */
int block_stores_each(const struct config *config, struct block_store *ret[BLOCK_KINDS]);
void block_stores_close(struct block_store *stores[BLOCK_KINDS]);
/* Opens all of them as a single store for a service: blocks can move between them, and are stored in their short
 * form where that is worth it. Writes the place of the blocks to a database that has none yet. */
int block_stores_open(const struct config *config, struct block_store **ret);

#endif
