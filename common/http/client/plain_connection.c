/*
 * Connections of plain calls: each has one request at a time. A request is written in one piece, head and body, as
 * far as the socket takes it. An answer is received into a buffer that all connections share; the bytes of it that
 * cannot be used yet, mostly a part of a line, are kept with the connection.
 */
#include "common/http/client/plain_internal.h"

#include "common/base/clock.h"
#include "common/proto/headers.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

/* Bytes that were received and not used yet: at most an incomplete head, and the bytes that came behind it. */
#define HELD_BYTES_MAX (RESPONSE_HEAD_BYTES_MAX + 2 * RECEIVE_BUFFER_BYTES)
#define TABLE_START 64

/* Results for received bytes. */
enum { TAKEN = 0, WHOLE = 1 };

/* ---- registering and closing ---- */

static int wait_for(struct plain_connection *c, uint32_t events)
{
	const int epoll_fd = c->plain->client->sockets.epoll_fd;
	struct epoll_event event = {.events = events, .data.fd = c->fd};
	const int op = !events ? EPOLL_CTL_DEL : c->waits_for ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

	if (events == c->waits_for)
		return 0;
	if (epoll_ctl(epoll_fd, op, c->fd, &event) < 0 && events)
		return -errno;
	c->waits_for = events;
	return 0;
}

static int enter_table(struct plain_connection *c)
{
	struct plain *p = c->plain;
	size_t size = p->table_size ? p->table_size : TABLE_START;

	while (size <= (size_t)c->fd)
		size *= 2;
	if (size > p->table_size) {
		struct plain_connection **grown = realloc(p->table, size * sizeof(struct plain_connection *));

		if (!grown)
			return -ENOMEM;
		memset(grown + p->table_size, 0, (size - p->table_size) * sizeof(struct plain_connection *));
		p->table = grown;
		p->table_size = size;
	}
	assert(!p->table[c->fd]);
	p->table[c->fd] = c;
	return 0;
}

/* reset: a call that is cut off resets its connection; after a normal close the server might assume that we still
 * read. */
static void close_connection(struct plain_connection *c, bool reset)
{
	const struct linger at_once = {.l_onoff = 1};
	struct plain *p = c->plain;

	assert(!c->call);
	if (c->fd >= 0 && (size_t)c->fd < p->table_size && p->table[c->fd] == c)
		p->table[c->fd] = NULL;
	if (c->fd >= 0 && reset)
		(void)setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	if (c->dial)
		dial_free(c->dial);
	else if (c->fd >= 0)
		close(c->fd);
	buf_fini(&c->held);
	buf_fini(&c->refused);
	pthread_mutex_destroy(&c->sending);
	free(c);
}

static void detach(struct plain_connection *c)
{
	assert(c->call && c->call->plain.connection == c);
	c->call->plain.connection = NULL;
	c->call = NULL;
}

static void attach(struct plain_connection *c, struct http_call *call)
{
	assert(!c->call && !call->plain.connection);
	c->call = call;
	call->plain.connection = c;
}

static int64_t stale_ns(const struct plain_connection *c)
{
	const struct http_greeter *greeter = c->plain->client->options.greeter;

	return greeter && greeter->stale_ns ? greeter->stale_ns(greeter->cookie) : 0;
}

bool plain_connection_is_stale(const struct plain_connection *c, int64_t now_ns)
{
	return now_ns - c->kept_ns >= CONNECTION_AGE_S * NS_PER_S || c->dialed_ns <= stale_ns(c);
}

bool plain_connection_is_outdated(const struct plain_connection *c, int64_t now_ns)
{
	const unsigned ms = c->plain->client->options.outdated_ms;
	const int64_t stale = stale_ns(c);

	return c->state == PLAIN_BUSY && c->dialed_ns <= stale &&
		now_ns - stale >= (int64_t)(ms ? ms : OUTDATED_MS_DEFAULT) * NS_PER_MS;
}

/* ---- kept connections ---- */

static void unlink_kept(struct plain_connection *c)
{
	struct plain *p = c->plain;

	assert(c->state == PLAIN_KEPT && p->idle_count > 0);
	if (c->prev)
		c->prev->next = c->next;
	else
		p->idle = c->next;
	if (c->next)
		c->next->prev = c->prev;
	else
		p->idle_last = c->prev;
	c->prev = c->next = NULL;
	p->idle_count--;
}

static void link_kept(struct plain_connection *c)
{
	struct plain *p = c->plain;

	c->state = PLAIN_KEPT;
	c->next = p->idle;
	if (c->next)
		c->next->prev = c;
	else
		p->idle_last = c;
	p->idle = c;
	p->idle_count++;
}

void plain_connection_close_kept(struct plain_connection *c)
{
	unlink_kept(c);
	close_connection(c, false);
}

static bool is_for(const struct plain_connection *c, const struct http_call *call)
{
	const struct endpoint_address *address = &call->plain.address;

	return c->address.size == address->size && memcmp(&c->address.name, &address->name, address->size) == 0 &&
		strcmp(c->peer, call->peer) == 0;
}

/* Prepares the connection for its call's request. */
static void begin_request(struct plain_connection *c)
{
	c->state = PLAIN_BUSY;
	c->sent = 0;
	response_parser_init(&c->parser, c->call->plain.is_head);
	c->call->last_byte_ns = clock_mono_ns();
}

/* True when the peer has closed the connection or has sent bytes that nobody asked for. The client's thread gets
 * the same event and closes the connection. A request sent on it now would be lost, or would be answered by those
 * bytes. */
static bool has_something(const struct plain_connection *c)
{
	char byte;

	return recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 || (errno != EAGAIN && errno != EINTR);
}

struct plain_connection *plain_connection_take(struct http_call *call)
{
	const int64_t now = clock_mono_ns();
	struct plain_connection *c = call->client->plain.idle;

	while (c && (!is_for(c, call) || plain_connection_is_stale(c, now) || has_something(c)))
		c = c->next;
	if (!c)
		return NULL;
	unlink_kept(c);
	attach(c, call);
	begin_request(c);
	pthread_mutex_lock(&c->sending);
	return c;
}

/* Closes the kept connections for the same address and peer: the peer does not know us on any of them any more. */
static void forget_kept(struct plain *p, const struct http_call *call)
{
	struct plain_connection *c, *next;

	pthread_mutex_lock(&p->lock);
	for (c = p->idle; c; c = next) {
		next = c->next;
		if (is_for(c, call))
			plain_connection_close_kept(c);
	}
	pthread_mutex_unlock(&p->lock);
}

static void keep(struct plain_connection *c)
{
	struct plain *p = c->plain;

	/* Memory that a large answer needed is not kept for small ones. */
	buf_fini(&c->held);
	buf_fini(&c->refused);
	buf_init(&c->held, HELD_BYTES_MAX);
	buf_init(&c->refused, RECEIVE_BUFFER_BYTES);
	c->used = true;
	c->kept_ns = clock_mono_ns();
	pthread_mutex_lock(&p->lock);
	link_kept(c);
	if (p->idle_count > p->client->options.connections_max)
		plain_connection_close_kept(p->idle_last);
	pthread_mutex_unlock(&p->lock);
}

static size_t request_bytes(const struct http_call *call)
{
	return call->plain.head.size + call->options.body.size;
}

void plain_connection_leave(struct plain_connection *c, bool whole)
{
	const bool sent = c->state == PLAIN_BUSY && c->sent == request_bytes(c->call);
	const bool may_keep = whole && sent && c->held.size == 0 && c->waits_for == EPOLLIN &&
		response_parser_may_keep(&c->parser) && c->dialed_ns > stale_ns(c);

	detach(c);
	if (may_keep)
		keep(c);
	else
		close_connection(c, !whole);
}

/* ---- sending ---- */

/* Sends as much as the socket takes; false: nothing was sent. A failure shows in the connection's events, too,
 * where the call is ended. */
static bool send_some(struct plain_connection *c)
{
	const struct http_call *call = c->call;
	const struct buf *head = &call->plain.head;
	const struct span body = call->options.body;
	const size_t head_sent = c->sent < head->size ? c->sent : head->size;
	const size_t body_sent = c->sent - head_sent;
	struct iovec parts[] = {{head->data + head_sent, head->size - head_sent},
		{(char *)body.data + body_sent, body.size - body_sent}};
	const struct msghdr message = {.msg_iov = parts, .msg_iovlen = body.size ? 2 : 1};
	const ssize_t n = sendmsg(c->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n > 0)
		c->sent += (size_t)n;
	return n > 0;
}

static uint32_t events_of(const struct plain_connection *c)
{
	return c->sent == request_bytes(c->call) ? EPOLLIN : EPOLLIN | EPOLLOUT;
}

void plain_connection_send_first(struct plain_connection *c)
{
	/* After the unlock the call may be over. If wait_for fails, the call's deadline ends it. */
	(void)send_some(c);
	(void)wait_for(c, events_of(c));
	pthread_mutex_unlock(&c->sending);
}

/* ---- dialing ---- */

int plain_connection_dial(struct http_call *call)
{
	struct http_client *client = call->client;
	struct plain_connection *c = calloc(1, sizeof(*c));
	int error;

	if (!c)
		return -ENOMEM;
	c->plain = &client->plain;
	c->fd = -1;
	c->state = PLAIN_DIALS;
	c->address = call->plain.address;
	c->dialed_ns = clock_mono_ns();
	memcpy(c->peer, call->peer, sizeof(c->peer));
	pthread_mutex_init(&c->sending, NULL);
	buf_init(&c->held, HELD_BYTES_MAX);
	buf_init(&c->refused, RECEIVE_BUFFER_BYTES);
	error = dial_new(&c->address, client->options.greeter, c->peer, &c->dial);
	if (error == 0) {
		c->fd = dial_fd(c->dial);
		error = enter_table(c);
	}
	if (error == 0)
		error = wait_for(c, EPOLLOUT);
	if (error < 0) {
		close_connection(c, false);
		return error;
	}
	call->plain.dials++;
	attach(c, call);
	return 0;
}

/* Called by the client's thread; false: the call is over. */
static bool send_on(struct plain_connection *c)
{
	if (send_some(c))
		c->call->last_byte_ns = clock_mono_ns();
	if (wait_for(c, events_of(c)) == 0)
		return true;
	plain_end(c->call, -ENOMEM);
	return false;
}

static void dialed(struct plain_connection *c)
{
	(void)dial_take(c->dial);
	dial_free(c->dial);
	c->dial = NULL;
	/* Since the dial, the greeter may have learned that connections from before do not count any more. */
	if (c->dialed_ns <= stale_ns(c)) {
		plain_failed(c->call, -ECONNRESET);
		return;
	}
	begin_request(c);
	(void)send_on(c);
}

static void go_on_dialing(struct plain_connection *c)
{
	int error = dial_go_on(c->dial);

	if (error == -EAGAIN)
		error = wait_for(c, dial_events(c->dial) == POLLIN ? EPOLLIN : EPOLLOUT) < 0 ? -ENOMEM : -EAGAIN;
	if (error == 0)
		dialed(c);
	else if (error != -EAGAIN)
		plain_failed(c->call, error);
}

/* ---- receiving ---- */

static int take_head_end(struct http_call *call)
{
	const struct http_call_options *o = &call->options;
	int error;

	if (call->response.status == 101)
		return -EPROTO; /* this client never asks for an upgrade */
	if (call->response.status == 102 && o->on_waits)
		o->on_waits(call->cookie);
	if (call->response.status < 200)
		return 0;
	if (call->client->options.greeter && call->response.status == 401 &&
		http_headers_get(&call->response.headers, HEADER_HELLO)) {
		call->unknown = true;
		return -EKEYREJECTED;
	}
	call->head_done = true;
	error = o->on_head ? o->on_head(call->cookie, &call->response) : 0;
	if (error == -EAGAIN)
		error = -EPROTO; /* only on_data may pause */
	call->response.ours = call->response.ours || error < 0;
	return error;
}

/* -EAGAIN: the call takes no data now. */
static int take_data(struct http_call *call, struct span data)
{
	int error;

	if (!call->options.on_data)
		return buf_append(&call->response.body, data.data, data.size);
	error = call->options.on_data(call->cookie, data.data, data.size);
	call->paused_in = error == -EAGAIN;
	call->response.ours = call->response.ours || (error < 0 && error != -EAGAIN);
	return error;
}

static int take_part(struct plain_connection *c, const struct response_part *part)
{
	struct http_response *response = &c->call->response;
	int error = 0;

	switch (part->kind) {
	case RESPONSE_STATUS:
		response->status = part->number;
		http_headers_fini(&response->headers);
		/* A status below 200 says that the server is alive, not that it has begun to answer. */
		response->first_byte = response->first_byte || part->number >= 200;
		return 0;
	case RESPONSE_FIELD:
		error = http_headers_add_spans(&response->headers, part->name, part->value);
		return error == -ENOSPC ? -E2BIG : error;
	case RESPONSE_HEAD_END:
		return take_head_end(c->call);
	case RESPONSE_DATA:
		error = take_data(c->call, part->value);
		if (error == -EAGAIN && buf_append(&c->refused, part->value.data, part->value.size) < 0)
			return -ENOMEM;
		return error;
	case RESPONSE_END:
		return WHOLE;
	}
	return -EPROTO;
}

/* Gives the call the piece that it refused before, then the parts of `in`. ret_rest: the bytes that were not used. */
static int take_parts(struct plain_connection *c, struct span in, struct span *ret_rest)
{
	struct response_part part;
	int r = TAKEN;

	if (c->refused.size) {
		r = take_data(c->call, buf_span(&c->refused));
		if (r == 0)
			buf_reset(&c->refused);
	}
	while (r == TAKEN) {
		r = response_parser_next(&c->parser, in, &part);
		in = span_of(in.data + part.used, in.size - part.used);
		if (r == -EAGAIN) {
			*ret_rest = in;
			return TAKEN;
		}
		if (r == 0)
			r = take_part(c, &part);
	}
	*ret_rest = in;
	return r;
}

static int hold(struct plain_connection *c, bool is_held, struct span rest)
{
	if (!is_held)
		return rest.size ? buf_append(&c->held, rest.data, rest.size) : 0;
	if (rest.size)
		memmove(c->held.data, rest.data, rest.size);
	c->held.size = rest.size;
	return 0;
}

/* The call may be over after this, and the connection gone. */
static void take(struct plain_connection *c, struct span in)
{
	struct http_call *call = c->call;
	const bool is_held = c->held.size > 0;
	struct span rest = in;
	int r = is_held ? buf_append(&c->held, in.data, in.size) : 0;

	if (r == 0)
		r = take_parts(c, is_held ? buf_span(&c->held) : in, &rest);
	if ((r == TAKEN || r == WHOLE || r == -EAGAIN) && hold(c, is_held, rest) < 0)
		r = -ENOMEM;
	if (r == WHOLE) {
		plain_end(call, 0);
	} else if (r == -EAGAIN) {
		(void)wait_for(c, 0);
	} else if (r < 0) {
		if (call->unknown)
			forget_kept(c->plain, call);
		plain_failed(call, r);
	}
}

static void receive(struct plain_connection *c)
{
	const ssize_t n = recv(c->fd, c->plain->received, RECEIVE_BUFFER_BYTES, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0) {
		c->call->last_byte_ns = clock_mono_ns();
		take(c, span_of(c->plain->received, (size_t)n));
	} else if (n == 0 && c->sent == request_bytes(c->call) && response_parser_end(&c->parser) == 0) {
		plain_end(c->call, 0);
	} else {
		plain_failed(c->call, -ECONNRESET);
	}
}

void plain_connection_resume(struct plain_connection *c)
{
	if (c->state != PLAIN_BUSY || !c->call->paused_in)
		return;
	c->call->paused_in = false;
	c->call->last_byte_ns = clock_mono_ns();
	if (wait_for(c, events_of(c)) < 0)
		plain_end(c->call, -ENOMEM);
	else
		take(c, span_of(NULL, 0));
}

void plain_connection_act(struct plain_connection *c, uint32_t events)
{
	struct plain *p = c->plain;
	bool kept;

	/* With the lock held, no other thread takes a kept connection; a connection that has a call belongs to
	 * this thread. */
	pthread_mutex_lock(&p->lock);
	kept = c->state == PLAIN_KEPT;
	if (kept)
		plain_connection_close_kept(c);
	pthread_mutex_unlock(&p->lock);
	if (kept)
		return;
	/* Waits until the thread that began the call has sent what it could; it does not touch the connection
	 * again. */
	pthread_mutex_lock(&c->sending);
	pthread_mutex_unlock(&c->sending);
	if (c->state == PLAIN_DIALS) {
		go_on_dialing(c);
		return;
	}
	if ((events & EPOLLOUT) && !send_on(c))
		return;
	if (events & ~(uint32_t)EPOLLOUT)
		receive(c);
}
