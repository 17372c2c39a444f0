/*
 * Lists of fields. Each field owns copies of its name and its value, in one allocation: a list is short and lives
 * for one request. Text that could end a field's line early is refused when the field is added, so that code that
 * writes a list out need not check again.
 */
#include "common/http/message.h"

#include "common/base/line.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#define FORMATTED_VALUE_BYTES_MAX 8192u /* one formatted value: half of a request's header limit */

void http_headers_init(struct http_headers *h)
{
	h->count = 0;
}

static void header_fini(struct http_header *header)
{
	free(header->name); /* this frees the value, too, which lies behind the name */
}

void http_headers_fini(struct http_headers *h)
{
	for (size_t i = 0; i < h->count; i++)
		header_fini(&h->list[i]);
	h->count = 0;
}

static bool has(struct span text, char c)
{
	return text.size > 0 && memchr(text.data, c, text.size);
}

/* Text with a line end would let a value write the rest of the message. (A search for each of the characters takes a
 * third of the instructions of one walk over all of the text.) */
static bool is_safe(struct span text)
{
	return !has(text, '\r') && !has(text, '\n') && !has(text, '\0');
}

static bool is_safe_name(struct span name)
{
	return name.size > 0 && is_safe(name) && !has(name, ' ') && !has(name, '\t') && !has(name, ':');
}

static int header_make(struct span name, struct span value, struct http_header *ret)
{
	char *text;

	if (!is_safe_name(name) || !is_safe(value))
		return -EINVAL;
	text = malloc(name.size + value.size + 2);
	if (!text)
		return -ENOMEM;
	memcpy(text, name.data, name.size);
	text[name.size] = '\0';
	if (value.size)
		memcpy(text + name.size + 1, value.data, value.size);
	text[name.size + 1 + value.size] = '\0';
	*ret = (struct http_header){.name = text, .value = text + name.size + 1};
	return 0;
}

/* Takes the header over, also on failure. */
static int append(struct http_headers *h, struct http_header header)
{
	if (h->count == HTTP_HEADERS_MAX) {
		header_fini(&header);
		return -ENOSPC;
	}
	h->list[h->count++] = header;
	return 0;
}

int http_headers_add_spans(struct http_headers *h, struct span name, struct span value)
{
	struct http_header header;
	const int error = header_make(name, value, &header);

	return error < 0 ? error : append(h, header);
}

int http_headers_add_number(struct http_headers *h, const char *name, int64_t value)
{
	char text[LINE_NUMBER_SIZE];

	return http_headers_add_spans(h, span_str(name), span_of(text, line_of_number(value, text)));
}

int http_headers_add(struct http_headers *h, const char *name, const char *value)
{
	return http_headers_add_spans(h, span_str(name), span_str(value));
}

/* Most names differ in their length or in their first letter; the value lies right behind the name. */
static bool is_named(const struct http_header *header, const char *name, size_t size)
{
	return (size_t)(header->value - header->name) == size + 1 && ((header->name[0] ^ name[0]) & ~0x20) == 0 &&
		strncasecmp(header->name, name, size) == 0;
}

void http_headers_remove(struct http_headers *h, const char *name)
{
	const size_t size = strlen(name);
	size_t kept = 0;

	for (size_t i = 0; i < h->count; i++) {
		if (is_named(&h->list[i], name, size))
			header_fini(&h->list[i]);
		else
			h->list[kept++] = h->list[i];
	}
	h->count = kept;
}

/* The new field is made first, as name and value may lie in the field that is replaced. */
int http_headers_set(struct http_headers *h, const char *name, const char *value)
{
	struct http_header header;
	const int error = header_make(span_str(name), span_str(value), &header);

	if (error < 0)
		return error;
	http_headers_remove(h, header.name);
	return append(h, header);
}

int http_headers_addf(struct http_headers *h, const char *name, const char *format, ...)
{
	char value[FORMATTED_VALUE_BYTES_MAX];
	va_list args;
	int size;

	va_start(args, format);
	size = vsnprintf(value, sizeof(value), format, args);
	va_end(args);
	if (size < 0 || (size_t)size >= sizeof(value))
		return -EINVAL;
	return http_headers_add(h, name, value);
}

const char *http_headers_get(const struct http_headers *h, const char *name)
{
	const size_t size = strlen(name);

	for (size_t i = 0; i < h->count; i++) {
		if (is_named(&h->list[i], name, size))
			return h->list[i].value;
	}
	return NULL;
}
