/*
 * line: text put together from pieces in a room of fixed size. For what is made for each request (keys, URLs, fields):
 * printf needs longer to read its format than all else there takes.
 *
 * Embedded; line_begin and line_end around the pieces. The room always holds a text that ends with NUL; what did not
 * fit is cut off, and line_end says so. Not thread-safe.
 */
#ifndef NEPHOS_BASE_LINE_H
#define NEPHOS_BASE_LINE_H

#include "common/base/span.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LINE_NUMBER_SIZE 21 /* of a number of 64 bits in decimal, with its sign and NUL */

struct line {
	char *start, *at, *end; /* end: the last byte of the room, which is for the NUL */
	bool cut;
};

void line_begin(struct line *line, char *room, size_t size); /* size: at least 1 */
void line_text(struct line *line, const char *text);	     /* NULL: nothing */
void line_span(struct line *line, struct span text);
void line_number(struct line *line, int64_t number); /* in decimal */
/* false: it was cut off. ret (may be NULL): the text, in the room. */
bool line_end(struct line *line, struct span *ret);

/* The number alone; how many characters, without the NUL. */
size_t line_of_number(int64_t number, char ret[LINE_NUMBER_SIZE]);

#endif
