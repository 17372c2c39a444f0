/* digest: the sha-256 of Repr-Digest (RFC 9530): "sha-256=:BASE64:". Pure, any thread. */
#ifndef NEPHOS_CLI_DIGEST_H
#define NEPHOS_CLI_DIGEST_H

#include "common/base/buf.h"
#include "common/base/sha256.h"

int digest_format(const uint8_t sha256[SHA256_BYTES], struct buf *ret);
/* -ENOENT: the field has no sha-256; -EINVAL: it is malformed. Other digests in the field are skipped. */
int digest_find(const char *field, uint8_t ret[SHA256_BYTES]);

#endif
