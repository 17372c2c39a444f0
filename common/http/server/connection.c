#include "common/http/server/server_internal.h"

#include "common/base/clock.h"
#include "common/base/log.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>

/*
 * How the server finds clients that have gone away unseen, twice a second, on the reaper's thread:
 *   the client of a request that waits for an answer or for its next bytes: the connection is suspended, and
 *     nothing watches the socket. The code that works on the request is notified.
 *   any client whose end came together with its last bytes: libmicrohttpd (0.9.75) takes one edge of epoll for
 *     both, and reads no further. To shut down the direction that the client has already shut down makes another
 *     edge. This does no harm to an answer that is being sent.
 *
 * A client counts as gone if it has reset the connection. A client that has shut its sending side may have done
 * only that (RFC 9112, 9.6: "nc -N" does), and must get its answer. A client that has closed its socket looks the
 * same until something is sent to it; then it resets the connection. So a FIN ends no request that is answered in
 * bounded time, and none whose answer is being sent: sending meets the reset, and the events of a drive have a
 * heartbeat. A request that may sleep for as long as a poll is given up when its client has been half closed for
 * some seconds; otherwise the polls of clients that left would pile up.
 *
 * Every connection and request on the server's lists has an open socket for as long as the server's lock is held.
 */

#define LOOK_BATCH 128 /* sockets asked about in one call */

static const char LATE_ANSWER[] = "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";

/* The data of a connection on its way from the shortcut to the library. */
struct moved {
	struct moved *next;
	int fd;
	bool is_stranger;
	void *data;
	void (*data_free)(void *data);
};

static void set_peer(struct connection *c, const struct sockaddr *address)
{
	c->counted = peers_key(address, &c->key);
	if (address && address->sa_family == AF_INET)
		inet_ntop(AF_INET, &((const struct sockaddr_in *)address)->sin_addr, c->peer, sizeof(c->peer));
	else if (address && address->sa_family == AF_INET6)
		inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)address)->sin6_addr, c->peer, sizeof(c->peer));
}

int connection_descriptor(struct MHD_Connection *connection)
{
	return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
}

struct connection *connection_new(struct http_server *s, int fd, const struct sockaddr *address)
{
	struct connection *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->fd = fd;
	c->noted_turn = CONNECTION_LATE;
	set_peer(c, address);
	if (c->counted)
		peers_enter(s->peers, &c->key);
	pthread_mutex_lock(&s->lock);
	c->next = s->open;
	if (c->next)
		c->next->prev = c;
	s->open = c;
	s->open_count++;
	strangers_enter(s, c);
	pthread_mutex_unlock(&s->lock);
	return c;
}

void connection_free(struct http_server *s, struct connection *c)
{
	if (!c)
		return;
	pthread_mutex_lock(&s->lock);
	assert(c->prev ? c->prev->next == c : s->open == c);
	if (c->prev)
		c->prev->next = c->next;
	else
		s->open = c->next;
	if (c->next)
		c->next->prev = c->prev;
	assert(s->open_count > 0);
	s->open_count--;
	if (s->open_count == 0)
		pthread_cond_broadcast(&s->idle);
	strangers_leave(s, c);
	pthread_mutex_unlock(&s->lock);
	shortcut_has_room(s->shortcut);
	if (c->counted)
		peers_leave(s->peers, &c->key);
	if (c->data_free)
		c->data_free(c->data);
	free(c);
}

static void moved_free(struct moved *m)
{
	if (m && m->data_free)
		m->data_free(m->data);
	free(m);
}

/* The caller holds s->lock. */
static struct moved *take_moved(struct http_server *s, int fd)
{
	struct moved **p = &s->moved, *m;

	while (*p && (*p)->fd != fd)
		p = &(*p)->next;
	m = *p;
	if (m)
		*p = m->next;
	if (m && !s->moved)
		pthread_cond_broadcast(&s->idle);
	return m;
}

int connection_move(struct http_server *s, struct connection *c)
{
	struct moved *m = calloc(1, sizeof(*m)), *stale;

	if (!m)
		return -ENOMEM;
	*m = (struct moved){.fd = c->fd, .data = c->data, .data_free = c->data_free};
	c->data_free = NULL;
	pthread_mutex_lock(&s->lock);
	m->is_stranger = c->is_stranger;
	/* An entry of a former connection with this number that the library had no memory for. */
	stale = take_moved(s, m->fd);
	m->next = s->moved;
	s->moved = m;
	pthread_mutex_unlock(&s->lock);
	moved_free(stale);
	connection_free(s, c);
	return 0;
}

void connection_not_moved(struct http_server *s, int fd)
{
	struct moved *m;

	pthread_mutex_lock(&s->lock);
	m = take_moved(s, fd);
	pthread_mutex_unlock(&s->lock);
	moved_free(m);
}

void connection_forget_moved(struct http_server *s)
{
	struct moved *m;

	while ((m = s->moved) != NULL) {
		s->moved = m->next;
		moved_free(m);
	}
}

static struct connection *connection_arrive(struct http_server *s, struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	struct connection *c = connection_new(s, connection_descriptor(connection), info ? info->client_addr : NULL);
	struct moved *m;

	pthread_mutex_lock(&s->lock);
	m = take_moved(s, connection_descriptor(connection));
	if (m && c && !m->is_stranger)
		strangers_leave(s, c);
	pthread_mutex_unlock(&s->lock);
	if (m && c) {
		c->data = m->data;
		c->data_free = m->data_free;
		m->data_free = NULL;
	}
	moved_free(m);
	return c;
}

/* To close a socket with unread input resets the connection, and the client may lose an answer that it has not
 * read yet. */
void connection_linger(struct http_server *s, int fd, const struct connection *c)
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

/* Runs before anything is allocated for the connection. */
enum MHD_Result connection_on_accept(void *cookie, const struct sockaddr *address, socklen_t size)
{
	struct http_server *s = cookie;
	char text[INET6_ADDRSTRLEN] = "";
	struct peer_key key;
	bool first;

	(void)size;
	if (!peers_key(address, &key) || peers_may_enter(s->peers, &key, &first))
		return MHD_YES;
	metric_inc(s->connections_refused);
	inet_ntop(AF_INET6, key.bytes, text, sizeof(text));
	if (first)
		log_warning(NULL,
			"address=%s limit=%u outcome=\"as many connections as one address may have: more are closed\"",
			text, s->options.connections_per_address_max);
	return MHD_NO;
}

void connection_on_change(
	void *cookie, struct MHD_Connection *connection, void **context, enum MHD_ConnectionNotificationCode code)
{
	struct http_server *s = cookie;

	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		*context = connection_arrive(s, connection);
		metric_add(s->connections, 1);
	} else {
		connection_linger(s, connection_descriptor(connection), *context);
		connection_free(s, *context);
		*context = NULL;
		metric_add(s->connections, -1);
	}
}

struct connection *connection_of(struct MHD_Connection *connection)
{
	return MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)->socket_context;
}

bool connection_take_head(struct connection *c)
{
	unsigned turn = c ? atomic_load(&c->turn) : 0;

	return !c || (!(turn & CONNECTION_LATE) && atomic_compare_exchange_strong(&c->turn, &turn, turn + 1));
}

void connection_end_request(struct connection *c)
{
	if (c && atomic_load(&c->turn) & 1)
		atomic_fetch_add(&c->turn, 1);
}

/* How many bytes the socket has received, read or not. 0 where the kernel does not say: a client that goes on
 * sending then looks silent, and only the idle limit ends its connection. */
static uint64_t bytes_received(int fd)
{
	struct tcp_info info = {0};
	socklen_t size = sizeof(info);

	return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 ? info.tcpi_bytes_received : 0;
}

void connection_note(struct connection *c)
{
	c->noted_turn = atomic_load(&c->turn);
	c->noted_bytes = bytes_received(c->fd);
}

void connection_end_silent(struct connection *c)
{
	unsigned turn = c->noted_turn;
	char byte;

	/* Input in the socket was not looked at yet; this happens on a busy machine. */
	if (turn & 1 || turn & CONNECTION_LATE || bytes_received(c->fd) != c->noted_bytes ||
		recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0)
		return;
	if (atomic_compare_exchange_strong(&c->turn, &turn, turn | CONNECTION_LATE))
		(void)shutdown(c->fd, SHUT_RDWR);
}

/* The library has a limit for silence only; a client that sends a byte now and then never reaches it. */
static void look_after_head(struct http_server *s, struct connection *c, int64_t now_ns)
{
	unsigned turn = atomic_load(&c->turn);

	if (turn & 1 || turn & CONNECTION_LATE)
		return;
	if (turn != c->seen_turn) {
		c->seen_turn = turn;
		c->seen_bytes = bytes_received(c->fd);
		c->head_ns = 0;
	} else if (!c->head_ns) {
		c->head_ns = bytes_received(c->fd) > c->seen_bytes ? now_ns : 0;
	} else if (now_ns - c->head_ns >= s->options.head_ms * NS_PER_MS &&
		atomic_compare_exchange_strong(&c->turn, &turn, turn | CONNECTION_LATE)) {
		metric_inc(s->late_heads);
		(void)send(c->fd, LATE_ANSWER, sizeof(LATE_ANSWER) - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
		(void)shutdown(c->fd, SHUT_RDWR);
	}
}

void http_connection_set_data(struct http_request *req, void *data, void (*free_fn)(void *data))
{
	struct connection *c = request_connection(req);

	if (!c) {
		free_fn(data); /* there was no memory for the connection, or it is gone */
		return;
	}
	if (c->data_free)
		c->data_free(c->data);
	c->data = data;
	c->data_free = free_fn;
}

void *http_connection_data(const struct http_request *req)
{
	const struct connection *c = request_connection(req);

	return c ? c->data : NULL;
}

bool http_connection_way(const struct http_request *req, char ret[HTTP_WAY_SIZE])
{
	const int fd = request_is_connected(req) ? request_fd(req) : -1;

	endpoint_way(fd, false, ret);
	return endpoint_is_here(fd);
}

bool http_connection_is_own(const struct http_request *req)
{
	return request_is_connected(req) && endpoint_is_own(request_fd(req));
}

/* The caller holds req->lock. */
static bool is_gone(struct http_request *req, int64_t now_ns)
{
	struct pollfd p = {.fd = request_fd(req), .events = POLLRDHUP};

	if (poll(&p, 1, 0) <= 0)
		return false;
	if (p.revents & (POLLERR | POLLHUP))
		return true;
	if (!req->half_closed_ns)
		req->half_closed_ns = now_ns;
	return req->is_poll && !req->streaming &&
		now_ns - req->half_closed_ns >= (int64_t)req->server->options.half_closed_ms * NS_PER_MS;
}

/* The caller holds req->lock and server->lock: a connection is freed after its request. The guard has set the
 * connection's data before http_request_is_poll is called, and sets it again only for the next request. */
static bool is_outdated(const struct http_request *req)
{
	const struct http_server_options *o = &req->server->options;
	const struct connection *c = o->outdated && req->is_poll && !req->absent ? request_connection(req) : NULL;

	return c && o->outdated(c->data, o->cookie);
}

static void look_after_request(struct http_request *req, int64_t now_ns)
{
	pthread_mutex_lock(&req->lock);
	if (is_outdated(req))
		(void)shutdown(request_fd(req), SHUT_RDWR);
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
	const int64_t now_ns = clock_mono_ns();

	pthread_mutex_lock(&s->lock);
	for (struct connection *c = s->open; c; c = c->next)
		look_after_head(s, c, now_ns);
	strangers_look_after(s, now_ns);
	for (struct http_request *req = s->requests; req; req = req->next)
		look_after_request(req, now_ns);
	for (struct connection *c = s->open; c;)
		c = look_after_batch(c);
	pthread_mutex_unlock(&s->lock);
}
