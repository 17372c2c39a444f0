#include "gateway/front/block_report.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

struct block_report {
	struct block_cache *cache;
	pthread_mutex_t lock; /* one refresh at a time: each adds what has come since the one before */
	struct metric *blocks, *bytes, *hits, *misses, *evicted;
};

static int add_metrics(struct block_report *r, struct metrics *m)
{
	int error = metrics_add(
		m, METRIC_GAUGE, "nephos_gateway_block_cache_blocks", "", "Blocks in the cache", &r->blocks);

	if (error == 0)
		error = metrics_add(m, METRIC_GAUGE, "nephos_gateway_block_cache_bytes", "",
			"Bytes of memory that these use, tables included", &r->bytes);
	if (error == 0)
		error = metrics_add(m, METRIC_COUNTER, "nephos_gateway_block_cache_hits_total", "",
			"Lookups of blocks that were in memory", &r->hits);
	if (error == 0)
		error = metrics_add(m, METRIC_COUNTER, "nephos_gateway_block_cache_misses_total", "",
			"Lookups of blocks that were not in memory", &r->misses);
	if (error == 0)
		error = metrics_add(m, METRIC_COUNTER, "nephos_gateway_block_cache_evicted_total", "",
			"Blocks evicted from the cache for others", &r->evicted);
	return error;
}

int block_report_new(struct block_cache *cache, struct metrics *metrics, struct block_report **ret)
{
	struct block_report *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	pthread_mutex_init(&r->lock, NULL);
	r->cache = cache;
	int error = add_metrics(r, metrics);
	if (error < 0)
		block_report_free(r);
	else
		*ret = r;
	return error;
}

void block_report_free(struct block_report *r)
{
	if (!r)
		return;
	pthread_mutex_destroy(&r->lock);
	free(r);
}

void block_report_refresh(struct block_report *r)
{
	struct block_cache_counters now;

	pthread_mutex_lock(&r->lock);
	block_cache_count(r->cache, &now);
	metric_set(r->blocks, (int64_t)now.blocks);
	metric_set(r->bytes, (int64_t)now.bytes);
	metric_count_to(r->hits, now.hits);
	metric_count_to(r->misses, now.misses);
	metric_count_to(r->evicted, now.evicted);
	pthread_mutex_unlock(&r->lock);
}

json_t *block_report_json(struct block_report *r)
{
	struct block_cache_counters now;

	block_cache_count(r->cache, &now);
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}", "blocks", (json_int_t)now.blocks, "bytes",
		(json_int_t)now.bytes, "hits", (json_int_t)now.hits, "misses", (json_int_t)now.misses, "kept",
		(json_int_t)now.kept, "evicted", (json_int_t)now.evicted);
}
