/*
 * spelling: what people write, in one spelling. The same letters can be typed as different code points; texts are
 * brought to NFC before they are kept,
 * compared or hashed, and folded (NFKC, without case, without what nobody sees) where two must not look alike. Pure,
 * any thread.
 */
#ifndef NEPHOS_USER_SPELLING_H
#define NEPHOS_USER_SPELLING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TEXT_TYPED_BYTES_MAX \
	4096u /* what is normalised at all: a password of 1024 bytes that was typed in pieces is three times as long */

/* Both: -EINVAL: no UTF-8; -ENAMETOOLONG: more than size with its NUL, or than TEXT_TYPED_BYTES_MAX; -ENOMEM. */
int text_nfc(const char *text, char *ret, size_t size);
int text_fold(const char *text, char *ret, size_t size);

/* One code point after the other of what is UTF-8. 0: the end. */
uint32_t text_next(const char **at);

/* What is wrong with one code point wherever people write it. */
enum text_flaw {
	TEXT_FINE,
	TEXT_UNASSIGNED,
	TEXT_CONTROL,
	TEXT_BIDI /* it turns the direction of what stands around it */
};
enum text_flaw text_flaw(uint32_t c);
/* For a message: "control characters". */
const char *text_flaw_name(enum text_flaw flaw);
/* The first flaw of a text; ret_c: where. */
enum text_flaw text_first_flaw(const char *text, uint32_t *ret_c);

#endif
