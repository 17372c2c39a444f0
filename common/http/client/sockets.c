#include "common/http/client/sockets.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define TABLE_START 64

struct socket_interest {
	uint32_t registered; /* what the kernel knows */
	uint32_t wanted;
};

int sockets_init(struct sockets *s)
{
	*s = (struct sockets){.epoll_fd = epoll_create1(EPOLL_CLOEXEC)};
	return s->epoll_fd < 0 ? -errno : 0;
}

void sockets_fini(struct sockets *s)
{
	if (s->epoll_fd >= 0)
		close(s->epoll_fd);
	free(s->table);
	*s = (struct sockets){.epoll_fd = -1};
}

static struct socket_interest *interest(struct sockets *s, int fd)
{
	struct socket_interest *grown;
	size_t size = s->size ? s->size : TABLE_START;

	if ((size_t)fd < s->size)
		return &s->table[fd];
	while (size <= (size_t)fd)
		size *= 2;
	grown = realloc(s->table, size * sizeof(*grown));
	if (!grown)
		return NULL;
	memset(grown + s->size, 0, (size - s->size) * sizeof(*grown));
	s->table = grown;
	s->size = size;
	return &s->table[fd];
}

static int set_registered(struct sockets *s, int fd, struct socket_interest *i, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.fd = fd};
	int op = i->registered ? (events ? EPOLL_CTL_MOD : EPOLL_CTL_DEL) : EPOLL_CTL_ADD;

	if (events == i->registered)
		return 0;
	if (epoll_ctl(s->epoll_fd, op, fd, &event) && op != EPOLL_CTL_DEL)
		return -errno;
	i->registered = events;
	return 0;
}

/* The table's entry may be about an earlier socket of this number, so the kernel is asked. */
static int register_anew(struct sockets *s, int fd, struct socket_interest *i, uint32_t events)
{
	struct epoll_event event = {.events = events, .data.fd = fd};

	if (epoll_ctl(s->epoll_fd, EPOLL_CTL_MOD, fd, &event) &&
		(errno != ENOENT || epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, fd, &event)))
		return -errno;
	i->registered = events;
	return 0;
}

int sockets_want(struct sockets *s, int fd, uint32_t events, bool fresh)
{
	struct socket_interest *i = interest(s, fd);

	if (!i)
		return -ENOMEM;
	if (fresh && events && i->registered) {
		i->wanted = events;
		return register_anew(s, fd, i, events);
	}
	i->wanted = events;
	/* Input is rare on a socket that no transfer uses, so EPOLLIN may stay; room for output is there nearly
	 * always. */
	if (!events && i->registered == EPOLLIN)
		return 0;
	return set_registered(s, fd, i, events);
}

void sockets_forget(struct sockets *s, int fd)
{
	if ((size_t)fd < s->size)
		s->table[fd] = (struct socket_interest){0};
}

uint32_t sockets_wanted(struct sockets *s, int fd)
{
	struct socket_interest *i = (size_t)fd < s->size ? &s->table[fd] : NULL;

	if (!i)
		return 0;
	if (!i->wanted)
		(void)set_registered(s, fd, i, 0);
	return i->wanted;
}
