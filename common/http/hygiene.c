#include "common/http/server_internal.h"

#include "common/base/error.h"
#include "common/base/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

/*
 * What two parties could read in two ways is refused before anything else looks at it: who has to guess where a message ends, or whom
 * it is for, guesses differently from the next in line.
 *
 * libmicrohttpd 0.9 is lenient: it takes a bare LF for a line's end, joins folded lines, cuts a value at a NUL, skips spaces in the request
 * line, and takes a field without a name (": x") for the end of the header. None of it shows in what it hands out; but it parses in place, so
 * names and values still lie where they came: each exactly where a strict reader would find it, or the header was none. Versions from 0.9.77
 * on can be told to be strict instead. What is left is listed in docs/threat-model.md.
 */

#define PARSES_IN_PLACE (MHD_VERSION < 0x00097701)

struct scan {
	struct http_request *req;
	struct MHD_Connection *connection;
	size_t bytes;	  /* names, values and their NULs */
	const char *next; /* where the next name must lie */
	int error;
	const char *why;
	unsigned hosts;
	unsigned lengths;
	unsigned codings;
	bool version_1_1;
	const char *host;
	const char *length;
	const char *coding;
	const char *expect;
	const char *trace;
};

static bool is_token_char(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		(c && strchr("!#$%&'*+-.^_`|~", c));
}

static bool is_token(const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		if (!is_token_char((unsigned char)text[i]))
			return false;
	}
	return size > 0;
}

static bool is_field_value(const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++) {
		unsigned char c = (unsigned char)text[i];

		if ((c < ' ' && c != '\t') || c == 0x7f)
			return false;
	}
	return true;
}

static void scan_refuse(struct scan *s, int error, const char *why)
{
	if (s->error)
		return;
	s->error = error;
	s->why = why;
}

static void scan_known(struct scan *s, const char *name, const char *value)
{
	switch (name[0] | 0x20) {
	case 'h':
		if (strcasecmp(name, "Host") == 0) {
			s->hosts++;
			s->host = value;
		}
		break;
	case 'c':
		if (strcasecmp(name, "Content-Length") == 0) {
			s->lengths++;
			s->length = value;
		}
		break;
	case 't':
		if (strcasecmp(name, "Transfer-Encoding") == 0) {
			s->codings++;
			s->coding = value;
		}
		break;
	case 'e':
		if (strcasecmp(name, "Expect") == 0)
			s->expect = value;
		break;
	case 'n':
		if (strcasecmp(name, "Nephos-Trace") == 0)
			s->trace = value;
		break;
	default:
		break;
	}
}

/* budget: the library's signature */
static enum MHD_Result on_field(
	void *cookie, enum MHD_ValueKind kind, const char *name, size_t name_size, const char *value, size_t value_size)
{
	struct scan *s = cookie;
	struct http_request *req = s->req;

	(void)kind;
	if (PARSES_IN_PLACE && name != s->next)
		scan_refuse(
			s, -ERR_BAD_REQUEST, "a line of the header is folded, has a NUL, or does not end with CR LF");
	else if (!is_token(name, name_size))
		scan_refuse(s, -ERR_BAD_REQUEST, "a header's name is no token");
	else if (!is_field_value(value, value_size))
		scan_refuse(s, -ERR_BAD_REQUEST, "a header's value has control characters");
	else if (req->field_count == HTTP_HEADERS_MAX)
		scan_refuse(s, -ERR_HEADERS_TOO_LARGE, "too many header fields");
	if (s->error)
		return MHD_NO;
	req->fields[req->field_count++] = (struct request_field){name, value};
	s->bytes += name_size + value_size + 2;
	s->next = value + value_size + 2;
	scan_known(s, name, value);
	return MHD_YES;
}

static bool is_host(const char *host)
{
	for (const char *p = host; *p; p++) {
		unsigned char c = (unsigned char)*p;

		if (!(is_token_char(c) || strchr(":[]", c)))
			return false;
	}
	return *host != '\0';
}

static void check_framing(struct scan *s)
{
	struct http_request *req = s->req;
	uint64_t length = 0;

	if (s->hosts != 1 || !is_host(s->host))
		scan_refuse(s, -ERR_BAD_REQUEST, "not exactly one valid Host");
	else if (s->lengths > 1 || s->codings > 1 || (s->lengths && s->codings))
		scan_refuse(s, -ERR_BAD_REQUEST, "Content-Length and Transfer-Encoding are doubled or combined");
	else if (s->codings && strcasecmp(s->coding, "chunked") != 0)
		scan_refuse(s, -ERR_BAD_REQUEST, "a transfer coding other than chunked");
	else if (s->lengths && text_parse_u64(span_str(s->length), INT64_MAX, &length) != 0)
		scan_refuse(s, -ERR_BAD_REQUEST, "Content-Length is no number");
	else if (s->expect && strcasecmp(s->expect, "100-continue") != 0)
		scan_refuse(s, -ERR_BAD_REQUEST, "an unknown expectation");
	req->chunked = s->codings != 0;
	req->length = req->chunked ? -1 : (int64_t)length;
	/* HTTP/1.0 knows no interim answers. */
	req->expects_continue = s->expect && s->version_1_1;
}

/* After the last field comes an empty line, and with it the end of the header. */
static void check_extent(struct scan *s, const struct request_line *line)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(s->connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
	size_t size = info ? info->header_size : 0;

	if (size > HEADER_BYTES_MAX)
		scan_refuse(s, -ERR_HEADERS_TOO_LARGE, "the header is too large");
	if (PARSES_IN_PLACE && line->method + size != s->next + 2)
		scan_refuse(
			s, -ERR_BAD_REQUEST, "a line of the header is folded, has a NUL, or does not end with CR LF");
}

static void check_line(struct scan *s, const struct request_line *line)
{
	struct http_request *req = s->req;
	const char *target = line->method + strlen(line->method) + 1;

	for (const char *p = req->target; *p; p++) {
		unsigned char c = (unsigned char)*p;

		if (c <= ' ' || c == 0x7f || c == '#')
			scan_refuse(s, -ERR_BAD_REQUEST,
				"the request line has more than three words, or control characters");
	}
	if (PARSES_IN_PLACE && (line->url != target || line->version != target + req->target_size + 1))
		scan_refuse(s, -ERR_BAD_REQUEST, "the request line is not three words with one space between");
	s->version_1_1 = strcmp(line->version, "HTTP/1.1") == 0;
	req->is_http_1_0 = !s->version_1_1;
	if (s->version_1_1)
		return;
	if (strcmp(line->version, "HTTP/1.0") != 0)
		scan_refuse(s, -ERR_BAD_REQUEST, "a version of HTTP other than 1.0 and 1.1");
	/* HTTP/1.0 has no chunks; a body sent so would be framed by guessing. */
	else if (s->codings)
		scan_refuse(s, -ERR_BAD_REQUEST, "Transfer-Encoding in HTTP/1.0");
}

/* Query escapes are checked here, so that a parameter is either absent or right. */
static void check_query(struct scan *s)
{
	const char *p = s->req->target + s->req->path_size;

	while ((p = strchr(p, '%')) != NULL) {
		static const char digits[] = "0123456789abcdefABCDEF";

		if (!p[1] || !p[2] || !strchr(digits, p[1]) || !strchr(digits, p[2]) || (p[1] == '0' && p[2] == '0')) {
			scan_refuse(s, -ERR_BAD_REQUEST, "a bad escape in the query");
			return;
		}
		p += 3;
	}
}

/* The connection's memory goes with the connection; the request may be read for longer. */
static int keep_fields(struct http_request *req, size_t bytes)
{
	char *text = malloc(bytes + 1);

	if (!text)
		return -ENOMEM;
	req->field_text = text;
	for (size_t i = 0; i < req->field_count; i++) {
		struct request_field *f = &req->fields[i];
		size_t name_size = strlen(f->name) + 1;
		size_t value_size = strlen(f->value) + 1;

		memcpy(text, f->name, name_size);
		memcpy(text + name_size, f->value, value_size);
		f->name = text;
		f->value = text + name_size;
		text += name_size + value_size;
	}
	return 0;
}

static bool is_trace(const char *trace)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
	size_t size = strlen(trace);

	return size > 0 && size <= TRACE_BYTES_MAX && strspn(trace, letters) == size;
}

int hygiene_check(struct http_request *req, struct MHD_Connection *connection, const struct request_line *line,
	const char **ret_why)
{
	struct scan s = {.req = req, .connection = connection, .next = line->version + strlen(line->version) + 2};
	int r;

	MHD_get_connection_values_n(connection, MHD_HEADER_KIND, on_field, &s);
	if (s.trace && is_trace(s.trace))
		memcpy(req->trace, s.trace, strlen(s.trace) + 1);
	if (!s.error)
		check_extent(&s, line);
	check_line(&s, line);
	check_framing(&s);
	check_query(&s);
	if (s.error) {
		/* Nobody may go by fields that were not checked to the end. */
		req->field_count = 0;
		*ret_why = s.why;
		return s.error;
	}
	r = keep_fields(req, s.bytes);
	if (r) {
		req->field_count = 0;
		*ret_why = "out of memory";
	}
	return r;
}
