/*
 * cut: takes pieces off the front of a message, each checked by itself. Numbers are little-endian, as buf appends them.
 * What is not there, or beyond its bound, is -EBADMSG; nothing is set then, and what is left of the message is worth
 * nothing any more. Spans are borrowed from the message. Pure.
 */
#ifndef NEPHOS_BASE_CUT_H
#define NEPHOS_BASE_CUT_H

#include "common/base/span.h"

#include <stdint.h>

int cut_bytes(struct span *rest, size_t size, struct span *ret);
int cut_number(struct span *rest, unsigned bytes, uint64_t max, uint64_t *ret); /* of at most 8 bytes */
int cut_size(struct span *rest, unsigned bytes, size_t max, size_t *ret);
int cut_i64(struct span *rest, int64_t *ret);	   /* of 8 bytes, not negative */
int cut_text(struct span *rest, const char *text); /* exactly that comes first */

#endif
