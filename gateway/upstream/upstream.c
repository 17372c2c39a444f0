#include "gateway/upstream/upstream.h"

#include "common/base/clock.h"
#include "common/base/error.h"
#include "common/base/limits.h"
#include "common/base/line.h"
#include "common/base/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct upstream_call {
	struct upstream_options options;
	char fixed_url[REGISTRY_URL_SIZE];
	char fixed_peer[HTTP_PEER_SIZE];
	struct registry_choice choice;
	size_t next;	  /* index of the instance to try */
	bool body_begun;  /* a byte was pulled: the body cannot be sent again */
	bool head_passed; /* on_head was called: this instance's answer is the answer */
	unsigned sent;	  /* to so many instances without an answer: they may have executed it */
	int body_error;	  /* of pull: only the sender of the body is at fault */

	pthread_mutex_t lock; /* guards the two below: other threads cancel and resume */
	struct http_call *current;
	bool cancelled;
};

static int try_next(struct upstream_call *call);

static void finish(struct upstream_call *call, int error, struct http_response *response)
{
	call->options.done(call->options.cookie, error, response);
	pthread_mutex_destroy(&call->lock);
	free(call);
}

static int on_pull(void *cookie, void *data, size_t size, size_t *ret_size)
{
	struct upstream_call *call = cookie;
	int error = call->options.pull(call->options.cookie, data, size, ret_size);
	if (error == 0 && *ret_size > 0)
		call->body_begun = true;
	if (error < 0 && error != -EAGAIN)
		call->body_error = error;
	return error;
}

static int on_head(void *cookie, const struct http_response *head)
{
	struct upstream_call *call = cookie;
	call->head_passed = true;
	return call->options.on_head ? call->options.on_head(call->options.cookie, head, call->sent + 1) : 0;
}

static void on_waits(void *cookie)
{
	struct upstream_call *call = cookie;
	call->options.on_waits(call->options.cookie);
}

static int on_data(void *cookie, const void *data, size_t size)
{
	struct upstream_call *call = cookie;
	return call->options.on_data(call->options.cookie, data, size);
}

static int on_waiting(void *cookie, unsigned waited_ms)
{
	struct upstream_call *call = cookie;
	const struct upstream_options *o = &call->options;
	const struct registry_instance *asked = &call->choice.list[call->next - 1];
	int error = o->waiting ? o->waiting(o->cookie) : 0;
	bool another = call->next < call->choice.count && o->repeatable && !call->body_begun;

	if (error < 0)
		return -ECANCELED;
	if (o->fixed)
		return o->lost && o->lost(o->cookie, waited_ms) ? -ETIMEDOUT : 0;
	if (another && o->first_byte_ms && waited_ms >= o->first_byte_ms)
		return -ETIMEDOUT;
	/* A machine that is too busy to renew its registration is too busy to answer, and may do both in the
	 * end: with no other instance to ask there is no hurry. */
	if (!another && waited_ms < UPSTREAM_LOST_MS)
		return 0;
	return registry_is_lost(o->registry, asked->kind, asked->name, clock_mono_ns()) ? -ETIMEDOUT : 0;
}

/* Whether the next instance may be asked after this failure. */
static bool may_try_again(const struct upstream_call *call, const struct http_response *response)
{
	if (call->body_begun || call->body_error || call->head_passed || response->first_byte ||
		response->error == -ECANCELED || call->next == call->choice.count)
		return false;
	return !response->connected || call->options.repeatable;
}

static int told_error(const struct upstream_call *call, const struct http_response *response)
{
	if (call->body_error)
		return call->body_error;
	if (call->head_passed)
		return response->error;
	return call->sent && !call->options.reads ? -ERR_UNKNOWN_OUTCOME : -ERR_UNAVAILABLE;
}

static void note_failure(struct upstream_call *call, const struct http_response *response)
{
	const struct registry_instance *failed = &call->choice.list[call->next - 1];
	bool silent = response->error == -ETIMEDOUT && !response->first_byte;

	call->sent += response->connected;
	if (call->options.fixed) {
		log_info(NULL, "%s: %s%s%s", call->fixed_url, error_text(response->error),
			response->connected ? ", connected" : "", response->first_byte ? ", answering" : "");
		return;
	}
	log_info(NULL, "%s at %s: %s%s%s", failed->name, failed->url, error_text(response->error),
		response->connected ? ", connected" : "", response->first_byte ? ", answering" : "");
	if (!call->body_error && response->error != -ECANCELED && (!response->connected || silent))
		registry_suspect(call->options.registry, failed->kind, failed->name);
}

static void on_done(void *cookie, struct http_response *response)
{
	struct upstream_call *call = cookie;

	pthread_mutex_lock(&call->lock);
	call->current = NULL;
	bool cancelled = call->cancelled;
	pthread_mutex_unlock(&call->lock);

	if (response->error == 0) {
		finish(call, 0, response);
		return;
	}
	if (cancelled) {
		finish(call, -ECANCELED, response);
		return;
	}
	note_failure(call, response);
	if (may_try_again(call, response) && try_next(call) == 0)
		return;
	finish(call, told_error(call, response), response);
}

/* The peer as which the instance is greeted. */
static void write_peer(
	const struct upstream_call *call, const struct registry_instance *instance, char ret[HTTP_PEER_SIZE])
{
	struct line line;

	line_begin(&line, ret, HTTP_PEER_SIZE);
	if (call->options.fixed) {
		line_text(&line, call->fixed_peer);
		return;
	}
	line_text(&line, registry_kind_name(instance->kind));
	line_text(&line, "/");
	line_text(&line, instance->name);
	line_text(&line, "/");
	line_text(&line, instance->instance);
}

static int try_next(struct upstream_call *call)
{
	const struct registry_instance *instance = &call->choice.list[call->next++];
	char peer[HTTP_PEER_SIZE];
	struct buf url;
	buf_init(&url, REGISTRY_URL_SIZE + HEADER_BYTES_MAX);
	write_peer(call, instance, peer);
	int error = buf_append_str(&url, call->options.fixed ? call->fixed_url : instance->url);
	if (error == 0)
		error = buf_append_str(&url, call->options.target);
	if (error < 0)
		goto out;

	const struct http_call_options options = {
		.method = call->options.method,
		.url = url.data,
		.peer = peer,
		.headers = call->options.headers,
		.body = call->options.body,
		.pull = call->options.pull ? on_pull : NULL,
		.body_length = call->options.body_length,
		.expect = call->options.expect,
		.on_head = call->options.on_data ? on_head : NULL,
		.on_data = call->options.on_data ? on_data : NULL,
		.on_waits = call->options.on_waits ? on_waits : NULL,
		.response_max = call->options.response_max,
		.connect_ms = UPSTREAM_CONNECT_MS,
		.deadline_ms = call->options.deadline_ms,
		.stall_ms = call->options.stall_ms,
		.waiting = on_waiting,
	};
	/* on_done of this very call frees the call: the lock makes it wait until `current` is stored. */
	pthread_mutex_lock(&call->lock);
	error = call->cancelled ? -ECANCELED
				: http_client_start(call->options.client, &options, call, on_done, &call->current);
	pthread_mutex_unlock(&call->lock);
out:
	buf_fini(&url);
	return error;
}

int upstream_start(const struct upstream_options *options, struct upstream_call **ret)
{
	struct upstream_call *call = calloc(1, sizeof(*call));
	if (!call)
		return -ENOMEM;
	call->options = *options;
	pthread_mutex_init(&call->lock, NULL);

	int64_t now = clock_mono_ns();
	if (options->fixed) {
		(void)snprintf(call->fixed_url, sizeof(call->fixed_url), "%s", options->fixed->url);
		(void)snprintf(call->fixed_peer, sizeof(call->fixed_peer), "%s", options->fixed->peer);
		call->choice.count = 1;
	} else if (options->key.size > 0)
		registry_for(options->registry, options->kind, options->key, now, &call->choice);
	else
		registry_turn(options->registry, options->kind, now, &call->choice);
	int error = call->choice.count > 0 ? 0 : -ERR_UNAVAILABLE;
	if (error == 0) {
		*ret = call; /* before the start: done may free the call at once */
		error = try_next(call);
	}
	if (error < 0) {
		*ret = NULL;
		pthread_mutex_destroy(&call->lock);
		free(call);
	}
	return error;
}

void upstream_resume(struct upstream_call *call)
{
	pthread_mutex_lock(&call->lock);
	if (call->current)
		http_call_resume(call->current);
	pthread_mutex_unlock(&call->lock);
}

void upstream_cancel(struct upstream_call *call)
{
	pthread_mutex_lock(&call->lock);
	call->cancelled = true;
	if (call->current)
		http_call_cancel(call->current);
	pthread_mutex_unlock(&call->lock);
}
