/*
 * line: puts a text together from pieces in a memory area of fixed size, its room. For texts that every request
 * needs (keys, URLs, fields): printf takes longer to read its format than all the rest of such a function.
 *
 * Embedded; call line_begin before the pieces and line_end after them. The room always holds a text that ends with
 * NUL. Text that does not fit is cut off, and line_end reports it. Not thread-safe.
 */
#ifndef NEPHOS_BASE_LINE_H
#define NEPHOS_BASE_LINE_H

#include "common/base/span.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LINE_NUMBER_SIZE 21 /* for a decimal number of 64 bits, with its sign and NUL */

struct line {
	char *start, *at, *end; /* end: the last byte of the room, reserved for the NUL */
	bool cut;
};

void line_begin(struct line *line, char *room, size_t size); /* size: at least 1 */
void line_text(struct line *line, const char *text);	     /* NULL: nothing */
void line_span(struct line *line, struct span text);
void line_number(struct line *line, int64_t number); /* in decimal */
/* false: the text was cut off. ret (may be NULL): the text, which lies in the room. */
bool line_end(struct line *line, struct span *ret);

/* Writes just the number; returns how many characters it has, without the NUL. */
size_t line_of_number(int64_t number, char ret[LINE_NUMBER_SIZE]);

#endif
