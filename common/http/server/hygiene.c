#include "common/http/server/server_internal.h"

#include "common/base/error.h"
#include "common/base/text.h"
#include "common/http/server/fields.h"
#include "common/http/server/query.h"
#include "common/proto/headers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

/*
 * Refuses, before any other code looks at it, every message that two parties could read in two ways: a reader that
 * has to guess where a message ends, or whom it is for, guesses differently from the next one in line.
 *
 * libmicrohttpd 0.9 is lenient: it accepts a bare LF as the end of a line, joins folded lines, cuts a value at a
 * NUL, skips spaces in the request line, and takes a field without a name (": x") for the end of the header. The
 * strings that it returns do not show this. But it parses in place, so names and values still lie where they were
 * received: if each lies exactly where a strict reader would find it, the header was well-formed, else it is
 * refused. Versions from 0.9.77 on can be told to be strict instead. docs/threat-model.md lists the remaining
 * cases.
 */

#define EXPECT_CONTINUE "100-continue"

struct scan {
	struct http_request *req;
	struct MHD_Connection *connection;
	size_t bytes;	  /* of names, values and their NULs */
	const char *next; /* where the next name must lie */
	int error;
	const char *why;
	const char *about; /* the field that the refusal is about; may be NULL */
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

static bool is_continue(const char *expect)
{
	struct span value = field_trim(span_str(expect));

	return value.size == strlen(EXPECT_CONTINUE) && strncasecmp(value.data, EXPECT_CONTINUE, value.size) == 0;
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
		/* Of several expectations, keep the one that is not understood. */
		if (strcasecmp(name, "Expect") == 0 && (!s->expect || is_continue(s->expect)))
			s->expect = value;
		break;
	case 'n':
		if (strcasecmp(name, HEADER_TRACE) == 0)
			s->trace = value;
		break;
	default:
		break;
	}
}

static void keep_field(struct scan *s, struct span name, struct span value)
{
	struct http_request *req = s->req;

	req->fields[req->field_count++] = (struct request_field){name.data, value.data, name.size};
	s->bytes += name.size + value.size + 2;
	scan_known(s, name.data, value.data);
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
		scan_refuse(s, -ERR_BAD_REQUEST, "the name of a header field has characters that no name may have");
	else if (!is_field_value(value, value_size))
		scan_refuse(s, -ERR_BAD_REQUEST, "the value of a header field has control characters");
	else if (req->field_count == HTTP_HEADERS_MAX)
		scan_refuse(s, -ERR_HEADERS_TOO_LARGE, "too many header fields");
	if (s->error)
		return MHD_NO;
	s->next = value + value_size + 2;
	keep_field(s, span_of(name, name_size), span_of(value, value_size));
	return MHD_YES;
}

static bool is_host(struct span host)
{
	for (size_t i = 0; i < host.size; i++) {
		unsigned char c = (unsigned char)host.data[i];

		if (!(is_token_char(c) || (c && strchr(":[]", c))))
			return false;
	}
	return host.size > 0;
}

static void check_framing(struct scan *s)
{
	struct http_request *req = s->req;
	uint64_t length = 0;

	/* HTTP/1.0 is older than the Host field. */
	if (s->hosts > 1 || (s->hosts == 0 && s->version_1_1) ||
		(s->hosts == 1 && !is_host(field_trim(span_str(s->host)))))
		scan_refuse(s, -ERR_BAD_REQUEST, "there must be exactly one valid Host field");
	else if (s->lengths > 1 || s->codings > 1 || (s->lengths && s->codings))
		scan_refuse(s, -ERR_BAD_REQUEST, "Content-Length and Transfer-Encoding are doubled or combined");
	else if (s->codings && strcasecmp(s->coding, "chunked") != 0)
		scan_refuse(s, -ERR_BAD_REQUEST, "the only transfer coding that is understood is chunked");
	else if (s->lengths && text_parse_u64(span_str(s->length), INT64_MAX, &length) != 0)
		scan_refuse(s, -ERR_BAD_REQUEST, "Content-Length is not a decimal number");
	else if (s->expect && !is_continue(s->expect))
		scan_refuse(s, -ERR_BAD_REQUEST, "the only expectation that is understood is 100-continue");
	req->chunked = s->codings != 0;
	req->length = req->chunked ? -1 : (int64_t)length;
	/* HTTP/1.0 has no interim answers. When white space follows the value, the library sends no 100
	 * (Continue); the client then stops waiting by itself. */
	req->expects_continue = s->expect && s->version_1_1 && strcasecmp(s->expect, EXPECT_CONTINUE) == 0;
}

/* Checks where the three words lie, which check_line does not. Runs before take_target, which changes target_size. */
static void check_words(struct scan *s, const struct request_line *line)
{
	const char *target = line->method + strlen(line->method) + 1;

	if (PARSES_IN_PLACE && (line->url != target || line->version != target + s->req->target_size + 1))
		scan_refuse(s, -ERR_BAD_REQUEST, "the request line is not three words with one space between");
}

/* The header must end with an empty line right after the last field. */
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

	for (const char *p = req->target; *p; p++) {
		unsigned char c = (unsigned char)*p;

		if (c <= ' ' || c == 0x7f || c == '#')
			scan_refuse(s, -ERR_BAD_REQUEST,
				"the request line has more than three words, or control characters");
	}
	s->version_1_1 = strcmp(line->version, "HTTP/1.1") == 0;
	req->is_http_1_0 = !s->version_1_1;
	if (s->version_1_1)
		return;
	if (strcmp(line->version, "HTTP/1.0") != 0)
		scan_refuse(s, -ERR_BAD_REQUEST, "the only versions of HTTP that are understood are 1.0 and 1.1");
	/* HTTP/1.0 has no chunks: the end of such a body would be a guess. */
	else if (s->codings)
		scan_refuse(s, -ERR_BAD_REQUEST, "Transfer-Encoding in HTTP/1.0");
}

/* The query is checked here, so that a parameter is either absent or well-formed. */
static void check_query(struct scan *s)
{
	const struct http_request *req = s->req;
	const char *query = req->target + req->path_size;
	const char *why = NULL;
	int r = *query ? query_check(span_str(query + 1), &why) : 0;

	if (r)
		scan_refuse(s, r, why ? why : "out of memory");
}

static size_t scheme_size(const char *target)
{
	return strncasecmp(target, "http://", 7) == 0 ? 7 : strncasecmp(target, "https://", 8) == 0 ? 8 : 0;
}

/*
 * A target is a path ("/a"), this server as a whole ("*", for OPTIONS alone), or a URL with server and path
 * ("http://host/a"; meant for proxies, but every server must accept it; RFC 9112, 3.2.2). Of a URL only the path is
 * kept: this server has no documents of other hosts.
 */
static void take_target(struct scan *s, const struct request_line *line)
{
	struct http_request *req = s->req;
	bool options = strcmp(line->method, "OPTIONS") == 0;
	size_t scheme = scheme_size(req->target);
	size_t host = strcspn(req->target + scheme, "/?");
	char *rest = req->target + scheme + host;

	if (req->target[0] == '/' || (options && strcmp(req->target, "*") == 0))
		return;
	if (!scheme || !is_host(span_of(req->target + scheme, host))) {
		scan_refuse(s, -ERR_BAD_REQUEST, "the target is neither a path nor an http URL");
		return;
	}
	/* The removed host leaves room for the character that an empty path stands for. */
	if (*rest != '/') {
		char implied = options && !*rest ? '*' : '/';

		*--rest = implied;
	}
	req->target_size -= (size_t)(rest - req->target);
	memmove(req->target, rest, req->target_size + 1);
	req->path_size = strcspn(req->target, "?");
}

static const struct request_field *same_name(const struct http_request *req, size_t n)
{
	const struct request_field *f = &req->fields[n];

	for (size_t i = 0; i < n; i++) {
		if (req->fields[i].name_size == f->name_size && strcasecmp(req->fields[i].name, f->name) == 0)
			return &req->fields[i];
	}
	return NULL;
}

/* Refuses a field that has one value and comes twice; keep_fields joins the lines of a list. */
static void check_repeats(struct scan *s)
{
	struct http_request *req = s->req;

	/* The name belongs to this refusal only, not to one of an earlier check. */
	for (size_t i = 1; !s->error && i < req->field_count; i++) {
		if (!same_name(req, i) || field_kind(req->fields[i].name) != FIELD_SINGLE)
			continue;
		scan_refuse(s, -ERR_BAD_REQUEST, "is given twice");
		s->about = req->fields[i].name;
		return;
	}
}

static char *put_text(char *at, struct span text)
{
	memcpy(at, text.data, text.size);
	return at + text.size;
}

/* Writes all values of the list that begins at line n; later lines of the list lose their name. */
static char *put_list(struct http_request *req, size_t n, char *at)
{
	const struct request_field *first = &req->fields[n];

	for (size_t i = n; i < req->field_count; i++) {
		struct request_field *f = &req->fields[i];

		if (!f->name || f->name_size != first->name_size || strcasecmp(f->name, first->name) != 0)
			continue;
		if (i > n) {
			at = put_text(at, SPAN_LITERAL(", "));
			f->name = NULL;
		}
		at = put_text(at, field_trim(span_str(f->value)));
	}
	return at;
}

static bool has_repeats(const struct http_request *req)
{
	for (size_t i = 1; i < req->field_count; i++) {
		if (same_name(req, i))
			return true;
	}
	return false;
}

/* Copies the fields: their memory goes with the connection, and the request may be read for longer. */
static int keep_fields(struct http_request *req, size_t bytes)
{
	/* This size suffices for joined lines, too: such a line is written without its name and the NULs, which
	 * are at least as long as the ", " before its value. */
	char *text = malloc(bytes + 1);
	bool repeats = has_repeats(req);
	size_t kept = 0;

	if (!text)
		return -ENOMEM;
	req->field_text = text;
	for (size_t i = 0; i < req->field_count; i++) {
		struct request_field *f = &req->fields[i];
		struct request_field copy = {text, NULL, f->name_size};

		if (!f->name)
			continue;
		text = put_text(text, span_of(f->name, f->name_size));
		*text++ = '\0';
		copy.value = text;
		if (repeats && field_kind(f->name) == FIELD_LIST)
			text = put_list(req, i, text);
		else
			text = put_text(text, field_trim(span_str(f->value)));
		*text++ = '\0';
		req->fields[kept++] = copy;
	}
	req->field_count = kept;
	return 0;
}

static void take_trace(struct http_request *req, struct span trace)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";

	if (trace.size == 0 || trace.size > TRACE_BYTES_MAX || strspn(trace.data, letters) < trace.size)
		return;
	memcpy(req->trace, trace.data, trace.size);
	req->trace[trace.size] = '\0';
}

/*
 * A request without a body has nothing to continue with. The library (0.9.75) sends 100 (Continue) all the same and
 * takes the following bytes for a body of no bytes, after which no answer can be queued. It looks for the field
 * once more after this check, so the field's value in the library's buffer is changed.
 */
static void drop_expectation(struct scan *s)
{
	if (!s->req->expects_continue || s->req->length != 0)
		return;
	s->req->expects_continue = false;
	if (PARSES_IN_PLACE)
		*(char *)s->expect = '-';
}

/* The checks that follow for both readers of a head. */
static int check(struct scan *s, const struct request_line *line)
{
	if (s->trace)
		take_trace(s->req, field_trim(span_str(s->trace)));
	check_line(s, line);
	check_framing(s);
	check_repeats(s);
	check_query(s);
	take_target(s, line);
	return s->error ? s->error : keep_fields(s->req, s->bytes);
}

int hygiene_check(
	struct http_request *req, struct MHD_Connection *connection, const struct request_line *line, char *ret_why)
{
	struct scan s = {.req = req, .connection = connection, .next = line->version + strlen(line->version) + 2};
	int r;

	MHD_get_connection_values_n(connection, MHD_HEADER_KIND, on_field, &s);
	if (!s.error)
		check_extent(&s, line);
	check_words(&s, line);
	r = check(&s, line);
	if (r) {
		(void)snprintf(ret_why, HYGIENE_WHY_BYTES, "%s%s%s", s.about ? s.about : "", s.about ? " " : "",
			s.error ? s.why : "out of memory");
		/* Fields that were not checked to the end must not be used. */
		req->field_count = 0;
		return r;
	}
	drop_expectation(&s);
	return 0;
}

bool hygiene_take(struct http_request *req, const struct request_head *head)
{
	const struct request_line line = {head->method, head->target, "HTTP/1.1"};
	struct scan s = {.req = req};

	for (size_t i = 0; i < head->count; i++) {
		const struct request_head_field *f = &head->fields[i];

		keep_field(&s, span_of(f->name, f->name_size), span_of(f->value, f->value_size));
	}
	return check(&s, &line) == 0;
}
