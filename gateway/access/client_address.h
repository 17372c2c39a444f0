/*
 * client_address: the address that a request comes from: the peer of the connection; or, when the peer is a
 * reverse proxy that was named, the last address in its X-Forwarded-For that is no named proxy. What any other
 * peer says about where it comes from is not believed. Read-only once made; any thread.
 */
#ifndef NEPHOS_GATEWAY_ACCESS_CLIENT_ADDRESS_H
#define NEPHOS_GATEWAY_ACCESS_CLIENT_ADDRESS_H

#define CLIENT_ADDRESS_SIZE 48	       /* INET6_ADDRSTRLEN, rounded up */
#define CLIENT_ADDRESS_PROXIES_MAX 64u /* networks: a request of a proxy is compared with each */

struct client_address;

/* trusted: addresses and networks with commas between ("127.0.0.1,10.0.0.0/8,fd00::/8"); NULL, "": none.
 * -EINVAL: an entry is neither; -E2BIG; -ENOMEM. */
int client_address_new(const char *trusted, struct client_address **ret);
void client_address_free(struct client_address *c); /* NULL is fine */
/* forwarded: the values of X-Forwarded-For, in the order of their lines, with commas between; may be empty. c
 * NULL: no proxies. */
void client_address_find(
	const struct client_address *c, const char *peer, const char *forwarded, char ret[CLIENT_ADDRESS_SIZE]);

#endif
