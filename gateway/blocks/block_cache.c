#include "gateway/blocks/block_cache.h"

#include "gateway/cache/cost.h"
#include "gateway/cache/ghost.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>
#include <utlist.h>

#define SMALL_PART 10u /* part of the room for blocks that were not read again yet: a tenth */
#define READS_MAX 3u   /* the most that are counted of a block */
#define MARKS 4096u    /* fingerprints of evicted blocks: 16 GiB of whole blocks, in 32 KiB */

struct entry {
	struct block *block;
	uint8_t sha256[SHA256_BYTES];
	unsigned reads;
	bool in_main;
	struct entry *prev, *next; /* in its queue: the oldest first */
	UT_hash_handle hh;
};

struct block_cache {
	size_t room; /* 0: it keeps nothing */
	pthread_mutex_t lock;
	struct entry *table;
	struct entry *small, *main;
	size_t small_bytes;
	struct ghost gone;   /* evicted from the small queue */
	struct ghost wanted; /* blocks of which parts were asked for */
	struct block_cache_counters counters;
};

int block_cache_new(size_t bytes, struct block_cache **ret)
{
	struct block_cache *c = calloc(1, sizeof(*c));
	int r = c ? 0 : -ENOMEM;

	if (!c)
		return r;
	pthread_mutex_init(&c->lock, NULL);
	c->room = bytes < BLOCK_CACHE_BYTES_MIN ? 0 : bytes - 2 * ghost_cost(MARKS);
	if (c->room > 0)
		r = ghost_init(&c->gone, MARKS, c->room);
	if (r == 0 && c->room > 0)
		r = ghost_init(&c->wanted, MARKS, c->room);
	if (r < 0)
		block_cache_free(c);
	else
		*ret = c;
	return r;
}

static size_t entry_cost(const struct entry *e)
{
	/* The last term is the entry's place in the table: a pointer's worth of buckets. */
	return block_cost(e->block) + cost_of(sizeof(*e)) + sizeof(void *);
}

/* The caller drops the block. */
static struct block *take_out(struct block_cache *c, struct entry *e)
{
	struct block *block = e->block;
	const size_t cost = entry_cost(e);

	HASH_DEL(c->table, e);
	if (e->in_main) {
		DL_DELETE(c->main, e);
	} else {
		DL_DELETE(c->small, e);
		assert(c->small_bytes >= cost);
		c->small_bytes -= cost;
	}
	assert(c->counters.bytes >= cost && c->counters.blocks > 0);
	c->counters.bytes -= cost;
	c->counters.blocks--;
	free(e);
	return block;
}

void block_cache_free(struct block_cache *c)
{
	if (!c)
		return;
	while (c->table)
		block_unref(take_out(c, c->table));
	assert(c->counters.bytes == 0 && c->small_bytes == 0);
	ghost_fini(&c->gone);
	ghost_fini(&c->wanted);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

bool block_cache_keeps(const struct block_cache *c)
{
	return c->room > 0;
}

/* The first bytes of a hash are as random as any others. */
static uint64_t mark_of(const uint8_t sha256[SHA256_BYTES])
{
	uint64_t mark;

	memcpy(&mark, sha256, sizeof(mark));
	return mark;
}

static struct entry *find(struct block_cache *c, const uint8_t sha256[SHA256_BYTES])
{
	struct entry *e = NULL;

	HASH_FIND(hh, c->table, sha256, SHA256_BYTES, e);
	return e;
}

struct block *block_cache_get(struct block_cache *c, const uint8_t sha256[SHA256_BYTES])
{
	struct block *block = NULL;

	pthread_mutex_lock(&c->lock);
	struct entry *e = find(c, sha256);
	if (e) {
		e->reads += e->reads < READS_MAX;
		block = block_ref(e->block);
		c->counters.hits++;
	} else {
		c->counters.misses++;
	}
	pthread_mutex_unlock(&c->lock);
	return block;
}

struct block *block_cache_peek(struct block_cache *c, const uint8_t sha256[SHA256_BYTES])
{
	pthread_mutex_lock(&c->lock);
	const struct entry *e = find(c, sha256);
	struct block *block = e ? block_ref(e->block) : NULL;
	pthread_mutex_unlock(&c->lock);
	return block;
}

/* ---- making room; the caller holds c->lock ---- */

static void move_to_main(struct block_cache *c, struct entry *e)
{
	assert(!e->in_main && c->small_bytes >= entry_cost(e));
	DL_DELETE(c->small, e);
	c->small_bytes -= entry_cost(e);
	e->in_main = true;
	e->reads = 0;
	DL_APPEND(c->main, e);
}

/* The oldest entry of a queue moves to the main queue, goes round once more, or is evicted: then its block is
 * returned, and the caller drops it. */
static struct block *turn(struct block_cache *c)
{
	const bool from_small = c->small && (c->small_bytes > c->room / SMALL_PART || !c->main);
	struct entry *e = from_small ? c->small : c->main;

	if (from_small && e->reads > 0) {
		move_to_main(c, e);
		return NULL;
	}
	if (!from_small && e->reads > 0) {
		e->reads--;
		DL_DELETE(c->main, e);
		DL_APPEND(c->main, e);
		return NULL;
	}
	if (from_small)
		ghost_add(&c->gone, mark_of(e->sha256), entry_cost(e));
	c->counters.evicted++;
	return take_out(c, e);
}

/* Blocks that are evicted for one new block: many small ones for a whole one. If that is not enough, the new block is
 * not kept, and the next one evicts more. */
#define GOING_MAX 64u

static void insert(struct block_cache *c, struct entry *e)
{
	e->in_main = ghost_take(&c->gone, mark_of(e->sha256));
	HASH_ADD(hh, c->table, sha256, SHA256_BYTES, e);
	if (e->in_main)
		DL_APPEND(c->main, e);
	else
		DL_APPEND(c->small, e);
	c->small_bytes += e->in_main ? 0 : entry_cost(e);
	c->counters.bytes += entry_cost(e);
	c->counters.blocks++;
	c->counters.kept++;
}

void block_cache_put(struct block_cache *c, struct block *block)
{
	struct block *going[GOING_MAX];
	size_t count = 0;
	struct entry *e = c->room > 0 ? calloc(1, sizeof(*e)) : NULL;

	if (!e)
		return;
	e->block = block;
	memcpy(e->sha256, block_sha256(block), sizeof(e->sha256));
	pthread_mutex_lock(&c->lock);
	bool fits = !find(c, e->sha256);
	while (fits && c->counters.bytes + entry_cost(e) > c->room && c->table) {
		if (count == GOING_MAX) {
			fits = false;
			break;
		}
		going[count] = turn(c);
		count += going[count] != NULL;
	}
	if (fits) {
		(void)block_ref(block);
		insert(c, e);
	}
	pthread_mutex_unlock(&c->lock);
	if (!fits)
		free(e);
	for (size_t i = 0; i < count; i++)
		block_unref(going[i]);
}

bool block_cache_wanted_before(struct block_cache *c, const uint8_t sha256[SHA256_BYTES])
{
	if (c->room == 0)
		return false;
	pthread_mutex_lock(&c->lock);
	const bool before = ghost_take(&c->wanted, mark_of(sha256));
	/* Counts as if the whole block had been kept, so that the ghost reaches back as far as the room does. */
	if (!before)
		ghost_add(&c->wanted, mark_of(sha256), c->room / MARKS);
	pthread_mutex_unlock(&c->lock);
	return before;
}

void block_cache_count(struct block_cache *c, struct block_cache_counters *ret)
{
	pthread_mutex_lock(&c->lock);
	*ret = c->counters;
	pthread_mutex_unlock(&c->lock);
	if (c->room > 0)
		ret->bytes += 2 * ghost_cost(MARKS);
}
