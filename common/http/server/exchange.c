#include "common/http/server/server_internal.h"

#include "common/base/error.h"
#include "common/http/precondition.h"
#include "common/http/server/fields.h"

#include <errno.h>
#include <stdio.h>
#include <strings.h>

/*
 * The shortcut begins a complete request with exchange_begin, and continues it by exchange_on_access until the
 * request sleeps or is answered.
 *
 * libmicrohttpd calls exchange_on_access once with the header (again after each resume there), then with pieces of
 * the body, then once more when the request is complete (again after each resume there). An answer that is queued
 * at the header closes the connection, as the library would take the rest of the body for the next request. So the
 * answer is queued there only if a body is coming that nobody wants, and otherwise at the end.
 *
 * Sleeping, and clients that have shut their sending side (0.9.75 and 1.0.1). When a connection is suspended in a
 * turn that began with reading, the library begins its next turn with reading, too, whatever its state is by then;
 * if it finds the end of the input there, it closes the connection without an answer. So:
 *   a complete request gets one turn of its own before it sleeps (rest); after that turn the library waits for us
 *     and not for the socket;
 *   a small body is received while the guard still decides (hold): with all of it here the request is complete. A
 *     body in chunks does not make the request sleep before DRAIN_BYTES_MAX, as its remaining length is unknown.
 *     The guard's decision is carried out with the next piece of the body, or with its end;
 *   when a request sleeps in the middle of its body, the library first processes the bytes that it has already, and
 *     reads on only then (request.c): the last bytes of a large body and its end may be among them, and only an end
 *     of input behind them cuts the body short.
 */

#define UNMET "what this target stands for has no ETag: of If-Match only * can hold"

void *exchange_on_line(void *cookie, const char *uri, struct MHD_Connection *connection)
{
	return request_new(cookie, uri ? uri : "", connection);
}

/* The reaper found the client gone while the request slept: the code that works on the request is notified, and
 * still answers. */
static void tell_absent(struct http_request *req)
{
	void (*on_abort)(struct http_request * req, void *cookie) = NULL;

	pthread_mutex_lock(&req->lock);
	if (req->absent) {
		on_abort = req->on_abort;
		req->on_abort = NULL;
	}
	pthread_mutex_unlock(&req->lock);
	if (on_abort)
		on_abort(req, req->on_abort_cookie);
}

static enum MHD_Result close_connection(struct http_request *req)
{
	pthread_mutex_unlock(&req->lock);
	return MHD_NO;
}

/* Only the loop changes the stage; other threads read it. */
static void enter(struct http_request *req, enum stage stage)
{
	pthread_mutex_lock(&req->lock);
	request_enter(req, stage);
	pthread_mutex_unlock(&req->lock);
}

static void run_handler(struct http_request *req)
{
	request_owe(req, OWED_BY_HANDLER);
	req->route->handler(req, req->server->options.cookie);
}

/* A complete request has no answer yet. The caller holds req->lock. */
static enum MHD_Result rest(struct http_request *req)
{
	if (!req->rested) {
		req->rested = true;
		return MHD_YES;
	}
	return request_suspend(req) ? MHD_YES : MHD_NO;
}

/* Whether all of the body may be received before the guard has decided. */
static bool is_held(const struct http_request *req)
{
	return !req->expects_continue && req->length <= (int64_t)DRAIN_BYTES_MAX;
}

/* Whether a body in chunks gets larger than the server holds for a request that the guard has not admitted. */
static bool is_too_much_to_hold(const struct http_request *req, size_t size)
{
	return req->chunked && req->received + size > DRAIN_BYTES_MAX;
}

/* The request was answered before its body: decides whether the body is worth reading. */
static enum MHD_Result settle(struct http_request *req)
{
	bool drain = req->stage != STAGE_LINE && !req->expects_continue && request_body_left(req) <= DRAIN_BYTES_MAX;

	/* A body whose request was answered early is only read and dropped. */
	if (!drain && !req->early && request_body_left(req) != 0)
		return respond_queue(req, req->connection);
	enter(req, STAGE_BODY);
	return MHD_YES;
}

/* The most bytes that a body may have. Where a body means nothing, a small one is read and dropped (RFC 9110,
 * 9.3.1). */
static uint64_t body_limit(const struct http_request *req)
{
	if (!req->route || req->route->body == HTTP_BODY_NONE)
		return DRAIN_BYTES_MAX;
	return req->route->body_max;
}

static bool is_coded(const struct http_request *req)
{
	const char *coding = http_request_header(req, "Content-Encoding");

	return coding && req->route->body != HTTP_BODY_NONE && !field_is_identity(coding);
}

/* Sleeps until the handler wants a body that the client has not begun to send. On the loop. */
static enum MHD_Result asked_step(struct http_request *req)
{
	enum MHD_Result r = MHD_YES;
	bool answered;

	pthread_mutex_lock(&req->lock);
	if (atomic_load(&req->server->stopping))
		return close_connection(req);
	answered = request_is_answered(req);
	if (!answered && req->expects_continue && req->route->body == HTTP_BODY_STREAM && !req->wanted)
		r = request_suspend(req) ? MHD_YES : MHD_NO;
	else if (!answered)
		request_enter(req, STAGE_BODY);
	pthread_mutex_unlock(&req->lock);
	return answered ? settle(req) : r;
}

static bool is_change(const struct http_request *req)
{
	return strcmp(req->method, "GET") != 0 && strcmp(req->method, "HEAD") != 0 &&
		strcmp(req->method, "OPTIONS") != 0;
}

/* A change must not be made when its condition is false (RFC 9110, 13.1), and a handler that has nothing to compare
 * would ignore the condition. 0: the request may go on. */
static int judge_conditions(const struct http_request *req)
{
	if (req->route->conditional || !is_change(req))
		return 0;
	return precondition_check_bare(http_request_header(req, "If-Match"));
}

/* The guard has let the request proceed: checks the body's limits and begins it. On the loop. */
static enum MHD_Result begin_body(struct http_request *req)
{
	const struct http_route *route = req->route;
	const int unmet = judge_conditions(req);

	if ((req->length > 0 && (uint64_t)req->length > body_limit(req)) || req->received > body_limit(req))
		http_respond_error(req, -ERR_TOO_LARGE, NULL);
	else if (is_coded(req))
		respond_coded(req);
	else if (unmet < 0)
		http_respond_error(req, unmet, unmet == -ERR_PRECONDITION ? UNMET : NULL);
	else if (route->body == HTTP_BODY_STREAM)
		run_handler(req);
	enter(req, STAGE_ASKED);
	return asked_step(req);
}

/* The caller holds req->lock. */
static bool is_undecided(const struct http_request *req)
{
	return req->stage == STAGE_HELD && req->owed == OWED_BY_GUARD;
}

static enum MHD_Result guard_step(struct http_request *req)
{
	pthread_mutex_lock(&req->lock);
	if (atomic_load(&req->server->stopping))
		return close_connection(req);
	if (request_is_answered(req)) {
		pthread_mutex_unlock(&req->lock);
		return settle(req);
	}
	if (is_undecided(req)) {
		enum MHD_Result r = is_held(req) ? rest(req) : request_suspend(req) ? MHD_YES : MHD_NO;

		pthread_mutex_unlock(&req->lock);
		return r;
	}
	pthread_mutex_unlock(&req->lock);
	return begin_body(req);
}

static int find_route(struct http_request *req)
{
	const struct http_server *s = req->server;
	char *decoded = req->target + req->target_size + 1;
	int r = router_match(s->router, req->method, span_of(req->target, req->path_size), decoded, &req->match);

	if (r == 0)
		req->route = &s->options.routes[req->match.route];
	return r;
}

#define METHODS "GET, HEAD, PUT, POST, PATCH, DELETE, OPTIONS"

/* Whether any part of a store has this method. A gateway passes these on, so that the service says which of them a
 * target has. */
static bool is_method(const char *method)
{
	const size_t size = strlen(method);

	for (const char *at = METHODS; *at; at += strspn(at, ", ")) {
		const size_t known = strcspn(at, ",");

		if (size == known && memcmp(at, method, size) == 0)
			return true;
		at += known;
	}
	return false;
}

static void refuse_route(struct http_request *req, int error)
{
	const bool slash =
		memmem(req->target, req->path_size, "%2F", 3) || memmem(req->target, req->path_size, "%2f", 3);

	if (!is_method(req->method))
		respond_no_route(req, -EOPNOTSUPP, "the methods that are understood are " METHODS);
	else if (error != -ERR_BAD_PATH)
		respond_no_route(req, error, NULL);
	else if (slash)
		respond_no_route(req, error,
			"a slash in the path is encoded (%2F): leave it as it is, or give the path of a document as ?path=");
	else
		respond_no_route(req, error, "the path has an empty segment, \".\", \"..\", a NUL or a bad escape");
}

/* OPTIONS is answered from the table, unless the table has rows for it. A preflight of a page that the policy
 * names is always answered here. */
static bool answer_without_route(struct http_request *req)
{
	bool options = strcmp(req->method, "OPTIONS") == 0;
	int r;

	if (options && strcmp(req->target, "*") == 0) {
		respond_options(req, METHODS);
		return true;
	}
	r = find_route(req);
	if (options && (r == -ERR_METHOD || (r == 0 && respond_allows_page(req))))
		respond_options(req, r ? req->match.allow : NULL);
	else if (r)
		refuse_route(req, r);
	return request_is_answered(req);
}

static void ask_guard(struct http_request *req)
{
	const struct http_server_options *o = &req->server->options;

	if (!o->guard || o->guard(req, req->route, o->cookie))
		return;
	pthread_mutex_lock(&req->lock);
	request_enter(req, STAGE_HELD);
	if (req->owed == OWED_BY_LOOP)
		request_owe(req, OWED_BY_GUARD);
	pthread_mutex_unlock(&req->lock);
}

/* Continues a request whose head is in order. */
static enum MHD_Result after_head(struct http_request *req)
{
	bool held;

	enter(req, STAGE_GUARD);
	if (answer_without_route(req))
		return settle(req);
	if (req->route->body == HTTP_BODY_WHOLE)
		buf_init(&req->body, req->route->body_max + 1);
	ask_guard(req);
	pthread_mutex_lock(&req->lock);
	held = is_undecided(req) && is_held(req);
	pthread_mutex_unlock(&req->lock);
	return held ? MHD_YES : guard_step(req);
}

/* From here on the request must be answered: takes the second reference. */
static void take_method(struct http_request *req, const char *method)
{
	atomic_fetch_add(&req->refs, 1);
	req->is_head = strcmp(method, "HEAD") == 0;
	(void)snprintf(req->method, sizeof(req->method), "%s", method);
}

void exchange_begin(struct http_request *req, const char *method)
{
	take_method(req, method);
	/* The request is complete. If the result is that the connection must be closed, the next
	 * exchange_on_access says so, too. */
	(void)after_head(req);
}

static enum MHD_Result on_header(
	struct http_request *req, struct MHD_Connection *connection, const struct request_line *line)
{
	char why[HYGIENE_WHY_BYTES];
	int r;

	if (!connection_take_head(connection_of(connection)))
		return MHD_NO;
	take_method(req, line->method);
	server_identify(req, connection_of(connection));
	r = hygiene_check(req, connection, line, why);
	if (r) {
		respond_refusal(req, r, why);
		return respond_queue(req, connection);
	}
	return after_head(req);
}

static int take_whole(struct http_request *req, const char *data, size_t size)
{
	if (req->received + size > body_limit(req))
		return -ERR_TOO_LARGE;
	return req->route->body == HTTP_BODY_WHOLE ? buf_append(&req->body, data, size) : 0;
}

/* The body is not wanted any more, and its sender does not stop. A client that was answered in the middle of its
 * body may still be sending: a connection that is closed with bytes unread is reset, which could destroy the
 * answer before the client has read it. */
static bool is_endless(const struct http_request *req)
{
	if (req->early)
		return req->received > req->early_received + LINGER_BYTES_MAX;
	return req->chunked && req->received > body_limit(req) + DRAIN_BYTES_MAX;
}

/* Drops a piece of a body that is not wanted, and waits for the body's end within limits. The caller holds
 * req->lock, which this function releases. */
static enum MHD_Result discard(struct http_request *req, size_t *size)
{
	req->received += *size;
	*size = 0;
	if (is_endless(req))
		return close_connection(req);
	pthread_mutex_unlock(&req->lock);
	return MHD_YES;
}

static enum MHD_Result on_stream_data(struct http_request *req, const char *data, size_t *size)
{
	while (*size) {
		size_t taken = 0;
		bool beyond = req->received > req->route->body_max;
		enum MHD_Result r;

		/* Bytes beyond the limit stay with the library until the reader has answered. */
		if (!beyond && stream_fill(req, data, *size, &taken))
			return MHD_NO;
		data += taken;
		*size -= taken;
		stream_notify(req);
		pthread_mutex_lock(&req->lock);
		if (request_is_answered(req))
			return discard(req, size);
		if (beyond || (req->ring_used >= HTTP_STREAM_BYTES && request_body_left(req) > 0)) {
			/* Further chunks that the library has read already come although the request sleeps. */
			r = req->suspended || request_suspend(req) ? MHD_YES : MHD_NO;
			pthread_mutex_unlock(&req->lock);
			return r;
		}
		pthread_mutex_unlock(&req->lock);
	}
	return MHD_YES;
}

/* Receives a piece of the body while the guard keeps the request. It is unknown yet whether the body is wanted,
 * but the body is bounded, and its bytes are in memory anyway. */
static int hold(struct http_request *req, const char *data, size_t size)
{
	bool fits = (req->chunked ? req->received + size : (uint64_t)req->length) <= body_limit(req);
	size_t taken = 0;
	int r = 0;

	if (fits && req->route->body == HTTP_BODY_STREAM)
		return stream_fill(req, data, size, &taken);
	if (fits && req->route->body == HTTP_BODY_WHOLE)
		r = buf_append(&req->body, data, size);
	pthread_mutex_lock(&req->lock);
	req->received += size;
	pthread_mutex_unlock(&req->lock);
	return r;
}

/* A piece of a body whose request the guard had not decided when the header was there. *ret_go: the guard has
 * decided by now, and nothing was taken from the piece. */
static enum MHD_Result on_early_data(struct http_request *req, const char *data, size_t *size, bool *ret_go)
{
	enum MHD_Result r = MHD_YES;
	bool waits;

	pthread_mutex_lock(&req->lock);
	*ret_go = !is_undecided(req);
	waits = !*ret_go && is_too_much_to_hold(req, *size);
	if (waits && !request_suspend(req))
		r = MHD_NO;
	pthread_mutex_unlock(&req->lock);
	if (*ret_go)
		return guard_step(req);
	if (waits)
		return r;
	if (hold(req, data, *size))
		return MHD_NO;
	*size = 0;
	pthread_mutex_lock(&req->lock);
	if (is_undecided(req) && !req->chunked && request_body_left(req) > 0 && !request_suspend(req))
		r = MHD_NO;
	pthread_mutex_unlock(&req->lock);
	return r;
}

static enum MHD_Result on_data(struct http_request *req, const char *data, size_t *size)
{
	bool go = true;
	int r;

	if (req->stage == STAGE_HELD && on_early_data(req, data, size, &go) == MHD_NO)
		return MHD_NO;
	if (!go)
		return MHD_YES;
	pthread_mutex_lock(&req->lock);
	if (atomic_load(&req->server->stopping))
		return close_connection(req);
	if (request_is_answered(req))
		return discard(req, size);
	pthread_mutex_unlock(&req->lock);
	if (req->route->body == HTTP_BODY_STREAM)
		return on_stream_data(req, data, size);
	r = take_whole(req, data, *size);
	if (r)
		http_respond_error(req, r == -E2BIG ? -ERR_TOO_LARGE : r, NULL);
	pthread_mutex_lock(&req->lock);
	return discard(req, size);
}

static enum MHD_Result on_end(struct http_request *req, struct MHD_Connection *connection)
{
	bool first, answered;
	enum MHD_Result r = MHD_YES;

	pthread_mutex_lock(&req->lock);
	if (req->early || atomic_load(&req->server->stopping))
		return close_connection(req);
	first = req->stage != STAGE_WHOLE;
	request_enter(req, STAGE_WHOLE);
	req->body_end = BODY_ENDED;
	answered = request_is_answered(req);
	pthread_mutex_unlock(&req->lock);
	if (first && !answered) {
		if (req->route->body == HTTP_BODY_STREAM)
			stream_notify(req);
		else
			run_handler(req);
	}
	pthread_mutex_lock(&req->lock);
	answered = request_is_answered(req);
	if (!answered)
		r = rest(req);
	pthread_mutex_unlock(&req->lock);
	return answered ? respond_queue(req, connection) : r;
}

/* Called with the header alone (again), or with all of a held body. */
static enum MHD_Result on_guarded(struct http_request *req, struct MHD_Connection *connection)
{
	enum MHD_Result r;

	/* A request in chunks did not sleep at its header: this is the end of its body. */
	if (req->chunked && is_held(req)) {
		pthread_mutex_lock(&req->lock);
		req->body_end = BODY_ENDED;
		pthread_mutex_unlock(&req->lock);
	}
	r = guard_step(req);
	return r == MHD_YES && is_held(req) && req->stage == STAGE_BODY ? on_end(req, connection) : r;
}

/* budget: the library's signature */
enum MHD_Result exchange_on_access(void *cookie, struct MHD_Connection *connection, const char *url, const char *method,
	const char *version, const char *upload_data, size_t *upload_size, void **context)
{
	struct http_request *req = *context;

	(void)cookie;
	if (!req)
		return MHD_NO;
	request_has_gone_on(req);
	tell_absent(req);
	if (*upload_size)
		return on_data(req, upload_data, upload_size);
	if (req->stage == STAGE_LINE)
		return on_header(req, connection, &(struct request_line){method, url, version});
	if (req->stage == STAGE_HELD)
		return on_guarded(req, connection);
	if (req->stage == STAGE_ASKED)
		return asked_step(req);
	return on_end(req, connection);
}

static void note_unread(const struct http_request *req, struct MHD_Connection *connection)
{
	struct connection *c = connection ? connection_of(connection) : request_connection(req);

	if (c)
		c->unread = !req->is_short && req->stage != STAGE_WHOLE;
	connection_end_request(c);
}

void exchange_on_completed(
	void *cookie, struct MHD_Connection *connection, void **context, enum MHD_RequestTerminationCode code)
{
	struct http_request *req = *context;
	void (*on_abort)(struct http_request * req, void *cookie);
	bool nobody_answers, streaming;

	(void)cookie;
	if (!req)
		return;
	*context = NULL;
	note_unread(req, connection);
	pthread_mutex_lock(&req->lock);
	req->connection = NULL;
	req->strand = NULL;
	req->suspended = false;
	if (req->body_end == BODY_COMES)
		req->body_end = BODY_LOST;
	on_abort = req->on_abort;
	req->on_abort = NULL;
	streaming = req->streaming;
	nobody_answers = req->stage != STAGE_LINE && (req->owed == OWED_BY_LOOP || req->owed == OWED_BY_LET_IN);
	pthread_mutex_unlock(&req->lock);
	stream_notify(req);
	if (on_abort)
		on_abort(req, req->on_abort_cookie);
	if (streaming)
		stream_end(req, code == MHD_REQUEST_TERMINATED_COMPLETED_OK);
	server_count(req);
	server_forget(req);
	if (nobody_answers)
		request_unref(req);
	request_unref(req);
}
