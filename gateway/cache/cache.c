/*
 * Why no late answer gets in: a thread that drops notes the tags in the fence first, then goes through the
 * shards. A thread that puts asks the fence while it holds its shard's lock. Either it asks after the drop was
 * noted, and is refused; or its entry is in the shard before the drop takes that lock, and is dropped with the
 * others.
 */
#include "gateway/cache/cache.h"

#include "common/base/clock.h"
#include "gateway/cache/cost.h"
#include "gateway/cache/fence.h"
#include "gateway/cache/shard.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <xxhash.h>

#define KEYS_AT_ONCE 256u	   /* tags that are dropped under one lock */
#define BYTES_PER_FENCE_SLOT 4096u /* 65,536 slots with 256 MiB */

static_assert(CACHE_SHARD_BYTES / SHARD_ENTRY_PART >= SHARD_BODY_MAX * 3 / 2, "an entry with the largest body fits");
static_assert(KEYS_AT_ONCE >= TAG_LIST_MAX, "the tags of one answer are dropped at once");

struct cache {
	uint64_t seed;
	size_t fixed; /* bytes that the cache itself takes */
	struct fence *fence;
	atomic_uint_fast64_t refused[CACHE_VERDICTS]; /* fills that did not come to a shard */
	atomic_uint_fast64_t hits[CACHE_KINDS], misses[CACHE_KINDS];
	struct cache_listener listener;
	size_t shard_count; /* a power of two */
	struct shard *shards[CACHE_SHARDS_MAX];
};

static size_t shards_for(size_t bytes)
{
	size_t count = 1;

	while (count < CACHE_SHARDS_MAX && bytes / (count * 2) >= CACHE_SHARD_BYTES)
		count *= 2;
	return count;
}

int cache_new(const struct cache_options *options, struct cache **ret)
{
	const size_t slots = options->bytes / BYTES_PER_FENCE_SLOT;
	struct cache *c;
	int r;

	if (options->bytes < CACHE_BYTES_MIN || options->bytes > CACHE_BYTES_MAX)
		return -EINVAL;
	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	c->seed = options->seed;
	c->fixed = cost_of(sizeof(*c)) + fence_cost(slots);
	c->shard_count = shards_for(options->bytes);
	r = fence_new(slots, &c->fence);
	for (size_t i = 0; r == 0 && i < c->shard_count; i++)
		r = shard_new((options->bytes - c->fixed) / c->shard_count, c->fence, &c->shards[i]);
	if (r < 0)
		goto out;
	*ret = c;
	c = NULL;
out:
	cache_free(c);
	return r;
}

void cache_free(struct cache *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->shard_count; i++)
		shard_free(c->shards[i]);
	fence_free(c->fence);
	free(c);
}

/* Uses the upper bits, as tables in a shard use the lower ones. */
static struct shard *shard_of(struct cache *c, uint64_t hash)
{
	return c->shards[hash >> 60 & (c->shard_count - 1)];
}

struct answer *cache_get(struct cache *c, struct span key, int64_t now_ns)
{
	const uint64_t hash = XXH64(key.data, key.size, c->seed);

	return shard_get(shard_of(c, hash), hash, key, now_ns);
}

struct answer *cache_peek(struct cache *c, struct span key, int64_t now_ns)
{
	const uint64_t hash = XXH64(key.data, key.size, c->seed);

	return shard_peek(shard_of(c, hash), hash, key, now_ns);
}

void cache_note(struct cache *c, enum cache_kind kind, bool from_memory)
{
	assert(kind < CACHE_KINDS);
	atomic_fetch_add_explicit(from_memory ? &c->hits[kind] : &c->misses[kind], 1, memory_order_relaxed);
}

bool cache_is_same(struct cache *c, const struct cache_question *q, int64_t now_ns, int64_t *ret_seq)
{
	const uint64_t hash = XXH64(q->key.data, q->key.size, c->seed);

	const bool same = shard_is_same(shard_of(c, hash), hash, q, now_ns, ret_seq);

	cache_note(c, CACHE_ASKED, same);
	return same;
}

void cache_forget_answer(struct cache *c, struct span key, int64_t seq)
{
	const uint64_t hash = XXH64(key.data, key.size, c->seed);

	shard_forget_answer(shard_of(c, hash), hash, key, seq);
}

uint64_t cache_fence(struct cache *c)
{
	return fence_now(c->fence);
}

void cache_refuse(struct cache *c, enum cache_verdict why)
{
	assert(why > CACHE_KEPT && why < CACHE_VERDICTS);
	atomic_fetch_add_explicit(&c->refused[why], 1, memory_order_relaxed);
}

enum cache_verdict cache_put(struct cache *c, const struct cache_fill *fill)
{
	const uint64_t hash = XXH64(fill->key.data, fill->key.size, c->seed);
	const struct tag_list *tags = fill->tags;
	uint64_t keys[TAG_LIST_MAX];

	assert(tags->count > 0 && tags->tags[0].kind == TAG_DRIVE);
	if (tags->overfull) {
		cache_refuse(c, CACHE_UNTAGGED);
		return CACHE_UNTAGGED;
	}
	for (size_t i = 0; i < tags->count; i++)
		keys[i] = tag_key(&tags->tags[i]);
	const struct cache_copy what = {.key = fill->key,
		.user = fill->user,
		.drive = (uint32_t)tags->tags[0].id,
		.answer = fill->answer,
		.keys = keys,
		.key_count = tags->count,
		.expires_ns = tags->lifetime_s > 0 ? fill->asked_ns + (int64_t)tags->lifetime_s * NS_PER_S : INT64_MAX};
	const struct shard_put put = {.hash = hash, .what = &what, .sent = fill->sent};
	const enum cache_verdict verdict = shard_put(shard_of(c, hash), &put);

	if (verdict == CACHE_KEPT && c->listener.kept && what.drive != CACHE_NO_DRIVE)
		c->listener.kept(c->listener.cookie, &(struct cache_mark){.hash = hash, .drive = what.drive});
	return verdict;
}

/* ---- copies ---- */

void cache_listen(struct cache *c, const struct cache_listener *listener)
{
	c->listener = *listener;
}

size_t cache_walk(struct cache *c, struct cache_walk *at, struct cache_mark *list, size_t max, bool *ret_end)
{
	size_t count = 0;

	assert(max > 0);
	if (at->shard < c->shard_count)
		count = shard_walk(c->shards[at->shard], &at->bucket, list, max);
	if (at->shard < c->shard_count && shard_walked(c->shards[at->shard], at->bucket))
		*at = (struct cache_walk){.shard = at->shard + 1};
	*ret_end = at->shard >= c->shard_count;
	return count;
}

struct cache_copy *cache_copy_of(struct cache *c, const struct cache_mark *mark)
{
	return shard_copy(shard_of(c, mark->hash), mark);
}

void cache_copy_free(struct cache_copy *copy)
{
	if (!copy)
		return;
	answer_unref(copy->answer);
	free(copy);
}

bool cache_has(struct cache *c, struct span key, int64_t seq, unsigned reads)
{
	const uint64_t hash = XXH64(key.data, key.size, c->seed);

	return shard_has(shard_of(c, hash), hash, key, seq, reads);
}

enum cache_verdict cache_put_copy(struct cache *c, const struct cache_copy *copy, uint64_t sent)
{
	const struct shard_put put = {
		.hash = XXH64(copy->key.data, copy->key.size, c->seed), .what = copy, .sent = sent, .copy = true};

	assert(copy->key_count > 0 && copy->key_count <= TAG_LIST_MAX);
	return shard_put(shard_of(c, put.hash), &put);
}

/* ---- what is dropped ---- */

void cache_drop(struct cache *c, const struct tag *tags, size_t count, int64_t seq)
{
	uint64_t keys[KEYS_AT_ONCE];

	while (count > 0) {
		const size_t n = count < KEYS_AT_ONCE ? count : KEYS_AT_ONCE;

		for (size_t i = 0; i < n; i++)
			keys[i] = tag_key(&tags[i]);
		fence_drop(c->fence, keys, n, seq);
		for (size_t i = 0; i < c->shard_count; i++)
			shard_drop(c->shards[i], keys, n, seq);
		tags += n;
		count -= n;
	}
}

void cache_forget_drive(struct cache *c, uint32_t drive)
{
	const struct tag tag = tag_drive(drive);

	fence_forget(c->fence, tag_key(&tag));
	for (size_t i = 0; i < c->shard_count; i++)
		shard_forget_key(c->shards[i], tag_key(&tag));
}

void cache_forget_user(struct cache *c, int64_t user)
{
	fence_raise(c->fence);
	for (size_t i = 0; i < c->shard_count; i++)
		shard_forget_user(c->shards[i], user);
}

void cache_forget_all(struct cache *c)
{
	fence_raise(c->fence);
	for (size_t i = 0; i < c->shard_count; i++)
		shard_forget_all(c->shards[i]);
}

void cache_count(struct cache *c, struct cache_counters *ret)
{
	*ret = (struct cache_counters){.bytes = c->fixed};
	for (size_t i = 0; i < c->shard_count; i++)
		shard_count(c->shards[i], ret);
	for (int i = 0; i < CACHE_KINDS; i++) {
		ret->hits[i] = atomic_load_explicit(&c->hits[i], memory_order_relaxed);
		ret->misses[i] = atomic_load_explicit(&c->misses[i], memory_order_relaxed);
	}
	for (int i = 0; i < CACHE_VERDICTS; i++)
		ret->fills[i] += atomic_load_explicit(&c->refused[i], memory_order_relaxed);
}
