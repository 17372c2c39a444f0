#include "backend/docs/api/events.h"

#include "backend/docs/journal/changes.h"
#include "backend/docs/journal/feed.h"
#include "backend/docs/request/streamed.h"
#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/text.h"

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>

/*
 * The journal as server-sent events: an endless answer in which each change is one event with its position as its
 * id. It combines two existing parts: `streamed`, an answer that is made piece by piece on the workers, and
 * `feed`, which waits for changes of a drive without holding a thread.
 *
 * events_fill makes a piece: it arms the waiter, reads the journal from `since` on, and appends what it found. If
 * it found nothing it leaves the waiter at the feed and returns -EAGAIN; when the feed fires, streamed_ready has
 * the next piece made. A wait that ends without a change sends a comment, so that proxies see that the connection
 * is alive.
 *
 * Errors in a request are found before the answer begins (events_job), as no status can be sent later. After
 * EVENTS_LIFE_S the answer ends and the client reconnects, by itself, with Last-Event-ID: so a revoked token does
 * not receive events for ever.
 */

struct events {
	struct feed_waiter waiter;
	struct docs *docs;
	struct docs_scope scope;
	struct streamed *answer;
	int64_t since, end_ns;
	bool greeted;
	bool silent;	     /* the wait ended without a change */
	atomic_bool stopped; /* the client is gone */
};

static int append_events(const struct changes_page *page, struct buf *out)
{
	json_t *change;
	size_t i;
	int r = 0;

	json_array_foreach(page->list, i, change) {
		char *text = json_dumps(change, JSON_COMPACT);

		r = text ? buf_printf(
				   out, "id: %s\ndata: %s\n\n", json_string_value(json_object_get(change, "seq")), text)
			 : -ENOMEM;
		free(text);
		if (r < 0)
			break;
	}
	return r;
}

/* Appends the entries since the last look, at most `limit`. Returns their number, or a failure. */
static int look(struct events *e, struct docs_store *store, uint32_t limit, struct buf *out)
{
	struct changes_page page;
	struct docs_position at;
	int r;

	changes_page_init(&page, e->since);
	r = store->ops->changes(store, &e->scope, e->since, limit, changes_on_change, &page, &at);
	if (r == 0)
		r = append_events(&page, out);
	if (r == 0) {
		e->since = page.last;
		r = (int)changes_page_count(&page);
	}
	changes_page_fini(&page);
	return r;
}

static int events_fill(void *cookie, struct docs_store *store, struct buf *out)
{
	struct events *e = cookie;
	int64_t now_ns = clock_mono_ns();
	int r;

	if (atomic_load(&e->stopped) || now_ns >= e->end_ns || feed_closed(e->docs->feed))
		return STREAMED_END;
	r = feed_arm(e->docs->feed, &e->waiter, e->scope.drive);
	if (r == 0 && !e->greeted) {
		e->greeted = true; /* so that the head is sent, and the client sees that it is connected */
		r = buf_append_str(out, ": nephos\n\n");
	}
	if (r == 0)
		r = look(e, store, CHANGES_PAGE_MAX, out);
	if (r == 0 && e->silent)
		r = buf_append_str(out, ": \n\n");
	e->silent = false;
	if (r != 0 || out->size > 0) {
		feed_drop(e->docs->feed, &e->waiter);
		return r < 0 ? (r == -EAGAIN ? -ERR_UNAVAILABLE : r) : 0;
	}
	feed_wait(e->docs->feed, &e->waiter, now_ns + EVENTS_HEARTBEAT_S * NS_PER_S);
	return -EAGAIN;
}

static void events_fire(struct feed_waiter *waiter, bool changed)
{
	struct events *e = (struct events *)waiter;

	e->silent = !changed;
	streamed_ready(e->answer);
}

static void events_stop(void *cookie)
{
	struct events *e = cookie;

	atomic_store(&e->stopped, true);
	if (feed_cancel(e->docs->feed, &e->waiter))
		streamed_ready(e->answer);
}

static const struct streamed_source events_source = {
	.light = true, .fill = events_fill, .free = free, .stop = events_stop};

static int find_since(const struct call *call, int64_t since, int64_t *ret)
{
	const char *last_event = http_request_header(call->req, "Last-Event-ID");

	*ret = since;
	/* A client that reconnects by itself repeats the first target, and sends its last position here. */
	return last_event && (text_parse_i64(span_str(last_event), ret) < 0 || *ret < 0) ? -ERR_BAD_REQUEST : 0;
}

static void events_job(struct call *call, struct docs_store *store)
{
	struct streamed_answer answer = {.status = 200, .length = -1, .source = &events_source};
	struct events *e = call->data;
	struct http_headers headers;
	struct buf nothing;
	int64_t since = e->since;
	int r = call_drive(call, store);

	e->scope = call->scope;
	buf_init(&nothing, STREAMED_BYTES_MAX);
	/* An error (another user's drive, a since too old) must become a problem, not a cut stream. */
	if (r == 0)
		r = look(e, store, 1, &nothing);
	buf_fini(&nothing);
	e->since = since;
	if (r < 0) {
		free(e);
		call_fail(call, r, NULL);
		return;
	}
	http_headers_init(&headers);
	(void)http_headers_add(&headers, "Content-Type", "text/event-stream");
	(void)http_headers_add(&headers, "Cache-Control", "no-store");
	(void)http_headers_add(&headers, "Vary", "Accept");
	answer.headers = &headers;
	answer.cookie = e;
	streamed_respond(call, store, &answer, &e->answer);
	http_headers_fini(&headers);
}

void events_respond(struct call *call, int64_t since)
{
	struct events *e = calloc(1, sizeof(*e));
	int r = e ? find_since(call, since, &since) : -ENOMEM;

	if (r < 0) {
		free(e);
		call_fail(call, r, NULL);
		return;
	}
	e->waiter.fire = events_fire;
	e->docs = call->docs;
	e->since = since;
	e->end_ns = clock_mono_ns() + EVENTS_LIFE_S * NS_PER_S;
	call->data = e;
	http_request_is_poll(call->req);
	call_work(call, events_job);
}
