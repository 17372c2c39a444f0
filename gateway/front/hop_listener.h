/*
 * hop_listener: the server for other gateways, and for nobody else. Requests for drives that other gateways
 * pass on (hop) go to the proxy, as those of clients do. Other gateways also ask here for blocks that this
 * gateway owns, or bring such blocks; they copy here what they keep as homes; and they ask whether answers of
 * this home that they have kept are still right. A service, or a peer that is no part of the store, is answered
 * like a stranger.
 */
#ifndef NEPHOS_GATEWAY_FRONT_HOP_LISTENER_H
#define NEPHOS_GATEWAY_FRONT_HOP_LISTENER_H

#include "common/ring/membership.h"
#include "common/trust/door.h"
#include "gateway/access/share_policy.h"
#include "gateway/blocks/block_peer.h"
#include "gateway/proxy/proxy.h"
#include "gateway/ring/replicas.h"

#define HOP_COPYING_MAX 1u /* calls of another gateway, at once, about what it copies here */
#define HOP_ASKING_MAX 1u  /* about answers of this gateway that it has kept */
#define HOP_IDLE_MAX 256u  /* connections that another gateway keeps open for later calls */
/* Each request in flight here has a place in the shares, whichever gateway it came from; a request that gets no
 * place is refused at once. The idle connections of all other gateways come on top. */
#define HOP_CONNECTIONS_MAX \
	(SHARE_CALLS_MAX + (MEMBERSHIP_GATEWAYS_MAX - 1) * (HOP_IDLE_MAX + HOP_COPYING_MAX + HOP_ASKING_MAX))

struct hop_listener;

struct hop_listener_options {
	const char *name;      /* of this gateway */
	const char *address;   /* no unix socket */
	uint16_t port;	       /* 0: any free one */
	const char *advertise; /* http://HOST[:PORT], by which other gateways reach it; NULL: address and port */
	unsigned threads;
	struct door *door; /* this and the next three outlive the listener */
	struct proxy *proxy;
	struct block_peer blocks;
	struct replicas *replicas;
};

/* -EINVAL: an address or URL that other gateways cannot use; why says what to give instead. Other failures: it
 * cannot listen there. */
int hop_listener_start(const struct hop_listener_options *options, struct buf *why, struct hop_listener **ret);
const char *hop_listener_url(const struct hop_listener *l); /* by which other gateways reach it */
void hop_listener_drain(struct hop_listener *l, unsigned deadline_ms);
/* Stops and frees it. Each request in flight is kept by the part that is to answer it. NULL is fine. */
void hop_listener_stop(struct hop_listener *l);

#endif
