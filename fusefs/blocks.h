/*
 * blocks: blocks in memory, by their hash, whole or in pieces; least recently used go first. They never change, so they are never stale.
 * A block is fetched whole for who reads on; otherwise only the pieces that are touched. Several who want the same at once share one request.
 * Guarded by the lock of the fs.
 */
#ifndef NEPHOS_FUSEFS_BLOCKS_H
#define NEPHOS_FUSEFS_BLOCKS_H

#include "fusefs/bytes.h"
#include "fusefs/content.h"
#include "fusefs/wait.h"

#include <uthash.h>

struct fs;
struct fetch;

#define BLOCKS_PIECE_BYTES \
	(16u * 1024) /* what a read at random brings: more costs more than the request it saves; some neighbours come along */
#define BLOCKS_SMALL_BYTES (256u * 1024) /* up to here a block is not worth taking apart */
#define BLOCKS_SPARE_MAX 4u /* whole blocks on their way that nobody waits for: as many as are read ahead */

static_assert(BLOCK_PART_BYTES_MAX % BLOCKS_PIECE_BYTES == 0, "a request is for whole pieces");

/* A whole block, or piece n of one: its bytes from n * BLOCKS_PIECE_BYTES on. */
struct block_key {
	uint8_t sha256[32];
	uint32_t piece; /* BLOCKS_WHOLE */
};
#define BLOCKS_WHOLE UINT32_MAX

struct block {
	UT_hash_handle hh;
	struct block *prev, *next; /* most recently used first; only when it is here */
	struct block_key key;
	struct bytes *bytes; /* NULL: on its way */
	struct fetch *fetch; /* then */
};

struct blocks {
	struct fs *fs;
	struct block *by_key;
	struct block *recent;
	size_t used, max; /* bytes */
	unsigned spare;	  /* fetches of blocks_fetch_spare under way */
};

/* Bytes [from, to) of a block, and where they are in memory. */
struct blocks_span {
	struct bytes *bytes; /* borrowed */
	uint32_t from, to;
};

struct blocks_want {
	uint32_t from, len; /* bytes of the block; len > 0 */
	bool whole;	    /* the rest of the block will be read, too */
};

void blocks_init(struct blocks *t, struct fs *fs, size_t max);
void blocks_fini(struct blocks *t); /* nothing is on its way */
/* What is here around byte `at` of the block: the whole, or a piece. False: not here. */
bool blocks_find(struct blocks *t, const uint8_t sha256[32], uint32_t at, struct blocks_span *ret);
/* Whether all of [from, from + len) is here. */
bool blocks_have(struct blocks *t, const uint8_t sha256[32], uint32_t from, uint32_t len);
void blocks_put(struct blocks *t, const uint8_t sha256[32], struct bytes *bytes); /* a whole block */
/* Asks for what lies at asked->from and is not here, or joins who does. ready (may be NULL) comes with the lock held, when the first bytes of it are there: as many as
 * it returns, at most asked->len: what lies behind has to be asked for, too. -ENOMEM, -EBADMSG. */
int64_t blocks_fetch(struct blocks *t, const struct segment *s, const struct blocks_want *asked,
	void (*ready)(void *cookie, int error), void *cookie);
/* Asks for a whole block that nobody waits for: reads meanwhile take pieces of it. False: it is here or on its way, or enough others are. */
bool blocks_fetch_spare(struct blocks *t, const struct segment *s);

#endif
