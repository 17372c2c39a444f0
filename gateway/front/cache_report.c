#include "gateway/front/cache_report.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const KINDS[CACHE_KINDS] = {
	[CACHE_ITEM] = "item",
	[CACHE_LISTING] = "listing",
	[CACHE_CONTENT] = "content",
	[CACHE_EXTENTS] = "extents",
	[CACHE_XATTRS] = "xattrs",
	[CACHE_OTHERS] = "others",
	[CACHE_ASKED] = "asked",
};

static const char *const VERDICTS[CACHE_VERDICTS] = {
	[CACHE_KEPT] = "kept",
	[CACHE_OUTDATED] = "outdated",
	[CACHE_FENCED] = "fenced",
	[CACHE_SUPERSEDED] = "superseded",
	[CACHE_UNTAGGED] = "untagged",
	[CACHE_TOO_LARGE] = "too_large",
	[CACHE_FIRST_TIME] = "first_time",
	[CACHE_NO_MEMORY] = "no_memory",
	[CACHE_NO_TAGS] = "no_tags",
	[CACHE_OTHER_INCARNATION] = "other_incarnation",
	[CACHE_NO_ROOM] = "no_room",
};

struct cache_report {
	struct cache *cache;
	pthread_mutex_t lock; /* one refresh at a time: each adds what has come since the one before */
	struct metric *entries, *bytes, *copies, *copy_bytes, *evicted, *dropped, *forgotten, *expired;
	struct metric *hits[CACHE_KINDS], *misses[CACHE_KINDS];
	struct metric *fills[CACHE_VERDICTS];
};

static int add(struct metrics *m, enum metric_kind kind, const char *name, const char *help, struct metric **ret)
{
	return metrics_add(m, kind, name, "", help, ret);
}

static int add_labelled(struct metrics *m, const char *name, const char *label, const char *value, struct metric **ret)
{
	char labels[48];

	(void)snprintf(labels, sizeof(labels), "%s=\"%s\"", label, value);
	return metrics_add(m, METRIC_COUNTER, name, labels,
		"Reads of cacheable answers, by kind and whether memory answered; answers offered to the cache", ret);
}

static int add_metrics(struct cache_report *r, struct metrics *m)
{
	int error = add(m, METRIC_GAUGE, "nephos_gateway_cache_entries", "Answers in the cache", &r->entries);

	if (error == 0)
		error = add(m, METRIC_GAUGE, "nephos_gateway_cache_bytes",
			"Bytes of memory that these use, tables included", &r->bytes);
	if (error == 0)
		error = add(m, METRIC_GAUGE, "nephos_gateway_cache_copies",
			"Answers in the cache that other gateways copied here and no client has read yet", &r->copies);
	if (error == 0)
		error = add(m, METRIC_GAUGE, "nephos_gateway_cache_copy_bytes", "Bytes of memory that these use",
			&r->copy_bytes);
	if (error == 0)
		error = add(m, METRIC_COUNTER, "nephos_gateway_cache_evicted_total",
			"Answers evicted from the cache for others", &r->evicted);
	if (error == 0)
		error = add(m, METRIC_COUNTER, "nephos_gateway_cache_dropped_total",
			"Answers dropped because a change touched them", &r->dropped);
	if (error == 0)
		error = add(m, METRIC_COUNTER, "nephos_gateway_cache_forgotten_total",
			"Answers dropped together with everything cached of a drive or a user", &r->forgotten);
	if (error == 0)
		error = add(m, METRIC_COUNTER, "nephos_gateway_cache_expired_total",
			"Answers that were looked up after the end of their lifetime, and dropped", &r->expired);
	for (int i = 0; i < CACHE_KINDS && error == 0; i++) {
		error = add_labelled(m, "nephos_gateway_cache_hits_total", "kind", KINDS[i], &r->hits[i]);
		if (error == 0)
			error = add_labelled(m, "nephos_gateway_cache_misses_total", "kind", KINDS[i], &r->misses[i]);
	}
	for (int i = 0; i < CACHE_VERDICTS && error == 0; i++)
		error = add_labelled(m, "nephos_gateway_cache_fills_total", "outcome", VERDICTS[i], &r->fills[i]);
	return error;
}

int cache_report_new(struct cache *cache, struct metrics *metrics, struct cache_report **ret)
{
	struct cache_report *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	pthread_mutex_init(&r->lock, NULL);
	r->cache = cache;
	int error = add_metrics(r, metrics);
	if (error < 0)
		cache_report_free(r);
	else
		*ret = r;
	return error;
}

void cache_report_free(struct cache_report *r)
{
	if (!r)
		return;
	pthread_mutex_destroy(&r->lock);
	free(r);
}

void cache_report_refresh(struct cache_report *r)
{
	struct cache_counters now;

	pthread_mutex_lock(&r->lock);
	cache_count(r->cache, &now);
	metric_set(r->entries, (int64_t)now.entries);
	metric_set(r->bytes, (int64_t)now.bytes);
	metric_set(r->copies, (int64_t)now.copies);
	metric_set(r->copy_bytes, (int64_t)now.copy_bytes);
	metric_count_to(r->evicted, now.evicted);
	metric_count_to(r->dropped, now.dropped);
	metric_count_to(r->forgotten, now.forgotten);
	metric_count_to(r->expired, now.expired);
	for (int i = 0; i < CACHE_KINDS; i++) {
		metric_count_to(r->hits[i], now.hits[i]);
		metric_count_to(r->misses[i], now.misses[i]);
	}
	for (int i = 0; i < CACHE_VERDICTS; i++)
		metric_count_to(r->fills[i], now.fills[i]);
	pthread_mutex_unlock(&r->lock);
}

static json_t *numbers(const char *const *names, const uint64_t *values, int count)
{
	json_t *object = json_object();

	for (int i = 0; i < count && object; i++)
		(void)json_object_set_new(object, names[i], json_integer((json_int_t)values[i]));
	return object;
}

json_t *cache_report_json(struct cache_report *r)
{
	struct cache_counters now;

	cache_count(r->cache, &now);
	return json_pack("{s:I, s:I, s:I, s:I, s:o, s:o, s:o, s:I, s:I, s:I, s:I}", "entries", (json_int_t)now.entries,
		"bytes", (json_int_t)now.bytes, "copies", (json_int_t)now.copies, "copy_bytes",
		(json_int_t)now.copy_bytes, "hits", numbers(KINDS, now.hits, CACHE_KINDS), "misses",
		numbers(KINDS, now.misses, CACHE_KINDS), "fills", numbers(VERDICTS, now.fills, CACHE_VERDICTS),
		"evicted", (json_int_t)now.evicted, "dropped", (json_int_t)now.dropped, "forgotten",
		(json_int_t)now.forgotten, "expired", (json_int_t)now.expired);
}
