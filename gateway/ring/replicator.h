/*
 * replicator: copies what this gateway keeps as the home of drives to the next gateway on the ring, which is their
 * home when this one is gone. In the background, by a thread of its own: nobody waits for it.
 *
 * Three things go: each answer that was kept just now; what was touched in a drive, so that the replica follows; and,
 * in rounds over the whole cache, all that is kept, so that a new successor gets it, what was lost on the way goes
 * again, and the other side learns what is read often. The successor says what it lacks; only that is sent.
 *
 * Bounded, and dropped when it is behind: queues, one call at a time, bytes of a call and of a second. What is dropped
 * is counted, and the next round brings it; what was touched and is dropped, the replica asks the journal for.
 *
 * Threads: replicator_kept and _touched come with a lock of the keeper's held, or none; order of locks: the ring's,
 * the keeper's, then this one's. The thread calls ring, keeper and cache without a lock.
 */
#ifndef NEPHOS_GATEWAY_RING_REPLICATOR_H
#define NEPHOS_GATEWAY_RING_REPLICATOR_H

#include "common/base/metrics.h"
#include "common/http/client/client.h"
#include "gateway/cache/cache.h"
#include "gateway/ring/keeper.h"
#include "gateway/ring/ring.h"

#include <jansson.h>

#define REPLICATOR_QUEUE_MAX 16384u	/* answers that wait to be offered: 512 KiB; what is more comes with a round */
#define REPLICATOR_DRIVES_MAX 256u	/* of which something was touched and not told yet: 6 KiB each */
#define REPLICATOR_BYTES_MAX 524288u	/* of answers in one call, but for a single larger one; also held in memory */
#define REPLICATOR_BYTES_PER_S 33554432 /* a quarter of a gigabit link; not when this gateway leaves */
#define REPLICATOR_TICK_MS 50		/* what comes within it goes in one call */
#define REPLICATOR_LOOK_MS 500		/* while nothing is to be copied, for a change of members */
#define REPLICATOR_ROUND_MS 10000	/* from the end of one to the next: how late a lost answer comes again */
#define REPLICATOR_CALL_MS 1500		/* it is a gateway beside this one; one that stands still holds up the others */
#define REPLICATOR_CONNECT_MS 500
#define REPLICATOR_PAUSE_MS 1000 /* who has not answered is left alone for so long */

struct replicator;

struct replicator_options {
	struct http_client *client; /* to gateways; all outlive replicator_stop */
	struct cache *cache;
	struct keeper *keeper;
	struct ring *ring;
};

int replicator_new(struct metrics *metrics, struct replicator **ret);
int replicator_start(struct replicator *r, const struct replicator_options *options);
/* Before this gateway leaves the ring: all that it keeps is offered, or the time is over. */
void replicator_flush(struct replicator *r, unsigned deadline_ms);
void replicator_stop(struct replicator *r); /* NULL is fine, for both */
void replicator_free(struct replicator *r);

void replicator_kept(void *cookie, const struct cache_mark *mark);		      /* for cache_listener */
void replicator_touched(void *cookie, uint32_t drive, const struct touched *touched); /* for keeper_options */

/* {queued, lag_ms, offered, sent, bytes, rounds, dropped, failures}; lag_ms: since when the oldest of what waits does.
 * NULL: no memory */
json_t *replicator_status(struct replicator *r);
void replicator_refresh(struct replicator *r); /* gauges */

#endif
