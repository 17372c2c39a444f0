/*
 * cache_trace: a simulated stream of reads through the cache, and through an LRU of the same bytes beside it.
 * Keys are drawn by Zipf's law with exponent 1: the n-th most popular key is asked for 1/n as often as the
 * first. The seed determines everything.
 *
 * Each entry is as large as the cache says (measured by putting one into an empty cache). The LRU pays the
 * same for it, and may use all bytes for entries: it has no tables, which is a small advantage for it.
 */
#ifndef NEPHOS_TESTS_GATEWAY_CACHE_TRACE_H
#define NEPHOS_TESTS_GATEWAY_CACHE_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct trace_options {
	uint64_t seed;
	size_t keys;	      /* in the popular set */
	size_t body_bytes;    /* of each key's answer; if mixed: the middle one */
	bool mixed;	      /* from 1/8 to 8 times body_bytes, each power of two equally often */
	double part;	      /* of the bytes of all popular keys, what the cache gets */
	size_t warm_requests; /* not counted */
	size_t requests;      /* counted */
	/* A walk: other keys, each asked for once, one after each counted request. */
	size_t walk_keys;
};

struct trace_ratios {
	double cache, lru; /* the share of hits among the counted requests */
	double best;	   /* the share of the most popular keys that fit: no cache can have more */
	size_t cache_bytes;
};

/* Aborts when there is no memory. */
struct trace_ratios trace_run(const struct trace_options *o);

#endif
