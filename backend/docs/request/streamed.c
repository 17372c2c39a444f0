/*
 * There are two buffers: the server's thread sends `front`, a job fills `back`. When front is empty and back is
 * full the two are swapped and the next job is started, so the next piece is made while the last one is sent.
 *
 * The stream (until done) and the job in flight, if any, own the answer together; the last of them frees it.
 * After a source returned -EAGAIN, the source owns the answer in place of the job, until streamed_ready starts a
 * job again.
 */
#include "backend/docs/request/streamed.h"

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/timer.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

struct streamed {
	struct docs *docs;
	int64_t party; /* for whom the pieces are made (call_party) */
	struct http_stream *stream;
	const struct streamed_source *source;
	void *cookie;
	struct timer_entry retry; /* retries a job that the workers had no room for */
	pthread_mutex_t lock;	  /* guards all below */
	struct buf front, back;
	size_t sent;	/* bytes of front that were sent */
	bool back_full; /* back is filled and not sent yet */
	bool filling;	/* a job (or a source after -EAGAIN) owns the back buffer */
	bool ended;	/* the buffers hold the last piece */
	bool stopped;	/* the stream is done */
	int error;
};

static void streamed_free(struct streamed *p)
{
	if (p->source)
		p->source->free(p->cookie);
	buf_fini(&p->front);
	buf_fini(&p->back);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

static void fill_job(struct docs_store *store, void *cookie);

static void retry_fire(struct timer_entry *entry)
{
	struct streamed *p = (struct streamed *)((char *)entry - offsetof(struct streamed, retry));

	if ((p->source->light ? docs_run(fill_job, p, p->docs, p->party)
			      : docs_run_slow(fill_job, p, p->docs, p->party)) == 0)
		return;
	/* A closed timer does not call again: the process is ending, so the answer is cut. */
	if (!timer_set(p->docs->timer, &p->retry, clock_mono_ns() + STREAMED_RETRY_MS * NS_PER_MS))
		fill_job(NULL, p);
}

/* Called by the thread that set `filling`, without p->lock. */
static void start_job(struct streamed *p)
{
	assert(p->filling);
	retry_fire(&p->retry);
}

/* A job has made a piece, or failed with r. Returns whether the job must free the answer. */
static bool filled(struct streamed *p, int r)
{
	bool last;

	pthread_mutex_lock(&p->lock);
	assert(p->filling && !p->back_full);
	p->filling = false;
	p->back_full = r >= 0;
	p->ended = r == STREAMED_END;
	if (r < 0)
		p->error = r;
	last = p->stopped;
	if (!last)
		http_stream_wake(p->stream);
	pthread_mutex_unlock(&p->lock);
	return last;
}

static void fill_job(struct docs_store *store, void *cookie)
{
	struct streamed *p = cookie;
	bool stopped;
	int r = -ERR_UNAVAILABLE;

	pthread_mutex_lock(&p->lock);
	stopped = p->stopped;
	pthread_mutex_unlock(&p->lock);
	if (stopped) {
		streamed_free(p);
		return;
	}
	buf_reset(&p->back);
	if (store)
		r = p->source->fill(p->cookie, store, &p->back);
	if (r == -EAGAIN)
		return; /* the source owns the answer until streamed_ready, and the answer may be freed already */
	/* The head was sent already: the receiver only sees that the body is cut. */
	if (r < 0)
		log_warning(NULL, "op=send error=%d outcome=\"the answer is cut\"", r);
	if (filled(p, r))
		streamed_free(p);
}

void streamed_ready(struct streamed *p)
{
	start_job(p);
}

/* The caller holds p->lock. Swaps the buffers, so that the next piece is at the front. true: the caller must
 * start a job. */
static bool turn(struct streamed *p)
{
	struct buf empty = p->front;

	assert(!p->filling); /* a running job would own the back buffer */
	p->front = p->back;
	p->back = empty;
	p->sent = 0;
	p->back_full = false;
	p->filling = !p->ended;
	return p->filling;
}

static int streamed_pull(void *cookie, void *data, size_t size, size_t *ret_size)
{
	struct streamed *p = cookie;
	bool start = false;
	size_t left;
	int r = 0;

	pthread_mutex_lock(&p->lock);
	if (p->sent == p->front.size && p->back_full)
		start = turn(p);
	assert(p->sent <= p->front.size);
	left = p->front.size - p->sent;
	if (left > 0) {
		*ret_size = left < size ? left : size;
		memcpy(data, p->front.data + p->sent, *ret_size);
		p->sent += *ret_size;
	} else if (p->error) {
		r = p->error == -EAGAIN ? -EIO : p->error;
	} else if (p->ended && !p->back_full) {
		*ret_size = 0;
	} else {
		r = -EAGAIN;
	}
	pthread_mutex_unlock(&p->lock);
	if (start)
		start_job(p);
	return r;
}

static void streamed_done(void *cookie, bool complete)
{
	struct streamed *p = cookie;
	bool last;

	(void)complete;
	if (p->source->stop)
		p->source->stop(p->cookie);
	pthread_mutex_lock(&p->lock);
	p->stopped = true;
	last = !p->filling;
	pthread_mutex_unlock(&p->lock);
	if (last)
		streamed_free(p);
}

static const struct http_stream_ops streamed_ops = {.pull = streamed_pull, .done = streamed_done};

static struct streamed *streamed_new(const struct call *call, const struct streamed_answer *answer)
{
	struct streamed *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->docs = call->docs;
	p->party = call_party(call);
	p->source = answer->source;
	p->cookie = answer->cookie;
	p->retry.fire = retry_fire;
	pthread_mutex_init(&p->lock, NULL);
	buf_init(&p->front, STREAMED_BYTES_MAX);
	buf_init(&p->back, STREAMED_BYTES_MAX);
	return p;
}

static void answer_whole(struct call *call, const struct streamed_answer *answer, struct streamed *p)
{
	size_t size;
	char *bytes = buf_take(&p->front, &size);

	streamed_free(p);
	http_respond_take(call->req, answer->status, answer->headers, bytes, size);
}

void streamed_respond(
	struct call *call, struct docs_store *store, const struct streamed_answer *answer, struct streamed **ret)
{
	struct streamed *p = streamed_new(call, answer);
	int r;

	if (!p) {
		answer->source->free(answer->cookie);
		call_fail(call, -ENOMEM, NULL);
		return;
	}
	if (ret)
		*ret = p;
	if (answer->length < 0) {
		/* A source without a length may begin by waiting: so it starts with a job, once the stream
		 * exists. */
		p->filling = true;
		http_respond_stream(call->req, answer->status, answer->headers, -1, &streamed_ops, p, &p->stream);
		start_job(p);
		return;
	}
	r = p->source->fill(p->cookie, store, &p->front);
	if (r < 0) {
		streamed_free(p);
		call_fail(call, r, NULL);
	} else if (r == STREAMED_END) {
		answer_whole(call, answer, p);
	} else {
		p->filling = true; /* so that a stream that is done at once leaves the answer to the job */
		http_respond_stream(
			call->req, answer->status, answer->headers, answer->length, &streamed_ops, p, &p->stream);
		start_job(p);
	}
}
