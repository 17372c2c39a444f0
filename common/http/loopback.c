#include "common/http/loopback.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <strings.h>

#define PACELESS "reno"
#define HOST_BYTES 256 /* the longest name there is, with its NUL */

bool loopback_is(const struct sockaddr *address)
{
	const struct in6_addr *v6 = &((const struct sockaddr_in6 *)address)->sin6_addr;

	if (address->sa_family == AF_INET)
		return ntohl(((const struct sockaddr_in *)address)->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	if (address->sa_family != AF_INET6)
		return false;
	return IN6_IS_ADDR_LOOPBACK(v6) || (IN6_IS_ADDR_V4MAPPED(v6) && v6->s6_addr[12] == IN_LOOPBACKNET);
}

/* Converts an IPv4 or IPv6 address to its IPv6 form. false: another family. */
static bool unify(const struct sockaddr *address, struct in6_addr *ret)
{
	if (address && address->sa_family == AF_INET6) {
		*ret = ((const struct sockaddr_in6 *)address)->sin6_addr;
		return true;
	}
	if (!address || address->sa_family != AF_INET)
		return false;
	memset(ret, 0, sizeof(*ret));
	ret->s6_addr[10] = ret->s6_addr[11] = 0xff;
	memcpy(&ret->s6_addr[12], &((const struct sockaddr_in *)address)->sin_addr, sizeof(struct in_addr));
	return true;
}

bool loopback_is_here(const struct sockaddr *address)
{
	struct ifaddrs *list;
	struct in6_addr wanted, own;
	bool found = false;

	if (loopback_is(address))
		return true;
	if (!unify(address, &wanted))
		return false;
	if (getifaddrs(&list) < 0)
		return true;
	for (const struct ifaddrs *i = list; i && !found; i = i->ifa_next)
		found = unify(i->ifa_addr, &own) && memcmp(&own, &wanted, sizeof(own)) == 0;
	freeifaddrs(list);
	return found;
}

static bool is_local_name(const char *host)
{
	static const char NAME[] = "localhost";
	size_t size = strlen(host), name = sizeof(NAME) - 1;

	while (size > 0 && host[size - 1] == '.')
		size--;
	if (strncasecmp(host, NAME, name) == 0)
		return true; /* localhost.localdomain and the like */
	return size > name && host[size - name - 1] == '.' && strncasecmp(host + size - name, NAME, name) == 0;
}

/* Copies the host of the URL, without the brackets of an IPv6 address. false: there is none, or it does not fit. */
static bool take_host(const char *url, char *ret, size_t size)
{
	const char *host = strstr(url, "://"), *end;

	if (!host)
		return false;
	host += 3;
	if (host[strcspn(host, "/?#@")] == '@')
		return false; /* a user before the host: parsers differ about where the user part ends */
	end = *host == '[' ? strchr(++host, ']') : host + strcspn(host, ":/?#");
	if (!end || end == host || (size_t)(end - host) >= size)
		return false;
	memcpy(ret, host, (size_t)(end - host));
	ret[end - host] = '\0';
	return true;
}

bool loopback_url(const char *url)
{
	struct sockaddr_in v4 = {.sin_family = AF_INET};
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6};
	char host[HOST_BYTES];
	char *escape;

	if (!take_host(url, host, sizeof(host)))
		return true;
	/* The spellings that connect() and resolvers accept: 127.1, 0x7f000001, 2130706433. */
	if (inet_aton(host, &v4.sin_addr))
		return v4.sin_addr.s_addr == INADDR_ANY || loopback_is((struct sockaddr *)&v4);
	escape = strchr(host, '%'); /* an escape, or the interface of a link-local address */
	if (escape)
		*escape = '\0';
	if (inet_pton(AF_INET6, host, &v6.sin6_addr) == 1)
		return IN6_IS_ADDR_UNSPECIFIED(&v6.sin6_addr) || loopback_is((struct sockaddr *)&v6);
	/* libcurl reads 127%2e0.0.1 as an address. */
	return escape || is_local_name(host);
}

bool loopback_may_follow(const char *asked, const char *named)
{
	return loopback_url(asked) || !loopback_url(named);
}

void loopback_tune(int fd, const struct sockaddr *address)
{
	if (loopback_is(address))
		(void)setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, PACELESS, sizeof(PACELESS) - 1);
}
