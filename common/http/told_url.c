#include "common/http/told_url.h"

#include "common/http/loopback.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define HOST_BYTES_MAX 253 /* the longest name; an address in brackets is shorter */

static bool is_name_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
		c == '_';
}

static bool is_port(const char *text)
{
	const size_t digits = strspn(text, "0123456789");

	return digits <= 5 && !text[digits];
}

/* The size of the host in HOST[:PORT], with the brackets of an IPv6 address. 0: the text is malformed. */
static size_t host_size(const char *host)
{
	char address[INET6_ADDRSTRLEN];
	struct in6_addr parsed;
	const char *end = host;
	size_t size;

	if (*host == '[') {
		size = strcspn(host + 1, "]");
		if (size >= sizeof(address) || !host[1 + size])
			return 0;
		memcpy(address, host + 1, size);
		address[size] = '\0';
		if (inet_pton(AF_INET6, address, &parsed) != 1)
			return 0;
		end = host + size + 2;
	} else {
		while (is_name_char(*end))
			end++;
	}
	size = (size_t)(end - host);
	return size <= HOST_BYTES_MAX && (!*end || (*end == ':' && is_port(end + 1))) ? size : 0;
}

/* A quick test for the hosts that most clients of this machine send. */
static bool is_plainly_here(const char *host)
{
	return strncmp(host, "127.", 4) == 0 || strncmp(host, "localhost", 9) == 0;
}

/* The part of the URL after its scheme and host: the port, and the rest. NULL: malformed. */
static const char *rest_of(const char *url, size_t *ret_scheme)
{
	const char *host = strstr(url, "://");

	if (!host)
		return NULL;
	host += 3;
	*ret_scheme = (size_t)(host - url);
	if (*host != '[')
		return host + strcspn(host, ":/?#");
	host = strchr(host, ']');
	return host ? host + 1 : NULL;
}

const char *told_url(const char *url, const char *host, char ret[TOLD_URL_SIZE])
{
	char came_by[TOLD_URL_SIZE];
	const char *rest;
	size_t size, scheme = 0;
	int length;

	if (!host || is_plainly_here(host) || !loopback_url(url))
		return url;
	size = host_size(host);
	rest = rest_of(url, &scheme);
	if (size == 0 || !rest)
		return url;
	(void)snprintf(came_by, sizeof(came_by), "http://%.*s", (int)size, host);
	if (loopback_url(came_by))
		return url;
	length = snprintf(ret, TOLD_URL_SIZE, "%.*s%.*s%s", (int)scheme, url, (int)size, host, rest);
	return length > 0 && length < TOLD_URL_SIZE ? ret : url;
}
