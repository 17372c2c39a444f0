/*
 * block_caps: capabilities to read blocks, as a gateway checks and makes them: by the keys that docs services sign with
 * (common/proto/cap.h), which all parts of a store derive from its own. So who comes with one is judged without a
 * question to anybody.
 *
 * A gateway makes one itself only for a block that a docs service has named to it in the extents of a document that a
 * user may read: with it it asks other gateways and docs services on that user's behalf. It holds by the clocks of
 * those, whatever its own one says. Any thread.
 */
#ifndef NEPHOS_GATEWAY_BLOCKS_BLOCK_CAPS_H
#define NEPHOS_GATEWAY_BLOCKS_BLOCK_CAPS_H

#include "common/proto/cap.h"
#include "common/trust/cluster.h"
#include "gateway/upstream/service_clock.h"

struct block_caps;

/* Which generation of which block, in which drive. */
struct block_name {
	uint32_t drive;
	uint8_t sha256[SHA256_BYTES];
	int64_t generation;
};

/* Cluster and clock outlive it; when the cluster's keys are exchanged, the new ones count from the next call on.
 * -ENOMEM */
int block_caps_new(struct cluster *cluster, struct service_clock *clock, struct block_caps **ret);
void block_caps_free(struct block_caps *c); /* NULL is fine */
/* Of a block of this drive and hash: sets the generation. -ERR_FORBIDDEN: wrong, over, or no such text. */
int block_caps_check(struct block_caps *c, struct block_name *name, struct span cap);
/* -ENOENT: there is no key. */
int block_caps_sign(struct block_caps *c, const struct block_name *name, char ret[CAP_TEXT_SIZE]);

#endif
