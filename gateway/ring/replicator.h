/*
 * replicator: copies what this gateway keeps as the home of drives to the next gateway on the ring, which becomes
 * their home when this one is gone. A thread of its own does this in the background: no request waits for it.
 *
 * It sends three things: each answer that was kept just now; what was touched in a drive, so that the replica
 * follows; and, in rounds over the whole cache, everything that is kept. A round supplies a new successor,
 * repeats what was lost on the way, and updates at the successor how often entries are read. The successor
 * answers which of the offered keys it lacks; only these entries are sent.
 *
 * Bounded: the queues, one call at a time, the bytes of a call and the bytes of a second. What has no room is
 * dropped and counted. The next round repeats dropped answers; for dropped changes the replica asks the journal.
 *
 * Threads: replicator_kept and replicator_touched are called with one of the keeper's locks held, or with none.
 * Order of locks: the ring's, the keeper's, then this one's. The thread calls ring, keeper and cache without a
 * lock.
 */
#ifndef NEPHOS_GATEWAY_RING_REPLICATOR_H
#define NEPHOS_GATEWAY_RING_REPLICATOR_H

#include "common/base/metrics.h"
#include "common/http/client/client.h"
#include "gateway/cache/cache.h"
#include "gateway/ring/keeper.h"
#include "gateway/ring/ring.h"

#include <jansson.h>

#define REPLICATOR_QUEUE_MAX 16384u	/* answers that wait to be offered: 512 KiB; more are left to a round */
#define REPLICATOR_DRIVES_MAX 256u	/* with changes that were not sent yet: 6 KiB each */
#define REPLICATOR_BYTES_MAX 524288u	/* of answers in one call, unless a single one is larger; also held in memory */
#define REPLICATOR_BYTES_PER_S 33554432 /* a quarter of a gigabit link; no limit when this gateway leaves */
#define REPLICATOR_TICK_MS 50		/* what comes within a tick goes in one call */
#define REPLICATOR_LOOK_MS 500		/* between looks for a change of members while nothing is to be copied */
#define REPLICATOR_ROUND_MS 10000	/* from the end of a round to the next: a lost answer is repeated so late */
#define REPLICATOR_CALL_MS 1500		/* the successor is near; one that hangs holds up the others */
#define REPLICATOR_CONNECT_MS 500
#define REPLICATOR_PAUSE_MS 1000 /* a gateway that did not answer is not called for so long */

struct replicator;

struct replicator_options {
	struct http_client *client; /* to gateways; all four outlive replicator_stop */
	struct cache *cache;
	struct keeper *keeper;
	struct ring *ring;
};

int replicator_new(struct metrics *metrics, struct replicator **ret);
int replicator_start(struct replicator *r, const struct replicator_options *options);
/* Call it before this gateway leaves the ring. Returns when all that the gateway keeps was offered, or at the
 * deadline. */
void replicator_flush(struct replicator *r, unsigned deadline_ms);
void replicator_stop(struct replicator *r); /* NULL is fine, for both */
void replicator_free(struct replicator *r);

void replicator_kept(void *cookie, const struct cache_mark *mark);		      /* for cache_listener */
void replicator_touched(void *cookie, uint32_t drive, const struct touched *touched); /* for keeper_options */

/* {queued, lag_ms, offered, sent, bytes, rounds, dropped, failures}; lag_ms: how long the oldest queued item has
 * waited. NULL: no memory */
json_t *replicator_status(struct replicator *r);
void replicator_refresh(struct replicator *r); /* updates the gauges */

#endif
