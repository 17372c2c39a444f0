/* vault_s3: a backup at a service of S3; a piece is an object, and durable as soon as it was put (vault.h). */
#ifndef NEPHOS_DOCS_VAULT_S3_H
#define NEPHOS_DOCS_VAULT_S3_H

#include "backend/docs/vault/vault.h"

#define VAULT_S3_NAMES 1000 /* names in one page of a listing, the most that services give */
/* size of such a page: a name of 100 takes half a KiB together with its elements */
#define VAULT_S3_PAGE_BYTES (1024u * 1024)

/* As vaults_open. Asks the service once, whether the bucket may be listed. */
int vault_s3_new(const struct vault_options *options, struct vault **ret);

#endif
