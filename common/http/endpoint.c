#include "common/http/endpoint.h"

#include "common/http/loopback.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/*
 * What the kernel says about the two ends of a connection; nothing is cached. Three questions are answered: which
 * way a connection goes ("CLIENT>SERVER", which both ends mix into their greeting, so that the greeting cannot be
 * replayed on another connection); whether the peer is on this machine, where nothing translates addresses, so that
 * the greeting has to prove the way, too; and whether the peer is a process of our own user, which only a unix
 * socket can say. Where the kernel does not answer, the functions return the stricter result.
 *
 * A unix socket is protected by its folder: a process that may enter the folder may connect. So endpoint_unix_check
 * demands a folder that nobody else can write to. The kernel accepts at most 107 bytes of path. A longer path is
 * reached through a descriptor of its folder, as /proc/self/fd/N/NAME. To change into the folder was rejected, as
 * all threads share the working directory.
 */

#define ADDRESS_SIZE 56 /* [IPv6]:port */

const char *endpoint_unix_path(const char *address)
{
	static const char SCHEME[] = "unix:";

	return strncmp(address, SCHEME, sizeof(SCHEME) - 1) == 0 ? address + sizeof(SCHEME) - 1 : NULL;
}

static int open_folder(const char *path, const char *name)
{
	char folder[PATH_MAX];
	int fd, size = snprintf(folder, sizeof(folder), "%.*s", (int)(name - path), path);

	if (size < 0 || (size_t)size >= sizeof(folder))
		return -ENAMETOOLONG;
	fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int endpoint_unix_check(const char *path)
{
	const char *slash = strrchr(path, '/');
	int folder = slash ? open_folder(path, slash + 1) : open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct stat s;
	int r;

	if (folder < 0)
		return folder;
	r = fstat(folder, &s) < 0 ? -errno : 0;
	if (r == 0 && ((s.st_uid != geteuid() && s.st_uid != 0) || (s.st_mode & (S_IWGRP | S_IWOTH))))
		r = -EPERM;
	close(folder);
	return r;
}

bool endpoint_is_own(int fd)
{
	struct ucred who = {0};
	socklen_t size = sizeof(who);
	int domain = 0;
	socklen_t domain_size = sizeof(domain);

	/* A TCP socket has no peer credentials; the kernel returns an invalid user for it instead of an error. */
	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &domain_size) < 0 || domain != AF_UNIX ||
		getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) < 0)
		return false;
	return who.uid == geteuid() || who.uid == 0;
}

int endpoint_unix_address(const char *path, struct endpoint_address *ret, int *ret_folder)
{
	struct endpoint_address a = {.size = sizeof(struct sockaddr_un), .type = SOCK_STREAM};
	struct sockaddr_un *name = (struct sockaddr_un *)&a.name;
	const char *slash = strrchr(path, '/');
	int folder = -1, size;

	name->sun_family = AF_UNIX;
	if (strlen(path) < sizeof(name->sun_path) || !slash) {
		size = snprintf(name->sun_path, sizeof(name->sun_path), "%s", path);
	} else {
		folder = open_folder(path, slash + 1);
		if (folder < 0)
			return folder;
		size = snprintf(name->sun_path, sizeof(name->sun_path), "/proc/self/fd/%d%s", folder, slash);
	}
	if (size < 0 || (size_t)size >= sizeof(name->sun_path)) {
		if (folder >= 0)
			close(folder);
		return -ENAMETOOLONG;
	}
	*ret = a;
	*ret_folder = folder;
	return 0;
}

/* false: not an IP address. */
static bool address_text(const struct sockaddr_storage *name, char ret[ADDRESS_SIZE])
{
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)name;
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)name;
	char text[INET6_ADDRSTRLEN] = "";

	if (name->ss_family == AF_INET) {
		(void)inet_ntop(AF_INET, &v4->sin_addr, text, sizeof(text));
		(void)snprintf(ret, ADDRESS_SIZE, "%s:%u", text, ntohs(v4->sin_port));
	} else if (name->ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
		(void)inet_ntop(AF_INET, &v6->sin6_addr.s6_addr[12], text, sizeof(text));
		(void)snprintf(ret, ADDRESS_SIZE, "%s:%u", text, ntohs(v6->sin6_port));
	} else if (name->ss_family == AF_INET6) {
		(void)inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof(text));
		(void)snprintf(ret, ADDRESS_SIZE, "[%s]:%u", text, ntohs(v6->sin6_port));
	} else {
		return false;
	}
	return true;
}

void endpoint_way(int fd, bool is_client, char ret[HTTP_WAY_SIZE])
{
	struct sockaddr_storage own = {0}, other = {0};
	socklen_t own_size = sizeof(own), other_size = sizeof(other);
	char here[ADDRESS_SIZE], there[ADDRESS_SIZE];

	if (getsockname(fd, (struct sockaddr *)&own, &own_size) < 0 ||
		getpeername(fd, (struct sockaddr *)&other, &other_size) < 0 || !address_text(&own, here) ||
		!address_text(&other, there))
		(void)snprintf(ret, HTTP_WAY_SIZE, "-");
	else
		(void)snprintf(ret, HTTP_WAY_SIZE, "%s>%s", is_client ? here : there, is_client ? there : here);
}

bool endpoint_is_here(int fd)
{
	struct sockaddr_storage other = {0};
	socklen_t size = sizeof(other);

	/* A peer of unknown address counts as local, which is the stricter case (see above). */
	if (getpeername(fd, (struct sockaddr *)&other, &size) < 0 || other.ss_family == AF_UNIX)
		return true;
	return loopback_is_here((struct sockaddr *)&other);
}
