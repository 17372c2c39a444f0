/*
 * request_head: reads the head of a request that leaves nothing to interpret, from bytes in memory; pure. Whatever else
 * it may be is OTHER: somebody more patient looks at it, and says what is wrong with it if anything is. So nothing here
 * is refused, and what is taken can be read in one way only: lines end with CR LF, one space between three words, a
 * target that begins with '/', HTTP/1.1, names that are tokens, values without control characters, no coding, no
 * expectation, at most one Content-Length.
 */
#ifndef NEPHOS_HTTP_SERVER_REQUEST_HEAD_H
#define NEPHOS_HTTP_SERVER_REQUEST_HEAD_H

#include "common/http/message.h"

#include <stdbool.h>
#include <stddef.h>

#define REQUEST_METHOD_SIZE 16 /* with its NUL */

enum request_head_kind {
	REQUEST_HEAD_PARTIAL, /* its end is not here yet */
	REQUEST_HEAD_OTHER,
	REQUEST_HEAD_READ,
};

struct request_head_field {
	const char *name, *value; /* each with a NUL; the value without white space around it */
	size_t name_size, value_size;
};

struct request_head {
	const char *method, *target; /* each with a NUL */
	size_t target_size;
	size_t size; /* of the head */
	size_t body; /* Content-Length, or 0 */
	bool closes; /* its client wants the connection to end after it */
	struct request_head_field fields[HTTP_HEADERS_MAX];
	size_t count;
};

/* Writes NULs into data, which *ret then points into; only READ fills it. */
enum request_head_kind request_head_read(char *data, size_t size, struct request_head *ret);

#endif
