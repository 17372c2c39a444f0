/*
 * block_request: what a client's GET of a block asks for, read from its target and its Range, as far as a gateway
 * can answer it from memory. A request that is spelled in another way than docs services and mounts spell it is
 * left to the docs service. Pure.
 */
#ifndef NEPHOS_GATEWAY_BLOCKS_BLOCK_REQUEST_H
#define NEPHOS_GATEWAY_BLOCKS_BLOCK_REQUEST_H

#include "common/base/sha256.h"

#include <stdbool.h>

/* false: the target does not name a block. */
bool block_request_hash(const char *target, uint8_t ret[SHA256_BYTES]);

struct block_request_part {
	bool whole; /* no Range */
	uint32_t from, len;
};
/* range: the field as it came; NULL: none. false: it is not a single part "bytes=A-B" of at most
 * BLOCK_PART_BYTES_MAX. */
bool block_request_part(const char *range, struct block_request_part *ret);

#endif
