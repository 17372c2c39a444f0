/*
 * spelling: what people write, in one spelling. The same letters can be typed as different code points; texts are
 * brought to NFC before they are kept, compared or hashed, and folded (NFKC, without case, without what nobody sees)
 * where two must not look alike. Pure, any thread.
 */
#ifndef NEPHOS_USER_SPELLING_H
#define NEPHOS_USER_SPELLING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SPELLING_TYPED_BYTES_MAX \
	4096u /* what is normalised at all: a password of 1024 bytes that was typed in pieces is three times as long */

/* Both: -EINVAL: no UTF-8; -ENAMETOOLONG: more than size with its NUL, or than SPELLING_TYPED_BYTES_MAX; -ENOMEM. */
int spelling_nfc(const char *text, char *ret, size_t size);
int spelling_fold(const char *text, char *ret, size_t size);

/* One code point after the other of what is UTF-8. 0: the end. */
uint32_t spelling_next(const char **at);

/* What is wrong with one code point wherever people write it. */
enum spelling_flaw {
	SPELLING_FINE,
	SPELLING_UNASSIGNED,
	SPELLING_CONTROL,
	SPELLING_BIDI /* it turns the direction of what stands around it */
};
enum spelling_flaw spelling_flaw(uint32_t c);
/* For a message: "control characters". */
const char *spelling_flaw_name(enum spelling_flaw flaw);
/* The first flaw of a text; ret_c: where. */
enum spelling_flaw spelling_first_flaw(const char *text, uint32_t *ret_c);

#endif
