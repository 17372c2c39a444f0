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
 * Sends a batch of ops to the store, under the mount's session and a number that grows by one.
 *
 * The number makes repeats safe: the store applies a batch once, and answers a repeat as it answered the first time.
 * So an attempt without an answer is sent again, through another gateway if need be, with the same number (call.c,
 * judge.c). This file decides what the end of a batch means for the number, and for the session; see below at
 * settle_number.
 *
 * When the outcome of a batch is unknown, because its session was lost meanwhile or the answer is invalid, the
 * journal is asked (inquiry.c). Only when the journal does not have the answer either, the result is -ERR_IN_DOUBT.
 * A batch that would write to a document whose file locks were lost is refused here, before it is sent.
 */

#define RESPONSE_BYTES_MAX \
	(32u * 1024 * 1024) /* 4096 results with an item and two folders of 800 bytes each fit twice */

/* An answer may have either form: an older service has only JSON, and a repeat gets the stored answer, whatever
 * form it asks for. */
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
 * Numbers. A number that the store answered is used up, even if the rules refused the batch. A number that was never
 * sent, or that no service accepted (the store was unreachable, or busy), is free. Any other number may or may not
 * be used up, and no number is ever used twice: so the session is given up, and the next batch waits for its
 * replacement.
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

/* False: the answer is invalid, and the inquiry has taken over the call. */
static bool decode(struct store_http_call *call, const struct http_response *response, struct op_answer **ret)
{
	if (response->status / 100 == 2 && parse_answer(call, response, ret) == 0)
		return true;
	/* The batch was applied, but the answer about its results cannot be used: the journal has the results,
	 * too. */
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
	/* A 500 with the number: the batch was applied, but the store could not make an answer. */
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

/* Assigns the number: within one session a batch keeps its number, another session needs a new one. */
static int prepare(struct store_http_call *call)
{
	struct store_http *s = call->s;
	int index;

	assert(s->session != 0 && s->next_batch > 0); /* CALL_FLAG_SESSION: the call waits while there is none */
	if (call->as.batch.number != 0 && call->session_sent == s->session)
		return 0;
	/* Under another session it would count as another batch, and might be applied twice: first its outcome
	 * has to be found out. */
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
