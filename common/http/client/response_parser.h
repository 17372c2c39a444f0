/*
 * response_parser: an answer of HTTP/1.1 as it comes off a connection, cut into parts. Whoever has the bytes offers all
 * that he has and was not used yet, gets one part, and offers what is left again; nothing is copied, so that a part is
 * good for as long as the bytes are.
 *
 *   status, fields, end of head     of each answer before the last one (100, 102 …), and of the last one
 *   data …, end                     of the last one
 *
 * Strict where two readers could find different ends (RFC 9112, sections 5 to 7): a line ends with CR LF, a length is
 * said once or always the same, no other coding of the transfer than chunked is known, nothing is folded, and who says
 * both a length and chunks is not listened to again. Anything else is -EPROTO.
 * Pure: no I/O. Not thread-safe.
 */
#ifndef NEPHOS_HTTP_CLIENT_RESPONSE_PARSER_H
#define NEPHOS_HTTP_CLIENT_RESPONSE_PARSER_H

#include "common/base/span.h"

#include <stdbool.h>
#include <stdint.h>

/* Bytes of one head, or of what stands behind the last chunk: eight times what our servers take of a request, since
 * tags of a cacheable answer are among them. Also the most that has to be offered at once. */
#define RESPONSE_HEAD_BYTES_MAX ((size_t)128 * 1024)
#define RESPONSE_CHUNK_LINE_BYTES_MAX ((size_t)1024) /* its size and extensions, which nobody sends */

enum response_part_kind {
	RESPONSE_STATUS,   /* number: 100 to 999 */
	RESPONSE_FIELD,	   /* name, value: without the space around it */
	RESPONSE_HEAD_END, /* number: the status again. Below 200 another head follows */
	RESPONSE_DATA,	   /* value: not empty */
	RESPONSE_END,	   /* what follows belongs to the next answer */
};

struct response_part {
	enum response_part_kind kind;
	size_t used; /* bytes of what was offered that it took */
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

/* Embedded; its members are its own. */
struct response_parser {
	enum response_state state;
	bool is_head;	  /* the answer to HEAD, which has no body whatever it says */
	bool version_1_0; /* of the answer */
	bool chunked, closes, has_length;
	int status;
	size_t head_bytes; /* that came of this head, or of the trailers */
	uint64_t length;   /* the field's */
	uint64_t left;	   /* of the body, or of the chunk */
};

void response_parser_init(struct response_parser *p, bool is_head);
/* 0: a part, for which no bytes may be needed. -EAGAIN: more of them are needed behind these, of which `used` were used
 * all the same. -EPROTO, -E2BIG: it is no answer that can be read. */
int response_parser_next(struct response_parser *p, struct span in, struct response_part *ret);
/* The connection has ended, and nothing is left. 0: so has the answer, which had no other end. -ECONNRESET: it was cut
 * off. */
int response_parser_end(struct response_parser *p);
/* After RESPONSE_END: another request may be sent on this connection. */
bool response_parser_may_keep(const struct response_parser *p);

#endif
