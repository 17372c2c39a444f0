#include "fusefs/ops/ops_patience.h"

#include "common/base/clock.h"
#include "common/base/cond.h"
#include "common/base/error.h"
#include "fusefs/core/caller.h"
#include "fusefs/ops/ask.h"
#include "fusefs/ops/ops_fs.h"

#include <errno.h>
#include <stdlib.h>

/*
 * A look has three steps: with the lock, collect the requests to be looked at; without it, find out whether their
 * callers are dying (this reads /proc); with the lock again, apply the verdicts. By then a request may be over, and
 * another one may have the same fuse_req_t: so a candidate is also identified by its number.
 */

struct candidate {
	fuse_req_t req;
	uint64_t number;
	pid_t tid;
	bool interrupted, dying;
};

/* How long the ask has waited for a store that answers nobody. Gateways may answer other requests from memory
 * meanwhile. An ask that failed with an outage and tried again must not wait for a second outage because of that. */
static int64_t silent_ns(const struct ask *ask, int64_t now)
{
	if (ask->away)
		return now - ask->began_ns;
	return store_silent_ns(ask->fs->core.store, ask->began_ns, now);
}

static bool is_due(const struct ask *ask, int64_t now)
{
	return now >= ask->look_ns && (ask->interrupted || silent_ns(ask, now) >= PATIENCE_OUTAGE_NS);
}

/* The requests that are due, and their number; NULL: none, or no memory for the list. ret_later: others will be due
 * soon. The store may answer, or fall silent, between the two passes: a request that becomes due by that is found by
 * the next look. */
static struct candidate *gather(struct fs *fs, size_t *ret_count, bool *ret_later)
{
	const int64_t now = clock_mono_ns();
	struct candidate *list;
	struct ask *ask, *next;
	size_t count = 0, at = 0;

	*ret_later = false;
	HASH_ITER(hh, fs->asks.by_req, ask, next) {
		count += is_due(ask, now);
		*ret_later = *ret_later || ask->interrupted;
	}
	list = count > 0 ? calloc(count, sizeof(*list)) : NULL;
	if (!list)
		return NULL;
	HASH_ITER(hh, fs->asks.by_req, ask, next) {
		if (at == count || !is_due(ask, now))
			continue;
		ask->look_ns = now + PATIENCE_LOOK_NS;
		list[at++] = (struct candidate){
			.req = ask->req, .number = ask->number, .tid = ask->tid, .interrupted = ask->interrupted};
	}
	*ret_count = at;
	return list;
}

static struct ask *find(struct fs *fs, const struct candidate *c)
{
	struct ask *ask;

	HASH_FIND_PTR(fs->asks.by_req, &c->req, ask);
	return ask && ask->number == c->number ? ask : NULL;
}

/* Cancels the operation that the ask waits for, if it can be cancelled. The ask may be freed by this. */
static void end(struct ask *ask, int error)
{
	ask->ends_with = error;
	ask->cancel(ask);
}

static void apply(struct fs *fs, const struct candidate *c)
{
	struct ask *ask = find(fs, c);
	struct patience_case now = {.interrupted = c->interrupted, .dying = c->dying};

	if (!ask || !ask->cancel)
		return; /* the request is over, or does not wait yet, or is being ended */
	now.silent_ns = silent_ns(ask, clock_mono_ns());
	switch (patience_of(ask->call, &now)) {
	case PATIENCE_WAIT:
		return;
	case PATIENCE_INTERRUPT:
		end(ask, -EINTR);
		return;
	case PATIENCE_GIVE_UP:
		end(ask, -ERR_NO_GATEWAY);
		return;
	case PATIENCE_LET_GO:
		ask->let_go = true;
		end(ask, -EINTR);
		ask = find(fs, c);
		if (ask)
			fuse_reply_err(ask_take(ask), EINTR);
		return;
	}
}

/* The caller holds the lock, which is released and taken again in between. Returns whether requests have to be looked
 * at again soon. */
static bool look(struct fs *fs)
{
	bool later;
	size_t count;
	struct candidate *list = gather(fs, &count, &later);

	oplog_look(fs->oplog, clock_mono_ns());
	if (!list)
		return later;
	core_unlock(&fs->core);
	for (size_t i = 0; i < count; i++)
		list[i].dying = list[i].interrupted && caller_is_dying(list[i].tid);
	core_lock(&fs->core);
	for (size_t i = 0; i < count; i++)
		apply(fs, &list[i]);
	free(list);
	return later;
}

static void wait_until(struct fs *fs, int64_t until_ns)
{
	struct asks *asks = &fs->asks;

	while (!asks->stop && !asks->news && clock_mono_ns() < until_ns)
		core_wait(&fs->core, &asks->wake, until_ns);
}

static void *patience_main(void *cookie)
{
	struct fs *fs = cookie;
	struct asks *asks = &fs->asks;
	uint64_t begun = 0;

	core_lock(&fs->core);
	while (!asks->stop) {
		bool quiet = asks->begun == begun && !asks->by_req;

		begun = asks->begun;
		asks->news = false;
		if (look(fs)) {
			wait_until(fs, clock_mono_ns() + PATIENCE_LOOK_NS);
		} else if (!quiet) {
			/* While requests wait now and then, the thread looks by itself, and no request has to wake
			 * it. */
			wait_until(fs, clock_mono_ns() + PATIENCE_REST_NS);
		} else {
			asks->asleep = true;
			while (!asks->stop && !asks->news && asks->begun == begun)
				core_wait(&fs->core, &asks->wake, COND_FOREVER);
			asks->asleep = false;
		}
		/* Run what this thread left for later. */
		(void)core_run_later(&fs->core);
	}
	core_unlock(&fs->core);
	return NULL;
}

int ops_patience_start(struct fs *fs)
{
	int r = pthread_create(&fs->asks.thread, NULL, patience_main, fs);

	fs->asks.running = r == 0;
	return -r;
}

void ops_patience_stop(struct fs *fs)
{
	struct asks *asks = &fs->asks;

	if (!asks->running)
		return;
	core_lock(&fs->core);
	asks->stop = true;
	pthread_cond_signal(&asks->wake);
	core_unlock(&fs->core);
	pthread_join(asks->thread, NULL);
	asks->running = false;
}
