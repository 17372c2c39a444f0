#include "common/http/loopback.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#define PACELESS "reno"

bool loopback_is(const struct sockaddr *address)
{
	const struct in6_addr *v6 = &((const struct sockaddr_in6 *)address)->sin6_addr;

	if (address->sa_family == AF_INET)
		return ntohl(((const struct sockaddr_in *)address)->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	if (address->sa_family != AF_INET6)
		return false;
	return IN6_IS_ADDR_LOOPBACK(v6) || (IN6_IS_ADDR_V4MAPPED(v6) && v6->s6_addr[12] == IN_LOOPBACKNET);
}

void loopback_tune(int fd, const struct sockaddr *address)
{
	if (loopback_is(address))
		(void)setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, PACELESS, sizeof(PACELESS) - 1);
}
