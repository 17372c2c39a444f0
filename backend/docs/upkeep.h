/*
 * upkeep: what nobody asks for, on a thread with a connection of its own: collecting what nothing refers to any more,
 * in bounded pieces, and following the deletions of users. Every instance does it; pieces that two take at the same
 * time are done once.
 */
#ifndef NEPHOS_DOCS_UPKEEP_H
#define NEPHOS_DOCS_UPKEEP_H

#include "backend/docs/core/docs.h"

#define UPKEEP_PIECE 256 /* rows of one piece */
#define UPKEEP_BLOCK_GRACE_S \
	86400 /* of a block that nothing refers to: a mount that lost its gateways comes back within it */

#define UPKEEP_FOLDERS 64 /* of blocks looked through in one round: all 65,536 in nine hours */

struct upkeep;

struct upkeep_options {
	struct docs *docs;
	const char *conninfo;
	unsigned period_s, block_grace_s;
};

int upkeep_start(const struct upkeep_options *options, struct upkeep **ret);
void upkeep_free(struct upkeep *u); /* waits for the piece that is under way; NULL is fine */

#endif
