/*
 * endpoint: the two ends of a connection: which addresses they have, whether the peer is on this machine, and
 * whether it is a process of this user or of root; and the addresses of unix sockets, whose path may be longer than
 * the kernel accepts. For client and server. Nothing is cached; any thread.
 */
#ifndef NEPHOS_HTTP_ENDPOINT_H
#define NEPHOS_HTTP_ENDPOINT_H

#include <stdbool.h>
#include <sys/socket.h>

#define HTTP_WAY_SIZE 128

struct endpoint_address {
	struct sockaddr_storage name;
	socklen_t size;
	int type, protocol;
};

/* Whether the peer of a unix socket is a process of this user or of root; false for all other sockets. */
bool endpoint_is_own(int fd);
/* Writes "CLIENT>SERVER" for a connected socket; is_client says whether fd is the client's end. IPv4 addresses
 * mapped into IPv6 are written as IPv4. "-": the ends have no IP addresses. */
void endpoint_way(int fd, bool is_client, char ret[HTTP_WAY_SIZE]);

/* Whether the peer is on this machine, by any of the machine's addresses. */
bool endpoint_is_here(int fd);

/* The path behind "unix:"; NULL: the address does not begin so. */
const char *endpoint_unix_path(const char *address);
/* 0: a socket at this path is one of ours, as its folder belongs to this user or to root, and nobody else may
 * write to the folder. -EPERM: this is not so. Else: why the folder could not be examined. */
int endpoint_unix_check(const char *path);
/* The address of a unix socket. When the path is too long for an address, the address refers to the folder by a
 * descriptor, which this function opens: the caller closes *ret_folder after use (-1: none was needed).
 * -ENAMETOOLONG, or why the folder cannot be opened. */
int endpoint_unix_address(const char *path, struct endpoint_address *ret, int *ret_folder);

#endif
