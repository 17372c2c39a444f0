/*
 * Resumes an answer that is passed on as it comes, when its sender is killed or stalls. The client has the head
 * and a part of the answer by then, and nothing else can be said to it. So the gateway asks a service for what
 * is missing, under the ETag that the client has got, and the rest goes on in the same stream:
 *
 *   asked      GET of the same target by the same user, Range from the first byte that is not in the pipe, If-Match.
 *              If the document was changed meanwhile, the answer is 412. (With If-Range it would be 200 with all of
 *              the new document.)
 *   taken      206 with that ETag, exactly that range of the same size, and its length
 *   later      no service is there, the answer is cut before its head, or it is 503: asked again after a pause
 *   given up   any other answer: the stream is cut, as it would be without all this. A client gets bytes of one
 *              version, or less than it was promised
 *
 * The rest always comes from a service, wherever the first part came from. An answer under the same ETag tells
 * nobody anything new about the drive: so the rest needs no home, and what its head says of the drive is not
 * noted.
 *
 * Not resumed are answers without a length, such as listings and events; answers without a strong ETag or
 * without Accept-Ranges; and several parts (multipart/byteranges), whose boundary is made anew each time.
 * Resuming has its limits: PROXY_RESTS_MAX, PROXY_REST_WAIT_MS.
 */
#include "gateway/proxy/proxy_internal.h"

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/text.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define FIRST_PAUSE_NS (KEEPER_TICK_MS * NS_PER_MS)
#define LAST_PAUSE_NS NS_PER_S
#define RANGE_SIZE 80 /* "bytes FIRST-LAST/SIZE" */

/* ---- what can be resumed ---- */

static int64_t number_until(const char **at, char end)
{
	const char *stop = strchr(*at, end);
	uint64_t number = 0;

	if (!stop || text_parse_u64(span_of(*at, (size_t)(stop - *at)), INT64_MAX, &number) < 0)
		return -1;
	*at = *stop ? stop + 1 : stop;
	return (int64_t)number;
}

/* Content-Range of a single part. */
static bool read_part(struct exchange *x)
{
	const char *at = http_headers_get(&x->answer_headers, "Content-Range");

	if (!at || strncmp(at, "bytes ", 6) != 0)
		return false;
	at += 6;
	x->rest.first = number_until(&at, '-');
	x->rest.last = number_until(&at, '/');
	x->rest.size = number_until(&at, '\0');
	return x->rest.first >= 0 && x->rest.last >= x->rest.first && x->rest.size > x->rest.last &&
		x->rest.last - x->rest.first == x->answer_length - 1;
}

static bool read_whole(struct exchange *x)
{
	x->rest.first = 0;
	x->rest.last = x->answer_length - 1;
	x->rest.size = x->answer_length;
	return x->answer_length > 0;
}

static bool has_parts(const struct exchange *x)
{
	const char *etag = http_headers_get(&x->answer_headers, "ETag");
	const char *unit = http_headers_get(&x->answer_headers, "Accept-Ranges");

	return etag && etag[0] == '"' && unit && strcmp(unit, "bytes") == 0;
}

void proxy_rest_begin(struct exchange *x)
{
	x->rest.may = x->kind == REGISTRY_DOCS && strcmp(x->method, "GET") == 0 && has_parts(x);
	if (x->rest.may && x->status == 200)
		x->rest.may = read_whole(x);
	else if (x->rest.may)
		x->rest.may = x->status == 206 && read_part(x);
}

bool proxy_rest_is_late(const struct exchange *x)
{
	return x->rest.without_ns + clock_mono_ns() - x->rest.since_ns > PROXY_REST_WAIT_MS * NS_PER_MS;
}

/* Whether the other side has cut the answer: a failure on this side is no cut. */
static bool is_cut(int error, const struct http_response *response)
{
	return response && !response->ours && (error == -ECONNRESET || error == -ETIMEDOUT);
}

/* Whether a rest that was asked for may be asked for again: nothing has come yet that makes this useless. */
static bool is_wanted_still(struct exchange *x, int error, const struct http_response *response)
{
	return (error == -ERR_UNAVAILABLE || is_cut(error, response)) && !proxy_rest_is_late(x);
}

bool proxy_rest_is_wanted(struct exchange *x, int error, const struct http_response *response)
{
	struct exchange_rest *rest = &x->rest;

	if (!rest->may || error == 0 || rest->passed > rest->last - rest->first)
		return false;
	if (rest->asked)
		return is_wanted_still(x, error, response);
	if (!is_cut(error, response) || rest->times >= PROXY_RESTS_MAX)
		return false;
	rest->times++;
	rest->since_ns = clock_mono_ns();
	rest->pause_ns = FIRST_PAUSE_NS;
	metric_inc(x->proxy->cut);
	log_info(x->trace, "%s %s: cut after %" PRId64 " bytes (%s): the rest is asked for", x->method, x->target.data,
		rest->passed, error_text(error));
	return true;
}

/* ---- asking ---- */

/* Replaces the client's own conditions and Range: they were judged when its answer began. */
static int set_fields(struct exchange *x)
{
	static const char *const JUDGED[] = {
		"If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "If-Range", "Range", "If-Match"};
	const char *etag = http_headers_get(&x->answer_headers, "ETag");

	for (size_t i = 0; i < sizeof(JUDGED) / sizeof(*JUDGED); i++)
		http_headers_remove(&x->headers, JUDGED[i]);
	const int error = http_headers_addf(
		&x->headers, "Range", "bytes=%" PRId64 "-%" PRId64, x->rest.first + x->rest.passed, x->rest.last);
	return error < 0 ? error : http_headers_add(&x->headers, "If-Match", etag);
}

static void give_up(struct exchange *x, int error)
{
	pthread_mutex_lock(&x->lock);
	if (x->state == RESUMES)
		proxy_exchange_move(x, DRAINS);
	pthread_mutex_unlock(&x->lock);
	proxy_send_end_stream(x, error);
}

static void ask(struct exchange *x);

static void wait(struct exchange *x)
{
	if (!x->proxy->with.keeper || proxy_rest_is_late(x) || !keeper_wait(x->proxy->with.keeper, &x->waiter))
		give_up(x, -ERR_UNAVAILABLE);
}

/* The keeper's ticks serve as the clock. This function also finds out when the client is gone, or its token has
 * ended. */
static void on_look(struct keeper_waiter *waiter)
{
	struct exchange *x = (struct exchange *)((char *)waiter - offsetof(struct exchange, waiter));

	pthread_mutex_lock(&x->lock);
	const bool over = x->state != RESUMES || x->ended;
	pthread_mutex_unlock(&x->lock);
	if (over)
		give_up(x, -ECANCELED);
	else if (clock_mono_ns() < x->rest.then_ns)
		wait(x);
	else
		ask(x);
}

static void ask(struct exchange *x)
{
	const int64_t now_ns = clock_mono_ns();
	int error = set_fields(x);

	x->waiter = (struct keeper_waiter){.look = on_look};
	x->rest.asked = true;
	x->rest.then_ns = now_ns + x->rest.pause_ns;
	x->rest.pause_ns = x->rest.pause_ns < LAST_PAUSE_NS / 2 ? 2 * x->rest.pause_ns : LAST_PAUSE_NS;
	pthread_mutex_lock(&x->lock);
	if (x->state != RESUMES || x->ended)
		error = -ECANCELED;
	if (error == 0)
		error = proxy_send_for_rest(x);
	pthread_mutex_unlock(&x->lock);
	if (error == -ERR_UNAVAILABLE)
		wait(x);
	else if (error < 0)
		give_up(x, error);
}

void proxy_rest_ask(struct exchange *x, bool absent)
{
	assert(x->rest.may && x->pipe && x->rest.passed <= x->rest.last - x->rest.first);
	if (x->rest.asked) {
		wait(x);
		return;
	}
	const int error = proxy_home_leave(x, absent);

	if (error < 0)
		give_up(x, error);
	else
		ask(x);
}

/* ---- what comes ---- */

static bool has_field(const struct http_response *head, const char *name, const char *value)
{
	const char *said = http_headers_get(&head->headers, name);

	return said && value && strcmp(said, value) == 0;
}

int proxy_rest_on_head(struct exchange *x, const struct http_response *head)
{
	struct exchange_rest *rest = &x->rest;
	const int64_t first = rest->first + rest->passed;
	char range[RANGE_SIZE], length[RANGE_SIZE];

	if (head->status == 503)
		return -ERR_UNAVAILABLE;
	(void)snprintf(range, sizeof(range), "bytes %" PRId64 "-%" PRId64 "/%" PRId64, first, rest->last, rest->size);
	(void)snprintf(length, sizeof(length), "%" PRId64, rest->last - first + 1);
	if (head->status != 206 || !has_field(head, "ETag", http_headers_get(&x->answer_headers, "ETag")) ||
		!has_field(head, "Content-Range", range) || !has_field(head, "Content-Length", length)) {
		log_info(x->trace, "%s %s: the rest is not to be had (%d)", x->method, x->target.data, head->status);
		rest->may = false;
		return -EBADMSG;
	}
	rest->asked = false;
	rest->without_ns += clock_mono_ns() - rest->since_ns;
	metric_inc(x->proxy->resumed);
	return 0;
}
