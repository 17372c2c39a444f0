/* vault_dir: a backup in a folder; a piece is a file of mode 0600 (vault.h). */
#ifndef NEPHOS_DOCS_VAULT_DIR_H
#define NEPHOS_DOCS_VAULT_DIR_H

#include "backend/docs/vault/vault.h"

#define VAULT_DIR_PENDING_MAX 1024			 /* files that come to their names together */
#define VAULT_DIR_PENDING_BYTES_MAX (256u * 1024 * 1024) /* that may wait for the disk at once */
#define VAULT_DIR_NEW ".new" /* ends the name of a file that is not whole yet; what a killed process left may go */

/* -ENOENT: there is no such folder; what open says. */
int vault_dir_new(const char *folder, struct vault **ret);

#endif
