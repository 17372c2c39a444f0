#include "fusefs/ops/ops_patience.h"

#include "common/base/clock.h"
#include "common/base/cond.h"
#include "common/base/error.h"
#include "fusefs/core/caller.h"
#include "fusefs/ops/ops_internal.h"

#include <errno.h>
#include <stdlib.h>

/*
 * A look has three steps: with the lock, who is to be looked at; without it, how their callers are (this reads /proc);
 * with it again, what follows. A request may be over by then, and another be kept where it was: so it is known by its
 * number, too.
 */

struct candidate {
	fuse_req_t req;
	uint64_t number;
	pid_t tid;
	bool interrupted, dying;
};

static int64_t silent_ns(const struct ask *ask, int64_t now)
{
	return store_silent_ns(ask->fs->store, ask->began_ns, now);
}

static bool is_due(const struct ask *ask, int64_t now)
{
	return now >= ask->look_ns && (ask->interrupted || silent_ns(ask, now) >= PATIENCE_OUTAGE_NS);
}

/* Those that are due, and how many; NULL: none, or no memory for them. ret_later: others will be soon. */
static struct candidate *gather(struct fs *fs, size_t *ret_count, bool *ret_later)
{
	const int64_t now = clock_mono_ns();
	struct candidate *list;
	struct ask *ask, *next;
	size_t count = 0, at = 0;

	*ret_later = false;
	HASH_ITER(hh, fs->pending, ask, next) {
		count += is_due(ask, now);
		*ret_later = *ret_later || ask->interrupted;
	}
	*ret_count = count;
	list = count > 0 ? calloc(count, sizeof(*list)) : NULL;
	if (!list)
		return NULL;
	HASH_ITER(hh, fs->pending, ask, next) {
		if (!is_due(ask, now))
			continue;
		ask->look_ns = now + PATIENCE_LOOK_NS;
		list[at++] = (struct candidate){
			.req = ask->req, .number = ask->number, .tid = ask->tid, .interrupted = ask->interrupted};
	}
	return list;
}

static struct ask *find(struct fs *fs, const struct candidate *c)
{
	struct ask *ask;

	HASH_FIND_PTR(fs->pending, &c->req, ask);
	return ask && ask->number == c->number ? ask : NULL;
}

/* What it asked for is taken back, if it can be. It may be freed then. */
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
		return; /* it is over, or does not wait yet, or its end is under way */
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
			ops_error(ask_take(ask), -EINTR);
		return;
	}
}

/* With the lock held; lets go of it meanwhile. Returns whether some are to be looked at again soon. */
static bool look(struct fs *fs)
{
	bool later;
	size_t count;
	struct candidate *list = gather(fs, &count, &later);

	oplog_look(fs->oplog, clock_mono_ns());
	if (!list)
		return later;
	fs_unlock(fs);
	for (size_t i = 0; i < count; i++)
		list[i].dying = list[i].interrupted && caller_is_dying(list[i].tid);
	fs_lock(fs);
	for (size_t i = 0; i < count; i++)
		apply(fs, &list[i]);
	free(list);
	return later;
}

static void wait_until(struct ops_patience *p, int64_t until_ns)
{
	while (!p->stop && !p->news)
		if (!cond_wait_until(&p->wake, &p->fs->lock, until_ns))
			return;
}

static void *patience_main(void *cookie)
{
	struct ops_patience *p = cookie;
	struct fs *fs = p->fs;
	uint64_t asked = 0;

	fs_lock(fs);
	while (!p->stop) {
		bool quiet = p->asked == asked && !fs->pending;

		asked = p->asked;
		p->news = false;
		if (look(fs)) {
			wait_until(p, clock_mono_ns() + PATIENCE_LOOK_NS);
		} else if (!quiet) {
			/* As long as somebody waits now and then it looks by itself: nobody has to wake it. */
			wait_until(p, clock_mono_ns() + PATIENCE_REST_NS);
		} else {
			p->asleep = true;
			while (!p->stop && !p->news && p->asked == asked)
				pthread_cond_wait(&p->wake, &fs->lock);
			p->asleep = false;
		}
		/* What this thread left for later is not left lying. */
		if (fs->later) {
			fs_unlock(fs);
			fs_lock(fs);
		}
	}
	fs_unlock(fs);
	return NULL;
}

int ops_patience_start(struct ops_patience *p, struct fs *fs)
{
	int r;

	p->fs = fs;
	cond_init(&p->wake);
	r = pthread_create(&p->thread, NULL, patience_main, p);
	if (r != 0)
		pthread_cond_destroy(&p->wake);
	p->running = r == 0;
	return -r;
}

void ops_patience_stop(struct ops_patience *p)
{
	if (!p->running)
		return;
	fs_lock(p->fs);
	p->stop = true;
	pthread_cond_signal(&p->wake);
	fs_unlock(p->fs);
	pthread_join(p->thread, NULL);
	pthread_cond_destroy(&p->wake);
	p->running = false;
}
