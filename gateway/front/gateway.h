/*
 * gateway: the front door as one object: registry, tokens, proxy, ring, assets and the route table over them. main.c
 * gives it settings and signals.
 *
 * It has three servers. Clients come to the public one, whose routes are shown on the API pages. Services come to the
 * internal one, which says that they live and which tokens are revoked. Other gateways come to the hop listener. All
 * parts are made before the first of them listens; the public one listens last, when services have announced themselves
 * or some time has passed, so that a client is not refused only because a gateway was faster than a service. The ring
 * is joined after that.
 *
 * The end goes the other way: what others lack of this gateway's answers is copied to them, the ring is left, clients
 * are answered and let go, then gateways, and services last, since what is under way still asks whether they live.
 */
#ifndef NEPHOS_GATEWAY_FRONT_GATEWAY_H
#define NEPHOS_GATEWAY_FRONT_GATEWAY_H

#include "common/base/metrics.h"
#include "common/http/server/server.h"
#include "common/trust/cluster.h"
#include "gateway/cache/cache.h"

#include <stdio.h>

#define GATEWAY_CONNECTIONS_MAX 16384 /* of clients; a suspended long poll is one */
/* Of one address, unless told: a large office behind one, with a mount and a browser each. It takes four to take
 * all. */
#define GATEWAY_CONNECTIONS_PER_ADDRESS 4096
/* Connections of other gateways: what is at work here at once, and for each of 63 others what it keeps open. */
#define GATEWAY_HOPS_MAX (8704u + 63u * 258u)

/* Of answers that are kept, with all that belongs to them. */
#define GATEWAY_CACHE_BYTES CACHE_BYTES_DEFAULT
#define GATEWAY_CACHE_BYTES_MIN CACHE_BYTES_MIN
#define GATEWAY_CACHE_BYTES_MAX CACHE_BYTES_MAX

struct gateway;

struct gateway_options {
	const char *name;
	const char *address;
	uint16_t port;
	unsigned threads;
	/* Where services reach it: an address with internal_port, or "unix:PATH". None of the routes there is on the
	 * public listener. */
	const char *internal_address;
	uint16_t internal_port; /* 0: any free one */
	/* Where other gateways reach it; NULL: address, and any free port. A wildcard needs ring_advertise. */
	const char *ring_address;
	uint16_t ring_port;	    /* 0: any free one */
	const char *ring_advertise; /* base URL by which the others reach it; NULL: that address and port */
	/* Base URL by which clients reach this one, as the others name it; NULL: address and port. */
	const char *advertise;
	const char *peers; /* base URLs of all gateways, with commas; may be NULL: shown in /status, for clients */
	/* ADDRESS[/BITS], with commas: their X-Forwarded-For is believed (client_address), and they are exempt from the
	 * limit of connections; may be NULL */
	const char *trusted_proxies;
	struct cluster *cluster; /* outlives the gateway */
	/* asked on connections to services; NULL: the door of the cluster. For tests of what comes after */
	const struct http_greeter *greeter;
	size_t cache_bytes; /* that answers may take which are kept; 0: GATEWAY_CACHE_BYTES */
	bool ringless;	    /* it stays outside of the ring. For the same tests: their services hear what they expect */
	unsigned connections_max;	  /* 0: GATEWAY_CONNECTIONS_MAX */
	unsigned connections_per_address; /* 0: no limit */
	/* How long it takes no clients at its start as long as no service of each kind has registered: who is refused a
	 * connection goes elsewhere, and who is told 503 has failed. 0: not at all */
	unsigned services_wait_ms;
	const char *cors_origins; /* pages of which other origins may use the store (cors.h); NULL: of none */
	const char *assets_dir;	  /* of the API pages; may be NULL: there are none */
};

/* A failure may append to why what was wrong, with what, and by which setting. */
int gateway_start(const struct gateway_options *options, struct buf *why, struct gateway **ret);
uint16_t gateway_port(const struct gateway *g);
uint16_t gateway_internal_port(const struct gateway *g);     /* 0: a unix socket */
const char *gateway_hop_url(const struct gateway *g);	     /* by which other gateways reach it */
void gateway_drain(struct gateway *g, unsigned deadline_ms); /* no new connections; what is under way may finish */
void gateway_free(struct gateway *g);
void gateway_print_fsm(FILE *out); /* the states of a member of the ring, and the ways between them */

#endif
