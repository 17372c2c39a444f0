#include "fusefs/store/http/store_http_internal.h"

#include "common/base/clock.h"
#include "common/base/cond.h"
#include "common/base/error.h"
#include "common/base/text.h"
#include "common/proto/headers.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <utlist.h>

/*
 * The states of a call are described in store_http_internal.h. A call changes state on the client's thread (an
 * answer came) or on the clock (its time came); cancelling only sets a flag and leaves the rest to these two. So
 * `finish` never runs inside a function that a caller above the seam called, whatever locks that caller holds.
 */

#define URL_BYTES_MAX 4096	/* a base, ids and one percent-encoded name */
#define NO_MEMORY_NS 10000000ll /* pause before memory is requested again */

/* The allowed transitions: from, to. */
static const bool follows[CALL_STATES][CALL_STATES] = {
	/* The first attempt was sent; or it could not be made, which the clock reports; or there is no session
	 * yet. */
	[CALL_MADE] = {[CALL_SENT] = true, [CALL_WAITING] = true, [CALL_PARKED] = true},
	[CALL_SENT] = {[CALL_IN_HAND] = true},
	[CALL_WAITING] = {[CALL_IN_HAND] = true},
	[CALL_PARKED] = {[CALL_IN_HAND] = true},
	/* Another attempt is sent, or waits for a pause, or for a session. */
	[CALL_IN_HAND] = {[CALL_SENT] = true, [CALL_WAITING] = true, [CALL_PARKED] = true},
};

static bool is_listed(enum store_http_call_state state)
{
	return state == CALL_WAITING || state == CALL_PARKED;
}

/* Changes the state, and moves the call in or out of s->waiting. The caller holds s->lock. */
static void moves(struct store_http_call *call, enum store_http_call_state to)
{
	struct store_http *s = call->s;

	assert(follows[call->state][to]);
	assert((to == CALL_SENT) == (call->http != NULL));
	if (is_listed(call->state))
		DL_DELETE(s->waiting, call);
	call->state = to;
	if (is_listed(to)) {
		DL_APPEND(s->waiting, call);
		pthread_cond_signal(&s->clock_wake);
	}
}

struct store_http_call *store_http_call_new(
	struct store_http *s, enum store_http_call_kind kind, store_http_call_finish_fn finish, void *cookie)
{
	struct store_http_call *call = calloc(1, sizeof(*call));

	while (!call) {
		struct timespec pause = clock_timespec(NO_MEMORY_NS);

		nanosleep(&pause, NULL);
		call = calloc(1, sizeof(*call));
	}
	call->s = s;
	call->kind = kind;
	call->method = "GET";
	call->deadline_ms = STORE_HTTP_DEADLINE_MS;
	call->finish = finish;
	call->cookie = cookie;
	buf_init(&call->path, URL_BYTES_MAX);
	buf_init(&call->owned, BATCH_BYTES_MAX);
	return call;
}

void store_http_call_path(struct store_http_call *call, const char *format, ...)
{
	va_list args;
	int r;

	va_start(args, format);
	r = buf_vprintf(&call->path, format, args);
	va_end(args);
	if (r < 0)
		call->broken = r;
}

void store_http_call_json_take(struct store_http_call *call, json_t *body)
{
	char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
	int r = text ? buf_append_str(&call->owned, text) : -ENOMEM;

	free(text);
	json_decref(body);
	call->content_type = "application/json";
	call->body = buf_span(&call->owned);
	if (r < 0)
		call->broken = r;
}

void store_http_call_key(struct store_http_call *call)
{
	int r = text_random_hex(CALL_KEY_BYTES, call->key);

	if (r < 0)
		call->broken = r;
}

static void free_call(struct store_http_call *call)
{
	buf_fini(&call->path);
	buf_fini(&call->owned);
	free(call);
}

void store_http_call_over(struct store_http_call *call)
{
	struct store_http *s = call->s;

	pthread_mutex_lock(&s->lock);
	assert(call->state == CALL_IN_HAND);
	HASH_DEL(s->calls, call);
	if (!s->calls)
		pthread_cond_broadcast(&s->all_over);
	pthread_mutex_unlock(&s->lock);
	free_call(call);
}

/* The caller holds s->lock, here and in all functions below except callbacks. */
static void wait_until(struct store_http_call *call, int64_t due_ns)
{
	call->due_ns = due_ns;
	moves(call, CALL_WAITING);
}

static int add_headers(struct store_http_call *call, struct http_headers *h)
{
	struct store_http *s = call->s;
	int r = http_headers_add(h, "Authorization", s->authorization);
	char floor[HEADERS_VALUE_SIZE];

	if (r == 0 && call->accept)
		r = http_headers_add(h, "Accept", call->accept);
	if (r == 0 && call->content_type)
		r = http_headers_add(h, "Content-Type", call->content_type);
	if (r == 0 && call->kind == CALL_BLOCK_GET && !call->as.block.whole)
		r = http_headers_addf(h, "Range", "bytes=%" PRIu32 "-%" PRIu32, call->as.block.part.from,
			call->as.block.part.from + call->as.block.part.len - 1);
	/* While there is no session, the one to be replaced still holds documents without a name. */
	call->session_sent = s->session ? s->session : s->replaces;
	if (r == 0 && call->session_sent != 0 && !(call->flags & CALL_FLAG_OUTSIDE))
		r = http_headers_addf(h, HEADER_SESSION, "%" PRId64, call->session_sent);
	if (r == 0 && call->key[0])
		r = http_headers_add(h, "Idempotency-Key", call->key);
	if (r == 0 && call->kind == CALL_BATCH)
		r = http_headers_addf(h, HEADER_BATCH, "%" PRId64, call->as.batch.number);
	if (r == 0 && call->kind == CALL_BLOCK_PUT)
		r = http_headers_add(h, HEADER_PATIENCE, "1");
	call->floor_sent = (call->flags & CALL_FLAG_FLOOR) && s->seen.seq > 0;
	if (r == 0 && call->floor_sent) {
		headers_position_print(s->seen.incarnation, s->seen.seq, floor);
		r = http_headers_add(h, HEADER_FLOOR, floor);
	}
	return r;
}

static void on_response(void *cookie, struct http_response *response);

/* An attempt gets no more time than is left of the outage; otherwise a call would take longer than
 * STORE_OUTAGE_S allows. */
static unsigned limited_ms(const struct store_http_call *call, unsigned wanted_ms)
{
	int64_t left = (call->began_ns + call->s->outage_ns - clock_mono_ns()) / NS_PER_MS;

	if (call->s->attempt_ms > 0 && call->s->attempt_ms < wanted_ms)
		wanted_ms = call->s->attempt_ms;
	if (call->flags & CALL_FLAG_ONCE || left >= (int64_t)wanted_ms)
		return wanted_ms;
	return left > STORE_HTTP_LEAST_MS ? (unsigned)left : STORE_HTTP_LEAST_MS;
}

static int send_request(struct store_http_call *call)
{
	struct store_http *s = call->s;
	struct http_headers headers;
	struct http_call_options options = {
		.method = call->method,
		.headers = &headers,
		.body = call->body,
		.response_max = call->response_max,
		.connect_ms = STORE_HTTP_CONNECT_MS,
		.deadline_ms = limited_ms(call, call->deadline_ms),
		.stall_ms = call->deadline_ms == 0 ? limited_ms(call, STORE_HTTP_STALL_MS) : 0,
	};
	const char *base = gateways_url(s->gateways, call->gateway);
	struct buf url;
	int r;

	http_headers_init(&headers);
	buf_init(&url, URL_BYTES_MAX);
	if (call->flags & CALL_FLAG_OUTSIDE)
		r = buf_printf(&url, "%s%s", base, call->path.data);
	else
		r = buf_printf(
			&url, "%s/api/v2/docs/drives/%s%s", base, s->drive, call->path.size > 0 ? call->path.data : "");
	if (r == 0)
		r = add_headers(call, &headers);
	options.url = url.data;
	if (call->kind == CALL_BLOCK_GET)
		store_http_block_receive(call, &options);
	if (r == 0)
		r = http_client_start(s->client, &options, call, on_response, &call->http);
	if (r < 0)
		call->http = NULL;
	buf_fini(&url);
	http_headers_fini(&headers);
	return r;
}

/* Parks the call until there is a session, but no longer than until the end of its outage. */
static void wait_for_session(struct store_http_call *call)
{
	if (store_http_call_is_late(call)) {
		call->broken = -ERR_NO_GATEWAY;
		wait_until(call, 0);
		return;
	}
	call->due_ns = call->began_ns + call->s->outage_ns;
	moves(call, CALL_PARKED);
	store_http_session_renew(call->s);
}

static void attempt(struct store_http_call *call)
{
	struct store_http *s = call->s;
	int r = call->broken;

	if ((call->flags & CALL_FLAG_SESSION) && s->session == 0 && r == 0) {
		wait_for_session(call);
		return;
	}
	call->moved = false;
	if (!(call->flags & CALL_FLAG_ONE_HOST))
		call->gateway = gateways_current(s->gateways);
	if (r == 0 && call->prepare)
		r = call->prepare(call);
	if (r == 0)
		r = send_request(call);
	if (r < 0) {
		call->broken = r;
		wait_until(call, 0);
		return;
	}
	moves(call, CALL_SENT);
	metric_inc(s->counts[call->kind].requests);
	metric_add(s->counts[call->kind].sent, (int64_t)call->body.size);
}

store_ticket store_http_call_start_locked(struct store_http_call *call)
{
	struct store_http *s = call->s;
	store_ticket ticket = ++s->next_ticket;

	assert(call->state == CALL_MADE && call->ticket == 0);
	call->ticket = ticket;
	if (call->began_ns == 0)
		call->began_ns = clock_mono_ns();
	HASH_ADD(hh, s->calls, ticket, sizeof(call->ticket), call);
	if (s->closing && !call->broken)
		call->broken = -ESHUTDOWN;
	attempt(call);
	return ticket;
}

store_ticket store_http_call_start(struct store_http_call *call)
{
	struct store_http *s = call->s;
	store_ticket ticket;

	pthread_mutex_lock(&s->lock);
	ticket = store_http_call_start_locked(call);
	pthread_mutex_unlock(&s->lock);
	return ticket;
}

static void leave_gateway(struct store_http_call *call)
{
	if (gateways_leave(call->s->gateways, call->gateway, clock_mono_ns()))
		metric_inc(call->s->failovers);
}

/* Whether the call is not tried again. A batch in doubt is given up earlier, so that time is left to find out
 * its outcome. */
static bool is_given_up(const struct store_http_call *call, int64_t now)
{
	const struct store_http *s = call->s;
	const int64_t waited = now - call->began_ns;

	if (call->kind != CALL_BATCH || !call->as.batch.in_doubt)
		return waited > s->outage_ns;
	return now - call->first_failure_ns > s->doubt_ns || waited > s->outage_ns - s->outage_ns / 4;
}

/*
 * A poll was not answered in time: its gateway is up but silent. Reads in flight there would wait until their own,
 * longer deadline: they are sent to another gateway now. Requests that change something stay, as they may have
 * arrived.
 */
static void move_reads(struct store_http_call *poll)
{
	struct store_http *s = poll->s;
	struct store_http_call *call, *next;

	HASH_ITER(hh, s->calls, call, next) {
		if (call->kind != CALL_META || !(call->flags & CALL_FLAG_FLOOR) || call->gateway != poll->gateway)
			continue;
		if (call->state != CALL_SENT || call->cancelled || call->moved)
			continue;
		call->moved = true;
		http_call_cancel(call->http);
	}
}

static void judge_poll(struct store_http_call *poll, int error)
{
	if (error == 0)
		poll->s->late_polls = 0;
	if (error != -ETIMEDOUT)
		return;
	poll->s->late_polls++;
	if (gateways_count(poll->s->gateways) > 1)
		move_reads(poll);
}

static int64_t pause_ns(const struct store_http_call *call, enum verdict verdict)
{
	switch (verdict) {
	case VERDICT_NEXT:
		return gateways_pause_ns(call->s->gateways, call->failures);
	case VERDICT_LATER:
		return gateways_backoff_ns(call->failures);
	default:
		return 0;
	}
}

/* Sends a call again after a failure, or returns the error that ends it. 0: it was sent again, or waits. */
static int go_on(struct store_http_call *call, enum verdict verdict, int error)
{
	struct store_http *s = call->s;
	int64_t now = clock_mono_ns(), pause;

	if (verdict == VERDICT_NEXT && !(call->flags & CALL_FLAG_ONE_HOST))
		leave_gateway(call);
	if (call->cancelled || s->closing)
		return -EINTR;
	if (call->flags & (CALL_FLAG_ONCE | CALL_FLAG_ONE_HOST))
		return error;
	if (verdict == VERDICT_NEXT || verdict == VERDICT_LATER) {
		call->failures++;
		if (call->first_failure_ns == 0)
			call->first_failure_ns = now;
		if (is_given_up(call, now))
			return -ERR_NO_GATEWAY;
	}
	metric_inc(s->retries);
	pause = pause_ns(call, verdict);
	if (verdict == VERDICT_RENEW && s->session != 0) {
		/* Another call met the lost session first: there is a new one already. */
		attempt(call);
	} else if (verdict == VERDICT_RENEW) {
		wait_for_session(call);
	} else if (pause == 0) {
		attempt(call);
	} else {
		wait_until(call, now + pause);
	}
	return 0;
}

/* Prefers the gateway that is the home of the drive: that saves the hop from another gateway. */
static void follow_home(struct store_http *s, enum verdict verdict, const struct http_response *response)
{
	const char *home = response->error == 0 ? http_headers_get(&response->headers, HEADER_HOME) : NULL;

	if (home && verdict != VERDICT_NEXT)
		(void)gateways_prefer(s->gateways, home, clock_mono_ns());
}

/* Notes whether the store answers, for store_silent_ns. */
static void note_answer(struct store_http_call *call, enum verdict verdict, const struct http_response *response)
{
	struct store *base = &call->s->base;

	if (verdict == VERDICT_NEXT)
		atomic_store_explicit(&base->missed_ns, clock_mono_ns(), memory_order_relaxed);
	else if (response->error == 0)
		atomic_store_explicit(&base->heard_ns, clock_mono_ns(), memory_order_relaxed);
}

static void on_response(void *cookie, struct http_response *response)
{
	struct store_http_call *call = cookie;
	struct store_http *s = call->s;
	enum verdict verdict;
	int error = 0;

	pthread_mutex_lock(&s->lock);
	call->http = NULL;
	moves(call, CALL_IN_HAND);
	if (call->kind == CALL_BLOCK_GET)
		store_http_block_received(call, response);
	metric_add(s->counts[call->kind].received, (int64_t)response->body.size);
	verdict = store_http_judge(call, response, &error);
	note_answer(call, verdict, response);
	follow_home(s, verdict, response);
	if (call->kind == CALL_POLL)
		judge_poll(call, response->error);
	if (verdict != VERDICT_FINISH) {
		error = go_on(call, verdict, error);
		if (error == 0) {
			pthread_mutex_unlock(&s->lock);
			return;
		}
	}
	pthread_mutex_unlock(&s->lock);
	call->finish(call, error, response->error == 0 ? response : NULL);
}

/* For finish: sends the call once more. The caller holds s->lock. */
static void again(struct store_http_call *call, int64_t pause)
{
	struct store_http *s = call->s;

	assert(call->state == CALL_IN_HAND && !call->http);
	if (call->cancelled || s->closing) {
		call->broken = -EINTR;
		wait_until(call, 0);
		return;
	}
	metric_inc(s->retries);
	if (pause > 0)
		wait_until(call, clock_mono_ns() + pause);
	else
		attempt(call);
}

void store_http_call_again(struct store_http_call *call, bool elsewhere)
{
	struct store_http *s = call->s;

	pthread_mutex_lock(&s->lock);
	if (elsewhere)
		leave_gateway(call);
	again(call, 0);
	pthread_mutex_unlock(&s->lock);
}

void store_http_call_anew(struct store_http_call *call)
{
	struct store_http *s = call->s;

	pthread_mutex_lock(&s->lock);
	call->broken = 0;
	call->first_failure_ns = 0;
	again(call, call->failures > 0 ? gateways_backoff_ns(call->failures) : 0);
	pthread_mutex_unlock(&s->lock);
}

bool store_http_call_is_late(const struct store_http_call *call)
{
	return clock_mono_ns() - call->began_ns >= call->s->outage_ns;
}

void store_http_call_cancel_locked(struct store_http_call *call)
{
	call->cancelled = true;
	if (call->state == CALL_SENT) {
		http_call_cancel(call->http);
	} else if (is_listed(call->state)) {
		call->due_ns = 0;
		pthread_cond_signal(&call->s->clock_wake);
	}
}

void store_http_cancel(struct store *base, store_ticket ticket)
{
	struct store_http *s = store_http_of(base);
	struct store_http_call *call;

	pthread_mutex_lock(&s->lock);
	HASH_FIND(hh, s->calls, &ticket, sizeof(ticket), call);
	if (call && !call->cancelled)
		store_http_call_cancel_locked(call);
	pthread_mutex_unlock(&s->lock);
}

/* The clock: a thread that takes calls when they are due, and sends them again or finishes them. */

/* Takes a call that is due off the list. NULL: none is; then ret_next is when the next one is due. */
static struct store_http_call *take_due(struct store_http *s, int64_t now, int64_t *ret_next)
{
	struct store_http_call *call;

	*ret_next = INT64_MAX;
	DL_FOREACH(s->waiting, call) {
		if (call->due_ns <= now) {
			moves(call, CALL_IN_HAND);
			return call;
		}
		if (call->due_ns < *ret_next)
			*ret_next = call->due_ns;
	}
	return NULL;
}

static void *clock_main(void *cookie)
{
	struct store_http *s = cookie;

	pthread_mutex_lock(&s->lock);
	while (!s->clock_stop) {
		int64_t next;
		struct store_http_call *call = take_due(s, clock_mono_ns(), &next);

		if (call && (call->broken || call->cancelled)) {
			pthread_mutex_unlock(&s->lock);
			call->finish(call, call->broken ? call->broken : -EINTR, NULL);
			pthread_mutex_lock(&s->lock);
		} else if (call) {
			attempt(call);
		} else {
			cond_wait_until(&s->clock_wake, &s->lock, next);
		}
	}
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

int store_http_call_clock_start(struct store_http *s)
{
	int r = pthread_create(&s->clock, NULL, clock_main, s);

	s->clock_runs = r == 0;
	return -r;
}

void store_http_call_clock_end(struct store_http *s)
{
	if (!s->clock_runs)
		return;
	pthread_mutex_lock(&s->lock);
	s->clock_stop = true;
	pthread_cond_signal(&s->clock_wake);
	pthread_mutex_unlock(&s->lock);
	pthread_join(s->clock, NULL);
}
