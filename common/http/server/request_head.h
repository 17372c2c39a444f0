/*
 * request_head: parses the head of a request that leaves nothing to interpret, from bytes in memory; pure. Every
 * other head is OTHER: libmicrohttpd, which accepts more, reads it and says what is wrong with it, if anything is.
 * So this module refuses nothing, and every head that it accepts can be read in one way only: lines end with CR LF,
 * one space stands between the three words, the target begins with '/', the version is HTTP/1.1, names are tokens,
 * values have no control characters, there is no coding, no expectation, and at most one Content-Length.
 */
#ifndef NEPHOS_HTTP_SERVER_REQUEST_HEAD_H
#define NEPHOS_HTTP_SERVER_REQUEST_HEAD_H

#include "common/http/message.h"

#include <stdbool.h>
#include <stddef.h>

#define REQUEST_METHOD_SIZE 16 /* with its NUL */

enum request_head_kind {
	REQUEST_HEAD_PARTIAL, /* the end of the head has not come yet */
	REQUEST_HEAD_OTHER,
	REQUEST_HEAD_READ,
};

struct request_head_field {
	const char *name, *value; /* both end with a NUL; the value has no white space around it */
	size_t name_size, value_size;
};

struct request_head {
	const char *method, *target; /* both end with a NUL */
	size_t target_size;
	size_t size; /* of the head, in bytes */
	size_t body; /* Content-Length, or 0 */
	bool closes; /* the client wants the connection closed after this request */
	struct request_head_field fields[HTTP_HEADERS_MAX];
	size_t count;
};

/* Writes NULs into data, to which *ret then points. *ret is filled only with REQUEST_HEAD_READ. */
enum request_head_kind request_head_read(char *data, size_t size, struct request_head *ret);

#endif
