/*
 * answer_head: writes the head of an answer that does not go through libmicrohttpd, as the library would write it.
 * No I/O; the clock is read for the Date.
 */
#ifndef NEPHOS_HTTP_SERVER_ANSWER_HEAD_H
#define NEPHOS_HTTP_SERVER_ANSWER_HEAD_H

#include "common/http/message.h"

#include <stdbool.h>
#include <stdint.h>

#define ANSWER_HEAD_BYTES_MAX ((size_t)64 * 1024) /* far more than any head, which has a few lines */

struct answer_head {
	int status;
	const struct http_headers *headers; /* may be NULL */
	const struct http_headers *common;
	const char *trace;
	int64_t length; /* of the body that a GET would have; -1: unknown, it comes in chunks */
	bool closes;
};

int answer_head_print(const struct answer_head *h, struct buf *ret); /* -ENOMEM, -E2BIG */
/* Whether a field frames the answer or identifies it: such a field of a handler is left out. */
bool answer_head_is_ours(const char *name);

#endif
