/* vaults: opens a vault by its target: in a folder, or at a service of S3. */
#ifndef NEPHOS_DOCS_VAULTS_H
#define NEPHOS_DOCS_VAULTS_H

#include "backend/docs/vault/vault.h"

/* Errors in the options, and a service that cannot be used, are logged. -EINVAL: the options. A service is
 * contacted: -EACCES, -ENODEV, -ENOTCONN, -ETIMEDOUT and -EIO as in vault.h. Failures of opening a folder. */
int vaults_open(const struct vault_options *options, struct vault **ret);

#endif
