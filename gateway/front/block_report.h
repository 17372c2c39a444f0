/*
 * block_report: the gateway's cache of blocks in numbers, for people: metrics, and a part of /status. As
 * cache_report, which is that of answers. Any thread, but for new and free.
 */
#ifndef NEPHOS_GATEWAY_FRONT_BLOCK_REPORT_H
#define NEPHOS_GATEWAY_FRONT_BLOCK_REPORT_H

#include "common/base/metrics.h"
#include "gateway/blocks/block_cache.h"

#include <jansson.h>

struct block_report;

/* The cache and the metrics outlive the report. */
int block_report_new(struct block_cache *cache, struct metrics *metrics, struct block_report **ret);
void block_report_free(struct block_report *r);	   /* NULL is fine */
void block_report_refresh(struct block_report *r); /* call it before the metrics are rendered */
/* {blocks, bytes, hits, misses, kept, evicted}. NULL: no memory. */
json_t *block_report_json(struct block_report *r);

#endif
