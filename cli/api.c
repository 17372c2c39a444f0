#include "cli/api.h"

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/text.h"
#include "common/http/client/gateways.h"
#include "common/proto/headers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define KEY_RANDOM_BYTES 16
#define STATUS_IS_GOOD(status) ((status) >= 200 && (status) < 300)

struct api {
	const struct credentials *credentials;
	struct http_client *client;
	struct gateways *gateways;
	void (*on_silence)(const char *silent, const char *now, void *cookie);
	void *silence_cookie;
};

/* One request, through all its attempts. */
struct trip {
	const struct api_request *request;
	struct api_answer *answer;
	struct http_headers headers;
	char *body;
	bool pulled;		   /* bytes were taken since the last rewind */
	int64_t until_ns;	   /* deadline of all attempts; content that is in flight by then may continue */
	unsigned failures, absent; /* failed attempts; absent: those of them that found no gateway */
	struct buf problem;	   /* body of a failed answer, if the request has a stream */
	int status;
};

int api_new(const struct credentials *c, struct api **ret)
{
	struct http_client_options options = {
		.connections_max = GATEWAYS_GIVEN_MAX, .user_agent = "nephos/" NEPHOS_VERSION};
	struct api *a;
	int r;

	if (c->url_count == 0)
		return -EINVAL;
	a = calloc(1, sizeof(*a));
	if (!a)
		return -ENOMEM;
	a->credentials = c;
	r = gateways_new(GATEWAYS_GIVEN_MAX, &a->gateways);
	for (size_t i = 0; r == 0 && i < c->url_count; i++) {
		r = gateways_add(a->gateways, span_str(c->urls[i]));
		r = r == -EEXIST ? 0 : r; /* the same URL in another spelling */
	}
	if (r == 0)
		r = http_client_new(&options, &a->client);
	if (r < 0)
		api_free(a);
	else
		*ret = a;
	return r;
}

void api_free(struct api *a)
{
	if (!a)
		return;
	http_client_free(a->client);
	gateways_free(a->gateways);
	free(a);
}

void api_on_silence(struct api *a, void (*fn)(const char *silent, const char *now, void *cookie), void *cookie)
{
	a->on_silence = fn;
	a->silence_cookie = cookie;
}

const char *api_url(const struct api *a)
{
	return gateways_url(a->gateways, gateways_current(a->gateways));
}

void api_answer_fini(struct api_answer *answer)
{
	json_decref(answer->json);
	answer->json = NULL;
	http_headers_fini(&answer->headers);
}

/* ---- the request ---- */

static int set_headers(struct api *a, struct trip *t)
{
	const struct api_request *q = t->request;
	bool reads = strcmp(q->method, "GET") == 0 || strcmp(q->method, "HEAD") == 0;
	char key[2 * KEY_RANDOM_BYTES + 1];
	int r = 0;

	for (size_t i = 0; r == 0 && q->headers && i < q->headers->count; i++)
		r = http_headers_add(&t->headers, q->headers->list[i].name, q->headers->list[i].value);
	if (r == 0 && !q->anonymous && a->credentials->token)
		r = http_headers_addf(&t->headers, "Authorization", "Bearer %s", a->credentials->token);
	if (r == 0 && q->body)
		r = http_headers_add(&t->headers, "Content-Type", "application/json");
	if (r < 0 || reads)
		return r;
	r = text_random_hex(KEY_RANDOM_BYTES, key);
	return r == 0 ? http_headers_add(&t->headers, "Idempotency-Key", key) : r;
}

/* ---- streams: the body of a failure goes to t->problem ---- */

static int on_pull(void *cookie, void *data, size_t size, size_t *ret_size)
{
	struct trip *t = cookie;

	t->pulled = true;
	return t->request->stream->pull(t->request->stream->cookie, data, size, ret_size);
}

static int on_head(void *cookie, const struct http_response *head)
{
	struct trip *t = cookie;
	const struct api_stream *s = t->request->stream;

	t->status = head->status;
	return STATUS_IS_GOOD(head->status) && s->on_head ? s->on_head(s->cookie, head) : 0;
}

static int on_data(void *cookie, const void *data, size_t size)
{
	struct trip *t = cookie;
	const struct api_stream *s = t->request->stream;

	if (!STATUS_IS_GOOD(t->status) || !s->on_data)
		return buf_append(&t->problem, data, size);
	t->answer->begun = true;
	return s->on_data(s->cookie, data, size);
}

static void on_tick(void *cookie)
{
	const struct trip *t = cookie;

	t->request->stream->on_tick(t->request->stream->cookie);
}

static unsigned left_ms(const struct trip *t)
{
	int64_t left = (t->until_ns - clock_mono_ns()) / NS_PER_MS;

	return left > API_LEAST_MS ? (unsigned)left : API_LEAST_MS;
}

static void stream_options(const struct api *a, const struct trip *t, struct http_call_options *o)
{
	const struct api_stream *s = t->request->stream;

	o->pull = s->pull ? on_pull : NULL;
	o->body_length = s->length;
	o->on_head = on_head;
	o->on_data = on_data;
	o->on_tick = s->on_tick ? on_tick : NULL;
	o->deadline_ms = 0;
	o->stall_ms = s->resumable && gateways_count(a->gateways) > 1 ? API_STALL_ELSEWHERE_MS : API_STALL_MS;
}

static int try_once(struct api *a, struct trip *t, struct http_response *ret)
{
	const struct api_request *q = t->request;
	struct http_call_options options = {
		.method = q->method,
		.headers = &t->headers,
		.body = span_str(t->body),
		.response_max = API_ANSWER_BYTES_MAX,
		.deadline_ms = left_ms(t),
		.first_byte_ms = gateways_patience_ms(a->gateways, t->failures),
	};
	char *url;
	int r;

	if (asprintf(&url, "%s%s", api_url(a), q->path) < 0) {
		memset(ret, 0, sizeof(*ret));
		return ret->error = -ENOMEM;
	}
	options.url = url;
	if (q->stream)
		stream_options(a, t, &options);
	buf_reset(&t->problem);
	t->status = 0;
	r = http_client_perform(a->client, &options, t, ret);
	free(url);
	return r;
}

/* ---- repeats ---- */

/* Whether the same request may be sent to another gateway, or again to this one. */
static bool may_again(struct trip *t, enum gateways_verdict verdict)
{
	const struct api_stream *s = t->request->stream;

	if (verdict == GATEWAYS_ANSWERED || verdict == GATEWAYS_OVER || t->answer->begun)
		return false;
	if (!t->pulled)
		return true;
	if (!s->rewind || s->rewind(s->cookie) < 0)
		return false;
	t->pulled = false;
	return true;
}

static bool is_given_up(const struct api *a, const struct trip *t)
{
	return gateways_nobody(a->gateways, t->failures, t->absent) ||
		t->failures >= API_ROUNDS_MAX * gateways_count(a->gateways) || clock_mono_ns() >= t->until_ns;
}

static void leave(struct api *a, const struct http_response *response)
{
	const char *left = api_url(a);

	if (gateways_leave(a->gateways, gateways_current(a->gateways), clock_mono_ns()) &&
		response->error == -ETIMEDOUT && a->on_silence)
		a->on_silence(left, api_url(a), a->silence_cookie);
}

/* The next request is mostly about the same drive, and its home then need not ask another gateway. */
static void follow_home(struct api *a, const struct http_response *response)
{
	const char *home = http_headers_get(&response->headers, HEADER_HOME);

	if (home)
		(void)gateways_prefer(a->gateways, home, clock_mono_ns());
}

static void pause_for(int64_t ns)
{
	struct timespec ts = clock_timespec(ns);

	(void)clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, NULL);
}

static void send_on(struct api *a, struct trip *t, struct http_response *ret)
{
	t->until_ns = clock_mono_ns() + API_DEADLINE_MS * NS_PER_MS;
	for (;;) {
		enum gateways_verdict verdict;

		(void)try_once(a, t, ret);
		verdict = gateways_judge(ret);
		if (verdict == GATEWAYS_ANSWERED)
			follow_home(a, ret);
		if (!may_again(t, verdict))
			return;
		t->failures++;
		t->absent += verdict == GATEWAYS_ABSENT;
		if (is_given_up(a, t))
			return;
		leave(a, ret);
		http_response_fini(ret);
		pause_for(gateways_pause_ns(a->gateways, t->failures));
	}
}

/* ---- the answer ---- */

static void copy_text(char *ret, size_t size, const char *text)
{
	size_t length = text ? strlen(text) : 0;

	if (length >= size)
		length = size - 1;
	/* Does not cut through a character. */
	while (length > 0 && text[length] && (text[length] & 0xc0) == 0x80)
		length--;
	if (length > 0)
		memcpy(ret, text, length);
	ret[length] = '\0';
}

static int read_problem(struct api_answer *answer)
{
	const char *type = json_string_value(json_object_get(answer->json, "type"));
	const char *detail = json_string_value(json_object_get(answer->json, "detail"));
	const char *title = json_string_value(json_object_get(answer->json, "title"));
	const char *trace = json_string_value(json_object_get(answer->json, "trace_id"));
	const struct error_info *info = type ? error_by_type(type) : NULL;
	const char *errno_name = json_string_value(json_object_get(answer->json, "errno"));
	int number = errno_name ? error_errno_by_name(errno_name) : 0;

	copy_text(answer->detail, sizeof(answer->detail), detail && *detail ? detail : title);
	copy_text(
		answer->trace, sizeof(answer->trace), trace ? trace : http_headers_get(&answer->headers, HEADER_TRACE));
	if (answer->detail[0] == '\0')
		(void)snprintf(answer->detail, sizeof(answer->detail), "the answer was HTTP status %d", answer->status);
	if (answer->status == 401)
		return -ERR_UNAUTHENTICATED;
	if (answer->status == 404)
		return -ERR_NOT_FOUND;
	return info ? -info->code : number ? -number : -EIO;
}

static int read_answer(struct trip *t, struct http_response *response)
{
	struct api_answer *answer = t->answer;
	struct span body = t->request->stream ? buf_span(&t->problem) : buf_span(&response->body);

	if (response->error < 0)
		return response->error;
	answer->status = response->status;
	answer->headers = response->headers;
	http_headers_init(&response->headers);
	if (body.size > 0)
		answer->json = json_loadb(body.data, body.size, JSON_ALLOW_NUL, NULL);
	if (!STATUS_IS_GOOD(answer->status))
		return read_problem(answer);
	/* A body that is not JSON does not come from a store. */
	return body.size > 0 && !answer->json ? -EPROTO : 0;
}

int api_call(struct api *a, const struct api_request *request, struct api_answer *ret)
{
	struct trip t = {.request = request, .answer = ret};
	struct http_response response;
	int r;

	memset(ret, 0, sizeof(*ret));
	http_headers_init(&ret->headers);
	http_headers_init(&t.headers);
	buf_init(&t.problem,
		request->stream && !request->stream->on_data ? API_ANSWER_BYTES_MAX : API_PROBLEM_BYTES_MAX);
	if (request->body) {
		t.body = json_dumps(request->body, JSON_COMPACT);
		r = t.body ? 0 : -ENOMEM;
	} else {
		r = 0;
	}
	if (r == 0)
		r = set_headers(a, &t);
	if (r == 0) {
		send_on(a, &t, &response);
		r = read_answer(&t, &response);
		http_response_fini(&response);
	}
	if (t.body)
		explicit_bzero(t.body, strlen(t.body)); /* it may hold a password */
	free(t.body);
	buf_fini(&t.problem);
	http_headers_fini(&t.headers);
	return r;
}
