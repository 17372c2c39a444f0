/*
 * response_parser: cuts an answer of HTTP/1.1 into parts as its bytes come off a connection. The caller offers all
 * bytes that were not used yet, gets one part, and offers the remaining bytes again. Nothing is copied, so a part
 * is valid for as long as the bytes are.
 *
 *   status, fields, end of head     of each answer before the last one (100, 102 …), and of the last one
 *   data …, end                     of the last one
 *
 * Strict where two readers could find different ends (RFC 9112, sections 5 to 7): a line ends with CR LF, a length
 * is given once or always the same, no transfer coding but chunked is accepted, nothing is folded, and after an
 * answer with both a length and chunks the connection is not used again. Anything else is -EPROTO. Pure: no I/O.
 * Not thread-safe.
 */
#ifndef NEPHOS_HTTP_CLIENT_RESPONSE_PARSER_H
#define NEPHOS_HTTP_CLIENT_RESPONSE_PARSER_H

#include "common/base/span.h"

#include <stdbool.h>
#include <stdint.h>

/* Bytes of one head, or of the lines behind the last chunk: eight times what our servers accept for a request, as
 * the tags of a cacheable answer are among the fields. Also the most bytes that have to be offered at once. */
#define RESPONSE_HEAD_BYTES_MAX ((size_t)128 * 1024)
#define RESPONSE_CHUNK_LINE_BYTES_MAX ((size_t)1024) /* a chunk's size and its extensions, which nobody sends */

enum response_part_kind {
	RESPONSE_STATUS,   /* number: 100 to 999 */
	RESPONSE_FIELD,	   /* name, value: without the space around it */
	RESPONSE_HEAD_END, /* number: the status again. Below 200 another head follows */
	RESPONSE_DATA,	   /* value: not empty */
	RESPONSE_END,	   /* the bytes that follow belong to the next answer */
};

struct response_part {
	enum response_part_kind kind;
	size_t used; /* how many of the offered bytes the part took */
	int number;
	struct span name, value;
};

enum response_state {
	RESPONSE_AT_STATUS,
	RESPONSE_AT_FIELD,
	RESPONSE_AT_BODY,
	RESPONSE_AT_CHUNK,
	RESPONSE_IN_CHUNK,
	RESPONSE_AFTER_CHUNK,
	RESPONSE_AT_TRAILER,
	RESPONSE_IS_OVER,
	RESPONSE_STATES,
};

/* To be embedded; its members are private. */
struct response_parser {
	enum response_state state;
	bool is_head;	  /* the answer to HEAD, which has no body, whatever its fields say */
	bool version_1_0; /* of the answer */
	bool chunked, closes, has_length;
	int status;
	size_t head_bytes; /* bytes received of this head, or of the trailers */
	uint64_t length;   /* the value of Content-Length */
	uint64_t left;	   /* bytes left of the body, or of the chunk */
};

void response_parser_init(struct response_parser *p, bool is_head);
/* 0: a part, which may need no bytes. -EAGAIN: more bytes are needed behind these, of which `used` were used all
 * the same. -EPROTO, -E2BIG: the answer cannot be read. */
int response_parser_next(struct response_parser *p, struct span in, struct response_part *ret);
/* To be called when the connection has ended and no bytes are left. 0: the answer has ended, too, as its end was
 * that of the connection. -ECONNRESET: it was cut off. */
int response_parser_end(struct response_parser *p);
/* After RESPONSE_END: whether another request may be sent on this connection. */
bool response_parser_may_keep(const struct response_parser *p);

#endif
