/*
 * range: parses the Range header (RFC 9110, 14.2) for a document of a given size. Pure. A header is ignored if it
 * is malformed, has another unit, or costs more than the whole document (too many parts, or overlapping parts that
 * sum up to more than its size). A suffix range of an empty document is ignored, too.
 */
#ifndef NEPHOS_HTTP_RANGE_H
#define NEPHOS_HTTP_RANGE_H

#include <stddef.h>
#include <stdint.h>

#define RANGE_PARTS_MAX 64 /* parts of one answer: a video player asks for one, PDF readers for tens */

struct range {
	int64_t from, len; /* len > 0; the range lies within the size */
};

struct range_set {
	struct range parts[RANGE_PARTS_MAX];
	size_t count;
};

/* header may be NULL. 0: the answer has the whole document (ret->count 0) or these parts. -ERR_RANGE: no part lies
 * within the size. */
int range_parse(const char *header, int64_t size, struct range_set *ret);

#endif
