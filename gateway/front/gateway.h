/*
 * gateway: the front door as one object: registry, tokens, proxy, ring, assets and the route table over them.
 * main.c gives it settings and signals.
 *
 * It has three servers. Clients come to the public one, whose routes are shown on the API pages. Services come
 * to the internal one, to report that they live and which tokens are revoked. Other gateways come to the hop
 * listener. All parts are made before the first server listens; the public one listens last, when services have
 * announced themselves or some time has passed, so that a client is not refused only because a gateway was
 * faster than a service. After that the gateway joins the ring.
 *
 * The end goes the other way: the gateway copies to others those of its answers that they lack, leaves the
 * ring, answers clients and lets them go, then gateways, and services last, since requests in flight still ask
 * whether services live.
 */
#ifndef NEPHOS_GATEWAY_FRONT_GATEWAY_H
#define NEPHOS_GATEWAY_FRONT_GATEWAY_H

#include "common/base/metrics.h"
#include "common/http/server/server.h"
#include "common/trust/cluster.h"
#include "gateway/cache/cache.h"

#include <stdio.h>

#define GATEWAY_CONNECTIONS_MAX 16384 /* of clients; a suspended long poll has one */
/* Of one address, by default: a large office behind one address, with a mount and a browser for each person.
 * Four such addresses are needed to take all connections. */
#define GATEWAY_CONNECTIONS_PER_ADDRESS 4096
/* Connections of other gateways: one for each request in flight here, and those that each of 63 others keeps
 * open. */
#define GATEWAY_HOPS_MAX (8704u + 63u * 258u)

/* Of answers and blocks that are kept, with all that belongs to them. */
#define GATEWAY_CACHE_BYTES CACHE_BYTES_DEFAULT
#define GATEWAY_CACHE_BYTES_MIN CACHE_BYTES_MIN
#define GATEWAY_CACHE_BYTES_MAX CACHE_BYTES_MAX

struct gateway;

struct gateway_options {
	const char *name;
	const char *address;
	uint16_t port;
	unsigned threads;
	/* Where services reach the gateway: an address with internal_port, or "unix:PATH". None of the routes
	 * there is on the public listener. */
	const char *internal_address;
	uint16_t internal_port; /* 0: any free one */
	/* Where other gateways reach this one; NULL: address, and any free port. A wildcard address needs
	 * ring_advertise. */
	const char *ring_address;
	uint16_t ring_port;	    /* 0: any free one */
	const char *ring_advertise; /* base URL by which other gateways reach this one; NULL: that address and port */
	/* Base URL by which clients reach this gateway, as other gateways name it; NULL: address and port. */
	const char *advertise;
	const char *peers; /* base URLs of all gateways, with commas; may be NULL: shown in /status, for clients */
	/* ADDRESS[/BITS], with commas: proxies whose X-Forwarded-For is believed (client_address), and which
	 * are exempt from the limit of connections; may be NULL */
	const char *trusted_proxies;
	struct cluster *cluster; /* outlives the gateway */
	/* greets services on connections to them; NULL: the door of the cluster. For tests of what comes after
	 * the greeting */
	const struct http_greeter *greeter;
	size_t cache_bytes;	  /* for answers and blocks that are kept; 0: GATEWAY_CACHE_BYTES */
	bool ringless;		  /* out of the ring. For the same tests: their services get only expected requests */
	unsigned connections_max; /* 0: GATEWAY_CONNECTIONS_MAX */
	unsigned connections_per_address; /* 0: no limit */
	/* At its start the gateway takes no clients for this long, unless a service of each kind has
	 * registered: a client that is refused a connection goes elsewhere, but one that gets a 503 has failed.
	 * 0: it does not wait */
	unsigned services_wait_ms;
	const char *cors_origins; /* origins whose pages may use the store (cors.h); NULL: none */
	const char *assets_dir;	  /* folder of the API pages; may be NULL: there are none */
};

/* On failure, `why` may get what was wrong, with what, and by which setting. */
int gateway_start(const struct gateway_options *options, struct buf *why, struct gateway **ret);
uint16_t gateway_port(const struct gateway *g);
uint16_t gateway_internal_port(const struct gateway *g);     /* 0: a unix socket */
const char *gateway_hop_url(const struct gateway *g);	     /* by which other gateways reach this one */
void gateway_drain(struct gateway *g, unsigned deadline_ms); /* no new connections; requests in flight may finish */
void gateway_free(struct gateway *g);
void gateway_print_fsm(FILE *out); /* the states of a member of the ring, and the transitions between them */

#endif
