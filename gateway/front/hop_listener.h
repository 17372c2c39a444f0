/*
 * hop_listener: where other gateways reach this one, and nobody else. Requests for drives that they pass on (hop) go to
 * the proxy, as those of clients do; blocks that this gateway owns are asked for and brought here, what others keep as
 * homes is copied here, and what they have kept of this home's answers they ask about. A service, or who is no part of
 * the store, is told what a stranger is told.
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
#define HOP_ASKING_MAX 1u  /* about what it has kept of this one's answers */
#define HOP_IDLE_MAX 256u  /* connections that another gateway keeps open for what comes next */
/* What is at work here at once has a place in the shares, whoever it came from; what has none is refused at once.
 * Beside that stand the idle connections of all others. */
#define HOP_CONNECTIONS_MAX \
	(SHARE_CALLS_MAX + (MEMBERSHIP_GATEWAYS_MAX - 1) * (HOP_IDLE_MAX + HOP_COPYING_MAX + HOP_ASKING_MAX))

struct hop_listener;

struct hop_listener_options {
	const char *name;      /* of this gateway */
	const char *address;   /* no unix socket */
	uint16_t port;	       /* 0: any free one */
	const char *advertise; /* http://HOST[:PORT], by which the others reach it; NULL: address and port */
	unsigned threads;
	struct door *door; /* this and the next three outlive the listener */
	struct proxy *proxy;
	struct block_peer blocks;
	struct replicas *replicas;
};

/* -EINVAL: an address or URL that others cannot use; why says what to give. Other failures: it cannot listen there. */
int hop_listener_start(const struct hop_listener_options *options, struct buf *why, struct hop_listener **ret);
const char *hop_listener_url(const struct hop_listener *l); /* by which the others reach it */
void hop_listener_drain(struct hop_listener *l, unsigned deadline_ms);
/* And frees it. What is under way is kept by whoever is to answer it. NULL is fine. */
void hop_listener_stop(struct hop_listener *l);

#endif
