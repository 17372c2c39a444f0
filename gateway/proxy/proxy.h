/*
 * proxy: a public request goes to an instance of its service, written anew, and the answer comes back. Bodies of known
 * size up to PROXY_REPLAY_BYTES are collected first, so that a slow client holds no instance and another instance can
 * be tried; larger ones stream through with bounded memory. No thread waits for anything.
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
/* Memory for a body is taken for what has come of it, in such steps; of all at once SHARE_BODIES_BYTES, and of one user
 * no more than others are left (share_policy): beyond that the rest streams, and the request is tried once. */
#define PROXY_COLLECT_STEP (256u * 1024)
#define PROXY_ANSWER_BYTES (64u * 1024) /* answers up to this are collected and sent in one piece */
#define PROXY_STALL_MS 20000		/* an instance from which no byte came for so long has failed */
/* Another instance, if there is one, is asked after so long without a byte; the mount gives up after 10 s. One that was
 * stopped or lost is left earlier, when its registration runs out. */
#define PROXY_READ_FIRST_BYTE_MS 3000
#define PROXY_WRITE_FIRST_BYTE_MS 6000 /* a full batch on a busy disk */
/* How long a change waits for its drive to have a home: a lease, the change of members, a claim, twice over. A mount
 * gives up after 10 s. */
#define PROXY_HOME_WAIT_MS 8000
/* An answer that is cut while it is passed on is gone on with so many times, and is for so long in all without anybody
 * who sends it: as long as others wait for a home. */
#define PROXY_RESTS_MAX 8u
#define PROXY_REST_WAIT_MS PROXY_HOME_WAIT_MS
#define PROXY_POLL_STALL_MS ((POLL_WAIT_S_MAX + 15) * 1000) /* except for long polls */

struct proxy;

extern const struct under_way_ops PROXY_UNDER_WAY; /* for the under_way that it is given */

/* What it works with; all of it outlives the proxy. */
struct proxy_options {
	struct registry *registry;	      /* which services live */
	struct http_client *client;	      /* to them */
	struct auth *auth;		      /* whose tokens it doubts */
	struct under_way *under_way;	      /* where its requests are found by their tokens, and get their shares */
	const struct client_address *clients; /* NULL: no reverse proxy is believed */
	struct metrics *metrics;	      /* NULL: nothing is counted */
	const char *name;		      /* of this gateway */
	struct keeper *keeper;		      /* NULL: there is no ring: everything goes to services, nothing is kept */
	struct cache *cache;		      /* with a keeper: what is kept */
	struct block_source *blocks;	      /* with a keeper: blocks, and what large content is put together from */
	struct block_caps *caps;	      /* with blocks */
};

int proxy_new(const struct proxy_options *options, struct proxy **ret);
void proxy_free(struct proxy *p); /* nothing may be under way */
void proxy_drain(
	struct proxy *p); /* long polls end with 503 within about a second, so that they do not hold up the end */
/* Answers the request, now or later. The identity is the guard's. */
void proxy_forward(struct proxy *p, struct http_request *req, enum registry_kind kind);
/* What another gateway asks this home: of answers that it has kept, whether they are what this one would answer now
 * (validation_message.h). -EBADMSG: it is no such message; -ENOMEM */
int proxy_judge_answers(struct proxy *p, struct span questions, struct buf *ret);

#endif
