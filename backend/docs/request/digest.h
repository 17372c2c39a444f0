/*
 * digest: Repr-Digest and Content-Digest (RFC 9530) of what a request brings. Pure. Only sha-256 is looked at; other
 * algorithms are as if they were not sent. Content-Digest and Repr-Digest are the same bytes here: nothing is encoded.
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

/* Both may be NULL. -ERR_BAD_DIGEST: malformed, or the two name different bytes. */
int digest_parse(const char *repr_digest, const char *content_digest, struct digest *ret);
/* "sha-256=:…:" */
#define DIGEST_TEXT_SIZE 64
void digest_format(const uint8_t sha256[32], char *ret);

#endif
