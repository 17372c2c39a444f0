/* cost: how many bytes of the heap an allocation takes, as nearly as possible without asking the allocator.
 * glibc's chunks have a head of 8 bytes, are multiples of 16 and at least 32; a large one may consist of pages of
 * its own. Free memory between chunks is not counted. Pure. */
#ifndef NEPHOS_GATEWAY_CACHE_COST_H
#define NEPHOS_GATEWAY_CACHE_COST_H

#include <stddef.h>

#define COST_PAGES_FROM ((size_t)128 * 1024) /* M_MMAP_THRESHOLD, before glibc raises it */

static inline size_t cost_of(size_t bytes)
{
	const size_t chunk = (bytes + 8 + 15) & ~(size_t)15;

	if (bytes >= COST_PAGES_FROM)
		return (bytes + 16 + 4095) & ~(size_t)4095;
	return chunk < 32 ? 32 : chunk;
}

#endif
