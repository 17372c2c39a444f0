/*
 * fence: which fills may be kept. While an answer is in flight, tags that it was made from may be dropped. Such
 * an answer comes too late and must not be kept as if it were true. The fence remembers for a while which tag was
 * dropped at which position, and refuses an answer that saw an earlier one ("The rule of fills",
 * common/proto/fill.h).
 *
 * How much the fence remembers is bounded. Each call that drops has a number. What is forgotten raises a floor:
 * an answer that was asked for before the last forgotten drop is refused, whatever it was made from. So a caller
 * takes the number (fence_now) before it asks. The floor is such a number and not a position, because one table
 * serves all drives, and positions of different drives cannot be compared; and an answer that was asked for after
 * a drop has seen the change.
 *
 * Slots form sets of eight, chosen by the tag's key: a tag that is dropped again reuses its own slot, a new tag
 * takes the oldest slot of its set. The first key of an answer is its drive's, so that a drive can be forgotten
 * as a whole.
 *
 * Any thread. One lock is enough: hits do not use the fence, and a miss costs a request to a service.
 */
#ifndef NEPHOS_GATEWAY_CACHE_FENCE_H
#define NEPHOS_GATEWAY_CACHE_FENCE_H

#include <stddef.h>
#include <stdint.h>

struct fence;

enum fence_verdict {
	FENCE_STANDS,
	FENCE_DROPPED,	/* one of its tags was dropped at a later position than it saw */
	FENCE_FORGOTTEN /* it was asked for before a drop that is not remembered, or before its drive was forgotten */
};

#define FENCE_SLOTS_MIN 256u
/* 1.5 MiB. One batch of 4096 ops drops about 20,000 tags, and three such batches may come during one fill. */
#define FENCE_SLOTS_MAX 65536u

/* slots: rounded down to a power of two within the limits. -ENOMEM */
int fence_new(size_t slots, struct fence **ret);
void fence_free(struct fence *f); /* NULL is fine */
/* The bytes that a fence with so many slots takes; they never change. */
size_t fence_cost(size_t slots);

uint64_t fence_now(struct fence *f);
/* The tags of these keys changed at seq. */
void fence_drop(struct fence *f, const uint64_t *keys, size_t count, int64_t seq);
/* Refuses all answers of this drive that were asked for before this call. Earlier drops do not count any more
 * either: their positions may be of another incarnation of the drive. */
void fence_forget(struct fence *f, uint64_t drive_key);
/* Refuses all answers that were asked for before this call. */
void fence_raise(struct fence *f);
/* Whether an answer may be kept that saw seq and was asked for when fence_now was `sent`. keys[0] is the drive's. */
enum fence_verdict fence_check(struct fence *f, const uint64_t *keys, size_t count, int64_t seq, uint64_t sent);

#endif
