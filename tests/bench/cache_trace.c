#include "tests/bench/cache_trace.h"

#include "gateway/cache/cache.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#define DRIVE 1u
#define NONE SIZE_MAX

/* ---- numbers ---- */

/* splitmix64 */
static uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static void *must_allocate(size_t count, size_t size)
{
	void *p = calloc(count, size);

	if (!p) {
		(void)fprintf(stderr, "trace: no memory for %zu things of %zu bytes\n", count, size);
		abort();
	}
	return p;
}

/* Returns sums[n]: the share of the first n + 1 keys in all requests. */
static double *zipf_new(size_t keys)
{
	double *sums = must_allocate(keys, sizeof(*sums)), sum = 0;

	for (size_t n = 0; n < keys; n++)
		sums[n] = sum += 1.0 / (double)(n + 1);
	for (size_t n = 0; n < keys; n++)
		sums[n] /= sum;
	return sums;
}

static size_t zipf_draw(const double *sums, size_t keys, uint64_t *state)
{
	const double x = (double)(next_random(state) >> 11) / 9007199254740992.0;
	size_t low = 0, high = keys - 1;

	while (low < high) {
		const size_t middle = (low + high) / 2;

		if (sums[middle] > x)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

/* ---- sizes ---- */

static size_t body_of(const struct trace_options *o, size_t key)
{
	uint64_t state = key;

	return o->mixed ? (o->body_bytes / 8) << (next_random(&state) % 7) : o->body_bytes;
}

static enum cache_verdict fill(struct cache *c, size_t key, size_t body_bytes)
{
	char name[24];
	struct answer *a = answer_new(200, 1, SPAN_LITERAL("Content-Type: application/json\r\n"), body_bytes);
	struct tag_list tags;
	enum cache_verdict verdict;

	if (!a)
		abort();
	tag_list_init(&tags, DRIVE);
	tag_list_add(&tags, tag_of(TAG_ATTRIBUTES, ITEM_ID(DRIVE, key + 1)));
	verdict = cache_put(c,
		&(struct cache_fill){.key = span_of(name, (size_t)snprintf(name, sizeof(name), "%zu", key)),
			.user = 1,
			.answer = a,
			.tags = &tags,
			.sent = cache_fence(c)});
	answer_unref(a);
	return verdict;
}

static bool hits(struct cache *c, size_t key)
{
	char name[24];
	struct answer *a = cache_get(c, span_of(name, (size_t)snprintf(name, sizeof(name), "%zu", key)), 0);

	answer_unref(a);
	return a != NULL;
}

static struct cache *make_cache(size_t bytes)
{
	struct cache *c;

	if (cache_new(&(struct cache_options){.bytes = bytes, .seed = 1}, &c) < 0) {
		(void)fprintf(stderr, "trace: no cache of %zu bytes\n", bytes);
		abort();
	}
	return c;
}

/* Returns how many bytes an entry takes in the cache. */
static size_t entry_bytes(struct cache *c, size_t body_bytes)
{
	struct cache_counters before, after;
	enum cache_verdict verdict;

	(void)fill(c, 1, 0); /* from now on the cache has the drive's tag */
	cache_count(c, &before);
	verdict = fill(c, 2, body_bytes);
	cache_count(c, &after);
	cache_forget_all(c);
	assert(verdict == CACHE_KEPT);
	return after.bytes - before.bytes;
}

/* Returns the size of each key's entry. */
static size_t *sizes_new(const struct trace_options *o, size_t count, size_t *ret_popular_bytes)
{
	struct cache *c = make_cache(CACHE_BYTES_DEFAULT);
	size_t *sizes = must_allocate(count, sizeof(*sizes)), known[64] = {0};

	*ret_popular_bytes = 0;
	for (size_t key = 0; key < count; key++) {
		const size_t body = body_of(o, key), class = 63 - (size_t)__builtin_clzl(body | 1);

		if (known[class] == 0)
			known[class] = entry_bytes(c, body);
		sizes[key] = known[class];
		if (key < o->keys)
			*ret_popular_bytes += sizes[key];
	}
	cache_free(c);
	return sizes;
}

/* ---- an LRU, by number of key ---- */

struct lru {
	size_t bytes, used;
	size_t oldest, newest;
	const size_t *sizes;
	struct lru_place {
		size_t older, newer;
		bool in;
	} * places;
};

static void lru_unlink(struct lru *l, size_t key)
{
	struct lru_place *p = &l->places[key];

	*(p->older != NONE ? &l->places[p->older].newer : &l->oldest) = p->newer;
	*(p->newer != NONE ? &l->places[p->newer].older : &l->newest) = p->older;
	p->in = false;
	l->used -= l->sizes[key];
}

static void lru_push(struct lru *l, size_t key)
{
	struct lru_place *p = &l->places[key];

	*p = (struct lru_place){.older = l->newest, .newer = NONE, .in = true};
	*(l->newest != NONE ? &l->places[l->newest].newer : &l->oldest) = key;
	l->newest = key;
	l->used += l->sizes[key];
}

static bool lru_ask(struct lru *l, size_t key)
{
	const bool hit = l->places[key].in;

	if (hit)
		lru_unlink(l, key);
	while (l->used + l->sizes[key] > l->bytes)
		lru_unlink(l, l->oldest);
	lru_push(l, key);
	return hit;
}

/* ---- a run ---- */

/* Returns the share in all requests of the most popular keys, of as many as fit. */
static double best_of(const struct trace_options *o, const double *sums, const size_t *sizes, size_t bytes)
{
	double best = 0;

	for (size_t key = 0; key < o->keys && bytes >= sizes[key]; key++) {
		best = sums[key];
		bytes -= sizes[key];
	}
	return best;
}

static bool ask(struct cache *c, const struct trace_options *o, size_t key)
{
	if (hits(c, key))
		return true;
	(void)fill(c, key, body_of(o, key));
	return false;
}

static void run(
	const struct trace_options *o, const double *sums, struct cache *c, struct lru *l, struct trace_ratios *ret)
{
	uint64_t state = o->seed;
	size_t cache_hits = 0, lru_hits = 0;

	for (size_t i = 0; i < o->warm_requests + o->requests; i++) {
		const size_t key = zipf_draw(sums, o->keys, &state), step = i - o->warm_requests;
		const bool cache_hit = ask(c, o, key), lru_hit = lru_ask(l, key);

		if (i < o->warm_requests)
			continue;
		cache_hits += cache_hit;
		lru_hits += lru_hit;
		if (step < o->walk_keys) {
			(void)ask(c, o, o->keys + step);
			(void)lru_ask(l, o->keys + step);
		}
	}
	ret->cache = (double)cache_hits / (double)o->requests;
	ret->lru = (double)lru_hits / (double)o->requests;
}

struct trace_ratios trace_run(const struct trace_options *o)
{
	const size_t all_keys = o->keys + o->walk_keys;
	double *sums = zipf_new(o->keys);
	size_t popular_bytes, *sizes = sizes_new(o, all_keys, &popular_bytes);
	const size_t bytes = (size_t)((double)popular_bytes * o->part);
	struct cache *c = make_cache(bytes);
	struct lru l = {.bytes = bytes, .oldest = NONE, .newest = NONE, .sizes = sizes};
	struct trace_ratios ret = {.cache_bytes = bytes};

	assert(o->walk_keys <= o->requests);
	l.places = must_allocate(all_keys, sizeof(*l.places));
	run(o, sums, c, &l, &ret);
	if (!o->mixed)
		ret.best = best_of(o, sums, sizes, bytes);
	free(l.places);
	cache_free(c);
	free(sizes);
	free(sums);
	return ret;
}
