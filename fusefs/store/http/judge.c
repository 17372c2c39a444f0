#include "fusefs/store/http/store_http_internal.h"

#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/text.h"
#include "common/proto/headers.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>

/*
 * Decides what an answer means for its call: whether the call is over, and with which error, or where and when it is
 * sent again.
 *
 * A success ends the call, and updates the position that this mount has seen. After a failure of the network, or an
 * answer that concerns the gateway and not the request, the call goes to the next gateway. A store that is busy, or
 * behind what this mount has seen, is asked again after a pause. A session that the store no longer has is replaced
 * first. Every other refusal ends the call: a problem of a known type becomes its code, else the errno in it counts,
 * else the HTTP status.
 *
 * For a batch, in_doubt notes whether it may have happened without this mount having learnt so: the request was sent
 * and no answer came, or a gateway repeated the request. Called with s->lock held; sends nothing itself.
 */

#define RENEWALS_MAX 3 /* of the session, for one batch: a store that needs more of them is broken */

struct store_position store_http_response_position(const struct http_response *response)
{
	struct store_position at = {0, 0};

	(void)headers_position_parse(http_headers_get(&response->headers, HEADER_SEQ), &at.incarnation, &at.seq);
	return at;
}

int64_t store_http_response_number(const struct http_response *response, const char *name)
{
	const char *text = http_headers_get(&response->headers, name);
	int64_t number = 0;

	return text && text_parse_i64(span_str(text), &number) == 0 ? number : 0;
}

void store_http_note_position(struct store_http *s, struct store_position at)
{
	if (at.incarnation > s->seen.incarnation || (at.incarnation == s->seen.incarnation && at.seq > s->seen.seq))
		s->seen = at;
}

/* The error for the caller: an errno where that says all, an ERR_* code where that says more. */
static int plain(int code)
{
	switch (code) {
	case ERR_NOT_FOUND:
	case ERR_USER_NOT_FOUND:
	case ERR_PARENT_MISSING:
	case ERR_EXISTS:
		return error_errno(code);
	default:
		return code;
	}
}

static int code_of_status(int status)
{
	switch (status) {
	case 400:
		return ERR_BAD_REQUEST;
	case 401:
		return ERR_UNAUTHENTICATED;
	case 403:
		return EPERM;
	case 404:
		return ENOENT;
	case 410:
		return ERR_GONE;
	case 413:
		return ERR_TOO_LARGE;
	case 416:
		return ERR_RANGE;
	case 429:
		return ERR_TOO_MANY;
	case 507:
		return EDQUOT;
	default:
		return status >= 500 ? EIO : EPROTO;
	}
}

/* The code of a refusal, positive, and the index of the op that it is about. */
static int problem_of(const struct http_response *response, int *ret_index)
{
	json_t *problem = json_loadb(response->body.data ? response->body.data : "", response->body.size, 0, NULL);
	const char *type = json_string_value(json_object_get(problem, "type"));
	const char *name = json_string_value(json_object_get(problem, "errno"));
	const json_t *index = json_object_get(problem, "index");
	const struct error_info *row = error_by_type(type);
	int code = row ? row->code : 0;

	*ret_index = -1;
	if (json_is_integer(index) && json_integer_value(index) >= 0 && json_integer_value(index) < OPS_PER_BATCH_MAX)
		*ret_index = (int)json_integer_value(index);
	if (code == 0 && name)
		code = error_errno_by_name(name);
	if (code == 0)
		code = code_of_status(response->status);
	json_decref(problem);
	return code;
}

static enum verdict judge_network(struct store_http_call *call, const struct http_response *response, int *ret_error)
{
	*ret_error = response->error;
	if (call->kind == CALL_BATCH && response->connected)
		call->as.batch.in_doubt = true;
	if (response->error == -ECANCELED) {
		if (call->moved && !call->cancelled && !call->s->closing)
			return VERDICT_AT_ONCE;
		*ret_error = -EINTR;
		return VERDICT_FINISH;
	}
	/* A gateway at whose address nothing listens may be back before the outage is over: it is tried again
	 * like any other. */
	if (gateways_judge(response) == GATEWAYS_OVER)
		return VERDICT_FINISH;
	call->s->last_failure = response->error;
	call->s->last_gateway = call->gateway;
	return VERDICT_NEXT;
}

/*
 * The store does not have the session any more, or its batch numbers are wrong; nothing more is sent under it. When
 * that is the answer to a first attempt, the batch did not happen, and it is sent under the new session. For a batch
 * with earlier, unanswered attempts the journal has the outcome (store_http_inquire).
 */
static enum verdict judge_session(struct store_http_call *call, int *ret_error)
{
	struct store_http *s = call->s;
	struct batch_call *b = call->kind == CALL_BATCH ? &call->as.batch : NULL;

	store_http_session_lost(s, call->session_sent);
	if (call->flags & CALL_FLAG_ONCE || (b && b->in_doubt)) {
		if (s->session == 0)
			store_http_session_renew(s);
		*ret_error = -ERR_SESSION_GONE;
		return VERDICT_FINISH;
	}
	if (b && ++b->renewals > RENEWALS_MAX) {
		*ret_error = -EIO;
		return VERDICT_FINISH;
	}
	/* Reads go on without a session while the new one is made. */
	return call->flags & CALL_FLAG_SESSION || call->session_sent == s->replaces ? VERDICT_RENEW : VERDICT_AT_ONCE;
}

/* A document without a name exists for the session that holds it, and for the session that replaces that one; in
 * between, while there is no session, it does not exist. */
static bool is_between_sessions(const struct store_http_call *call, int code)
{
	return (call->flags & CALL_FLAG_BY_ID) && call->session_sent != call->s->session && error_errno(code) == ENOENT;
}

static enum verdict judge_busy(struct store_http_call *call, int code, int *ret_error)
{
	*ret_error = -code;
	if (code == ERR_BEHIND || code == ERR_TOO_MANY)
		return VERDICT_LATER;
	if (call->kind == CALL_BATCH && code != ERR_UNAVAILABLE)
		call->as.batch.in_doubt = true;
	call->s->last_failure = -code;
	call->s->last_gateway = call->gateway;
	return VERDICT_NEXT;
}

bool store_http_batch_is_settled(const struct store_http_call *call, const struct http_response *response)
{
	return call->as.batch.number > 0 && store_http_response_number(response, HEADER_BATCH) == call->as.batch.number;
}

enum verdict store_http_judge(struct store_http_call *call, const struct http_response *response, int *ret_error)
{
	int code, index;

	if (response->error < 0)
		return judge_network(call, response, ret_error);
	if (call->kind == CALL_BATCH && store_http_response_number(response, HEADER_ATTEMPTS) > 1)
		call->as.batch.in_doubt = true;
	if (response->status >= 200 && response->status < 300) {
		store_http_note_position(call->s, store_http_response_position(response));
		*ret_error = 0;
		return VERDICT_FINISH;
	}
	code = problem_of(response, &index);
	if (call->kind == CALL_BATCH)
		call->as.batch.index = index;
	if (call->kind == CALL_BATCH && store_http_batch_is_settled(call, response)) {
		*ret_error = -plain(code);
		return VERDICT_FINISH;
	}
	if (code == ERR_TOO_MANY || gateways_judge(response) == GATEWAYS_ELSEWHERE)
		return judge_busy(call, code, ret_error);
	if (code == ERR_SESSION_GONE ||
		(call->kind == CALL_BATCH && (code == ERR_KEY_REUSED || code == ERR_OUT_OF_ORDER)))
		return judge_session(call, ret_error);
	if (is_between_sessions(call, code))
		return VERDICT_RENEW;
	if (code == ERR_EPOCH && call->floor_sent) {
		/* Another incarnation of the drive: the position seen of the old one is no floor any more. The
		 * poll will notice the change, too. */
		call->s->seen = (struct store_position){0, 0};
		return VERDICT_AT_ONCE;
	}
	*ret_error = -plain(code);
	return VERDICT_FINISH;
}
