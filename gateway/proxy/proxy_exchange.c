/*
 * The life of an exchange: its states, who holds it, and its early ends: the client goes away (on_abort in
 * proxy.c), or the token ends (PROXY_UNDER_WAY). Neither of these frees anything: it sets a flag in the
 * exchange and cancels the call, and the thread that works on the exchange finds out. Only an exchange that
 * waits for the answer to another one (proxy_flight.c) is ended at once. Each party that may still touch the
 * exchange holds it; the last one to release it frees it, on whatever thread that is.
 */
#include "gateway/proxy/proxy_internal.h"

#include "common/base/clock.h"
#include "common/base/error.h"
#include "gateway/access/recheck.h"

#include <assert.h>
#include <stdlib.h>

static const struct {
	bool has_call;
	unsigned to; /* bits of the states that may come next */
} STATES[EXCHANGE_STATES] = {
	[COLLECTS] = {false, 1u << HELD | 1u << WAITS | 1u << DRAINS | 1u << DONE},
	[HELD] = {false, 1u << HELD | 1u << WAITS | 1u << DRAINS | 1u << DONE},
	[WAITS] = {true, 1u << ANSWERS | 1u << STREAMS},
	[ANSWERS] = {false, 1u << HELD | 1u << WAITS | 1u << DRAINS | 1u << DONE},
	[STREAMS] = {true, 1u << RESUMES | 1u << DRAINS | 1u << LEAVES},
	[RESUMES] = {false, 1u << STREAMS | 1u << DRAINS | 1u << DONE},
	[DRAINS] = {false, 1u << DONE},
	[LEAVES] = {true, 1u << DONE},
	[DONE] = {false, 0},
};

/* The caller holds x->lock. */
void proxy_exchange_move(struct exchange *x, enum exchange_state to)
{
	assert(STATES[x->state].to & 1u << to);
	assert(STATES[to].has_call == (x->call != NULL));
	x->state = to;
}

static void exchange_free(struct exchange *x)
{
	assert(x->holders == 0);
	under_way_remove(x->proxy->under_way, &x->entry);
	under_way_give_back(x->proxy->under_way, &x->kept);
	under_way_give_back(x->proxy->under_way, &x->place);
	assert(x->block.room.amount == 0 && x->content.room.amount == 0 && !x->content.reader);
	answer_unref(x->content.page);
	proxy_fill_give_up(x);
	assert(!x->rider.flight);
	free(x->body);
	buf_fini(&x->target);
	buf_fini(&x->answer);
	buf_fini(&x->question);
	http_headers_fini(&x->headers);
	http_headers_fini(&x->answer_headers);
	pipe_free(x->pipe);
	pthread_mutex_destroy(&x->lock);
	free(x);
}

void proxy_exchange_release(struct exchange *x)
{
	pthread_mutex_lock(&x->lock);
	assert(x->holders > 0);
	bool last = --x->holders == 0;
	pthread_mutex_unlock(&x->lock);
	if (last)
		exchange_free(x);
}

/* ---- the end of its token ---- */

static bool entry_hold(struct under_way_entry *entry)
{
	struct exchange *x = (struct exchange *)entry;
	pthread_mutex_lock(&x->lock);
	bool alive = x->holders > 0;
	x->holders += alive;
	pthread_mutex_unlock(&x->lock);
	return alive;
}

/* Answers the exchange, and drops the hold of the work on it, as nothing works on it any more. The caller has a
 * hold of its own. */
static void fail_waiting(struct exchange *x, int error)
{
	pthread_mutex_lock(&x->lock);
	assert(x->holders > 1);
	x->holders--;
	pthread_mutex_unlock(&x->lock);
	http_respond_error(proxy_exchange_take_request(x, DONE), error, NULL);
}

/* A log-out ends its own token, and is answered when the gateways have forgotten the token. The log-out was
 * done, and its client gets that answer: so an exchange that is judged does not end. */
static void entry_end(struct under_way_entry *entry, int error)
{
	struct exchange *x = (struct exchange *)entry;
	pthread_mutex_lock(&x->lock);
	if (!x->judged) {
		x->ended = error;
		if (x->call)
			upstream_cancel(x->call);
		/* Content that is assembled here has no call: the thread that pulls it finds out. */
		if (x->stream && x->state == DRAINS)
			http_stream_wake(x->stream);
	}
	const int ended = x->ended;
	pthread_mutex_unlock(&x->lock);
	if (ended && proxy_flight_leave(x))
		fail_waiting(x, ended);
	proxy_exchange_release(x);
}

int proxy_exchange_ended(struct exchange *x)
{
	pthread_mutex_lock(&x->lock);
	int error = x->ended;
	pthread_mutex_unlock(&x->lock);
	return error;
}

bool proxy_exchange_is_over(struct exchange *x, int *ret_why)
{
	pthread_mutex_lock(&x->lock);
	*ret_why = x->ended ? x->ended : -ERR_UNAVAILABLE;
	const bool over = x->ended || x->aborted;
	pthread_mutex_unlock(&x->lock);
	return over;
}

/* Before the last byte of a body is passed on, its token must be known to be good. */
bool proxy_exchange_is_confirmed(struct exchange *x)
{
	return under_way_is_confirmed(x->proxy->under_way, &x->entry, clock_mono_ns() - RECHECK_BELIEVED_NS);
}

/* After this the request is the server's again, and its abort callback cannot come any more. */
struct http_request *proxy_exchange_take_request(struct exchange *x, enum exchange_state to)
{
	pthread_mutex_lock(&x->lock);
	proxy_exchange_move(x, to);
	struct http_request *req = x->req;
	pthread_mutex_unlock(&x->lock);
	return req;
}

int proxy_exchange_told(const struct exchange *x, int error)
{
	return error == -ERR_UNAVAILABLE && x->sent_before > 0 ? -ERR_UNKNOWN_OUTCOME : error;
}

void proxy_exchange_fail(struct exchange *x, int error)
{
	proxy_flight_land(x, NULL, 0);
	http_respond_error(proxy_exchange_take_request(x, DONE), proxy_exchange_told(x, error), NULL);
	proxy_exchange_release(x);
}

int proxy_exchange_take_place(struct exchange *x)
{
	x->place.amount = 1;
	int error = under_way_take(x->proxy->under_way, &x->place);
	if (error < 0)
		x->place.amount = 0;
	return error;
}

const struct under_way_ops PROXY_UNDER_WAY = {.hold = entry_hold, .end = entry_end};
