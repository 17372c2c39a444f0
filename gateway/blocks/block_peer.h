/*
 * block_peer: what a gateway does for others as an owner of blocks (PROTOCOL.md, "Between gateways"): gives a block
 * that it has in memory to who comes with a capability for it, and takes one that it is brought. It asks nobody for
 * what it does not have: the one who asks does that. Its listener has made sure that a gateway asks. Any thread.
 */
#ifndef NEPHOS_GATEWAY_BLOCKS_BLOCK_PEER_H
#define NEPHOS_GATEWAY_BLOCKS_BLOCK_PEER_H

#include "common/http/server/server.h"
#include "gateway/blocks/block_source.h"

struct block_peer {
	struct block_source *source;
	struct block_caps *caps;
};

/* What a request names, and may read by its capability: texts as they came, NULL: there was none. -ERR_NOT_FOUND: no
 * name of a block; -ERR_BAD_REQUEST: no drive; -ERR_FORBIDDEN. */
struct block_peer_question {
	struct span sha256;
	const char *drive, *cap;
};
int block_peer_read(struct block_caps *caps, const struct block_peer_question *question, struct block_name *ret);

/* Both answer the request, now or later. */
void block_peer_get(const struct block_peer *peer, struct http_request *req);
void block_peer_put(const struct block_peer *peer, struct http_request *req);

#endif
