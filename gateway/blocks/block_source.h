/*
 * block_source: where a gateway gets a block from. From its own memory (block_cache); else from the gateways that own
 * it, which are the first BLOCK_OWNERS by its hash (common/ring/placement), whatever drive it is in; else from a docs
 * service, by the capability. What came is verified once, on a thread of its own, before anybody gets it; who sent
 * something else is passed by. It is kept then, and its owners are offered it (block_repair).
 *
 * The same block is fetched once, however many wait for it. So many fetches are under way at once (each holds a block);
 * the others wait in the order in which they came. Who waits has taken his share of bodies for it.
 *
 * Threads: any. Waiters are called on the HTTP client's thread or the verifier's, without a lock.
 */
#ifndef NEPHOS_GATEWAY_BLOCKS_BLOCK_SOURCE_H
#define NEPHOS_GATEWAY_BLOCKS_BLOCK_SOURCE_H

#include "common/base/metrics.h"
#include "common/http/client/client.h"
#include "gateway/blocks/block_cache.h"
#include "gateway/blocks/block_caps.h"
#include "gateway/ring/ring.h"
#include "gateway/upstream/registry.h"

/* Fetches under way at once: 64 MiB of blocks on their way, and as much as a network of 10 Gbit/s carries in 50 ms. */
#define BLOCK_FETCHES_MAX 16u
#define BLOCK_PEER_MS 500      /* of one question to an owner: the docs service has it, too */
#define BLOCK_SERVICE_MS 20000 /* no byte from a docs service for so long: as of any answer (PROXY_STALL_MS) */

struct block_source;
struct block_repair;

struct block_source_options {
	struct http_client *client; /* freed between block_source_stop and block_source_free */
	struct registry *registry;
	struct ring *ring; /* NULL: there is none: a docs service is asked */
	struct block_cache *cache;
	struct block_caps *caps;
	struct metrics *metrics;
};

/* Somebody who waits; embedded. */
struct block_waiter {
	/* Once for each block_source_ask. error: nobody has it (-ERR_NOT_FOUND), nobody could be asked
	 * (-ERR_UNAVAILABLE), or it was stopped (-ECANCELED); block is borrowed. */
	void (*done)(struct block_waiter *waiter, int error, struct block *block);
	/* The source's own. */
	struct block_fetch *fetch;
	bool late; /* it was on its way when he came */
	struct block_waiter *prev, *next;
};

int block_source_new(const struct block_source_options *options, struct block_source **ret); /* -ENOMEM, -EAGAIN */
void block_source_stop(struct block_source *s); /* what waits is answered, nothing begins any more. NULL is fine */
void block_source_free(struct block_source *s);

/* From memory: a reference, for the caller to drop; NULL: it is to be asked for. */
struct block *block_source_find(struct block_source *s, const struct block_name *name);
/* Without counting, and nothing follows from it: for another gateway. */
struct block *block_source_peek(struct block_source *s, const uint8_t sha256[SHA256_BYTES]);
/* From elsewhere. Never calls the waiter from inside. -ENOMEM, -ERR_UNAVAILABLE: it was stopped; the waiter is not
 * called then. */
int block_source_ask(struct block_source *s, const struct block_name *name, struct block_waiter *waiter);
/* Gives up waiting. false: the waiter was called, or is being called. */
bool block_source_leave(struct block_source *s, struct block_waiter *waiter);
/* It came from another gateway, and is verified here; done is called with 0, or -ERR_BAD_DIGEST. Takes the block, even
 * on failure. -ENOMEM */
int block_source_take(struct block_source *s, struct block *block, void (*done)(void *cookie, int error), void *cookie);
bool block_source_keeps(const struct block_source *s); /* false: there is no room for blocks in this gateway */
struct block_cache *block_source_cache(struct block_source *s);

#endif
