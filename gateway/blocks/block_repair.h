/*
 * block_repair: sees to it that the gateways which own a block have it. Whoever reads a block offers it: if that was
 * not done since the ring's members changed, its other owners are asked whether they have it, and are brought it where
 * they do not. So what is read lies on as many gateways as own it, and a copy that went with a gateway is made again by
 * the next who reads what is left.
 *
 * In the background and bounded: some at a time, some that wait; more are not taken, as the next read offers it again.
 * An owner that let it fall out is not asked again before the ring changes: what it has no room for would be brought to
 * it over and over. Any thread.
 */
#ifndef NEPHOS_GATEWAY_BLOCKS_BLOCK_REPAIR_H
#define NEPHOS_GATEWAY_BLOCKS_BLOCK_REPAIR_H

#include "common/base/metrics.h"
#include "common/http/client/client.h"
#include "gateway/blocks/block.h"
#include "gateway/blocks/block_caps.h"
#include "gateway/ring/ring.h"
#include "gateway/upstream/registry.h"

#define BLOCK_OWNERS 2u		  /* copies that the ring keeps: one gateway may go */
#define BLOCK_REPAIRS_MAX 2u	  /* under way: a reader's own blocks have the network first */
#define BLOCK_REPAIRS_WAITING 32u /* 128 MiB that may have fallen out of the cache meanwhile */
#define BLOCK_REPAIR_CALL_MS 5000 /* of one call: a block over a slow network; it is in no hurry */

struct block_repair;

struct block_repair_options {
	struct http_client *client; /* freed between block_repair_stop and block_repair_free */
	struct registry *registry;
	struct ring *ring; /* NULL: there is none, and nothing to be done */
	struct block_caps *caps;
	struct metrics *metrics;
};

int block_repair_new(const struct block_repair_options *options, struct block_repair **ret); /* -ENOMEM */
void block_repair_stop(struct block_repair *r); /* nothing begins any more. NULL is fine, for both */
void block_repair_free(struct block_repair *r);
/* A block that was read, and is right. */
void block_repair_offer(struct block_repair *r, struct block *block, const struct block_name *name);

#endif
