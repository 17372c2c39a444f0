/*
 * endpoint: the two ends of a connection. Which addresses they have, whether the other one is on this machine, and
 * whether it is a process of our own; and how a unix socket is named, whose path may be longer than the kernel takes.
 * For both sides, client and server. Nothing is kept; any thread.
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

/* Whether the other end of a unix socket is a process of this user or of root; false for all other sockets. */
bool endpoint_is_own(int fd);
/* "CLIENT>SERVER" of a connected socket, seen from the client's or the server's end; v4 addresses that came over IPv6
 * as v4. "-": they have none. */
void endpoint_way(int fd, bool is_client, char ret[HTTP_WAY_SIZE]);

/* Whether the other end is on this machine, by whichever of its addresses. */
bool endpoint_is_here(int fd);

/* What stands behind "unix:"; NULL: it is no such address. */
const char *endpoint_unix_path(const char *address);
/* Whether a socket there is one of ours: its folder belongs to this user or to root, and nobody else may write to it.
 * -EPERM, or why it cannot be looked at. */
int endpoint_unix_check(const char *path);
/* The address of a unix socket. A path that is too long for one goes by way of its folder, which is opened for it:
 * *ret_folder (-1: not needed) is to be closed after use. -ENAMETOOLONG, or why the folder cannot be opened. */
int endpoint_unix_address(const char *path, struct endpoint_address *ret, int *ret_folder);

#endif
