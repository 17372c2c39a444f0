/*
 * spelling: brings typed text to one form. The same letters can be typed as different code points; texts are
 * brought to NFC before they are stored, compared or hashed, and folded (NFKC, without case and without invisible
 * characters) where two texts must not look alike. Pure, any thread.
 */
#ifndef NEPHOS_USER_SPELLING_H
#define NEPHOS_USER_SPELLING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Limit of text that is normalised: a password of 1024 bytes that was typed as separate code points is three
 * times as long. */
#define SPELLING_TYPED_BYTES_MAX 4096u

/* Both functions: -EINVAL: not UTF-8; -ENAMETOOLONG: longer than size with its NUL, or than
 * SPELLING_TYPED_BYTES_MAX; -ENOMEM. */
int spelling_nfc(const char *text, char *ret, size_t size);
int spelling_fold(const char *text, char *ret, size_t size);

/* Returns the next code point of text that is UTF-8. 0: the end. */
uint32_t spelling_next(const char **at);

/* What is wrong with a code point, in any text. */
enum spelling_flaw {
	SPELLING_FINE,
	SPELLING_UNASSIGNED,
	SPELLING_CONTROL,
	SPELLING_BIDI /* it changes the direction of the text around it */
};
enum spelling_flaw spelling_flaw(uint32_t c);
/* For a message: "control characters". */
const char *spelling_flaw_name(enum spelling_flaw flaw);
/* The first flaw of a text; ret_c: the last code point read, which has the flaw. */
enum spelling_flaw spelling_first_flaw(const char *text, uint32_t *ret_c);

#endif
