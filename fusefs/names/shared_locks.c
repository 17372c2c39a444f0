#include "fusefs/names/shared_locks.h"

#include "fusefs/names/shared_locks_internal.h"

#include "common/base/log.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <utlist.h>

void shared_locks_set_init(struct shared_locks_set *set, const struct shared_locks_options *options)
{
	*set = (struct shared_locks_set){
		.core = options->core, .local = options->local, .hooks = options->hooks, .cookie = options->cookie};
}

/* -- tables -- */

static struct shared_locks **place_of(struct inode *inode, bool posix)
{
	return posix ? &inode->posix : &inode->flock;
}

static struct shared_locks *table_get(struct shared_locks_set *set, struct inode *inode, bool posix)
{
	struct shared_locks **place = place_of(inode, posix), *t = *place;

	if (t)
		return t;
	t = calloc(1, sizeof(*t));
	if (!t)
		return NULL;
	t->set = set;
	t->inode = inode_ref(inode);
	t->posix = posix;
	locks_init(&t->local, posix);
	DL_APPEND(set->tables, t);
	*place = t;
	return t;
}

static void table_free(struct shared_locks *t)
{
	*place_of(t->inode, t->posix) = NULL;
	DL_DELETE(t->set->tables, t);
	locks_fini(&t->local);
	free(t->granted);
	free(t);
}

/* Frees the table when nothing needs it. */
static void table_put(struct shared_locks *t)
{
	struct inode *inode = t->inode;

	if (t->queue || t->current || t->away || !locks_empty(&t->local) || t->granted_count > 0 || t->unsure)
		return;
	table_free(t);
	inode_unref(inode);
}

static void request_free(struct lock_request *r)
{
	locks_unset_all(&r->next_held);
	free(r->ranges);
	free(r);
}

void shared_locks_free(struct shared_locks *t)
{
	if (!t)
		return;
	assert(!t->queue && !t->current && !t->away);
	table_free(t);
}

const struct lock *shared_locks_test(const struct shared_locks *t, const struct lock *wanted)
{
	return t ? locks_test(&t->local, wanted) : NULL;
}

/* A queued or current request may add such a lock before an unlock request gets its turn. */
bool shared_locks_has_owner(const struct shared_locks *t, uint64_t owner)
{
	return t && (t->queue || t->current || locks_has_owner(&t->local, owner));
}

bool shared_locks_has_file(const struct shared_locks *t, uint64_t via)
{
	return t && (t->queue || t->current || locks_has_via(&t->local, via));
}

/* -- requests -- */

struct lock_request *shared_locks_request_new(
	struct shared_locks_set *set, struct inode *inode, bool posix, const struct lock_want *want)
{
	struct shared_locks *t = table_get(set, inode, posix);
	struct lock_request *r = t ? calloc(1, sizeof(*r)) : NULL;

	if (!r) {
		if (t)
			table_put(t);
		return NULL;
	}
	r->table = t;
	r->want = *want;
	locks_init(&r->next_held, posix);
	return r;
}

void shared_locks_request_finish(struct lock_request *r, int error)
{
	void (*done)(void *cookie, int error) = r->want.done;
	void *cookie = r->want.cookie;

	request_free(r);
	if (done)
		done(cookie, error);
}

void shared_locks_enqueue(struct shared_locks *t, struct lock_request *r, bool first)
{
	r->state = LOCK_QUEUED;
	if (first)
		DL_PREPEND(t->queue, r);
	else
		DL_APPEND(t->queue, r);
}

void shared_locks_sync(struct shared_locks *t)
{
	struct lock_request *r = t->set->local ? NULL : calloc(1, sizeof(*r));

	t->unsure = !t->set->local;
	if (!r)
		return;
	r->table = t;
	r->sync = true;
	locks_init(&r->next_held, t->posix);
	shared_locks_enqueue(t, r, true);
}

/* Queues again the waiters that no lock of this mount blocks any more. */
static void wake_here(struct shared_locks *t)
{
	struct lock_request *r;

	while ((r = locks_next(&t->local)))
		shared_locks_enqueue(t, r, false);
}

void shared_locks_commit(struct shared_locks *t, struct lock_request *r)
{
	locks_take_held(&t->local, &r->next_held);
	wake_here(t);
}

/* Computes what the table would hold with r. */
static int change(const struct shared_locks *t, struct lock_request *r)
{
	const struct lock *k = &r->want.lock;
	int error = locks_copy(&t->local, &r->next_held);

	if (error < 0 || r->sync)
		return error;
	switch (r->want.kind) {
	case LOCK_SET:
		return locks_set(&r->next_held, k);
	case LOCK_CLEAR:
		return locks_unset(&r->next_held, k->owner, k->start, k->end);
	case LOCK_CLEAR_FILE:
		locks_unset_via(&r->next_held, k->via);
		return 0;
	}
	return -EINVAL;
}

static bool is_granted(const struct shared_locks *t, const struct lock_request *r)
{
	if (t->set->local)
		return true;
	if (t->unsure || t->granted_count != r->range_count)
		return false;
	for (size_t i = 0; i < t->granted_count; i++) {
		const struct store_lock_range *a = &t->granted[i], *b = &r->ranges[i];

		if (a->from != b->from || a->to != b->to || a->exclusive != b->exclusive)
			return false;
	}
	return true;
}

/* Whether every range that is exclusive now stays exclusive. Both lists are sorted, and adjacent exclusive
 * ranges of one list are joined to one. */
static bool keeps_exclusive(const struct shared_locks *t, const struct lock_request *r)
{
	for (size_t i = 0; i < t->granted_count; i++) {
		const struct store_lock_range *a = &t->granted[i];
		bool kept = !a->exclusive;

		for (size_t n = 0; n < r->range_count && !kept; n++) {
			const struct store_lock_range *b = &r->ranges[n];

			kept = b->exclusive && b->from <= a->from && b->to >= a->to;
		}
		if (!kept)
			return false;
	}
	return true;
}

/* flock: a conversion releases the old lock first, as flock(2) says, even when the new one cannot be granted. */
static void give_up_own(struct shared_locks *t, const struct lock_request *r)
{
	if (t->posix || !locks_has_owner(&t->local, r->want.lock.owner))
		return;
	(void)locks_unset(&t->local, r->want.lock.owner, 0, INT64_MAX);
	shared_locks_sync(t);
	wake_here(t);
}

void shared_locks_refused(struct shared_locks *t, struct lock_request *r)
{
	give_up_own(t, r);
	if (r->want.sleep)
		shared_locks_wait(t, r);
	else
		shared_locks_request_finish(r, -EAGAIN);
}

/* A process of this mount holds a conflicting lock. */
static void meets_here(struct shared_locks *t, struct lock_request *r)
{
	struct lock wanted = r->want.lock;
	int error;

	give_up_own(t, r);
	wanted.waiter = r;
	r->state = LOCK_HERE;
	error = r->want.sleep ? locks_wait(&t->local, &wanted) : -EAGAIN;
	if (error < 0)
		shared_locks_request_finish(r, error);
}

static void on_flushed(void *cookie, int error)
{
	struct lock_request *r = cookie;

	(void)error; /* fsync or close reports it to the writer; the lock is released all the same */
	shared_locks_ask(r->table, r);
}

/* Before a lock is released, stores what was written under it; then asks the store. */
static void flush_and_ask(struct shared_locks *t, struct lock_request *r)
{
	const struct shared_locks_set *set = t->set;
	int waits = 1;

	if (!keeps_exclusive(t, r))
		waits = set->hooks->store_dirty(set->cookie, t->inode, on_flushed, r);
	if (waits != 0)
		shared_locks_ask(t, r);
}

static void reset(struct lock_request *r)
{
	locks_unset_all(&r->next_held);
	free(r->ranges);
	r->ranges = NULL;
	r->range_count = 0;
}

static void perform(struct shared_locks *t, struct lock_request *r)
{
	int error;

	assert(!t->current && r->table == t && r->state == LOCK_QUEUED);
	if (!r->sync && r->want.kind == LOCK_SET && locks_test(&t->local, &r->want.lock)) {
		meets_here(t, r);
		return;
	}
	reset(r);
	error = change(t, r);
	if (error == 0)
		error = locks_union(&r->next_held, &r->ranges, &r->range_count);
	if (error < 0) {
		shared_locks_request_finish(r, error);
	} else if (is_granted(t, r)) {
		shared_locks_commit(t, r);
		shared_locks_request_finish(r, 0);
	} else {
		r->state = LOCK_CURRENT;
		t->current = r;
		flush_and_ask(t, r);
	}
}

void shared_locks_run(struct shared_locks *t)
{
	/* A call further up the stack continues. */
	if (t->running)
		return;
	t->running = true;
	while (!t->current && t->queue) {
		struct lock_request *r = t->queue;

		DL_DELETE(t->queue, r);
		perform(t, r);
	}
	assert(t->current || !t->queue);
	t->running = false;
	table_put(t);
}

void shared_locks_request_start(struct lock_request *r)
{
	struct shared_locks *t = r->table;

	shared_locks_enqueue(t, r, false);
	shared_locks_run(t);
}

bool shared_locks_request_waits(const struct lock_request *r)
{
	return r->state == LOCK_HERE || r->state == LOCK_AWAY;
}

/* The request is not wanted any more. Its call in flight ends normally; a lock that is then granted is released
 * again. */
static void give_up_current(struct lock_request *r, int error)
{
	void (*done)(void *cookie, int error) = r->want.done;

	r->given_up = true;
	r->want.done = NULL;
	if (done)
		done(r->want.cookie, error);
}

void shared_locks_request_cancel(struct lock_request *r, int error)
{
	struct shared_locks *t = r->table;

	switch (r->state) {
	case LOCK_NEW:
		break;
	case LOCK_QUEUED:
		DL_DELETE(t->queue, r);
		break;
	case LOCK_CURRENT:
		give_up_current(r, error);
		return;
	case LOCK_HERE:
		(void)locks_cancel(&t->local, r);
		break;
	case LOCK_AWAY:
		shared_locks_away_leave(r);
		break;
	}
	shared_locks_request_finish(r, error);
	shared_locks_run(t);
}

/* -- lost locks, and requests owed to the store -- */

static void fail_waiting(struct shared_locks *t)
{
	struct lock_request *r, *next;

	while ((r = locks_take_waiter(&t->local)))
		shared_locks_request_finish(r, -EIO);
	DL_FOREACH_SAFE(t->queue, r, next) {
		if (r->sync || r->want.kind != LOCK_SET)
			continue;
		DL_DELETE(t->queue, r);
		shared_locks_request_finish(r, -EIO);
	}
}

void shared_locks_end(struct shared_locks_set *set)
{
	struct shared_locks *t;

	DL_FOREACH(set->tables, t) {
		struct lock_request *r, *next;

		fail_waiting(t);
		DL_FOREACH_SAFE(t->queue, r, next) {
			DL_DELETE(t->queue, r);
			shared_locks_request_finish(r, -EIO);
		}
	}
}

/* Ends everything that relied on the lost locks. */
static void table_lost(struct shared_locks *t)
{
	log_error(NULL,
		"document %" PRId64
		": its file locks are lost, as the store did not hear of this mount for too long: programs that have it open get EIO until they close it",
		t->inode->id);
	locks_unset_all(&t->local);
	t->set->hooks->lost(t->set->cookie, t->inode);
	fail_waiting(t);
}

static void forget_granted(struct shared_locks *t)
{
	free(t->granted);
	t->granted = NULL;
	t->granted_count = 0;
	t->unsure = false;
}

void shared_locks_lost(struct shared_locks_set *set, uint64_t life)
{
	struct store *store = set->core->store;
	struct shared_locks *t;

	if (life <= set->life)
		return;
	set->life = life;
	DL_FOREACH(set->tables, t) {
		forget_granted(t); /* the new session has no locks */
		if (t->local.held)
			table_lost(t);
		else
			store->ops->lock_settled(store, t->inode->id);
	}
}

void shared_locks_reached(struct shared_locks_set *set, uint64_t life)
{
	struct shared_locks *t, *next;

	shared_locks_lost(set, life);
	DL_FOREACH_SAFE(set->tables, t, next) {
		struct inode *inode = inode_ref(t->inode);

		if (t->unsure && !t->current)
			shared_locks_sync(t);
		shared_locks_run(t);
		inode_unref(inode);
	}
}
