#include "fusefs/names/shared_locks.h"

#include "fusefs/content/file.h"
#include "fusefs/core/attributes.h"
#include "fusefs/names/shared_locks_internal.h"

#include "common/base/error.h"
#include "common/base/limits.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <utlist.h>

/*
 * How lock requests get to the store, and how its answers are processed: the other half of shared_locks.
 *
 * A request that has become CURRENT sends the store all that the table would hold of the document from then on.
 * There are four outcomes. The store grants it: then the table holds it, the mount has the present state of the
 * document, and the kernel has dropped its pages of an older version before the caller goes on. Another mount has a
 * conflicting lock: then the request waits, or its caller gets -EAGAIN. The session had ended: then the earlier
 * locks are lost, and the request is sent again or fails. No answer came in time: then the store may have the old or
 * the new state; the table is unsure, and sends again what it holds after the next poll that is answered.
 *
 * A request that waits for other mounts waits at the store, by a call that returns when it is worth asking again.
 * All requests for the same range and kind of lock share one such call, and there are at most SHARED_LOCKS_AWAY_MAX
 * of them.
 */

/* -- a lock that the store granted -- */

/*
 * Takes over the present state of the document. Cached content of another version is dropped. 1: the kernel may have
 * pages or attributes of another version; it has to be notified before the lock is answered. This promises nothing
 * to programs that hold no lock.
 */
static int learn(struct core *core, struct inode *inode, const struct store_lock_reply *reply)
{
	const struct item *item = reply->item;
	const bool same = inode->known && inode->attr.seq == item->seq;
	struct inode *learnt;

	core_saw(core, reply->at);
	recent_add_document(&core->recent, item->seq, item->id); /* older answers in flight are not kept */
	learnt = attributes_learn(core, item, reply->at.seq, NULL);
	inode_unref(learnt);
	if (!learnt)
		return -ENOMEM;
	if (inode->file && inode->file->content.any && inode->file->content.content_seq != item->content_seq)
		file_drop_content(core, inode->file);
	if (inode->pages_seq == item->content_seq)
		return same ? 0 : 1;
	inode->pages_seq = 0;
	return 1;
}

static void over(struct shared_locks *t, struct lock_request *r, int error)
{
	assert(t->current == r);
	t->current = NULL;
	shared_locks_request_finish(r, error);
	shared_locks_run(t);
}

/* Called on the thread of notify. */
static void on_told(void *cookie)
{
	struct lock_request *r = cookie;
	struct core *core = r->table->set->core;

	core_lock(core);
	core_call_over(core);
	over(r->table, r, 0);
	core_unlock(core);
}

static void granted(struct shared_locks *t, struct lock_request *r, const struct store_lock_reply *reply)
{
	const bool pages = t->inode->pages_seq != reply->item->content_seq;
	const struct shared_locks_hooks *hooks = t->set->hooks;
	struct core *core = t->set->core;
	int error;

	free(t->granted);
	t->granted = r->ranges;
	t->granted_count = r->range_count;
	r->ranges = NULL;
	t->unsure = false;
	if (r->given_up) {
		/* The lock is not wanted any more: the next request tells the store what is held. */
		shared_locks_sync(t);
		over(t, r, 0);
		return;
	}
	shared_locks_commit(t, r);
	error = r->sync || r->want.kind != LOCK_SET ? 0 : learn(t->set->core, t->inode, reply);
	if (error > 0) {
		core_call_begins(core);
		if (hooks->tell_kernel(t->set->cookie, t->inode, pages, on_told, r))
			return;
		core_call_over(core);
	}
	over(t, r, error < 0 ? error : 0);
}

/* -- a lock that the store did not grant -- */

/* The request asked for less than the store had granted before: so the store has lost that. It is asked again
 * after each poll that is answered. */
static void lost_by_surprise(struct shared_locks *t, struct lock_request *r)
{
	t->unsure = true;
	shared_locks_commit(t, r);
	shared_locks_request_finish(r, 0);
}

static void not_granted(struct shared_locks *t, struct lock_request *r)
{
	assert(t->current == r && r->state == LOCK_CURRENT);
	t->current = NULL;
	if (r->given_up)
		shared_locks_request_finish(r, 0);
	else if (r->sync || r->want.kind != LOCK_SET)
		lost_by_surprise(t, r);
	else
		shared_locks_refused(t, r);
	shared_locks_run(t);
}

/* The store does not answer, or the document no longer exists. A release takes effect here in any case; the
 * store is notified when it can be reached again. */
static void failed(struct shared_locks *t, struct lock_request *r, int error)
{
	const bool sets = !r->sync && r->want.kind == LOCK_SET;

	t->unsure = error_errno(error) != ENOENT;
	if (!sets && !r->given_up)
		shared_locks_commit(t, r);
	if (!t->unsure) {
		free(t->granted);
		t->granted = NULL;
		t->granted_count = 0;
	}
	over(t, r, !sets ? 0 : t->unsure ? -ENOLCK : -ESTALE);
}

static void on_lock(void *cookie, int error, const struct store_lock_reply *reply)
{
	struct lock_request *r = cookie;
	struct shared_locks *t = r->table;
	struct shared_locks_set *set = t->set;
	struct core *core = set->core;

	core_lock(core);
	core_call_over(core);
	if (error == -ERR_SESSION_GONE && ++r->tries < SHARED_LOCKS_TRIES_MAX) {
		/* The request was computed from locks that are lost now. If this mount held none, it is sent
		 * again. */
		const bool lost = reply->life > set->life && t->local.held;

		shared_locks_lost(set, reply->life);
		t->current = NULL;
		if (r->given_up || (lost && !r->sync && r->want.kind == LOCK_SET))
			shared_locks_request_finish(r, -EIO);
		else
			shared_locks_enqueue(t, r, true);
		shared_locks_run(t);
	} else if (error < 0) {
		failed(t, r, error);
	} else if (reply->granted) {
		granted(t, r, reply);
	} else {
		not_granted(t, r);
	}
	core_unlock(core);
}

static struct store_lock_range range_of(const struct lock *k)
{
	return (struct store_lock_range){k->start, k->end, k->exclusive};
}

void shared_locks_ask(struct shared_locks *t, struct lock_request *r)
{
	const struct shared_locks_set *set = t->set;
	struct core *core = set->core;
	const struct store_lock_range want = range_of(&r->want.lock);
	const struct store_lock lock = {.id = t->inode->id,
		.flock = !t->posix,
		.held = r->ranges,
		.count = r->range_count,
		.queue = !r->sync && r->want.kind == LOCK_SET && r->want.sleep ? &want : NULL,
		.life = set->life};

	core_call_begins(core);
	(void)core->store->ops->lock(core->store, &lock, on_lock, r);
}

/* -- waiting for other mounts -- */

static void on_wait(void *cookie, int error)
{
	struct lock_away *away = cookie;
	struct shared_locks *t = away->table;
	struct core *core = t->set->core;
	struct lock_request *r, *next;

	core_lock(core);
	core_call_over(core);
	assert(t->set->away > 0);
	t->set->away--;
	DL_DELETE(t->away, away);
	DL_FOREACH_SAFE(away->requests, r, next) {
		DL_DELETE(away->requests, r);
		/* Whatever this answer is, the store's answer to the next lock request decides. Only when the
		 * store cannot be reached is it not asked again. */
		if (error < 0 && error != -ERR_SESSION_GONE)
			shared_locks_request_finish(r, error_errno(error) == ENOENT ? -ESTALE : -ENOLCK);
		else
			shared_locks_enqueue(t, r, false);
	}
	free(away);
	shared_locks_run(t);
	core_unlock(core);
}

static struct lock_away *away_find(struct shared_locks *t, const struct store_lock_range *want)
{
	struct lock_away *away;

	DL_FOREACH(t->away, away) {
		if (away->requests && away->want.from == want->from && away->want.to == want->to &&
			away->want.exclusive == want->exclusive)
			return away;
	}
	return NULL;
}

static struct lock_away *away_new(struct shared_locks *t, const struct store_lock_range *want)
{
	struct shared_locks_set *set = t->set;
	struct core *core = set->core;
	struct lock_away *away = set->away < SHARED_LOCKS_AWAY_MAX ? calloc(1, sizeof(*away)) : NULL;
	const struct store_lock lock = {.id = t->inode->id, .flock = !t->posix, .queue = want, .life = set->life};

	if (!away)
		return NULL;
	away->table = t;
	away->want = *want;
	DL_APPEND(t->away, away);
	set->away++;
	core_call_begins(core);
	away->ticket = core->store->ops->lock_wait(core->store, &lock, LOCK_WAIT_S, on_wait, away);
	return away;
}

void shared_locks_wait(struct shared_locks *t, struct lock_request *r)
{
	const struct store_lock_range want = range_of(&r->want.lock);
	struct lock_away *away;

	away = away_find(t, &want);
	if (!away)
		away = away_new(t, &want);
	if (!away) {
		shared_locks_request_finish(r, -ENOLCK);
		return;
	}
	r->state = LOCK_AWAY;
	DL_APPEND(away->requests, r);
}

void shared_locks_away_leave(struct lock_request *r)
{
	struct shared_locks *t = r->table;
	struct lock_away *away;

	DL_FOREACH(t->away, away) {
		struct lock_request *k;

		DL_FOREACH(away->requests, k) {
			if (k == r)
				break;
		}
		if (!k)
			continue;
		DL_DELETE(away->requests, r);
		if (!away->requests)
			t->set->core->store->ops->cancel(t->set->core->store, away->ticket);
		return;
	}
}
