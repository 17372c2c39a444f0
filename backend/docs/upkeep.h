/*
 * upkeep: background work on a thread with a connection of its own: it collects what nothing refers to any more,
 * in bounded pieces, and follows the deletions of users. Every instance does it; a piece that two instances take
 * at the same time is done once.
 */
#ifndef NEPHOS_DOCS_UPKEEP_H
#define NEPHOS_DOCS_UPKEEP_H

#include "backend/docs/core/docs.h"

#define UPKEEP_PIECE 256 /* rows in one piece */
#define UPKEEP_BLOCK_GRACE_S \
	86400 /* of a block that nothing refers to: a mount that lost its gateways comes back within this time */

#define UPKEEP_FOLDERS 64 /* folders of blocks that one round walks through: all 65,536 in nine hours */

struct upkeep;

struct upkeep_options {
	struct docs *docs;
	const char *conninfo;
	unsigned period_s, block_grace_s;
};

int upkeep_start(const struct upkeep_options *options, struct upkeep **ret);
void upkeep_free(struct upkeep *u); /* waits for the current piece; NULL is fine */

#endif
