/*
 * answer_head: the head of an answer that goes past libmicrohttpd, as that would write it. No I/O; the clock is read
 * for the Date.
 */
#ifndef NEPHOS_HTTP_SERVER_ANSWER_HEAD_H
#define NEPHOS_HTTP_SERVER_ANSWER_HEAD_H

#include "common/http/message.h"

#include <stdbool.h>
#include <stdint.h>

#define ANSWER_HEAD_BYTES_MAX ((size_t)64 * 1024) /* of what is never more than a few lines */

struct answer_head {
	int status;
	const struct http_headers *headers; /* may be NULL */
	const struct http_headers *common;
	const char *trace;
	int64_t length; /* of the body that a GET would have; -1: unknown, it comes in chunks */
	bool closes;
};

int answer_head_print(const struct answer_head *h, struct buf *ret); /* -ENOMEM, -E2BIG */
/* A field that says how the answer is framed, or which it is: never the handler's. */
bool answer_head_is_ours(const char *name);

#endif
