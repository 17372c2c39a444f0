/*
 * cut: takes pieces off the front of a message and checks each of them. Numbers are little-endian, as buf appends
 * them. A piece that is missing or out of its bounds gives -EBADMSG. Nothing is returned then, and the rest of the
 * message must not be used any more. Spans borrow from the message. Pure.
 */
#ifndef NEPHOS_BASE_CUT_H
#define NEPHOS_BASE_CUT_H

#include "common/base/span.h"

#include <stdint.h>

int cut_bytes(struct span *rest, size_t size, struct span *ret);
int cut_number(struct span *rest, unsigned bytes, uint64_t max, uint64_t *ret); /* bytes: at most 8 */
int cut_size(struct span *rest, unsigned bytes, size_t max, size_t *ret);
int cut_i64(struct span *rest, int64_t *ret);	   /* 8 bytes, not negative */
int cut_text(struct span *rest, const char *text); /* the message must go on with exactly this text */

#endif
