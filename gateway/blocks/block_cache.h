/*
 * block_cache: blocks that a gateway keeps, by their hash alone: the same bytes in two drives are one block. It says
 * nothing of who may read one: its caller has checked a capability (block_caps). Only what was found to have its hash
 * comes in (block_is_right).
 *
 * What falls out is decided by S3-FIFO, as with answers (gateway/cache/shard.h): what is read once passes through a
 * tenth of the room, a hit only counts, and what comes back not long after it fell out goes to the main queue at once.
 * There is one lock: blocks are few, and each stands for a thousand times the work of a look-up.
 *
 * Bytes are bounded with all that belongs to a block. Not in the bound are blocks that fell out and are still being
 * sent: their senders' share of bodies has them. Any thread. Pure: no I/O and no clock.
 */
#ifndef NEPHOS_GATEWAY_BLOCKS_BLOCK_CACHE_H
#define NEPHOS_GATEWAY_BLOCKS_BLOCK_CACHE_H

#include "gateway/blocks/block.h"

/* Less holds not even the window of one reader, and a block that he has passed: nothing is kept then. */
#define BLOCK_CACHE_BYTES_MIN ((size_t)16 * 1024 * 1024)

struct block_cache;

struct block_cache_counters {
	uint64_t blocks, bytes; /* that are there now; bytes with what belongs to them */
	uint64_t hits, misses;
	uint64_t kept, evicted;
};

/* bytes: all that it may take; below BLOCK_CACHE_BYTES_MIN it keeps nothing. -ENOMEM */
int block_cache_new(size_t bytes, struct block_cache **ret);
void block_cache_free(struct block_cache *c); /* NULL is fine; blocks that were handed out stay valid */
bool block_cache_keeps(const struct block_cache *c);

/* A reference, for the caller to drop; NULL: a miss. */
struct block *block_cache_get(struct block_cache *c, const uint8_t sha256[SHA256_BYTES]);
/* The same, and it counts as nothing: for another gateway. */
struct block *block_cache_peek(struct block_cache *c, const uint8_t sha256[SHA256_BYTES]);
/* It was found right. The cache takes a reference of its own; one that is there stays. */
void block_cache_put(struct block_cache *c, struct block *block);
/* A part of one that is not here is asked for: whether that was so before, not long ago. */
bool block_cache_wanted_before(struct block_cache *c, const uint8_t sha256[SHA256_BYTES]);
void block_cache_count(struct block_cache *c, struct block_cache_counters *ret);

#endif
