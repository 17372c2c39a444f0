/*
 * The journal of a drive, read in three ways: a page of changes since a position, a long poll that waits until
 * there are some (GET for everybody, POST for mounts), and server-sent events (events.c), when the client accepts
 * those.
 *
 * A long poll works like this: a job arms the waiter at the feed, reads the journal, and if it finds nothing
 * leaves the waiter at the feed; the feed fires the waiter at the next change or at the deadline, and another job
 * reads again and answers. The waiter is armed before the read, so that a change in between is not missed. While
 * a poll waits, it needs only its memory: no thread, no connection to the database. When a client hangs up
 * (poll_on_abort), the poll is ended by poll_on_abort if it waits, else by the job that has it.
 *
 * A mount also sends which documents it holds open and how many other mounts it knows of: polling is its sign of
 * life. A mount knows its own changes already, so they wake its poll only after some time or once there are
 * enough of them.
 */
#include "backend/docs/api/api.h"
#include "backend/docs/api/events.h"
#include "backend/docs/request/body.h"
#include "backend/docs/journal/changes.h"
#include "backend/docs/journal/feed.h"
#include "backend/docs/request/reply.h"
#include "common/base/clock.h"
#include "common/base/error.h"

#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>

struct poll {
	struct feed_waiter waiter;
	struct call *call;
	int64_t since, wait_s, limit;
	int64_t deadline_ns;
	struct docs_poll poll; /* of a mount; session 0: the poll is not a mount's */
	int64_t others_known;  /* other sessions that the mount knows of; -1: it did not send this */
	int64_t others;	       /* other sessions that exist; -1: no session, not counted */
	bool time_over;
	bool waited;	  /* it has waited once for more, although there were changes: all of them were its own */
	atomic_bool gone; /* the client has hung up */
};

static void poll_job(struct call *call, struct docs_store *store);

static void poll_respond(struct poll *p, struct changes_page *page, struct docs_position at)
{
	struct http_headers headers;
	json_t *object = changes_page_json_take(page, at);

	if (object && p->others >= 0)
		(void)json_object_set_new(object, "others", json_integer(p->others));
	http_headers_init(&headers);
	reply_position(&headers, at);
	(void)http_headers_add(&headers, "Vary", "Accept"); /* events are another form */
	reply_json_take(p->call, 200, &headers, object);
	http_headers_fini(&headers);
}

static int poll_renew(struct poll *p, struct docs_store *store)
{
	if (!p->poll.session)
		return 0;
	/* Renewed at each look: the poll may have been woken by a session that came or went. */
	return store->ops->session_poll(store, &p->call->scope, &p->poll, &p->others);
}

static bool others_are_news(const struct poll *p)
{
	return p->others_known >= 0 && p->others != p->others_known;
}

/* Whether the page has only the caller's own changes, which the caller knows already. Then the poll waits once
 * for more of them, or for changes of others. */
static bool is_only_own(struct poll *p, const struct changes_page *page)
{
	const size_t count = changes_page_count(page);
	const bool only_own = count > 0 && page->own == count && count < FEED_OWN_MAX &&
		count < (size_t)p->limit /* changes of others may lie behind a full page */ && !p->waited;

	p->waited = p->waited || only_own;
	return only_own;
}

/* Reads the journal. 1: there was nothing new, and there is time left to wait. */
static int poll_look(struct poll *p, struct docs_store *store, struct changes_page *page, struct docs_position *at)
{
	struct call *call = p->call;
	int r = poll_renew(p, store);

	if (r == 0)
		r = store->ops->changes(store, &call->scope, p->since, (uint32_t)p->limit, changes_on_change, page, at);
	if (r < 0)
		return r;
	if (p->wait_s == 0 || p->time_over || others_are_news(p) || atomic_load(&p->gone))
		return 0;
	return changes_page_count(page) == 0 || is_only_own(p, page);
}

static void poll_job(struct call *call, struct docs_store *store)
{
	struct poll *p = call->data;
	struct feed *feed = call->docs->feed;
	struct changes_page page;
	struct docs_position at = {0};
	int r = call_drive(call, store);

	changes_page_init(&page, p->since);
	page.session = p->poll.session;
	if (r == 0 && p->wait_s > 0)
		r = feed_arm(feed, &p->waiter, call->scope.drive);
	if (r == 0)
		r = poll_look(p, store, &page, &at);
	if (r == 1) {
		const int64_t soon = clock_mono_ns() + FEED_OWN_MS * NS_PER_MS;
		const bool own = changes_page_count(&page) > 0;

		changes_page_fini(&page);
		feed_wait(feed, &p->waiter, own && soon < p->deadline_ns ? soon : p->deadline_ns);
		return;
	}
	feed_drop(feed, &p->waiter);
	if (r < 0)
		call_fail(call, r, NULL);
	else
		poll_respond(p, &page, at);
	changes_page_fini(&page);
}

static void poll_fire(struct feed_waiter *waiter, bool changed)
{
	struct poll *p = (struct poll *)waiter;

	p->time_over = !changed;
	call_work(p->call, poll_job);
}

static void poll_on_abort(struct http_request *req, void *cookie)
{
	struct poll *p = cookie;

	(void)req;
	atomic_store(&p->gone, true);
	/* A poll that waits is answered here, so that its memory is freed; one that is in a job finds `gone`
	 * itself. */
	if (feed_cancel(p->call->docs->feed, &p->waiter))
		call_fail(p->call, -ECANCELED, NULL);
}

static struct poll *poll_new(struct http_request *req, void *cookie)
{
	struct call *call = call_new(req, cookie);
	struct poll *p = call ? call_alloc(call, sizeof(*p)) : NULL;

	if (!p)
		return NULL;
	p->waiter.fire = poll_fire;
	p->call = call;
	p->limit = PAGE_ITEMS_DEFAULT;
	p->since = -1;
	p->others = p->others_known = -1;
	call->data = p;
	return p;
}

static void poll_start(struct poll *p)
{
	if (p->wait_s > POLL_WAIT_S_MAX)
		p->wait_s = POLL_WAIT_S_MAX;
	p->deadline_ns = clock_mono_ns() + p->wait_s * NS_PER_S;
	p->waiter.session = p->poll.session;
	if (p->wait_s > 0) {
		http_request_is_poll(p->call->req);
		http_request_on_abort(p->call->req, poll_on_abort, p);
	}
	call_work(p->call, poll_job);
}

/* ---- GET ---- */

void api_changes_get(struct http_request *req, void *cookie)
{
	struct poll *p = poll_new(req, cookie);
	const char *last_event = http_request_header(req, "Last-Event-ID");
	int r;

	if (!p)
		return;
	r = http_request_query_number(p->call->req, "since", 0, INT64_MAX, &p->since);
	if (r == 0)
		r = http_request_query_number(p->call->req, "wait", 0, INT32_MAX, &p->wait_s);
	if (r == 0)
		r = http_request_query_number(p->call->req, "limit", 1, CHANGES_PAGE_MAX, &p->limit);
	if (r == 0 && p->since < 0 && !last_event)
		r = -ERR_BAD_REQUEST;
	if (r < 0)
		call_fail(p->call, r, "the query must have since=SEQ; it may have wait=SECONDS and limit=1..1000");
	else if (call_accepts(p->call, "text/event-stream"))
		events_respond(p->call, p->since);
	else if (p->since < 0)
		call_fail(p->call, -ERR_BAD_REQUEST,
			"the query must have since=SEQ: the last change that you know, or 0");
	else
		poll_start(p);
}

/* ---- POST: the poll of a mount ---- */

static int parse_held(struct poll *p, const json_t *list)
{
	size_t count = json_array_size(list);
	int64_t *held;
	json_t *one;
	int r = 0;

	if (!list)
		return 0;
	if (!json_is_array(list) || count > CHANGES_HELD_MAX)
		return -ERR_UNPROCESSABLE;
	if (count == 0)
		return 0;
	held = call_try_alloc(p->call, count * sizeof(*held));
	one = json_object();
	if (!held || !one)
		r = -ENOMEM;
	for (size_t i = 0; r == 0 && i < count; i++) {
		(void)json_object_set(one, "id", json_array_get(list, i));
		r = item_json_get_id(one, "id", &held[i]) < 0 ? -ERR_UNPROCESSABLE : 0;
	}
	json_decref(one);
	p->poll.held = held;
	p->poll.held_count = count;
	return r;
}

static int get_optional(const json_t *object, const char *key, int64_t max, int64_t *ret)
{
	int64_t value = *ret;
	int r = item_json_get_id(object, key, &value);

	if (r == -ENOENT)
		return 0;
	if (r < 0 || value < 0 || value > max)
		return -ERR_UNPROCESSABLE;
	*ret = value;
	return 0;
}

static int parse_poll(struct poll *p)
{
	json_t *object = NULL;
	int r = body_object(p->call, &object);

	if (r == 0)
		r = get_optional(object, "since", INT64_MAX, &p->since);
	if (r == 0)
		r = get_optional(object, "wait", INT32_MAX, &p->wait_s);
	if (r == 0)
		r = get_optional(object, "limit", CHANGES_PAGE_MAX, &p->limit);
	if (r == 0)
		r = get_optional(object, "session", INT64_MAX, &p->poll.session);
	if (r == 0)
		r = get_optional(object, "others", INT32_MAX, &p->others_known);
	if (r == 0)
		r = parse_held(p, json_object_get(object, "held"));
	/* Gateways give priority to the polls of sessions, which they recognise by the header Nephos-Session: so
	 * the poll takes the session of that header, and renewing refuses a session that does not exist. */
	if (r == 0 && p->poll.session == 0)
		p->poll.session = p->call->scope.session;
	if (r == 0 && p->call->scope.session && p->poll.session != p->call->scope.session)
		r = -ERR_UNPROCESSABLE;
	if (r == 0 && (p->since < 0 || p->limit == 0))
		r = -ERR_UNPROCESSABLE;
	json_decref(object);
	return r;
}

void api_changes_poll(struct http_request *req, void *cookie)
{
	struct poll *p = poll_new(req, cookie);
	int r;

	if (!p)
		return;
	r = parse_poll(p);
	if (r < 0)
		call_fail(p->call, r,
			r == -ERR_UNPROCESSABLE
				? "the body must be {since, wait?, limit?, session?, others?, held?: [id, …]}"
				: NULL);
	else
		poll_start(p);
}
