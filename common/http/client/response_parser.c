#include "common/http/client/response_parser.h"

#include "common/base/text.h"

#include <assert.h>
#include <errno.h>
#include <strings.h>

void response_parser_init(struct response_parser *p, bool is_head)
{
	*p = (struct response_parser){.is_head = is_head};
}

/* ---- lines ---- */

/* ret: the line without its end. ret_used: its size with it. */
static int take_line(struct response_parser *p, struct span in, size_t max, struct span *ret, size_t *ret_used)
{
	const char *end = in.size ? memchr(in.data, '\n', in.size) : NULL;
	const size_t size = end ? (size_t)(end - in.data) + 1 : in.size;

	if (p->head_bytes + size > max)
		return -E2BIG;
	if (!end)
		return -EAGAIN;
	if (size < 2 || in.data[size - 2] != '\r' || memchr(in.data, '\0', size))
		return -EPROTO;
	*ret = span_of(in.data, size - 2);
	*ret_used = size;
	p->head_bytes += size;
	return 0;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static struct span trim(struct span s)
{
	while (s.size && (*s.data == ' ' || *s.data == '\t')) {
		s.data++;
		s.size--;
	}
	while (s.size && (s.data[s.size - 1] == ' ' || s.data[s.size - 1] == '\t'))
		s.size--;
	return s;
}

static bool is_word(struct span s, const char *word)
{
	return s.size == strlen(word) && strncasecmp(s.data, word, s.size) == 0;
}

/* Whether a comma-separated list has this word. */
static bool has_word(struct span list, const char *word)
{
	while (list.size) {
		const char *comma = memchr(list.data, ',', list.size);
		const size_t size = comma ? (size_t)(comma - list.data) : list.size;

		if (is_word(trim(span_of(list.data, size)), word))
			return true;
		list = comma ? span_of(comma + 1, list.size - size - 1) : span_of(NULL, 0);
	}
	return false;
}

/* ---- the head ---- */

static int take_status(struct response_parser *p, struct span line, struct response_part *ret)
{
	static const char VERSION[] = "HTTP/1.";
	const size_t version = sizeof(VERSION) - 1;
	const char *digits = line.data + version + 2;

	/* "HTTP/1.1 200", then nothing, or a space and a reason of any kind. */
	if (line.size < version + 5 || memcmp(line.data, VERSION, version) != 0 || !is_digit(line.data[version]) ||
		line.data[version + 1] != ' ')
		return -EPROTO;
	if (digits[0] < '1' || !is_digit(digits[0]) || !is_digit(digits[1]) || !is_digit(digits[2]) ||
		(line.size > version + 5 && digits[3] != ' '))
		return -EPROTO;
	p->version_1_0 = line.data[version] == '0';
	p->status = (digits[0] - '0') * 100 + (digits[1] - '0') * 10 + (digits[2] - '0');
	p->chunked = p->has_length = false;
	p->closes = p->version_1_0;
	p->state = RESPONSE_AT_FIELD;
	ret->kind = RESPONSE_STATUS;
	ret->number = p->status;
	return 0;
}

static int note_length(struct response_parser *p, struct span value)
{
	uint64_t length = 0;

	if (text_parse_u64(value, INT64_MAX, &length) < 0 || (p->has_length && length != p->length))
		return -EPROTO;
	p->has_length = true;
	p->length = length;
	return 0;
}

/* Notes the fields that say where the answer ends, and whether another answer may follow. */
static int note_field(struct response_parser *p, struct span name, struct span value)
{
	if (is_word(name, "Content-Length"))
		return note_length(p, value);
	if (is_word(name, "Transfer-Encoding")) {
		if (p->chunked || !is_word(value, "chunked"))
			return -EPROTO;
		p->chunked = true;
	}
	if (is_word(name, "Connection")) {
		if (has_word(value, "close"))
			p->closes = true;
		else if (p->version_1_0 && has_word(value, "keep-alive"))
			p->closes = false;
	}
	return 0;
}

static bool has_body(const struct response_parser *p)
{
	return !p->is_head && p->status >= 200 && p->status != 204 && p->status != 304;
}

static void end_head(struct response_parser *p, struct response_part *ret)
{
	ret->kind = RESPONSE_HEAD_END;
	ret->number = p->status;
	p->head_bytes = 0;
	if (p->status < 200) {
		p->state = RESPONSE_AT_STATUS;
		return;
	}
	p->closes = p->closes || (p->chunked && p->has_length);
	if (!has_body(p)) {
		p->left = 0;
		p->has_length = true;
		p->state = RESPONSE_AT_BODY;
		return;
	}
	p->left = p->length;
	p->closes = p->closes || (!p->chunked && !p->has_length);
	p->state = p->chunked ? RESPONSE_AT_CHUNK : RESPONSE_AT_BODY;
}

static bool is_name(struct span name)
{
	for (size_t i = 0; i < name.size; i++)
		if ((unsigned char)name.data[i] <= ' ' || name.data[i] == 0x7f)
			return false;
	return name.size > 0;
}

static int take_field(struct response_parser *p, struct span line, struct response_part *ret)
{
	const char *colon = line.size ? memchr(line.data, ':', line.size) : NULL;

	if (line.size == 0) {
		end_head(p, ret);
		return 0;
	}
	if (!colon || !is_name(span_of(line.data, (size_t)(colon - line.data))))
		return -EPROTO;
	ret->kind = RESPONSE_FIELD;
	ret->name = span_of(line.data, (size_t)(colon - line.data));
	ret->value = trim(span_of(colon + 1, line.size - ret->name.size - 1));
	if (memchr(ret->value.data, '\r', ret->value.size))
		return -EPROTO;
	return note_field(p, ret->name, ret->value);
}

static int next_of_head(struct response_parser *p, struct span in, struct response_part *ret)
{
	struct span line;
	int error = take_line(p, in, RESPONSE_HEAD_BYTES_MAX, &line, &ret->used);

	if (error < 0)
		return error;
	return p->state == RESPONSE_AT_STATUS ? take_status(p, line, ret) : take_field(p, line, ret);
}

/* ---- the body ---- */

static int end_body(struct response_parser *p, struct response_part *ret)
{
	p->state = RESPONSE_IS_OVER;
	ret->kind = RESPONSE_END;
	return 0;
}

/* Takes at most `most` bytes as data. */
static int take_data(struct response_parser *p, struct span in, uint64_t most, struct response_part *ret)
{
	const size_t size = in.size < most ? in.size : (size_t)most;

	if (size == 0)
		return -EAGAIN;
	ret->kind = RESPONSE_DATA;
	ret->value = span_of(in.data, size);
	ret->used = size;
	p->left -= size;
	return 0;
}

static int next_of_body(struct response_parser *p, struct span in, struct response_part *ret)
{
	if (!p->has_length) {
		p->left = UINT64_MAX;
		return take_data(p, in, UINT64_MAX, ret);
	}
	return p->left == 0 ? end_body(p, ret) : take_data(p, in, p->left, ret);
}

static int hex_digit(char c)
{
	if (is_digit(c))
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* The size of a chunk, and extensions that are ignored. */
static int take_chunk_line(struct response_parser *p, struct span line)
{
	uint64_t size = 0;
	size_t i = 0;

	for (; i < line.size && hex_digit(line.data[i]) >= 0; i++) {
		if (size > (uint64_t)INT64_MAX >> 4)
			return -EPROTO;
		size = size << 4 | (uint64_t)hex_digit(line.data[i]);
	}
	const struct span rest = trim(span_of(line.data + i, line.size - i));

	if (i == 0 || (rest.size && *rest.data != ';') || (rest.size && memchr(rest.data, '\r', rest.size)))
		return -EPROTO;
	p->left = size;
	p->state = size ? RESPONSE_IN_CHUNK : RESPONSE_AT_TRAILER;
	return 0;
}

/* A line between data, or after the last data. */
static int take_chunked_line(struct response_parser *p, struct span line, struct response_part *ret)
{
	if (p->state == RESPONSE_AT_TRAILER)
		return line.size == 0 ? end_body(p, ret) : 0;
	p->head_bytes = 0;
	if (p->state == RESPONSE_AT_CHUNK)
		return take_chunk_line(p, line);
	p->state = RESPONSE_AT_CHUNK;
	return line.size == 0 ? 0 : -EPROTO;
}

/* Skips lines until there is data, or the end. */
static int skip_lines(struct response_parser *p, struct span in, struct response_part *ret)
{
	int error = 0;

	while (error == 0 && p->state != RESPONSE_IN_CHUNK && p->state != RESPONSE_IS_OVER) {
		const size_t most =
			p->state == RESPONSE_AT_TRAILER ? RESPONSE_HEAD_BYTES_MAX : RESPONSE_CHUNK_LINE_BYTES_MAX;
		struct span line;
		size_t used = 0;

		error = take_line(p, in, most, &line, &used);
		if (error < 0)
			break;
		in = span_of(in.data + used, in.size - used);
		ret->used += used;
		error = take_chunked_line(p, line, ret);
	}
	return error;
}

static int next_of_chunks(struct response_parser *p, struct span in, struct response_part *ret)
{
	int error = skip_lines(p, in, ret);

	if (error < 0 || p->state == RESPONSE_IS_OVER)
		return error;
	const size_t skipped = ret->used;

	assert(p->state == RESPONSE_IN_CHUNK && p->left > 0);
	error = take_data(p, span_of(in.data + skipped, in.size - skipped), p->left, ret);
	if (error < 0)
		return error;
	ret->used += skipped;
	if (p->left == 0)
		p->state = RESPONSE_AFTER_CHUNK;
	return 0;
}

int response_parser_next(struct response_parser *p, struct span in, struct response_part *ret)
{
	*ret = (struct response_part){0};
	assert(p->state != RESPONSE_IS_OVER);
	if (p->state <= RESPONSE_AT_FIELD)
		return next_of_head(p, in, ret);
	return p->state == RESPONSE_AT_BODY ? next_of_body(p, in, ret) : next_of_chunks(p, in, ret);
}

int response_parser_end(struct response_parser *p)
{
	if (p->state != RESPONSE_AT_BODY || p->has_length)
		return -ECONNRESET;
	p->state = RESPONSE_IS_OVER;
	return 0;
}

bool response_parser_may_keep(const struct response_parser *p)
{
	return p->state == RESPONSE_IS_OVER && !p->closes;
}
