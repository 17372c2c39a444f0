#include "tests/unit/backend/docs/api/fake_request.h"

#include "backend/service/service.h"
#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/text.h"
#include "common/http/server/query.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <strings.h>

struct http_request {
	const struct fake_request *question;
	int64_t user;
	pthread_t asker;
	pthread_mutex_t lock; /* guards `answered` */
	pthread_cond_t given;
	bool answered;
	struct fake_answer *answer;
	void *data;
	void (*free_fn)(void *data);
	/* The answer's stream; it is pulled when the handler has returned. */
	const struct http_stream_ops *stream;
	void *stream_cookie;
};

static const char *find(const struct fake_pair *pairs, size_t count, const char *name)
{
	for (size_t i = 0; i < count && pairs[i].name; i++)
		if (strcasecmp(pairs[i].name, name) == 0)
			return pairs[i].value;
	return NULL;
}

#define FIND(pairs, name) find(pairs, sizeof(pairs) / sizeof((pairs)[0]), name)

/* ---- the question ---- */

const struct http_route *http_request_route(const struct http_request *req)
{
	static const struct http_route route = {.pattern = "/fake"};

	(void)req;
	return &route;
}

const char *http_request_method(const struct http_request *req)
{
	return req->question->method;
}

const char *http_request_target(const struct http_request *req)
{
	(void)req;
	return "/fake";
}

struct span http_request_param(const struct http_request *req, const char *name)
{
	const char *value = FIND(req->question->params, name);

	return value ? span_str(value) : (struct span){0};
}

const char *http_request_query(const struct http_request *req, const char *name)
{
	return FIND(req->question->query, name);
}

int http_request_query_bool(const struct http_request *req, const char *name, bool *ret)
{
	const char *value = http_request_query(req, name);

	return value && query_bool(value, ret) < 0 ? -ERR_BAD_REQUEST : 0;
}

int http_request_query_number(const struct http_request *req, const char *name, int64_t min, int64_t max, int64_t *ret)
{
	const char *value = http_request_query(req, name);

	return value && query_number(value, min, max, ret) < 0 ? -ERR_BAD_REQUEST : 0;
}

int http_request_blame(const struct http_request *req, int error, const char *text)
{
	(void)req;
	(void)text;
	return error;
}

const char *http_request_header(const struct http_request *req, const char *name)
{
	return FIND(req->question->headers, name);
}

const char *http_request_trace(const struct http_request *req)
{
	(void)req;
	return "fake";
}

void http_request_set_data(struct http_request *req, void *data, void (*free_fn)(void *data))
{
	req->data = data;
	req->free_fn = free_fn;
}

/* ---- bodies of requests: a GET has none ---- */

struct span http_request_body(const struct http_request *req)
{
	(void)req;
	return (struct span){0};
}

int64_t http_request_length(const struct http_request *req)
{
	(void)req;
	return 0;
}

int http_request_read(struct http_request *req, void *data, size_t size, size_t *ret_size)
{
	(void)req;
	(void)data;
	(void)size;
	*ret_size = 0;
	return 0;
}

void http_request_on_readable(
	struct http_request *req, void (*fn)(struct http_request *req, void *cookie), void *cookie)
{
	fn(req, cookie);
}

void http_request_on_filled(struct http_request *req, void (*fn)(struct http_request *req, void *cookie), void *cookie)
{
	fn(req, cookie);
}

void http_request_on_abort(struct http_request *req, void (*fn)(struct http_request *req, void *cookie), void *cookie)
{
	(void)req;
	(void)fn;
	(void)cookie;
}

void http_request_tell_waiting(struct http_request *req)
{
	(void)req;
}

/* ---- answers ---- */

static void respond(struct http_request *req, int status, const struct http_headers *headers)
{
	assert(req->answer->status == 0); /* an answer is given only once */
	req->answer->status = status;
	req->answer->late = !pthread_equal(req->asker, pthread_self());
	req->answer->at_ns = clock_mono_ns();
	for (size_t i = 0; headers && i < headers->count; i++)
		if (http_headers_add(&req->answer->headers, headers->list[i].name, headers->list[i].value) < 0)
			abort();
}

static void append(struct http_request *req, struct span bytes)
{
	if (buf_append_span(&req->answer->body, bytes) < 0)
		abort();
}

/* Nothing may touch the request after this: the asker goes on. */
static void end(struct http_request *req)
{
	pthread_mutex_lock(&req->lock);
	req->answered = true;
	pthread_cond_signal(&req->given);
	pthread_mutex_unlock(&req->lock);
}

void http_respond(struct http_request *req, int status, const struct http_headers *headers, struct span body)
{
	respond(req, status, headers);
	append(req, body);
	end(req);
}

void http_respond_take(
	struct http_request *req, int status, const struct http_headers *headers, char *body, size_t size)
{
	http_respond(req, status, headers, span_of(body, size));
	free(body);
}

void http_respond_length(struct http_request *req, int status, const struct http_headers *headers, uint64_t length)
{
	respond(req, status, headers);
	if (http_headers_addf(&req->answer->headers, "Content-Length", "%llu", (unsigned long long)length) < 0)
		abort();
	end(req);
}

void http_respond_error_with(struct http_request *req, int code, const char *detail, const struct http_headers *headers)
{
	respond(req, error_lookup(code)->http_status, headers);
	if (buf_printf(&req->answer->body, "%d %s", code, detail ? detail : "") < 0)
		abort();
	end(req);
}

void http_respond_error(struct http_request *req, int code, const char *detail)
{
	http_respond_error_with(req, code, detail, NULL);
}

/* budget: the signature is the server's */
void http_respond_stream(struct http_request *req, int status, const struct http_headers *headers, int64_t length,
	const struct http_stream_ops *ops, void *cookie, struct http_stream **ret_stream)
{
	(void)length;
	respond(req, status, headers);
	req->stream = ops;
	req->stream_cookie = cookie;
	*ret_stream = NULL;
	end(req);
}

void http_stream_wake(struct http_stream *stream)
{
	(void)stream;
}

static void pull(struct http_request *req)
{
	char piece[65536];
	size_t size = 1;

	while (size > 0) {
		if (req->stream->pull(req->stream_cookie, piece, sizeof(piece), &size) < 0)
			abort();
		append(req, span_of(piece, size));
	}
	req->stream->done(req->stream_cookie, true);
}

/* ---- the service ---- */

void *service_app(const struct service *s)
{
	return (void *)(uintptr_t)s; /* the cookie of the handlers is the docs themselves */
}

int service_identity(const struct http_request *req, struct service_identity *ret)
{
	*ret = (struct service_identity){.user_id = (uint64_t)req->user};
	return 0;
}

struct http_client *service_client(const struct service *s)
{
	(void)s;
	abort();
}

struct registration *service_registration(const struct service *s)
{
	(void)s;
	abort();
}

int docs_run(void (*job)(struct docs_store *store, void *cookie), void *cookie, void *docs, int64_t party)
{
	(void)party;
	job(((struct docs *)docs)->workers[0].store, cookie);
	return 0;
}

int docs_run_slow(void (*job)(struct docs_store *store, void *cookie), void *cookie, struct docs *docs, int64_t party)
{
	return docs_run(job, cookie, docs, party);
}

void docs_tell(struct docs *docs, uint32_t drive)
{
	(void)docs;
	(void)drive;
}

/* The capability does not depend on the time, so that answers can be compared. */
void docs_cap_sign(struct docs *docs, uint32_t drive, const struct extent *block, int64_t now_s, char *ret)
{
	(void)docs;
	(void)now_s;
	(void)snprintf(ret, CAP_TEXT_SIZE, "cap-%u-%lld", drive, (long long)block->generation);
}

void fake_request_ask(const struct fake_request *question, struct docs *docs, int64_t user, struct fake_answer *ret)
{
	struct http_request req = {.question = question,
		.user = user,
		.asker = pthread_self(),
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.given = PTHREAD_COND_INITIALIZER,
		.answer = ret};

	ret->status = 0;
	http_headers_init(&ret->headers);
	buf_init(&ret->body, 64u << 20);
	question->handler(&req, docs);
	pthread_mutex_lock(&req.lock);
	while (!req.answered)
		pthread_cond_wait(&req.given, &req.lock);
	pthread_mutex_unlock(&req.lock);
	if (req.stream)
		pull(&req);
	if (req.data)
		req.free_fn(req.data);
}

void fake_answer_fini(struct fake_answer *a)
{
	http_headers_fini(&a->headers);
	buf_fini(&a->body);
}
