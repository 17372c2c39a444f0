#include "backend/docs/request/content.h"

#include "backend/docs/request/digest.h"
#include "common/http/precondition.h"
#include "backend/docs/request/streamed.h"
#include "common/http/range.h"
#include "backend/docs/request/reader.h"
#include "backend/docs/request/reply.h"
#include "backend/docs/request/tagging.h"
#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/sha256.h"
#include "common/http/byteranges.h"
#include "common/proto/headers.h"

#include <errno.h>
#include <stdlib.h>
#include <strings.h>

/* The body: parts of a document or of a block, with heads between them when there are several. */
struct body {
	struct docs *docs;
	struct reader *reader; /* of a document */
	struct block_name block;
	int64_t at, end; /* range of the block that is still to be sent */
	struct byteranges parts;
	size_t next; /* the next part to begin */
	bool finished;
};

static void body_free(void *cookie)
{
	struct body *b = cookie;

	if (!b)
		return;
	reader_free(b->reader);
	free(b);
}

static int64_t body_left(const struct body *b)
{
	return b->reader ? reader_left(b->reader) : b->end - b->at;
}

static void body_seek(struct body *b, const struct range *part)
{
	if (b->reader)
		reader_seek(b->reader, part->from, part->len);
	b->at = part->from;
	b->end = part->from + part->len;
}

static int read_block(struct body *b, size_t max, struct buf *out)
{
	size_t size = b->end - b->at < (int64_t)max ? (size_t)(b->end - b->at) : max;
	uint32_t got = 0;
	int r = buf_reserve(out, size);

	if (r == 0)
		r = b->docs->blocks->ops->get(
			b->docs->blocks, &b->block, (uint32_t)b->at, out->data + out->size, (uint32_t)size, &got);
	if (r < 0 || got != size)
		return r < 0 && r != -ENOENT ? r : -EBADMSG;
	out->size += size;
	out->data[out->size] = '\0';
	b->at += (int64_t)size;
	metric_add(b->docs->metrics.block_bytes_out, (int64_t)size);
	return 0;
}

/* Begins the next part, or ends the body. */
static int body_turn(struct body *b, struct buf *out)
{
	if (b->next == b->parts.ranges.count) {
		b->finished = true;
		return byteranges_append_tail(&b->parts, out);
	}
	const int r = byteranges_append_head(&b->parts, b->next, out);
	body_seek(b, &b->parts.ranges.parts[b->next++]);
	return r;
}

static int body_fill(void *cookie, struct docs_store *store, struct buf *out)
{
	struct body *b = cookie;
	int r = 0;

	while (r == 0 && out->size < STREAMED_PIECE_BYTES && !b->finished) {
		size_t room = STREAMED_PIECE_BYTES - out->size;

		if (body_left(b) == 0)
			r = body_turn(b, out);
		else if (b->reader)
			r = reader_read(b->reader, store, room, out);
		else
			r = read_block(b, room, out);
	}
	/* The document has changed meanwhile: if nothing was sent yet this becomes a problem, otherwise the
	 * answer is cut. */
	if (r < 0)
		return r == -ESTALE || r == -EAGAIN ? -ERR_UNAVAILABLE : r;
	return b->finished ? STREAMED_END : 0;
}

static const struct streamed_source body_source = {.fill = body_fill, .free = body_free};

static int body_new(const struct content *c, const struct range_set *ranges, struct body **ret)
{
	struct reader_options options = {.docs = c->call->docs,
		.scope = c->call->scope,
		.id = c->document,
		.size = c->size,
		.content_seq = c->content_seq};
	struct body *b = calloc(1, sizeof(*b));
	int r = b ? 0 : -ENOMEM;

	if (r == 0 && c->block)
		b->block = *c->block;
	else if (r == 0)
		r = reader_new(&options, &b->reader);
	if (r == 0)
		r = byteranges_init(&b->parts, ranges, c->type, c->size);
	if (r < 0) {
		body_free(b);
		return r;
	}
	b->docs = c->call->docs;
	*ret = b;
	return 0;
}

/* ---- fields ---- */

static void add_fields(const struct content *c, struct http_headers *headers)
{
	char date[PRECONDITION_DATE_SIZE];

	(void)http_headers_add(headers, "ETag", c->etag);
	(void)http_headers_add(headers, "Accept-Ranges", "bytes");
	(void)http_headers_add(headers, "X-Content-Type-Options", "nosniff");
	if (c->attachment)
		(void)http_headers_add(headers, "Content-Disposition", "attachment");
	(void)http_headers_add(headers, "Cache-Control", c->immutable ? BLOCK_CACHE_CONTROL : CONTENT_CACHE_CONTROL);
	if (c->mtime_ns) {
		precondition_format_date(c->mtime_ns, date);
		(void)http_headers_add(headers, "Last-Modified", date);
	}
	if (c->at.incarnation)
		reply_position(headers, c->at);
}

static bool is_head(const struct content *c)
{
	return strcmp(http_request_method(c->call->req), "HEAD") == 0;
}

static int find_ranges(const struct content *c, struct range_set *ret)
{
	struct precondition_target target = {
		.exists = true, .etag = c->etag, .mtime_ns = c->mtime_ns, .now_ns = clock_real_ns()};
	const char *range = http_request_header(c->call->req, "Range");

	/* Range applies to GET only (RFC 9110, 14.2). */
	if (is_head(c) || !precondition_if_range(http_request_header(c->call->req, "If-Range"), &target))
		range = NULL;
	return range_parse(range, c->size, ret);
}

static void refuse_range(const struct content *c, struct http_headers *headers)
{
	(void)byteranges_add_size(c->size, headers);
	http_respond_error_with(c->call->req, -ERR_RANGE, NULL, headers);
}

static int read_part(struct body *b, const struct range *part, struct buf *out, char *digest)
{
	uint8_t sha256[SHA256_BYTES];
	int r;

	body_seek(b, part);
	r = read_block(b, (size_t)part->len, out);
	if (r == 0)
		r = sha256_of(buf_span(out), sha256);
	if (r == 0)
		digest_format(sha256, digest);
	return r;
}

/* A part of a block cannot be checked against the hash in the block's name, so a digest of just these bytes comes
 * with it. */
static void respond_part(const struct content *c, const struct range_set *ranges, struct http_headers *headers)
{
	struct body b = {.docs = c->call->docs, .block = *c->block};
	char digest[DIGEST_TEXT_SIZE], *bytes;
	struct buf part;
	size_t size;
	int r;

	buf_init(&part, BLOCK_PART_BYTES_MAX);
	r = byteranges_init(&b.parts, ranges, c->type, c->size);
	if (r == 0)
		r = read_part(&b, &ranges->parts[0], &part, digest);
	if (r < 0) {
		buf_fini(&part);
		call_fail(c->call, r, NULL);
		return;
	}
	(void)byteranges_add_fields(&b.parts, headers);
	(void)http_headers_add(headers, "Content-Digest", digest);
	bytes = buf_take(&part, &size);
	http_respond_take(c->call->req, 206, headers, bytes, size);
}

static bool is_part(const struct content *c, const struct range_set *ranges)
{
	return c->block && ranges->count == 1 && ranges->parts[0].len <= (int64_t)BLOCK_PART_BYTES_MAX;
}

/* Before the head is sent: loads the layout of everything that will be sent, so that all of it is one version. */
static int body_look(struct body *b, struct docs_store *store)
{
	int64_t from = INT64_MAX, to = 0;

	if (!b->reader)
		return 0;
	for (size_t i = 0; i < b->parts.ranges.count; i++) {
		const struct range *part = &b->parts.ranges.parts[i];

		from = part->from < from ? part->from : from;
		to = part->from + part->len > to ? part->from + part->len : to;
	}
	return to > from ? reader_look(b->reader, store, from, to) : 0;
}

/* Adds the digest of the whole content, whichever part is sent. Reads no content for this that would not be read
 * anyway. */
static void say_digest(
	const struct content *c, struct docs_store *store, const struct body *b, struct http_headers *headers)
{
	uint8_t sha256[SHA256_BYTES];
	char text[DIGEST_TEXT_SIZE];

	if (!b->reader)
		return;
	int r = reader_digest(b->reader, sha256);
	/* Short content lies in one place, or its digest was not kept. */
	if (r < 0 && c->size > (int64_t)INLINE_BYTES_MAX)
		r = store->ops->digest_get(store, c->document, c->content_seq, sha256);
	if (r < 0)
		return;
	digest_format(sha256, text);
	(void)http_headers_add(headers, "Repr-Digest", text);
}

/* ---- a list of extents instead of the bytes ---- */

static bool may_be_extents(const struct content *c)
{
	const char *wanted = http_request_header(c->call->req, HEADER_CONTENT);

	return !c->block && c->size > (int64_t)TAGGING_BYTES_MAX && !is_head(c) && wanted &&
		strcmp(wanted, HEADER_CONTENT_WANTED) == 0;
}

static int send_page(const struct content *c, struct docs_store *store, const struct body *b, struct buf *page)
{
	struct http_headers headers;
	size_t size;
	char *bytes;

	http_headers_init(&headers);
	add_fields(c, &headers);
	say_digest(c, store, b, &headers);
	int r = http_headers_add(&headers, HEADER_CONTENT, c->type);
	if (r == 0)
		r = http_headers_add(&headers, "Content-Type", REPLY_EXTENTS_TYPE);
	tagging_say(c->call, &headers);
	if (r == 0) {
		bytes = buf_take(page, &size);
		http_respond_take(c->call->req, 200, &headers, bytes, size);
	}
	http_headers_fini(&headers);
	return r;
}

/* Answers with the extents of the whole document, whichever range is asked for: the gateway keeps the list for
 * the next range. 1: answered. 0: not answered, as the document has too many extents or too much inline content,
 * or something failed. -ESTALE: as content_respond. */
static int respond_extents(const struct content *c, struct docs_store *store)
{
	static const struct range_set WHOLE;
	struct body *b = NULL;
	struct buf page;
	int r = body_new(c, &WHOLE, &b);

	buf_init(&page, TAGGING_BYTES_MAX);
	if (r == 0)
		r = body_look(b, store);
	if (r == 0)
		r = reader_page(b->reader, &c->at, &page);
	if (r == 0)
		r = send_page(c, store, b, &page);
	buf_fini(&page);
	body_free(b);
	return r == 0 ? 1 : r == -ESTALE ? r : 0;
}

/* Answers the call, unless it returns -ESTALE. */
static int respond_body(
	const struct content *c, struct docs_store *store, const struct range_set *ranges, struct http_headers *headers)
{
	struct streamed_answer answer = {
		.status = ranges->count ? 206 : 200, .headers = headers, .source = &body_source};
	const bool head = is_head(c);
	struct body *b = NULL;
	int r = body_new(c, ranges, &b);

	if (r == 0)
		r = byteranges_length(&b->parts, &answer.length);
	/* For HEAD, only where the layout can give the digest. */
	if (r == 0 && (!head || c->size <= (int64_t)BLOCK_BYTES_MAX))
		r = body_look(b, store);
	if (r < 0) {
		body_free(b);
		if (r != -ESTALE)
			call_fail(c->call, r, NULL);
		return r == -ESTALE ? r : 0;
	}
	say_digest(c, store, b, headers);
	if (ranges->count)
		(void)byteranges_add_fields(&b->parts, headers);
	else
		(void)http_headers_add(headers, "Content-Type", c->type);
	if (ranges->count == 0 && (head || answer.length <= (int64_t)TAGGING_BYTES_MAX))
		tagging_say(c->call, headers);
	answer.cookie = b;
	if (head) {
		body_free(b);
		http_respond_length(c->call->req, answer.status, headers, (uint64_t)answer.length);
	} else {
		streamed_respond(c->call, store, &answer, NULL);
	}
	return 0;
}

int content_respond(const struct content *c, struct docs_store *store)
{
	struct http_headers headers;
	struct range_set ranges;
	int r = may_be_extents(c) ? respond_extents(c, store) : 0;

	if (r != 0)
		return r < 0 ? r : 0;
	r = find_ranges(c, &ranges);

	http_headers_init(&headers);
	if (r < 0) {
		refuse_range(c, &headers);
	} else {
		add_fields(c, &headers);
		if (is_part(c, &ranges))
			respond_part(c, &ranges, &headers);
		else
			r = respond_body(c, store, &ranges, &headers);
	}
	http_headers_fini(&headers);
	return r == -ESTALE ? r : 0;
}

const char *content_type_of(struct span name, bool *ret_attachment)
{
	static const struct {
		const char *ending, *type;
		bool attachment; /* may contain script: it must not run with the rights of our own pages */
	} known[] = {
		{".txt", "text/plain; charset=utf-8", false},
		{".md", "text/plain; charset=utf-8", false},
		{".csv", "text/csv; charset=utf-8", false},
		{".json", "application/json", false},
		{".html", "text/html; charset=utf-8", true},
		{".htm", "text/html; charset=utf-8", true},
		{".svg", "image/svg+xml", true},
		{".png", "image/png", false},
		{".jpg", "image/jpeg", false},
		{".jpeg", "image/jpeg", false},
		{".gif", "image/gif", false},
		{".webp", "image/webp", false},
		{".pdf", "application/pdf", false},
		{".mp3", "audio/mpeg", false},
		{".mp4", "video/mp4", false},
		{".webm", "video/webm", false},
	};

	*ret_attachment = false;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		size_t size = strlen(known[i].ending);

		if (name.size <= size || strncasecmp(name.data + name.size - size, known[i].ending, size) != 0)
			continue;
		*ret_attachment = known[i].attachment;
		return known[i].type;
	}
	return "application/octet-stream";
}
