#include "backend/user/rules/network.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static void of_v4(const uint8_t bytes[4], char ret[NETWORK_SIZE])
{
	(void)snprintf(ret, NETWORK_SIZE, "%u.%u.%u.0/24", bytes[0], bytes[1], bytes[2]);
}

static void of_v6(const struct in6_addr *address, char ret[NETWORK_SIZE])
{
	struct in6_addr network = *address;
	char text[INET6_ADDRSTRLEN];

	memset(network.s6_addr + 8, 0, 8);
	(void)inet_ntop(AF_INET6, &network, text, sizeof(text));
	(void)snprintf(ret, NETWORK_SIZE, "%s/64", text);
}

void network_of(const char *address, char ret[NETWORK_SIZE])
{
	struct in_addr v4;
	struct in6_addr v6;

	if (address && inet_pton(AF_INET, address, &v4) == 1)
		of_v4((const uint8_t *)&v4, ret);
	else if (address && inet_pton(AF_INET6, address, &v6) == 1 && IN6_IS_ADDR_V4MAPPED(&v6))
		of_v4(v6.s6_addr + 12, ret);
	else if (address && inet_pton(AF_INET6, address, &v6) == 1)
		of_v6(&v6, ret);
	else
		(void)snprintf(ret, NETWORK_SIZE, "%s", NETWORK_UNKNOWN);
}
