/*
 * cache_report: the gateway's cache of answers in numbers, for people: metrics, and a part of /status. The
 * cache counts under its own locks; the report fetches the numbers when they are asked for. A counter only
 * grows: a refresh moves it up by what has come since the last refresh, so that a scrape sees what any counter
 * shows. Kinds and outcomes have names here, which are labels of the metrics and keys of the JSON. Any thread,
 * but for new and free.
 */
#ifndef NEPHOS_GATEWAY_FRONT_CACHE_REPORT_H
#define NEPHOS_GATEWAY_FRONT_CACHE_REPORT_H

#include "common/base/metrics.h"
#include "gateway/cache/cache.h"

#include <jansson.h>

struct cache_report;

/* The cache and the metrics outlive the report. */
int cache_report_new(struct cache *cache, struct metrics *metrics, struct cache_report **ret);
void cache_report_free(struct cache_report *r);	   /* NULL is fine */
void cache_report_refresh(struct cache_report *r); /* call it before the metrics are rendered */
/* {entries, bytes, copies, copy_bytes, hits: {KIND: n}, misses: {KIND: n}, fills: {VERDICT: n}, evicted,
 * dropped, forgotten, expired}. NULL: no memory. */
json_t *cache_report_json(struct cache_report *r);

#endif
