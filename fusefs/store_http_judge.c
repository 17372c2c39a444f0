#include "fusefs/store_http_internal.h"

#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/text.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>

#define RENUMBERED_MAX 3 /* a number that is still wrong then is not the question any more */

int sh_position_parse(const char *text, struct store_position *ret)
{
	const char *dot = text ? strchr(text, '.') : NULL;
	struct store_position at;
	int r;

	if (!dot)
		return -EINVAL;
	r = text_parse_i64(span_of(text, (size_t)(dot - text)), &at.incarnation);
	if (r == 0)
		r = text_parse_i64(span_str(dot + 1), &at.seq);
	if (r == 0 && (at.incarnation < 0 || at.seq < 0))
		r = -EINVAL;
	if (r == 0)
		*ret = at;
	return r;
}

struct store_position sh_response_position(const struct http_response *response)
{
	struct store_position at = {0, 0};

	(void)sh_position_parse(http_headers_get(&response->headers, "Nephos-Seq"), &at);
	return at;
}

void sh_note_position(struct store_http *s, struct store_position at)
{
	if (at.incarnation > s->seen.incarnation || (at.incarnation == s->seen.incarnation && at.seq > s->seen.seq))
		s->seen = at;
}

/* What is told upwards: an errno where it says all, a code of ours where that says more. */
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

/* The code of a refusal, positive, and the op it speaks of. */
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

static enum sh_verdict judge_network(struct sh_call *call, const struct http_response *response, int *ret_error)
{
	*ret_error = response->error;
	if (call->kind == SH_BATCH && response->connected)
		call->as.batch.in_doubt = true;
	switch (-response->error) {
	case ECANCELED:
		*ret_error = -EINTR;
		return SH_FINISH;
	case E2BIG:
	case EPROTO:
	case EBADMSG:
	case ENOMEM:
		return SH_FINISH;
	default:
		call->s->last_failure = response->error;
		call->s->last_gateway = call->gateway;
		return SH_NEXT;
	}
}

/* The session is not known any more. What it had under way and unanswered, the journal says (sh_inquire). */
static enum sh_verdict judge_session(struct sh_call *call, int *ret_error)
{
	struct store_http *s = call->s;
	bool unknown = call->kind == SH_BATCH && call->as.batch.in_doubt;

	if (s->session == call->session_sent)
		s->session = 0;
	if (call->flags & SH_ONCE || unknown) {
		if (s->session == 0)
			sh_session_renew(s);
		*ret_error = -ERR_SESSION_GONE;
		return SH_FINISH;
	}
	/* Reads go on without one while the new one is made. */
	return call->flags & SH_SESSION ? SH_RENEW : SH_AT_ONCE;
}

/*
 * Numbers. After an answer the next batch has the next number. A refusal by the rules uses its number up, one from further up (a gateway, a limit) does not, and of a batch
 * that was given up nobody knows: so the next guess may be one off. The service says which way, and compares what a number came with: nothing is applied twice.
 */
static enum sh_verdict judge_number(struct sh_call *call, int code)
{
	struct sh_batch_call *b = &call->as.batch;

	if (++b->renumbered > RENUMBERED_MAX || (code == ERR_OUT_OF_ORDER && b->number <= 1)) {
		if (call->s->session == call->session_sent)
			call->s->session = 0;
		return SH_RENEW;
	}
	b->number += code == ERR_KEY_REUSED ? 1 : -1;
	b->in_doubt = false;
	return SH_AT_ONCE;
}

static enum sh_verdict judge_busy(struct sh_call *call, int code, int *ret_error)
{
	*ret_error = -code;
	if (code == ERR_BEHIND || code == ERR_TOO_MANY)
		return SH_LATER;
	if (call->kind == SH_BATCH && code != ERR_UNAVAILABLE)
		call->as.batch.in_doubt = true;
	call->s->last_failure = -code;
	call->s->last_gateway = call->gateway;
	return SH_NEXT;
}

enum sh_verdict sh_judge(struct sh_call *call, const struct http_response *response, int *ret_error)
{
	int code, index;

	if (response->error < 0)
		return judge_network(call, response, ret_error);
	if (response->status >= 200 && response->status < 300) {
		sh_note_position(call->s, sh_response_position(response));
		*ret_error = 0;
		return SH_FINISH;
	}
	code = problem_of(response, &index);
	if (call->kind == SH_BATCH)
		call->as.batch.index = index;
	if (code == ERR_TOO_MANY || (response->status >= 502 && response->status <= 504))
		return judge_busy(call, code, ret_error);
	if (code == ERR_SESSION_GONE)
		return judge_session(call, ret_error);
	if (code == ERR_EPOCH && call->floor_sent) {
		/* Another incarnation of the drive: what was seen of the old one binds nobody. The poll will notice, too. */
		call->s->seen = (struct store_position){0, 0};
		return SH_AT_ONCE;
	}
	if (call->kind == SH_BATCH && (code == ERR_KEY_REUSED || code == ERR_OUT_OF_ORDER))
		return judge_number(call, code);
	*ret_error = -plain(code);
	return SH_FINISH;
}
