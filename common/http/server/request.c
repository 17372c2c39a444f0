#include "common/http/server/server_internal.h"

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/http/server/query.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>

/*
 * The life of a request, and the functions that handlers use. libmicrohttpd has it created at the request line, and
 * the server keeps it on a list until it is over. Two parties may hold it: the loop, as long as the connection
 * serves it, and the code that was handed it and has not answered yet; the last of the two to let go frees it. A
 * request may therefore outlive its connection, but not its server, of which it holds a reference.
 *
 * The request's lock guards the data that both sides change: whether the request is handed over, suspended,
 * answered or absent. The data that handlers ask for (method, target, fields, parameters) is written before a
 * handler sees the request, and is read without the lock. A query parameter is decoded when it is asked for the
 * first time, and is kept; no lock is needed, as one thread at a time uses a request.
 */

struct http_request *request_new(struct http_server *s, const char *target, struct MHD_Connection *connection)
{
	size_t size = strlen(target);
	struct http_request *req = calloc(1, sizeof(*req) + 2 * size + 1);

	if (!req)
		return NULL;
	req->server = s;
	req->connection = connection;
	atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
	atomic_init(&req->refs, 1);
	/* A thread that wakes the loop holds the lock that the loop takes first. It is not worth a sleep, so the
	 * mutex spins. */
	req->lock = (pthread_mutex_t)PTHREAD_ADAPTIVE_MUTEX_INITIALIZER_NP;
	req->started_ns = clock_mono_ns();
	memcpy(req->target, target, size + 1);
	req->target_size = size;
	req->path_size = strcspn(req->target, "?");
	pthread_mutex_lock(&s->lock);
	req->next = s->requests;
	if (req->next)
		req->next->prev = req;
	s->requests = req;
	s->active++;
	pthread_mutex_unlock(&s->lock);
	return req;
}

/* Bits of the stages that may come next. */
static const unsigned char STAGE_NEXT[STAGES] = {
	[STAGE_LINE] = 1u << STAGE_GUARD,
	/* BODY: the request is answered already, and the rest is read and dropped */
	[STAGE_GUARD] = 1u << STAGE_HELD | 1u << STAGE_ASKED | 1u << STAGE_BODY,
	[STAGE_HELD] = 1u << STAGE_ASKED | 1u << STAGE_BODY,
	[STAGE_ASKED] = 1u << STAGE_BODY,
	[STAGE_BODY] = 1u << STAGE_WHOLE,
};

static const unsigned char OWED_NEXT[OWED_STATES] = {
	/* A guard on another thread may let the request proceed, or answer it, before the loop has noted that the
	 * guard keeps it. */
	[OWED_BY_LOOP] = 1u << OWED_BY_GUARD | 1u << OWED_BY_LET_IN | 1u << OWED_BY_HANDLER | 1u << OWED_BY_NOBODY,
	[OWED_BY_GUARD] = 1u << OWED_BY_LET_IN | 1u << OWED_BY_NOBODY,
	[OWED_BY_LET_IN] = 1u << OWED_BY_HANDLER | 1u << OWED_BY_NOBODY,
	[OWED_BY_HANDLER] = 1u << OWED_BY_NOBODY,
};

void request_enter(struct http_request *req, enum stage stage)
{
	assert(req->stage == stage || STAGE_NEXT[req->stage] & 1u << stage);
	req->stage = stage;
}

void request_owe(struct http_request *req, enum owed owed)
{
	assert(OWED_NEXT[req->owed] & 1u << owed);
	req->owed = owed;
}

bool request_is_answered(const struct http_request *req)
{
	return req->owed == OWED_BY_NOBODY;
}

void request_unref(struct http_request *req)
{
	struct http_server *s = req->server;

	if (atomic_fetch_sub(&req->refs, 1) != 1)
		return;
	/* The loop's reference is gone, too: this was the last one. */
	assert(!request_is_connected(req) && !req->suspended);
	if (req->data_free)
		req->data_free(req->data);
	/* An answer that came after the loop was done with the request. */
	if (req->response)
		MHD_destroy_response(req->response);
	for (size_t i = 0; i < req->query_count; i++)
		free(req->query[i].value);
	buf_fini(&req->body);
	free(req->ring);
	free(req->field_text);
	pthread_mutex_destroy(&req->lock);
	free(req);
	server_unref(s);
}

bool request_is_connected(const struct http_request *req)
{
	return req->connection || req->strand;
}

int request_fd(const struct http_request *req)
{
	return req->strand ? req->strand->fd : connection_descriptor(req->connection);
}

struct connection *request_connection(const struct http_request *req)
{
	if (req->strand)
		return req->strand->connection;
	return req->connection ? connection_of(req->connection) : NULL;
}

/*
 * When a connection is resumed in the middle of its request, the library (0.9.75 and 1.0.1) reads from it first. If
 * it finds the end of the input there, it closes the connection, whatever lies in its buffer, for instance the last
 * bytes of a body whose reader was slow. But before that the library checks some connections for a timeout, and
 * processes the bytes that it already has of those: it checks the connection that was silent for longest (which is
 * why a connection that is alone is never closed so), and all connections with a timeout of their own. So this
 * function gives the connection a timeout of its own, longer by a second, from its suspension to the first call
 * after it.
 */
static void go_on_before_reading(struct http_request *req, bool first)
{
	(void)MHD_set_connection_option(
		req->connection, MHD_CONNECTION_OPTION_TIMEOUT, req->server->options.idle_s + (first ? 1 : 0));
	req->has_own_limit = first;
}

void request_has_gone_on(struct http_request *req)
{
	/* Pieces of a body may come although the connection is suspended; later versions do not allow to change
	 * its timeout then. */
	if (req->has_own_limit &&
		!MHD_get_connection_info(req->connection, MHD_CONNECTION_INFO_CONNECTION_SUSPENDED)->suspended)
		go_on_before_reading(req, false);
}

bool request_suspend(struct http_request *req)
{
	if (atomic_load(&req->server->stopping))
		return false;
	assert(!req->suspended);
	req->suspended = true;
	if (!req->connection)
		return true;
	if (request_body_left(req) > 0)
		go_on_before_reading(req, true);
	MHD_suspend_connection(req->connection);
	return true;
}

void request_wake(struct http_request *req)
{
	if (!req->suspended)
		return;
	assert(request_is_connected(req));
	req->suspended = false;
	if (req->strand)
		shortcut_wake(req->strand);
	else
		MHD_resume_connection(req->connection);
}

void request_wake_later(struct http_request *req)
{
	if (!req->strand || !req->suspended) {
		request_wake(req);
		return;
	}
	req->suspended = false;
	req->sent_ns = clock_mono_ns();
	shortcut_leave_word(req->strand);
}

uint64_t request_body_left(const struct http_request *req)
{
	if (req->body_end == BODY_ENDED)
		return 0;
	if (req->chunked)
		return UINT64_MAX;
	return (uint64_t)req->length - req->received;
}

void http_request_proceed(struct http_request *req)
{
	bool gone;

	pthread_mutex_lock(&req->lock);
	request_owe(req, OWED_BY_LET_IN);
	gone = !request_is_connected(req);
	request_wake(req);
	pthread_mutex_unlock(&req->lock);
	/* The loop is done with the request and will not release the second reference. */
	if (gone)
		request_unref(req);
}

const struct http_route *http_request_route(const struct http_request *req)
{
	return req->route;
}

const char *http_request_method(const struct http_request *req)
{
	return req->method;
}

const char *http_request_target(const struct http_request *req)
{
	return req->target;
}

struct span http_request_param(const struct http_request *req, const char *name)
{
	struct span wanted = span_str(name);

	for (size_t i = 0; req->route && i < req->match.param_count; i++) {
		if (span_eq(router_param_name(req->route, i), wanted))
			return req->match.params[i];
	}
	return span_of("", 0);
}

const char *http_request_query(const struct http_request *req, const char *name)
{
	/* A decoded value is kept for as long as the request; this is safe, as one thread at a time uses a
	 * request. */
	struct http_request *owner = (struct http_request *)req;
	struct query_value *kept = &owner->query[owner->query_count];
	const char *query = req->target + req->path_size;
	struct buf value;

	for (size_t i = 0; i < req->query_count; i++) {
		if (strcmp(req->query[i].name, name) == 0)
			return req->query[i].value;
	}
	if (req->query_count == QUERY_VALUES_MAX || !*query)
		return NULL;
	buf_init(&value, req->target_size + 1);
	if (query_value(span_str(query + 1), name, &value)) {
		buf_fini(&value);
		return NULL;
	}
	kept->name = name;
	kept->value = buf_take(&value, NULL);
	owner->query_count++;
	return kept->value;
}

int http_request_blame(const struct http_request *req, int error, const char *text)
{
	/* As in http_request_query, one thread at a time uses a request. */
	struct http_request *owner = (struct http_request *)req;

	(void)snprintf(owner->fault, sizeof(owner->fault), "%s", text);
	return error;
}

static int bad_parameter(const struct http_request *req, const char *name, const char *wanted)
{
	char text[HTTP_BLAME_BYTES];

	(void)snprintf(text, sizeof(text), "%s=%.32s: wanted is %s", name, http_request_query(req, name), wanted);
	return http_request_blame(req, -ERR_BAD_REQUEST, text);
}

int http_request_query_bool(const struct http_request *req, const char *name, bool *ret)
{
	const char *value = http_request_query(req, name);

	if (!value || query_bool(value, ret) == 0)
		return 0;
	return bad_parameter(req, name, "true or false");
}

int http_request_query_number(const struct http_request *req, const char *name, int64_t min, int64_t max, int64_t *ret)
{
	const char *value = http_request_query(req, name);
	char wanted[64];

	if (!value || query_number(value, min, max, ret) == 0)
		return 0;
	(void)snprintf(wanted, sizeof(wanted), "a number from %" PRId64 " to %" PRId64, min, max);
	return bad_parameter(req, name, wanted);
}

const char *http_request_header(const struct http_request *req, const char *name)
{
	for (size_t i = 0; i < req->field_count; i++) {
		if (strcasecmp(req->fields[i].name, name) == 0)
			return req->fields[i].value;
	}
	return NULL;
}

void http_request_each_header(
	const struct http_request *req, void (*fn)(const char *name, const char *value, void *cookie), void *cookie)
{
	for (size_t i = 0; i < req->field_count; i++)
		fn(req->fields[i].name, req->fields[i].value, cookie);
}

const char *http_request_trace(const struct http_request *req)
{
	return req->trace;
}

const char *http_request_peer(const struct http_request *req)
{
	return req->peer;
}

struct span http_request_body(const struct http_request *req)
{
	return req->body.size ? buf_span(&req->body) : span_of("", 0);
}

int64_t http_request_length(const struct http_request *req)
{
	return req->length;
}

void http_request_set_data(struct http_request *req, void *data, void (*free_fn)(void *data))
{
	if (req->data_free)
		req->data_free(req->data);
	req->data = data;
	req->data_free = free_fn;
}

void *http_request_data(const struct http_request *req)
{
	return req->data;
}

void http_request_is_poll(struct http_request *req)
{
	pthread_mutex_lock(&req->lock);
	req->is_poll = true;
	pthread_mutex_unlock(&req->lock);
}

void http_request_on_abort(struct http_request *req, void (*fn)(struct http_request *req, void *cookie), void *cookie)
{
	pthread_mutex_lock(&req->lock);
	req->on_abort = fn;
	req->on_abort_cookie = cookie;
	pthread_mutex_unlock(&req->lock);
}

void http_request_tell_waiting(struct http_request *req)
{
	static const char WORD[] = "HTTP/1.1 102 Processing\r\n\r\n";

	pthread_mutex_lock(&req->lock);
	/* Until the header is processed the library may be sending, and from the answer on it will be. */
	if (request_is_connected(req) && !request_is_answered(req) && req->stage >= STAGE_BODY && !req->is_http_1_0) {
		ssize_t sent = send(request_fd(req), WORD, sizeof(WORD) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);

		/* Half a line would break the answer after it. It cannot come to that with a client that reads. */
		if (sent > 0 && sent != sizeof(WORD) - 1)
			(void)shutdown(request_fd(req), SHUT_RDWR);
	}
	pthread_mutex_unlock(&req->lock);
}
