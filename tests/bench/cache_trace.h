/*
 * trace: a simulated stream of reads through the cache, and beside it an LRU of the same bytes. Keys are drawn by
 * Zipf's law with exponent 1: the n-th most popular one is asked for 1/n as often as the first. All is determined by
 * the seed.
 *
 * Each entry is as large as the cache says (measured by putting one into an empty cache); the LRU pays the same for it,
 * and may use all bytes for entries: it has no tables, which is a little in its favour.
 */
#ifndef NEPHOS_TESTS_GATEWAY_CACHE_TRACE_H
#define NEPHOS_TESTS_GATEWAY_CACHE_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct trace_options {
	uint64_t seed;
	size_t keys;	      /* of the popular set */
	size_t body_bytes;    /* of each, or the middle of what they have if mixed */
	bool mixed;	      /* from an eighth to eight times that, each doubling as often */
	double part;	      /* of all their bytes the cache may take */
	size_t warm_requests; /* not counted */
	size_t requests;      /* counted */
	/* Other keys, each asked for once, one after each counted request: a walk. */
	size_t walk_keys;
};

struct trace_ratios {
	double cache, lru; /* of the counted requests of the popular set that were hits */
	double best;	   /* what the most popular keys that fit have of all requests: no cache has more */
	size_t cache_bytes;
};

/* Ends the program when there is no memory. */
struct trace_ratios trace_run(const struct trace_options *o);

#endif
