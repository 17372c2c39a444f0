/*
 * network: where somebody asks from, as coarse as addresses are given out: 24 bits of IPv4, 64 of IPv6. Who has one
 * address of such a network has, or can get, the others. Pure, any thread.
 */
#ifndef NEPHOS_USER_NETWORK_H
#define NEPHOS_USER_NETWORK_H

#define NETWORK_SIZE 52		  /* INET6_ADDRSTRLEN, "/64" */
#define NETWORK_UNKNOWN "unknown" /* all who come without an address share one network */

/* Of an address as text; anything else, and NULL, is NETWORK_UNKNOWN. IPv4 in IPv6 (::ffff:…) is IPv4. */
void network_of(const char *address, char ret[NETWORK_SIZE]);

#endif
