/*
 * blocks: whole blocks in memory, by their hash, least recently used go first. They never change, so they are never stale.
 * Several who want the same block at once share one request.
 * Guarded by the lock of the fs.
 */
#ifndef NEPHOS_FUSEFS_BLOCKS_H
#define NEPHOS_FUSEFS_BLOCKS_H

#include "fusefs/bytes.h"
#include "fusefs/content.h"
#include "fusefs/wait.h"

#include <uthash.h>

struct fs;

struct block {
	UT_hash_handle hh;
	struct block *prev, *next; /* most recently used first; only when it is here */
	struct fs *fs;
	uint8_t sha256[32];
	struct bytes *bytes; /* NULL: on its way */
	struct wait *waits;
};

struct blocks {
	struct fs *fs;
	struct block *by_hash;
	struct block *recent;
	size_t used, max; /* bytes */
};

void blocks_init(struct blocks *t, struct fs *fs, size_t max);
void blocks_fini(struct blocks *t); /* nothing is on its way */
/* Borrowed; NULL: not here. */
struct bytes *blocks_find(struct blocks *t, const uint8_t sha256[32]);
void blocks_put(struct blocks *t, const uint8_t sha256[32], struct bytes *bytes);
/* Asks for a block that is not here, or joins who does. ready (may be NULL) comes with the lock held. -ENOMEM. */
int blocks_fetch(struct blocks *t, const struct segment *s, void (*ready)(void *cookie, int error), void *cookie);

#endif
