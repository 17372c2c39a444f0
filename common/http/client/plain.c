/*
 * Calls over plain HTTP to an IP address, without libcurl: the bulk of the calls between the parts of a store. A
 * gateway has a few tens of microseconds for a request; libcurl's part of that was two thirds (docs/adr/0026).
 *
 * A call is made here when its URL is http with a numeric address, and its body is in memory. All others (TLS,
 * names, pulled bodies, unix sockets, blocking callers) are made by libcurl. Callers do not see the difference.
 *
 *   begin     the caller's thread takes a kept connection and sends the request at once; if there is none, or the
 *             socket takes only a part, the client's thread continues
 *   answer    on the client's thread, which alone receives, calls back, ends calls, and closes connections
 *
 * Connections are kept by address and peer (client.h), at most http_client_options.connections_max, each for as
 * long as libcurl keeps its own. When one turns out to be dead, a new one follows, once, by the rules of client.h.
 *
 * Locks: plain->lock guards the lists and which call has which connection. The caller's thread holds a connection's
 * `sending` while it sends, and locks it while it holds plain->lock. The client's thread locks `sending` once
 * before it touches a connection that a call has; from then on that thread alone uses the connection. Callbacks run
 * without either lock.
 */
#include "common/http/client/plain_internal.h"

#include "common/base/clock.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define CHECKED_AT_ONCE 64	     /* calls that are checked without the lock, before it is taken again */
#define CHECK_SLACK_NS (2 * 1000000) /* the thread may look this much later than a new call wants */

int plain_init(struct plain *p, struct http_client *client)
{
	p->client = client;
	p->check_ns = INT64_MAX;
	pthread_mutex_init(&p->lock, NULL);
	p->received = malloc(RECEIVE_BUFFER_BYTES);
	return p->received ? 0 : -ENOMEM;
}

void plain_fini(struct plain *p)
{
	assert(!p->calls);
	while (p->idle)
		plain_connection_close_kept(p->idle);
	free(p->table);
	free(p->received);
	pthread_mutex_destroy(&p->lock);
}

/* ---- calls ---- */

bool plain_takes(const struct http_call_options *options)
{
	struct endpoint_address address;

	return !options->pull && !options->expect && !options->socket_path &&
		plain_address_of(options->url, &address) == 0;
}

static int64_t deadline_ns(const struct http_call_options *o, int64_t now_ns)
{
	const unsigned ms = o->deadline_ms || o->stall_ms ? o->deadline_ms : DEADLINE_MS_DEFAULT;

	return ms ? now_ns + (int64_t)ms * NS_PER_MS : INT64_MAX;
}

int plain_call_init(struct http_call *call, const struct http_call_options *options)
{
	int error = plain_address_of(options->url, &call->plain.address);

	call->plain.is_head = options->method && strcmp(options->method, "HEAD") == 0;
	call->plain.deadline_ns = deadline_ns(options, call->last_byte_ns);
	if (error == 0)
		error = plain_request_write(call, options, &call->plain.head);
	call_forget_options(call);
	return error;
}

void plain_call_fini(struct http_call *call)
{
	assert(!call->plain.connection);
	buf_fini(&call->plain.head);
	http_response_fini(&call->response);
}

/* When a call has to be looked at next. */
static int64_t look_ns(const struct http_call *call, int64_t now_ns)
{
	const struct http_call_options *o = &call->options;
	const struct plain_connection *c = call->plain.connection;
	int64_t after = o->stall_ms ? (int64_t)o->stall_ms * NS_PER_MS / 4 : INT64_MAX / 2;
	int64_t look;

	if (o->stall_ms && o->waiting && after > NS_PER_S)
		after = NS_PER_S;
	look = now_ns + after;
	if (c && c->state == PLAIN_DIALS && c->dialed_ns + (int64_t)call_connect_ms(call) * NS_PER_MS < look)
		look = c->dialed_ns + (int64_t)call_connect_ms(call) * NS_PER_MS;
	return look < call->plain.deadline_ns ? look : call->plain.deadline_ns;
}

/* The caller holds plain->lock. */
static void link_call(struct http_call *call, int64_t now_ns)
{
	struct plain *p = &call->client->plain;

	call->plain.look_ns = look_ns(call, now_ns);
	call->next = p->calls;
	if (call->next)
		call->next->prev = call;
	p->calls = call;
	if (call->plain.look_ns < p->check_ns)
		p->check_ns = call->plain.look_ns;
}

static void unlink_call(struct http_call *call)
{
	struct plain *p = &call->client->plain;

	pthread_mutex_lock(&p->lock);
	assert(call->prev ? call->prev->next == call : p->calls == call);
	if (call->prev)
		call->prev->next = call->next;
	else
		p->calls = call->next;
	if (call->next)
		call->next->prev = call->prev;
	pthread_mutex_unlock(&p->lock);
}

int plain_start(struct http_call *call)
{
	struct http_client *client = call->client;
	struct plain *p = &client->plain;
	struct plain_connection *c = NULL;
	bool early = false;
	int error = 0;

	pthread_mutex_lock(&p->lock);
	if (p->closed)
		error = -ECANCELED;
	else
		c = plain_connection_take(call);
	if (c) {
		link_call(call, call->last_byte_ns);
		early = call->plain.look_ns < p->asleep_until_ns - CHECK_SLACK_NS;
	}
	pthread_mutex_unlock(&p->lock);
	if (!c)
		return error ? error : -EAGAIN;
	/* The thread is woken before the request is sent: after that the call may be over, and the client freed. */
	if (early)
		client_wake(client);
	plain_connection_send_first(c);
	return 0;
}

/* Maps the failure of a dial to the errors of client.h. */
static int told(int error)
{
	if (error == -EHOSTUNREACH || error == -ENETUNREACH)
		return -EHOSTUNREACH;
	return error == -EKEYREJECTED || error == -ETIMEDOUT || error == -ENOMEM ? error : -ECONNREFUSED;
}

/* A call has less time for its connection than for the rest. */
static void look_earlier(struct http_call *call)
{
	struct plain *p = &call->client->plain;
	const int64_t by_ns = call->plain.connection->dialed_ns + (int64_t)call_connect_ms(call) * NS_PER_MS;

	pthread_mutex_lock(&p->lock);
	if (by_ns < call->plain.look_ns)
		call->plain.look_ns = by_ns;
	if (by_ns < p->check_ns)
		p->check_ns = by_ns;
	pthread_mutex_unlock(&p->lock);
}

/* Dials a new connection for the call. false: there cannot be one, and the call is over. */
static bool dial(struct http_call *call)
{
	int error = plain_connection_dial(call);

	if (error < 0)
		plain_end(call, told(error));
	else
		look_earlier(call);
	return error == 0;
}

bool plain_begin(struct http_call *call)
{
	struct plain *p = &call->client->plain;
	struct plain_connection *c;

	pthread_mutex_lock(&p->lock);
	link_call(call, clock_mono_ns());
	c = plain_connection_take(call);
	pthread_mutex_unlock(&p->lock);
	if (!c)
		return dial(call);
	plain_connection_send_first(c);
	return true;
}

void plain_resume(struct http_call *call)
{
	if (call->plain.connection)
		plain_connection_resume(call->plain.connection);
}

/* A call may be sent again on a new connection if the server cannot have acted on it, or if acting twice does no
 * harm, and the old connection turned out to be dead or unusable. */
static bool may_begin_anew(const struct http_call *call, const struct plain_connection *c, int error)
{
	if (call->plain.dials == DIALS_MAX)
		return false;
	if (call->unknown)
		return true;
	if (c->state == PLAIN_DIALS)
		return !c->dial; /* the connection was made, but may not be used any more */
	return error == -ECONNRESET && c->used && call->response.status == 0 && c->held.size == 0 &&
		(c->sent == 0 || call->replayable);
}

void plain_failed(struct http_call *call, int error)
{
	struct plain_connection *c = call->plain.connection;
	const bool dials = c->state == PLAIN_DIALS, again = may_begin_anew(call, c, error);

	if (!again) {
		plain_end(call, dials ? told(error) : error);
		return;
	}
	call->was_sent = call->was_sent || (!call->unknown && c->sent > 0);
	plain_connection_leave(c, false);
	call->unknown = false;
	call->response.first_byte = false;
	call->response.status = 0;
	http_headers_fini(&call->response.headers);
	(void)dial(call);
}

void plain_end(struct http_call *call, int error)
{
	struct plain_connection *c = call->plain.connection;
	struct http_response *r = &call->response;
	const bool whole = error == 0;

	r->error = error;
	r->connected = r->first_byte || call->was_sent;
	if (c) {
		/* The thread that began the call may still be sending; this waits for it. */
		pthread_mutex_lock(&c->sending);
		pthread_mutex_unlock(&c->sending);
		r->connected = r->connected || c->sent > 0;
		plain_connection_leave(c, whole);
	}
	unlink_call(call);
	call->done(call->cookie, r);
	client_forget_signals(call);
	plain_call_fini(call);
	free(call);
}

/* ---- deadlines ---- */

static int verdict(const struct http_call *call, int64_t now_ns)
{
	const struct plain_connection *c = call->plain.connection;

	if (now_ns >= call->plain.deadline_ns || call_is_stalled(call, now_ns))
		return -ETIMEDOUT;
	if (c && plain_connection_is_outdated(c, now_ns))
		return -ECONNRESET;
	if (c && c->state == PLAIN_DIALS)
		return now_ns - c->dialed_ns >= (int64_t)call_connect_ms(call) * NS_PER_MS ? -ETIMEDOUT : 0;
	return call->options.stall_ms ? call_waiting(call, now_ns) : 0;
}

/* Collects the calls that are to be looked at now, and returns their number. They stay valid, as only this thread
 * ends calls. */
static size_t gather(struct plain *p, int64_t now_ns, struct http_call *ret[CHECKED_AT_ONCE])
{
	size_t count = 0;

	p->check_ns = INT64_MAX;
	for (struct http_call *call = p->calls; call; call = call->next) {
		if (call->plain.look_ns <= now_ns && count < CHECKED_AT_ONCE) {
			ret[count++] = call;
			call->plain.look_ns = look_ns(call, now_ns);
		}
		if (call->plain.look_ns < p->check_ns)
			p->check_ns = call->plain.look_ns;
	}
	while (p->idle_last && plain_connection_is_stale(p->idle_last, now_ns))
		plain_connection_close_kept(p->idle_last);
	return count;
}

void plain_check(struct plain *p, int64_t now_ns)
{
	struct http_call *due[CHECKED_AT_ONCE];
	size_t count;
	int error;

	do {
		pthread_mutex_lock(&p->lock);
		count = now_ns < p->check_ns ? 0 : gather(p, now_ns, due);
		pthread_mutex_unlock(&p->lock);
		for (size_t i = 0; i < count; i++) {
			error = verdict(due[i], now_ns);
			if (error < 0)
				plain_end(due[i], error);
		}
	} while (count == CHECKED_AT_ONCE);
}

int64_t plain_sleep_until(struct plain *p, int64_t when_ns)
{
	pthread_mutex_lock(&p->lock);
	if (p->check_ns < when_ns)
		when_ns = p->check_ns;
	p->asleep_until_ns = when_ns;
	pthread_mutex_unlock(&p->lock);
	return when_ns;
}

bool plain_act(struct plain *p, int fd, uint32_t events)
{
	struct plain_connection *c = (size_t)fd < p->table_size ? p->table[fd] : NULL;

	if (c)
		plain_connection_act(c, events);
	return c != NULL;
}

void plain_close(struct plain *p)
{
	struct http_call *call;

	pthread_mutex_lock(&p->lock);
	p->closed = true;
	call = p->calls;
	pthread_mutex_unlock(&p->lock);
	while (call) {
		plain_end(call, -ECANCELED);
		pthread_mutex_lock(&p->lock);
		call = p->calls;
		pthread_mutex_unlock(&p->lock);
	}
}
