#include "fusefs/store/testing/mem_internal.h"

#include "common/base/clock.h"
#include "common/base/error.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <utlist.h>

/*
 * File locks of the store in memory. As PROTOCOL.md says, a drive has one entry for each session, document and kind
 * of lock, with the ranges that are held: a request says all that the session holds of one document from now on.
 *
 * A request is a call like any other, run by the store's thread. A call that waits is checked whenever the drive
 * changes, and answered when its range is free. A test can cause a loss of locks, as when a session was silent for
 * too long: then writes of that session to the document are refused until lock_settled.
 */

static bool is_in_the_way(const struct store_lock_range *a, const struct store_lock_range *ranges, size_t count)
{
	for (size_t n = 0; n < count; n++) {
		const struct store_lock_range *b = &ranges[n];

		if (a->from <= b->to && b->from <= a->to && (a->exclusive || b->exclusive))
			return true;
	}
	return false;
}

static const struct store_lock_range *conflict(
	const struct mem_store *s, const struct store_lock *lock, const struct store_lock_range *ranges, size_t count)
{
	const struct store_lock_range *first = NULL;
	const struct mem_lock *k;

	DL_FOREACH(s->d->locks, k) {
		if (k->s == s || k->id != lock->id || k->flock != lock->flock)
			continue;
		for (size_t i = 0; i < k->count; i++) {
			const struct store_lock_range *a = &k->ranges[i];

			if ((!first || a->from < first->from) && is_in_the_way(a, ranges, count))
				first = a;
		}
	}
	return first;
}

static void drop(struct mem_drive *d, struct mem_lock *k)
{
	assert(d->locks && k->count > 0); /* an entry without ranges is not kept */
	DL_DELETE(d->locks, k);
	free(k->ranges);
	free(k);
}

void mem_locks_drop(struct mem_store *s)
{
	struct mem_lock *k, *next;

	DL_FOREACH_SAFE(s->d->locks, k, next) {
		if (k->s == s)
			drop(s->d, k);
	}
	mem_wake_all(s->d);
}

static void hold(struct mem_store *s, const struct store_lock *lock)
{
	struct mem_lock *k, *next;

	DL_FOREACH_SAFE(s->d->locks, k, next) {
		if (k->s == s && k->id == lock->id && k->flock == lock->flock)
			drop(s->d, k);
	}
	if (lock->count > 0) {
		k = calloc(1, sizeof(*k));
		if (!k)
			abort();
		*k = (struct mem_lock){.s = s, .id = lock->id, .flock = lock->flock, .count = lock->count};
		k->ranges = malloc(lock->count * sizeof(*k->ranges));
		if (!k->ranges)
			abort();
		memcpy(k->ranges, lock->held, lock->count * sizeof(*k->ranges));
		DL_APPEND(s->d->locks, k);
	}
	mem_wake_all(s->d);
}

static void run_lock(struct mem_call *call)
{
	struct mem_store *s = call->s;
	struct mem_doc *doc = mem_doc_find(s->d, call->lock.id);
	struct store_lock_reply *reply = &call->lock_reply;
	const struct store_lock_range *other;

	s->d->counts.locks++;
	reply->life = s->lock_life;
	if (call->lock.life != s->lock_life || !doc) {
		call->error = doc ? -ERR_SESSION_GONE : -ENOENT;
		return;
	}
	other = conflict(s, &call->lock, call->lock.held, call->lock.count);
	reply->granted = !other;
	reply->in_the_way = other != NULL;
	if (other) {
		reply->other = *other;
		return;
	}
	hold(s, &call->lock);
	mem_item(doc, NULL, &call->item);
	call->item.has_inline = false;
	reply->item = &call->item;
	reply->at = (struct store_position){1, s->d->seq};
}

static void tell_lock(struct mem_call *call)
{
	call->done.lock(call->cookie, call->error, &call->lock_reply);
}

store_ticket mem_lock(struct store *base, const struct store_lock *lock,
	void (*done)(void *cookie, int error, const struct store_lock_reply *reply), void *cookie)
{
	struct mem_call *call = mem_call_new(base, run_lock, tell_lock, cookie);

	call->lock = *lock;
	call->done.lock = done;
	return mem_call_start(call, false);
}

static bool is_free(const struct mem_call *call)
{
	return !conflict(call->s, &call->lock, &call->range, 1);
}

static void run_nothing(struct mem_call *call)
{
	(void)call;
}

static void tell_wait(struct mem_call *call)
{
	call->done.lock_wait(call->cookie, call->error);
}

store_ticket mem_lock_wait(struct store *base, const struct store_lock *lock, unsigned wait_s,
	void (*done)(void *cookie, int error), void *cookie)
{
	struct mem_call *call = mem_call_new(base, run_nothing, tell_wait, cookie);

	assert(lock->queue);
	call->lock = *lock;
	call->range = *lock->queue;
	call->due_ns = clock_mono_ns() + wait_s * NS_PER_S;
	call->is_over = is_free;
	call->done.lock_wait = done;
	return mem_call_start(call, true);
}

static void run_test(struct mem_call *call)
{
	const struct store_lock_range *other = conflict(call->s, &call->lock, &call->range, 1);

	call->lock_reply.in_the_way = other != NULL;
	if (other)
		call->lock_reply.other = *other;
}

static void tell_test(struct mem_call *call)
{
	call->done.lock_test(call->cookie, call->error, call->lock_reply.in_the_way ? &call->lock_reply.other : NULL);
}

store_ticket mem_lock_test(struct store *base, const struct store_lock *lock,
	void (*done)(void *cookie, int error, const struct store_lock_range *other), void *cookie)
{
	struct mem_call *call = mem_call_new(base, run_test, tell_test, cookie);

	call->lock = *lock;
	call->range = *lock->queue;
	call->done.lock_test = done;
	return mem_call_start(call, false);
}

/* ---- lost locks ---- */

void mem_store_lose_locks(struct store *s)
{
	struct mem_store *m = (struct mem_store *)s;
	struct mem_lock *k;

	pthread_mutex_lock(&m->d->lock);
	DL_FOREACH(m->d->locks, k) {
		if (k->s == m)
			m->lost = k->id;
	}
	mem_locks_drop(m);
	m->lock_life++;
	pthread_mutex_unlock(&m->d->lock);
}

bool mem_lock_refuses(const struct mem_store *s, const struct op *op)
{
	return s->lost != 0 && op->kind == OP_WRITE && op->id == s->lost;
}

void mem_lock_settled(struct store *base, int64_t id)
{
	struct mem_store *s = (struct mem_store *)base;

	pthread_mutex_lock(&s->d->lock);
	if (s->lost == id)
		s->lost = 0;
	pthread_mutex_unlock(&s->d->lock);
}
