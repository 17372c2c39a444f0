/*
 * bench_cache: the hit ratio of the gateway's cache beside that of an LRU of the same bytes, on simulated
 * reads (tests/bench/cache_trace.h), and what the cache's calls cost. It prints tables; with an argument
 * (zipf, walk, calls) only that one. The ratios are the same in every run.
 */
#include "gateway/cache/cache.h"
#include "tests/bench/cache_trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define PERCENT(x) ((x)*100)

static void row(const char *what, const struct trace_options *o)
{
	const struct trace_ratios r = trace_run(o);

	printf("| %s | %.1f | %.2f | %.2f | %+.2f |", what, (double)r.cache_bytes / 1048576, PERCENT(r.cache),
		PERCENT(r.lru), PERCENT(r.cache - r.lru));
	if (o->mixed)
		printf(" |\n");
	else
		printf(" %.2f |\n", PERCENT(r.best));
	(void)fflush(stdout);
}

static void zipf_rows(void)
{
	const struct trace_options base = {
		.seed = 1, .body_bytes = 1024, .part = 0.05, .warm_requests = 1000000, .requests = 1000000};
	struct trace_options o;

	printf("| Zipf 1.0, cache of 5 %% | MiB | cache %% | LRU %% | points | most popular keys that fit %% |\n|---|---|---|---|---|---|\n");
	o = base;
	o.keys = 1000, o.body_bytes = 32768;
	row("1,000 keys of 32 KiB", &o);
	o = base;
	o.keys = 3000, o.body_bytes = 8192;
	row("3,000 keys of 8 KiB", &o);
	o = base;
	o.keys = 20000;
	row("20,000 keys of 1 KiB", &o);
	o.keys = 100000;
	row("100,000 keys of 1 KiB", &o);
	o.mixed = true;
	row("100,000 keys of 128 B to 8 KiB", &o);
	o.mixed = false;
	o.keys = 1000000, o.warm_requests = 4000000, o.requests = 4000000;
	row("1,000,000 keys of 1 KiB", &o);
}

static void walk_rows(void)
{
	struct trace_options o = {.seed = 1,
		.keys = 20000,
		.body_bytes = 1024,
		.part = 0.05,
		.warm_requests = 500000,
		.requests = 200000};
	const struct trace_ratios without = trace_run(&o);
	struct trace_ratios with;

	o.walk_keys = o.requests;
	with = trace_run(&o);
	printf("\n| 20,000 keys; a walk over ten times as many others meanwhile | cache %% | LRU %% |\n|---|---|---|\n");
	printf("| without it | %.2f | %.2f |\n| with it | %.2f | %.2f |\n", PERCENT(without.cache),
		PERCENT(without.lru), PERCENT(with.cache), PERCENT(with.lru));
	printf("| lost, points | %.2f | %.2f |\n", PERCENT(without.cache - with.cache),
		PERCENT(without.lru - with.lru));
}

/* ---- what the cache's calls cost ---- */

#define ENTRIES 100000u
#define TAGS 6u
#define ROUNDS 10u

static size_t key_of(unsigned n, char name[80])
{
	return (size_t)snprintf(name, 80, "7 GET /api/v2/docs/drives/1/items/%u json", n);
}

static void put_entry(struct cache *c, unsigned n)
{
	char name[80];
	struct answer *a = answer_new(200, 1, SPAN_LITERAL("Content-Type: application/json\r\n"), 512);
	struct tag_list tags;

	tag_list_init(&tags, 1);
	for (unsigned i = 1; i < TAGS; i++)
		tag_list_add(&tags, tag_of(TAG_ATTRIBUTES, ITEM_ID(1, n * TAGS + i)));
	(void)cache_put(c,
		&(struct cache_fill){.key = span_of(name, key_of(n, name)),
			.user = 7,
			.answer = a,
			.tags = &tags,
			.sent = cache_fence(c)});
	answer_unref(a);
}

static void get_entry(struct cache *c, unsigned n)
{
	char name[80];

	answer_unref(cache_get(c, span_of(name, key_of(n, name)), 0));
}

/* Drops tags that no entry has: a change touches almost only such tags. */
static void drop_tags(struct cache *c, unsigned n)
{
	struct tag tags[TAGS];

	for (unsigned i = 0; i < TAGS; i++)
		tags[i] = tag_of(TAG_CONTENT, ITEM_ID(1, n * TAGS + i + 1));
	cache_drop(c, tags, TAGS, 1);
}

/* Processor time, so that other work of the machine is not part of it. */
static int64_t used_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void time_row(const char *what, struct cache *c, void (*call)(struct cache *c, unsigned n), unsigned calls)
{
	const int64_t begin = used_ns();

	for (unsigned i = 0; i < calls; i++)
		call(c, i * 7919 % ENTRIES);
	printf("| %s | %.2f |\n", what, (double)(used_ns() - begin) / calls / 1000);
}

static void time_rows(void)
{
	struct cache *c;

	if (cache_new(&(struct cache_options){.bytes = CACHE_BYTES_DEFAULT, .seed = 1}, &c) < 0)
		abort();
	printf("\n| a call, 100,000 entries, 4 shards, one thread | us |\n|---|---|\n");
	time_row("a fill with 6 tags", c, put_entry, ENTRIES);
	time_row("a hit", c, get_entry, ENTRIES * ROUNDS);
	time_row("a change that touches 6 tags, of which nobody has any", c, drop_tags, ENTRIES);
	cache_free(c);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*rows)(void);
	} TABLES[] = {{"zipf", zipf_rows}, {"walk", walk_rows}, {"calls", time_rows}};

	for (size_t i = 0; i < sizeof(TABLES) / sizeof(*TABLES); i++)
		if (argc < 2 || strcmp(argv[1], TABLES[i].name) == 0)
			TABLES[i].rows();
	return 0;
}
