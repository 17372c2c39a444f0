#include "fusefs/store/http/store_http_internal.h"

#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/text.h"
#include "common/proto/headers.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

/*
 * A batch of ops on its way to the store, under the mount's session and a number that grows by one.
 *
 * The number makes repeats safe: the store applies a batch once, and answers a repeat with what it answered first. So
 * an attempt without an answer goes again, through another gateway if need be, with the same number (call.c, judge.c).
 * What is to be decided here is what the end of a batch means for the number, and for the session; see below at
 * settle_number.
 *
 * When nobody can say whether a batch happened, because its session was lost meanwhile or the answer makes no sense,
 * the journal is asked (inquiry.c), and only when that does not know either is -ERR_IN_DOUBT the answer. A batch that
 * would write to a document whose file locks were lost is refused here, before it is sent.
 */

#define RESPONSE_BYTES_MAX \
	(32u * 1024 * 1024) /* 4096 results with an item and two folders of 800 bytes each fit twice */

/* An answer is in either form: an older service knows only JSON, and of a repeat the kept one comes, whoever asked for
 * it. */
#define ACCEPT OP_ANSWER_COMPACT ", " OP_ANSWER_JSON

static bool result_ok(const struct op_result *result, uint32_t drive)
{
	bool ok = !result->has_item || store_http_item_ok(&result->item, drive);

	for (size_t i = 0; ok && i < result->dir_count; i++)
		ok = store_http_item_ok(&result->dirs[i], drive);
	return ok;
}

static int parse_answer(
	const struct store_http_call *call, const struct http_response *response, struct op_answer **ret)
{
	struct op_answer *answer;
	int r = op_answer_decode(http_headers_get(&response->headers, "Content-Type"), buf_span(&response->body),
		call->as.batch.count, &answer);

	if (r < 0)
		return r;
	for (size_t i = 0; i < answer->count; i++) {
		if (result_ok(&answer->results[i], call->s->drive_number))
			continue;
		op_answer_free(answer);
		return -EPROTO;
	}
	*ret = answer;
	return 0;
}

static void parse_usage(const struct http_response *response, struct store_batch_reply *ret)
{
	const char *text = http_headers_get(&response->headers, HEADER_USAGE);

	if (headers_usage_parse(text, &ret->used, &ret->quota) < 0)
		ret->used = ret->quota = -1;
}

/*
 * Numbers. One that the store answered is used up, also by a refusal of the rules. One that was never sent, or that
 * nobody took (the store was not there, or busy), is free. Of any other nobody knows, and a number is never given
 * twice: the session is lost, and what comes next waits for one in its place.
 */
static bool is_used_up(const struct store_http_call *call, const struct http_response *response)
{
	return response && (response->status / 100 == 2 || store_http_batch_is_settled(call, response));
}

static bool is_free(const struct http_response *response)
{
	return !response || response->status == 429 || (response->status >= 502 && response->status <= 504);
}

static void settle_number(struct store_http_call *call, const struct http_response *response)
{
	struct store_http *s = call->s;

	pthread_mutex_lock(&s->lock);
	if (s->session == call->session_sent && is_used_up(call, response))
		s->next_batch = call->as.batch.number + 1;
	else if (!is_free(response))
		store_http_session_lost(s, call->session_sent);
	pthread_mutex_unlock(&s->lock);
}

void store_http_batch_unknown(struct store_http_call *call, int error)
{
	struct store_http *s = call->s;

	pthread_mutex_lock(&s->lock);
	s->in_doubt++;
	pthread_mutex_unlock(&s->lock);
	metric_inc(s->doubts);
	log_error(NULL, "batch %" PRId64 " of session %" PRId64 ", %zu ops: no answer, it may have happened or not",
		call->as.batch.number, call->session_sent, call->as.batch.count);
	call->as.batch.done(call->cookie, error, NULL);
	store_http_call_over(call);
}

/* Takes the call when the answer makes no sense. */
static bool decode(struct store_http_call *call, const struct http_response *response, struct op_answer **ret)
{
	if (response->status / 100 == 2 && parse_answer(call, response, ret) == 0)
		return true;
	/* It was applied; what it did, the store did not say in words that can be used: the journal has others. */
	log_error(NULL, "batch of %zu ops: the answer makes no sense", call->as.batch.count);
	store_http_inquire(call, -EIO);
	return false;
}

static void on_batch(struct store_http_call *call, int error, struct http_response *response)
{
	struct store_batch_reply answer = {.index = call->as.batch.index, .used = -1, .quota = -1};
	struct op_answer *decoded = NULL;

	if (error < 0 && call->as.batch.in_doubt && !is_used_up(call, response)) {
		store_http_inquire(call, error);
		return;
	}
	settle_number(call, response);
	/* A 500 under the number: it happened, but the store found no words. */
	if (is_used_up(call, response) && (error == 0 || response->status == 500) && !decode(call, response, &decoded))
		return;
	if (response) {
		answer.at = store_http_response_position(response);
		parse_usage(response, &answer);
		answer.results = decoded ? decoded->results : NULL;
		answer.count = decoded ? decoded->count : 0;
	}
	call->as.batch.done(call->cookie, error, response || call->as.batch.refused ? &answer : NULL);
	op_answer_free(decoded);
	store_http_call_over(call);
}

/* The number is given anew for each session; within one it stays with its batch. */
static int prepare(struct store_http_call *call)
{
	struct store_http *s = call->s;
	int index;

	assert(s->session != 0 && s->next_batch > 0); /* CALL_FLAG_SESSION: it waits while there is none */
	if (call->as.batch.number != 0 && call->session_sent == s->session)
		return 0;
	/* Under another session it would be another batch, and might be applied twice: first, what became of it is
	 * asked. */
	if (call->as.batch.in_doubt)
		return -ERR_SESSION_GONE;
	index = store_http_locks_refused_op(s, call->as.batch.ops, call->as.batch.count);
	if (index >= 0) {
		call->as.batch.index = index;
		call->as.batch.refused = true;
		return -ESTALE;
	}
	call->as.batch.number = s->next_batch;
	call->as.batch.since = s->seen;
	return 0;
}

store_ticket store_http_batch(struct store *base, const struct op *ops, size_t count,
	void (*done)(void *cookie, int error, const struct store_batch_reply *reply), void *cookie)
{
	struct store_http_call *call = store_http_call_new(store_http_of(base), CALL_BATCH, on_batch, cookie);
	int r;

	call->method = "POST";
	call->accept = ACCEPT;
	call->flags = CALL_FLAG_SESSION;
	call->response_max = RESPONSE_BYTES_MAX;
	call->prepare = prepare;
	call->as.batch.ops = ops;
	call->as.batch.count = count;
	call->as.batch.index = -1;
	call->as.batch.done = done;
	store_http_call_path(call, "/ops");
	r = op_batch_encode(ops, count, &call->owned, &call->content_type);
	if (r < 0)
		call->broken = r;
	call->body = buf_span(&call->owned);
	return store_http_call_start(call);
}
