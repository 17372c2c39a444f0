/*
 * fence: which fills may be kept. While an answer is on its way, tags that it was made from may be dropped; it came too
 * late then, and must not lie in the cache as if it were true. The fence remembers for a while which tag was dropped at
 * which position, and refuses an answer that saw less ("The rule of fills", common/proto/fill.h).
 *
 * How much it remembers is bounded. Each call that drops has a number. What is forgotten leaves a floor: an answer that
 * was asked for before the last forgotten drop is refused, whatever it was made from. So who asks takes the number
 * first (fence_now). The floor is such a number and not a position, because one table serves all drives, whose
 * positions say nothing about each other; and an answer that was asked for after a drop has seen the change.
 *
 * Slots lie in sets of eight, by the tag's key: a tag that is dropped again takes its own slot, a new one the oldest of
 * its set. An answer's first key is its drive's, by which a drive can be forgotten as a whole.
 *
 * Any thread. One lock is enough: hits never come here, and a miss costs a request to a service.
 */
#ifndef NEPHOS_GATEWAY_CACHE_FENCE_H
#define NEPHOS_GATEWAY_CACHE_FENCE_H

#include <stddef.h>
#include <stdint.h>

struct fence;

enum fence_verdict {
	FENCE_STANDS,
	FENCE_DROPPED,	/* one of its tags was dropped behind its position */
	FENCE_FORGOTTEN /* it was asked for before a drop that is not remembered, or before its drive was forgotten */
};

#define FENCE_SLOTS_MIN 256u
/* 1.5 MiB: one batch of 4096 ops drops 20,000 tags or so, and a fill may meet three. */
#define FENCE_SLOTS_MAX 65536u

/* slots: rounded down to a power of two within the limits. -ENOMEM */
int fence_new(size_t slots, struct fence **ret);
void fence_free(struct fence *f); /* NULL is fine */
/* What one of so many slots takes, and takes for good. */
size_t fence_cost(size_t slots);

uint64_t fence_now(struct fence *f);
/* The tags of these keys changed at seq. */
void fence_drop(struct fence *f, const uint64_t *keys, size_t count, int64_t seq);
/* Whatever was asked for of this drive is refused. Positions of before do not count any more either: they may belong to
 * another life of the drive. */
void fence_forget(struct fence *f, uint64_t drive_key);
/* Whatever was asked for is refused. */
void fence_raise(struct fence *f);
/* Whether an answer may be kept that saw seq, and was asked for at sent. keys[0] is the drive's. */
enum fence_verdict fence_check(struct fence *f, const uint64_t *keys, size_t count, int64_t seq, uint64_t sent);

#endif
