#include "common/http/server/request_head.h"

#include "common/base/limits.h"
#include "common/base/text.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

#define VERSION "HTTP/1.1"

/* tchar of RFC 9110, 5.6.2 */
static const bool TOKEN[256] = {
	['0' ... '9'] = true,
	['A' ... 'Z'] = true,
	['a' ... 'z'] = true,
	['!'] = true,
	['#'] = true,
	['$'] = true,
	['%'] = true,
	['&'] = true,
	['\''] = true,
	['*'] = true,
	['+'] = true,
	['-'] = true,
	['.'] = true,
	['^'] = true,
	['_'] = true,
	['`'] = true,
	['|'] = true,
	['~'] = true,
};

/* The size of the token at text; 0: there is none. */
static size_t token_size(const char *text, size_t size)
{
	size_t n = 0;

	while (n < size && TOKEN[(unsigned char)text[n]])
		n++;
	return n;
}

static bool is_target(const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		const unsigned char c = (unsigned char)text[i];

		if (c <= ' ' || c == 0x7f || c == '#')
			return false;
	}
	return size > 0 && text[0] == '/';
}

/* "METHOD /target HTTP/1.1" */
static bool read_line(char *line, size_t size, struct request_head *ret)
{
	const size_t method = token_size(line, size), version = sizeof(VERSION) - 1;

	if (method == 0 || method >= REQUEST_METHOD_SIZE || size < method + version + 3 || line[method] != ' ' ||
		line[size - version - 1] != ' ' || memcmp(line + size - version, VERSION, version) != 0)
		return false;
	ret->method = line;
	ret->target = line + method + 1;
	ret->target_size = size - method - version - 2;
	line[method] = '\0';
	line[size - version - 1] = '\0';
	return is_target(ret->target, ret->target_size);
}

static bool is_named(const struct request_head_field *field, const char *name, size_t size)
{
	return field->name_size == size && strncasecmp(field->name, name, size) == 0;
}

#define IS(field, name) is_named(field, name, sizeof(name) - 1)

static bool read_length(const struct request_head_field *field, bool *has_length, struct request_head *ret)
{
	uint64_t length = 0;

	if (*has_length || text_parse_u64(span_of(field->value, field->value_size), SIZE_MAX, &length) < 0)
		return false;
	*has_length = true;
	ret->body = (size_t)length;
	return true;
}

/* Evaluates the fields that say where the request ends and whether its connection is kept; false: they do so in an
 * unusual way. */
static bool heed(const struct request_head_field *field, bool *has_length, struct request_head *ret)
{
	switch (field->name[0] | 0x20) {
	case 'c':
		if (IS(field, "Content-Length"))
			return read_length(field, has_length, ret);
		if (!IS(field, "Connection"))
			return true;
		ret->closes = ret->closes || strcasecmp(field->value, "close") == 0;
		return ret->closes || strcasecmp(field->value, "keep-alive") == 0;
	case 'e':
		return !IS(field, "Expect");
	case 't':
		return !IS(field, "Transfer-Encoding");
	default:
		return true;
	}
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool is_value(const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		const unsigned char c = (unsigned char)text[i];

		if ((c < ' ' && c != '\t') || c == 0x7f)
			return false;
	}
	return true;
}

/* "Name: value" */
static bool read_field(char *line, size_t size, struct request_head_field *ret)
{
	const size_t name = token_size(line, size);
	size_t start = name + 1, end = size;

	if (name == 0 || name == size || line[name] != ':')
		return false;
	while (start < end && is_blank(line[start]))
		start++;
	while (end > start && is_blank(line[end - 1]))
		end--;
	*ret = (struct request_head_field){line, line + start, name, end - start};
	line[name] = '\0';
	line[end] = '\0'; /* line[end] is the CR, or white space */
	return is_value(ret->value, ret->value_size);
}

static enum request_head_kind partial(size_t size)
{
	return size > HEADER_BYTES_MAX ? REQUEST_HEAD_OTHER : REQUEST_HEAD_PARTIAL;
}

enum request_head_kind request_head_read(char *data, size_t size, struct request_head *ret)
{
	bool has_length = false;

	ret->count = 0;
	ret->body = 0;
	ret->closes = false;
	ret->method = NULL;
	for (size_t at = 0;;) {
		char *line = data + at, *end = memchr(line, '\n', size - at);

		if (!end)
			return partial(size);
		const size_t length = (size_t)(end - line);

		at += length + 1;
		if (length == 0 || end[-1] != '\r' || at > HEADER_BYTES_MAX)
			return REQUEST_HEAD_OTHER;
		if (!ret->method) {
			if (!read_line(line, length - 1, ret))
				return REQUEST_HEAD_OTHER;
			continue;
		}
		if (length == 1) {
			ret->size = at;
			return REQUEST_HEAD_READ;
		}
		struct request_head_field *field = &ret->fields[ret->count];

		if (ret->count == HTTP_HEADERS_MAX || !read_field(line, length - 1, field) ||
			!heed(field, &has_length, ret))
			return REQUEST_HEAD_OTHER;
		ret->count++;
	}
}
