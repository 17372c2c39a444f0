/*
 * ghost: which keys were in the cache not long ago, the third queue of S3-FIFO: an entry that is wanted again
 * soon after it was evicted was worth more than it seemed. Only fingerprints of 32 bits are kept, in sets of
 * eight, each with the point at which it came. Points count the bytes that were evicted, so that the ghost
 * reaches back as far as the cache itself does, however large the entries are. A set that is full loses its
 * oldest mark. If two keys have the same fingerprint, one entry is kept a little longer than it should be.
 * Embedded; one thread at a time.
 */
#ifndef NEPHOS_GATEWAY_CACHE_GHOST_H
#define NEPHOS_GATEWAY_CACHE_GHOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ghost_mark;

struct ghost {
	struct ghost_mark *marks;
	size_t sets;	 /* a power of two */
	uint32_t window; /* how far the ghost reaches back, in points */
	uint64_t bytes;	 /* evicted so far */
};

/* A mark takes 8 bytes: marks is rounded down to a power of two, at least 8. window_bytes: below 128 GiB. -ENOMEM */
int ghost_init(struct ghost *g, size_t marks, size_t window_bytes);
void ghost_fini(struct ghost *g);
size_t ghost_cost(size_t marks);

void ghost_add(struct ghost *g, uint64_t hash, size_t bytes);
/* Whether the fingerprint was there; removes it. */
bool ghost_take(struct ghost *g, uint64_t hash);

#endif
