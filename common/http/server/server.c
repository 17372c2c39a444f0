#include "common/http/server/server.h"

#include "common/http/server/server_internal.h"

#include "common/base/clock.h"
#include "common/base/cond.h"
#include "common/base/error.h"
#include "common/base/log.h"
#include "common/base/text.h"
#include "common/http/loopback.h"
#include "common/http/server/openapi.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define CONNECTIONS_DEFAULT 1024u
#define HEAD_MS_DEFAULT 10000u /* for 16 KiB over the slowest modem, and a lost packet or two */
#define IDLE_S_DEFAULT 75u     /* longer than a long poll's 60 s; nginx has the same */
#define BACKLOG 1024

/* Requests. */

static uint64_t mix(uint64_t x)
{
	/* splitmix64: similar inputs give unrelated outputs. */
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
	return x ^ (x >> 31);
}

void server_identify(struct http_request *req, const struct connection *c)
{
	uint64_t trace =
		mix(atomic_fetch_add_explicit(&req->server->traces, 0x9e3779b97f4a7c15ull, memory_order_relaxed));

	text_hex(&trace, sizeof(trace), req->trace);
	if (c)
		memcpy(req->peer, c->peer, sizeof(req->peer));
}

void server_forget(struct http_request *req)
{
	struct http_server *s = req->server;

	pthread_mutex_lock(&s->lock);
	assert(req->prev ? req->prev->next == req : s->requests == req);
	if (req->prev)
		req->prev->next = req->next;
	else
		s->requests = req->next;
	if (req->next)
		req->next->prev = req->prev;
	assert(s->active > 0);
	if (--s->active == 0)
		pthread_cond_broadcast(&s->idle);
	pthread_mutex_unlock(&s->lock);
}

void server_count(struct http_request *req)
{
	struct http_server *s = req->server;
	const struct route_metrics *m;

	if (!s->route_metrics || !req->status)
		return;
	m = &s->route_metrics[req->route ? req->match.route : s->route_count];
	if (req->status >= 200 && req->status < 600)
		metric_inc(m->by_class[req->status / 100 - 2]);
	metric_observe_ns(m->latency, (req->sent_ns ? req->sent_ns : clock_mono_ns()) - req->started_ns);
	metric_add(s->bytes_in, (int64_t)req->received);
	metric_add(s->bytes_out, (int64_t)(req->response_bytes + req->stream.sent));
}

/* Metrics: a set for each row of the table, and one for requests without a route. */

static int add_route_metrics(struct http_server *s, const char *method, const char *pattern, struct route_metrics *ret)
{
	char labels[512];
	int r = 0;

	for (int class = 0; class < 4 && !r; class ++) {
		(void)snprintf(labels, sizeof(labels), "method=\"%s\",route=\"%s\",status=\"%dxx\"", method, pattern,
			class + 2);
		r = metrics_add(s->options.metrics, METRIC_COUNTER, "nephos_http_requests_total", labels,
			"Requests by route and status", &ret->by_class[class]);
	}
	if (r)
		return r;
	(void)snprintf(labels, sizeof(labels), "method=\"%s\",route=\"%s\"", method, pattern);
	return metrics_add(s->options.metrics, METRIC_HISTOGRAM, "nephos_http_request_seconds", labels,
		"Seconds from the request line to the end of the answer", &ret->latency);
}

static int add_metrics(struct http_server *s)
{
	struct metrics *m = s->options.metrics;
	int r;

	if (!m)
		return 0;
	s->route_metrics = calloc(s->route_count + 1, sizeof(*s->route_metrics));
	if (!s->route_metrics)
		return -ENOMEM;
	r = add_route_metrics(s, "", "none", &s->route_metrics[s->route_count]);
	for (size_t i = 0; i < s->route_count && !r; i++)
		r = add_route_metrics(
			s, s->options.routes[i].method, s->options.routes[i].pattern, &s->route_metrics[i]);
	if (!r)
		r = metrics_add(m, METRIC_GAUGE, "nephos_http_connections", "", "Open connections", &s->connections);
	if (!r)
		r = metrics_add(m, METRIC_COUNTER, "nephos_http_connections_refused_total", "",
			"Connections closed at once because their address had reached its limit",
			&s->connections_refused);
	if (!r)
		r = metrics_add(m, METRIC_COUNTER, "nephos_http_late_heads_total", "",
			"Connections closed because a request's head was not complete in time", &s->late_heads);
	if (!r)
		r = metrics_add(m, METRIC_COUNTER, "nephos_http_strangers_closed_total", "",
			"Connections closed because the peer did not prove that it belongs to the store",
			&s->strangers_shown_out);
	if (!r)
		r = metrics_add(
			m, METRIC_COUNTER, "nephos_http_received_bytes_total", "", "Request bodies", &s->bytes_in);
	if (!r)
		r = metrics_add(
			m, METRIC_COUNTER, "nephos_http_sent_bytes_total", "", "Response bodies", &s->bytes_out);
	return r;
}

/* We open the listening socket: libmicrohttpd would let two processes share a port. */

static int listen_any(const char *address, uint16_t port, int *ret_fd, uint16_t *ret_port)
{
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
	bool is_v4 = inet_pton(AF_INET, address, &v4.sin_addr) == 1;
	struct sockaddr *name = is_v4 ? (struct sockaddr *)&v4 : (struct sockaddr *)&v6;
	socklen_t size = is_v4 ? sizeof(v4) : sizeof(v6);
	int on = 1, off = 0, fd, r = 0;

	if (!is_v4 && inet_pton(AF_INET6, address, &v6.sin6_addr) != 1)
		return -EINVAL;
	fd = socket(name->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)); /* accepted sockets inherit it */
	loopback_tune(fd, name);
	if (!is_v4)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
	if (bind(fd, name, size) || listen(fd, BACKLOG) || getsockname(fd, name, &size))
		r = -errno;
	if (r) {
		close(fd);
		return r;
	}
	*ret_port = ntohs(is_v4 ? v4.sin_port : v6.sin6_port);
	*ret_fd = fd;
	return 0;
}

/* Keeps libmicrohttpd from decoding texts that we never use. */
static size_t keep_encoded(void *cookie, struct MHD_Connection *connection, char *text)
{
	(void)cookie;
	(void)connection;
	return strlen(text);
}

__attribute__((format(printf, 2, 0))) static void on_library_log(void *cookie, const char *format, va_list args)
{
	char text[256];

	(void)cookie;
	if (!log_wants(LOG_DEBUG))
		return;
	(void)vsnprintf(text, sizeof(text), format, args);
	log_debug(NULL, "http: %s", text);
}

static int start_daemon(struct http_server *s)
{
	const struct http_server_options *o = &s->options;
	const struct MHD_OptionItem extra[] = {
#if MHD_VERSION >= 0x00097701
		{MHD_OPTION_CLIENT_DISCIPLINE_LVL, 1, NULL}, /* the level for a public server */
#endif
		{MHD_OPTION_THREAD_POOL_SIZE, o->threads > 1 ? o->threads : 1, NULL},
		{MHD_OPTION_END, 0, NULL},
	};

	s->daemon = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_NO_LISTEN_SOCKET |
			MHD_ALLOW_SUSPEND_RESUME | MHD_USE_TURBO | MHD_USE_ERROR_LOG,
		0, NULL, NULL, exchange_on_access, s, MHD_OPTION_EXTERNAL_LOGGER, on_library_log, s,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_POOL_BYTES, MHD_OPTION_CONNECTION_LIMIT,
		o->connections_max, MHD_OPTION_CONNECTION_TIMEOUT, o->idle_s, MHD_OPTION_URI_LOG_CALLBACK,
		exchange_on_line, s, MHD_OPTION_UNESCAPE_CALLBACK, keep_encoded, s, MHD_OPTION_NOTIFY_COMPLETED,
		exchange_on_completed, s, MHD_OPTION_NOTIFY_CONNECTION, connection_on_change, s, MHD_OPTION_ARRAY,
		extra, MHD_OPTION_END);
	return s->daemon ? 0 : -EIO;
}

static int init(struct http_server *s, const struct http_server_options *options)
{
	char seed[17];
	uint64_t start = 0;
	int r = text_random_hex(sizeof(start), seed);

	if (r)
		return r;
	(void)text_unhex(span_str(seed), &start, sizeof(start));
	atomic_init(&s->traces, start);
	atomic_init(&s->refs, 1);
	s->listen_fd = -1;
	pthread_mutex_init(&s->lock, NULL);
	cond_init(&s->idle);
	s->options = *options;
	if (!s->options.connections_max)
		s->options.connections_max = CONNECTIONS_DEFAULT;
	if (!s->options.head_ms)
		s->options.head_ms = HEAD_MS_DEFAULT;
	if (!s->options.idle_s)
		s->options.idle_s = IDLE_S_DEFAULT;
	if (!s->options.half_closed_ms)
		s->options.half_closed_ms = HTTP_HALF_CLOSED_MS;
	/* The socket's folder decides who may connect. */
	if (endpoint_unix_path(s->options.address))
		s->options.stranger_ms = 0;
	while (s->options.routes[s->route_count].method)
		s->route_count++;
	return 0;
}

/* The folder decides who may connect: its owner gives it the mode 0700. A path may be longer than the kernel
 * accepts, so the socket is reached through its folder. */
static int listen_unix(const char *path, int *ret_fd)
{
	struct endpoint_address name;
	int fd = -1, folder = -1;
	int r = endpoint_unix_check(path);

	if (r == 0)
		r = endpoint_unix_address(path, &name, &folder);
	if (r == 0) {
		fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		r = fd < 0 ? -errno : 0;
	}
	if (r == 0) {
		/* Removes the name that an earlier process left. A process that still runs keeps its socket, but
		 * no client finds it any more. */
		(void)unlink(((const struct sockaddr_un *)&name.name)->sun_path);
		if (bind(fd, (struct sockaddr *)&name.name, name.size) || listen(fd, BACKLOG))
			r = -errno;
	}
	if (folder >= 0)
		close(folder);
	if (r && fd >= 0)
		close(fd);
	if (r == 0)
		*ret_fd = fd;
	return r;
}

static int listen_at(struct http_server *s)
{
	const char *path = endpoint_unix_path(s->options.address);

	return path ? listen_unix(path, &s->listen_fd)
		    : listen_any(s->options.address, s->options.port, &s->listen_fd, &s->port);
}

int http_server_start(const struct http_server_options *options, struct http_server **ret)
{
	struct http_server *s;
	int r = http_routes_check(options->routes);

	if (r)
		return r;
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	r = init(s, options);
	if (r) {
		free(s);
		return r;
	}
	r = router_new(options->routes, &s->router);
	if (!r)
		r = add_metrics(s);
	if (!r)
		r = peers_new(options->connections_per_address_max, options->exempt, &s->peers);
	if (!r)
		r = listen_at(s);
	if (!r)
		r = reaper_new(connection_look_around, s, &s->reaper);
	if (!r)
		r = start_daemon(s);
	if (!r)
		r = shortcut_new(s, s->options.threads > 1 ? s->options.threads : 1, &s->shortcut);
	if (r)
		http_server_stop(s);
	else
		*ret = s;
	return r;
}

uint16_t http_server_port(const struct http_server *s)
{
	return s->port;
}

/* The library must not be stopped while connections are suspended: they are resumed here, and closed when the
 * library asks what to do with them. */
static void wake_all(struct http_server *s)
{
	pthread_mutex_lock(&s->lock);
	for (struct http_request *req = s->requests; req; req = req->next) {
		pthread_mutex_lock(&req->lock);
		request_wake(req);
		pthread_mutex_unlock(&req->lock);
	}
	pthread_mutex_unlock(&s->lock);
}

void http_server_stop(struct http_server *s)
{
	if (!s)
		return;
	http_server_drain(s, 0);
	atomic_store(&s->stopping, true);
	wake_all(s);
	shortcut_stop(s->shortcut);
	if (s->daemon) {
		wake_all(s);
		MHD_stop_daemon(s->daemon);
	}
	connection_forget_moved(s);
	shortcut_free(s->shortcut);
	s->shortcut = NULL;
	reaper_free(s->reaper);
	s->reaper = NULL;
	if (s->listen_fd >= 0)
		close(s->listen_fd);
	server_unref(s);
}

void server_unref(struct http_server *s)
{
	if (atomic_fetch_sub(&s->refs, 1) != 1)
		return;
	/* A request would still hold a reference, and a connection would be the library's, which has stopped. */
	assert(!s->requests);
	assert(!s->open && s->open_count == 0);
	router_free(s->router);
	peers_free(s->peers);
	free(s->route_metrics);
	pthread_cond_destroy(&s->idle);
	pthread_mutex_destroy(&s->lock);
	free(s);
}
