/*
 * block_moving: the stores that a service can reach, as one (block_store.h): whichever of them the blocks lie in, also
 * while they are on their way from one to another. Where they lie is said by somebody who knows (the database), and
 * asked again when it is old, or when a block is not where it should be. Blocking, any thread.
 */
#ifndef NEPHOS_DOCS_BLOCK_MOVING_H
#define NEPHOS_DOCS_BLOCK_MOVING_H

#include "backend/docs/blocks/block_store.h"

#define BLOCK_MOVING_LOOK_MS 1000 /* so old what is known may be when a block is put */

enum block_kind { BLOCK_KIND_DIR, BLOCK_KIND_PG, BLOCK_KIND_S3, BLOCK_KINDS };
const char *block_kind_name(enum block_kind kind);
int block_kind_parse(struct span text, enum block_kind *ret); /* -EINVAL */

struct block_place {
	int64_t step; /* changes with the rest */
	enum block_kind kind;
	enum block_kind target; /* where new ones go, and old ones are copied to; BLOCK_KINDS: no move */
};

struct block_moving_options {
	struct block_store *stores[BLOCK_KINDS];	    /* NULL: cannot be reached */
	int (*look)(void *cookie, struct block_place *ret); /* one at a time; -ENOTCONN … */
	void (*free)(void *cookie);			    /* may be NULL */
	void *cookie;
};

/* Takes stores and cookie, which are freed with it; not on failure: -ENOMEM. Asks nothing yet. */
int block_moving_new(const struct block_moving_options *options, struct block_store **ret);

#endif
