/*
 * peers: counts the connections of each address. An address that has its share gets no further ones, so that a
 * single machine cannot take all connections of a server. An IPv6 host usually owns a /64, so a /64 counts as one
 * address. Networks behind which many people are, such as reverse proxies, can be exempt. No I/O, no clock. Any
 * thread.
 */
#ifndef NEPHOS_HTTP_SERVER_PEERS_H
#define NEPHOS_HTTP_SERVER_PEERS_H

#include <stdbool.h>
#include <stdint.h>

#define PEERS_NETWORKS_MAX 64 /* in the list of exempt networks */
#define PEERS_KEY_BYTES 16

struct sockaddr;
struct peers;

struct peer_key {
	uint8_t bytes[PEERS_KEY_BYTES]; /* IPv4 is mapped into IPv6: ::ffff:a.b.c.d */
};

/* most: connections of one address, 0: no limit. exempt: ADDRESS or ADDRESS/BITS, with commas between; may be
 * NULL. -EINVAL: no such list; -ENOMEM. */
int peers_new(unsigned most, const char *exempt, struct peers **ret);
bool peers_list_is_good(const char *exempt); /* for callers that check a list beforehand */
void peers_free(struct peers *p);	     /* NULL is fine */
/* The key of the peer's address; false: it is not an IP address, and is not counted. */
bool peers_key(const struct sockaddr *address, struct peer_key *ret);
/* Whether the address may have another connection. *ret_first: it may not, and this is the first refusal since the
 * address had no connection: worth a line in the log. */
bool peers_may_enter(struct peers *p, const struct peer_key *key, bool *ret_first);
void peers_enter(struct peers *p, const struct peer_key *key);
void peers_leave(struct peers *p, const struct peer_key *key); /* once for each peers_enter */

#endif
