#include "fusefs/log/flush_internal.h"

#include "common/base/sha256.h"

#include <assert.h>
#include <errno.h>
#include <utlist.h>

/* The allowed transitions. */
static const bool follows[UPLOAD_STATES][UPLOAD_STATES] = {
	/* The hash could not be computed: no memory. */
	[UPLOAD_HASHING] = {[UPLOAD_QUEUED] = true, [UPLOAD_FAILED] = true},
	/* The data was overwritten before its turn came. */
	[UPLOAD_QUEUED] = {[UPLOAD_SENDING] = true, [UPLOAD_FAILED] = true},
	[UPLOAD_SENDING] = {[UPLOAD_DONE] = true, [UPLOAD_FAILED] = true},
};

/* Changes the state, and moves the upload to where it belongs in that state. The caller holds the core's lock. */
static void moves(struct upload *u, enum upload_state to)
{
	struct flusher *fl = u->flusher;

	assert(follows[u->state][to]);
	if (u->state == UPLOAD_QUEUED)
		DL_DELETE(fl->queue, u);
	if (u->state == UPLOAD_SENDING)
		fl->uploading--;
	u->state = to;
	if (to == UPLOAD_QUEUED)
		DL_APPEND(fl->queue, u);
	if (to == UPLOAD_SENDING)
		fl->uploading++;
	assert(fl->uploading <= FLUSH_UPLOADS_MAX);
}

static void upload_free(struct dirty_tag *tag)
{
	struct upload *u = upload_of(tag);

	assert(u->state == UPLOAD_DONE || u->state == UPLOAD_FAILED);
	assert(!u->waits);
	bytes_unref(u->bytes);
	free(u);
}

/* The caller holds the core's lock. The last reference may be dropped here. */
static void over(struct upload *u, int error)
{
	moves(u, error == 0 ? UPLOAD_DONE : UPLOAD_FAILED);
	core_call_over(u->flusher->core);
	wait_fire(&u->waits, error);
	dirty_tag_unref(&u->tag);
}

static void on_put(void *cookie, int error)
{
	struct upload *u = cookie;
	struct flusher *fl = u->flusher;

	core_lock(fl->core);
	over(u, error);
	upload_send_queued(fl);
	core_unlock(fl->core);
}

void upload_send_queued(struct flusher *fl)
{
	struct store *store = fl->core->store;

	while (fl->queue && fl->uploading < FLUSH_UPLOADS_MAX) {
		struct upload *u = fl->queue;

		if (u->tag.refs == 1) { /* the data was overwritten */
			over(u, -ECANCELED);
			continue;
		}
		moves(u, UPLOAD_SENDING);
		(void)store->ops->block_put(store, u->sha256, span_of(u->bytes->data + u->from, u->size), on_put, u);
	}
}

static void on_hasher(struct worker_job *job)
{
	struct upload *u = (struct upload *)((char *)job - offsetof(struct upload, job));
	int r = sha256_of(span_of(u->bytes->data + u->from, u->size), u->sha256);
	struct flusher *fl = u->flusher;

	core_lock(fl->core);
	if (r < 0) {
		over(u, r);
	} else {
		moves(u, UPLOAD_QUEUED);
		upload_send_queued(fl);
	}
	core_unlock(fl->core);
}

struct upload *upload_start(struct flusher *fl, struct bytes *bytes, size_t from, size_t size)
{
	struct upload *u = calloc(1, sizeof(*u));

	if (!u)
		return NULL;
	u->tag = (struct dirty_tag){.refs = 2, .free = upload_free}; /* the caller's, and one while in progress */
	u->flusher = fl;
	u->state = UPLOAD_HASHING;
	u->job.run = on_hasher;
	u->bytes = bytes_ref(bytes);
	u->from = from;
	u->size = size;
	core_call_begins(fl->core);
	worker_run(fl->hashers, &u->job);
	return u;
}
