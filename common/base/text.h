/*
 * text: small encodings and the checks they need: numbers and sizes in decimal, hex, base64, percent-encoding,
 * UTF-8, names of documents. Pure, any thread.
 *
 * Every parser takes the whole span or refuses it: no spaces around the text, nothing behind it. Where two texts
 * could have the same value, only one is accepted (ids without zeros in front, base64 with its padding and without
 * stray bits), because texts are compared, hashed and used for routing before they are parsed. Results come through
 * ret, which is unchanged after a failure. A text is appended to a buffer whole or not at all.
 */
#ifndef NEPHOS_BASE_TEXT_H
#define NEPHOS_BASE_TEXT_H

#include "common/base/buf.h"

#include <stdbool.h>
#include <stdint.h>

int text_parse_u64(struct span s, uint64_t max, uint64_t *ret); /* decimal digits only; -EINVAL, -ERANGE */
int text_parse_i64(struct span s, int64_t *ret);
/* The number of something that a path names, 1 to max, in its only valid spelling: so a router that chooses a
 * service by the text always chooses the same one for it. -EINVAL, -ERANGE */
int text_parse_id(struct span s, int64_t max, int64_t *ret);
int text_parse_size(
	struct span s, uint64_t max, uint64_t *ret);	 /* bytes, or with K, M, G, T (1024); -EINVAL, -ERANGE */
void text_hex(const void *data, size_t size, char *ret); /* lower case, writes 2*size+1 */
int text_unhex(struct span s, void *ret, size_t size);	 /* exactly size bytes; -EINVAL */
int text_base64(struct span s, struct buf *ret);	 /* standard alphabet, padded */
int text_unbase64(struct span s, struct buf *ret);	 /* -EINVAL */
/* Percent-encodes everything but unreserved characters (RFC 3986); so "/", too. */
int text_url_encode(struct span s, struct buf *ret);
/* Decodes one segment, once. -EINVAL: bad escape. text_name_check checks whether the result is a valid name. */
int text_url_decode(struct span s, struct buf *ret);
bool text_is_utf8(struct span s);
size_t text_utf8_run(struct span s);	/* how many bytes at the beginning are UTF-8 */
#define TEXT_REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */
/* Appends s with U+FFFD in place of every byte that is not UTF-8. */
int text_utf8_lossy(struct span s, struct buf *ret);
/* A document's name: 1..255 bytes, no '/', no NUL, not "." or "..". -EINVAL, -ENAMETOOLONG. */
int text_name_check(struct span name);
/* Compares without leaking where the texts differ; their sizes are not secret. */
bool text_secret_eq(struct span a, struct span b);
int text_random_hex(size_t bytes, char *ret); /* 2*bytes+1 characters; from the kernel; -EIO */

#endif
