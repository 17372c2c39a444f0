#include "common/http/server/server_internal.h"

#include "common/base/clock.h"
#include "common/base/cond.h"

#include <linux/filter.h>
#include <sys/socket.h>

/*
 * How the end of a server looks to its clients. A request that meets a closing connection gets no answer, and its
 * client cannot tell what became of it. So
 *   the kernel opens no more connections, and the loops accept those that it has opened already: to shut a
 *     listening socket resets them, with the requests that have come on them;
 *   each answer says that its connection ends, so clients at work leave by themselves;
 *   a connection that was silent for HTTP_QUIET_MS is taken to be idle and is closed. The drain closes it while all
 *     others are still answered; to stop the server instead would cut off the clients that ask at that moment;
 *   a client that was answered while it was sending gets the time to read the answer.
 */

static void refuse_new(struct http_server *s)
{
	struct sock_filter nothing = {.code = BPF_RET | BPF_K};
	const struct sock_fprog filter = {.len = 1, .filter = &nothing};

	/* A unix socket that is shut down for reading refuses new connections and keeps those in its queue. A TCP
	 * socket loses its queue, so a filter first drops all packets to it; a client that tries to connect
	 * meanwhile tries again after a second, and is refused then. */
	if (endpoint_unix_path(s->options.address))
		shutdown(s->listen_fd, SHUT_RD);
	else
		(void)setsockopt(s->listen_fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof(filter));
	shortcut_quiesce(s->shortcut);
	/* A loop may still be using the descriptor, so it is closed only when the loops are gone. */
	shutdown(s->listen_fd, SHUT_RD);
}

/* The caller holds s->lock. A connection on its way from the shortcut to the library is on no list but s->moved. */
static bool await_empty(struct http_server *s, int64_t until_ns)
{
	while (s->active || s->open_count || s->moved) {
		if (!cond_wait_until(&s->idle, &s->lock, until_ns))
			return false;
	}
	return true;
}

/* An answer that began before the drain may keep its connection open, so one pass is not enough. */
static void await_end(struct http_server *s, int64_t until_ns)
{
	int64_t silent_ns;
	bool empty;

	pthread_mutex_lock(&s->lock);
	do {
		silent_ns = clock_mono_ns() + HTTP_QUIET_MS * NS_PER_MS;
		for (struct connection *c = s->open; c; c = c->next)
			connection_note(c);
		empty = await_empty(s, silent_ns < until_ns ? silent_ns : until_ns);
		if (silent_ns > until_ns)
			break;
		for (struct connection *c = s->open; c; c = c->next)
			connection_end_silent(c);
	} while (!empty);
	pthread_mutex_unlock(&s->lock);
}

void http_server_drain(struct http_server *s, unsigned deadline_ms)
{
	const int64_t until_ns = clock_mono_ns() + (int64_t)deadline_ms * NS_PER_MS;

	atomic_store(&s->draining, true);
	if (s->shortcut && s->listen_fd >= 0)
		refuse_new(s);
	await_end(s, until_ns);
	if (s->reaper)
		reaper_await(s->reaper, until_ns);
}
