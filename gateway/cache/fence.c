#include "gateway/cache/fence.h"

#include "gateway/cache/cost.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#define WAYS 8u
#define SEQ_ALL INT64_MAX /* in the slot of a drive's own key: the drive was forgotten as a whole */

struct slot {
	uint64_t key;
	int64_t seq; /* the highest position at which the key was dropped */
	uint64_t at; /* number of the last call that dropped the key; 0: the slot is free */
};

struct fence {
	pthread_mutex_t lock; /* guards all below */
	uint64_t now;	      /* number of the last call */
	uint64_t floor;	      /* number of the last call whose drops are not all remembered */
	size_t sets;	      /* a power of two */
	struct slot slots[];
};

static size_t slots_of(size_t wanted)
{
	size_t slots = FENCE_SLOTS_MIN;

	while (slots < FENCE_SLOTS_MAX && slots * 2 <= wanted)
		slots *= 2;
	return slots;
}

static size_t size_of(size_t slots)
{
	return sizeof(struct fence) + slots_of(slots) * sizeof(struct slot);
}

size_t fence_cost(size_t slots)
{
	return cost_of(size_of(slots));
}

int fence_new(size_t slots, struct fence **ret)
{
	struct fence *f = calloc(1, size_of(slots));

	if (!f)
		return -ENOMEM;
	pthread_mutex_init(&f->lock, NULL);
	f->sets = slots_of(slots) / WAYS;
	*ret = f;
	return 0;
}

void fence_free(struct fence *f)
{
	if (!f)
		return;
	pthread_mutex_destroy(&f->lock);
	free(f);
}

static struct slot *set_of(struct fence *f, uint64_t key)
{
	return &f->slots[(key & (f->sets - 1)) * WAYS];
}

static struct slot *find(struct fence *f, uint64_t key)
{
	struct slot *set = set_of(f, key);

	for (size_t i = 0; i < WAYS; i++)
		if (set[i].at > 0 && set[i].key == key)
			return &set[i];
	return NULL;
}

/* Takes a slot for a key that has none. The former content of the slot is not remembered any more. */
static struct slot *take(struct fence *f, uint64_t key)
{
	struct slot *set = set_of(f, key), *oldest = set;

	for (size_t i = 1; i < WAYS; i++)
		if (set[i].at < oldest->at)
			oldest = &set[i];
	if (oldest->at > f->floor)
		f->floor = oldest->at;
	*oldest = (struct slot){.key = key};
	return oldest;
}

static void note(struct fence *f, uint64_t key, int64_t seq)
{
	struct slot *slot = find(f, key);

	if (!slot)
		slot = take(f, key);
	if (seq > slot->seq)
		slot->seq = seq;
	slot->at = f->now;
	assert(f->floor <= f->now);
}

uint64_t fence_now(struct fence *f)
{
	uint64_t now;

	pthread_mutex_lock(&f->lock);
	now = f->now;
	pthread_mutex_unlock(&f->lock);
	return now;
}

void fence_drop(struct fence *f, const uint64_t *keys, size_t count, int64_t seq)
{
	pthread_mutex_lock(&f->lock);
	f->now++;
	for (size_t i = 0; i < count; i++)
		note(f, keys[i], seq);
	pthread_mutex_unlock(&f->lock);
}

void fence_forget(struct fence *f, uint64_t drive_key)
{
	fence_drop(f, &drive_key, 1, SEQ_ALL);
}

void fence_raise(struct fence *f)
{
	pthread_mutex_lock(&f->lock);
	f->floor = ++f->now;
	pthread_mutex_unlock(&f->lock);
}

/* The caller holds f->lock. */
static enum fence_verdict check(struct fence *f, const uint64_t *keys, size_t count, int64_t seq, uint64_t sent)
{
	const struct slot *drive = find(f, keys[0]);
	const uint64_t forgotten = drive && drive->seq == SEQ_ALL ? drive->at : 0;

	if (sent < f->floor || sent < forgotten)
		return FENCE_FORGOTTEN;
	for (size_t i = 0; i < count; i++) {
		const struct slot *slot = find(f, keys[i]);

		if (slot && slot->at > forgotten && slot->seq > seq)
			return FENCE_DROPPED;
	}
	return FENCE_STANDS;
}

enum fence_verdict fence_check(struct fence *f, const uint64_t *keys, size_t count, int64_t seq, uint64_t sent)
{
	enum fence_verdict verdict;

	assert(count > 0);
	pthread_mutex_lock(&f->lock);
	assert(sent <= f->now);
	verdict = check(f, keys, count, seq, sent);
	pthread_mutex_unlock(&f->lock);
	return verdict;
}
