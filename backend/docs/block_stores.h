/* block_stores: the stores of blocks that the settings say how to reach, and where the blocks lie among them. Used at
 * start. */
#ifndef NEPHOS_DOCS_BLOCK_STORES_H
#define NEPHOS_DOCS_BLOCK_STORES_H

#include "backend/docs/blocks/block_moving.h"

struct config;

/* Whether setting blocks, and what it needs, are there; what is wrong is logged. -EINVAL. */
int block_stores_check(const struct config *config);
/* Each store by itself; NULL where the settings do not say how to reach one. Failures are those of the stores; they are
 * logged, and then there is none. */
int block_stores_each(const struct config *config, struct block_store *ret[BLOCK_KINDS]);
void block_stores_close(struct block_store *stores[BLOCK_KINDS]);
/* All of them as one, as a service uses them: they move, and blocks lie in their short form where that is worth it.
 * Says where blocks lie to a database that does not know. */
int block_stores_open(const struct config *config, struct block_store **ret);

#endif
