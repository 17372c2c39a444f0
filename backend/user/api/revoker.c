#include "backend/user/api/revoker.h"

#include "backend/service/registration.h"
#include "common/base/clock.h"
#include "common/base/cond.h"
#include "common/base/limits.h"
#include "common/base/log.h"
#include "common/http/client/client.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <utlist.h>

/*
 * Gateways cache for a few seconds what a token means. When a token is revoked, the answer must not be sent while
 * any gateway still accepts the token: either each gateway has confirmed that it has forgotten the token, or the
 * time for which it may cache it has passed.
 *
 * revoker_post puts a revocation on the list, with one post for each configured gateway. The revoker's thread
 * walks the list: it sends the posts that are due, and ends revocations that all gateways have confirmed or whose
 * time is over. The HTTP client calls on_answer on its own thread, which marks the post and wakes the revoker's
 * thread. A post that failed is sent again after REVOKER_RETRY_MS.
 *
 * `done` is called without the lock, as it sends an answer. A revocation may be over while a call for it is still
 * in flight; then the last call to end frees the revocation (under_way, over). `alive` counts all revocations, so
 * that the end of the process waits for the calls.
 */

enum post_state { POST_WAITING, POST_SENT, POST_CONFIRMED };

struct post {
	struct revocation *revocation;
	enum post_state state;
	int64_t not_before_ns;
};

/* Guarded by revoker->lock, except for the message and the callback, which do not change. */
struct revocation {
	struct revoker *revoker;
	char *message;
	int64_t until_ns;
	void (*done)(void *cookie);
	void *cookie;
	unsigned under_way; /* calls in flight */
	bool over;	    /* done was called: the last call to end frees this */
	struct revocation *prev, *next;
	struct post posts[]; /* one per gateway */
};

struct revoker {
	struct http_client *client;
	const struct registration *gateways;
	size_t gateway_count;
	pthread_t thread;
	bool started;
	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t wake;
	bool stopping;
	size_t alive; /* revocations that are not freed yet */
	struct revocation *list;
};

/* The caller holds revoker->lock. */
static void revocation_free(struct revocation *v)
{
	assert(v->revoker->alive > 0);
	v->revoker->alive--;
	free(v->message);
	free(v);
}

static void on_answer(void *cookie, struct http_response *response)
{
	struct post *post = cookie;
	struct revocation *v = post->revocation;
	struct revoker *revoker = v->revoker;

	pthread_mutex_lock(&revoker->lock);
	post->state = response->error == 0 && response->status == 204 ? POST_CONFIRMED : POST_WAITING;
	post->not_before_ns = clock_mono_ns() + REVOKER_RETRY_MS * NS_PER_MS;
	assert(v->under_way > 0);
	v->under_way--;
	if (v->over && v->under_way == 0)
		revocation_free(v);
	pthread_cond_broadcast(&revoker->wake);
	pthread_mutex_unlock(&revoker->lock);
}

static int send_post(struct revoker *revoker, struct post *post, size_t gateway, int64_t left_ns)
{
	char url[REGISTRATION_URL_MAX + 32];
	struct registration_gateway to;
	struct http_headers headers;

	int r = registration_gateway(revoker->gateways, gateway, &to);
	if (r < 0)
		return r;
	snprintf(url, sizeof(url), "%s/internal/v1/tokens/forget", to.url);
	http_headers_init(&headers);
	r = http_headers_add(&headers, "Content-Type", "application/json");
	const struct http_call_options call = {.method = "POST",
		.url = url,
		.socket_path = to.socket_path,
		.peer = to.peer,
		.headers = &headers,
		.body = span_str(post->revocation->message),
		.deadline_ms = (unsigned)(left_ns / NS_PER_MS) + 1};
	if (r == 0)
		r = http_client_start(revoker->client, &call, post, on_answer, NULL);
	http_headers_fini(&headers);
	return r;
}

/* The caller holds revoker->lock, also while this function sends: the client calls back on its own thread, which
 * waits for the lock, and never from http_client_start. */
static bool advance(struct revoker *revoker, struct revocation *v, int64_t now_ns)
{
	size_t confirmed = 0;

	if (now_ns >= v->until_ns || revoker->stopping)
		return true;
	for (size_t i = 0; i < revoker->gateway_count; i++) {
		struct post *post = &v->posts[i];

		confirmed += post->state == POST_CONFIRMED;
		if (post->state != POST_WAITING || post->not_before_ns > now_ns)
			continue;
		post->not_before_ns = now_ns + REVOKER_RETRY_MS * NS_PER_MS;
		if (send_post(revoker, post, i, v->until_ns - now_ns) < 0)
			continue;
		post->state = POST_SENT;
		v->under_way++;
	}
	return confirmed == revoker->gateway_count;
}

/* The caller holds revoker->lock. Removes the revocations that are over from the list and returns them. */
static struct revocation *take_over(struct revoker *revoker)
{
	const int64_t now_ns = clock_mono_ns();
	struct revocation *v, *next, *over = NULL;

	DL_FOREACH_SAFE(revoker->list, v, next) {
		if (!advance(revoker, v, now_ns))
			continue;
		DL_DELETE(revoker->list, v);
		DL_APPEND(over, v);
	}
	return over;
}

static void finish(struct revoker *revoker, struct revocation *over)
{
	struct revocation *v, *next;

	DL_FOREACH_SAFE(over, v, next) {
		v->done(v->cookie);
		pthread_mutex_lock(&revoker->lock);
		v->over = true;
		if (v->under_way == 0)
			revocation_free(v);
		pthread_mutex_unlock(&revoker->lock);
	}
}

static void *revoker_main(void *cookie)
{
	struct revoker *revoker = cookie;

	pthread_mutex_lock(&revoker->lock);
	while (!revoker->stopping || revoker->list) {
		struct revocation *over = take_over(revoker);
		if (over) {
			pthread_mutex_unlock(&revoker->lock);
			finish(revoker, over);
			pthread_mutex_lock(&revoker->lock);
			continue;
		}
		cond_wait_until(&revoker->wake, &revoker->lock,
			revoker->list ? clock_mono_ns() + REVOKER_RETRY_MS * NS_PER_MS : COND_FOREVER);
	}
	pthread_mutex_unlock(&revoker->lock);
	return NULL;
}

static char *make_message(uint64_t user_id, const char *token_id)
{
	char id[24];
	json_t *message = json_object();

	snprintf(id, sizeof(id), "%" PRIu64, user_id);
	if (user_id)
		json_object_set_new(message, "user_id", json_string(id));
	if (*token_id)
		json_object_set_new(message, "token_ids", json_pack("[s]", token_id));
	char *text = json_dumps(message, JSON_COMPACT);
	json_decref(message);
	return text;
}

void revoker_post(
	struct revoker *revoker, uint64_t user_id, const char *token_id, void (*done)(void *cookie), void *cookie)
{
	if ((!user_id && !*token_id) || revoker->gateway_count == 0) {
		done(cookie);
		return;
	}
	struct revocation *v = calloc(1, sizeof(*v) + revoker->gateway_count * sizeof(v->posts[0]));
	if (v)
		v->message = make_message(user_id, token_id);
	if (!v || !v->message) {
		/* There is no memory to notify the gateways. After this time they have forgotten the token by
		 * themselves: waiting here keeps the guarantee, and blocks this worker. */
		const struct timespec wait = {.tv_sec = TOKEN_CACHE_S};
		log_error(NULL, "op=forget error=%d outcome=waiting", -ENOMEM);
		free(v);
		clock_nanosleep(CLOCK_MONOTONIC, 0, &wait, NULL);
		done(cookie);
		return;
	}
	v->revoker = revoker;
	v->until_ns = clock_mono_ns() + TOKEN_CACHE_S * NS_PER_S;
	v->done = done;
	v->cookie = cookie;
	for (size_t i = 0; i < revoker->gateway_count; i++)
		v->posts[i].revocation = v;
	pthread_mutex_lock(&revoker->lock);
	revoker->alive++;
	DL_APPEND(revoker->list, v);
	pthread_cond_broadcast(&revoker->wake);
	pthread_mutex_unlock(&revoker->lock);
}

int revoker_new(struct http_client *client, const struct registration *gateways, struct revoker **ret)
{
	struct registration_gateway gateway;

	struct revoker *revoker = calloc(1, sizeof(*revoker));
	if (!revoker)
		return -ENOMEM;
	revoker->client = client;
	revoker->gateways = gateways;
	while (registration_gateway(gateways, revoker->gateway_count, &gateway) == 0)
		revoker->gateway_count++;
	pthread_mutex_init(&revoker->lock, NULL);
	cond_init(&revoker->wake);
	int r = -pthread_create(&revoker->thread, NULL, revoker_main, revoker);
	revoker->started = r == 0;
	if (r < 0) {
		revoker_free(revoker);
		return r;
	}
	*ret = revoker;
	return 0;
}

void revoker_free(struct revoker *revoker)
{
	if (!revoker)
		return;
	pthread_mutex_lock(&revoker->lock);
	revoker->stopping = true;
	pthread_cond_broadcast(&revoker->wake);
	pthread_mutex_unlock(&revoker->lock);
	if (revoker->started)
		pthread_join(revoker->thread, NULL);
	pthread_mutex_lock(&revoker->lock);
	while (revoker->alive > 0) /* calls end at their own deadline */
		pthread_cond_wait(&revoker->wake, &revoker->lock);
	pthread_mutex_unlock(&revoker->lock);
	pthread_cond_destroy(&revoker->wake);
	pthread_mutex_destroy(&revoker->lock);
	free(revoker);
}
