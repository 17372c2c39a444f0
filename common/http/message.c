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

/* Text with a line end would let a value write the rest of the message. */
static bool is_safe(struct span text, bool is_name)
{
	if (is_name && text.size == 0)
		return false;
	for (size_t i = 0; i < text.size; i++) {
		const char c = text.data[i];

		if (c == '\r' || c == '\n' || c == '\0')
			return false;
		if (is_name && (c == ' ' || c == '\t' || c == ':'))
			return false;
	}
	return true;
}

int http_headers_add_spans(struct http_headers *h, struct span name, struct span value)
{
	char *text;

	if (!is_safe(name, true) || !is_safe(value, false))
		return -EINVAL;
	if (h->count == HTTP_HEADERS_MAX)
		return -ENOSPC;
	text = malloc(name.size + value.size + 2);
	if (!text)
		return -ENOMEM;
	memcpy(text, name.data, name.size);
	text[name.size] = '\0';
	if (value.size)
		memcpy(text + name.size + 1, value.data, value.size);
	text[name.size + 1 + value.size] = '\0';
	h->list[h->count++] = (struct http_header){.name = text, .value = text + name.size + 1};
	return 0;
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

int http_headers_set(struct http_headers *h, const char *name, const char *value)
{
	/* Copies are needed, as the value may lie in the field that is replaced. */
	char *name_copy = strdup(name);
	char *value_copy = strdup(value);
	int r = -ENOMEM;

	if (!name_copy || !value_copy)
		goto out;
	r = -EINVAL;
	if (!is_safe(span_str(name_copy), true) || !is_safe(span_str(value_copy), false))
		goto out;
	http_headers_remove(h, name_copy);
	r = http_headers_add(h, name_copy, value_copy);
out:
	free(name_copy);
	free(value_copy);
	return r;
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
