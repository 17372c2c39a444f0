/*
 * validation_message: how a gateway asks the home of drives whether it would still give answers that the
 * gateway has kept of it, and how the home replies (PROTOCOL.md, "Between gateways"). Two messages:
 *
 *   questions  of each answer: its user and its drive, its key, and its stamp
 *   verdicts   for each question, in the same order: whether the home would give just that answer now, and where the
 *              drive stands then; or that the gateway that was asked is no home that could say
 *
 * Numbers are little-endian. Bytes that are no such message are -EBADMSG, wherever that shows. What a reading
 * function returns is borrowed from the message. Pure.
 */
#ifndef NEPHOS_GATEWAY_PROXY_VALIDATION_MESSAGE_H
#define NEPHOS_GATEWAY_PROXY_VALIDATION_MESSAGE_H

#include "common/base/buf.h"
#include "gateway/proxy/kept_key.h"

#include <stdbool.h>
#include <stdint.h>

/* Questions in one message: with a usual number of readers, all that come while the message before is in flight. */
#define VALIDATION_QUESTIONS_MAX 128u
#define VALIDATION_QUESTION_BYTES_MAX (22u + KEPT_KEY_SIZE)
/* Bytes of a message of questions: with a head it is a small request for the server of the other gateway (ADR
 * 0041). With usual keys, of some hundred bytes, VALIDATION_QUESTIONS_MAX questions have room. */
#define VALIDATION_BYTES_MAX (48u * 1024)
#define VALIDATION_VERDICTS_BYTES_MAX (4u + VALIDATION_QUESTIONS_MAX * 17u)

struct validation_question {
	int64_t user, stamp; /* neither is negative */
	uint32_t drive;
	struct span key;
};

enum validation_outcome {
	VALIDATION_UNKNOWN, /* the gateway is not the drive's home, or answers nothing from memory just now */
	VALIDATION_SAME,
	VALIDATION_OTHER, /* the home would give another answer, or has to ask for one */
	VALIDATION_OUTCOMES
};

struct validation_verdict {
	enum validation_outcome outcome;
	int64_t incarnation, seq; /* SAME: the drive's position at which the answer is true; else 0 */
};

/* ---- writing: -ENOMEM; -E2BIG: beyond the bound of the buffer ---- */

int validation_message_begin_questions(struct buf *b);
int validation_message_write_question(struct buf *b, const struct validation_question *q);
int validation_message_begin_verdicts(struct buf *b);
int validation_message_write_verdict(struct buf *b, const struct validation_verdict *v);

/* ---- reading: rest is what is left; 0, -ENOENT at the end, or -EBADMSG ---- */

int validation_message_open_questions(struct span message, struct span *ret_rest);
int validation_message_next_question(struct span *rest, struct validation_question *ret);
int validation_message_open_verdicts(struct span message, struct span *ret_rest);
int validation_message_next_verdict(struct span *rest, struct validation_verdict *ret);

#endif
