/*
 * replicas: takes what homes of drives copy to this gateway, as their successor. Nothing of it is given to anybody
 * before this gateway is the home itself (keeper.h). What a message says is taken as it is: who sends it has been found
 * to be a gateway of the store. What is no message is refused and counted.
 *
 * Why no entry is older than the replica's position says: an offer is taken if nothing behind its position has been
 * dropped here; then the fence is noted, and said with the ticket. Entries are true at that position or a later one,
 * and come with that fence: whatever is dropped in between, the cache knows, or refuses them all.
 *
 * A lifetime is counted from the ticket, on this gateway's clock; its sender has said what was left of it after that.
 *
 * Any thread; does not block.
 */
#ifndef NEPHOS_GATEWAY_RING_REPLICAS_H
#define NEPHOS_GATEWAY_RING_REPLICAS_H

#include "common/base/buf.h"
#include "common/base/metrics.h"
#include "gateway/cache/cache.h"
#include "gateway/ring/keeper.h"

#include <jansson.h>

#define REPLICAS_TICKET_S 60 /* older ones are none: a call is over long before, see REPLICATOR_CALL_MS */

struct replicas;

enum replicas_refusal {
	REPLICAS_STRANGER, /* who sent it is no gateway of this store */
	REPLICAS_TOO_LARGE,
	REPLICAS_MALFORMED,
	REPLICAS_REFUSALS
};

/* cache and keeper outlive it. -ENOMEM */
int replicas_new(struct cache *cache, struct keeper *keeper, struct metrics *metrics, struct replicas **ret);
void replicas_free(struct replicas *r); /* NULL is fine */

/* An offer; ret: the ticket. -EBADMSG: it is none, and was counted; -ENOMEM */
int replicas_take_offer(struct replicas *r, struct span message, struct buf *ret);
/* Likewise, entries. */
int replicas_take_entries(struct replicas *r, struct span message);
void replicas_count_refusal(struct replicas *r, enum replicas_refusal why);

/* {offers, copied, refused: {stranger, too_large, malformed}}. NULL: no memory */
json_t *replicas_status(struct replicas *r);

#endif
