/*
 * block_pg: blocks as rows of the database (block_store.h), replicated and saved with it: for small stores. Blocking,
 * any thread: it has connections of its own, and who finds all of them taken waits. Nobody knows the room on the
 * server's disk: it is -ENOSPC when that is full.
 */
#ifndef NEPHOS_DOCS_BLOCK_PG_H
#define NEPHOS_DOCS_BLOCK_PG_H

#include "backend/docs/blocks/block_store.h"

#define BLOCK_PG_CONNECTIONS_MAX 257 /* one for each of the workers for blocks, and upkeep's */
#define BLOCK_PG_PIECES 4	     /* of BLOCK_PIECE_BYTES in one question: 1 MiB in memory at each end */
#define BLOCK_PG_NAMES 256	     /* of one page when all are gone through: 12 KiB */
#define BLOCK_PG_WAIT_MS \
	28000 /* for a connection: as long as for an answer of the server (PG_ANSWER_MS), then -ETIMEDOUT */

struct block_pg_options {
	const char *conninfo;
	const char *spool_folder; /* where files without a name lie; made when it is not there */
	unsigned connections;	  /* at most, each made when it is needed */
};

/* Asks the server nothing yet. Failures are those of the folder, -EINVAL, -ENOMEM. */
int block_pg_new(const struct block_pg_options *options, struct block_store **ret);

#endif
