/*
 * block: a block of content in memory: its hash, and its bytes. Shared by counted references: the cache, and whoever
 * sends it, hold the same bytes, and what falls out of the cache is taken from under nobody.
 *
 * Its maker holds the only reference and fills it; once it is shared, nobody writes any more. Large ones are pages of
 * their own, so that what falls out goes back to the system at once, whatever lies beside it. Threads: references are
 * taken and dropped on any.
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
/* -EMSGSIZE: there is no room for it, and nothing was appended. */
int block_append(struct block *b, struct span bytes);
/* Whether it is full, and its bytes have the hash that is its name. */
bool block_is_right(const struct block *b);
struct block *block_ref(struct block *b);
void block_unref(struct block *b); /* NULL is fine */

/* Borrowed, as long as the reference is held. */
struct span block_bytes(const struct block *b);
const uint8_t *block_sha256(const struct block *b);
/* What it takes of memory, in bytes. */
size_t block_cost(const struct block *b);
/* The epoch of the ring in which its owners were last seen to have it. */
int64_t block_settled(const struct block *b);
void block_settle(struct block *b, int64_t epoch);

#endif
