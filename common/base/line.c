#include "common/base/line.h"

#include <assert.h>

void line_begin(struct line *line, char *room, size_t size)
{
	assert(size > 0);
	*line = (struct line){.start = room, .at = room, .end = room + size - 1};
	*room = '\0';
}

void line_span(struct line *line, struct span text)
{
	const size_t left = (size_t)(line->end - line->at);
	const size_t size = text.size < left ? text.size : left;

	if (size)
		memcpy(line->at, text.data, size);
	line->at += size;
	*line->at = '\0';
	line->cut = line->cut || size < text.size;
}

void line_text(struct line *line, const char *text)
{
	line_span(line, span_str(text));
}

/* Writes backwards from the end of ret, whose last byte is the NUL. Returns where the number begins. */
static char *write_number(int64_t number, char ret[LINE_NUMBER_SIZE])
{
	char *at = ret + LINE_NUMBER_SIZE - 1;
	/* INT64_MIN has no positive counterpart in int64_t. */
	uint64_t left = number < 0 ? -(uint64_t)number : (uint64_t)number;

	*at = '\0';
	do {
		*--at = (char)('0' + left % 10);
		left /= 10;
	} while (left);
	if (number < 0)
		*--at = '-';
	return at;
}

void line_number(struct line *line, int64_t number)
{
	char text[LINE_NUMBER_SIZE];
	const char *at = write_number(number, text);

	line_span(line, span_of(at, (size_t)(text + LINE_NUMBER_SIZE - 1 - at)));
}

bool line_end(struct line *line, struct span *ret)
{
	assert(line->at <= line->end && *line->at == '\0');
	if (ret)
		*ret = span_of(line->start, (size_t)(line->at - line->start));
	return !line->cut;
}

size_t line_of_number(int64_t number, char ret[LINE_NUMBER_SIZE])
{
	char text[LINE_NUMBER_SIZE];
	const char *at = write_number(number, text);
	const size_t size = (size_t)(text + LINE_NUMBER_SIZE - 1 - at);

	memcpy(ret, at, size + 1);
	return size;
}
