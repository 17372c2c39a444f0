#include "gateway/proxy/validation_message.h"

#include "common/base/cut.h"

#include <assert.h>
#include <errno.h>

static const char QUESTIONS[] = "NVQ1", VERDICTS[] = "NVV1";

int validation_message_begin_questions(struct buf *b)
{
	return buf_append_str(b, QUESTIONS);
}

int validation_message_write_question(struct buf *b, const struct validation_question *q)
{
	assert(q->key.size > 0 && q->key.size <= KEPT_KEY_SIZE && q->user >= 0 && q->stamp >= 0);
	int r = buf_append_u64(b, (uint64_t)q->user);

	if (r == 0)
		r = buf_append_u64(b, (uint64_t)q->stamp);
	if (r == 0)
		r = buf_append_u32(b, q->drive);
	if (r == 0)
		r = buf_append_u16(b, (uint16_t)q->key.size);
	return r < 0 ? r : buf_append(b, q->key.data, q->key.size);
}

int validation_message_begin_verdicts(struct buf *b)
{
	return buf_append_str(b, VERDICTS);
}

int validation_message_write_verdict(struct buf *b, const struct validation_verdict *v)
{
	int r = buf_append_u8(b, (uint8_t)v->outcome);

	if (r == 0)
		r = buf_append_u64(b, (uint64_t)v->incarnation);
	return r < 0 ? r : buf_append_u64(b, (uint64_t)v->seq);
}

int validation_message_open_questions(struct span message, struct span *ret_rest)
{
	*ret_rest = message;
	return cut_text(ret_rest, QUESTIONS);
}

int validation_message_next_question(struct span *rest, struct validation_question *ret)
{
	uint64_t drive = 0;
	size_t size = 0;

	if (rest->size == 0)
		return -ENOENT;
	int r = cut_i64(rest, &ret->user);
	if (r == 0)
		r = cut_i64(rest, &ret->stamp);
	if (r == 0)
		r = cut_number(rest, 4, INT32_MAX, &drive);
	if (r == 0)
		r = cut_size(rest, 2, KEPT_KEY_SIZE, &size);
	if (r < 0 || drive == 0 || size == 0)
		return -EBADMSG;
	ret->drive = (uint32_t)drive;
	return cut_bytes(rest, size, &ret->key);
}

int validation_message_open_verdicts(struct span message, struct span *ret_rest)
{
	*ret_rest = message;
	return cut_text(ret_rest, VERDICTS);
}

int validation_message_next_verdict(struct span *rest, struct validation_verdict *ret)
{
	uint64_t outcome = 0;

	if (rest->size == 0)
		return -ENOENT;
	int r = cut_number(rest, 1, VALIDATION_OUTCOMES - 1, &outcome);
	if (r == 0)
		r = cut_i64(rest, &ret->incarnation);
	if (r == 0)
		r = cut_i64(rest, &ret->seq);
	ret->outcome = (enum validation_outcome)outcome;
	return r == 0 && ret->outcome != VALIDATION_SAME && (ret->incarnation > 0 || ret->seq > 0) ? -EBADMSG : r;
}
