#include "fusefs/log/flush_internal.h"

#include "common/base/sha256.h"

#include <errno.h>
#include <utlist.h>

static void upload_free(struct dirty_tag *tag)
{
	struct upload *u = upload_of(tag);

	bytes_unref(u->bytes);
	free(u);
}

/* With the lock held. The last reference may go. */
static void over(struct upload *u, int error)
{
	u->state = error == 0 ? UPLOAD_DONE : UPLOAD_FAILED;
	u->error = error;
	core_call_over(u->flusher->core);
	wait_fire(&u->waits, error);
	dirty_tag_unref(&u->tag);
}

static void on_put(void *cookie, int error)
{
	struct upload *u = cookie;
	struct flusher *fl = u->flusher;

	core_lock(fl->core);
	fl->uploading--;
	over(u, error);
	upload_pump(fl);
	core_unlock(fl->core);
}

void upload_pump(struct flusher *fl)
{
	while (fl->queue && fl->uploading < FLUSH_UPLOADS_MAX) {
		struct upload *u = fl->queue;

		DL_DELETE(fl->queue, u);
		if (u->tag.refs == 1) { /* what it was for was overwritten */
			over(u, -ECANCELED);
			continue;
		}
		u->state = UPLOAD_SENDING;
		fl->uploading++;
		(void)fl->core->store->ops->block_put(
			fl->core->store, u->sha256, span_of(u->bytes->data + u->from, u->size), on_put, u);
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
		u->state = UPLOAD_QUEUED;
		DL_APPEND(fl->queue, u);
		upload_pump(fl);
	}
	core_unlock(fl->core);
}

struct upload *upload_start(struct flusher *fl, struct bytes *bytes, size_t from, size_t size)
{
	struct upload *u = calloc(1, sizeof(*u));

	if (!u)
		return NULL;
	u->tag = (struct dirty_tag){.refs = 2, .free = upload_free}; /* the caller's, and while it is on its way */
	u->flusher = fl;
	u->job.run = on_hasher;
	u->bytes = bytes_ref(bytes);
	u->from = from;
	u->size = size;
	core_call_begins(fl->core);
	worker_run(fl->hashers, &u->job);
	return u;
}
