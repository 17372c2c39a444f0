/*
 * block_pg: blocks as rows of the database (block_store.h), replicated and backed up with it; for small stores.
 * Calls block; any thread may call. It has connections of its own; a call waits when all of them are in use. The
 * free room on the server's disk is not known: put returns -ENOSPC when the disk is full.
 */
#ifndef NEPHOS_DOCS_BLOCK_PG_H
#define NEPHOS_DOCS_BLOCK_PG_H

#include "backend/docs/blocks/block_store.h"

#define BLOCK_PG_CONNECTIONS_MAX 257 /* one for each worker for blocks, and one for upkeep */
#define BLOCK_PG_PIECES 4	     /* of BLOCK_PIECE_BYTES in one request: 1 MiB in memory at each end */
#define BLOCK_PG_NAMES 256	     /* names in one page of `each`: 12 KiB */
/* Longest wait for a free connection: as long as for an answer of the server (PG_ANSWER_MS); then -ETIMEDOUT. */
#define BLOCK_PG_WAIT_MS 28000

struct block_pg_options {
	const char *conninfo;
	const char *spool_folder; /* the folder for files without a name; made when it does not exist */
	unsigned connections;	  /* most connections; each is made when it is needed */
};

/* Does not contact the server yet. Failures are those of opening the folder, -EINVAL, -ENOMEM. */
int block_pg_new(const struct block_pg_options *options, struct block_store **ret);

#endif
