#include "gateway/access/auth.h"

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/text.h"
#include "common/base/timer.h"
#include "common/proto/headers.h"
#include "common/proto/item.h"
#include "gateway/upstream/upstream.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <xxhash.h>

/*
 * Finds out who asks. Every request passes auth_guard before it goes anywhere. The guard takes the bearer token
 * out of the head; if the token's meaning is remembered (tokens, for some seconds), the request goes on at
 * once. Otherwise a user service is asked, and the request waits without a thread: the guard returns that the
 * request is not to go on yet, and on_answer lets it go on or refuses it.
 *
 * The result is an identity: the user's number and name, whether he is an administrator, the id of the token.
 * It is attached to the request, and from there it goes to the service as header fields; what the client said
 * in those fields was dropped before.
 *
 * A token can be revoked while the question about it is in flight. So each question notes a fence, a counter
 * that grows with each revocation; an answer that was asked for before the last revocation is not remembered.
 * Each unknown token costs a question: one address may have only so many in flight.
 *
 * If no user service is registered, because this process stood still or all of them are starting, a request waits for
 * a short time until one is: a timer sends its question again. It waits as long as requests for other services do
 * (registry_may_return), and keeps its place among the questions of its address.
 */

struct auth {
	struct tokens *tokens;
	struct timer *retries;
	struct auth_options with;
};

/* One question to a user service. */
struct question {
	struct auth *auth;
	struct http_request *req; /* the request that waits for it; NULL: asked again, for done */
	void (*done)(void *cookie, int outcome);
	void *cookie;
	struct share_claim place;
	struct timer_entry retry; /* set while there is nobody to ask */
	struct upstream_call *call;
	struct http_headers headers;
	struct buf body;
	struct span token; /* in the request */
	int64_t asked_ns;
	uint64_t fence;
};

int auth_new(const struct auth_options *options, struct auth **ret)
{
	struct auth *auth = calloc(1, sizeof(*auth));
	int error = auth ? tokens_new(&auth->tokens) : -ENOMEM;

	if (error == 0)
		error = timer_new(&auth->retries);
	if (error < 0) {
		auth_free(auth);
		return error;
	}
	auth->with = *options;
	*ret = auth;
	return 0;
}

void auth_stop(struct auth *auth)
{
	if (!auth)
		return;
	timer_free(auth->retries);
	auth->retries = NULL;
}

void auth_free(struct auth *auth)
{
	if (!auth)
		return;
	auth_stop(auth);
	tokens_free(auth->tokens);
	free(auth);
}

void auth_forget_token(struct auth *auth, const char *token_id)
{
	tokens_forget_token(auth->tokens, token_id);
}

void auth_forget_user(struct auth *auth, int64_t user)
{
	tokens_forget_user(auth->tokens, user);
}

bool auth_may_have_ended(struct auth *auth, const struct token_identity *identity, struct span token)
{
	struct token_identity now;

	if (identity->hopped)
		return false;
	return tokens_fence(auth->tokens) != identity->fence && !tokens_get(auth->tokens, token, clock_mono_ns(), &now);
}

/* A token is what we make: letters, digits, '_' and '-'. Anything else is not worth a question; and a token of
 * these characters needs no JSON escaping. */
static bool token_is_plausible(struct span token)
{
	if (token.size == 0 || token.size > TOKENS_TOKEN_BYTES_MAX)
		return false;
	for (size_t i = 0; i < token.size; i++) {
		char c = token.data[i];
		bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
			c == '-';
		if (!plain)
			return false;
	}
	return true;
}

struct span auth_token(const struct http_request *req)
{
	static const char SCHEME[] = "Bearer ";
	const char *value = http_request_header(req, "Authorization");
	if (!value || strncasecmp(value, SCHEME, sizeof(SCHEME) - 1) != 0)
		return span_of(NULL, 0);
	value += sizeof(SCHEME) - 1;
	value += strspn(value, " ");
	return span_str(value);
}

static int remember(struct http_request *req, const struct token_identity *identity)
{
	struct token_identity *copy = malloc(sizeof(*copy));
	if (!copy)
		return -ENOMEM;
	*copy = *identity;
	http_request_set_data(req, copy, free);
	return 0;
}

const struct token_identity *auth_identity(const struct http_request *req)
{
	return http_request_data(req);
}

static int copy_text(const json_t *object, const char *key, char *ret, size_t size)
{
	const char *text = json_string_value(json_object_get(object, key));
	if (!text || strlen(text) >= size)
		return -EPROTO;
	memcpy(ret, text, strlen(text) + 1);
	return 0;
}

/* {user: {id, name, admin}, token_id} */
static int identity_parse(struct span body, struct token_identity *ret)
{
	struct token_identity identity = {0};
	json_t *answer = json_loadb(body.data, body.size, JSON_REJECT_DUPLICATES, NULL);
	const json_t *user = json_object_get(answer, "user");
	int error = item_json_get_id(user, "id", &identity.user);
	if (error == 0)
		error = copy_text(user, "name", identity.name, sizeof(identity.name));
	if (error == 0)
		error = copy_text(answer, "token_id", identity.token_id, sizeof(identity.token_id));
	identity.admin = json_is_true(json_object_get(user, "admin"));
	json_decref(answer);
	if (error < 0)
		return -EPROTO;
	*ret = identity;
	return 0;
}

static void question_free(struct question *q)
{
	under_way_give_back(q->auth->with.under_way, &q->place);
	http_headers_fini(&q->headers);
	buf_fini(&q->body);
	free(q);
}

/* The answer, as one code: 0 with an identity, -ERR_UNAUTHENTICATED, or why nobody could say. */
static int question_outcome(int error, const struct http_response *response, struct token_identity *ret)
{
	if (error < 0)
		return -ERR_UNAVAILABLE;
	if (response->status == 401)
		return -ERR_UNAUTHENTICATED;
	if (response->status != 200)
		return -ERR_UNAVAILABLE;
	return identity_parse(buf_span(&response->body), ret) < 0 ? -ERR_UNAVAILABLE : 0;
}

static void on_answer(void *cookie, int error, struct http_response *response)
{
	struct question *q = cookie;
	struct http_request *req = q->req;
	struct token_identity identity;

	int outcome = question_outcome(error, response, &identity);
	if (!req) {
		q->done(q->cookie, outcome);
		question_free(q);
		return;
	}
	if (outcome == 0) {
		identity.asked_ns = q->asked_ns;
		identity.fence = q->fence;
		tokens_put(q->auth->tokens, q->token, &identity, q->asked_ns, q->fence);
		outcome = remember(req, &identity);
	}
	question_free(q);
	if (outcome == 0 || (outcome == -ERR_UNAUTHENTICATED && http_request_route(req)->open)) {
		http_request_proceed(req);
		return;
	}
	if (outcome != -ERR_UNAUTHENTICATED)
		log_warning(http_request_trace(req), "no user service could say whose token it is (%d)", error);
	http_respond_error(req, outcome, NULL);
}

static int question_new(struct auth *auth, struct span token, struct question **ret)
{
	struct question *q = calloc(1, sizeof(*q));
	if (!q)
		return -ENOMEM;
	q->auth = auth;
	q->token = token;
	q->asked_ns = clock_mono_ns();
	q->fence = tokens_fence(auth->tokens);
	http_headers_init(&q->headers);
	buf_init(&q->body, TOKENS_TOKEN_BYTES_MAX + 32);
	*ret = q;
	return 0;
}

/* Takes a place for a question. One address may have few of them: each unknown token costs a question. */
static int take_place(struct question *q)
{
	const char *peer = http_request_peer(q->req);
	q->place = (struct share_claim){
		.lane = SHARE_QUESTIONS, .user = (int64_t)XXH64(peer, strlen(peer), 0), .amount = 1};
	int error = under_way_take(q->auth->with.under_way, &q->place);
	if (error < 0)
		q->place.amount = 0;
	return error;
}

static int question_write(struct question *q, const char *trace)
{
	int error = buf_printf(&q->body, "{\"token\":\"%.*s\"}", (int)q->token.size, q->token.data);
	if (error == 0)
		error = http_headers_add(&q->headers, "Content-Type", "application/json");
	if (error == 0 && trace)
		error = http_headers_add(&q->headers, HEADER_TRACE, trace);
	return error;
}

/* Whether the question waits until a user service is there to be asked. Questions that are asked again have no request
 * that waits, and are repeated by who asks them. */
static bool question_waits(struct question *q)
{
	const int64_t now_ns = clock_mono_ns();

	return q->req && registry_may_return(q->auth->with.registry, REGISTRY_USER, now_ns) &&
		timer_set(q->auth->retries, &q->retry, now_ns + AUTH_RETRY_MS * NS_PER_MS);
}

/* Takes over q, also when it fails. */
static int question_send(struct question *q)
{
	const struct upstream_options options = {
		.client = q->auth->with.client,
		.registry = q->auth->with.registry,
		.kind = REGISTRY_USER,
		.method = "POST",
		.target = "/internal/v1/authenticate",
		.headers = &q->headers,
		.body = buf_span(&q->body),
		.repeatable = true,
		.reads = true,
		.response_max = AUTH_ANSWER_BYTES_MAX,
		.deadline_ms = AUTH_DEADLINE_MS,
		.stall_ms = AUTH_DEADLINE_MS,
		.first_byte_ms = AUTH_FIRST_BYTE_MS,
		.cookie = q,
		.done = on_answer,
	};
	/* q belongs to on_answer after this, or to on_retry if it waits. */
	const int error = upstream_start(&options, &q->call);

	if (error == 0 || (error == -ERR_UNAVAILABLE && question_waits(q)))
		return 0;
	question_free(q);
	return error;
}

static void on_retry(struct timer_entry *entry)
{
	struct question *q = (struct question *)((char *)entry - offsetof(struct question, retry));
	struct http_request *req = q->req;
	const int error = question_send(q);

	if (error < 0)
		http_respond_error(req, error, NULL);
}

static int ask(struct auth *auth, struct http_request *req, struct span token)
{
	struct question *q;
	int error = question_new(auth, token, &q);
	if (error < 0)
		return error;
	q->req = req;
	q->retry.fire = on_retry;
	error = take_place(q);
	if (error == 0)
		error = question_write(q, http_request_trace(req));
	if (error == 0)
		return question_send(q);
	question_free(q);
	return error;
}

int auth_ask_again(struct auth *auth, const char *token, void (*done)(void *cookie, int outcome), void *cookie)
{
	struct question *q;
	int error = question_new(auth, span_str(token), &q);
	if (error < 0)
		return error;
	q->done = done;
	q->cookie = cookie;
	error = question_write(q, NULL);
	if (error == 0)
		return question_send(q);
	question_free(q);
	return error;
}

bool auth_guard(struct auth *auth, struct http_request *req, const struct http_route *route)
{
	struct span token = auth_token(req);
	if (!token_is_plausible(token)) {
		if (route->open)
			return true;
		http_respond_error(req, -ERR_UNAUTHENTICATED, NULL);
		return false;
	}
	struct token_identity identity;
	int error;
	if (tokens_get(auth->tokens, token, clock_mono_ns(), &identity)) {
		error = remember(req, &identity);
		if (error == 0)
			return true;
	} else {
		error = ask(auth, req, token);
	}
	if (error < 0)
		http_respond_error(req, error, NULL);
	return false;
}
