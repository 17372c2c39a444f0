#include "common/http/client/client.h"

#include "common/http/client/client_internal.h"

#include "common/base/clock.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

/*
 * The blocking side: a call runs in the calling thread, on a handle that keeps its one connection. Idle handles are
 * in a list, the most recently used first. A caller takes the first handle that was last used for the same server,
 * so that a few threads share a few warm connections.
 */

/* "http://host:port" of a URL. */
static void host_key(const char *url, char *ret)
{
	const char *start = url ? strstr(url, "://") : NULL;
	size_t size;

	ret[0] = '\0';
	if (!start)
		return;
	size = (size_t)(start - url) + 3;
	size += strcspn(url + size, "/?#");
	if (size >= HOST_KEY_BYTES)
		return;
	memcpy(ret, url, size);
	ret[size] = '\0';
}

static struct blocking_handle *take(struct http_client *c, const char *host)
{
	struct blocking_handle *h, **p;

	pthread_mutex_lock(&c->lock);
	for (p = &c->blocking; *p && strcmp((*p)->host, host) != 0; p = &(*p)->next)
		;
	h = *p;
	if (h) {
		*p = h->next;
		assert(c->blocking_count > 0);
		c->blocking_count--;
	}
	pthread_mutex_unlock(&c->lock);
	if (h)
		return h;
	h = calloc(1, sizeof(*h));
	if (!h)
		return NULL;
	h->easy = curl_easy_init();
	if (!h->easy) {
		free(h);
		return NULL;
	}
	memcpy(h->host, host, strlen(host) + 1);
	return h;
}

static void drop(struct blocking_handle *h)
{
	if (!h)
		return;
	curl_easy_cleanup(h->easy);
	free(h);
}

static void give_back(struct http_client *c, struct blocking_handle *h)
{
	struct blocking_handle *oldest = NULL;

	curl_easy_reset(h->easy);
	pthread_mutex_lock(&c->lock);
	h->next = c->blocking;
	c->blocking = h;
	if (c->blocking_count++ >= c->options.connections_max) {
		struct blocking_handle **p = &c->blocking;

		while ((*p)->next)
			p = &(*p)->next;
		oldest = *p;
		*p = NULL;
		assert(c->blocking_count > c->options.connections_max);
		c->blocking_count--;
	}
	pthread_mutex_unlock(&c->lock);
	drop(oldest);
}

void perform_fini(struct http_client *c)
{
	while (c->blocking) {
		struct blocking_handle *h = c->blocking;

		c->blocking = h->next;
		c->blocking_count--;
		drop(h);
	}
	assert(c->blocking_count == 0);
}

/* As dialing.c does it, but this thread may block. */
static int dial_here(struct http_call *call)
{
	const int64_t until = clock_mono_ns() + (int64_t)call_connect_ms(call) * NS_PER_MS;
	int r;

	do {
		r = call_dial(call);
		if (r == 0)
			r = dial_wait(call->dial, until);
		if (r == 0)
			call->ready_fd = dial_take(call->dial);
		dial_free(call->dial);
		call->dial = NULL;
	} while (r < 0 && r != -EKEYREJECTED && call->next_address < call->address_count);
	return r;
}

static CURLcode run(struct http_call *call)
{
	CURLcode code;
	int r;

	while (code = curl_easy_perform(call->easy), call_wants_dial(call, code)) {
		if (!call->unknown) {
			call->dials++;
			r = dial_here(call);
			if (r) {
				call->error = r;
				return CURLE_COULDNT_CONNECT;
			}
		}
		call_begin_anew(call);
	}
	return code;
}

int http_client_perform(
	struct http_client *c, const struct http_call_options *options, void *cookie, struct http_response *ret)
{
	struct http_call call = {.cookie = cookie, .blocking = true};
	char host[HOST_KEY_BYTES];
	struct blocking_handle *h;
	int r;

	memset(ret, 0, sizeof(*ret));
	http_headers_init(&ret->headers);
	buf_init(&ret->body, 0);
	host_key(options->url, host);
	h = take(c, host);
	if (!h) {
		ret->error = -ENOMEM;
		return ret->error;
	}
	r = call_init(&call, c, h->easy, options);
	if (r) {
		ret->error = r;
		call_fini(&call);
	} else {
		curl_easy_setopt(h->easy, CURLOPT_MAXCONNECTS, 1l);
		call_finish(&call, run(&call));
		*ret = call.response;
		memset(&call.response, 0, sizeof(call.response));
		call_fini(&call);
	}
	give_back(c, h);
	return ret->error;
}
