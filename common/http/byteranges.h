/*
 * byteranges: what an answer with parts of something looks like (RFC 9110, 14.4 and 14.6): one part as it is, several
 * with heads between them, and the fields that say so. All who answer Range use it, so that their answers look alike.
 * Pure, but for the random boundary.
 */
#ifndef NEPHOS_HTTP_BYTERANGES_H
#define NEPHOS_HTTP_BYTERANGES_H

#include "common/http/message.h"
#include "common/http/range.h"

#include <stdbool.h>

#define BYTERANGES_BOUNDARY_BYTES 12 /* random: content cannot guess it */
#define BYTERANGES_HEAD_MAX 256	     /* bytes around one part */
/* Around all of them. */
#define BYTERANGES_TEXT_MAX ((RANGE_PARTS_MAX + 1) * (size_t)BYTERANGES_HEAD_MAX)

struct byteranges {
	struct range_set ranges; /* of the whole, if no part was asked for; of nothing, if that is empty */
	const char *type;	 /* media type of the thing; borrowed */
	int64_t size;		 /* of the thing */
	char boundary[2 * BYTERANGES_BOUNDARY_BYTES + 1];
};

int byteranges_init(struct byteranges *b, const struct range_set *ranges, const char *type, int64_t size);
bool byteranges_are_several(const struct byteranges *b);
/* What stands before part n, and behind the last one; nothing, unless there are several. */
int byteranges_append_head(const struct byteranges *b, size_t n, struct buf *out);
int byteranges_append_tail(const struct byteranges *b, struct buf *out);
/* Bytes of the whole body. */
int byteranges_length(const struct byteranges *b, int64_t *ret);
/* Content-Type, and Content-Range of a single part. */
int byteranges_add_fields(const struct byteranges *b, struct http_headers *headers);
/* Content-Range, when no part lies inside. */
int byteranges_add_size(int64_t size, struct http_headers *headers);

#endif
