/*
 * sockets: which events of which of libcurl's sockets are waited for. libcurl forgets a socket at the end of each
 * transfer and wants it again at the next; telling the kernel both times costs a small call a tenth of its time. So a
 * socket that waits for input stays in the epoll set while nobody wants it, until it is closed or has something to say.
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
/* EPOLLIN, EPOLLOUT, both, or 0: none for now. fresh: the first time since libcurl forgot this number, which may be
 * another socket by now: not all of them are closed through sockets_forget. -ENOMEM, -errno. */
int sockets_want(struct sockets *s, int fd, uint32_t events, bool fresh);
/* Before fd is closed: the kernel forgets it by itself, and its number may come back. */
void sockets_forget(struct sockets *s, int fd);
/* An event came for fd: which ones somebody wants. With 0 it is taken out of the set. */
uint32_t sockets_wanted(struct sockets *s, int fd);

#endif
