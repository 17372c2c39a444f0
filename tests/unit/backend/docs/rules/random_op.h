/*
 * random_op: ops of all kinds on a small drive, by a seed. Names are few, so that ops meet. Most ops can be
 * done, as they suit the drive in memory, and some cannot. Ids are numbers in the drive until
 * random_op_in_drive makes ids of them, so that the same op can be done to several drives.
 */
#ifndef NEPHOS_TESTS_DOCS_RANDOM_OP_H
#define NEPHOS_TESTS_DOCS_RANDOM_OP_H

#include "backend/docs/rows/docs_mem.h"

#define RANDOM_OP_NAMES 6
/* Each byte of a block's hash is the number of the block, from 1 on; a block has 100 bytes or more. */
#define RANDOM_OP_BLOCKS 4
#define RANDOM_OP_EXTENTS 2

struct random_op {
	uint64_t state; /* first the seed */
	struct docs_mem *mem;
	uint32_t drive; /* a drive of mem */
};

uint32_t random_op_chance(struct random_op *r, uint32_t below);
/* extents: room for what the op points to. */
struct op random_op_next(struct random_op *r, struct op_extent extents[RANDOM_OP_EXTENTS]);
struct op random_op_in_drive(const struct op *op, uint32_t drive);
struct span random_op_name(size_t n); /* n < RANDOM_OP_NAMES */

#endif
