/*
 * proxy: sends a public request, written anew, to an instance of its service, and passes the answer back.
 * Bodies of known size up to PROXY_REPLAY_BYTES are collected first, so that a slow client does not occupy an
 * instance and another instance can be tried; larger bodies stream through with bounded memory. No thread
 * blocks.
 */
#ifndef NEPHOS_GATEWAY_PROXY_PROXY_H
#define NEPHOS_GATEWAY_PROXY_PROXY_H

#include "common/base/limits.h"
#include "gateway/access/auth.h"
#include "gateway/access/client_address.h"
#include "gateway/blocks/block_source.h"
#include "gateway/cache/cache.h"
#include "gateway/ring/keeper.h"

#define PROXY_REPLAY_BYTES BATCH_BYTES_MAX /* the largest body that is kept for a second try: a batch, or two blocks */
/* Memory for a body is taken in steps of this size as the body arrives: at most SHARE_BODIES_BYTES for all
 * bodies together, and for one user no more than share_policy leaves free for the others. Beyond that the rest
 * of the body streams, and the request is tried once. */
#define PROXY_COLLECT_STEP (256u * 1024)
#define PROXY_ANSWER_BYTES (64u * 1024) /* answers up to this size are collected and sent in one piece */
#define PROXY_STALL_MS 20000		/* an instance that sends no byte for this long has failed */
/* After this time without a byte the request goes to another instance, if there is one; the mount gives up
 * after 10 s. A stopped or lost instance is abandoned earlier, when its registration expires. */
#define PROXY_READ_FIRST_BYTE_MS 3000
#define PROXY_WRITE_FIRST_BYTE_MS 6000 /* a full batch on a busy disk */
/* How long a change waits until its drive has a home: twice the time of a lease, the change of members and a
 * claim. A mount gives up after 10 s. */
#define PROXY_HOME_WAIT_MS 8000
/* An answer that is cut while it is passed on is resumed at most PROXY_RESTS_MAX times, and may be without a
 * sender for PROXY_REST_WAIT_MS in total: as long as other requests wait for a home. */
#define PROXY_RESTS_MAX 8u
#define PROXY_REST_WAIT_MS PROXY_HOME_WAIT_MS
#define PROXY_POLL_STALL_MS ((POLL_WAIT_S_MAX + 15) * 1000) /* instead of PROXY_STALL_MS, for long polls */

struct proxy;

extern const struct under_way_ops PROXY_UNDER_WAY; /* for proxy_options.under_way */

/* What the proxy works with; all of it outlives the proxy. */
struct proxy_options {
	struct registry *registry;	      /* the live instances of each service */
	struct http_client *client;	      /* for calls to services and other gateways */
	struct auth *auth;		      /* asked about tokens in doubt */
	struct under_way *under_way;	      /* finds requests by their tokens, and has the users' shares */
	const struct client_address *clients; /* NULL: no reverse proxy is trusted */
	struct metrics *metrics;	      /* NULL: nothing is counted */
	const char *name;		      /* of this gateway */
	struct keeper *keeper;		      /* NULL: there is no ring: everything goes to services, nothing is kept */
	struct cache *cache;		      /* with a keeper: the answers that are kept */
	struct block_source *blocks;	      /* with a keeper: blocks, from which long content is assembled, too */
	struct block_caps *caps;	      /* with blocks */
};

int proxy_new(const struct proxy_options *options, struct proxy **ret);
void proxy_free(struct proxy *p); /* no request may be in flight */
void proxy_drain(
	struct proxy *p); /* long polls end with 503 within about a second, so that they do not delay the end */
/* Answers the request, now or later. The identity is the one that the guard (auth) has found. */
void proxy_forward(struct proxy *p, struct http_request *req, enum registry_kind kind);
/* Another gateway asks this one, as the home of drives, whether this one would now give the same answers that
 * the other gateway has kept (validation_message.h). -EBADMSG: questions is no such message; -ENOMEM */
int proxy_judge_answers(struct proxy *p, struct span questions, struct buf *ret);
/* What was passed on since the start. */
struct proxy_counts {
	int64_t hops, hop_failures; /* to the homes of drives */
	int64_t held;		    /* requests that had to wait until their drive had a home, or a service was there */
	int64_t services[REGISTRY_KINDS], failures[REGISTRY_KINDS];
};
void proxy_count(const struct proxy *p, struct proxy_counts *ret);

#endif
