/*
 * range: the Range header (RFC 9110, 14.2) against a size. Pure.
 * What is malformed, of another unit, or costs more than the whole (too many parts, parts that overlap to more than
 * there is)
 * is as if it was not said; so is the end of an empty document.
 */
#ifndef NEPHOS_HTTP_RANGE_H
#define NEPHOS_HTTP_RANGE_H

#include <stddef.h>
#include <stdint.h>

#define RANGE_PARTS_MAX 64 /* parts of one answer: a video player asks for one, PDF readers for tens */

struct range {
	int64_t from, len; /* len > 0, inside the size */
};

struct range_set {
	struct range parts[RANGE_PARTS_MAX];
	size_t count;
};

/* header may be NULL. 0: the whole (ret->count 0) or these parts. -ERR_RANGE: no part lies in the size. */
int range_parse(const char *header, int64_t size, struct range_set *ret);

#endif
