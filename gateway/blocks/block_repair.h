/*
 * block_repair: takes care that the gateways which own a block have it. A reader offers each block that it has
 * read. If the block was not taken care of since the ring's members changed, this module asks the block's other
 * owners whether they have it, and sends it to those that do not. So a block that is read lies on all gateways
 * that own it, and a copy that was lost with a gateway is made again when another copy is read.
 *
 * In the background and bounded: some blocks at a time, and some that wait. More are not taken, because the next
 * read offers them again. An owner that has evicted the block is not asked again before the ring changes:
 * otherwise blocks for which it has no room would be sent to it over and over. Any thread.
 */
#ifndef NEPHOS_GATEWAY_BLOCKS_BLOCK_REPAIR_H
#define NEPHOS_GATEWAY_BLOCKS_BLOCK_REPAIR_H

#include "common/base/metrics.h"
#include "common/http/client/client.h"
#include "gateway/blocks/block.h"
#include "gateway/blocks/block_caps.h"
#include "gateway/ring/ring.h"
#include "gateway/upstream/registry.h"

#define BLOCK_OWNERS 2u		  /* copies that the ring keeps, so that one gateway may fail */
#define BLOCK_REPAIRS_MAX 2u	  /* in flight: blocks that a reader waits for have the network first */
#define BLOCK_REPAIRS_WAITING 32u /* 128 MiB, which the cache may have evicted meanwhile */
#define BLOCK_REPAIR_CALL_MS 5000 /* for one call: a block over a slow network, which is not urgent */

struct block_repair;

struct block_repair_options {
	struct http_client *client; /* freed between block_repair_stop and block_repair_free */
	struct registry *registry;
	struct ring *ring; /* NULL: there is no ring, and nothing to be done */
	struct block_caps *caps;
	struct metrics *metrics;
};

int block_repair_new(const struct block_repair_options *options, struct block_repair **ret); /* -ENOMEM */
void block_repair_stop(struct block_repair *r); /* begins nothing new. NULL is fine, for both */
void block_repair_free(struct block_repair *r);
/* Offers a block that was read and verified. */
void block_repair_offer(struct block_repair *r, struct block *block, const struct block_name *name);

#endif
