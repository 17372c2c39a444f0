/*
 * block_caps: capabilities to read blocks, as a gateway checks and makes them, by the keys that docs services
 * sign with (common/proto/cap.h). All parts of a store derive these keys from the key of the store. So a gateway
 * can judge a capability without asking any service.
 *
 * A gateway makes a capability itself only for a block that a docs service has named in the extents of a document
 * that a user may read. It uses the capability to ask other gateways and docs services on that user's behalf. The
 * capability is valid by the clocks of the services, whatever the gateway's own clock says. Any thread.
 */
#ifndef NEPHOS_GATEWAY_BLOCKS_BLOCK_CAPS_H
#define NEPHOS_GATEWAY_BLOCKS_BLOCK_CAPS_H

#include "common/proto/cap.h"
#include "common/trust/cluster.h"
#include "gateway/upstream/service_clock.h"

struct block_caps;

/* A generation of a block, in a drive. */
struct block_name {
	uint32_t drive;
	uint8_t sha256[SHA256_BYTES];
	int64_t generation;
};

/* Cluster and clock outlive it. When the cluster's keys are exchanged, the new keys count from the next call on.
 * -ENOMEM */
int block_caps_new(struct cluster *cluster, struct service_clock *clock, struct block_caps **ret);
void block_caps_free(struct block_caps *c); /* NULL is fine */
/* Checks the capability for a block of this drive and hash, and sets the generation. -ERR_FORBIDDEN: it is wrong,
 * has expired, or is no capability. */
int block_caps_check(struct block_caps *c, struct block_name *name, struct span cap);
/* -ENOENT: there is no key. */
int block_caps_sign(struct block_caps *c, const struct block_name *name, char ret[CAP_TEXT_SIZE]);

#endif
