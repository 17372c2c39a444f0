#include "tests/unit/common/http/wire.h"
#include "common/base/clock.h"
#include "common/base/cond.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

/* Sent on each connection before anything else. */
#ifdef WIRE_EMPTY_LINE_FIRST
#define WIRE_FIRST "\r\n"
#else
#define WIRE_FIRST ""
#endif

static void set_timeouts(int fd)
{
	struct timeval limit = {.tv_sec = WIRE_TIMEOUT_S};

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
}

int wire_connect(uint16_t port)
{
	struct sockaddr_in name = {
		.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int on = 1;

	set_timeouts(fd);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(fd, (struct sockaddr *)&name, sizeof(name)) == 0 && wire_say(fd, WIRE_FIRST))
		return fd;
	close(fd);
	return -1;
}

bool wire_send(int fd, const void *data, size_t size)
{
	const char *p = data;

	while (size) {
		ssize_t n = send(fd, p, size, MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		p += n;
		size -= (size_t)n;
	}
	return true;
}

bool wire_say(int fd, const char *text)
{
	return wire_send(fd, text, strlen(text));
}

long wire_receive(int fd, void *data, size_t size)
{
	size_t got = 0;

	while (got < size) {
		ssize_t n = recv(fd, (char *)data + got, size - got, 0);

		if (n < 0)
			return -1;
		if (n == 0)
			break;
		got += (size_t)n;
	}
	return (long)got;
}

static size_t content_length(const char *head)
{
	const char *p = strcasestr(head, "\r\nContent-Length:");

	return p ? strtoul(p + 17, NULL, 10) : 0;
}

int wire_response(int fd, char *text, size_t size)
{
	size_t got = 0;
	int status;

	text[0] = '\0';
	while (!strstr(text, "\r\n\r\n")) {
		if (got + 1 >= size || recv(fd, text + got, 1, 0) != 1)
			return 0;
		text[++got] = '\0';
	}
	status = (int)strtol(text + 9, NULL, 10);
	/* The length in a 304 is that of a body that does not come. */
	if (status >= 200 && status != 304) {
		size_t body = content_length(text);

		if (got + body + 1 > size || wire_receive(fd, text + got, body) != (long)body)
			return 0;
		text[got + body] = '\0';
	}
	return status;
}

bool wire_read_until(int fd, char *text, size_t size, const char *what)
{
	size_t got = 0;

	text[0] = '\0';
	while (!strstr(text, what)) {
		if (got + 1 == size || recv(fd, text + got, 1, 0) != 1)
			return false;
		text[++got] = '\0';
	}
	return true;
}

bool wire_is_closed(int fd)
{
	char byte;

	return recv(fd, &byte, 1, 0) == 0;
}

void wire_reset(int fd)
{
	const struct linger at_once = {.l_onoff = 1};

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(fd);
}

int wire_ask(uint16_t port, const char *request, char *text, size_t size)
{
	int fd = wire_connect(port);
	int status;

	if (fd < 0)
		return 0;
	(void)wire_say(fd, request);
	status = wire_response(fd, text, size);
	close(fd);
	return status;
}

int wire_listen(uint16_t *ret_port)
{
	struct sockaddr_in name = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(name);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (bind(fd, (struct sockaddr *)&name, size) || listen(fd, 16) ||
		getsockname(fd, (struct sockaddr *)&name, &size)) {
		close(fd);
		return -1;
	}
	set_timeouts(fd);
	*ret_port = ntohs(name.sin_port);
	return fd;
}

int wire_accept(int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	if (fd >= 0)
		set_timeouts(fd);
	return fd;
}

void gate_init(struct gate *g)
{
	pthread_mutex_init(&g->lock, NULL);
	cond_init(&g->changed);
	g->count = 0;
}

void gate_open(struct gate *g)
{
	pthread_mutex_lock(&g->lock);
	g->count++;
	pthread_cond_broadcast(&g->changed);
	pthread_mutex_unlock(&g->lock);
}

int gate_count(struct gate *g)
{
	int count;

	pthread_mutex_lock(&g->lock);
	count = g->count;
	pthread_mutex_unlock(&g->lock);
	return count;
}

bool gate_wait(struct gate *g, int count)
{
	const int64_t until_ns = clock_mono_ns() + WIRE_TIMEOUT_S * NS_PER_S;
	bool open;

	pthread_mutex_lock(&g->lock);
	while (g->count < count && cond_wait_until(&g->changed, &g->lock, until_ns))
		;
	open = g->count >= count;
	pthread_mutex_unlock(&g->lock);
	return open;
}
