/* vault_s3: a backup at a service of S3; a piece is an object, and durable as soon as it was put (vault.h). */
#ifndef NEPHOS_DOCS_VAULT_S3_H
#define NEPHOS_DOCS_VAULT_S3_H

#include "backend/docs/vault/vault.h"

#define VAULT_S3_NAMES 1000		   /* of one page of a listing, which is what services give at most */
#define VAULT_S3_PAGE_BYTES (1024u * 1024) /* such a page: a name of 100 takes half a KiB with what stands around it */

/* As vaults_open. The service is asked once, whether the bucket may be listed. */
int vault_s3_new(const struct vault_options *options, struct vault **ret);

#endif
