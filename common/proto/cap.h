/*
 * cap: short-lived capabilities to read one block (PROTOCOL.md, "Blocks"). The docs service signs them; docs
 * services and gateways check them. Pure, any thread.
 */
#ifndef NEPHOS_PROTO_CAP_H
#define NEPHOS_PROTO_CAP_H

#include "common/base/span.h"

#include <stdint.h>

#define CAP_TEXT_SIZE 80
#define CAP_ROUND_S 600 /* expiries are multiples of this, so that the URL of a block stays the same for a while */

#define CAP_LABEL "nephos-cap-v1" /* the key is HMAC-SHA256(cluster key, this label) */

struct cap_key {
	uint8_t bytes[32];
};

void cap_sign(const struct cap_key *key, uint32_t drive, const uint8_t sha256[32], int64_t generation, int64_t now_s,
	char *ret);
/* Sets ret_generation on success. -ERR_FORBIDDEN: wrong, expired or malformed. */
int cap_check(const struct cap_key *key, uint32_t drive, const uint8_t sha256[32], struct span cap, int64_t now_s,
	int64_t *ret_generation);

#endif
