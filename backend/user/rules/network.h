/*
 * network: where a request comes from, as coarse as addresses are assigned: 24 bits of IPv4, 64 of IPv6. A person
 * who has one address of such a network has, or can get, the others. Pure, any thread.
 */
#ifndef NEPHOS_USER_NETWORK_H
#define NEPHOS_USER_NETWORK_H

#define NETWORK_SIZE 52		  /* INET6_ADDRSTRLEN, "/64" */
#define NETWORK_UNKNOWN "unknown" /* all requests without an address share one network */

/* Makes the network of an address in text form; anything else, and NULL, is NETWORK_UNKNOWN. IPv4 in IPv6
 * (::ffff:…) counts as IPv4. */
void network_of(const char *address, char ret[NETWORK_SIZE]);

#endif
