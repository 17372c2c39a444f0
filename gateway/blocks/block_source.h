/*
 * block_source: gets a block for a gateway: from its own memory (block_cache); else from the gateways that own
 * the block, which are the first BLOCK_OWNERS by its hash (common/ring/placement), whatever drive it is in; else
 * from a docs service, by the capability. A block that came is verified once, on a thread of its own, before any
 * waiter gets it; if its bytes are wrong, the next source is asked. A verified block is kept, and offered to its
 * owners (block_repair).
 *
 * The same block is fetched once, however many waiters it has. At most BLOCK_FETCHES_MAX fetches are in flight at
 * once (each holds a block); the others wait in the order in which they came. A waiter has taken its share of
 * bodies before it waits.
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

/* Fetches in flight at once: 64 MiB of blocks, and as much as a network of 10 Gbit/s carries in 50 ms. */
#define BLOCK_FETCHES_MAX 16u
#define BLOCK_PEER_MS 500      /* for one question to an owner: the docs service has the block, too */
#define BLOCK_SERVICE_MS 20000 /* without a byte from a docs service: as for any answer (PROXY_STALL_MS) */

struct block_source;
struct block_repair;

struct block_source_options {
	struct http_client *client; /* freed between block_source_stop and block_source_free */
	struct registry *registry;
	struct ring *ring; /* NULL: there is no ring, and docs services are asked */
	struct block_cache *cache;
	struct block_caps *caps;
	struct metrics *metrics;
};

/* A caller that waits; embedded. */
struct block_waiter {
	/* Called once for each block_source_ask. error: no source has the block (-ERR_NOT_FOUND), no source could
	 * be asked (-ERR_UNAVAILABLE), or the block_source was stopped (-ECANCELED); block is borrowed. */
	void (*done)(struct block_waiter *waiter, int error, struct block *block);
	/* The source's own. */
	struct block_fetch *fetch;
	bool late; /* the fetch was in flight already when the waiter joined it */
	struct block_waiter *prev, *next;
};

int block_source_new(const struct block_source_options *options, struct block_source **ret); /* -ENOMEM, -EAGAIN */
void block_source_stop(struct block_source *s); /* calls all waiters, begins nothing new. NULL is fine */
void block_source_free(struct block_source *s);

/* Looks in memory. Returns a reference, which the caller drops; NULL: the block has to be asked for. */
struct block *block_source_find(struct block_source *s, const struct block_name *name);
/* The same for another gateway: it is not counted, and the block is not offered to its owners. */
struct block *block_source_peek(struct block_source *s, const uint8_t sha256[SHA256_BYTES]);
/* Gets the block from elsewhere. Never calls the waiter before it returns. -ENOMEM, -ERR_UNAVAILABLE: the
 * block_source was stopped; on an error the waiter is not called. */
int block_source_ask(struct block_source *s, const struct block_name *name, struct block_waiter *waiter);
/* Ends the wait. false: the waiter was called, or is being called. */
bool block_source_leave(struct block_source *s, struct block_waiter *waiter);
/* Verifies a block that another gateway has sent, and keeps it; then calls done with 0, or -ERR_BAD_DIGEST. Takes
 * over the block, even on failure. -ENOMEM */
int block_source_take(struct block_source *s, struct block *block, void (*done)(void *cookie, int error), void *cookie);
bool block_source_keeps(const struct block_source *s); /* false: this gateway has no room for blocks */
struct block_cache *block_source_cache(struct block_source *s);

#endif
