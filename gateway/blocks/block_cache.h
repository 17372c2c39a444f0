/*
 * block_cache: the blocks that a gateway keeps, by their hash alone: the same bytes in two drives are one block.
 * The cache does not decide who may read a block: its caller has checked a capability (block_caps). Only blocks
 * whose hash was verified come in (block_is_right).
 *
 * S3-FIFO decides which blocks are evicted, as with answers (gateway/cache/shard.h): blocks that are read once
 * pass through a tenth of the room, a hit only counts, and a block that comes back soon after it was evicted goes
 * to the main queue at once. One lock is enough: blocks are few, and each causes a thousand times the work of a
 * look-up.
 *
 * The bound on bytes includes all that belongs to a block. It does not include blocks that were evicted and are
 * still being sent: these count in their senders' share of bodies. Any thread. Pure: no I/O and no clock.
 */
#ifndef NEPHOS_GATEWAY_BLOCKS_BLOCK_CACHE_H
#define NEPHOS_GATEWAY_BLOCKS_BLOCK_CACHE_H

#include "gateway/blocks/block.h"

/* A smaller cache could not even hold the window of one reader and a block that the reader has passed: it keeps
 * nothing. */
#define BLOCK_CACHE_BYTES_MIN ((size_t)16 * 1024 * 1024)

struct block_cache;

struct block_cache_counters {
	uint64_t blocks, bytes; /* present numbers; bytes include what belongs to the blocks */
	uint64_t hits, misses;
	uint64_t kept, evicted;
};

/* bytes: all that the cache may take; below BLOCK_CACHE_BYTES_MIN it keeps nothing. -ENOMEM */
int block_cache_new(size_t bytes, struct block_cache **ret);
void block_cache_free(struct block_cache *c); /* NULL is fine; blocks that were handed out stay valid */
bool block_cache_keeps(const struct block_cache *c);

/* Returns a reference, which the caller drops; NULL: a miss. */
struct block *block_cache_get(struct block_cache *c, const uint8_t sha256[SHA256_BYTES]);
/* The same for another gateway; it counts neither as a hit nor as a read. */
struct block *block_cache_peek(struct block_cache *c, const uint8_t sha256[SHA256_BYTES]);
/* Keeps a block that was verified. The cache takes a reference of its own. If it has the block already, it keeps
 * that. */
void block_cache_put(struct block_cache *c, struct block *block);
/* A part of a block that is not here is asked for. Returns whether that has happened before, not long ago. */
bool block_cache_wanted_before(struct block_cache *c, const uint8_t sha256[SHA256_BYTES]);
void block_cache_count(struct block_cache *c, struct block_cache_counters *ret);

#endif
