/*
 * sha256: SHA-256 and HMAC-SHA-256 by libcrypto; no other file of nephos includes libcrypto's headers for them.
 * Embedded (init/fini) for content that comes in pieces; the other functions are pure and may be called from any
 * thread.
 */
#ifndef NEPHOS_BASE_SHA256_H
#define NEPHOS_BASE_SHA256_H

#include "common/base/span.h"

#include <stdint.h>

#define SHA256_BYTES 32
#define SHA256_HEX_SIZE (2 * SHA256_BYTES + 1) /* with its NUL */

struct sha256 {
	struct evp_md_ctx_st *context;
};

int sha256_init(struct sha256 *s);				    /* -ENOMEM */
void sha256_fini(struct sha256 *s);				    /* accepts NULL, and one whose init failed */
int sha256_update(struct sha256 *s, const void *data, size_t size); /* -EIO: libcrypto failed */
/* The digest of everything so far; afterwards s starts again from nothing. -EIO. */
int sha256_final(struct sha256 *s, uint8_t ret[SHA256_BYTES]);

int sha256_of(struct span data, uint8_t ret[SHA256_BYTES]);  /* -EIO */
int sha256_hex(struct span data, char ret[SHA256_HEX_SIZE]); /* digest of data in lower case hex; -EIO */
int sha256_hmac(
	struct span key, struct span data, uint8_t ret[SHA256_BYTES]); /* -EIO, -EINVAL: key over INT_MAX bytes */

#endif
