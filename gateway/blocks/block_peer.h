/*
 * block_peer: what a gateway does for other gateways as an owner of blocks (PROTOCOL.md, "Between gateways"). It
 * gives a block that it has in memory to a gateway that has a capability for it, and takes a block that another
 * gateway brings. It never fetches a block that it does not have: the asking gateway does that. The listener has
 * made sure that the request comes from a gateway. Any thread.
 */
#ifndef NEPHOS_GATEWAY_BLOCKS_BLOCK_PEER_H
#define NEPHOS_GATEWAY_BLOCKS_BLOCK_PEER_H

#include "common/http/server/server.h"
#include "gateway/blocks/block_source.h"

struct block_peer {
	struct block_source *source;
	struct block_caps *caps;
};

/* The block that a request names and may read by its capability. Texts are as they came; NULL: not in the
 * request. -ERR_NOT_FOUND: no name of a block; -ERR_BAD_REQUEST: no drive; -ERR_FORBIDDEN. */
struct block_peer_question {
	struct span sha256;
	const char *drive, *cap;
};
int block_peer_read(struct block_caps *caps, const struct block_peer_question *question, struct block_name *ret);

/* Both answer the request, at once or later. */
void block_peer_get(const struct block_peer *peer, struct http_request *req);
void block_peer_put(const struct block_peer *peer, struct http_request *req);

#endif
