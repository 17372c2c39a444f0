#include "common/http/client/client_internal.h"

#include "common/base/clock.h"

#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>

/*
 * Asynchronous calls that wait for a connection with a known peer (dial). libcurl cannot be told to wait for one.
 * So libcurl is refused a socket, the call ends inside it, is taken out of the multi handle, and is put in again
 * when the connection is ready; libcurl then finds the connection to be connected already. This costs a few
 * microseconds on new connections only.
 */

static void unlink_call(struct http_call *call)
{
	struct http_call **p = &call->client->dialing;

	while (*p && *p != call)
		p = &(*p)->next_dialing;
	if (*p)
		*p = call->next_dialing;
	call->next_dialing = NULL;
}

static int watch(struct http_call *call, bool fresh)
{
	uint32_t events = dial_events(call->dial) == POLLIN ? EPOLLIN : EPOLLOUT;

	return sockets_want(&call->client->sockets, dial_fd(call->dial), events, fresh);
}

static void close_dial(struct http_call *call)
{
	if (call->dial)
		sockets_forget(&call->client->sockets, dial_fd(call->dial));
	dial_free(call->dial);
	call->dial = NULL;
}

/* Dials the next address of the host and waits for it, or returns why none can be dialed. */
static int dial_next(struct http_call *call)
{
	int r;

	do {
		r = call_dial(call);
		if (r == 0)
			r = watch(call, true);
		if (r < 0)
			close_dial(call);
	} while (r < 0 && call->next_address < call->address_count);
	return r;
}

int dialing_start(struct http_call *call)
{
	struct http_client *c = call->client;

	call->dial_until_ns = clock_mono_ns() + (int64_t)call_connect_ms(call) * NS_PER_MS;
	int r = dial_next(call);
	if (r < 0)
		return r;
	call->next_dialing = c->dialing;
	c->dialing = call;
	client_look_again_by(c, call->dial_until_ns);
	return 0;
}

void dialing_stop(struct http_call *call)
{
	if (!call->dial)
		return;
	unlink_call(call);
	close_dial(call);
}

static void connected(struct http_call *call)
{
	unlink_call(call);
	/* The socket stays in the set of sockets: libcurl says next which events it wants. */
	(void)sockets_want(&call->client->sockets, dial_fd(call->dial), 0, false);
	call->ready_fd = dial_take(call->dial);
	dial_free(call->dial);
	call->dial = NULL;
	call_begin_anew(call);
	client_run_again(call);
}

static void failed(struct http_call *call, int error)
{
	close_dial(call);
	/* A peer that is not the right one ends the call: as far as this client has to find out, the right one is
	 * not at another address of the same name either. */
	if (error != -EKEYREJECTED && dial_next(call) == 0)
		return;
	unlink_call(call);
	client_over(call, CURLE_COULDNT_CONNECT, error);
}

bool dialing_act(struct http_client *c, int fd)
{
	struct http_call *call = c->dialing;

	while (call && dial_fd(call->dial) != fd)
		call = call->next_dialing;
	if (!call)
		return false;
	int r = dial_go_on(call->dial);
	if (r == -EAGAIN)
		r = watch(call, false) < 0 ? -ENOMEM : -EAGAIN;
	if (r == 0)
		connected(call);
	else if (r != -EAGAIN)
		failed(call, r);
	return true;
}

void dialing_check(struct http_client *c, int64_t now_ns)
{
	struct http_call *call, *next;

	for (call = c->dialing; call; call = next) {
		next = call->next_dialing;
		if (now_ns >= call->dial_until_ns)
			client_over(call, CURLE_OPERATION_TIMEDOUT, -ETIMEDOUT);
		else
			client_look_again_by(c, call->dial_until_ns);
	}
}
