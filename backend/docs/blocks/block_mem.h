/* block_mem: a block store in memory that fails on purpose, for tests. Any thread. */
#ifndef NEPHOS_DOCS_BLOCK_MEM_H
#define NEPHOS_DOCS_BLOCK_MEM_H

#include "backend/docs/blocks/block_store.h"

int block_mem_new(struct block_store **ret);
/* The next `after` calls succeed, all further ones fail with error; 0: none fails. */
void block_mem_fail(struct block_store *s, unsigned after, int error);
/* Sets the free room that it reports; the total is always 1 GiB. */
void block_mem_left(struct block_store *s, int64_t bytes);
size_t block_mem_count(struct block_store *s);

#endif
