/* block_name: the name of a block as text, for stores that keep each block under a name. Pure. */
#ifndef NEPHOS_DOCS_BLOCK_NAME_H
#define NEPHOS_DOCS_BLOCK_NAME_H

#include "backend/docs/blocks/block_store.h"

#define BLOCK_NAME_SIZE 112	  /* 10 + 1 + 64 + 1 + 19 and NUL, rounded up */
#define BLOCK_NAME_FOLDERS 65536u /* by the first two bytes of the hash */

void block_name_format(const struct block_name *name, char ret[BLOCK_NAME_SIZE]); /* DRIVE-SHA256-GENERATION */
bool block_name_parse(const char *text, struct block_name *ret); /* accepts only what block_name_format makes */
uint32_t block_name_folder(const struct block_name *name);

#endif
