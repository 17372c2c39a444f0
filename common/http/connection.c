#include "common/http/server_internal.h"

#include "common/base/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>

/*
 * Who hangs up unseen, and how it is found, twice a second, on the reaper's thread:
 *   the client of a request that waits for an answer or for its next bytes: its connection is suspended, and nobody looks at the socket.
 *     Whoever works on it is told.
 *   any client whose end came together with its last bytes: libmicrohttpd (0.9.75) takes one edge of epoll for both, and reads no further.
 *     Shutting what the client has shut already makes another edge. It does no harm to an answer that is being sent.
 *
 * Gone is who has reset the connection. Who has shut his sending side may have done only that (RFC 9112, 9.6: "nc -N"
 * does), and is owed his
 * answer; who has closed altogether looks the same until something is sent to him, and then resets. So a FIN ends no
 * request that is
 * answered in bounded time, and none whose answer is under way, which finds out by being sent: the events of a drive
 * have a heartbeat. What
 * may sleep for as long as a poll is given up when its client was half closed for some seconds, or those who left
 * would pile up.
 *
 * What is on the server's lists has an open socket for as long as the server's lock is held.
 */

#define LOOK_BATCH 128 /* sockets asked about in one call */

static void set_peer(struct connection *c, struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	const struct sockaddr *address = info ? info->client_addr : NULL;

	if (address && address->sa_family == AF_INET)
		inet_ntop(AF_INET, &((const struct sockaddr_in *)address)->sin_addr, c->peer, sizeof(c->peer));
	else if (address && address->sa_family == AF_INET6)
		inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)address)->sin6_addr, c->peer, sizeof(c->peer));
}

static int descriptor(struct MHD_Connection *connection)
{
	return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
}

static struct connection *connection_new(struct http_server *s, struct MHD_Connection *connection)
{
	struct connection *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->fd = descriptor(connection);
	set_peer(c, connection);
	pthread_mutex_lock(&s->lock);
	c->next = s->open;
	if (c->next)
		c->next->prev = c;
	s->open = c;
	pthread_mutex_unlock(&s->lock);
	return c;
}

static void connection_free(struct http_server *s, struct connection *c)
{
	if (!c)
		return;
	pthread_mutex_lock(&s->lock);
	if (c->prev)
		c->prev->next = c->next;
	else
		s->open = c->next;
	if (c->next)
		c->next->prev = c->prev;
	pthread_mutex_unlock(&s->lock);
	free(c);
}

/* Closing a socket with unread input resets the connection, and the client may lose the answer that it has not read yet. */
static void linger(struct http_server *s, int fd, const struct connection *c)
{
	char byte;
	ssize_t n = recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
	int copy;

	if (n == 0 || (n < 0 && (errno != EAGAIN || !c || !c->unread)) || atomic_load(&s->stopping))
		return;
	copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (copy >= 0)
		reaper_linger_take(s->reaper, copy);
}

void connection_on_change(
	void *cookie, struct MHD_Connection *connection, void **context, enum MHD_ConnectionNotificationCode code)
{
	struct http_server *s = cookie;

	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		*context = connection_new(s, connection);
		metric_add(s->connections, 1);
	} else {
		linger(s, descriptor(connection), *context);
		connection_free(s, *context);
		*context = NULL;
		metric_add(s->connections, -1);
	}
}

struct connection *connection_of(struct MHD_Connection *connection)
{
	return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

/* With the request's lock held. */
static bool is_gone(struct http_request *req, int64_t now_ns)
{
	struct pollfd p = {.fd = descriptor(req->connection), .events = POLLRDHUP};

	if (poll(&p, 1, 0) <= 0)
		return false;
	if (p.revents & (POLLERR | POLLHUP))
		return true;
	if (!req->half_closed_ns)
		req->half_closed_ns = now_ns;
	return req->is_poll && !req->streaming &&
		now_ns - req->half_closed_ns >= (int64_t)req->server->options.half_closed_ms * NS_PER_MS;
}

static void look_after_request(struct http_request *req, int64_t now_ns)
{
	pthread_mutex_lock(&req->lock);
	if (req->suspended && !req->absent && (req->on_abort || req->streaming) && is_gone(req, now_ns)) {
		req->absent = true;
		request_wake(req);
	}
	pthread_mutex_unlock(&req->lock);
}

static struct connection *look_after_batch(struct connection *c)
{
	struct pollfd fds[LOOK_BATCH];
	nfds_t count = 0;

	for (; c && count < LOOK_BATCH; c = c->next)
		fds[count++] = (struct pollfd){.fd = c->fd, .events = POLLRDHUP};
	if (poll(fds, count, 0) > 0) {
		for (nfds_t i = 0; i < count; i++) {
			if (fds[i].revents & POLLRDHUP)
				(void)shutdown(fds[i].fd, SHUT_RD);
		}
	}
	return c;
}

void connection_look_around(void *cookie)
{
	struct http_server *s = cookie;
	int64_t now_ns = clock_mono_ns();

	pthread_mutex_lock(&s->lock);
	for (struct http_request *req = s->requests; req; req = req->next)
		look_after_request(req, now_ns);
	for (struct connection *c = s->open; c;)
		c = look_after_batch(c);
	pthread_mutex_unlock(&s->lock);
}
