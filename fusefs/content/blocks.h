/*
 * blocks: the cache of blocks in memory, by their hash, whole or in pieces. The least recently used ones are evicted
 * first. A block never changes, so a cached block is never stale. A sequential reader causes a fetch of the whole
 * block, other reads only of the pieces that they touch. Several readers that want the same block or piece at once
 * share one request.
 *
 * The cache is for bytes that the kernel's page cache does not have: blocks in flight to a reader, reads at random,
 * pages that the kernel evicted. After a sequential reader has passed a large block, the kernel has it in its page
 * cache and reads it from there. So passed blocks are evicted first, and the next whole block is received into the
 * memory of the passed block of the same size that was passed longest ago; the most recently passed ones stay for
 * readers close behind. Mapping and clearing fresh memory, page by page, costs the kernel several times what
 * receiving into used memory costs. A passed block that is wanted again all the same is from then on treated like
 * any other. Guarded by the lock of the core.
 */
#ifndef NEPHOS_FUSEFS_CONTENT_BLOCKS_H
#define NEPHOS_FUSEFS_CONTENT_BLOCKS_H

#include "fusefs/content/bytes.h"
#include "fusefs/content/content.h"
#include "common/base/wait.h"

#include <uthash.h>

struct core;
struct fetch;

/* bytes that a read at random fetches: more would cost more than the request it saves; some neighbours are
 * included */
#define BLOCKS_PIECE_BYTES (16u * 1024)
#define BLOCKS_SMALL_BYTES (256u * 1024) /* up to here a block is fetched whole, and its memory is not reused */
#define BLOCKS_PASSED_PART 16u		 /* 1/16 of the cache: passed blocks that stay; two large ones of 128M */
#define BLOCKS_SPARE_MAX 4u		 /* whole blocks in flight that nobody waits for: as many as are read ahead */

static_assert(BLOCK_PART_BYTES_MAX % BLOCKS_PIECE_BYTES == 0, "a request is for whole pieces");

/* A whole block, or piece n of one: its bytes from n * BLOCKS_PIECE_BYTES on. */
struct block_key {
	uint8_t sha256[32];
	uint32_t piece; /* or BLOCKS_WHOLE */
};
#define BLOCKS_WHOLE UINT32_MAX

struct block {
	UT_hash_handle hh;
	struct block *prev, *next; /* in recent or in passed; only while bytes is set */
	struct block_key key;
	bool passed;	     /* it is in the list `passed` */
	bool kept;	     /* it was wanted again after it was passed */
	struct bytes *bytes; /* NULL: in flight */
	struct fetch *fetch; /* the fetch in flight, while bytes is NULL */
};

struct blocks {
	struct core *core;
	struct block *by_key;
	struct block *recent;	  /* most recently used first */
	struct block *passed;	  /* most recently passed first */
	size_t used, passed_used; /* bytes of all blocks, and of those in passed */
	size_t max;
	unsigned spare; /* fetches in flight that blocks_fetch_spare began */
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

/* What to fetch for [at, at + len) of the document, which lies in segment s. With `ahead` (the reader reads on)
 * that is the whole block when at least half of the block belongs to s and the cache has room for four blocks of
 * its size. */
struct blocks_want blocks_want(const struct blocks *t, const struct segment *s, int64_t at, int64_t len, bool ahead);
void blocks_init(struct blocks *t, struct core *core, size_t max);
void blocks_fini(struct blocks *t); /* no fetch is in flight */
/* The cached bytes around byte `at` of the block: the whole block, or a piece. False: they are not cached. */
bool blocks_find(struct blocks *t, const uint8_t sha256[32], uint32_t at, struct blocks_span *ret);
/* Whether all of [from, from + len) is cached. */
bool blocks_have(struct blocks *t, const uint8_t sha256[32], uint32_t from, uint32_t len);
void blocks_put(struct blocks *t, const uint8_t sha256[32], struct bytes *bytes); /* a whole block */
/* A sequential reader has read all of this block, and the kernel keeps its pages (not so with O_DIRECT). */
void blocks_passed(struct blocks *t, const uint8_t sha256[32]);
/* Requests the bytes at asked->from, which are not cached, or joins a request in flight for them. Returns how
 * many bytes from there on that request brings, at most asked->len; the caller has to ask for the rest
 * separately. When they have arrived, ready (may be NULL) is called with the lock of the core held. -ENOMEM,
 * -EBADMSG. */
int64_t blocks_fetch(struct blocks *t, const struct segment *s, const struct blocks_want *asked,
	void (*ready)(void *cookie, int error), void *cookie);
/* Requests a whole block that nobody waits for; until it arrives, readers fetch pieces of the block. False: the
 * block is cached or in flight, or BLOCKS_SPARE_MAX others are in flight, or the request failed. */
bool blocks_fetch_spare(struct blocks *t, const struct segment *s);

#endif
