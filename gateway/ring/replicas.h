/*
 * replicas: takes what homes of drives copy to this gateway, as their successor. Nothing of it is given to
 * clients before this gateway is the home itself (keeper.h). The content of a message is trusted: the caller has
 * made sure that its sender is a gateway of the store. A malformed message is refused and counted.
 *
 * Why no entry is older than the position of its replica: the fence is noted first, and goes into the ticket.
 * Then a drive of the offer is taken only if nothing later than the position of its home has been dropped here.
 * Entries are true at that position or a later one, and come with that fence: the cache has either remembered
 * what was dropped in between, or refuses them all.
 *
 * A lifetime counts from the ticket, on this gateway's clock; its sender has computed later than that what was
 * left.
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

#define REPLICAS_TICKET_S 60 /* an older ticket is invalid: a call ends long before, see REPLICATOR_CALL_MS */

struct replicas;

enum replicas_refusal {
	REPLICAS_STRANGER, /* the sender is no gateway of this store */
	REPLICAS_TOO_LARGE,
	REPLICAS_MALFORMED,
	REPLICAS_REFUSALS
};

/* cache and keeper outlive the replicas. -ENOMEM */
int replicas_new(struct cache *cache, struct keeper *keeper, struct metrics *metrics, struct replicas **ret);
void replicas_free(struct replicas *r); /* NULL is fine */

/* Takes an offer; ret: the ticket. -EBADMSG: the message is malformed, and was counted; -ENOMEM */
int replicas_take_offer(struct replicas *r, struct span message, struct buf *ret);
/* Takes entries; errors as above. */
int replicas_take_entries(struct replicas *r, struct span message);
void replicas_count_refusal(struct replicas *r, enum replicas_refusal why);

/* {offers, copied, refused: {stranger, too_large, malformed}}. NULL: no memory */
json_t *replicas_status(struct replicas *r);

#endif
