#include "cli/api.h"

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define KEY_RANDOM_BYTES 16
#define STATUS_IS_GOOD(status) ((status) >= 200 && (status) < 300)

struct api {
	const struct credentials *credentials;
	struct http_client *client;
	size_t current; /* URL that answered last */
	void (*on_silence)(const char *silent, const char *now, void *cookie);
	void *silence_cookie;
};

/* One request on its way: through all tries. */
struct trip {
	const struct api_request *request;
	struct api_answer *answer;
	struct http_headers headers;
	char *body;
	bool pulled;	      /* since the last rewind */
	int64_t until_ns;     /* of all tries; content that is under way by then may go on */
	unsigned patience_ms; /* of this try; 0: none */
	struct buf problem;   /* body of an answer that is no success, while there is a stream */
	int status;
};

int api_new(const struct credentials *c, struct api **ret)
{
	struct http_client_options options = {
		.connections_max = CREDENTIALS_URLS_MAX, .user_agent = "nephos/" NEPHOS_VERSION};
	struct api *a;
	int r;

	if (c->url_count == 0)
		return -EINVAL;
	a = calloc(1, sizeof(*a));
	if (!a)
		return -ENOMEM;
	a->credentials = c;
	r = http_client_new(&options, &a->client);
	if (r < 0) {
		free(a);
		return r;
	}
	*ret = a;
	return 0;
}

void api_free(struct api *a)
{
	if (!a)
		return;
	http_client_free(a->client);
	free(a);
}

void api_on_silence(struct api *a, void (*fn)(const char *silent, const char *now, void *cookie), void *cookie)
{
	a->on_silence = fn;
	a->silence_cookie = cookie;
}

const char *api_url(const struct api *a)
{
	return a->credentials->urls[a->current];
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

/* ---- streams: what is no success goes aside ---- */

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
	o->stall_ms = s->resumable && a->credentials->url_count > 1 ? API_STALL_ELSEWHERE_MS : API_STALL_MS;
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
		.first_byte_ms = t->patience_ms,
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

/* ---- again? ---- */

static void pause_before(unsigned round)
{
	struct timespec ts = clock_timespec((int64_t)(API_PAUSE_MS << round) * NS_PER_MS);

	(void)clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, NULL);
}

static bool is_passing(const struct http_response *response)
{
	switch (response->error) {
	case 0:
		return response->status == 502 || response->status == 503 || response->status == 504;
	case -ECONNREFUSED:
	case -EHOSTUNREACH:
	case -ERR_NO_SUCH_HOST: /* of this gateway */
	case -ECONNRESET:
	case -ETIMEDOUT:
		return true;
	default:
		return false;
	}
}

/* Whether the same request may go to another gateway, or again to this one. */
static bool may_again(struct trip *t, const struct http_response *response)
{
	const struct api_stream *s = t->request->stream;

	if (!is_passing(response) || t->answer->begun)
		return false;
	if (!t->pulled)
		return true;
	if (!s->rewind || s->rewind(s->cookie) < 0)
		return false;
	t->pulled = false;
	return true;
}

/* All gateways refused the connection: another round would find the same. */
static bool nobody_there(const struct http_response *response)
{
	return response->error == -ECONNREFUSED || response->error == -EHOSTUNREACH ||
		response->error == -ERR_NO_SUCH_HOST;
}

/* In round n through the gateways; 0: as long as there is time. */
static unsigned patience_ms(const struct api *a, unsigned round)
{
	return a->credentials->url_count < 2 || round > 1 ? 0 : round == 0 ? API_PATIENCE_MS : 4 * API_PATIENCE_MS;
}

static void leave(struct api *a, const struct http_response *response)
{
	const char *left = api_url(a);

	a->current = (a->current + 1) % a->credentials->url_count;
	if (response->error == -ETIMEDOUT && a->on_silence && a->credentials->url_count > 1)
		a->on_silence(left, api_url(a), a->silence_cookie);
}

static void send_on(struct api *a, struct trip *t, struct http_response *ret)
{
	size_t count = a->credentials->url_count;
	bool all_absent = true;

	t->until_ns = clock_mono_ns() + API_DEADLINE_MS * NS_PER_MS;
	for (unsigned round = 0;; round++) {
		t->patience_ms = patience_ms(a, round);
		for (size_t i = 0; i < count; i++) {
			(void)try_once(a, t, ret);
			if (!may_again(t, ret))
				return;
			all_absent = all_absent && nobody_there(ret);
			if (i + 1 == count && (all_absent || round + 1 == API_ROUNDS_MAX))
				return;
			if (clock_mono_ns() >= t->until_ns)
				return;
			leave(a, ret);
			http_response_fini(ret);
		}
		pause_before(round);
	}
}

/* ---- the answer ---- */

static void copy_text(char *ret, size_t size, const char *text)
{
	size_t length = text ? strlen(text) : 0;

	if (length >= size)
		length = size - 1;
	/* Not through the middle of a character. */
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
	copy_text(answer->trace, sizeof(answer->trace),
		trace ? trace : http_headers_get(&answer->headers, "Nephos-Trace"));
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
	/* Something else than a store answers there. */
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
