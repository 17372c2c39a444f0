/*
 * ghost: which keys were in the cache not long ago. S3-FIFO's third queue: what comes back soon after it fell out was
 * worth more than it seemed. Only fingerprints of 32 bits are kept, in sets of eight, each with the point at which it
 * came; the points count bytes that fell out, so that it reaches back as far as the cache itself does, however large
 * the entries are. A set that is full loses its oldest. Two keys with one fingerprint: one entry is kept a little
 * longer than it deserves.
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
	uint32_t window; /* how far it reaches back */
	uint64_t bytes;	 /* that fell out so far */
};

/* A mark takes 8 bytes: marks is rounded down to a power of two, at least 8. window_bytes: below 128 GiB. -ENOMEM */
int ghost_init(struct ghost *g, size_t marks, size_t window_bytes);
void ghost_fini(struct ghost *g);
size_t ghost_cost(size_t marks);

void ghost_add(struct ghost *g, uint64_t hash, size_t bytes);
/* Whether it was there; it is not any more. */
bool ghost_take(struct ghost *g, uint64_t hash);

#endif
