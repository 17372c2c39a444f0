/*
 * block: a block of content in memory: its hash and its bytes. It is shared by counted references: the cache and
 * every sender hold the same bytes. When the cache evicts a block, its senders keep it.
 *
 * The maker of a block holds the only reference and fills it; once the block is shared, its bytes do not change.
 * Large blocks consist of pages of their own, so that the memory of an evicted block returns to the system at
 * once, whatever lies beside it. Threads: any thread may take and drop references.
 */
#ifndef NEPHOS_GATEWAY_BLOCKS_BLOCK_H
#define NEPHOS_GATEWAY_BLOCKS_BLOCK_H

#include "common/base/sha256.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct block;

/* size: at most BLOCK_BYTES_MAX. NULL: no memory, or size is 0 or more than that. */
struct block *block_new(const uint8_t sha256[SHA256_BYTES], size_t size);
/* -EMSGSIZE: the bytes do not fit, and nothing was appended. */
int block_append(struct block *b, struct span bytes);
/* Whether the block is full, and its bytes have the hash that is its name. */
bool block_is_right(const struct block *b);
struct block *block_ref(struct block *b);
void block_unref(struct block *b); /* NULL is fine */

/* Borrowed, as long as the reference is held. */
struct span block_bytes(const struct block *b);
const uint8_t *block_sha256(const struct block *b);
/* The memory that it takes, in bytes. */
size_t block_cost(const struct block *b);
/* The epoch of the ring for which block_repair last took care that the block's owners have it; 0: none. */
int64_t block_settled(const struct block *b);
void block_settle(struct block *b, int64_t epoch);

#endif
