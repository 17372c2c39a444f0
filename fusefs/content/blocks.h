/*
 * blocks: blocks in memory, by their hash, whole or in pieces; least recently used go first. They never change, so they
 * are never stale. A block is fetched whole for who reads on; otherwise only the pieces that are touched. Several who
 * want the same at once share one request.
 *
 * The cache is for what the kernel's page cache does not have: blocks on their way to a reader, reads at random, pages
 * that the kernel let go of. A large block that a sequential reader has passed is there, and read from there. So passed
 * blocks are the first to go, and the next whole block comes into the memory of the oldest of its size, while the
 * newest stay for readers close behind: to map and clear fresh memory, page by page, costs the kernel several times
 * what it costs to receive into old. A passed block that is wanted again all the same is from then on kept like any
 * other. Guarded by the lock of the core.
 */
#ifndef NEPHOS_FUSEFS_CONTENT_BLOCKS_H
#define NEPHOS_FUSEFS_CONTENT_BLOCKS_H

#include "fusefs/content/bytes.h"
#include "fusefs/content/content.h"
#include "common/base/wait.h"

#include <uthash.h>

struct core;
struct fetch;

/* what a read at random brings: more costs more than the request it saves; some neighbours come along */
#define BLOCKS_PIECE_BYTES (16u * 1024)
#define BLOCKS_SMALL_BYTES (256u * 1024) /* up to here a block is not worth taking apart, nor its memory */
#define BLOCKS_PASSED_PART 16u		 /* of the cache, 1/16, passed blocks stay: two large ones of 128M */
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
	struct block *prev, *next; /* in recent or in passed; only when it is here */
	struct block_key key;
	bool passed;	     /* it lies in passed */
	bool kept;	     /* it was wanted again after it was passed */
	struct bytes *bytes; /* NULL: on its way */
	struct fetch *fetch; /* then */
};

struct blocks {
	struct core *core;
	struct block *by_key;
	struct block *recent;	  /* most recently used first */
	struct block *passed;	  /* last passed first */
	size_t used, passed_used; /* bytes; of all, of passed */
	size_t max;
	unsigned spare; /* fetches of blocks_fetch_spare under way */
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

/* Whether [at, at + len) of the document, which lies in s, is worth having with the rest of its block. For who reads on
 * it is when most of the block belongs there, and several such blocks fit the cache. */
struct blocks_want blocks_want(const struct blocks *t, const struct segment *s, int64_t at, int64_t len, bool ahead);
void blocks_init(struct blocks *t, struct core *core, size_t max);
void blocks_fini(struct blocks *t); /* nothing is on its way */
/* What is here around byte `at` of the block: the whole, or a piece. False: not here. */
bool blocks_find(struct blocks *t, const uint8_t sha256[32], uint32_t at, struct blocks_span *ret);
/* Whether all of [from, from + len) is here. */
bool blocks_have(struct blocks *t, const uint8_t sha256[32], uint32_t from, uint32_t len);
void blocks_put(struct blocks *t, const uint8_t sha256[32], struct bytes *bytes); /* a whole block */
/* A sequential reader has had all of this block, and the kernel keeps its pages (which it does not with O_DIRECT). */
void blocks_passed(struct blocks *t, const uint8_t sha256[32]);
/* Asks for what lies at asked->from and is not here, or joins who does. ready (may be NULL) comes with the lock held,
 * when the first bytes of it are there: as many as it returns, at most asked->len: what lies behind has to be asked
 * for, too. -ENOMEM, -EBADMSG. */
int64_t blocks_fetch(struct blocks *t, const struct segment *s, const struct blocks_want *asked,
	void (*ready)(void *cookie, int error), void *cookie);
/* Asks for a whole block that nobody waits for: reads meanwhile take pieces of it. False: it is here or on its way, or
 * enough others are. */
bool blocks_fetch_spare(struct blocks *t, const struct segment *s);

#endif
