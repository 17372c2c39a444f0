/*
 * Sends an exchange to a service, or to the gateway that is the home of its drive, and passes the answer on.
 * What the head of the answer says is noted first (proxy_home_on_head). A short answer is collected, and can
 * still be dropped for another try. A long one is passed through a pipe, and is final from its head on: if it
 * is cut, only the rest can be asked for (proxy_rest.c). Callbacks run on the HTTP client's thread, but for
 * those of the answer's stream, which run on the server's.
 */
#include "gateway/proxy/proxy_internal.h"

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/text.h"
#include "common/proto/headers.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- the answer ---- */

static int answer_pull(void *cookie, void *data, size_t size, size_t *ret_size)
{
	struct exchange *x = cookie;
	bool wanted = false;
	int error = pipe_read(x->pipe, data, size, ret_size, &wanted);
	if (wanted) {
		pthread_mutex_lock(&x->lock);
		if (x->call)
			upstream_resume(x->call);
		pthread_mutex_unlock(&x->lock);
	}
	return error;
}

static void answer_done(void *cookie, bool complete)
{
	struct exchange *x = cookie;
	pthread_mutex_lock(&x->lock);
	x->stream = NULL;
	if (!complete && x->call)
		upstream_cancel(x->call);
	proxy_exchange_move(x, x->state == STREAMS ? LEAVES : DONE);
	pthread_mutex_unlock(&x->lock);
	proxy_exchange_release(x);
}

static const struct http_stream_ops ANSWER_STREAM = {.pull = answer_pull, .done = answer_done};

static void wake_reader(struct exchange *x)
{
	pthread_mutex_lock(&x->lock);
	if (x->stream)
		http_stream_wake(x->stream);
	pthread_mutex_unlock(&x->lock);
}

static int64_t content_length(const struct http_headers *headers)
{
	uint64_t length;
	const char *text = http_headers_get(headers, "Content-Length");
	if (!text || text_parse_u64(span_str(text), INT64_MAX, &length) < 0)
		return -1;
	return (int64_t)length;
}

static int begin_stream(struct exchange *x)
{
	int error = pipe_new(&x->pipe);
	if (error < 0)
		return error;
	proxy_rest_begin(x);
	pthread_mutex_lock(&x->lock);
	proxy_exchange_move(x, STREAMS);
	x->holders++; /* for the stream */
	struct http_request *req = x->req;
	pthread_mutex_unlock(&x->lock);
	http_respond_stream(req, x->status, &x->answer_headers, x->answer_length, &ANSWER_STREAM, x, &x->stream);
	return 0;
}

/* Another gateway has counted the attempts that it made itself. */
static int say_attempts(struct exchange *x, unsigned attempts)
{
	const char *text = x->way == WAY_HOP ? http_headers_get(&x->answer_headers, HEADER_ATTEMPTS) : NULL;
	uint64_t there = 1;

	if (text && text_parse_u64(span_str(text), UINT16_MAX, &there) < 0)
		there = 1;
	const uint64_t all = x->sent_before + (x->way == WAY_HOP ? there : attempts);
	http_headers_remove(&x->answer_headers, HEADER_ATTEMPTS);
	return all > 1 ? http_headers_addf(&x->answer_headers, HEADER_ATTEMPTS, "%" PRIu64, all) : 0;
}

static int on_head(void *cookie, const struct http_response *head, unsigned attempts)
{
	struct exchange *x = cookie;
	if (x->rest.asked)
		return proxy_rest_on_head(x, head);
	x->status = head->status;
	x->answer_length = content_length(&head->headers);
	bool bodiless =
		head->status == 204 || head->status == 304 || (strcmp(x->method, "HEAD") == 0 && x->answer_length >= 0);
	int error = forward_headers_answer(&head->headers, x->way == WAY_HOP, &x->answer_headers);
	if (error == 0 && !x->traits.reads)
		error = say_attempts(x, attempts);
	if (error == 0)
		error = proxy_home_on_head(x, head);
	if (error < 0 || x->misplaced)
		return error; /* no client gets this answer */
	/* An answer without a length may have no end, and its first byte may be long in coming: the head goes
	 * now. */
	if (error == 0 && !bodiless && !x->content.comes && !x->fill.gathers &&
		(x->answer_length < 0 || x->answer_length > (int64_t)PROXY_ANSWER_BYTES))
		error = begin_stream(x);
	return error;
}

static int on_data(void *cookie, const void *data, size_t size)
{
	struct exchange *x = cookie;

	if (x->misplaced)
		return x->answer_length < 0 ? -ECONNRESET : 0; /* the answer may have no end */
	int error = proxy_home_on_data(x);
	if (error < 0)
		return error;
	if (x->content.comes)
		error = proxy_content_on_data(x, span_of(data, size));
	else if (x->pipe)
		error = pipe_write(x->pipe, data, size);
	else if (!x->fill.gathers)
		error = buf_append(&x->answer, data, size);
	if (error == 0)
		error = proxy_fill_on_data(x, span_of(data, size));
	if (error == 0 && x->pipe) {
		x->rest.passed += (int64_t)size;
		wake_reader(x);
	}
	return error;
}

/* A client that did not ask for a 102 may take it for the answer. */
static void on_waits(void *cookie)
{
	struct exchange *x = cookie;
	pthread_mutex_lock(&x->lock);
	if (x->patient && x->state == WAITS)
		http_request_tell_waiting(x->req);
	pthread_mutex_unlock(&x->lock);
}

static void answer_whole(struct exchange *x)
{
	proxy_home_say_kept(x);
	proxy_validate_keep(x);
	struct http_request *req = proxy_exchange_take_request(x, DONE);
	if (x->fill.gathers) {
		proxy_fill_respond(x, req);
		return;
	}
	if (strcmp(x->method, "HEAD") == 0 || x->status == 304) {
		http_respond_length(
			req, x->status, &x->answer_headers, x->answer_length > 0 ? (uint64_t)x->answer_length : 0);
		return;
	}
	size_t size = 0;
	char *body = buf_take(&x->answer, &size);
	http_respond_take(req, x->status, &x->answer_headers, body, size);
}

/* The error that the client gets; nothing of the answer has gone out. */
static int told_error(const struct exchange *x, int error)
{
	if (error == -ERR_UNAVAILABLE || error == -ERR_UNKNOWN_OUTCOME || error == -ERR_TOO_LARGE)
		return error;
	return x->traits.reads ? -ERR_UNAVAILABLE : -ERR_UNKNOWN_OUTCOME;
}

static void give_place_back(struct exchange *x)
{
	under_way_give_back(x->proxy->under_way, &x->place);
	x->place.amount = 0;
}

static void log_failure(const struct exchange *x, int error, int why)
{
	if (why) {
		log_info(x->trace, "%s %s: ended, as its token was (%s)", x->method, x->target.data,
			error_lookup(why)->type);
		return;
	}
	metric_inc(x->proxy->failures[x->kind]);
	log_warning(x->trace, "%s %s: no answer from a %s service (%s)", x->method, x->target.data,
		registry_kind_name(x->kind), error_lookup(error)->type);
}

/* Nothing of the answer has gone out. */
static void answer(struct exchange *x, int error, int why)
{
	if (error < 0)
		http_respond_error(proxy_exchange_take_request(x, DONE),
			why ? why : proxy_exchange_told(x, told_error(x, error)), NULL);
	else
		answer_whole(x);
}

void proxy_send_end_stream(struct exchange *x, int error)
{
	pthread_mutex_lock(&x->lock);
	const bool over = x->aborted || x->ended;
	const int why = x->ended;
	pthread_mutex_unlock(&x->lock);
	give_place_back(x);
	if (error < 0 && (why || !over))
		log_failure(x, error, why);
	pipe_close(x->pipe, error < 0 ? -ECONNRESET : 0);
	wake_reader(x);
	proxy_exchange_release(x);
}

/* The state after a call. The caller holds x->lock. */
static enum exchange_state state_after(struct exchange *x, int error, const struct http_response *response)
{
	if (x->state == WAITS)
		return ANSWERS;
	if (x->state != STREAMS)
		return DONE;
	const bool over = x->aborted || x->ended;
	return !over && proxy_rest_is_wanted(x, error, response) ? RESUMES : DRAINS;
}

/* Whether the instance or gateway that was asked is gone. A service that has cut its answer counts as gone:
 * another service may have the request. The home of a drive counts as gone only when nobody listens where it
 * did, or another process does. A home that cuts an answer, or cannot be reached, may go on answering others
 * from memory, and no read may go past it: its client would see changes that the home has not noted, and the
 * next client that reads at the home, an older state. */
static bool is_gone(const struct exchange *x, int error, const struct http_response *response)
{
	if (error == 0 || !response || response->ours)
		return false;
	if (x->way == WAY_HOP)
		return !response->connected && (response->error == -ECONNREFUSED || response->error == -EKEYREJECTED);
	return !response->connected || response->error == -ECONNRESET;
}

static void on_upstream_done(void *cookie, int error, struct http_response *response)
{
	struct exchange *x = cookie;
	/* Head and data came through the callbacks. */
	const bool absent = is_gone(x, error, response);

	pthread_mutex_lock(&x->lock);
	x->call = NULL;
	proxy_exchange_move(x, state_after(x, error, response));
	const bool over = x->aborted || x->ended;
	const bool answers = x->state == ANSWERS, resumes = x->state == RESUMES;
	int why = x->ended;
	/* The answer says where content lies: a client must not get that instead of the content. */
	const bool page = x->content.comes;
	pthread_mutex_unlock(&x->lock);
	proxy_content_on_end(x, error == 0 && answers && !over);
	proxy_fill_on_end(x, error == 0);
	if (error < 0)
		proxy_home_on_failure(x);
	if (resumes) {
		proxy_rest_ask(x, absent);
		return;
	}
	if (x->pipe) {
		proxy_send_end_stream(x, error);
		return;
	}
	if (answers && !over && proxy_home_try_again(x, error, absent))
		return;
	if (error == 0 && answers && !over && !x->misplaced && proxy_content_pass_on(x))
		return;
	if (x->misplaced || (page && over))
		error = -ERR_UNAVAILABLE;
	give_place_back(x);

	if (error < 0 && (why || !over))
		log_failure(x, error, why);
	answer(x, error, why);
	proxy_exchange_release(x);
}

/* ---- the request ---- */

static void on_body_readable(struct http_request *req, void *cookie)
{
	struct exchange *x = cookie;
	(void)req;
	pthread_mutex_lock(&x->lock);
	if (x->call)
		upstream_resume(x->call);
	pthread_mutex_unlock(&x->lock);
}

/* First the bytes that were collected before the body had to stream, then those that come. */
static int read_on(struct exchange *x, struct http_request *req, void *data, size_t size, size_t *ret_size)
{
	if (x->pulled >= (int64_t)x->body_filled)
		return http_request_read(req, data, size, ret_size);
	size_t left = x->body_filled - (size_t)x->pulled;
	*ret_size = size < left ? size : left;
	memcpy(data, x->body + x->pulled, *ret_size);
	return 0;
}

static int pull_body(void *cookie, void *data, size_t size, size_t *ret_size)
{
	struct exchange *x = cookie;
	pthread_mutex_lock(&x->lock);
	struct http_request *req = x->state == WAITS ? x->req : NULL;
	pthread_mutex_unlock(&x->lock);
	if (!req)
		return -ECANCELED; /* the instance answered before it had read all: it does not get the rest */
	int error = read_on(x, req, data, size, ret_size);
	if (error == -EAGAIN)
		http_request_on_readable(req, on_body_readable, x);
	if (error < 0)
		return error;
	x->pulled += (int64_t)*ret_size;
	if (*ret_size > 0 && x->pulled != x->length)
		return 0;
	error = proxy_exchange_ended(x);
	return error == 0 && !proxy_exchange_is_confirmed(x) ? -ERR_UNAVAILABLE : error;
}

static int on_waiting(void *cookie)
{
	const struct exchange *x = cookie;
	if (x->rest.asked && proxy_rest_is_late(x))
		return -ECANCELED;
	return x->traits.poll && atomic_load(&x->proxy->draining) ? -ECANCELED : 0;
}

static bool on_lost(void *cookie, unsigned waited_ms)
{
	(void)waited_ms;
	return proxy_home_is_lost(cookie);
}

static unsigned first_byte_ms(const struct exchange *x)
{
	if (x->traits.poll)
		return 0;
	return x->traits.reads ? PROXY_READ_FIRST_BYTE_MS : PROXY_WRITE_FIRST_BYTE_MS;
}

/* The caller holds x->lock: so done(), which clears x->call, waits until upstream_start has stored to it. */
static int start(struct exchange *x, const struct upstream_fixed *hop)
{
	const struct upstream_options options = {
		.client = x->proxy->with.client,
		.registry = x->proxy->with.registry,
		.kind = x->kind,
		.key = span_str(x->key),
		.fixed = hop,
		.method = x->method,
		.target = x->target.data,
		.headers = &x->headers,
		.body = span_of(x->body, x->body_filled),
		.pull = x->streams ? pull_body : NULL,
		.body_length = x->length,
		.expect = x->streams && x->traits.asked,
		.on_head = on_head,
		.on_data = on_data,
		.on_waits = on_waits,
		.repeatable = x->traits.repeatable,
		.reads = x->traits.reads,
		.stall_ms = x->traits.poll ? PROXY_POLL_STALL_MS : PROXY_STALL_MS,
		.first_byte_ms = first_byte_ms(x),
		.waiting = on_waiting,
		.lost = hop ? on_lost : NULL,
		.cookie = x,
		.done = on_upstream_done,
	};
	int error = upstream_start(&options, &x->call);

	if (error == 0)
		proxy_exchange_move(x, x->state == RESUMES ? STREAMS : WAITS);
	return error;
}

int proxy_send_for_rest(struct exchange *x)
{
	return start(x, NULL);
}

void proxy_send(struct exchange *x, const struct upstream_fixed *hop)
{
	metric_inc(x->proxy->requests[x->kind]);
	x->status = 0;
	x->misplaced = false;
	x->fill.kept = false;
	x->fill.stamp = 0;
	proxy_content_forget(x);
	proxy_fill_give_up(x);
	buf_reset(&x->answer);
	http_headers_fini(&x->answer_headers);
	http_headers_init(&x->answer_headers);
	pthread_mutex_lock(&x->lock);
	int error = x->ended ? x->ended : x->aborted ? -ERR_UNAVAILABLE : start(x, hop);
	x->judged = error == 0 && !x->streams && x->kind == REGISTRY_USER;
	pthread_mutex_unlock(&x->lock);
	if (error == 0 || (error == -ERR_UNAVAILABLE && !hop && proxy_home_await_service(x)))
		return;
	metric_inc(x->proxy->failures[x->kind]);
	log_warning(x->trace, "%s %s: no %s service (%s)", x->method, x->target.data, registry_kind_name(x->kind),
		error_lookup(error)->type);
	proxy_exchange_fail(x, error);
}
