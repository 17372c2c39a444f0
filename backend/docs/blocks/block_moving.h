/*
 * block_moving: all stores that a service can reach, as a single one (block_store.h): blocks are found in
 * whichever store they lie in, also while they move from one to another. A callback (the database) says where
 * they lie. It is called again when its last answer is too old, or when a block is not where it should be. Calls
 * block; any thread.
 */
#ifndef NEPHOS_DOCS_BLOCK_MOVING_H
#define NEPHOS_DOCS_BLOCK_MOVING_H

#include "backend/docs/blocks/block_store.h"

#define BLOCK_MOVING_LOOK_MS 1000 /* largest age of the known place when a block is put */

enum block_kind { BLOCK_KIND_DIR, BLOCK_KIND_PG, BLOCK_KIND_S3, BLOCK_KINDS };
const char *block_kind_name(enum block_kind kind);
int block_kind_parse(struct span text, enum block_kind *ret); /* -EINVAL */

struct block_place {
	int64_t step; /* changes whenever kind or target changes */
	enum block_kind kind;
	/* where new blocks are put, and old ones are copied to; BLOCK_KINDS: no move is under way */
	enum block_kind target;
};

struct block_moving_options {
	struct block_store *stores[BLOCK_KINDS];	    /* NULL: cannot be reached */
	int (*look)(void *cookie, struct block_place *ret); /* called by one thread at a time; -ENOTCONN … */
	void (*free)(void *cookie);			    /* may be NULL */
	void *cookie;
};

/* Takes over stores and cookie, and frees them at its end; not on failure: -ENOMEM. Does not look yet. */
int block_moving_new(const struct block_moving_options *options, struct block_store **ret);

#endif
