/*
 * sockets: the events that are waited for on libcurl's sockets. libcurl forgets a socket at the end of each
 * transfer and asks for it again at the next; two system calls for that cost a small call a tenth of its time. So a
 * socket that waits for input stays in the epoll set while no transfer uses it, until it is closed or has an event.
 * For one thread.
 */
#ifndef NEPHOS_HTTP_CLIENT_SOCKETS_H
#define NEPHOS_HTTP_CLIENT_SOCKETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sockets {
	int epoll_fd;
	struct socket_interest *table; /* by descriptor */
	size_t size;
};

int sockets_init(struct sockets *s); /* -errno */
void sockets_fini(struct sockets *s);
/* events: EPOLLIN, EPOLLOUT, both, or 0: none for now. fresh: the first call since libcurl forgot this number,
 * which may be another socket by now, as not all of them are closed through sockets_forget. -ENOMEM, -errno. */
int sockets_want(struct sockets *s, int fd, uint32_t events, bool fresh);
/* To be called before fd is closed: the kernel removes it from the set by itself, and its number may come back. */
void sockets_forget(struct sockets *s, int fd);
/* To be called when fd has an event: returns the events that a transfer waits for. If it returns 0, fd was taken
 * out of the set. */
uint32_t sockets_wanted(struct sockets *s, int fd);

#endif
