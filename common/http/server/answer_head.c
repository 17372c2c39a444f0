#include "common/http/server/answer_head.h"

#include "common/base/line.h"
#include "common/proto/headers.h"

#include <microhttpd.h>
#include <strings.h>
#include <time.h>

#define HEAD_BYTES_USUAL ((size_t)1000) /* one allocation for most */
#define DATE_BYTES 32			/* "Sat, 28 Nov 2026 10:00:00 GMT" */

bool answer_head_is_ours(const char *name)
{
	static const char *const names[] = {
		"Content-Length", "Transfer-Encoding", "Connection", "Keep-Alive", HEADER_TRACE};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcasecmp(name, names[i]) == 0)
			return true;
	}
	return false;
}

/* The text changes once a second: each thread keeps that of the current second. */
static const char *date_text(void)
{
	static _Thread_local char text[DATE_BYTES];
	static _Thread_local time_t of;
	const time_t now = time(NULL);
	struct tm parts;

	if (now != of && gmtime_r(&now, &parts)) {
		(void)strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &parts);
		of = now;
	}
	return text;
}

static int print_field(struct buf *ret, const char *name, const char *value)
{
	int r = buf_append_str(ret, name);

	if (!r)
		r = buf_append_str(ret, ": ");
	if (!r)
		r = buf_append_str(ret, value);
	return r ? r : buf_append_str(ret, "\r\n");
}

static int print_fields(const struct http_headers *headers, struct buf *ret)
{
	int r = 0;

	for (size_t i = 0; headers && i < headers->count && !r; i++) {
		if (!answer_head_is_ours(headers->list[i].name))
			r = print_field(ret, headers->list[i].name, headers->list[i].value);
	}
	return r;
}

static int print_line(const struct answer_head *h, struct buf *ret)
{
	char number[LINE_NUMBER_SIZE];
	int r = buf_append_str(ret, "HTTP/1.1 ");

	(void)line_of_number(h->status, number);
	if (!r)
		r = buf_append_str(ret, number);
	if (!r)
		r = buf_append_u8(ret, ' ');
	if (!r)
		r = buf_append_str(ret, MHD_get_reason_phrase_for((unsigned)h->status));
	if (!r)
		r = buf_append_str(ret, "\r\n");
	return r ? r : print_field(ret, "Date", date_text());
}

static int print_length(const struct answer_head *h, struct buf *ret)
{
	char number[LINE_NUMBER_SIZE];

	if (h->status == 204)
		return 0;
	if (h->length < 0)
		return print_field(ret, "Transfer-Encoding", "chunked");
	(void)line_of_number(h->length, number);
	return print_field(ret, "Content-Length", number);
}

int answer_head_print(const struct answer_head *h, struct buf *ret)
{
	int r = buf_reserve(ret, HEAD_BYTES_USUAL);

	if (!r)
		r = print_line(h, ret);
	if (!r)
		r = print_fields(h->headers, ret);
	if (!r)
		r = print_fields(h->common, ret);
	if (!r)
		r = print_field(ret, HEADER_TRACE, h->trace);
	if (!r && h->closes)
		r = print_field(ret, "Connection", "close");
	if (!r)
		r = print_length(h, ret);
	return r ? r : buf_append_str(ret, "\r\n");
}
