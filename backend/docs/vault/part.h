/*
 * part: a part of a backup that may be long, such as the dump of a database, in a vault: NAME.000000,
 * NAME.000001 …, each of VAULT_BYTES_MAX but the last. Nothing here checks that all pieces came back; the digest
 * of the whole has to show that.
 */
#ifndef NEPHOS_DOCS_PART_H
#define NEPHOS_DOCS_PART_H

#include "backend/docs/vault/vault.h"

#include <stdio.h>

#define PART_PIECES_MAX 1000000u /* six digits: 4 TiB, more than any dump that one would wait for */

/* Puts the content of `from`, to its end. Durable when it returns. -EIO: reading failed; -EFBIG: it is too long;
 * failures of vault.h. */
int part_put(struct vault *v, const char *name, FILE *from);
/* -ENOENT: there is no first piece. -EIO, -ENOSPC …: writing failed; failures of vault.h. */
int part_get(struct vault *v, const char *name, FILE *to);

#endif
