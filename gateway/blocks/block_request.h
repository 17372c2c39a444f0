/*
 * block_request: what a client's GET of a block asks for, read from its target and its Range, as far as a gateway
 * answers it from memory. What is spelled otherwise than docs services and mounts spell it, is the docs service's to
 * judge. Pure.
 */
#ifndef NEPHOS_GATEWAY_BLOCKS_BLOCK_REQUEST_H
#define NEPHOS_GATEWAY_BLOCKS_BLOCK_REQUEST_H

#include "common/base/sha256.h"

#include <stdbool.h>

/* false: the target is none of a block. */
bool block_request_hash(const char *target, uint8_t ret[SHA256_BYTES]);

struct block_request_part {
	bool whole; /* no Range */
	uint32_t from, len;
};
/* range: as it came, NULL: none. false: not one part "bytes=A-B" of at most BLOCK_PART_BYTES_MAX. */
bool block_request_part(const char *range, struct block_request_part *ret);

#endif
