#include "gateway/proxy/kept_reply.h"

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/http/byteranges.h"
#include "common/http/precondition.h"
#include "common/http/told_url.h"
#include "common/proto/compact.h"
#include "common/proto/headers.h"
#include "gateway/proxy/cache_status.h"
#include "gateway/proxy/forward_headers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define PAGE_HEAD_SIZE 32		     /* head of a page in a compact form: has the position in it */
#define PIECES_MAX (2 * RANGE_PARTS_MAX + 1) /* of a body: each part with its head, and the end */

/* ---- what is kept ---- */

/* Each field lies as NAME NUL VALUE NUL. false: there is none at *at. */
static bool next_field(struct span head, size_t *at, struct http_header *ret)
{
	if (*at >= head.size)
		return false;
	ret->name = (char *)head.data + *at;
	ret->value = ret->name + strlen(ret->name) + 1;
	*at += strlen(ret->name) + strlen(ret->value) + 2;
	return true;
}

const char *kept_reply_field(const struct answer *answer, const char *name)
{
	struct http_header field;
	size_t at = 0;

	while (next_field(answer_head(answer), &at, &field))
		if (strcasecmp(field.name, name) == 0)
			return field.value;
	return NULL;
}

static int64_t size_of(const struct kept_reply *r)
{
	return r->content_type ? r->content_size : (int64_t)answer_body(r->answer).size;
}

static bool has_ranges(const struct answer *answer)
{
	const char *unit = kept_reply_field(answer, "Accept-Ranges");

	return unit && strcmp(unit, "bytes") == 0;
}

/* ---- conditions ---- */

static bool is_get(const struct kept_reply *r)
{
	return strcmp(http_request_method(r->req), "GET") == 0;
}

/* Finds the second in which the document was changed. Second 0 counts as unknown: it also stands for times that
 * the date format cannot show. */
static bool find_mtime(const struct kept_reply *r, struct precondition_target *target)
{
	const char *date = kept_reply_field(r->answer, "Last-Modified");
	int64_t seconds = 0;

	if (!date || precondition_parse_date(date, &seconds) < 0 || seconds == 0)
		return false;
	target->mtime_ns = seconds * NS_PER_S;
	return true;
}

static bool asks_for_date(const struct precondition *p)
{
	return (!p->if_match && p->if_unmodified_since) || (!p->if_none_match && p->if_modified_since);
}

/* Whether If-Range allows to send a part. What a date decides must not depend on the fraction of its second
 * (-EAGAIN). */
static int judge_if_range(const struct kept_reply *r, struct precondition_target *target, bool *ret)
{
	const char *if_range = http_request_header(r->req, "If-Range");

	*ret = precondition_if_range(if_range, target);
	if (!if_range || strchr(if_range, '"'))
		return 0;
	if (!find_mtime(r, target))
		return -EAGAIN;
	const bool early = precondition_if_range(if_range, target);
	target->mtime_ns += NS_PER_S - 1;
	*ret = precondition_if_range(if_range, target);
	return *ret == early ? 0 : -EAGAIN;
}

/* Ranges apply to GET alone (RFC 9110, 14.2). */
static int judge_ranges(struct kept_reply *r, struct precondition_target *target)
{
	const char *range = http_request_header(r->req, "Range");
	bool holds = false;

	if (!range || !is_get(r) || !has_ranges(r->answer))
		return 0;
	int error = judge_if_range(r, target, &holds);
	if (error == 0 && holds)
		r->error = range_parse(range, size_of(r), &r->ranges);
	return error;
}

int kept_reply_judge(struct kept_reply *r, int64_t now_real_ns)
{
	const struct precondition p = {
		.if_match = http_request_header(r->req, "If-Match"),
		.if_none_match = http_request_header(r->req, "If-None-Match"),
		.if_modified_since = http_request_header(r->req, "If-Modified-Since"),
		.if_unmodified_since = http_request_header(r->req, "If-Unmodified-Since"),
	};
	struct precondition_target target = {
		.exists = true, .etag = kept_reply_field(r->answer, "ETag"), .now_ns = now_real_ns};

	r->error = 0;
	r->unchanged = false;
	r->ranges.count = 0;
	if (answer_status(r->answer) == 404)
		r->error = -ERR_NOT_FOUND;
	if (r->error < 0 || !target.etag)
		return 0;
	if (asks_for_date(&p) && !find_mtime(r, &target))
		return -EAGAIN;
	r->error = precondition_check(&p, &target, true);
	if (r->error == -ERR_BAD_REQUEST)
		(void)http_request_blame(r->req, r->error, precondition_fault(&p));
	r->unchanged = r->error == PRECONDITION_NOT_MODIFIED;
	if (r->error == 0)
		return judge_ranges(r, &target);
	if (r->unchanged)
		r->error = 0;
	return 0;
}

/* ---- fields ---- */

static bool is_said(const struct kept_reply *r, const char *name)
{
	if (r->unchanged)
		return strcasecmp(name, "ETag") == 0 || strcasecmp(name, "Cache-Control") == 0 ||
			strcasecmp(name, "Vary") == 0;
	if (strcasecmp(name, HEADER_CONTENT) == 0)
		return false;
	return r->error == 0 && ((r->ranges.count == 0 && !r->content_type) || strcasecmp(name, "Content-Type") != 0);
}

bool kept_reply_has_body(const struct kept_reply *r)
{
	return r->error == 0 && !r->unchanged && is_get(r);
}

/* Whether another gateway may keep this reply: it must be the answer itself. */
static bool is_all_of_it(const struct kept_reply *r)
{
	return is_get(r) && !r->unchanged && r->ranges.count == 0 && (r->error == 0 || r->error == -ERR_NOT_FOUND) &&
		!r->content_type;
}

int kept_reply_add_fields(const struct kept_reply *r, struct http_headers *ret)
{
	struct http_header field;
	char position[HEADERS_VALUE_SIZE], home[TOLD_URL_SIZE];
	size_t at = 0;
	int error = 0;

	while (error == 0 && next_field(answer_head(r->answer), &at, &field))
		if (is_said(r, field.name))
			error = http_headers_add(ret, field.name, field.value);
	headers_position_print(r->incarnation, r->seq, position);
	if (error == 0)
		error = http_headers_add(ret, HEADER_SEQ, position);
	if (error == 0)
		error = http_headers_add(ret, HEADER_HOME, forward_headers_home(r->req, r->hopped, r->home, home));
	if (error == 0)
		error = http_headers_add(ret, HEADER_CACHE_STATUS, r->cache_status);
	if (error == 0 && r->for_gateway && answer_stamp(r->answer) > 0 && is_all_of_it(r))
		error = http_headers_add_number(ret, HEADER_STAMP, answer_stamp(r->answer));
	return error;
}

/* ---- the body ---- */

/* A large body is not copied for each reader. But a reader may hold it in memory after the cache has evicted
 * it: so it counts in the share of that reader. */
struct sending {
	struct under_way *under_way;
	struct share_claim room;
	struct answer *answer;
	struct buf text; /* bytes that are not in the answer: heads of parts, or of a page */
	struct {
		bool in_text;
		size_t at, size;
	} pieces[PIECES_MAX];
	size_t count, next, sent; /* count, next: pieces; sent: bytes of the next piece */
};

static void add_piece(struct sending *s, bool in_text, size_t at, size_t size)
{
	if (size == 0)
		return;
	s->pieces[s->count].in_text = in_text;
	s->pieces[s->count].at = at;
	s->pieces[s->count++].size = size;
}

static int sending_pull(void *cookie, void *data, size_t size, size_t *ret_size)
{
	struct sending *s = cookie;

	*ret_size = 0;
	while (s->next < s->count && *ret_size < size) {
		const size_t left = s->pieces[s->next].size - s->sent, room = size - *ret_size;
		const size_t taken = left < room ? left : room;
		const char *from = s->pieces[s->next].in_text ? s->text.data : answer_body(s->answer).data;

		memcpy((char *)data + *ret_size, from + s->pieces[s->next].at + s->sent, taken);
		*ret_size += taken;
		s->sent += taken;
		if (taken == left) {
			s->next++;
			s->sent = 0;
		}
	}
	return 0;
}

static void sending_free(struct sending *s)
{
	under_way_give_back(s->under_way, &s->room);
	answer_unref(s->answer);
	buf_fini(&s->text);
	free(s);
}

static void sending_done(void *cookie, bool complete)
{
	(void)complete;
	sending_free(cookie);
}

static const struct http_stream_ops SENDING = {.pull = sending_pull, .done = sending_done};

static struct sending *sending_new(struct kept_reply *r)
{
	struct sending *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->under_way = r->under_way;
	s->room = r->room;
	r->room.amount = 0; /* moved to s */
	s->answer = answer_ref(r->answer);
	buf_init(&s->text, BYTERANGES_TEXT_MAX);
	return s;
}

static int add_parts(struct sending *s, const struct byteranges *b)
{
	int error = 0;

	for (size_t i = 0; i < b->ranges.count && error == 0; i++) {
		const size_t at = s->text.size;

		error = byteranges_append_head(b, i, &s->text);
		add_piece(s, true, at, s->text.size - at);
		add_piece(s, false, (size_t)b->ranges.parts[i].from, (size_t)b->ranges.parts[i].len);
	}
	const size_t at = s->text.size;
	if (error == 0)
		error = byteranges_append_tail(b, &s->text);
	add_piece(s, true, at, s->text.size - at);
	return error;
}

/* Writes the head of a page in a compact form, which says what position the page saw; 0: there is no such head. */
static size_t make_head(const struct kept_reply *r, char ret[PAGE_HEAD_SIZE])
{
	static const char COMPACT[] = "application/vnd.nephos.";
	const char *type = kept_reply_field(r->answer, "Content-Type");
	const struct span body = answer_body(r->answer);
	const size_t size = body.size < PAGE_HEAD_SIZE ? body.size : PAGE_HEAD_SIZE;

	if (!type || strncmp(type, COMPACT, sizeof(COMPACT) - 1) != 0)
		return 0;
	memcpy(ret, body.data, size);
	return compact_head_set_position(ret, size, r->incarnation, r->seq) == 0 ? size : 0;
}

static int add_whole(struct sending *s, const struct kept_reply *r)
{
	char head[PAGE_HEAD_SIZE];
	const size_t head_size = make_head(r, head);
	const int error = buf_append(&s->text, head, head_size);

	add_piece(s, true, 0, head_size);
	add_piece(s, false, head_size, answer_body(r->answer).size - head_size);
	return error;
}

static size_t length_of(const struct sending *s)
{
	size_t length = 0;

	for (size_t i = 0; i < s->count; i++)
		length += s->pieces[i].size;
	return length;
}

/* parts: NULL: the whole body. */
static void send_pieces(
	struct kept_reply *r, int status, const struct http_headers *headers, const struct byteranges *parts)
{
	struct sending *s = sending_new(r);
	int error = s ? 0 : -ENOMEM;

	if (error == 0)
		error = parts ? add_parts(s, parts) : add_whole(s, r);
	if (error == 0) {
		http_respond_stream(r->req, status, headers, (int64_t)length_of(s), &SENDING, s, NULL);
		return;
	}
	if (s)
		sending_free(s);
	http_respond_error(r->req, error, NULL);
}

void kept_reply_send_whole(struct kept_reply *r, const struct http_headers *headers)
{
	const struct span body = answer_body(r->answer);
	char head[PAGE_HEAD_SIZE];

	if (body.size <= KEPT_REPLY_COPIED_BYTES && make_head(r, head) == 0)
		http_respond(r->req, 200, headers, body);
	else
		send_pieces(r, 200, headers, NULL);
}

static void send_parts(struct kept_reply *r, struct http_headers *headers)
{
	const struct span body = answer_body(r->answer);
	const struct range *first = &r->ranges.parts[0];
	struct byteranges parts;
	int error =
		byteranges_init(&parts, &r->ranges, kept_reply_field(r->answer, "Content-Type"), (int64_t)body.size);

	if (error == 0)
		error = byteranges_add_fields(&parts, headers);
	if (error < 0)
		http_respond_error(r->req, error, NULL);
	else if (r->ranges.count == 1 && first->len <= (int64_t)KEPT_REPLY_COPIED_BYTES)
		http_respond(r->req, 206, headers, span_of(body.data + first->from, (size_t)first->len));
	else
		send_pieces(r, 206, headers, &parts);
}

static void refuse(struct kept_reply *r, struct http_headers *headers)
{
	if (r->error == -ERR_RANGE)
		(void)byteranges_add_size(size_of(r), headers);
	http_respond_error_with(r->req, r->error, NULL, headers);
}

void kept_reply_send(struct kept_reply *r)
{
	const uint64_t size = (uint64_t)size_of(r);
	struct http_headers headers;

	http_headers_init(&headers);
	int error = kept_reply_add_fields(r, &headers);
	if (error == 0 && r->content_type && r->error == 0 && !r->unchanged)
		error = http_headers_add(&headers, "Content-Type", r->content_type);
	if (error < 0)
		http_respond_error(r->req, -ENOMEM, NULL);
	else if (r->error < 0)
		refuse(r, &headers);
	else if (r->unchanged)
		http_respond_length(r->req, 304, &headers, has_ranges(r->answer) ? size : 0);
	else if (!is_get(r))
		http_respond_length(r->req, 200, &headers, size);
	else if (r->ranges.count > 0)
		send_parts(r, &headers);
	else
		kept_reply_send_whole(r, &headers);
	http_headers_fini(&headers);
}
