/*
 * File locks of mounts. A session sends everything that it holds of a document as a whole, under a growing
 * number, so that a request has one effect however often it arrives. A session that is refused and wants to wait
 * sends a separate request, which holds nothing while it waits: no worker, no connection to the database, only
 * its memory. That request is answered when it is the session's turn, and then the mount asks for the lock again:
 * what else it holds may have changed meanwhile.
 */
#include "backend/docs/api/api.h"
#include "backend/docs/request/body.h"
#include "backend/docs/journal/feed.h"
#include "backend/docs/journal/notifier.h"
#include "backend/docs/request/lock_turns.h"
#include "backend/docs/request/reply.h"
#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/base/text.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

#define LOCK_AGAIN_MS \
	50 /* delay until a waiter that stands back looks again: the one before it takes only milliseconds */
#define LOCK_LATE_MS 50	    /* delay behind the end of a lease that is in the way */
#define LOCK_DOUBT_S_MAX 5u /* time to report after an outage of everything: mounts try at least once a second */
#define LOCK_DOUBT_PART 12u /* this part of the lease, where that is shorter */

static struct docs_lock_terms terms_of(const struct docs *docs)
{
	const unsigned doubt = docs->lock_lease_s / LOCK_DOUBT_PART;

	return (struct docs_lock_terms){.lease_s = docs->lock_lease_s,
		.doubt_s = doubt < 1		   ? 1
			: doubt > LOCK_DOUBT_S_MAX ? LOCK_DOUBT_S_MAX
						   : doubt};
}

void api_locks_released(struct docs *docs, uint32_t drive)
{
	feed_changed(docs->lock_feed, drive, 0);
	notifier_tell_locks(docs->notifier, drive);
}

static void session_was_ended(struct call *call)
{
	log_warning(http_request_trace(call->req),
		"drive=%u outcome=\"a mount that was silent for %u s has lost its file locks to session %lld\"",
		call->scope.drive, call->docs->lock_lease_s, (long long)call->scope.session);
}

/* ---- parts of requests ---- */

/* [from, to, exclusive] */
static int get_range(const json_t *list, struct docs_lock_range *ret)
{
	const json_t *from = json_array_get(list, 0), *to = json_array_get(list, 1),
		     *exclusive = json_array_get(list, 2);

	if (json_array_size(list) != 3 || !json_is_integer(from) || !json_is_integer(to) || !json_is_boolean(exclusive))
		return -ERR_UNPROCESSABLE;
	*ret = (struct docs_lock_range){json_integer_value(from), json_integer_value(to), json_is_true(exclusive)};
	return ret->from < 0 || ret->to < ret->from ? -ERR_UNPROCESSABLE : 0;
}

static int kind_of(const char *name, enum docs_lock_kind *ret)
{
	static const char *const names[DOCS_LOCK_KINDS] = {"posix", "flock"};

	for (unsigned kind = 0; name && kind < DOCS_LOCK_KINDS; kind++) {
		if (strcmp(name, names[kind]) != 0)
			continue;
		*ret = (enum docs_lock_kind)kind;
		return 0;
	}
	return -ERR_UNPROCESSABLE;
}

static int get_document(const struct call *call, const json_t *object, int64_t *ret_id, enum docs_lock_kind *ret_kind)
{
	int r = item_json_get_id(object, "id", ret_id);

	if (r == 0)
		r = kind_of(json_string_value(json_object_get(object, "kind")), ret_kind);
	return r < 0 || call->scope.session <= 0 ? -ERR_UNPROCESSABLE : 0;
}

static json_t *range_json(const struct docs_lock_range *range)
{
	return json_pack("[I, I, b]", (json_int_t)range->from, (json_int_t)range->to, range->exclusive);
}

/* ---- holding ---- */

struct hold {
	struct call *call;
	struct docs_lock_held held;
	struct docs_lock_range *ranges;
	bool queue; /* the session will wait if it is refused: then it also waits for its turn */
	struct docs_lock_range want;
};

static int parse_held(struct hold *h, const json_t *list)
{
	const size_t count = json_array_size(list);
	int r = json_is_array(list) && count <= LOCK_RANGES_MAX ? 0 : -ERR_UNPROCESSABLE;

	if (r < 0)
		return r;
	h->ranges = call_try_alloc(h->call, (count + 1) * sizeof(*h->ranges));
	if (!h->ranges)
		return -ENOMEM;
	for (size_t i = 0; r == 0 && i < count; i++)
		r = get_range(json_array_get(list, i), &h->ranges[i]);
	h->held.ranges = h->ranges;
	h->held.count = count;
	return r;
}

static int parse_hold(struct hold *h)
{
	json_t *object = NULL, *want;
	int r = body_object(h->call, &object);

	if (r == 0)
		r = get_document(h->call, object, &h->held.id, &h->held.kind);
	if (r == 0 && (item_json_get_id(object, "number", &h->held.number) < 0 || h->held.number <= 0))
		r = -ERR_UNPROCESSABLE;
	if (r == 0)
		r = parse_held(h, json_object_get(object, "held"));
	want = json_object_get(object, "queue");
	h->queue = want != NULL;
	if (r == 0 && h->queue)
		r = get_range(want, &h->want);
	json_decref(object);
	return r;
}

/* Answers with a problem that names the conflicting lock, if there is one. */
static void respond_locked(struct call *call, const struct docs_lock_reply *reply, struct docs_position at)
{
	const struct error_info *info = error_lookup(ERR_LOCKED);
	struct http_headers headers;
	char type[64];
	json_t *o;

	(void)snprintf(type, sizeof(type), "/problems/%s", info->type);
	o = json_pack("{s:s, s:s, s:i, s:s, s:s, s:s}", "type", type, "title", info->title, "status", info->http_status,
		"detail",
		reply->in_the_way ? "another mount holds a lock there"
				  : "another mount has waited for this lock for longer, and gets it first",
		"errno", info->errno_name, "trace_id", http_request_trace(call->req));
	if (o && reply->in_the_way)
		(void)json_object_set_new(o, "conflict", range_json(&reply->other));
	http_headers_init(&headers);
	reply_position(&headers, at);
	reply_problem_take(call, info->http_status, &headers, o);
	http_headers_fini(&headers);
}

static void hold_job(struct call *call, struct docs_store *store)
{
	struct hold *h = call->data;
	const struct docs_lock_terms terms = terms_of(call->docs);
	struct docs_lock_reply reply = {0};
	struct docs_position at = {0};
	struct reply_items items;
	struct lock_wait who;
	int r = parse_hold(h);

	if (r < 0) {
		call_fail(call, r,
			"the request must have Nephos-Session and a body {id, kind: posix|flock, number, held: [[from, to, exclusive], …], queue?: [from, to, exclusive]}");
		return;
	}
	reply_items_init(&items, call);
	r = call_drive(call, store);
	who = (struct lock_wait){call->scope.drive, call->scope.session, h->held.id, h->held.kind, h->want};
	h->held.refuse = h->queue && lock_turns_stands_back(call->docs->lock_turns, &who, clock_mono_ns());
	if (r == 0)
		r = store->ops->lock_hold(
			store, &call->scope, &h->held, &terms, &reply, reply_items_on_item, &items, &at);
	if (r == 0 && reply.granted && h->queue)
		lock_turns_over(call->docs->lock_turns, &who);
	if (r == 0 && reply.broke)
		session_was_ended(call);
	if (r == 0 && (reply.waited || reply.broke))
		api_locks_released(call->docs, call->scope.drive);
	if (r < 0)
		call_fail(call, r, NULL);
	else if (reply.granted)
		reply_items_send(call, &items, at);
	else
		respond_locked(call, &reply, at);
	reply_items_fini(&items);
}

void api_lock_hold(struct http_request *req, void *cookie)
{
	struct call *call = call_new(req, cookie);
	struct hold *h = call ? call_alloc(call, sizeof(*h)) : NULL;

	if (!h)
		return;
	h->call = call;
	call->data = h;
	call_work(call, hold_job);
}

/* ---- waiting ---- */

struct waiting {
	struct feed_waiter waiter; /* first */
	struct call *call;
	struct lock_wait who;
	int64_t deadline_ns;
	bool joined;
	bool time_over;
	atomic_bool gone; /* the client has hung up */
};

static void wait_respond(struct waiting *w, bool turn)
{
	lock_turns_leaves(w->call->docs->lock_turns, &w->who, turn, clock_mono_ns());
	reply_json_take(w->call, 200, NULL, json_pack("{s:b}", "turn", turn));
}

/* Sets when to look again; 0: it is the session's turn. */
static int wait_look(struct waiting *w, struct docs_store *store, int64_t *ret_again_ms)
{
	struct call *call = w->call;
	const struct docs_lock_wanted wanted = {w->who.id, w->who.kind, w->who.range, true};
	const struct docs_lock_terms terms = terms_of(call->docs);
	struct docs_lock_seen seen = {0};
	struct docs_position at;
	int r = store->ops->lock_look(store, &call->scope, &wanted, &terms, &seen, &at);

	if (r < 0)
		return r;
	if (seen.broke) {
		session_was_ended(call);
		api_locks_released(call->docs, call->scope.drive);
	}
	if (seen.in_the_way) {
		lock_turns_stays(call->docs->lock_turns, &w->who);
		*ret_again_ms = (seen.lease_ms > 0 ? seen.lease_ms : 0) + LOCK_LATE_MS;
	} else {
		*ret_again_ms =
			lock_turns_stands_back(call->docs->lock_turns, &w->who, clock_mono_ns()) ? LOCK_AGAIN_MS : 0;
	}
	return 0;
}

static int wait_join(struct waiting *w, struct docs_store *store)
{
	struct call *call = w->call;
	int r = call_drive(call, store);

	if (r < 0 || w->joined)
		return r;
	w->who.drive = call->scope.drive;
	r = lock_turns_join(call->docs->lock_turns, &w->who, clock_mono_ns());
	w->joined = r == 0;
	return r;
}

static void wait_job(struct call *call, struct docs_store *store)
{
	struct waiting *w = call->data;
	struct feed *feed = call->docs->lock_feed;
	int64_t again_ms = 0, again_ns;
	int r = atomic_load(&w->gone) ? -ECANCELED : wait_join(w, store);

	if (r == 0)
		r = feed_arm(feed, &w->waiter, call->scope.drive);
	if (r == 0)
		r = wait_look(w, store, &again_ms);
	if (r == 0 && again_ms > 0 && !w->time_over && !atomic_load(&w->gone)) {
		again_ns = clock_mono_ns() + again_ms * NS_PER_MS;
		feed_wait(feed, &w->waiter, again_ns < w->deadline_ns ? again_ns : w->deadline_ns);
		return;
	}
	feed_drop(feed, &w->waiter);
	if (r == 0 && atomic_load(&w->gone))
		r = -ECANCELED;
	if (r < 0) {
		lock_turns_over(call->docs->lock_turns, &w->who);
		call_fail(call, r, NULL);
	} else {
		wait_respond(w, again_ms == 0);
	}
}

static void wait_fire(struct feed_waiter *waiter, bool changed)
{
	struct waiting *w = (struct waiting *)waiter;
	const int64_t now = clock_mono_ns();

	if (changed)
		lock_turns_called(w->call->docs->lock_turns, &w->who, now);
	w->time_over = now >= w->deadline_ns || feed_closed(w->call->docs->lock_feed);
	call_work(w->call, wait_job);
}

static void wait_on_abort(struct http_request *req, void *cookie)
{
	struct waiting *w = cookie;

	(void)req;
	atomic_store(&w->gone, true);
	/* As with polls: a request that waits is answered here; one that is in a job finds `gone` itself. */
	if (!feed_cancel(w->call->docs->lock_feed, &w->waiter))
		return;
	lock_turns_over(w->call->docs->lock_turns, &w->who);
	call_fail(w->call, -ECANCELED, NULL);
}

static int parse_wait(struct waiting *w)
{
	json_t *object = NULL, *wait;
	int64_t wait_s = 0;
	int r = body_object(w->call, &object);

	if (r == 0)
		r = get_document(w->call, object, &w->who.id, &w->who.kind);
	if (r == 0)
		r = get_range(json_object_get(object, "want"), &w->who.range);
	wait = json_object_get(object, "wait");
	if (r == 0 && wait && (!json_is_integer(wait) || json_integer_value(wait) < 0))
		r = -ERR_UNPROCESSABLE;
	wait_s = json_integer_value(wait);
	json_decref(object);
	w->who.session = w->call->scope.session;
	w->deadline_ns = clock_mono_ns() + (wait_s < POLL_WAIT_S_MAX ? wait_s : POLL_WAIT_S_MAX) * NS_PER_S;
	return r;
}

void api_lock_wait(struct http_request *req, void *cookie)
{
	struct call *call = call_new(req, cookie);
	struct waiting *w = call ? call_alloc(call, sizeof(*w)) : NULL;
	int r;

	if (!w)
		return;
	w->waiter.fire = wait_fire;
	w->call = call;
	call->data = w;
	r = parse_wait(w);
	if (r < 0) {
		call_fail(call, r,
			r == -ERR_UNPROCESSABLE
				? "the request must have Nephos-Session and a body {id, kind: posix|flock, want: [from, to, exclusive], wait?}"
				: NULL);
		return;
	}
	http_request_is_poll(req);
	http_request_on_abort(req, wait_on_abort, w);
	call_work(call, wait_job);
}

/* ---- looking ---- */

static void test_job(struct call *call, struct docs_store *store)
{
	struct docs_lock_wanted *wanted = call->data;
	const struct docs_lock_terms terms = terms_of(call->docs);
	struct docs_lock_seen seen = {0};
	struct docs_position at = {0};
	struct http_headers headers;
	int r = call_drive(call, store);

	if (r == 0)
		r = store->ops->lock_look(store, &call->scope, wanted, &terms, &seen, &at);
	if (r < 0) {
		call_fail(call, r, NULL);
		return;
	}
	http_headers_init(&headers);
	reply_position(&headers, at);
	reply_json_take(call, 200, &headers,
		json_pack("{s:o}", "conflict", seen.in_the_way ? range_json(&seen.other) : json_null()));
	http_headers_fini(&headers);
}

void api_lock_test(struct http_request *req, void *cookie)
{
	struct call *call = call_new(req, cookie);
	struct docs_lock_wanted *wanted = call ? call_alloc(call, sizeof(*wanted)) : NULL;
	int r;

	if (!wanted)
		return;
	call->data = wanted;
	wanted->range.to = INT64_MAX;
	r = http_request_query_number(call->req, "id", 1, INT64_MAX, &wanted->id);
	if (r == 0)
		r = kind_of(http_request_query(req, "kind"), &wanted->kind);
	if (r == 0)
		r = http_request_query_number(call->req, "from", 0, INT64_MAX, &wanted->range.from);
	if (r == 0)
		r = http_request_query_number(call->req, "to", wanted->range.from, INT64_MAX, &wanted->range.to);
	if (r == 0)
		r = http_request_query_bool(req, "exclusive", &wanted->range.exclusive);
	if (r == 0 && (wanted->id == 0 || call->scope.session <= 0))
		r = -ERR_BAD_REQUEST;
	if (r < 0)
		call_fail(call, r,
			"the request must have Nephos-Session, id and kind=posix|flock; it may have from, to and exclusive=0|1");
	else
		call_work(call, test_job);
}
