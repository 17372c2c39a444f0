#include "common/http/server/server_internal.h"

#include "common/base/error.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

/*
 * Request bodies: a ring between the loop, which fills it, and one reader. The copies are made outside the lock:
 * each side only moves its own end, and the other side never touches what lies between. A full ring suspends the
 * connection, so that TCP slows the sender; the connection is resumed when half of the ring is free, not at every
 * read. Bytes that libmicrohttpd has read already are put into the ring all the same, and need not wait for that.
 *
 * Response bodies: libmicrohttpd asks for the next bytes when the socket takes them. When there are none, the
 * connection is suspended; `woken` records a wake that comes between the pull's -EAGAIN and the suspension.
 */

static int ring_make(struct http_request *req)
{
	if (req->ring)
		return 0;
	req->ring_size = HTTP_STREAM_BYTES + CONNECTION_POOL_BYTES;
	if (!req->chunked && (uint64_t)req->length < req->ring_size)
		req->ring_size = (size_t)req->length;
	req->ring = malloc(req->ring_size);
	return req->ring ? 0 : -ENOMEM;
}

static size_t min_size(size_t a, size_t b)
{
	return a < b ? a : b;
}

int stream_fill(struct http_request *req, const char *data, size_t size, size_t *ret_taken)
{
	size_t used, tail, taken, first;

	if (ring_make(req))
		return -ENOMEM;
	pthread_mutex_lock(&req->lock);
	used = req->ring_used;
	tail = (req->ring_head + used) % req->ring_size;
	pthread_mutex_unlock(&req->lock);

	assert(used <= req->ring_size);
	taken = min_size(size, req->ring_size - used);
	first = min_size(taken, req->ring_size - tail);
	memcpy(req->ring + tail, data, first);
	memcpy(req->ring, data + first, taken - first);

	pthread_mutex_lock(&req->lock);
	assert(taken <= req->ring_size - req->ring_used);
	req->ring_used += taken;
	req->received += taken;
	pthread_mutex_unlock(&req->lock);
	*ret_taken = taken;
	return 0;
}

/* What a read would return now. The caller holds req->lock. */
static int read_state(const struct http_request *req)
{
	if (req->ring_used)
		return 0;
	if (req->received > req->route->body_max)
		return -ERR_TOO_LARGE;
	if (req->body_end == BODY_ENDED)
		return 0;
	return req->body_end == BODY_LOST ? -ECONNRESET : -EAGAIN;
}

/* Notes that the handler wants the body. The caller holds req->lock. */
static void want(struct http_request *req)
{
	if (req->wanted)
		return;
	req->wanted = true;
	if (req->stage == STAGE_ASKED)
		request_wake(req);
}

int http_request_read(struct http_request *req, void *data, size_t size, size_t *ret_size)
{
	size_t head, taken, first;
	int r;

	pthread_mutex_lock(&req->lock);
	want(req);
	r = read_state(req);
	head = req->ring_head;
	taken = min_size(size, req->ring_used);
	pthread_mutex_unlock(&req->lock);
	if (r)
		return r;
	if (taken == 0) {
		*ret_size = 0;
		return 0;
	}

	assert(head < req->ring_size);
	first = min_size(taken, req->ring_size - head);
	memcpy(data, req->ring + head, first);
	memcpy((char *)data + first, req->ring, taken - first);

	pthread_mutex_lock(&req->lock);
	req->ring_head = (head + taken) % req->ring_size;
	assert(taken <= req->ring_used);
	req->ring_used -= taken;
	if (req->ring_used <= HTTP_STREAM_BYTES / 2)
		request_wake(req);
	pthread_mutex_unlock(&req->lock);
	*ret_size = taken;
	return 0;
}

/* Whether it is time to call on_readable. The caller holds req->lock. */
static bool is_readable(const struct http_request *req, bool filled)
{
	int r = read_state(req);

	if (r != 0 || !filled)
		return r != -EAGAIN;
	return req->body_end != BODY_COMES || req->ring_used >= HTTP_STREAM_BYTES || request_body_left(req) == 0;
}

static void on_readable(
	struct http_request *req, bool filled, void (*fn)(struct http_request *req, void *cookie), void *cookie)
{
	bool now;

	pthread_mutex_lock(&req->lock);
	if (filled)
		want(req);
	now = is_readable(req, filled);
	if (!now) {
		req->on_readable = fn;
		req->on_readable_cookie = cookie;
		req->on_readable_filled = filled;
		/* The ring has room, so the connection is resumed to fill it. A reader that waits for any bytes
		 * never needs this: the ring is empty then, and the connection was resumed when half of the ring
		 * was free. */
		if (filled && req->stage == STAGE_BODY)
			request_wake(req);
	}
	pthread_mutex_unlock(&req->lock);
	if (now)
		fn(req, cookie);
}

void http_request_on_readable(
	struct http_request *req, void (*fn)(struct http_request *req, void *cookie), void *cookie)
{
	on_readable(req, false, fn, cookie);
}

void http_request_on_filled(struct http_request *req, void (*fn)(struct http_request *req, void *cookie), void *cookie)
{
	on_readable(req, true, fn, cookie);
}

void stream_notify(struct http_request *req)
{
	void (*fn)(struct http_request * req, void *cookie) = NULL;
	void *cookie = NULL;

	pthread_mutex_lock(&req->lock);
	if (req->on_readable && !request_is_answered(req) && is_readable(req, req->on_readable_filled)) {
		fn = req->on_readable;
		cookie = req->on_readable_cookie;
		req->on_readable = NULL;
	}
	pthread_mutex_unlock(&req->lock);
	if (fn)
		fn(req, cookie);
}

/* false: the client is gone, or the server stops. */
static bool begin_pull(struct http_request *req)
{
	bool wanted;

	pthread_mutex_lock(&req->lock);
	wanted = !req->absent && !atomic_load(&req->server->stopping);
	req->stream.woken = false;
	pthread_mutex_unlock(&req->lock);
	return wanted;
}

/* true: the request sleeps. false: it was woken meanwhile, or the server stops; the caller asks again. */
static bool sleep_until_woken(struct http_request *req)
{
	bool asleep;

	pthread_mutex_lock(&req->lock);
	asleep = !req->stream.woken && request_suspend(req);
	pthread_mutex_unlock(&req->lock);
	return asleep;
}

/*
 * Ends an answer so that its connection is closed. The library (0.9.75) marks the connection as closed in this
 * callback, but cleans it up only when it next handles the connection, which may be at its timeout. A resume makes
 * the library handle it.
 */
static ssize_t end_and_close(struct http_request *req, ssize_t how)
{
	if (req->is_short)
		return how;
	MHD_suspend_connection(req->connection);
	MHD_resume_connection(req->connection);
	return how;
}

ssize_t stream_on_pull(void *cookie, uint64_t position, char *data, size_t size)
{
	struct http_request *req = cookie;
	struct http_stream *stream = &req->stream;
	size_t got = 0;
	int r;

	(void)position;
	do {
		if (!begin_pull(req))
			return end_and_close(req, MHD_CONTENT_READER_END_WITH_ERROR);
		r = stream->ops->pull(stream->cookie, data, size, &got);
		if (r == -EAGAIN && sleep_until_woken(req))
			return 0;
	} while (r == -EAGAIN);
	/* An end before the promised length must not look like a proper end. */
	if (r || (got == 0 && stream->length >= 0))
		return end_and_close(req, MHD_CONTENT_READER_END_WITH_ERROR);
	if (got == 0)
		return req->is_http_1_0 ? end_and_close(req, MHD_CONTENT_READER_END_OF_STREAM)
					: MHD_CONTENT_READER_END_OF_STREAM;
	assert(got <= size);
	stream->sent += got;
	return (ssize_t)got;
}

void stream_end(const struct http_request *req, bool whole)
{
	const struct http_stream *stream = &req->stream;
	bool has_body = !req->is_head && req->status != 204 && req->status != 304;

	if (has_body && stream->length >= 0 && stream->sent != (uint64_t)stream->length)
		whole = false;
	stream->ops->done(stream->cookie, whole);
}

void http_stream_wake(struct http_stream *stream)
{
	struct http_request *req = (struct http_request *)((char *)stream - offsetof(struct http_request, stream));

	pthread_mutex_lock(&req->lock);
	stream->woken = true;
	request_wake(req);
	pthread_mutex_unlock(&req->lock);
}
