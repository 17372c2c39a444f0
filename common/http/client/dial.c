#include "common/http/client/dial.h"

#include "common/base/clock.h"
#include "common/http/endpoint.h"
#include "common/http/loopback.h"
#include "common/proto/headers.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

#define REQUEST_SIZE (HTTP_GREETING_TEXT_SIZE + 160)

enum dial_state { DIAL_CONNECTS, DIAL_SAYS, DIAL_HEARS };

struct dial {
	int fd;
	enum dial_state state;
	const struct http_greeter *greeter;
	const char *peer;
	char way[HTTP_WAY_SIZE];
	size_t out_size, out_sent, in_size;
	char out[REQUEST_SIZE];
	char in[HTTP_GREETING_HEAD_BYTES + 1];
	_Alignas(16) unsigned char memory[HTTP_GREETING_STATE_BYTES];
};

static int start_connect(struct dial *d, const struct endpoint_address *address)
{
	const struct sockaddr *name = (const struct sockaddr *)&address->name;
	int on = 1;

	d->fd = socket(name->sa_family, address->type | SOCK_CLOEXEC | SOCK_NONBLOCK, address->protocol);
	if (d->fd < 0)
		return -errno;
	loopback_tune(d->fd, name);
	if (name->sa_family != AF_UNIX)
		(void)setsockopt(d->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(d->fd, name, address->size) < 0 && errno != EINPROGRESS)
		return errno == EAGAIN ? -ECONNREFUSED : -errno; /* a unix socket with a full backlog */
	return 0;
}

int dial_new(
	const struct endpoint_address *address, const struct http_greeter *greeter, const char *peer, struct dial **ret)
{
	struct dial *d = calloc(1, sizeof(*d));

	if (!d)
		return -ENOMEM;
	d->greeter = greeter;
	d->peer = peer;
	int r = start_connect(d, address);
	if (r < 0)
		dial_free(d);
	else
		*ret = d;
	return r;
}

void dial_free(struct dial *d)
{
	if (!d)
		return;
	if (d->fd >= 0)
		close(d->fd);
	explicit_bzero(d, sizeof(*d));
	free(d);
}

int dial_fd(const struct dial *d)
{
	return d->fd;
}

int dial_take(struct dial *d)
{
	int fd = d->fd;

	d->fd = -1;
	return fd;
}

short dial_events(const struct dial *d)
{
	return d->state == DIAL_HEARS ? POLLIN : POLLOUT;
}

static int finish_connect(struct dial *d)
{
	struct pollfd p = {.fd = d->fd, .events = POLLOUT};
	socklen_t size = sizeof(int);
	int error = 0;

	if (poll(&p, 1, 0) <= 0)
		return -EAGAIN;
	if (getsockopt(d->fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
		return -errno;
	if (error)
		return -error;
	endpoint_way(d->fd, true, d->way);
	return 0;
}

/* Runs the greeter. 1: d->out has the next message. */
static int step(struct dial *d, struct span heard)
{
	const struct http_greeting greeting = {.peer = d->peer, .way = d->way, .heard = heard, .state = d->memory};
	char text[HTTP_GREETING_TEXT_SIZE];
	int r = d->greeter->step(d->greeter->cookie, &greeting, text);

	if (r <= 0)
		return r;
	r = snprintf(d->out, sizeof(d->out),
		"POST " HTTP_GREETING_TARGET " HTTP/1.1\r\nHost: nephos\r\n" HEADER_HELLO
		": %s\r\nContent-Length: 0\r\n\r\n",
		text);
	if (r < 0 || (size_t)r >= sizeof(d->out))
		return -EMSGSIZE;
	d->out_size = (size_t)r;
	d->out_sent = d->in_size = 0;
	d->state = DIAL_SAYS;
	return 1;
}

static int say(struct dial *d)
{
	ssize_t n = send(d->fd, d->out + d->out_sent, d->out_size - d->out_sent, MSG_NOSIGNAL);

	if (n < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	d->out_sent += (size_t)n;
	if (d->out_sent < d->out_size)
		return -EAGAIN;
	d->state = DIAL_HEARS;
	return 0;
}

/* Finds the field's value in a complete head with status 204. -EKEYREJECTED: a refusal. -EPROTO: no HTTP/1.1. */
static int read_head(const char *head, const char *end, struct span *ret)
{
	static const char FIELD[] = HEADER_HELLO ":";

	if (strncmp(head, "HTTP/1.1 ", 9) != 0)
		return -EPROTO;
	if (strncmp(head + 9, "204 ", 4) != 0)
		return -EKEYREJECTED;
	for (const char *line = head; line < end;) {
		const char *next = strstr(line, "\r\n");

		if (strncasecmp(line, FIELD, sizeof(FIELD) - 1) == 0) {
			line += sizeof(FIELD) - 1;
			line += strspn(line, " ");
			*ret = span_of(line, line < next ? (size_t)(next - line) : 0);
			return 0;
		}
		line = next + 2;
	}
	return -EKEYREJECTED;
}

static int hear(struct dial *d)
{
	ssize_t n = recv(d->fd, d->in + d->in_size, HTTP_GREETING_HEAD_BYTES - d->in_size, 0);
	struct span value;

	if (n < 0)
		return errno == EINTR ? -EAGAIN : -errno;
	if (n == 0)
		return d->in_size == HTTP_GREETING_HEAD_BYTES ? -EPROTO : -ECONNRESET;
	if (memchr(d->in + d->in_size, '\0', (size_t)n))
		return -EPROTO;
	d->in_size += (size_t)n;
	d->in[d->in_size] = '\0';
	const char *end = strstr(d->in, "\r\n\r\n");
	if (!end)
		return d->in_size == HTTP_GREETING_HEAD_BYTES ? -EPROTO : -EAGAIN;
	/* No process of ours sends a body with its 204, or more than one answer. */
	int r = read_head(d->in, end, &value);
	if (r == 0 && end + 4 != d->in + d->in_size)
		r = -EPROTO;
	return r < 0 ? r : step(d, value);
}

static bool is_refusal(int error)
{
	return error == -EKEYREJECTED || error == -EPROTO || error == -EMSGSIZE;
}

int dial_go_on(struct dial *d)
{
	int r;

	do {
		if (d->state == DIAL_CONNECTS) {
			r = finish_connect(d);
			if (r == 0 && d->greeter)
				r = step(d, span_of(NULL, 0));
		} else if (d->state == DIAL_SAYS) {
			r = say(d);
			r = r == 0 ? 1 : r;
		} else {
			r = hear(d);
		}
	} while (r > 0);
	if (!is_refusal(r))
		return r;
	if (d->greeter->refused)
		d->greeter->refused(d->greeter->cookie, &(struct http_greeting){.peer = d->peer, .way = d->way});
	return -EKEYREJECTED;
}

int dial_wait(struct dial *d, int64_t deadline_ns)
{
	for (;;) {
		int r = dial_go_on(d);
		int64_t left = deadline_ns - clock_mono_ns();
		struct pollfd p = {.fd = d->fd, .events = dial_events(d)};

		if (r != -EAGAIN)
			return r;
		if (left <= 0)
			return -ETIMEDOUT;
		(void)poll(&p, 1, (int)((left + NS_PER_MS - 1) / NS_PER_MS));
	}
}
