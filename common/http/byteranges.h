/*
 * byteranges: writes answers that carry ranges of a document (RFC 9110, 14.4 and 14.6): one part as it is, several
 * parts with a head before each, and the header fields that describe them. All code that answers a Range header
 * uses this module, so that all such answers look alike. Pure, except for the random boundary.
 */
#ifndef NEPHOS_HTTP_BYTERANGES_H
#define NEPHOS_HTTP_BYTERANGES_H

#include "common/http/message.h"
#include "common/http/range.h"

#include <stdbool.h>

#define BYTERANGES_BOUNDARY_BYTES 12 /* random: the author of a document cannot guess it */
#define BYTERANGES_HEAD_MAX 256	     /* bytes of text around one part */
/* Bytes of text around all parts. */
#define BYTERANGES_TEXT_MAX ((RANGE_PARTS_MAX + 1) * (size_t)BYTERANGES_HEAD_MAX)

struct byteranges {
	struct range_set ranges; /* the whole document if no part was asked for; no range if the document is empty */
	const char *type;	 /* media type of the document; borrowed */
	int64_t size;		 /* bytes of the document */
	char boundary[2 * BYTERANGES_BOUNDARY_BYTES + 1];
};

int byteranges_init(struct byteranges *b, const struct range_set *ranges, const char *type, int64_t size);
bool byteranges_are_several(const struct byteranges *b);
/* Append the text before part n, and the text after the last part. Both append nothing unless there are several
 * parts. */
int byteranges_append_head(const struct byteranges *b, size_t n, struct buf *out);
int byteranges_append_tail(const struct byteranges *b, struct buf *out);
/* The number of bytes of the whole body. */
int byteranges_length(const struct byteranges *b, int64_t *ret);
/* Adds Content-Type, and Content-Range if there is a single part. */
int byteranges_add_fields(const struct byteranges *b, struct http_headers *headers);
/* Adds the Content-Range that an answer has when no part lies within the size. */
int byteranges_add_size(int64_t size, struct http_headers *headers);

#endif
