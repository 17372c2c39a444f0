/*
 * part: a part of a backup that may be long, as the dump of a database, in a vault: NAME.000000, NAME.000001 …, each of
 * VAULT_BYTES_MAX but for the last. That all of them came back, the digest of the whole has to say: nothing here does.
 */
#ifndef NEPHOS_DOCS_PART_H
#define NEPHOS_DOCS_PART_H

#include "backend/docs/vault/vault.h"

#include <stdio.h>

#define PART_PIECES_MAX 1000000u /* six digits: 4 TiB, more than a dump that anybody waits for */

/* What stands in from, to its end. Durable when it returns. -EIO: from; -EFBIG: it is too long; those of vault.h. */
int part_put(struct vault *v, const char *name, FILE *from);
/* -ENOENT: it has no first piece. -EIO, -ENOSPC …: of to; those of vault.h. */
int part_get(struct vault *v, const char *name, FILE *to);

#endif
