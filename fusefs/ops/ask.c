#include "fusefs/ops/ask.h"

#include "common/base/clock.h"
#include "common/base/error.h"
#include "fusefs/content/extents.h"
#include "fusefs/ops/ops_fs.h"
#include "fusefs/ops/refusal.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

static void on_interrupt(fuse_req_t req, void *cookie)
{
	struct fs *fs = cookie;
	struct ask *ask;

	core_lock(&fs->core);
	HASH_FIND_PTR(fs->asks.by_req, &req, ask);
	if (ask && !ask->interrupted) {
		const struct patience_case now = {.interrupted = true};

		ask->interrupted = true;
		if (patience_of(ask->call, &now) == PATIENCE_INTERRUPT && ask->cancel)
			ask->cancel(ask);
		/* If the signal did not end the call, the thread of ops_patience looks at the request from time to
		 * time. */
		fs->asks.news = true;
		pthread_cond_signal(&fs->asks.wake);
	}
	core_unlock(&fs->core);
}

/* The request starts to wait. The caller holds the lock. */
static void begins(struct ask *ask, enum patience_call call)
{
	struct fs *fs = ask->fs;

	ask->call = call;
	ask->number = ++fs->asks.begun;
	ask->tid = fuse_req_ctx(ask->req)->pid;
	ask->began_ns = clock_mono_ns();
	ask->ends_with = -EINTR;
	HASH_ADD_PTR(fs->asks.by_req, req, ask);
	if (fs->asks.asleep)
		pthread_cond_signal(&fs->asks.wake);
}

struct ask *ask_new(fuse_req_t req)
{
	return ask_new_call(req, PATIENCE_OTHER);
}

struct ask *ask_new_call(fuse_req_t req, enum patience_call call)
{
	struct fs *fs = fs_of(req);
	struct ask *ask = calloc(1, sizeof(*ask));

	if (!ask) {
		fuse_reply_err(req, ENOMEM);
		return NULL;
	}
	ask->fs = fs;
	ask->req = req;
	core_lock(&fs->core);
	begins(ask, call);
	ops_used(fs);
	core_unlock(&fs->core);
	/* Without the core's lock: libfuse calls on_interrupt from inside this call when the interrupt came first. */
	fuse_req_interrupt_func(req, on_interrupt, fs);
	return ask;
}

fuse_req_t ask_take(struct ask *ask)
{
	fuse_req_t req = ask->req;

	if (!req)
		return NULL;
	assert(ask->number > 0 && ask->number <= ask->fs->asks.begun); /* it began to wait, so it is in the table */
	HASH_DEL(ask->fs->asks.by_req, ask);
	ask->req = NULL;
	ask->cancel = NULL;
	return req;
}

void ask_free(struct ask *ask)
{
	(void)ask_take(ask);
	if (ask->handle)
		handle_free(&ask->fs->handles, ask->handle);
	inode_unref(ask->inode);
	inode_unref(ask->other);
	extents_snapshot_unref(ask->snapshot);
	free(ask->text);
	free(ask->extra);
	free(ask);
}

void ask_end(struct ask *ask, int error)
{
	fuse_req_t req = ask_take(ask);

	if (req)
		fuse_reply_err(req, ops_errno(error));
	ask_free(ask);
}

void ask_cancel_ticket(struct ask *ask)
{
	struct store *store = ask->fs->core.store;
	store_ticket ticket = ask->ticket;

	/* answer first: the caller must not get the error that the store reports for the cancelled call */
	ask_cancel_shared(ask);
	store->ops->cancel(store, ticket);
}

static void cancel_group(struct ask *ask)
{
	if (oplog_withdraw(ask->fs->oplog, ask->group, ask->ends_with))
		ask->cancel = NULL;
}

static void cancel_job(struct ask *ask)
{
	(void)flush_job_withdraw(&ask->fs->flusher, ask->job, ask->ends_with);
}

/* The written data stays and goes on to be stored. A failure that the handle has not reported is left for the next
 * request that asks. */
static void cancel_stored(struct ask *ask)
{
	flush_wait_cancel(ask->inode, ask->wait);
	ask_end(ask, ask->ends_with);
}

void ask_cancel_shared(struct ask *ask)
{
	fuse_req_t req = ask_take(ask);

	if (req)
		fuse_reply_err(req, ops_errno(ask->ends_with));
}

int ask_ops(struct ask *ask, const struct op *ops, size_t count,
	void (*done)(void *cookie, int error, const struct op_result *results, size_t count))
{
	struct fs *fs = ask->fs;
	int r;

	r = oplog_append(fs->oplog, ops, count, done, ask, &ask->group);
	if (r < 0)
		return r;
	core_call_begins(&fs->core);
	ask->cancel = cancel_group;
	return 0;
}

static void on_change(void *cookie, int error, const struct op_result *results, size_t count)
{
	struct ask *ask = cookie;
	struct core *core = &ask->fs->core;

	assert(error < 0 || count == 1);
	core_lock(core);
	core_call_over(core);
	if (error == 0)
		ask->learn(ask, &results[0]);
	else
		refusal_learn(ask->fs, &ask->op, error);
	ask_end(ask, error);
	core_unlock(core);
}

int ask_change(struct ask *ask, void (*learn)(struct ask *ask, const struct op_result *result))
{
	ask->learn = learn;
	return ask_ops(ask, &ask->op, 1, on_change);
}

int ask_job(struct ask *ask, struct inode *inode, void (*done)(void *cookie, int error, const struct op_result *result))
{
	int r;

	ask->cancel = cancel_job;
	r = flush_job(&ask->fs->flusher, inode, &ask->op, done, ask, &ask->job);
	if (r < 0)
		ask->cancel = NULL;
	return r;
}

int ask_through(
	struct ask *ask, const void *data, void (*done)(void *cookie, int error, const struct op_result *result))
{
	struct flush_data through = {
		.at = ask->off, .from = data, .size = ask->size, .append = ask->append, .done = done, .cookie = ask};
	int r;

	ask->cancel = cancel_job;
	r = flush_through(&ask->fs->flusher, ask->inode, &through, &ask->job);
	if (r < 0)
		ask->cancel = NULL;
	return r;
}

int ask_stored(struct ask *ask, struct inode *inode, void (*done)(void *cookie, int error))
{
	int r;

	if (ask->inode != inode) {
		inode_unref(ask->inode);
		ask->inode = inode_ref(inode);
	}
	ask->cancel = cancel_stored;
	r = flush_until_stored(&ask->fs->flusher, inode, done, ask, &ask->wait);
	if (r != 0)
		ask->cancel = NULL;
	return r;
}

bool ask_is_early(struct ask *ask, int error)
{
	const bool early = error == -ERR_NO_GATEWAY && ask->req && clock_mono_ns() - ask->began_ns < STORE_OUTAGE_NS;

	ask->away = ask->away || early;
	return early;
}

bool ask_stored_again(struct ask *ask, int error, void (*done)(void *cookie, int error))
{
	return ask_is_early(ask, error) && !ask->inode->file->lost && ask_stored(ask, ask->inode, done) == 0;
}

static void on_refreshed(void *cookie, int error)
{
	struct ask *ask = cookie;

	if (!ask_is_early(ask, error) || attributes_refresh(&ask->fs->core, ask->refreshing, on_refreshed, ask) < 0)
		ask->on_refreshed(ask, error);
}

int ask_attributes(struct ask *ask, struct inode *inode, void (*done)(void *cookie, int error))
{
	ask->cancel = ask_cancel_shared;
	ask->refreshing = inode;
	ask->on_refreshed = done;
	return attributes_refresh(&ask->fs->core, inode, on_refreshed, ask);
}
