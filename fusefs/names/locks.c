#include "fusefs/names/locks.h"

#include "common/base/limits.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <utlist.h>

void locks_init(struct locks *l, bool posix)
{
	*l = (struct locks){.posix = posix};
}

static void drop(struct locks *l, struct lock **list, struct lock *k)
{
	DL_DELETE(*list, k);
	free(k);
	l->count--;
}

void locks_unset_all(struct locks *l)
{
	while (l->held)
		drop(l, &l->held, l->held);
}

void locks_fini(struct locks *l)
{
	assert(!l->waiting);
	locks_unset_all(l);
}

bool locks_empty(const struct locks *l)
{
	return !l->held && !l->waiting;
}

static bool overlap(const struct lock *a, const struct lock *b)
{
	return a->start <= b->end && b->start <= a->end;
}

static bool in_the_way(const struct lock *held, const struct lock *wanted)
{
	return held->owner != wanted->owner && (held->exclusive || wanted->exclusive) && overlap(held, wanted);
}

const struct lock *locks_test(const struct locks *l, const struct lock *wanted)
{
	const struct lock *k, *first = NULL;

	DL_FOREACH(l->held, k) {
		if (in_the_way(k, wanted) && (!first || k->start < first->start))
			first = k;
	}
	return first;
}

static bool is_free(const struct locks *l, const struct lock *wanted)
{
	const struct lock *k;

	DL_FOREACH(l->held, k) {
		if (in_the_way(k, wanted))
			return false;
	}
	return true;
}

static struct lock *copy(const struct lock *from)
{
	struct lock *k = malloc(sizeof(*k));

	if (k)
		*k = *from;
	return k;
}

int locks_unset(struct locks *l, uint64_t owner, int64_t start, int64_t end)
{
	struct lock *k, *next;

	DL_FOREACH_SAFE(l->held, k, next) {
		if (k->owner != owner || k->start > end || k->end < start)
			continue;
		if (k->start < start && k->end > end) {
			struct lock *tail = l->count < LOCKS_PER_FILE_MAX ? copy(k) : NULL;

			if (!tail)
				return l->count < LOCKS_PER_FILE_MAX ? -ENOMEM : -ENOLCK;
			tail->start = end + 1;
			k->end = start - 1;
			DL_APPEND(l->held, tail);
			l->count++;
			return 0; /* ranges of one owner are disjoint */
		}
		if (k->start < start)
			k->end = start - 1;
		else if (k->end > end)
			k->start = end + 1;
		else
			drop(l, &l->held, k);
	}
	return 0;
}

/* Joins k with ranges that touch it and are of the same owner and kind, so that a range locked byte by byte
 * stays one. */
static void merge(struct locks *l, struct lock *k)
{
	struct lock *other, *next;

	DL_FOREACH_SAFE(l->held, other, next) {
		bool after = k->end < INT64_MAX && other->start == k->end + 1;
		bool before = other->end < INT64_MAX && k->start == other->end + 1;

		if (other == k || other->owner != k->owner || other->exclusive != k->exclusive || (!after && !before))
			continue;
		if (after)
			k->end = other->end;
		else
			k->start = other->start;
		drop(l, &l->held, other);
	}
}

int locks_set(struct locks *l, const struct lock *wanted)
{
	struct lock *k;
	int r;

	if (!is_free(l, wanted))
		return -EAGAIN;
	if (l->count + 2 > LOCKS_PER_FILE_MAX)
		return -ENOLCK;
	k = copy(wanted);
	if (!k)
		return -ENOMEM;
	r = locks_unset(l, wanted->owner, wanted->start, wanted->end);
	if (r < 0) {
		free(k);
		return r;
	}
	k->waiter = NULL;
	DL_APPEND(l->held, k);
	l->count++;
	merge(l, k);
	return 0;
}

/* Whether `owner` waits, directly or through other waiters, for a lock of `on`. depth bounds the recursion. */
static bool waits_for(const struct locks *l, uint64_t owner, uint64_t on, unsigned depth)
{
	const struct lock *w, *k;

	if (depth == 0)
		return false;
	DL_FOREACH(l->waiting, w) {
		if (w->owner != owner)
			continue;
		DL_FOREACH(l->held, k) {
			if (in_the_way(k, w) && (k->owner == on || waits_for(l, k->owner, on, depth - 1)))
				return true;
		}
	}
	return false;
}

#define DEADLOCK_DEPTH 8u /* longer cycles are not searched for: a signal has to end them */

int locks_wait(struct locks *l, const struct lock *wanted)
{
	const struct lock *k;
	struct lock *w;

	if (!l->posix)
		(void)locks_unset(l, wanted->owner, 0, INT64_MAX);
	DL_FOREACH(l->held, k) {
		if (l->posix && in_the_way(k, wanted) && waits_for(l, k->owner, wanted->owner, DEADLOCK_DEPTH))
			return -EDEADLK;
	}
	if (l->count >= LOCKS_PER_FILE_MAX)
		return -ENOLCK;
	w = copy(wanted);
	if (!w)
		return -ENOMEM;
	DL_APPEND(l->waiting, w);
	l->count++;
	return 0;
}

static void *take_waiter(struct locks *l, struct lock *w)
{
	void *waiter = w->waiter;

	drop(l, &l->waiting, w);
	return waiter;
}

void *locks_next(struct locks *l)
{
	struct lock *w;

	DL_FOREACH(l->waiting, w) {
		if (is_free(l, w))
			return take_waiter(l, w);
	}
	return NULL;
}

void *locks_take_waiter(struct locks *l)
{
	return l->waiting ? take_waiter(l, l->waiting) : NULL;
}

void locks_unset_via(struct locks *l, uint64_t via)
{
	struct lock *k, *next;

	DL_FOREACH_SAFE(l->held, k, next) {
		if (k->via == via)
			drop(l, &l->held, k);
	}
}

bool locks_has_owner(const struct locks *l, uint64_t owner)
{
	const struct lock *k;

	DL_FOREACH(l->held, k) {
		if (k->owner == owner)
			return true;
	}
	return false;
}

bool locks_has_via(const struct locks *l, uint64_t via)
{
	const struct lock *k;

	DL_FOREACH(l->held, k) {
		if (k->via == via)
			return true;
	}
	return false;
}

int locks_copy(const struct locks *l, struct locks *ret)
{
	const struct lock *k;

	locks_init(ret, l->posix);
	DL_FOREACH(l->held, k) {
		struct lock *c = copy(k);

		if (!c) {
			locks_unset_all(ret);
			return -ENOMEM;
		}
		DL_APPEND(ret->held, c);
		ret->count++;
	}
	return 0;
}

void locks_take_held(struct locks *l, struct locks *from)
{
	locks_unset_all(l);
	l->held = from->held;
	l->count += from->count;
	locks_init(from, from->posix);
}

static int by_start(const void *a, const void *b)
{
	const struct store_lock_range *x = a, *y = b;

	return x->from < y->from ? -1 : x->from > y->from;
}

/* list is sorted by start: joins ranges of one kind that overlap or touch. Exclusive ranges overlap nothing.
 * Returns how many are left. */
static size_t join(struct store_lock_range *list, size_t count)
{
	size_t last[2] = {SIZE_MAX, SIZE_MAX}, used = 0; /* index of the last range of each kind */

	for (size_t i = 0; i < count; i++) {
		const struct store_lock_range r = list[i];
		struct store_lock_range *before = last[r.exclusive] != SIZE_MAX ? &list[last[r.exclusive]] : NULL;

		if (before && (before->to == INT64_MAX || r.from <= before->to + 1)) {
			before->to = r.to > before->to ? r.to : before->to;
			continue;
		}
		last[r.exclusive] = used;
		list[used++] = r;
	}
	return used;
}

int locks_union(const struct locks *l, struct store_lock_range **ret, size_t *ret_count)
{
	struct store_lock_range *list = malloc((l->count + 1) * sizeof(*list));
	const struct lock *k;
	size_t count = 0;

	if (!list)
		return -ENOMEM;
	DL_FOREACH(l->held, k)
		list[count++] = (struct store_lock_range){k->start, k->end, k->exclusive};
	qsort(list, count, sizeof(*list), by_start);
	count = join(list, count);
	if (count > LOCK_RANGES_MAX) {
		free(list);
		return -ENOLCK;
	}
	*ret = list;
	*ret_count = count;
	return 0;
}

bool locks_cancel(struct locks *l, const void *waiter)
{
	struct lock *w;

	DL_FOREACH(l->waiting, w) {
		if (w->waiter != waiter)
			continue;
		drop(l, &l->waiting, w);
		return true;
	}
	return false;
}
