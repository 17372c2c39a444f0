#include "common/http/server/server_internal.h"

#include "common/base/error.h"
#include "common/base/text.h"
#include "common/http/server/cors.h"
#include "common/proto/headers.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/uio.h>

/*
 * An answer is built on the caller's thread and queued on the loop, at libmicrohttpd's next call for the request.
 * This needs no promise of the library about which of its functions may run on other threads, and costs nothing, as
 * the connection has to be resumed anyway.
 *
 * libmicrohttpd accepts an answer before the first byte of a body or after the last, not between. An answer that
 * comes in the middle is
 *   kept until the body ends, if little of the body is missing: the connection stays open;
 *   otherwise written to the socket past the library, and the sending side is shut, so that a client that sends 4
 *     GiB learns of its refusal at once;
 *   if it is a streamed answer, kept until the body ends in any case.
 */

#define JSON_ESCAPE_BYTES_MAX (16u * 1024)

struct answer {
	int status;
	const struct http_headers *headers;
	struct span body; /* of a buffered answer */
	bool buffered;
	bool close;
};

/* The allowed origin for a page of another origin that the policy names; NULL: none. */
static const char *allowed_origin(const struct http_request *req)
{
	const char *policy = req->server->options.cors_origins;

	return policy ? cors_allows(policy, http_request_header(req, "Origin")) : NULL;
}

/* Adds the fields that every answer has, and those for a page that the policy allows. */
static void add_common(const struct http_request *req, struct http_headers *ret)
{
	const char *allowed = allowed_origin(req);

	if (allowed)
		(void)cors_add(ret, allowed, req->preflight);
	if (req->server->options.stamp)
		req->server->options.stamp(ret, req->server->options.cookie);
}

/*
 * Before 0.9.77 the library takes a bare LF for the end of a chunk's line, extensions included; proxies in front of
 * us may not. So bytes that are a request of their own to us may have been part of a body to them. Therefore
 * nothing follows a chunked request.
 */
static bool must_close(const struct http_request *req, const struct answer *a)
{
	return a->close || (PARSES_IN_PLACE && req->chunked) || atomic_load(&req->server->draining);
}

static void add_list(const struct http_headers *headers, struct MHD_Response *response)
{
	for (size_t i = 0; headers && i < headers->count; i++) {
		if (!answer_head_is_ours(headers->list[i].name))
			MHD_add_response_header(response, headers->list[i].name, headers->list[i].value);
	}
}

static void add_headers(struct http_request *req, const struct answer *a, struct MHD_Response *response)
{
	struct http_headers common;

	http_headers_init(&common);
	add_common(req, &common);
	add_list(a->headers, response);
	add_list(&common, response);
	MHD_add_response_header(response, HEADER_TRACE, req->trace);
	if (must_close(req, a))
		MHD_add_response_header(response, "Connection", "close");
	http_headers_fini(&common);
}

/* The answer comes in the middle of a body, too far from its end to wait. The caller holds req->lock. */
static bool is_too_early(const struct http_request *req, const struct answer *a)
{
	/* The guard's answer may come while a body in chunks is received (exchange.c). */
	bool held = req->stage == STAGE_HELD && req->chunked && !req->expects_continue;
	bool in_body = req->stage == STAGE_BODY || held;

	return a->buffered && a->body.size <= EARLY_ANSWER_BYTES_MAX && req->connection && in_body &&
		request_body_left(req) > DRAIN_BYTES_MAX;
}

static void print_list(const struct http_headers *headers, struct buf *ret)
{
	for (size_t i = 0; headers && i < headers->count; i++) {
		if (!answer_head_is_ours(headers->list[i].name))
			buf_printf(ret, "%s: %s\r\n", headers->list[i].name, headers->list[i].value);
	}
}

static void write_early(struct http_request *req, const struct answer *a)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(req->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct buf head;
	struct iovec parts[2];
	struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
	struct http_headers common;

	http_headers_init(&common);
	add_common(req, &common);
	buf_init(&head, 2 * HEADER_BYTES_MAX);
	buf_printf(&head, "HTTP/1.1 %d %s\r\nConnection: close\r\n" HEADER_TRACE ": %s\r\n", a->status,
		MHD_get_reason_phrase_for((unsigned)a->status), req->trace);
	print_list(a->headers, &head);
	print_list(&common, &head);
	buf_printf(&head, "Content-Length: %zu\r\n\r\n", a->body.size);
	parts[0] = (struct iovec){head.data, head.size};
	parts[1] = (struct iovec){(void *)a->body.data, a->body.size};
	/* The send is partial only if the client does not even read earlier answers; that client then learns of
	 * the refusal by the end of the connection. */
	(void)sendmsg(info->connect_fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
	(void)shutdown(info->connect_fd, SHUT_WR);
	buf_fini(&head);
	http_headers_fini(&common);
	req->early = true;
	req->early_received = req->received;
}

static bool has_body(const struct http_request *req, const struct answer *a)
{
	return !req->is_head && a->status != 204 && a->status != 304;
}

/* Answers a request of the shortcut: this thread sends as much as the socket takes. memory: the allocation of the
 * body, or NULL. */
static void send_short(struct http_request *req, const struct answer *a, int64_t length, char *memory)
{
	struct buf head;
	struct http_headers common;
	const bool closes = must_close(req, a) || req->wants_close;
	const struct answer_head h = {a->status, a->headers, &common, req->trace, length, closes};
	int r;

	http_headers_init(&common);
	add_common(req, &common);
	buf_init(&head, ANSWER_HEAD_BYTES_MAX);
	r = answer_head_print(&h, &head);
	http_headers_fini(&common);
	pthread_mutex_lock(&req->lock);
	request_owe(req, OWED_BY_NOBODY);
	req->on_abort = NULL;
	req->on_readable = NULL;
	bool quiet = false;
	if (req->strand) {
		struct strand *w = req->strand;

		req->status = a->status;
		req->response_bytes = a->buffered ? a->body.size : 0;
		w->closes = w->closes || closes;
		w->streams = req->streaming && has_body(req, a);
		w->broken = r < 0;
		strand_send(w, buf_span(&head), has_body(req, a) ? a->body : span_of(NULL, 0), &memory);
		quiet = strand_is_quiet(w);
	}
	(quiet ? request_wake_later : request_wake)(req);
	pthread_mutex_unlock(&req->lock);
	buf_fini(&head);
	free(memory);
}

/* Hands the answer to the loop. response may be NULL (no memory): then the connection is closed. */
static void hand_over(struct http_request *req, const struct answer *a, struct MHD_Response *response)
{
	bool alive;

	if (response)
		add_headers(req, a, response);
	pthread_mutex_lock(&req->lock);
	request_owe(req, OWED_BY_NOBODY);
	assert(!req->response && !req->early);
	req->on_abort = NULL;
	req->on_readable = NULL;
	alive = req->connection != NULL;
	/* When the loop is done with the request, it counts the request by these, without the lock. */
	if (alive) {
		req->status = a->status;
		req->response_bytes = a->buffered ? a->body.size : 0;
	}
	if (alive && is_too_early(req, a)) {
		write_early(req, a);
	} else if (alive) {
		req->response = response;
		response = NULL;
	}
	request_wake(req);
	pthread_mutex_unlock(&req->lock);
	if (response)
		MHD_destroy_response(response);
}

static void respond_buffer(struct http_request *req, const struct answer *a, enum MHD_ResponseMemoryMode mode)
{
	struct MHD_Response *response;

	if (req->is_short) {
		send_short(req, a, (int64_t)a->body.size, mode == MHD_RESPMEM_MUST_FREE ? (char *)a->body.data : NULL);
		request_unref(req);
		return;
	}
	response = MHD_create_response_from_buffer(a->body.size, (void *)a->body.data, mode);
	if (!response && mode == MHD_RESPMEM_MUST_FREE)
		free((void *)a->body.data);
	hand_over(req, a, response);
	request_unref(req);
}

void http_respond(struct http_request *req, int status, const struct http_headers *headers, struct span body)
{
	struct answer a = {.status = status, .headers = headers, .body = body, .buffered = true};

	respond_buffer(req, &a, MHD_RESPMEM_MUST_COPY);
}

void http_respond_take(
	struct http_request *req, int status, const struct http_headers *headers, char *body, size_t size)
{
	struct answer a = {.status = status, .headers = headers, .body = span_of(body, size), .buffered = true};

	respond_buffer(req, &a, MHD_RESPMEM_MUST_FREE);
}

/* NOLINTNEXTLINE(readability-non-const-parameter): the library's signature */
static ssize_t pull_nothing(void *cookie, uint64_t position, char *data, size_t size)
{
	(void)cookie;
	(void)position;
	(void)data;
	(void)size;
	return MHD_CONTENT_READER_END_WITH_ERROR;
}

void http_respond_length(struct http_request *req, int status, const struct http_headers *headers, uint64_t length)
{
	struct answer a = {.status = status, .headers = headers};

	if (req->is_short)
		send_short(req, &a, (int64_t)length, NULL);
	else
		hand_over(req, &a, MHD_create_response_from_callback(length, 1, pull_nothing, NULL, NULL));
	request_unref(req);
}

static size_t pull_block(int64_t length)
{
	return length >= 0 && length < (int64_t)PULL_BLOCK_BYTES ? (size_t)length + 1 : PULL_BLOCK_BYTES;
}

/* budget: the parameters of every answer, and those of a stream */
void http_respond_stream(struct http_request *req, int status, const struct http_headers *headers, int64_t length,
	const struct http_stream_ops *ops, void *cookie, struct http_stream **ret_stream)
{
	struct answer a = {.status = status, .headers = headers};
	uint64_t size = length < 0 ? MHD_SIZE_UNKNOWN : (uint64_t)length;
	struct MHD_Response *response = NULL;
	bool streaming;

	if (!req->is_short)
		response = MHD_create_response_from_callback(size, pull_block(length), stream_on_pull, req, NULL);

	/* The library (0.9.75) sends the end of a chunked body even after a HEAD, whose answer has no body: these
	 * five bytes would stand before the connection's next answer. Without chunks it sends nothing. */
	if (response && req->is_head && length < 0)
		MHD_set_response_options(response, MHD_RF_HTTP_1_0_COMPATIBLE_STRICT, MHD_RO_END);
	req->stream = (struct http_stream){.ops = ops, .cookie = cookie, .length = length};
	if (ret_stream)
		*ret_stream = &req->stream;
	pthread_mutex_lock(&req->lock);
	streaming = req->streaming = request_is_connected(req);
	pthread_mutex_unlock(&req->lock);
	if (req->is_short)
		send_short(req, &a, length, NULL);
	else
		hand_over(req, &a, response);
	/* The loop calls done, at the latest when the connection ends, unless the loop was done with the request
	 * before. */
	if (!streaming)
		ops->done(cookie, false);
	request_unref(req);
}

enum MHD_Result respond_queue(struct http_request *req, struct MHD_Connection *connection)
{
	struct MHD_Response *response = req->response;
	enum MHD_Result r;

	if (req->is_short)
		return MHD_YES; /* its strand sends the answer */
	if (!response)
		return MHD_NO;
	req->response = NULL;
	r = MHD_queue_response(connection, (unsigned)req->status, response);
	MHD_destroy_response(response);
	return r;
}

/* Problems. */

static int append_json_string(struct buf *b, const char *text)
{
	struct buf clean;
	int r;

	buf_init(&clean, JSON_ESCAPE_BYTES_MAX);
	r = text_utf8_lossy(span_str(text), &clean);
	if (!r)
		r = buf_append_u8(b, '"');
	for (size_t i = 0; !r && i < clean.size; i++) {
		unsigned char c = (unsigned char)clean.data[i];

		if (c < ' ')
			r = buf_printf(b, "\\u%04x", c);
		else if (c == '"' || c == '\\')
			r = buf_printf(b, "\\%c", c);
		else
			r = buf_append_u8(b, c);
	}
	if (!r)
		r = buf_append_u8(b, '"');
	buf_fini(&clean);
	return r;
}

static int problem_text(
	const struct http_request *req, const struct error_info *info, const char *detail, struct buf *ret)
{
	int r = buf_printf(ret, "{\"type\":\"/problems/%s\",\"title\":", info->type);

	if (!r)
		r = append_json_string(ret, info->title);
	if (!r)
		r = buf_printf(ret, ",\"status\":%d,\"detail\":", info->http_status);
	if (!r)
		r = append_json_string(ret, detail ? detail : info->title);
	if (!r)
		r = buf_printf(ret, ",\"errno\":\"%s\",\"trace_id\":\"%s\"}\n", info->errno_name, req->trace);
	return r;
}

/* The fields of extra come first; a field of theirs is not added again. */
static void problem_headers(const struct error_info *info, const struct http_headers *extra, struct http_headers *ret)
{
	http_headers_init(ret);
	for (size_t i = 0; extra && i < extra->count; i++)
		(void)http_headers_add(ret, extra->list[i].name, extra->list[i].value);
	(void)http_headers_set(ret, "Content-Type", "application/problem+json");
	if (info->http_status == 401 && !http_headers_get(ret, "WWW-Authenticate"))
		(void)http_headers_add(ret, "WWW-Authenticate", "Bearer");
	if ((info->http_status == 429 || info->http_status == 503) && !http_headers_get(ret, "Retry-After"))
		(void)http_headers_add(ret, "Retry-After", "1");
}

static void respond_problem(
	struct http_request *req, int code, const char *detail, const struct http_headers *extra, bool close)
{
	const struct error_info *info = error_lookup(code);
	struct http_headers headers;
	struct answer a = {.status = info->http_status, .headers = &headers, .buffered = true, .close = close};
	struct buf text;

	if (!detail && (code == -ERR_BAD_REQUEST || code == -ERR_BAD_PATH) && req->fault[0])
		detail = req->fault;
	buf_init(&text, 2 * JSON_ESCAPE_BYTES_MAX);
	if (problem_text(req, info, detail, &text))
		buf_reset(&text);
	problem_headers(info, extra, &headers);
	a.body = buf_span(&text);
	respond_buffer(req, &a, MHD_RESPMEM_MUST_COPY);
	http_headers_fini(&headers);
	buf_fini(&text);
}

void http_respond_error_with(struct http_request *req, int code, const char *detail, const struct http_headers *headers)
{
	respond_problem(req, code, detail, headers, false);
}

void http_respond_error(struct http_request *req, int code, const char *detail)
{
	respond_problem(req, code, detail, NULL, false);
}

void respond_refusal(struct http_request *req, int error, const char *why)
{
	respond_problem(req, error, why, NULL, true);
}

void respond_no_route(struct http_request *req, int error, const char *detail)
{
	struct http_headers headers;

	http_headers_init(&headers);
	if (error == -ERR_METHOD)
		(void)http_headers_add(&headers, "Allow", req->match.allow);
	respond_problem(req, error, detail, &headers, false);
	http_headers_fini(&headers);
}

bool respond_allows_page(const struct http_request *req)
{
	return http_request_header(req, "Access-Control-Request-Method") && allowed_origin(req);
}

void respond_options(struct http_request *req, const char *allow)
{
	struct http_headers headers;

	http_headers_init(&headers);
	if (allow)
		(void)http_headers_add(&headers, "Allow", allow);
	if (http_request_header(req, "Access-Control-Request-Method"))
		req->preflight = true;
	http_respond(req, 204, &headers, span_of(NULL, 0));
	http_headers_fini(&headers);
}

void respond_coded(struct http_request *req)
{
	struct http_headers headers;

	http_headers_init(&headers);
	(void)http_headers_add(&headers, "Accept-Encoding", "identity");
	respond_problem(req, -ERR_MEDIA_TYPE,
		"a body with a Content-Encoding is not taken, as it would be given back without one: send it as it is",
		&headers, false);
	http_headers_fini(&headers);
}
