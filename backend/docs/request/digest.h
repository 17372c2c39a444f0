/*
 * digest: parses Repr-Digest and Content-Digest (RFC 9530) of a request. Pure. Only sha-256 is checked; digests
 * by other algorithms are ignored. Both fields mean the same bytes here, since no content coding is used.
 */
#ifndef NEPHOS_DOCS_DIGEST_H
#define NEPHOS_DOCS_DIGEST_H

#include "common/base/buf.h"

#include <stdbool.h>
#include <stdint.h>

struct digest {
	bool present;
	uint8_t sha256[32];
};

/* Both fields may be NULL. -ERR_BAD_DIGEST: malformed, or the two differ. */
int digest_parse(const char *repr_digest, const char *content_digest, struct digest *ret);
/* "sha-256=:…:" */
#define DIGEST_TEXT_SIZE 64
void digest_format(const uint8_t sha256[32], char *ret);

#endif
