/* vaults: opens the vault that is meant: in a folder, or at a service of S3. */
#ifndef NEPHOS_DOCS_VAULTS_H
#define NEPHOS_DOCS_VAULTS_H

#include "backend/docs/vault/vault.h"

/* What is wrong with the options, and that a service cannot be used, is logged. -EINVAL: the options. Of a service,
 * which is asked: -EACCES, -ENODEV, -ENOTCONN, -ETIMEDOUT and -EIO as in vault.h. What a folder says. */
int vaults_open(const struct vault_options *options, struct vault **ret);

#endif
