/* vault_dir: a backup in a folder; a piece is a file of mode 0600 (vault.h). */
#ifndef NEPHOS_DOCS_VAULT_DIR_H
#define NEPHOS_DOCS_VAULT_DIR_H

#include "backend/docs/vault/vault.h"

#define VAULT_DIR_PENDING_MAX 1024			 /* files that are renamed together */
#define VAULT_DIR_PENDING_BYTES_MAX (256u * 1024 * 1024) /* most bytes that wait for the disk at once */
/* end of the name of an incomplete file; such files of a killed process may be removed */
#define VAULT_DIR_NEW ".new"

/* -ENOENT: there is no such folder; other failures of open. */
int vault_dir_new(const char *folder, struct vault **ret);

#endif
