/*
 * peers: how many connections each address has. One that has its share gets no more of them, so that a single machine
 * cannot take all that a server has. An IPv6 host usually owns a /64, so that counts as one address. Exempt are
 * networks behind which stand many people: reverse proxies. No I/O, no clock. Any thread.
 */
#ifndef NEPHOS_HTTP_SERVER_PEERS_H
#define NEPHOS_HTTP_SERVER_PEERS_H

#include <stdbool.h>
#include <stdint.h>

#define PEERS_NETWORKS_MAX 64 /* of the list of those that are exempt */
#define PEERS_KEY_BYTES 16

struct sockaddr;
struct peers;

struct peer_key {
	uint8_t bytes[PEERS_KEY_BYTES]; /* of IPv4: as IPv6 writes it, ::ffff:a.b.c.d */
};

/* most: connections of one address, 0: no limit. exempt: ADDRESS or ADDRESS/BITS, with commas between; may be NULL.
 * -EINVAL: not such a list; -ENOMEM. */
int peers_new(unsigned most, const char *exempt, struct peers **ret);
bool peers_list_is_good(const char *exempt); /* for who wants to say so before */
void peers_free(struct peers *p);	     /* NULL is fine */
/* Who is at the other end; false: not an IP address, and not counted. */
bool peers_key(const struct sockaddr *address, struct peer_key *ret);
/* May this one have one more? ret_first: it may not, and is the first of its address to hear it since that had none:
 * worth a line in the log. */
bool peers_may_enter(struct peers *p, const struct peer_key *key, bool *ret_first);
void peers_enter(struct peers *p, const struct peer_key *key);
void peers_leave(struct peers *p, const struct peer_key *key); /* for each peers_enter */

#endif
