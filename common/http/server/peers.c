#include "common/http/server/peers.h"

#include "common/base/text.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

/*
 * A table from address to the number of its connections. The server asks before it accepts a connection
 * (peers_may_enter) and reports when a connection has begun and when it has ended (peers_enter, peers_leave).
 * Others may enter between the question and the entry, so an address may have a few connections more than its
 * share: that is acceptable for a limit against a flood, and needs no reservation.
 *
 * An address is in the table as long as it has a connection, so the table has at most as many entries as the server
 * has connections. When there is no memory for an entry, the connection is let in and not counted; peers_leave then
 * finds no entry, and does nothing. The list of networks without a limit is parsed once, at the start, and is
 * compared without the lock.
 */

#define V6_HOST_BYTES 8 /* the bytes of an IPv6 address that identify the network, a /64 */

static const uint8_t V4_MAPPED[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

struct peer {
	struct peer_key key;
	unsigned connections;
	bool refused; /* a connection was refused since this entry exists */
	UT_hash_handle hh;
};

struct network {
	uint8_t bytes[PEERS_KEY_BYTES];
	unsigned bits;
};

struct peers {
	unsigned most;
	struct network exempt[PEERS_NETWORKS_MAX];
	size_t exempt_count;
	pthread_mutex_t lock; /* guards the map */
	struct peer *map;
};

static int parse_address(const char *text, struct network *ret)
{
	struct in_addr v4;
	struct in6_addr v6;

	if (inet_pton(AF_INET, text, &v4) == 1) {
		memcpy(ret->bytes, V4_MAPPED, sizeof(V4_MAPPED));
		memcpy(ret->bytes + sizeof(V4_MAPPED), &v4, sizeof(v4));
		return 32;
	}
	if (inet_pton(AF_INET6, text, &v6) != 1)
		return -EINVAL;
	memcpy(ret->bytes, &v6, sizeof(v6));
	return 128;
}

/* ADDRESS[/BITS] */
static int parse_network(struct span item, struct network *ret)
{
	char text[INET6_ADDRSTRLEN + 5];
	char *slash;
	uint64_t bits;
	int size;

	if (item.size == 0 || item.size >= sizeof(text))
		return -EINVAL;
	memcpy(text, item.data, item.size);
	text[item.size] = '\0';
	slash = strchr(text, '/');
	if (slash)
		*slash = '\0';
	size = parse_address(text, ret);
	if (size < 0)
		return size;
	bits = (uint64_t)size;
	if (slash && text_parse_u64(span_str(slash + 1), (uint64_t)size, &bits) < 0)
		return -EINVAL;
	ret->bits = (unsigned)bits + (128 - (unsigned)size);
	return 0;
}

static struct span trim(struct span item)
{
	while (item.size > 0 && item.data[0] == ' ')
		item = span_of(item.data + 1, item.size - 1);
	while (item.size > 0 && item.data[item.size - 1] == ' ')
		item.size--;
	return item;
}

static int parse_list(struct peers *p, const char *list)
{
	int r = 0;

	while (list && *list && r == 0) {
		size_t size = strcspn(list, ",");

		if (p->exempt_count == PEERS_NETWORKS_MAX)
			return -EINVAL;
		r = parse_network(trim(span_of(list, size)), &p->exempt[p->exempt_count++]);
		list += size + (list[size] == ',');
	}
	return r;
}

int peers_new(unsigned most, const char *exempt, struct peers **ret)
{
	struct peers *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return -ENOMEM;
	p->most = most;
	pthread_mutex_init(&p->lock, NULL);
	r = parse_list(p, exempt);
	if (r < 0)
		peers_free(p);
	else
		*ret = p;
	return r;
}

bool peers_list_is_good(const char *exempt)
{
	struct peers *p = NULL;
	bool good = peers_new(0, exempt, &p) == 0;

	peers_free(p);
	return good;
}

static void drop(struct peers *p, struct peer *peer)
{
	HASH_DEL(p->map, peer);
	free(peer);
}

void peers_free(struct peers *p)
{
	struct peer *peer, *next;

	if (!p)
		return;
	HASH_ITER(hh, p->map, peer, next)
		drop(p, peer);
	pthread_mutex_destroy(&p->lock);
	free(p);
}

bool peers_key(const struct sockaddr *address, struct peer_key *ret)
{
	if (!address)
		return false;
	if (address->sa_family == AF_INET) {
		memcpy(ret->bytes, V4_MAPPED, sizeof(V4_MAPPED));
		memcpy(ret->bytes + sizeof(V4_MAPPED), &((const struct sockaddr_in *)address)->sin_addr, 4);
		return true;
	}
	if (address->sa_family != AF_INET6)
		return false;
	memcpy(ret->bytes, &((const struct sockaddr_in6 *)address)->sin6_addr, PEERS_KEY_BYTES);
	return true;
}

static bool is_in(const struct network *network, const struct peer_key *key)
{
	size_t whole = network->bits / 8;
	unsigned rest = network->bits % 8;

	assert(network->bits <= 8 * PEERS_KEY_BYTES);
	if (memcmp(network->bytes, key->bytes, whole) != 0)
		return false;
	return rest == 0 || ((network->bytes[whole] ^ key->bytes[whole]) >> (8 - rest)) == 0;
}

static bool is_exempt(const struct peers *p, const struct peer_key *key)
{
	for (size_t i = 0; i < p->exempt_count; i++) {
		if (is_in(&p->exempt[i], key))
			return true;
	}
	return false;
}

static struct peer_key counted_as(const struct peer_key *key)
{
	struct peer_key as = *key;

	if (memcmp(as.bytes, V4_MAPPED, sizeof(V4_MAPPED)) != 0)
		memset(as.bytes + V6_HOST_BYTES, 0, PEERS_KEY_BYTES - V6_HOST_BYTES);
	return as;
}

static struct peer *find(struct peers *p, const struct peer_key *as)
{
	struct peer *peer = NULL;

	HASH_FIND(hh, p->map, as, sizeof(*as), peer);
	return peer;
}

bool peers_may_enter(struct peers *p, const struct peer_key *key, bool *ret_first)
{
	const struct peer_key as = counted_as(key);
	struct peer *peer;
	bool may;

	*ret_first = false;
	if (p->most == 0 || is_exempt(p, key))
		return true;
	pthread_mutex_lock(&p->lock);
	peer = find(p, &as);
	may = !peer || peer->connections < p->most;
	if (!may) {
		*ret_first = !peer->refused;
		peer->refused = true;
	}
	pthread_mutex_unlock(&p->lock);
	return may;
}

void peers_enter(struct peers *p, const struct peer_key *key)
{
	const struct peer_key as = counted_as(key);
	struct peer *peer;

	pthread_mutex_lock(&p->lock);
	peer = find(p, &as);
	if (!peer) {
		peer = calloc(1, sizeof(*peer));
		if (peer) {
			peer->key = as;
			HASH_ADD(hh, p->map, key, sizeof(peer->key), peer);
		}
	}
	if (peer)
		peer->connections++;
	pthread_mutex_unlock(&p->lock);
}

void peers_leave(struct peers *p, const struct peer_key *key)
{
	const struct peer_key as = counted_as(key);
	struct peer *peer;

	pthread_mutex_lock(&p->lock);
	peer = find(p, &as);
	assert(!peer || peer->connections > 0);
	if (peer && --peer->connections == 0)
		drop(p, peer);
	pthread_mutex_unlock(&p->lock);
}
